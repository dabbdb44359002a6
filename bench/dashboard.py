"""Every page of the dashboard with 5,000 heartbeats and a million logs, beside the same page with 100 and 10,000.

Bytes are uncompressed.
"""

import re

from bench.goals import Result
from bench.logs_in_bulk import MANY_LOGS
from bench.sides import Side, compared, on_both_sides, tell

PAGES = (
    "/",
    "/?per_page=100",
    "/?per_page=50&page={last}",
    "/?show=on",
    "/?show=paused",
    "/?show=off",
    "/?show=pending",
    "/?show=failed",
    "/?show=running",
    "/?sort=next",
    "/?sort=last",
    "/?sort=name",
    "/?bot={bot}",
    "/?q=queue%207&sort=name",
    "/?show=on&sort=credits",
    "/?sort=credits&page={last}",
    "/stats",
    "/stats?days=90",
    "/heartbeats/{heartbeat}",
    "/heartbeats/{heartbeat}?page=4",
    "/heartbeats/{heartbeat}?page={last_of_heartbeat}",
    "/heartbeats/{heartbeat}/edit",
    "/heartbeats/new",
    "/runs",
    "/runs?status=success",
    "/runs?status=error",
    "/runs?status=error&before={position}",
    "/runs?status=skipped",
    "/runs?status=running",
    "/runs?skip_reason=overlap",
    "/runs?trigger=schedule",
    "/runs?trigger=manual",
    "/runs?trigger=rehearsal",
    "/runs?bot_id={bot}",
    "/runs?heartbeat_id={heartbeat}",
    "/runs?heartbeat_id={heartbeat}&status=error&before={first_position}",
    "/runs?since={month}&until={day}",
    "/runs?since={last_month}&until={month}&status=error",
    "/runs?before={position}",
    "/runs?before={first_position}",
    "/runs?q=needle",
    "/runs?q=queue",
    "/runs?q=queue&status=error&bot_id={bot}",
    "/runs/log_0",
    "/upcoming",
    "/upcoming?view=week",
    "/upcoming?bot={bot}",
    "/tasks",
    "/bots",
    "/bots/{bot}",
    "/credits",
    "/credits?period={last_month}",
    "/credits/ledger",
    "/credits/ledger?before={position}",
    "/credits/ledger?bot={bot}",
    "/credits/ledger?bot={bot}&model=openai:instant&day={day}",
    "/credits/ledger?period={last_month}",
    "/credits/ledger?heartbeat={heartbeat}",
    "/notifications",
    "/notifications?before={middle_message}",
    "/notifications?before={first_message}",
    "/notifications?heartbeat={heartbeat}",
    "/approvals",
    "/findings",
    "/findings?page={middle_of_findings}",
    "/findings?page={last_of_findings}",
    "/tools",
    "/subscribers",
    "/subscribers?page=2",
    "/subscribers?q=ann",
    "/memories",
    "/memories?page=2",
    "/memories?q=queue",
    "/audit",
    "/audit?before=1100",
    "/audit?action=heartbeat",
    "/audit?actor=bench",
    "/audit?object_id={heartbeat}",
    "/audit?since={month}&until={day}",
    "/keys",
    "/members",
    "/settings",
)


async def measure() -> Result:
    """Ask for each page on both sides in turn."""
    return await on_both_sides(add)


async def add(result: Result, name: str, sides: list[Side]) -> None:
    """Compare the pages of two sides."""
    found = await compared(PAGES, sides)
    few, many = (one[0] for one in found["/?per_page=100"])
    result.at_most(f"{name}: a page of 100 heartbeats of 100, ms", few, 50)
    result.at_most(f"{name}: the same page of 5,000 / of 100", many / few, 1.5)
    tell(result, name, "page", found)
    slowest = max(both[1][0] for both in found.values())
    result.at_most(f"{name}: the slowest page at 5,000 and {MANY_LOGS:,}, ms", slowest, 150)
    result.at_most(f"{name}: a page of 100 heartbeats with style and script, KB", await _weight(sides[0]) / 1000, 150)


async def _weight(side: Side) -> int:
    page = await side.page("/?per_page=100")
    parts = set(re.findall(r'(?:href|src)="(/[\w.]+\?v=\w+)"', page))
    return len(page.encode()) + sum([len((await side.browser.get(part)).content) for part in parts])
