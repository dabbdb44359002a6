"""Good answers of the corpus, mutated."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from heartbeat.agents.bodies import anthropic, google, openai
from heartbeat.agents.bodies.shapes import TokenUsage
from tests.support.providers import CORPUS

GOOD = {
    "openai": ["plain", "tool-calls-null", "calls-with-finish-stop"],
    "anthropic": ["plain", "call"],
    "google": ["plain", "call"],
}
CODES = {
    *("bad_answer", "empty_answer", "cut_off", "model_refused", "malformed_tool_call", "request_rejected"),
    *("rate_limited", "quota_exhausted", "overloaded", "unavailable", "provider_error", "key_rejected"),
    *("unknown_model", "too_long", "timeout", "unreachable"),
}
USAGE = {"openai": openai.usage, "anthropic": anthropic.usage, "google": google.usage}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([10**400, -(10**400), "²", "1e999"]),
    st.text(max_size=20),
    st.sampled_from(["<think>", "</think>", "<tool_call>", "{}", "null", "\x00", "\ud800", "length", "error"]),
    st.just([]),
    st.just({}),
    st.just([None, 1, "a", {}]),
    st.just({"error": {"message": "no", "code": 429}}),
)
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Answer:
    """A response of a provider that speaks `dialect`."""

    dialect: str
    text: str
    status: int = 200

    @property
    def usage(self) -> TokenUsage | None:
        """What it says was used; `None` when it says nothing."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return None
        return USAGE[self.dialect](body) if isinstance(body, dict) else None


def good_body(dialect: str, name: str) -> Any:
    """The body of a file of the corpus."""
    return json.loads((CORPUS / dialect / f"{name}.json").read_text())["body"]


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Every place in a JSON value, but the value itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((*path, key), *paths(inner, (*path, key)))]


def changed(body: Any, path: Path, change: Callable[[Any, str | int], None]) -> Any:
    """The body with one place changed."""
    copy = deepcopy(body)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return copy


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> str:
    """The text of a JSON value that was changed in up to three places, or cut short."""
    for _ in range(draw(st.integers(1, 3))):
        places = paths(body)
        if not places:
            break
        path = draw(st.sampled_from(places))
        if draw(st.booleans()):
            body = changed(body, path, lambda holder, key: holder.pop(key))
        else:
            odd = draw(ODD)
            body = changed(body, path, lambda holder, key, odd=odd: holder.__setitem__(key, odd))
    text = json.dumps(body)
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


def answers(dialect: str) -> st.SearchStrategy[Answer]:
    """Mutated answers of one dialect, with a status of success."""
    return (
        st.sampled_from(GOOD[dialect])
        .flatmap(lambda name: mutated(good_body(dialect, name)))
        .map(lambda text: Answer(dialect, text))
    )
