"""tool changes: how many tools of a server changed, and which of them a run had to do without"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("changed_count", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("paused_tools", sa.JSON(), nullable=True))
    connection = op.get_bind()
    tool = sa.table("tool", sa.column("id"), sa.column("tools", sa.JSON()), sa.column("changed_count"))
    for row in connection.execute(sa.select(tool.c.id, tool.c.tools)).all():
        changed = sum(bool(entry.get("changed")) for entry in row.tools)
        if changed:
            connection.execute(sa.update(tool).where(tool.c.id == row.id).values(changed_count=changed))


def downgrade() -> None:
    with op.batch_alter_table("run") as run:
        run.drop_column("paused_tools")
    with op.batch_alter_table("tool") as tool:
        tool.drop_column("changed_count")
