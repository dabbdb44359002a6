"""The row of a run as it is inserted: by whoever opens it, or for a tick that never became one."""

from datetime import datetime
from typing import Any

from heartbeat.domain.ids import new_id
from heartbeat.store.tables.heartbeats import DRAFT, Heartbeat


def run_row(heartbeat: Heartbeat, now: datetime, **own: Any) -> dict[str, Any]:
    """Return all columns of a new run but its id: those in `own`, and for the others what a skipped one has."""
    return {
        "uuid": new_id("log"),
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "member_id": heartbeat.member_id,
        "heartbeat_id": heartbeat.id,
        "workflow_id": None,
        "workflow_run_id": None,
        "type": "heartbeat" if heartbeat.type == DRAFT else heartbeat.type,
        "trigger": "schedule",
        "triggered_by": None,
        "status": "skipped",
        "skip_reason": None,
        "error_message": None,
        "prompt": heartbeat.prompt,
        "instruction": "",
        "opening": None,
        "chat_mode": heartbeat.chat_mode,
        "model": "",
        "fallback_models": None,
        "max_reply_tokens": 0,
        "max_steps": heartbeat.max_steps,
        "run_timeout_seconds": heartbeat.run_timeout_seconds,
        "tokens_used": 0,
        "credits_charged": 0,
        "credits_held": 0,
        "credits_granted": 0,
        "parked": False,
        "cost_nano_usd": 0,
        "dry_run": False,
        "replay_of": None,
        "paused_tools": None,
        "gate": None,
        "expect": heartbeat.expect,
        "scheduled_for": None,
        "started_at": now,
        "finished_at": now,
        "duration_ms": 0,
        "created_at": now,
        **own,
    }
