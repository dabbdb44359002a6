"""What a model said, without what it only thought; and calls that a server left in the text."""

import re

WHOLE = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.S | re.I)
# Templates that open the tag in the prompt leave the closing one alone.
BEFORE_CLOSE = re.compile(r"^.*?</(?:think|thinking|thought|reasoning)>", re.S | re.I)
NEVER_CLOSED = re.compile(r"<(?:think|thinking|thought|reasoning)>.*\Z", re.S | re.I)
FINAL_CHANNEL = re.compile(
    r"<\|channel\|>final(?:<\|[^|]*\|>[^<]*)*?<\|message\|>(.*?)(?:<\|(?:end|return|start)\|>|\Z)", re.S
)
OTHER_CHANNEL = re.compile(r"<\|channel\|>.*", re.S)
CONTROL = re.compile(r"<\|(?:im_start|im_end|end|start|return|eot_id|endoftext|assistant)\|>(?:assistant\s*)?")

# Hermes and Qwen, Qwen Coder, Llama, Mistral, DeepSeek, Kimi, gpt-oss: a call as its model writes it.
CALLS = tuple(
    re.compile(pattern, re.S)
    for pattern in (
        r'<tool_call>\s*\{\s*"name"\s*:\s*"([^"]+)"',
        r"<function=([\w.:-]+)>",
        r'\[TOOL_CALLS\]\s*\[?\s*\{?\s*"?(?:name"\s*:\s*")?([\w.:-]+)',
        r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?([\w.:-]+)",
        r"<\|tool_call_begin\|>\s*(?:functions\.)?([\w.-]+)",
        r"<\|channel\|>commentary to=(?:functions\.)?([\w.-]+)",
        r'<invoke name="([^"]+)">',
        r'\A\s*(?:```(?:json)?\s*)?\{\s*"(?:name|tool|function)"\s*:\s*"([^"]+)"\s*,\s*"(?:parameters|arguments|input)"\s*:',
    )
)


def spoken(text: str) -> str:
    """The words of an answer for people: thoughts, channels and control tokens taken out."""
    channel = FINAL_CHANNEL.search(text)
    text = channel.group(1) if channel else OTHER_CHANNEL.sub("", text)
    text = WHOLE.sub("", text)
    text = BEFORE_CLOSE.sub("", text)
    text = NEVER_CLOSED.sub("", text)
    return CONTROL.sub("", text).strip()


def call_as_text(text: str, tools: set[str]) -> str | None:
    """The tool that a text calls in its model's own notation, if it is one of `tools`; else `None`."""
    for pattern in CALLS:
        if (match := pattern.search(text)) and match.group(1) in tools:
            return match.group(1)
    return None
