"""A week of a heartbeat that nobody looks after, and all that its person hears of it."""

from collections import Counter

from heartbeat.store.credits.audit import audit
from heartbeat.store.tables.notifications import Notification
from heartbeat.store.tables.runs import Run
from tests.support.mind import Mind
from tests.support.tool_server import ToolServer
from tests.support.week import MONTH, NUMBER, Week, at

DISK = {
    "title": "The disk of db-1 is almost full",
    "severity": "warning",
    "fingerprint": "disk-full:db-1",
    "detail": "91 % are used; at this pace it is full on Sunday.",
}
FIGURES = "Send the figures of the week."
ON_FRIDAY = {
    "name": "Figures of the week",
    "prompt": FIGURES,
    "schedule_type": "once",
    "schedule_config": {"at": f"2026-{NUMBER:02}-06T09:00"},
}
NOTICE = {"title": "The week in figures", "message": "312 orders, 9 more than last week."}

# When, what, the title, and the first line beneath it.
HEARD = f"""
Tue 10:32 heartbeat.missed
    Night watch did not run when it was due
    One run was missed: nothing was there for it on Tuesday, 3 {MONTH} 2026, 04:00 (Europe/Rome). That is over.
Tue 12:00 run.finding
    Night watch: The disk of db-1 is almost full
    [warning] 91 % are used; at this pace it is full on Sunday.
Wed 12:00 run.finding
    Night watch: The disk of db-1 is almost full (still there)
    [warning] 91 % are used; at this pace it is full on Sunday.
Wed 16:00 approval.requested
    Night watch waits for your approval
    It asks to call desk__book, and waits for a person's yes or no until Thursday, 5 {MONTH} 2026, 16:00 \
(Europe/Rome). After that the answer is no.
Thu 12:00 run.finding
    Night watch: The disk of db-1 is almost full (still there)
    [warning] 91 % are used; at this pace it is full on Sunday.
Fri 00:00 run.failed
    Night watch failed
    openai:scripted: the provider is overloaded. It said: The engine is overloaded.
Fri 04:00 heartbeat.paused
    Night watch is paused because it kept failing
    Failed 2 times in a row; the last error: openai:scripted: the provider is overloaded. It said: The engine is \
overloaded.
Fri 06:35 heartbeat.resumed
    Night watch runs again
    It was paused, was tried again and succeeded at attempt 3. It runs by its schedule again.
Fri 09:00 user.notified
    The week in figures
    312 orders, 9 more than last week.
Sun 10:02 heartbeat.missed
    Night watch did not run when it was due
    6 runs were missed: nothing was there for them from Saturday, 7 {MONTH} 2026, 08:00 to Sunday, 8 {MONTH} 2026, \
04:00 (Europe/Rome). That is over.
"""


async def test_what_a_person_hears_of_a_week(week: Week, mind: Mind, desk: ToolServer) -> None:
    # Monday is quiet. In the night to Tuesday the workers are down; Temporal's clock goes on.
    await week.comes_to(at("Tue", "02:00"))
    await week.end()
    await week.comes_to(at("Tue", "10:30"))
    await week.begin()

    # For three days a disk is almost full. On Tuesday evening the agent plans something for Friday.
    await week.comes_to(at("Tue", "11:00"))
    mind.findings = [DISK]
    await week.comes_to(at("Tue", "19:00"))
    mind.errands = [("schedule_task", ON_FRIDAY)]
    mind.chores = {FIGURES: [("notify_user", NOTICE)]}
    await week.comes_to(at("Tue", "21:00"))
    mind.errands = []

    # On Wednesday afternoon it asks for a yes, and has it on Thursday morning.
    await week.comes_to(at("Wed", "15:00"))
    mind.errands = [("desk__book", {"what": "the plumber"})]
    await week.comes_to(at("Thu", "09:00"))
    assert desk.times("book") == 0
    await week.answers(week.inbox[-1].payload["data"]["link"], "approve")
    assert desk.times("book") == 1
    mind.errands = []

    # In the night to Friday the provider is down.
    await week.comes_to(at("Thu", "23:00"))
    mind.provider_is_down = True
    await week.comes_to(at("Fri", "06:00"))
    mind.provider_is_down = False

    # On Friday somebody makes room on the disk. Over the weekend everything is down.
    await week.comes_to(at("Fri", "11:00"))
    mind.findings = []
    await week.comes_to(at("Sat", "06:00"))
    await week.end()
    await week.comes_to(at("Sun", "10:00"), clocks=False)
    await week.begin()
    await week.comes_to(at("Sun", "23:59"))

    assert "\n".join(map(str, week.inbox)) == HEARD.strip()
    assert len({letter.uuid for letter in week.inbox}) == len(week.inbox)
    assert {(row.status, row.attempts) for row in await week.rows(Notification)} == {("delivered", 1)}
    assert await came_to(week) == {
        ("schedule", "success"): 29,
        ("schedule", "error"): 2,
        ("schedule", "missed"): 7,
        ("schedule", "overlap"): 4,
        ("probe", "error"): 2,
        ("probe", "success"): 1,
    }
    assert await week.world.database.read(audit) == []


async def came_to(week: Week) -> Counter[tuple[str, str]]:
    """What became of the 42 ticks of the week and of the task: each has one log."""
    return Counter((run.trigger, run.skip_reason or run.status) for run in await week.rows(Run))
