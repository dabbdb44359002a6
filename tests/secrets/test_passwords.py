"""Passwords are hashed beside everything else, and one that nobody has costs the same."""

import asyncio

from heartbeat.secrets.passwords import NOBODYS, Passwords


async def test_a_password_is_known_by_its_hash_alone() -> None:
    passwords = Passwords()
    kept, again = await passwords.hash("correct horse"), await passwords.hash("correct horse")
    assert kept != again
    assert "correct horse" not in kept
    assert await passwords.matches(kept, "correct horse")
    assert not await passwords.matches(kept, "correct mouse")
    assert not await passwords.matches(None, "correct horse")
    # As long as any other: its parameters are what the time is spent on.
    assert NOBODYS.split("$")[:4] == kept.split("$")[:4]


async def test_others_are_served_meanwhile() -> None:
    passwords, turns = Passwords(), 0
    hashing = asyncio.gather(*(passwords.hash("correct horse") for _ in range(4)))
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
