"""What a model said, without what it only thought."""

import re

from heartbeat.agents.written_calls import MARKS

WHOLE = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.S | re.I)
# Templates that open the tag in the prompt leave the closing one alone.
BEFORE_CLOSE = re.compile(r"^.*?</(?:think|thinking|thought|reasoning)>", re.S | re.I)
NEVER_CLOSED = re.compile(r"<(?:think|thinking|thought|reasoning)>.*\Z", re.S | re.I)
FINAL_CHANNEL = re.compile(
    r"<\|channel\|>final(?:<\|[^|]*\|>[^<]*)*?<\|message\|>(.*?)(?:<\|(?:end|return|start)\|>|\Z)", re.S
)
# A call that its server did not make; `written_call` has to see it.
CALL_CHANNEL = re.compile(r"<\|channel\|>commentary\s+to=.*", re.S)
OTHER_CHANNEL = re.compile(r"<\|channel\|>.*", re.S)
CONTROL = re.compile(r"<\|(?:im_start|im_end|end|start|return|eot_id|endoftext|assistant)\|>(?:assistant\s*)?")


def spoken(text: str) -> str:
    """The words of an answer for people: thoughts, channels and control tokens taken out, but no call of a tool."""
    if call := CALL_CHANNEL.search(text):
        return call.group()
    channel = FINAL_CHANNEL.search(text)
    text = channel.group(1) if channel else OTHER_CHANNEL.sub("", text)
    text = WHOLE.sub("", text)
    text = BEFORE_CLOSE.sub("", text)
    text = NEVER_CLOSED.sub(_call_within, text)
    return CONTROL.sub("", text).strip()


def _call_within(thought: re.Match[str]) -> str:
    """A call that a model wrote before its thought had an end."""
    call = MARKS.search(thought.group())
    return thought.group()[call.start() :] if call else ""
