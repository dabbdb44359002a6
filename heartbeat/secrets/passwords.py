"""Passwords of people: hashed by argon2id in threads of their own, so that nothing else waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

# As OWASP advises: 19 MiB, two passes, one lane. So many at a time, each with its own memory.
KIBIBYTES, PASSES, LANES, AT_ONCE = 19_456, 2, 1, 2
# What no password fits: whoever gives an address that nobody has waits as long as for a wrong password.
NOBODYS = f"$argon2id$v=19$m={KIBIBYTES},t={PASSES},p={LANES}${'A' * 22}${'A' * 43}"


class Passwords:
    """Hashes passwords and compares them, a few at a time.

    Callers of `matches` hold one of `turns`, for browsers that are known of `known_turns`: a flood of others does not
    have them wait.
    """

    def __init__(self) -> None:
        self.turns, self.known_turns = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")

    async def hash(self, password: str) -> str:
        """Return what the store keeps of a password."""
        return await self._run(lambda: _hasher().hash(password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Tell whether this is the password; takes as long where there is none."""
        return await self._run(lambda: _matches(kept or NOBODYS, password)) and kept is not None

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _matches(kept: str, password: str) -> bool:
    from argon2.exceptions import VerifyMismatchError

    try:
        return _hasher().verify(kept, password)
    except VerifyMismatchError:
        return False


@cache
def _hasher() -> "PasswordHasher":
    # Loaded by the first password: most processes never see one.
    from argon2 import PasswordHasher

    return PasswordHasher(PASSES, KIBIBYTES, LANES)
