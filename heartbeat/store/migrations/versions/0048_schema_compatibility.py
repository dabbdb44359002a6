"""the oldest version that may work with this database"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "schema_compatibility",
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("compatible_from", sa.String(), nullable=False),
        # When somebody last tried whether the database takes writes.
        sa.Column("written_at", sa.String(), nullable=True),
    )
    op.bulk_insert(table, [{"revision": revision, "compatible_from": revision}])


def downgrade() -> None:
    op.drop_table("schema_compatibility")
