"""A worker as a process of its own."""

import os
import signal
import subprocess
import sys

from heartbeat.settings import Settings
from tests.support.embedded import OWN
from tests.support.model_server import ModelServer


class Worker:
    """A worker process that dies when it is told to, and another in its place."""

    def __init__(self, settings: Settings, model: ModelServer) -> None:
        given = {
            "HEARTBEAT_DATABASE_URL": settings.store_url(),
            "HEARTBEAT_TASK_QUEUE": settings.task_queue,
            "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
            "TEMPORAL_ADDRESS": settings.temporal_target(),
            "OPENAI_BASE_URL": model.base_url,
        }
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)} | given
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "worker"]
        self.process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def replace(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()
