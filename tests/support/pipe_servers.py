"""Tool servers over pipes, forked from a process that has imported them: to import MCP takes each most of a second.

`command` is what a client of theirs starts: `pipe_client.py`, which hands its pipes and its environment to that process
and lives as long as the server that answers there.
"""

import atexit
import gc
import importlib
import marshal
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

CLIENT = Path(__file__).with_name("pipe_client.py")
# Each has `main`, which serves what its standard input asks.
MODULES = ("tests.support.tool_server", "tests.support.workshop")


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line of `python -m module …`, without the imports."""
    return (sys.executable, "-I", "-S", str(CLIENT), _address(), module, *arguments)


@cache
def _address() -> str:
    """Where the process listens that this one has forked from; it ends with this one."""
    home = tempfile.mkdtemp(prefix="hbpipes")
    address = f"{home}/socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.pipe_servers", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdout.readline()
    server.stdout.close()

    def end() -> None:
        server.communicate()

    atexit.register(end)
    return address


def main(address: str) -> None:
    """Fork a server for everybody who comes, until standard input closes."""
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    servers: set[int] = set()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"listening\n")
        while listener.fileno() in select.select([listener.fileno(), 0], [], [])[0]:
            client, _ = listener.accept()
            if (server := os.fork()) == 0:
                listener.close()
                _serve(client)
            client.close()
            servers = {one for one in {*servers, server} if os.waitpid(one, os.WNOHANG)[0] == 0}
    shutil.rmtree(Path(address).parent)


def _serve(client: socket.socket) -> None:
    message, pipes, _, _ = socket.recv_fds(client, 1 << 20, 3)
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
        os.close(pipe)
    module, arguments, environment = marshal.loads(message)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    threading.Thread(target=_end_with, args=(client,), daemon=True).start()
    try:
        importlib.import_module(module).main()
        sys.stdout.flush()
    finally:
        os._exit(0)


def _end_with(client: socket.socket) -> None:
    client.recv(1)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
