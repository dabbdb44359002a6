"""Server-sent events of one run: its changes, polled once a second, until it has ended.

A stream is a sleeping coroutine and holds no connection to the database. The id of an event is what its reader has
seen so far: the run's status and, for each step, the first letter of its state. So any API process can go on where
another stopped.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from api.deps import stack_of
from api.schemas.runs import show_head, show_step
from heartbeat.domain.errors import ProductError
from heartbeat.settings import Settings
from heartbeat.store.database.database import wait_at_most
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import details

LOOK_EVERY, KEEP_ALIVE_EVERY = 1.0, 15.0
EVENT_ID = re.compile(r"([a-z]*)\.([a-z-]{0,10000})")
NOT_SEEN = "-"
# Proxies must neither keep the stream nor collect it.
STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass
class SeenStates:
    """What a reader has seen: the run's status, and the first letter of each step's state by its number.

    How far calls had come is not part of an event's id: a reader who comes back is told once more.
    """

    status: str = ""
    letters: dict[int, str] = field(default_factory=dict)
    progress: dict[int, str | None] = field(default_factory=dict)

    @classmethod
    def from_id(cls, event_id: str) -> "SeenStates":
        """Read what the reader of this event has seen; nothing if the id is not one of ours."""
        match = EVENT_ID.fullmatch(event_id)
        if match is None:
            return cls()
        letters = {number: letter for number, letter in enumerate(match[2], 1) if letter != NOT_SEEN}
        return cls(match[1], letters)

    def __str__(self) -> str:
        last = max(self.letters, default=0)
        return f"{self.status}.{''.join(self.letters.get(number, NOT_SEEN) for number in range(1, last + 1))}"

    def news(self, now: details.RunStates) -> list[int]:
        """List the numbers of the steps that are new or changed."""
        return [
            number
            for number, state in now.states.items()
            if self.letters.get(number) != state[0] or self.progress.get(number) != now.progress.get(number)
        ]


@dataclass(frozen=True)
class RunChanges:
    """What is new: the run if its status changed, the steps that are new or changed, and whether it is over."""

    run: dict[str, Any] | None
    steps: list[dict[str, Any]]
    status: str

    @property
    def over(self) -> bool:
        return self.status != "running"


# Reads what is new of one run since what was seen.
Look = Callable[[SeenStates], Awaitable[RunChanges]]


def run_changes(
    connection: Connection, access: Access, run_uuid: str, settings: Settings, seen: SeenStates
) -> RunChanges:
    """Read what is new of a run of the bot that is named since `seen`; raises `NotFound`."""
    # One small statement, and more only when there is something new.
    bot_id = access.bot.id
    now = details.glance(connection, bot_id, run_uuid)
    numbers = seen.news(now)
    charged = details.charged(connection, now.run_id) if numbers else {}
    steps = details.steps(connection, now.run_id, numbers)
    changed = seen.status != now.status
    return RunChanges(
        show_head(details.log(connection, bot_id, run_uuid), settings) if changed else None,
        [show_step(step, charged.get(step.number, 0), settings) for step in steps],
        now.status,
    )


async def event_stream(request: Request, look: Look) -> StreamingResponse:
    """Stream what is new since the event that the request names; raises what `look` raises at first."""
    stack = stack_of(request)
    seen = SeenStates.from_id(request.headers.get("last-event-id", ""))
    # Here and not in the stream: it may be refused.
    first = await look(seen)
    chunks = _stream(look, first, seen, stack.settings.database_timeout_seconds, request.app.state.closing)
    return StreamingResponse(chunks, headers=STREAMED, media_type="text/event-stream")


async def _stream(
    look: Look, first: RunChanges, seen: SeenStates, seconds: float, closing: asyncio.Event
) -> AsyncIterator[bytes]:
    """Yield the events of a run from `first` on. Each look at PostgreSQL has so many `seconds`.

    It ends early when the store is unreachable or the process is `closing`: readers reconnect by themselves.
    """
    news, quiet = first, 0.0
    while True:
        for event in _events(news, seen):
            quiet = 0.0
            yield event
        if news.over or await _happens_within(closing, LOOK_EVERY):
            return
        quiet += LOOK_EVERY
        if quiet >= KEEP_ALIVE_EVERY:
            quiet = 0.0
            yield b": still running\n\n"
        try:
            # Each time anew: a stream goes on for as long as its run.
            with wait_at_most(seconds):
                news = await look(seen)
        except ProductError:
            return


async def _happens_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _events(news: RunChanges, seen: SeenStates) -> list[bytes]:
    """Put the run before its steps, or after them when it has ended; `seen` moves along."""
    if news.over:
        return [*_step_events(news, seen), *_run_event(news, seen), _event("end", {"status": news.status}, seen)]
    return [*_run_event(news, seen), *_step_events(news, seen)]


def _run_event(news: RunChanges, seen: SeenStates) -> list[bytes]:
    if news.run is None:
        return []
    seen.status = news.status
    return [_event("run", news.run, seen)]


def _step_events(news: RunChanges, seen: SeenStates) -> Iterator[bytes]:
    for step in news.steps:
        seen.letters[step["number"]] = step["state"][0]
        seen.progress[step["number"]] = step["progress"]
        yield _event("step", step, seen)


def _event(name: str, data: dict[str, Any], seen: SeenStates) -> bytes:
    # In ASCII: many a client takes U+2028 and its like for the end of a line.
    return f"event: {name}\nid: {seen}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
