"""The processes of the embedded stack: their command lines and their environment."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from heartbeat.agents.local import weights_file
from heartbeat.agents.model_names import LOCAL, choose_default_model
from heartbeat.agents.ollama import ollama_models
from heartbeat.settings import Settings
from heartbeat.up import temporal_server
from heartbeat.up.preflight import Port, check_ports, free_port, is_free
from heartbeat.up.python import PYTHON
from heartbeat.up.supervisor import Child

# Seconds that each may take to stop, under ten together; Temporal takes three by itself.
API_GRACE, WORKER_GRACE, MODEL_GRACE, TEMPORAL_GRACE = 2.0, 2.5, 0.5, 4.0
DRAIN = 2.0
UI_FLAG = "--ui-port (or HEARTBEAT_TEMPORAL_UI_PORT)"


@dataclass(frozen=True)
class EmbeddedStack:
    """What `up` runs: stages of children in starting order, and what it tells people about them.

    `ollama` are the models of an Ollama that was found, of which `model` is the first.
    """

    stages: list[list[Child]]
    environment: dict[str, str]
    api_url: str
    ui_url: str
    model: str
    ollama: list[str]


def embedded_stack(settings: Settings, workers: int) -> EmbeddedStack:
    """Choose the children; raises `CannotStart` when a port is taken or a program is missing."""
    embedded = settings.temporal_address is None
    check_ports(_ports(settings, embedded))
    ollama = ollama_models(settings)
    model = ollama[0] if ollama else choose_default_model(settings)
    local_port = _local_port(settings) if model == LOCAL and weights_file() else None
    stages = [
        [_temporal(settings)] if embedded else [],
        [_local(local_port)] if local_port else [],
        [_worker(settings, number, workers) for number in range(workers)],
        [Child("api", [*PYTHON, "api"], API_GRACE)],
    ]
    environment = _environment(settings, embedded, local_port)
    if ollama:
        environment["HEARTBEAT_DEFAULT_MODEL"] = model
    return EmbeddedStack(stages, environment, settings.api_url(), settings.ui_url(), model, ollama)


def _temporal(settings: Settings) -> Child:
    return Child("temporal", temporal_server.command(settings), TEMPORAL_GRACE, settings.temporal_port, quiet=True)


def _local(port: int) -> Child:
    return Child("model", [*PYTHON, "heartbeat.agents.local", "--port", str(port)], MODEL_GRACE, port)


def _ports(settings: Settings, embedded: bool) -> list[Port]:
    ports = [Port(settings.port, settings.host, "the API", "--port (or HEARTBEAT_PORT)")]
    if embedded:
        ports += [
            Port(settings.temporal_port, "127.0.0.1", "Temporal", "--temporal-port (or HEARTBEAT_TEMPORAL_PORT)"),
            Port(settings.temporal_ui_port, settings.temporal_ui_host, "Temporal's UI", UI_FLAG),
        ]
    return ports


def _worker(settings: Settings, number: int, workers: int) -> Child:
    """One of so many workers, numbered from 0; each serves its metrics on a port of its own."""
    name = "worker" if workers == 1 else f"worker {number + 1}"
    port = {"HEARTBEAT_METRICS_PORT": str(settings.metrics_port + number)} if settings.metrics_port else {}
    return Child(name, [*PYTHON, "worker"], WORKER_GRACE, environment=port)


def _local_port(settings: Settings) -> int | None:
    """Choose where to serve the local model; `None` when its address is set, because then it is served elsewhere."""
    if "local_url" in settings.model_fields_set:
        return None
    usual = urlsplit(settings.local_url).port
    return usual if usual and is_free(usual) else free_port()


def _environment(settings: Settings, embedded: bool, local_port: int | None) -> dict[str, str]:
    """Build the children's environment: options of the command line become the settings they stand for."""
    environment = {
        **os.environ,
        "HEARTBEAT_DATA_DIR": str(settings.data_dir),
        "HEARTBEAT_PORT": str(settings.port),
        "HEARTBEAT_DRAIN_SECONDS": str(DRAIN),
        "PYTHONUNBUFFERED": "1",
        # Its output comes out in this terminal, line by line behind the name of its process.
        "HEARTBEAT_LOG_FORMAT": "json" if settings.log_format == "json" else "text",
    }
    if embedded:
        environment |= {
            "HEARTBEAT_TEMPORAL_PORT": str(settings.temporal_port),
            "HEARTBEAT_TEMPORAL_UI_PORT": str(settings.temporal_ui_port),
            "TEMPORAL_UI_URL": settings.ui_url(),
        }
    if local_port:
        environment |= {
            "HEARTBEAT_DEFAULT_MODEL": LOCAL,
            "HEARTBEAT_LOCAL_URL": f"http://127.0.0.1:{local_port}/v1",
        }
    return environment
