"""The peers that are measured, and what is not there."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from bench.peers.heartbeat_world import HeartbeatWorld
from bench.peers.peer_world import DBOS, APScheduler, Celery, PeerWorld, Procrastinate, Temporal
from bench.peers.world import Place, World


@dataclass(frozen=True)
class Peer:
    """A peer with one choice of settings. `plain` ones are measured in every respect, better ones in what they lose.

    `missing` says what it needs and this machine does not have.
    """

    key: str
    title: str
    build: Callable[[Place, ExitStack], World]
    plain: bool = True
    missing: Callable[[], str | None] = lambda: None


def _peer(world: type[PeerWorld], title: str, better: str) -> list[Peer]:
    plain, improved = partial(world, better=False), partial(world, better=True)
    return [
        Peer(world.folder, title, plain, missing=world.missing),
        Peer(f"{world.folder}-better", f"{title}, {better}", improved, plain=False, missing=world.missing),
    ]


PEERS = [
    Peer("heartbeat-sqlite", "Heartbeat on SQLite", partial(HeartbeatWorld, on_postgresql=False)),
    Peer("heartbeat-postgresql", "Heartbeat on PostgreSQL", partial(HeartbeatWorld, on_postgresql=True)),
    *_peer(Temporal, "Temporal by hand", "`BUFFER_ALL` and keyed writes"),
    *_peer(DBOS, "DBOS", "a datasource and `automatic_backfill`"),
    *_peer(Celery, "Celery, beat and Redis", "`acks_late` and a visibility timeout of 30 s"),
    *_peer(APScheduler, "APScheduler", "`misfire_grace_time` of an hour, no `coalesce`"),
    *_peer(Procrastinate, "Procrastinate", "its stalled jobs tried again each minute"),
]
