"""large sums"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SUMS = {"run": ("tokens_used", "duration_ms"), "daily_rollup": ("tokens", "duration_ms")}


def upgrade() -> None:
    """A busy bot's day can come to more tokens and milliseconds than 32 bits hold. SQLite's integers have 64 anyway."""
    if op.get_bind().dialect.name == "postgresql":
        for table, names in SUMS.items():
            # Each table is written anew once.
            op.execute(f"ALTER TABLE {table} {', '.join(f'ALTER COLUMN {name} TYPE BIGINT' for name in names)}")


def downgrade() -> None:
    raise NotImplementedError("the older schema cannot hold sums of more than 32 bits")
