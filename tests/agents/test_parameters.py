"""Which parameters a model is asked without, once it has refused them."""

import json
from typing import Any

from heartbeat.agents import parameters
from heartbeat.agents.parameters import Parameters

HERE = "https://models.example"


def request(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}).encode()


def refuses(name: str) -> bytes:
    return f"Unsupported parameter: '{name}'".encode()


def adapted(learned: Parameters, **fields: Any) -> Any:
    return json.loads(learned.adapted(HERE, request(**fields)))


def test_what_is_refused_is_left_out_or_called_otherwise_at_its_address_alone() -> None:
    learned = Parameters()
    assert learned.learn(HERE, request(temperature=1), refuses("temperature"))
    assert learned.learn(HERE, request(max_tokens=9), refuses("max_tokens"))
    assert adapted(learned, max_tokens=9, temperature=1) == {"model": "m", "max_completion_tokens": 9}
    assert adapted(learned) == {"model": "m"}
    assert learned.adapted("https://elsewhere.example", request(temperature=1)) == request(temperature=1)


def test_strict_is_left_out_of_each_tool() -> None:
    learned, tools = Parameters(), [{"type": "function", "function": {"name": "a", "strict": True}}, {"type": "other"}]
    assert learned.learn(HERE, request(tools=tools), b"tools[0].function: extra fields not permitted: strict")
    without = [{"type": "function", "function": {"name": "a"}}, {"type": "other"}]
    assert adapted(learned, tools=tools) == {"model": "m", "tools": without}


def test_nothing_is_learned_twice_nor_back_and_forth() -> None:
    learned = Parameters()
    assert learned.learn(HERE, request(max_tokens=9), refuses("max_tokens"))
    assert not learned.learn(HERE, request(max_tokens=9), refuses("max_tokens"))
    assert not learned.learn(HERE, request(max_completion_tokens=9), refuses("max_completion_tokens"))
    assert adapted(learned, max_tokens=9) == {"model": "m", "max_completion_tokens": 9}


def test_nothing_is_learned_from_what_is_no_refusal_of_a_parameter() -> None:
    learned = Parameters()
    assert not learned.learn(HERE, b"[]", refuses("temperature"))
    assert not learned.learn(HERE, b"{", refuses("temperature"))
    assert not learned.learn(HERE, request(temperature=1), b"temperature is nice")
    assert not learned.learn(HERE, request(temperature=1), refuses("top_p"))


def test_what_is_no_json_goes_as_it_is_and_null_as_an_empty_text() -> None:
    learned, none = Parameters(), {"role": "assistant", "content": None}
    assert adapted(learned, messages=[none, "x", {"role": "tool"}])["messages"][0]["content"] == ""
    assert learned.adapted(HERE, b'"content": null') == b'"content": null'


def test_the_oldest_lessons_are_forgotten_first() -> None:
    learned = Parameters()
    for number in range(parameters.MAX_REMEMBERED + 1):
        assert learned.learn(f"https://{number}.example", request(temperature=1), refuses("temperature"))
    assert learned.adapted("https://0.example", request(temperature=1)) == request(temperature=1)
    assert b"temperature" not in learned.adapted("https://1.example", request(temperature=1))
