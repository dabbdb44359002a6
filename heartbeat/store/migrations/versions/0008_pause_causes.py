"""pause causes"""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FLAG = "The bot's heartbeat flag was turned off; turning it on again lifts this pause."
IN_TEMPORAL = "Paused in Temporal: "
WHAT_NEXT = re.compile(
    r" ?(It is tried again at \d{4}-\d\d-\d\d \d\d:\d\d \(UTC\)(; enable it to have it run sooner)?\."
    r"|Mend it, then enable again\.|Mend it, then make the task anew\.)\Z"
)
FAILURES = re.compile(r"Failed (?:once|(\d+) times in a row); the last error: (.*)\.", re.DOTALL)
PROBES = re.compile(r"Tried again (?:once|(\d+) times) in vain; the last error: (.*)\.", re.DOTALL)


def cause(reason: str, message: str | None) -> dict[str, Any]:
    """The cause, the detail and how often, of a pause that was kept as a sentence."""
    message = message or ""
    text = WHAT_NEXT.sub("", message)
    if reason == "budget":
        return {"code": "budget", "detail": message, "times": 0}
    if message == FLAG:
        return {"code": "bot_flag", "detail": None, "times": 0}
    if message.startswith(IN_TEMPORAL):
        return {"code": "temporal", "detail": message.removeprefix(IN_TEMPORAL), "times": 0}
    for code, pattern in (("failures", FAILURES), ("failed_probes", PROBES)):
        if match := pattern.fullmatch(text):
            return {"code": code, "detail": match[2], "times": int(match[1] or 1)}
    return {"code": None, "detail": text or None, "times": 0}


def upgrade() -> None:
    op.execute("ALTER TABLE heartbeat RENAME COLUMN pause_message TO pause_detail")
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("pause_cause", sa.String(), nullable=True))
    connection = op.get_bind()
    names = [sa.column(name) for name in ("id", "pause_reason", "pause_cause", "pause_detail")]
    heartbeat = sa.table("heartbeat", *names)
    for row in connection.execute(sa.select(heartbeat).where(heartbeat.c.pause_reason.is_not(None))).all():
        found = cause(row.pause_reason, row.pause_detail)
        # What was put otherwise stays the whole sentence.
        values = {"pause_cause": found["code"], "pause_detail": found["detail"] if found["code"] else row.pause_detail}
        connection.execute(sa.update(heartbeat).where(heartbeat.c.id == row.id).values(values))
    event = sa.table("event", sa.column("id"), sa.column("kind"), sa.column("data", sa.JSON()))
    for row in connection.execute(sa.select(event).where(event.c.kind == "heartbeat.paused")).all():
        data = {**row.data, "cause": cause(row.data["reason"], row.data["message"])}
        connection.execute(sa.update(event).where(event.c.id == row.id).values(data=data))


def downgrade() -> None:
    raise NotImplementedError("the cause of a pause cannot be told to the older schema")
