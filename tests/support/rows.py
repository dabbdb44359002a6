"""A table in one test: each row is looked at, and those that fail are named.

For long tables whose rows cost less than the item of a test that each of them would be.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.deadline import TooLate


@contextmanager
def every_row() -> Iterator[Callable[..., AbstractContextManager[None]]]:
    """Hand out `row(*its_names)`: what fails in one of these keeps no other from being looked at."""
    failures: list[BaseException] = []

    @contextmanager
    def row(*names: object) -> Iterator[None]:
        try:
            yield
        except TooLate:
            raise
        except (Exception, pytest.fail.Exception) as failure:
            failure.add_note(f"The row: {', '.join(map(str, names))}")
            failures.append(failure)

    yield row
    if failures:
        raise BaseExceptionGroup("rows of a table", failures)
