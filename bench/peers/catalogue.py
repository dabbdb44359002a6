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
        Peer(f"{world.folder}-better", better, improved, plain=False, missing=world.missing),
    ]


PEERS = [
    Peer("heartbeat-sqlite", "Heartbeat on SQLite", partial(HeartbeatWorld, on_postgresql=False)),
    Peer("heartbeat-postgresql", "Heartbeat on PostgreSQL", partial(HeartbeatWorld, on_postgresql=True)),
    *_peer(Temporal, "Temporal by hand", "Temporal, `BUFFER_ALL` and keyed writes"),
    *_peer(DBOS, "DBOS", "DBOS, datasource, `automatic_backfill`"),
    *_peer(Celery, "Celery, beat and Redis", "Celery with `acks_late`"),
    *_peer(APScheduler, "APScheduler", "APScheduler with an hour of grace"),
    *_peer(Procrastinate, "Procrastinate", "Procrastinate, stalled jobs retried"),
]
