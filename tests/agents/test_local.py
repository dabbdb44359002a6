"""The small local model, served by the process `up` starts for it."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from heartbeat.agents.local import weights_file
from tests.support.patience import PATIENCE
from tests.support.ports import free_ports

# What it says over and over from one run to the next, without a penalty.
TIPS = """Your task:
- Don't forget to eat a healthy breakfast.
- Don't forget to drink a glass of wine.
- Don't forget to enjoy a hot meal.

"""
LOOPING = (
    f"Your answers earlier today:\n- 14:07: {TIPS * 3}Your task:\nGive one short tip for a healthy break from work."
)

pytestmark = pytest.mark.skipif(weights_file() is None, reason="the extra `local` is not installed")


def test_it_answers_a_chat_completion_and_goes_when_told() -> None:
    (port,) = free_ports(1)
    line = [sys.executable, "-P", "-m", "heartbeat.agents.local", "--port", str(port)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"smollm2 answers at http://127.0.0.1:{port}/v1\n"
            answer = _asked(port, "Say hello.", max_tokens=24)
            looping = _asked(port, LOOPING, max_tokens=100, temperature=0)
            again = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
        finally:
            process.terminate()
            process.wait(PATIENCE)
    assert answer["choices"][0]["message"]["content"].strip()
    assert 1 <= answer["usage"]["completion_tokens"] <= 24
    assert looping["choices"][0]["finish_reason"] == "stop"
    assert process.returncode == 0
    assert again.returncode == 1
    assert f"cannot be served on port {port}" in again.stderr
    assert "Traceback" not in again.stderr


def _asked(port: int, prompt: str, **options: int) -> Any:
    body = {"model": "smollm2", "messages": [{"role": "user", "content": prompt}], **options}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    return httpx.post(url, json=body, timeout=PATIENCE, trust_env=False).json()
