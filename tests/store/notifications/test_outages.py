"""A model that is down: each target is told once an outage, and once when it is over, whichever heartbeats ask it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Connection

from heartbeat.store.notifications.outages import Fallback, note_model
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, a_bot, a_heartbeat
from tests.support.store_world import StoreWorld

MODEL, OTHER = "openai:m", "anthropic:claude-x"
FELL_BACK = Fallback(OTHER, "overloaded")
ANSWERED = Fallback(MODEL)
A_WHILE = timedelta(minutes=20)


def runs_of(world: StoreWorld, heartbeat: Heartbeat, dry_run: bool = False) -> Run:
    def work(connection: Connection) -> Run:
        return run_by_uuid(connection, a_run(connection, heartbeat, model=MODEL, dry_run=dry_run))

    return world.database.write_now(work)


def note(world: StoreWorld, run: Run, *fallbacks: Fallback, after: timedelta = A_WHILE) -> None:
    """Let the run end several requests, each so long after the one before."""
    for fallback in fallbacks:
        world.now += after
        world.database.write_now(lambda c, fallback=fallback: note_model(c, run, fallback, world.now))


def told(world: StoreWorld) -> list[tuple[str, int]]:
    """The kinds of the messages with the targets that they are for."""
    kinds = {event.id: event.kind for event in world.rows(Event)}
    return [(kinds[row.event_id], row.target_id) for row in world.notifications()]


def ids(targets: Iterable[Target]) -> list[int]:
    return [target.id for target in targets]


def test_an_outage_is_told_once_and_its_end_once(world: StoreWorld) -> None:
    [target] = ids([world.target()])
    run = runs_of(world, world.heartbeat)
    note(world, run, ANSWERED, FELL_BACK, FELL_BACK, FELL_BACK, ANSWERED, ANSWERED)
    once = [("model.fell_back", target), ("model.recovered", target)]
    assert told(world) == once
    note(world, run, FELL_BACK, ANSWERED)
    assert told(world) == once * 2
    [first, last, *_] = world.rows(Event)
    assert first.data == {"run": run.uuid, "model": MODEL, "answered_by": OTHER, "reason": "overloaded"}
    assert (last.data["model"], last.data["since"]) == (MODEL, first.created_at.isoformat())


def test_an_outage_is_one_for_all_who_ask_the_model(world: StoreWorld) -> None:
    def seed(connection: Connection) -> Heartbeat:
        return a_heartbeat(connection, a_bot(connection, world.project))

    other = world.database.write_now(seed)
    of_all, of_one, of_other = ids(
        [world.target(), world.target(bot_id=world.heartbeat.bot_id), world.target(heartbeat_id=other.id)]
    )
    run, other_run = runs_of(world, world.heartbeat), runs_of(world, other)
    note(world, run, FELL_BACK)
    note(world, other_run, FELL_BACK, FELL_BACK)
    # Who was told hears of it no second time, and who was not, once.
    assert told(world) == [("model.fell_back", one) for one in (of_all, of_one, of_other)]
    note(world, other_run, ANSWERED)
    assert told(world)[3:] == [("model.recovered", one) for one in (of_all, of_one, of_other)]


def test_one_that_comes_and_goes_is_down_all_the_while(world: StoreWorld) -> None:
    world.target()
    run = runs_of(world, world.heartbeat)
    note(world, run, *[FELL_BACK, ANSWERED] * 5, after=timedelta(minutes=1))
    assert world.kinds() == ["model.fell_back"]
    note(world, run, ANSWERED)
    assert world.kinds() == ["model.fell_back", "model.recovered"]


def test_what_was_down_long_ago_is_told_anew(world: StoreWorld) -> None:
    run = runs_of(world, world.heartbeat)
    note(world, run, FELL_BACK)
    note(world, run, FELL_BACK, after=timedelta(days=9))
    assert world.kinds() == ["model.fell_back"] * 2


def test_a_target_that_wants_no_such_messages_and_a_rehearsal(world: StoreWorld) -> None:
    world.target(events=["run.failed"])
    note(world, runs_of(world, world.heartbeat, dry_run=True), FELL_BACK)
    assert world.kinds() == []
    note(world, runs_of(world, world.heartbeat), FELL_BACK, ANSWERED)
    assert (world.kinds(), world.rows(Notification)) == (["model.fell_back", "model.recovered"], [])


def test_runs_that_find_it_down_at_the_same_time_tell_once(world: StoreWorld) -> None:
    world.target()
    runs = [runs_of(world, world.heartbeat) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda run: world.database.write_now(lambda c: note_model(c, run, FELL_BACK, NOW)), runs))
    assert (world.kinds(), len(world.notifications())) == (["model.fell_back"], 1)
