"""What the audit log says of a change of a heartbeat or a task; of drafts it says nothing."""

from sqlalchemy import Connection

from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.tables.heartbeats import DRAFT, Heartbeat

FIELDS = (
    *HeartbeatFields.model_fields,
    *("sealed_gate_headers", "run_at", "max_executions", "member_id"),
    *("enabled", "pause_reason", "pause_detail", "snooze_until", "ended_as"),
)


def record_heartbeat(connection: Connection, verb: str, after: Heartbeat, before: Heartbeat | None = None) -> None:
    """Record what became of a heartbeat; without `before` it is new."""
    if after.type == DRAFT:
        return
    noun = "heartbeat" if after.type == "heartbeat" else "task"
    fields = {name: getattr(after, name) for name in FIELDS}
    changes = field_changes(vars(before) if before else {}, fields)
    record(connection, after.project_id, f"{noun}.{verb}", after.uuid, after.label, changes)
