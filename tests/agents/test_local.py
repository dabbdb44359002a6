"""The small local model, served by the process `up` starts for it."""

import subprocess
import sys

import httpx
import pytest

from heartbeat.agents.local import weights_file
from tests.support.patience import PATIENCE
from tests.support.ports import free_ports

pytestmark = pytest.mark.skipif(weights_file() is None, reason="the extra `local` is not installed")


def test_it_answers_a_chat_completion_and_goes_when_told() -> None:
    (port,) = free_ports(1)
    line = [sys.executable, "-P", "-m", "heartbeat.agents.local", "--port", str(port)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"smollm2 answers at http://127.0.0.1:{port}/v1\n"
            body = {"model": "smollm2", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 24}
            answer = httpx.post(
                f"http://127.0.0.1:{port}/v1/chat/completions", json=body, timeout=PATIENCE, trust_env=False
            ).json()
            again = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
        finally:
            process.terminate()
            process.wait(PATIENCE)
    assert answer["choices"][0]["message"]["content"].strip()
    assert 1 <= answer["usage"]["completion_tokens"] <= 24
    assert process.returncode == 0
    assert again.returncode == 1
    assert f"cannot be served on port {port}" in again.stderr
    assert "Traceback" not in again.stderr
