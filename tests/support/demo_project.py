"""A project that was at work for a month, for pictures: written straight into the store, no model is asked."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, update

from heartbeat.domain.ids import new_id
from heartbeat.store.credits.ledger import Charge, Reservation, account_of, settle
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.memory.memory import MemoryOwner, remember
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from tests.support import past_runs
from tests.support.held_credits import hold
from tests.support.pending_rows import (
    a_finding,
    a_message,
    a_subscriber,
    a_target,
    a_task,
    a_tool,
    an_approval,
    changed_tool,
)
from tests.support.seeds import a_bot, a_heartbeat, a_project

NOW = datetime.now(UTC)
DAYS = 30


@dataclass(frozen=True)
class Routine:
    """A heartbeat of the project that is shown: what it does, how often a day, how it fares, and what a run costs."""

    label: str
    prompt: str
    cron_pattern: str
    hours: tuple[int, ...]
    answer: str
    credits: int = 2
    failures: float = 0.02
    minute: int = 0
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)


SUPPORT = [
    Routine(
        "Urgent tickets",
        "Look through the new support tickets. Tell me which are urgent, and why.",
        "0 9-17 * * 1-5",
        tuple(range(9, 18)),
        "Two tickets are urgent:\n\n1. **#4812**: the shop cannot take cards since 08:40.\n"
        "2. **#4807**: a customer was charged twice and wants the money back *today*.\n\nThe other nine can wait.",
        weekdays=(1, 2, 3, 4, 5),
    ),
    Routine(
        "Morning brief",
        "Sum up yesterday: sales, returns, what customers praised and what they complained of.",
        "30 7 * * *",
        (7,),
        "Sales were 8% above the week before. Eleven returns, seven of them for size. Praise for the new packaging.",
        credits=4,
        minute=30,
    ),
    Routine(
        "Reviews of the week",
        "Read the reviews of this week and name three things that we should mend.",
        "0 16 * * 5",
        (16,),
        "Three things to mend: late parcels to Austria, the size table of shoes, and the voucher field on phones.",
        credits=9,
        weekdays=(5,),
    ),
]
SERVERS = [
    Routine(
        "Disks and certificates",
        "Check the disks and certificates of all servers. Report what runs out within two weeks.",
        "0 */4 * * *",
        (0, 4, 8, 12, 16, 20),
        "All certificates are good for 40 days and more. One disk is filling up: `/var` on **web-2** is at 91%.",
        failures=0.06,
    ),
    Routine(
        "Backups",
        "See whether last night's backups are there and whole.",
        "15 6 * * *",
        (6,),
        "All four backups are there, and the restored sample matches.",
        minute=15,
    ),
]
PAUSED = Routine(
    "Competitors' prices",
    "Compare our ten best sellers with what the two other shops ask for them.",
    "0 11 * * *",
    (11,),
    "We are dearer on two of ten.",
    failures=0.3,
)


INSTRUCTION = "You work at the support desk of Nordlicht, a shop for outdoor gear. Be brief and friendly."


def demo_project(connection: Connection) -> str:
    """Write the project; returns a key to it."""
    project = a_project(connection, name="Nordlicht", now=NOW - timedelta(days=DAYS))
    key = create_key(connection, project, "Ada", NOW).secret
    create_key(connection, project, "Nightly export", NOW)
    support = a_bot(connection, project, name="Support desk", model="openai:gpt-5.4-mini", instruction=INSTRUCTION)
    servers = a_bot(connection, project, name="Operations", model="anthropic:claude-haiku-4-5", instruction="Be exact.")
    routines = [(one, support) for one in (*SUPPORT, PAUSED)] + [(one, servers) for one in SERVERS]
    rows = [(one, bot, _heartbeat(connection, bot, one)) for one, bot in routines]
    _work(connection, rows)
    tickets, prices, disks = rows[0][2], rows[3][2], rows[4][2]
    _pause(connection, prices)
    _around(connection, support, tickets)
    _waiting(connection, tickets, disks)
    _messages(connection, tickets, disks)
    return key


def _heartbeat(connection: Connection, bot: Bot, routine: Routine) -> Heartbeat:
    words = {"label": routine.label, "prompt": routine.prompt, "cron_pattern": routine.cron_pattern}
    made = {"created_at": NOW - timedelta(days=DAYS), "synced_version": 1, "timezone": "Europe/Berlin"}
    return a_heartbeat(connection, bot, **words, **made, credit_budget=600, accounted_until=NOW)


def _work(connection: Connection, routines: list[tuple[Routine, Bot, Heartbeat]]) -> None:
    """What ran in the month, in the order of its time."""
    random, zone = Random(7), ZoneInfo("Europe/Berlin")
    days = [NOW - timedelta(days=day) for day in range(DAYS, -1, -1)]
    runs = [
        (day.astimezone(zone).replace(hour=hour, minute=routine.minute, second=0, microsecond=0), number)
        for number, (routine, _, _) in enumerate(routines)
        for day in days
        if day.isoweekday() in routine.weekdays
        for hour in routine.hours
    ]
    for due, number in sorted(runs):
        routine, bot, heartbeat = routines[number]
        if due < NOW - timedelta(minutes=5):
            _run(connection, heartbeat, bot, routine, due.astimezone(UTC), random)
            last = {"last_executed_at": due, "last_status": "success", "next_tick_at": NOW + timedelta(minutes=50)}
            _change(connection, heartbeat, **last)


def _run(
    connection: Connection, heartbeat: Heartbeat, bot: Bot, routine: Routine, due: datetime, random: Random
) -> None:
    is_error = random.random() < routine.failures
    cost, took = routine.credits + random.randrange(2), int(random.lognormvariate(8.6, 0.5))
    error = {"error_code": "overloaded", "error_message": "The provider is overloaded; it answered 529."}
    values = {
        **(error if is_error else {"response": routine.answer}),
        "model": bot.model,
        "instruction": bot.instruction,
        "created_at": due,
        "started_at": due,
        "scheduled_for": due,
        "finished_at": due + timedelta(milliseconds=took),
        "duration_ms": took,
        "tokens_used": random.randrange(700, 2400),
        "credits_charged": cost,
        "cost_nano_usd": random.randrange(10**6, 4 * 10**6),
    }
    uuid = past_runs.a_run(connection, heartbeat, "error" if is_error else "success", **values)
    table = columns(Run)
    run = exactly_one(connection, Run, select(table).where(table.c.uuid == uuid))
    account = account_of(run, due.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    hold(connection, account, Reservation(1), cost, due)
    settle(connection, account, Charge(1, "settle", 1000, cost, cost), due)


def _pause(connection: Connection, heartbeat: Heartbeat) -> None:
    paused = {"pause_reason": "errors", "pause_cause": "errors", "pause_since": NOW - timedelta(hours=5)}
    detail = "The key of OpenAI was refused. Set another OPENAI_API_KEY and restart the workers."
    _change(connection, heartbeat, enabled=False, error_count=5, pause_detail=detail, last_status="error", **paused)


def _around(connection: Connection, bot: Bot, heartbeat: Heartbeat) -> None:
    """A subscriber, memories, a tool server, and tasks."""
    a_subscriber(connection, bot, name="Jo", email="jo@example.com", subscribed_at=NOW)
    for text in ("The shop is closed on 24 December.", "Ticket numbers below 4000 are from the old system."):
        remember(connection, MemoryOwner(bot.id), text, None, NOW - timedelta(days=3))
    tools = [
        {**changed_tool(name), "changed": None, "description": words}
        for name, words in (("find_tickets", "Find tickets."), ("answer", "Answer a ticket."), ("refund", "Pay back."))
    ]
    a_tool(
        connection,
        heartbeat,
        server_label="desk",
        tools=tools,
        require_approval="tool-specific",
        approval_tools=["refund"],
    )
    when = {"run_at": NOW + timedelta(days=2), "cron_pattern": None, "max_executions": 1}
    a_task(connection, heartbeat, label="Ask the customer of #4807 whether the money came", **when)


def _waiting(connection: Connection, tickets: Heartbeat, disks: Heartbeat) -> None:
    """A run that goes on, one that waits for a yes, and findings."""
    running = {"finished_at": None, "duration_ms": None, "response": None}
    values = {**running, "started_at": NOW - timedelta(seconds=40), "created_at": NOW - timedelta(seconds=40)}
    uuid = past_runs.a_run(connection, tickets, "running", **values, model="openai:gpt-5.4-mini")
    arguments = {"ticket": "4807", "amount": "89.90 EUR"}
    past_runs.a_step(connection, uuid, 1, answer="Ticket 4807 was charged twice. I pay the second one back.")
    past_runs.a_call(connection, uuid, 2, name="desk__refund", arguments=json.dumps(arguments))
    table = columns(Run)
    run = exactly_one(connection, Run, select(table).where(table.c.uuid == uuid))
    why = "desk__refund is registered as one that needs a person's yes."
    ask = {"tool": "desk__refund", "arguments": json.dumps(arguments), "why": why, "created_at": NOW}
    an_approval(connection, run, **ask, expires_at=NOW + timedelta(hours=24))
    seen = {"first_seen_at": NOW - timedelta(days=2), "last_seen_at": NOW - timedelta(hours=1)}
    detail = "It grows by 2% a day. The logs of October can go."
    a_finding(connection, disks, title="/var on web-2 is 91% full", severity="warning", detail=detail, **seen)
    charged = "Two customers were charged twice since Monday."
    a_finding(connection, tickets, title="Charged twice", severity="critical", detail=charged, times_seen=2, **seen)


def _messages(connection: Connection, tickets: Heartbeat, disks: Heartbeat) -> None:
    to = {"to": "ada@example.com", "host": "smtp.example.com", "sender": "heartbeat@example.com"}
    mail = a_target(connection, tickets, name="Ada", channel="email", config=to)
    pager = a_target(connection, disks, name="The pager", config={"url": "https://pager.example/in"})
    told = {"title": "Two urgent tickets", "message": "#4812 and #4807", "priority": "urgent", "action_url": None}
    when = {"created_at": NOW - timedelta(hours=1), "delivered_at": NOW - timedelta(hours=1)}
    a_message(connection, tickets, mail, kind="user.notified", data=told, **when)
    failed = {"run": new_id("log"), "message": "The provider is overloaded; it answered 529.", "code": "overloaded"}
    a_message(connection, disks, pager, data=failed, **when)
    connection.execute(update(columns(Event)).values(created_at=NOW - timedelta(hours=1)))


def _change(connection: Connection, heartbeat: Heartbeat, **values: Any) -> None:
    table = columns(Heartbeat)
    connection.execute(update(table).where(table.c.id == heartbeat.id).values(values))
