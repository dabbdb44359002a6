"""The instant model server, which writes down when it was asked by whom.

`python -m bench.peers.model PORT FILE`; a line is a Unix time and the name of the job that asked.
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
    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def answer(self, request: bytes) -> bytes:
        if job := JOB.search(request):
            self._file.write(f"{time():.6f} {job[0].decode()}\n")
            self._file.flush()
        return super().answer(request)


def requests(file: Path) -> dict[str, list[float]]:
    """Read when each job asked its model."""
    times = defaultdict(list)
    for line in file.read_text().splitlines():
        at, job = line.split()
        times[job].append(float(at))
    return times


async def main(port: int, file: TextIO) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: RecordingProvider(file), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("a") as file:
        asyncio.run(main(int(sys.argv[1]), file))
