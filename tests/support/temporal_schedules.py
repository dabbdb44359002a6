"""Asks a real Temporal server when a schedule would fire."""

import itertools
from datetime import UTC, datetime

from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from heartbeat.domain.cadence.calendars import Calendar, Range, Spec

Span = tuple[datetime, datetime]
NUMBERS = itertools.count(1)
# The most the server lists at once.
PAGE = 1000


async def fires(client: Client, spec: ScheduleSpec, spans: list[Span]) -> list[datetime]:
    """The instants later than each span's start and not later than its end at which the server would fire."""
    action = ScheduleActionStartWorkflow("Nothing", id="nothing", task_queue="nowhere")
    name = f"cadence-{next(NUMBERS)}"
    handle = await client.create_schedule(name, Schedule(action, spec, state=ScheduleState(paused=True)))
    try:
        return [instant for span in spans for instant in await _listed(client, name, *span)]
    finally:
        await handle.delete()


async def _listed(client: Client, name: str, start: datetime, end: datetime) -> list[datetime]:
    ticks: list[datetime] = []
    page = [start] * PAGE
    while len(page) == PAGE:
        request = ListScheduleMatchingTimesRequest(namespace=client.namespace, schedule_id=name)
        request.start_time.FromDatetime(page[-1])
        request.end_time.FromDatetime(end)
        answer = await client.workflow_service.list_schedule_matching_times(request)
        page = [instant.ToDatetime(tzinfo=UTC) for instant in answer.start_time]
        ticks += page
    return ticks


def as_temporal(spec: Spec) -> ScheduleSpec:
    """The product's own translation is heartbeat.schedules.spec."""
    return ScheduleSpec(
        calendars=[_calendar(calendar) for calendar in spec.calendars],
        intervals=[ScheduleIntervalSpec(every=interval.every, offset=interval.offset) for interval in spec.intervals],
        skip=[_calendar(calendar) for calendar in spec.skip],
        time_zone_name=spec.timezone,
    )


def _calendar(calendar: Calendar) -> ScheduleCalendarSpec:
    def ranges(parts: tuple[Range, ...]) -> list[ScheduleRange]:
        return [ScheduleRange(part.start, part.end, part.step) for part in parts]

    return ScheduleCalendarSpec(
        second=[ScheduleRange(calendar.second)],
        minute=ranges(calendar.minute),
        hour=ranges(calendar.hour),
        day_of_month=ranges(calendar.day_of_month),
        month=ranges(calendar.month),
        day_of_week=ranges(calendar.day_of_week),
        year=ranges(calendar.year),
        comment=calendar.comment,
    )
