"""one label for each tool server of a bot, and limits of its own"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MAX_LENGTH = 255
TOOL = sa.table("tool", *map(sa.column, ("id", "bot_id", "server_label")))


def upgrade() -> None:
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("timeout_seconds", sa.Integer()))
        tool.add_column(sa.Column("result_bytes", sa.Integer()))
    _tell_apart(op.get_bind())
    op.create_index("uq_tool_label", "tool", ["bot_id", "server_label"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_tool_label", "tool")
    with op.batch_alter_table("tool") as tool:
        tool.drop_column("result_bytes")
        tool.drop_column("timeout_seconds")


def _tell_apart(connection: sa.Connection) -> None:
    """Give each server whose label an older one of its bot has the next free one: crm, crm_2, crm_3."""
    rows = connection.execute(sa.select(TOOL).order_by(TOOL.c.id)).all()
    taken: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        taken[row.bot_id].add(row.server_label)
    seen = set()
    for row in rows:
        key = row.bot_id, row.server_label
        if key in seen:
            label = _free(row.server_label, taken[row.bot_id])
            taken[row.bot_id].add(label)
            connection.execute(TOOL.update().where(TOOL.c.id == row.id).values(server_label=label))
        seen.add(key)


def _free(label: str, taken: set[str]) -> str:
    number = 2
    while (candidate := f"{label[: MAX_LENGTH - len(str(number)) - 1]}_{number}") in taken:
        number += 1
    return candidate
