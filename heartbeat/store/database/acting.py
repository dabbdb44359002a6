"""What a transaction knows: who acts in it, and what is to be written last, right before it is committed."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from heartbeat.domain.actors import PRODUCT, Actor

P = ParamSpec("P")
T = TypeVar("T")

_ACTOR, _LAST = "heartbeat.actor", "heartbeat.last"


_caller: ContextVar[Actor | None] = ContextVar("caller", default=None)


def speak_for(actor: Actor) -> None:
    """Say who makes the changes that this task asks a database for from here on, unless a change itself says so."""
    _caller.set(actor)


def spoken_for() -> Actor | None:
    """Tell for whom this task makes changes, if that was said."""
    return _caller.get()


def act_as(connection: Connection, actor: Actor) -> None:
    """Say who acts from here to the end of the transaction."""
    connection.info[_ACTOR] = actor


def actor_of(connection: Connection) -> Actor:
    """Tell who acts in the transaction."""
    actor: Actor = connection.info.get(_ACTOR, PRODUCT)
    return actor


def write_last(connection: Connection, write: Callable[[Connection, list[Any]], None], row: object) -> None:
    """Have `write(connection, rows)` called once before the commit, with this row and all others it was given."""
    connection.info.setdefault(_LAST, {}).setdefault(write, []).append(row)


def in_transaction(
    connection: Connection,
    actor: Actor,
    change: Callable[Concatenate[Connection, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a change that `actor` makes if nobody else is named, and then what is to be written last."""
    # A connection is lent again, also after a transaction that was rolled back.
    info = connection.info
    info.pop(_LAST, None)
    info[_ACTOR] = actor
    result = change(connection, *args, **kwargs)
    if _LAST in info:
        for write, rows in info.pop(_LAST).items():
            write(connection, rows)
    return result
