"""The model server, which writes down when it was asked by whom, and answers after so many seconds.

`python -m bench.peers.model PORT FILE SECONDS`; a line is a Unix time and the name of the job that asked.
"""

import asyncio
import re
import sys
from collections import defaultdict
from pathlib import Path
from time import time
from typing import TextIO

from bench.provider import Provider

JOB = re.compile(rb"agent-[a-z0-9]+-\d+")


class RecordingProvider(Provider):
    def __init__(self, file: TextIO, seconds: float) -> None:
        super().__init__()
        self._file, self._seconds = file, seconds

    def respond(self, request: bytes) -> None:
        if job := JOB.search(request):
            self._file.write(f"{time():.6f} {job[0].decode()}\n")
            self._file.flush()
        asyncio.get_running_loop().call_later(self._seconds, super().respond, request)


def requests(file: Path) -> dict[str, list[float]]:
    """Read when each job asked its model."""
    times = defaultdict(list)
    for line in file.read_text().splitlines():
        at, job = line.split()
        times[job].append(float(at))
    return times


async def main(port: int, file: TextIO, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: RecordingProvider(file, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("a") as file:
        asyncio.run(main(int(sys.argv[1]), file, float(sys.argv[3])))
