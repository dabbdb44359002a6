"""One FastAPI route that does nothing, served as the product's API is.

`python -m bench.bare_api PORT`
"""

import sys

import uvicorn
import uvloop
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def nothing() -> dict[str, str]:
    """Answer with as little as there can be."""
    return {"status": "ok"}


def main(port: int) -> None:
    """Serve until told to stop, with the settings of `api/__main__.py`."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(int(sys.argv[1]))
