"""gates: what is looked at before a tick, what was read there, and the value that was accepted"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("gate", sa.JSON()))
        heartbeat.add_column(sa.Column("sealed_gate_headers", sa.String()))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("gate", sa.JSON()))
    op.create_table(
        "gate_state",
        sa.Column("heartbeat_id", sa.Integer(), sa.ForeignKey("heartbeat.id"), primary_key=True),
        sa.Column("source", sa.String()),
        sa.Column("reading_id", BIG),
        sa.Column("digest", sa.String()),
        sa.Column("text", sa.String()),
        sa.Column("etag", sa.String()),
        sa.Column("last_modified", sa.String()),
        sa.Column("accepted_at", TIME),
        sa.Column("failing_since", TIME),
    )
    op.create_table(
        "gate_reading",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("heartbeat_id", sa.Integer(), sa.ForeignKey("heartbeat.id"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("detail", sa.String()),
        sa.Column("digest", sa.String()),
        sa.Column("text", sa.String()),
        sa.Column("etag", sa.String()),
        sa.Column("last_modified", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_gate_reading", "gate_reading", ["heartbeat_id", "id"])


def downgrade() -> None:
    op.drop_table("gate_reading")
    op.drop_table("gate_state")
    with op.batch_alter_table("run") as run:
        run.drop_column("gate")
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.drop_column("sealed_gate_headers")
        heartbeat.drop_column("gate")
