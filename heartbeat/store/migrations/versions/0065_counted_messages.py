"""the kind of each message in its own row, and how many messages of a project were removed"""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Whoever removes messages has them counted, a worker of the version before as well.
ON_SQLITE = """
    CREATE TRIGGER message_removed AFTER DELETE ON notification BEGIN
        INSERT INTO removed_messages (project_id, count) VALUES (old.project_id, 1)
        ON CONFLICT (project_id) DO UPDATE SET count = count + 1;
    END
"""
FUNCTION = """
    CREATE OR REPLACE FUNCTION count_removed_messages() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO removed_messages AS counted (project_id, count)
        SELECT project_id, count(*) FROM removed GROUP BY project_id ORDER BY project_id
        ON CONFLICT (project_id) DO UPDATE SET count = counted.count + excluded.count;
        RETURN NULL;
    END $$
"""
ON_POSTGRESQL = """
    CREATE TRIGGER message_removed AFTER DELETE ON notification REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_messages()
"""


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "removed_messages",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("count", BIG, nullable=False),
    )
    for statement in (ON_SQLITE,) if is_sqlite else (FUNCTION, ON_POSTGRESQL):
        op.execute(statement)
    op.add_column("notification", sa.Column("kind", sa.String(), nullable=True))


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER message_removed" + ("" if is_sqlite else " ON notification"))
    if not is_sqlite:
        op.execute("DROP FUNCTION count_removed_messages()")
    op.drop_table("removed_messages")
    op.drop_column("notification", "kind")
