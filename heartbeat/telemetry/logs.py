"""Logs: one line of JSON each, or text where a person reads them, with the ids of what they are about.

The code logs with the standard library, and so do the libraries; structlog makes the lines of all of them.
"""

import logging
import sys
from typing import Any

from heartbeat.settings import Settings
from heartbeat.telemetry.light_structlog import structlog

OURS = ("activities", "api", "heartbeat", "worker", "workflows")
# What a line may have beside its message: what our own code gives it, and the ids that Temporal's SDK has at hand.
FIELDS = ("activity", "method", "milliseconds", "route", "status", "temporal_activity", "temporal_workflow")
OF_TEMPORAL = ("activity_type", "attempt", "workflow_id", "workflow_run_id", "workflow_type")


def configure_logs(settings: Settings) -> None:
    """Send every log of this process to stderr in the format of the settings: `auto` is JSON unless that is a terminal.

    The level is that of our own loggers; the libraries' speak from warnings on, for they write down whole addresses.
    """
    is_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(is_json))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())


def formatter(is_json: bool) -> structlog.stdlib.ProcessorFormatter:
    """Make what turns a record of any logger into its line."""
    # Never with the values of a traceback's variables: they hold prompts and keys.
    render = [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()] if is_json else [_text]
    drop, traceback = structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info
    return structlog.stdlib.ProcessorFormatter(
        processors=[drop, _with_ids_of_temporal, traceback, *render],
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(FIELDS),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
    )


def _with_ids_of_temporal(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Take what one looks for out of what the SDK knows of an activity or a workflow."""
    for name in ("temporal_activity", "temporal_workflow"):
        known = event.pop(name, None) or {}
        event.update({field: known[field] for field in OF_TEMPORAL if field in known})
    return event


def _text(_: Any, __: str, event: structlog.typing.EventDict) -> str:
    """`WARNING heartbeat.gates.looking: message run_id=log_1`, and a traceback below it."""
    level, logger, message = event.pop("level"), event.pop("logger"), event.pop("event")
    traceback = event.pop("exception", None)
    del event["timestamp"]
    line = " ".join([f"{level.upper()} {logger}: {message}", *(f"{name}={value}" for name, value in event.items())])
    return f"{line}\n{traceback}" if traceback else line
