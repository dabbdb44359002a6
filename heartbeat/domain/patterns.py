"""Regular expressions that owners write: matched in time that is linear, by the engine that pydantic brings along.

Its syntax is that of Rust's `regex`: without look-around and back references, which need more time than that.
"""

import re
from functools import lru_cache
from math import prod

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

MAX_LENGTH = 500
# What the time also grows with: how often a part may repeat, all its counts together.
MAX_REPEATS = 1_000
MAX_TEXT_LENGTH = 20_000

ESCAPED = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]", re.S)
COUNT = re.compile(r"(\))?\{\s*(\d+)\s*(?:,\s*(\d*)\s*)?\}")


def require_pattern(pattern: str) -> str:
    """Return a pattern that can be matched; raises `ValueError` in words for its author."""
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"a pattern has at most {MAX_LENGTH} characters")
    if _repeats(pattern) > MAX_REPEATS:
        raise ValueError(f"the counts of a pattern come to {MAX_REPEATS:,} together, at most")
    try:
        _validator(pattern)
    except SchemaError as problem:
        raise ValueError(f"is no regular expression: {_why(problem)}") from None
    return pattern


def is_match(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the first 20,000 characters of a text."""
    try:
        _validator(pattern).validate_python(text[:MAX_TEXT_LENGTH])
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=256)
def _validator(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _repeats(pattern: str) -> int:
    """How often its parts may repeat: the counts of groups multiplied, for one may be in the other."""
    counts = [(bool(group), int(most or least)) for group, least, most in COUNT.findall(ESCAPED.sub("x", pattern))]
    of_groups = prod(max(1, count) for is_group, count in counts if is_group)
    return of_groups * max(1, sum(count for is_group, count in counts if not is_group))


def _why(problem: SchemaError) -> str:
    """The last line of what the engine says."""
    last = str(problem).strip().splitlines()[-1].strip()
    return last.removeprefix("error: ").removeprefix("SchemaError: ").removesuffix(".")
