"""index of what was done to one object, newest first"""

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_audit_entry_object", "audit_entry", ["project_id", "object_id", "number"])


def downgrade() -> None:
    drop_index("ix_audit_entry_object", "audit_entry")
