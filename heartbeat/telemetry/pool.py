"""How busy the database's connections are, read when somebody asks."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from heartbeat.store.database.database import Database


class PoolCollector(Collector):
    """The connections of one process: `busy`, `idle`, and what waits for one of their threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        use = self._database.pool_use()
        connections = GaugeMetricFamily(
            "heartbeat_database_connections", "Connections to the database that are open.", labels=["state"]
        )
        connections.add_metric(["busy"], use.busy)
        connections.add_metric(["idle"], use.idle)
        yield connections
        yield GaugeMetricFamily("heartbeat_database_waiting", "What waits for a thread of the database.", use.waiting)
        yield GaugeMetricFamily("heartbeat_database_pool_size", "How many connections the pool may open.", use.size)
