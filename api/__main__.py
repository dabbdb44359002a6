"""One API process: connect, serve until asked to stop."""

import gc

if __name__ == "__main__":
    # Nothing that is imported is garbage, and looking for some takes a third of the time that importing does.
    gc.disable()

import uvicorn
import uvloop

from api.connections import BoundedConnection, Connections, room_for
from api.main import create_app
from api.server import SERVER_OPTIONS, ApiServer
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations.revisions import TOO_NEW_EXIT_CODE, DatabaseTooNew, check_compatible, watch_revision
from heartbeat.telemetry.logs import configure_logs
from heartbeat.temporal.client import connect
from heartbeat.temporal.clock import SharedClock, measuring
from heartbeat.temporal.process import in_background, leave
from heartbeat.temporal.runtime import set_runtime

# Less than a supervisor waits before it ends the process the hard way.
GRACE_SECONDS = 1


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get a second to end.

    Raises `DatabaseTooNew` in the same way once a newer version has migrated the database so that this one has to end.
    """
    database = Database(settings.store_url(), settings.database_timeout_seconds, settings.database_pool_size)
    await check_compatible(database)
    client = await connect(settings)
    clock = SharedClock(database, client)
    app = create_app(settings, database, client, clock=clock)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        **SERVER_OPTIONS | {"http": BoundedConnection},
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # What was imported and built stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    connections = Connections(room_for(settings.max_connections), settings.max_connections_per_address)
    server = ApiServer(config, connections, app.state.closing)
    async with measuring(clock), in_background(watch_revision(database, server.stop)):
        await server.serve()
    await check_compatible(database)
    database.close()


def main() -> None:
    """Serve on the settings of the environment."""
    settings = Settings()
    configure_logs(settings)
    set_runtime()
    try:
        uvloop.run(serve(settings))
    except DatabaseTooNew as problem:
        leave(TOO_NEW_EXIT_CODE, str(problem))
    leave()


if __name__ == "__main__":
    gc.freeze()
    gc.enable()
    main()
