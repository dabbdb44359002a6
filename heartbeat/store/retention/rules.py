"""How long each table keeps its rows: one rule for every table, and what is removed by age alone.

`docs/retention.md` shows these rules, and a test fails for a table without one.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, true
from sqlmodel import SQLModel

from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.outages import FORGOTTEN_AFTER
from heartbeat.store.projects.idempotency import LIFETIME
from heartbeat.store.tables.audit import AuditEntry, AuditHead
from heartbeat.store.tables.bots import Bot, Memory, Subscriber, Tool
from heartbeat.store.tables.credits import BudgetWarning, DailyRollup, Entry, HeartbeatDay, PeriodSpender, Usage
from heartbeat.store.tables.gates import GateReading, GateState
from heartbeat.store.tables.heartbeats import Heartbeat, HeldTick, RemovedHeartbeats
from heartbeat.store.tables.notifications import Event, Finding, ModelOutage, Notification, RemovedMessages, Target
from heartbeat.store.tables.projects import (
    ApiKey,
    AuthFailure,
    DashboardSession,
    IdempotencyKey,
    KeyWindow,
    Project,
    ProjectHold,
    RequestWindow,
    SignInLink,
)
from heartbeat.store.tables.runs import Approval, Attempt, Capacity, PendingTrace, RateLimit, Run, Slot, Step, Variant
from heartbeat.store.tables.tool_connections import PendingSignIn, ToolConnection
from heartbeat.store.tables.users import Membership, PasswordReset, ProjectInvitation, User, UserIdentity

# Thirteen months: the same month of the year before can be looked at until this one is over.
YEAR = timedelta(days=396)
# As far back as periods are shown: sixty, each at most a month, and the one under way.
FIVE_YEARS = timedelta(days=61 * 31)
AT_ONCE = timedelta()


@dataclass(frozen=True)
class Age:
    """Rows go when `after` has passed since the column `since`, if `condition` holds."""

    since: Any
    after: timedelta
    condition: ColumnElement[bool] = true()  # noqa: RUF009 - a constant


@dataclass(frozen=True)
class OfPlan:
    """Rows go after as many days as the plan of their project says, by this name."""

    days: str = "logs_days"


@dataclass(frozen=True)
class With:
    """Rows go with the row of `owner` that they belong to; before that there are no more of them than `bound` says."""

    owner: type[SQLModel]
    bound: str = ""


@dataclass(frozen=True)
class OnceDeleted:
    """Rows that somebody deleted go when `after` has passed since then and nothing refers to them any more."""

    after: timedelta = YEAR


@dataclass(frozen=True)
class Folded:
    """Rows of periods that ended long ago become one of each heartbeat and period, with the same sums."""

    after: timedelta = YEAR


@dataclass(frozen=True)
class Stays:
    """Rows stay, and there are no more of them than `bound` says."""

    bound: str


Rule = Age | OfPlan | With | OnceDeleted | Folded | Stays

_ENTRY, _HOLD, _KEY, _LINK, _HELD, _HEARTBEAT = (
    columns(one) for one in (Entry, ProjectHold, ApiKey, SignInLink, HeldTick, Heartbeat)
)
_SESSION, _USER, _IDENTITY = columns(DashboardSession), columns(User), columns(UserIdentity)
_KEY_WINDOW = columns(KeyWindow)
_INVITATION, _RESET = columns(ProjectInvitation), columns(PasswordReset)
_FINDING, _IDEMPOTENCY, _OUTAGE, _VARIANT = (columns(one) for one in (Finding, IdempotencyKey, ModelOutage, Variant))
_SIGN_IN, _WARNING = columns(PendingSignIn), columns(BudgetWarning)

# A gap is accounted for once Temporal is back, and by then it must be known which of its ticks were held.
_IS_ACCOUNTED_FOR = exists().where(
    _HEARTBEAT.c.id == _HELD.c.heartbeat_id, _HEARTBEAT.c.accounted_until >= _HELD.c.tick
)
_REMOVED_AT = select(_USER.c.removed_at).where(_USER.c.id == _IDENTITY.c.user_id).scalar_subquery()
_HAS_NO_IDENTITY = ~exists().where(_IDENTITY.c.user_id == _USER.c.id)
_HAS_NO_LINK = ~exists().where(_LINK.c.key_id == _KEY.c.id)
_HAS_NO_WINDOW = ~exists().where(_KEY_WINDOW.c.key_id == _KEY.c.id)

RULES: dict[type[SQLModel], Rule] = {
    Project: Stays("one for each project that the operator made"),
    AuditHead: Stays("one for each project that something was changed in"),
    AuditEntry: OfPlan("audit_days"),
    ApiKey: Age(func.coalesce(_KEY.c.revoked_at, _KEY.c.expires_at), YEAR, _HAS_NO_LINK & _HAS_NO_WINDOW),
    DashboardSession: Age(_SESSION.c.expires_at, AT_ONCE),
    AuthFailure: Age(columns(AuthFailure).c.clears_at, AT_ONCE),
    SignInLink: Age(_LINK.c.expires_at, AT_ONCE),
    IdempotencyKey: Age(_IDEMPOTENCY.c.created_at, LIFETIME),
    RequestWindow: Stays("two for each project: the minutes of its last requests"),
    KeyWindow: Age(_KEY_WINDOW.c.began_at, timedelta(days=1)),
    ProjectHold: Age(func.coalesce(_HOLD.c.released_at, _HOLD.c.until), YEAR),
    Bot: OnceDeleted(),
    Subscriber: OnceDeleted(),
    Tool: Stays("one for each server that is connected"),
    ToolConnection: With(Tool),
    PendingSignIn: Age(_SIGN_IN.c.expires_at, AT_ONCE),
    Memory: Stays("as many for each bot as it may remember"),
    Heartbeat: OnceDeleted(),
    RemovedHeartbeats: Stays("one row"),
    HeldTick: Age(_HELD.c.tick, timedelta(days=30), _IS_ACCOUNTED_FOR),
    GateState: With(Heartbeat),
    GateReading: With(Heartbeat, "the newest of each heartbeat"),
    Run: OfPlan(),
    Step: With(Run),
    Attempt: With(Run),
    Approval: With(Run),
    PendingTrace: Stays("one for each run of the last day that no collector has taken"),
    Capacity: Stays("one for each project and provider that was bounded"),
    Slot: Stays("one for each run in progress and what is bounded for it"),
    RateLimit: Stays("one for each model, key and address that limited the rate lately"),
    Variant: Age(_VARIANT.c.created_at, timedelta(days=30)),
    Entry: Folded(),
    Usage: Stays("one for each project and month"),
    BudgetWarning: Age(_WARNING.c.period_start, YEAR),
    PeriodSpender: Age(columns(PeriodSpender).c.period_start, FIVE_YEARS),
    DailyRollup: Age(columns(DailyRollup).c.day, FIVE_YEARS),
    HeartbeatDay: Age(columns(HeartbeatDay).c.day, FIVE_YEARS),
    Event: Age(columns(Event).c.created_at, YEAR),
    Notification: With(Event),
    RemovedMessages: Stays("one for each project"),
    Finding: Age(_FINDING.c.last_seen_at, YEAR, _FINDING.c.state == "resolved"),
    Target: OnceDeleted(),
    ModelOutage: Age(_OUTAGE.c.seen_at, FORGOTTEN_AFTER),
    UserIdentity: Age(_REMOVED_AT, YEAR),
    User: Age(_USER.c.removed_at, YEAR, _HAS_NO_IDENTITY),
    Membership: Stays("one for each person and project, until they are removed"),
    ProjectInvitation: Age(_INVITATION.c.expires_at, AT_ONCE),
    PasswordReset: Age(_RESET.c.expires_at, AT_ONCE),
}
