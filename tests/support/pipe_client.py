"""Hands its standard streams to a server that is forked elsewhere (`pipe_servers.py`). It imports next to nothing."""

import marshal
import os
import socket
import sys


def main(address: str, module: str, *arguments: str) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [marshal.dumps((module, arguments, dict(os.environ)))], [0, 1, 2])
        # Who reads there is to see the end of the server, not of this process.
        os.close(0)
        os.close(1)
        server.recv(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)
