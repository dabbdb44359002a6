"""Calls that a model wrote into its words, in the dialects of the models that do."""

import pytest

from heartbeat.agents.written_calls import written_call

TOOLS = {"desk__escalate", "report"}
CALLS = {
    "Hermes, Qwen": '<tool_call>\n{"name": "desk__escalate", "arguments": {"ticket": "7"}}\n</tool_call>',
    "Hermes after words": 'I tell them.\n<tool_call>{"name": "desk__escalate", "arguments": {}}</tool_call>',
    "Hermes, a tool that is not there": '<tool_call>{"name": "nobody", "arguments": {}}</tool_call>',
    "Qwen coder": "<function=desk__escalate>\n<parameter=ticket>\n7\n</parameter>\n</function>\n</tool_call>",
    "Llama 3": '{"name": "desk__escalate", "parameters": {"ticket": "7"}}',
    "Llama 3 with its tag": '<|python_tag|>{"name": "desk__escalate", "parameters": {"ticket": "7"}}',
    "Llama 3, fenced": '```json\n{"name": "desk__escalate", "parameters": {"ticket": "7"}}\n```',
    "a list": '[{"name": "desk__escalate", "arguments": {"ticket": "7"}}, {"name": "report", "arguments": {}}]',
    "as the API writes it": '{"type": "function", "function": {"name": "desk__escalate", "arguments": "{}"}}',
    "Mistral": '[TOOL_CALLS][{"name": "desk__escalate", "arguments": {"ticket": "7"}}]',
    "Mistral after words": 'Yes.[TOOL_CALLS]desk__escalate[ARGS]{"ticket": "7"}',
    "DeepSeek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>desk__escalate\n"
    '```json\n{"ticket": "7"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "DeepSeek 3.2": '<｜DSML｜function_calls><｜DSML｜invoke name="desk__escalate"></｜DSML｜invoke>',
    "Kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.desk__escalate:0<|tool_call_argument_begin|>{}",
    "Granite": '<|tool_call|>[{"name": "desk__escalate", "arguments": {"ticket": "7"}}]',
    "gpt-oss": '<|channel|>commentary to=functions.desk__escalate <|constrain|>json<|message|>{"ticket": "7"}',
    "Claude, MiniMax": '<invoke name="desk__escalate"><parameter name="ticket">7</parameter></invoke>',
    "Gemma": '```tool_code\ndesk__escalate(ticket="7")\n```',
}
WORDS = {
    "plain": "I called desk__escalate, and they are awake.",
    "about such calls": 'Models of that kind write `<tool_call>{"name": "report"}</tool_call>` into their text.',
    "about such calls, fenced": 'It wrote\n```xml\n<tool_call>{"name": "report"}</tool_call>\n```\nwhich is no call.',
    "JSON that was asked for": '{"name": "Ada", "arguments": {"urgent": 2}}',
    "JSON without arguments": '{"name": "report"}',
    "a list of numbers": "[1, 2]",
    "an empty list": "[]",
    "a tag in the middle that names no tool": "The log has a line with <tool_call> in it.",
}


@pytest.mark.parametrize("text", CALLS.values(), ids=CALLS)
def test_a_call_in_words_is_seen(text: str) -> None:
    assert written_call(text, TOOLS)


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_words_are_words(text: str) -> None:
    assert not written_call(text, TOOLS)
