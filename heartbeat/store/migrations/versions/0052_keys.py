"""keys of some bots, with an end, and where they were used last; and no more of them in clear than tells them apart"""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

KEY = sa.table("api_key", *map(sa.column, ("id", "prefix", "hash")))


def upgrade() -> None:
    op.add_column("api_key", sa.Column("bot_ids", sa.JSON(), nullable=True))
    op.add_column("api_key", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_key", sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_key", sa.Column("last_used_from", sa.String(), nullable=True))
    connection = op.get_bind()
    for key_id, prefix, kept in connection.execute(sa.select(KEY)).all():
        # What was made up is long; of what somebody chose, the first eight characters may be all of it.
        if not prefix.startswith("hbk_") or sha256(prefix.encode()).hexdigest() == kept:
            connection.execute(sa.update(KEY).where(KEY.c.id == key_id).values(prefix=""))


def downgrade() -> None:
    for column in ("last_used_from", "replaced_at", "expires_at", "bot_ids"):
        op.drop_column("api_key", column)
