"""One FastAPI route that does nothing, served as the product's API is.

`python -m bench.bare_api PORT`
"""

import sys

import uvicorn
import uvloop
from fastapi import FastAPI

from api.server import SERVER_OPTIONS

app = FastAPI()


@app.get("/")
async def nothing() -> dict[str, str]:
    return {"status": "ok"}


def main(port: int) -> None:
    config = uvicorn.Config(app, host="127.0.0.1", port=port, **SERVER_OPTIONS)
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(int(sys.argv[1]))
