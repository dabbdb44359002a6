"""One FastAPI route that reads a heartbeat's row by its key, served as the product's API is.

`python -m bench.bare_api PORT DATABASE`: no key of a caller, no SQLAlchemy, no model; the driver alone, on the loop.
"""

import sqlite3
import sys
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI

from api.server import SERVER_OPTIONS

READ = "SELECT * FROM heartbeat WHERE uuid = ?"


def bare_app(database: str) -> FastAPI:
    connection = sqlite3.connect(database, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    app = FastAPI()

    @app.get("/heartbeats/{uuid}")
    async def heartbeat(uuid: str) -> dict[str, Any]:
        return dict(connection.execute(READ, (uuid,)).fetchone())

    return app


def main(port: int, database: str) -> None:
    config = uvicorn.Config(bare_app(database), host="127.0.0.1", port=port, **SERVER_OPTIONS)
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
