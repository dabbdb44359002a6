"""A worker as a process of its own."""

from pathlib import Path
from tempfile import TemporaryDirectory

from heartbeat.settings import Settings
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE
from tests.support.processes import start


class Worker:
    """A worker process that dies when it is told to, and another in its place."""

    def __init__(self, settings: Settings, model: ModelServer, **variables: str) -> None:
        self._variables = {
            "HEARTBEAT_DATABASE_URL": settings.store_url(),
            "HEARTBEAT_TASK_QUEUE": settings.task_queue,
            "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
            "TEMPORAL_ADDRESS": settings.temporal_target(),
            "OPENAI_BASE_URL": model.base_url,
            **variables,
        }
        self._output = TemporaryDirectory()
        self.start()

    def start(self) -> None:
        self.process = start("worker", output=Path(self._output.name), **self._variables)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def stop(self) -> int | None:
        """Ask it to stop, as an orchestrator does; returns its exit code."""
        self.process.terminate()
        self.process.join(PATIENCE)
        return self.process.exitcode

    def replace(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()
        self._output.cleanup()
