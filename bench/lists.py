"""Every list of the API, by each of its filters and far back, at 5,000 heartbeats and very many logs, beside 100."""

from bench.goals import Result
from bench.sides import Side, compared, on_both_sides, tell

LOGS = "/v1/bot/heartbeat/logs?{of_bot}"
RUNS = "/v1/project/runs?{of_project}"
BOT = "/v1/bot"
LISTS = (
    f"{LOGS}",
    f"{LOGS}&page={{middle_log}}",
    f"{LOGS}&page={{last_log}}",
    f"{LOGS}&status=success&page={{middle_log}}",
    f"{LOGS}&status=error",
    f"{LOGS}&status=error&page={{last_error}}",
    f"{LOGS}&status=running",
    f"{LOGS}&dry_run=true",
    f"{LOGS}&heartbeat_id={{heartbeat}}",
    f"{LOGS}&heartbeat_id={{heartbeat}}&page={{last_of_heartbeat}}",
    f"{LOGS}&heartbeat_id={{heartbeat}}&status=success&page=4",
    RUNS,
    f"{RUNS}&status=error",
    f"{RUNS}&status=error&before={{position}}",
    f"{RUNS}&status=skipped",
    f"{RUNS}&skip_reason=overlap",
    f"{RUNS}&trigger=schedule",
    f"{RUNS}&trigger=manual",
    f"{RUNS}&trigger=rehearsal",
    f"{RUNS}&bot_id={{bot}}",
    f"{RUNS}&heartbeat_id={{heartbeat}}",
    f"{RUNS}&heartbeat_id={{heartbeat}}&status=error",
    f"{RUNS}&since={{month}}&until={{day}}",
    f"{RUNS}&before={{position}}",
    f"{RUNS}&before={{first_position}}",
    f"{RUNS}&q=needle",
    f"{RUNS}&q=queue&status=error",
    f"{BOT}/readall?{{of_project}}",
    f"{BOT}/read?{{of_bot}}",
    f"{BOT}/heartbeat/readall?{{of_bot}}",
    f"{BOT}/heartbeat/readall?{{of_bot}}&page=5",
    f"{BOT}/heartbeat/read?{{of_bot}}&heartbeat_id={{heartbeat}}",
    f"{BOT}/heartbeat/stats?{{of_bot}}",
    f"{BOT}/heartbeat/stats?{{of_bot}}&days=90",
    f"{BOT}/run/read?{{of_bot}}&run_id=log_0",
    f"{BOT}/task/readall?{{of_bot}}",
    f"{BOT}/approval/readall?{{of_bot}}",
    f"{BOT}/approval/readall?{{of_bot}}&state=denied&page=5",
    f"{BOT}/finding/readall?{{of_bot}}",
    f"{BOT}/finding/readall?{{of_bot}}&state=resolved&page=10",
    f"{BOT}/finding/readall?{{of_bot}}&heartbeat_id={{heartbeat}}",
    f"{BOT}/notification/target/readall?{{of_bot}}",
    f"{BOT}/notification/readall?{{of_bot}}",
    f"{BOT}/notification/readall?{{of_bot}}&page=5",
    f"{BOT}/notification/readall?{{of_bot}}&status=failed",
    f"{BOT}/notification/readall?{{of_bot}}&kind=run.failed",
    f"{BOT}/notification/readall?{{of_bot}}&target_id=tgt_1",
    f"{BOT}/notification/readall?{{of_project}}",
    f"{BOT}/notification/readall?{{of_project}}&page={{last_of_messages}}",
    f"{BOT}/notification/readall?{{of_project}}&status=failed",
    f"{BOT}/notification/readall?{{of_project}}&status=delivered&page={{last_delivered}}",
    f"{BOT}/notification/readall?{{of_project}}&kind=run.failed",
    f"{BOT}/notification/readall?{{of_project}}&kind=run.failed&page={{last_of_messages}}",
    f"{BOT}/notification/readall?{{of_project}}&target_id=tgt_1&page={{last_of_messages}}",
    f"{BOT}/notification/readall?{{of_project}}&kind=run.failed&status=failed",
    f"{BOT}/subscriber/readall?{{of_bot}}",
    f"{BOT}/tool?{{of_bot}}",
    "/v1/project/credits?{of_project}",
    "/v1/project/credits?{of_project}&period_start={last_month}",
    "/v1/project/hold?{of_project}",
    "/v1/keys/readall?{of_project}",
    "/v1/audit/readall?{of_project}",
    "/v1/audit/readall?{of_project}&before=1100",
    "/v1/audit/readall?{of_project}&action=heartbeat",
    "/v1/audit/readall?{of_project}&object_id={heartbeat}",
    "/metrics",
)


async def measure() -> Result:
    """Ask for each list on both sides in turn."""
    return await on_both_sides(add)


async def add(result: Result, name: str, sides: list[Side]) -> None:
    """Compare the lists of two sides."""
    tell(result, name, "list", await compared(LISTS, sides))
