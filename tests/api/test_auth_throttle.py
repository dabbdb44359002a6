"""Wrong keys: some are free, then their address waits ever longer. Who has a right one notices nothing of it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Connection, select
from temporalio.client import Client

from api import auth_throttle
from api.main import create_app
from heartbeat.domain.key_secrets import new_secret
from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.store.database.database import Database
from heartbeat.store.projects.auth_failures import FAILURE
from heartbeat.store.projects.projects import create_key
from heartbeat.store.users.memberships import set_member
from heartbeat.store.users.passwords import set_password
from heartbeat.store.users.users import create_user
from tests.support.api import Api, error_of, owner, settings_for
from tests.support.people import PASSWORD
from tests.support.seeds import NOW, a_project
from tests.support.statements import statements

FREE = 10
ATTACKER = "203.0.113.7"
ADA = "ada@example.com"


@dataclass
class Hands:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Doors:
    """Two API processes before one database, and the owner of a project in it."""

    apps: tuple[FastAPI, FastAPI]
    owner: Api
    hands: Hands

    async def knock(self, key: str, address: str = ATTACKER, app: int = 0, **more: str) -> httpx.Response:
        async with self.at(address, app) as http:
            headers = {"authorization": f"Bearer {key}", **more}
            return await http.get("/v1/bot/readall", params={"project_id": self.owner.project.uuid}, headers=headers)

    @asynccontextmanager
    async def at(self, address: str, app: int = 0) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.apps[app], raise_app_exceptions=False, client=(address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
            yield http

    async def sources(self) -> list[str]:
        chosen = select(FAILURE.c.source)
        return await self.owner.database.read(lambda connection: list(connection.execute(chosen).scalars()))

    async def rows(self) -> int:
        return len(await self.sources())


@pytest.fixture
async def doors(database: Database, temporal: Client) -> AsyncIterator[Doors]:
    hands = Hands()
    settings = settings_for(database.url, temporal).model_copy(
        update={"free_failures": FREE, "secret_keys": SecretStr(new_key())}
    )
    apps = create_app(settings, database, temporal, now=hands), create_app(settings, database, temporal, now=hands)
    async with owner(apps[0]) as api:
        yield Doors(apps, api, hands)


async def test_an_address_waits_ever_longer_and_no_other_one_does(doors: Doors) -> None:
    for _ in range(FREE + 1):
        assert error_of(await doors.knock("hbk_wrong"), 401)
    refused = await doors.knock("hbk_wrong")
    assert error_of(refused, 429)["code"] == "too_many_failures"
    assert refused.headers["retry-after"] == "1"
    assert error_of(await doors.knock("hbk_wrong", "203.0.113.8"), 401)
    waits = []
    for _ in range(12):
        doors.hands.now += timedelta(seconds=int(refused.headers["retry-after"]))
        assert error_of(await doors.knock("hbk_wrong"), 401)
        refused = await doors.knock("hbk_wrong")
        waits.append(int(refused.headers["retry-after"]))
    assert waits[:4] == [2, 4, 8, 16]
    assert (max(waits), waits == sorted(waits)) == (900, True)


async def test_nobody_with_a_right_key_is_locked_out(doors: Doors) -> None:
    for number in range(30):
        await doors.knock(new_secret() if number % 2 else "password")
    assert (await doors.knock("password")).status_code == 429
    assert (await doors.knock(new_secret())).status_code == 429
    # Of the attacker's own address as of any other.
    for address in (ATTACKER, "203.0.113.8"):
        assert (await doors.knock(doors.owner.key, address)).status_code == 200
    assert (await doors.knock(doors.owner.key, app=1)).status_code == 200


async def test_a_short_key_is_guessed_by_nobody_and_works_on_where_it_worked(doors: Doors) -> None:
    hashes, api = KeyHashes(), doors.owner
    short = hashes.make("hunter22")
    await api.database.write(lambda c: create_key(c, api.project, "short", NOW, secret=short))
    assert (await doors.knock("hunter22", "192.0.2.1")).status_code == 200
    for address in ("192.0.2.1", ATTACKER):
        for _ in range(FREE + 1):
            await doors.knock("password", address)
    assert (await doors.knock("hunter22", "192.0.2.1")).status_code == 200
    guessed = await doors.knock("hunter22")
    assert (error_of(guessed, 429)["code"], guessed.headers["retry-after"]) == ("too_many_failures", "1")
    doors.hands.now += timedelta(seconds=1)
    assert (await doors.knock("hunter22")).status_code == 200


async def test_what_works_reads_and_writes_nothing_for_it(doors: Doors) -> None:
    with statements(doors.owner.database._engine) as before:
        await doors.knock(doors.owner.key)
    for _ in range(FREE + 5):
        await doors.knock("hbk_wrong")
    with statements(doors.owner.database._engine) as after:
        await doors.knock(doors.owner.key)
        await doors.knock(doors.owner.key, "203.0.113.8")
    # When the key was used last is written after the fact, once an hour.
    asked = [one for one in before if one.startswith("SELECT")]
    assert [one for one in after if one.startswith("SELECT")] == asked * 2
    assert "auth_failure" not in str(after)


async def test_two_thousand_wrong_keys_are_a_few_writes_and_one_line(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with statements(doors.owner.database._engine) as sent:
        async with doors.at(ATTACKER) as http:
            answers = await asyncio.gather(
                *(http.get("/v1/bot/readall", headers={"authorization": f"Bearer guess-{n}"}) for n in range(2_000))
            )
    statuses = [answer.status_code for answer in answers]
    assert {*statuses} == {401, 429}
    assert sum("INSERT INTO auth_failure" in one for one in sent) <= FREE + 1
    assert await doors.rows() == 1
    [line] = [record.getMessage() for record in caplog.records if "failed to get in" in record.getMessage()]
    assert ATTACKER in line
    assert "guess" not in caplog.text
    metrics = (await doors.owner.http.get("/metrics")).text
    counted = {outcome: metrics.count(f'kind="key",outcome="{outcome}"') for outcome in ("failed", "refused")}
    assert counted == {"failed": 2, "refused": 2}, "each with the time it was made"


async def test_a_flood_from_many_addresses_is_written_together(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth_throttle, "DROP_EVERY", 100)
    monkeypatch.setattr(auth_throttle, "MAX_ROWS", 50)
    monkeypatch.setattr(auth_throttle, "MAX_SOURCES", 50)

    async def attack(number: int) -> None:
        for _ in range(4):
            answer = await doors.knock(f"guess-{number}", f"2001:db8:0:{number:x}::1")
            assert answer.status_code == 401

    with statements(doors.owner.database._engine) as sent:
        attacks = asyncio.gather(*(attack(number) for number in range(500)))
        answers = [await doors.knock(doors.owner.key) for _ in range(20)]
        await attacks
    assert {answer.status_code for answer in answers} == {200}
    assert sum("INSERT INTO auth_failure" in one for one in sent) < 1_000
    assert len(doors.apps[0].state.stack.auth_throttle._sources) <= 50
    assert await doors.rows() <= 50 + 2 * 100


async def test_both_processes_count_together(doors: Doors) -> None:
    statuses = [(await doors.knock("hbk_wrong", app=turn % 2)).status_code for turn in range(FREE + 2)]
    assert statuses == [401] * (FREE + 1) + [429]
    assert (await doors.knock("hbk_wrong", app=0)).status_code == 429
    at_once = await asyncio.gather(*(doors.knock("hbk_wrong", "198.51.100.1", app=turn % 2) for turn in range(60)))
    assert {answer.status_code for answer in at_once} == {401, 429}
    assert await doors.rows() == 2


async def test_a_clock_that_goes_back_locks_nobody_out(doors: Doors) -> None:
    for _ in range(FREE + 1):
        await doors.knock("hbk_wrong")
    assert (await doors.knock("hbk_wrong")).status_code == 429
    doors.hands.now -= timedelta(days=2)
    assert (await doors.knock("hbk_wrong")).status_code == 401
    assert int((await doors.knock("hbk_wrong")).headers["retry-after"]) <= 900


async def test_no_key_at_all_is_no_attempt(doors: Doors) -> None:
    for _ in range(FREE * 2):
        assert (await doors.knock("")).status_code == 401
    assert await doors.rows() == 0


async def test_an_idempotency_key_is_no_way_around(doors: Doors) -> None:
    async def post() -> httpx.Response:
        headers = {"authorization": "Bearer hbk_wrong", "idempotency-key": "one"}
        async with doors.at(ATTACKER) as http:
            return await http.post("/v1/bot/create", json={"project_id": "x", "name": "y"}, headers=headers)

    statuses = [(await post()).status_code for _ in range(FREE + 3)]
    assert statuses == [401] * (FREE + 1) + [429] * 2
    with statements(doors.owner.database._engine) as sent:
        error_of(await post(), 429)
    assert [one.partition(" ")[0] for one in sent] == ["SELECT"]


async def test_sign_ins_and_links_count_too(doors: Doors) -> None:
    forms = {"/sign-in": {"key": "hbk_wrong"}, "/sign-in/once": {"token": "x"}, "/approvals/apr_x": {"token": "x"}}
    own = {"origin": "http://api.test"}
    for at, (path, form) in enumerate(forms.items()):
        async with doors.at(f"198.51.100.{at}") as http:
            statuses = [(await http.post(path, data=form, headers=own)).status_code for _ in range(FREE + 2)]
            assert statuses == [401 if path == "/sign-in" else 403] * (FREE + 1) + [429], path
            waiting = await http.post(path, data=form, headers=own)
            assert (waiting.headers["retry-after"], "try again in 1 s" in waiting.text) == ("1", True)
            right = await http.post("/sign-in", data={"key": doors.owner.key}, headers=own)
            assert right.status_code == 303


async def test_a_store_that_counts_nothing_leaves_it_to_each_process(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(auth_throttle, "count_failures", broken)
    statuses = [(await doors.knock("hbk_wrong")).status_code for _ in range(FREE + 2)]
    assert statuses == [401] * (FREE + 1) + [429]


@dataclass
class People:
    """Ada, who has a password, and everybody else who tries to sign in as her."""

    doors: Doors

    async def sign_in(self, number: int, password: str = "guess", email: str = ADA, **cookies: str) -> httpx.Response:
        """Come from an address with this number, to one process or the other."""
        async with self.doors.at(f"198.51.100.{number}", number % 2) as http:
            http.cookies.update(cookies)
            form = {"email": email, "password": password}
            return await http.post("/sign-in", data=form, headers={"origin": "http://api.test"})

    async def browser_of(self, number: int, email: str = ADA) -> dict[str, str]:
        """What a browser keeps in which somebody has signed in."""
        cookies = (await self.sign_in(number, PASSWORD, email)).cookies
        return {name: cookies[name] for name in cookies if name.startswith("heartbeat_known")}


@pytest.fixture
async def people(doors: Doors) -> People:
    await doors.owner.database.write(_a_person, ADA)
    return People(doors)


async def test_a_name_is_slowed_from_however_many_addresses(people: People, caplog: pytest.LogCaptureFixture) -> None:
    """Whether there is such a person or not, for half a minute at most."""
    caplog.set_level(logging.WARNING)
    for email in (ADA.upper(), "nobody@example.com"):
        statuses = [(await people.sign_in(number, email=email)).status_code for number in range(FREE + 4)]
        assert statuses == [401] * (FREE + 1) + [429] * 3, email
    longest = 0
    for number in range(100, 140):
        answer = await people.sign_in(number)
        wait = timedelta(seconds=int(answer.headers.get("retry-after", 0)))
        people.doors.hands.now += wait
        longest = max(longest, wait.seconds)
    assert longest == 30
    assert (await people.sign_in(200, PASSWORD)).status_code == 303
    # What is in the field of the address and is none is kept nowhere: it may be a password.
    await people.sign_in(50, email="hunter22 of mine")
    assert f"name {ADA}" in caplog.text
    assert "hunter22" not in caplog.text + str(await people.doors.sources())


async def test_the_owner_of_a_name_gets_in_with_a_browser_that_is_known(people: People) -> None:
    known = await people.browser_of(200)
    for number in range(FREE + 1):
        await people.sign_in(number)
    for number in (202, 204):
        assert (await people.sign_in(number, PASSWORD)).status_code == 429
        assert (await people.sign_in(number, PASSWORD, **known)).status_code == 303
    # Also of the address of whoever guesses, and whoever has it guesses no more than others.
    for _ in range(FREE):
        await people.sign_in(203)
    assert (await people.sign_in(203, PASSWORD, **known)).status_code == 303
    statuses = [(await people.sign_in(203, f"guess {number}", **known)).status_code for number in range(FREE + 2)]
    assert statuses == [401] * (FREE + 1) + [429]


async def test_a_flood_of_passwords_keeps_no_browser_waiting_that_is_known(people: People) -> None:
    known, turns = await people.browser_of(200), people.doors.apps[0].state.stack.passwords.turns
    async with turns, turns:
        stranger = asyncio.create_task(people.sign_in(202, PASSWORD))
        assert (await people.sign_in(204, PASSWORD, **known)).status_code == 303
        assert not stranger.done()
    assert (await stranger).status_code == 303


async def test_a_browser_is_known_to_whom_it_was_made_for(people: People) -> None:
    await people.doors.owner.database.write(_a_person, "bob@example.com")
    [name], [foreign] = await people.browser_of(200), (await people.browser_of(201, "bob@example.com")).values()
    for number in range(FREE + 1):
        await people.sign_in(number)
    for kept in (foreign, "v1.a.b"):
        assert (await people.sign_in(202, PASSWORD, **{name: kept})).status_code == 429


async def test_whoever_guesses_where_a_password_has_worked_waits_too(people: People) -> None:
    assert (await people.sign_in(200, PASSWORD)).status_code == 303
    statuses = [(await people.sign_in(200, f"guess {number}")).status_code for number in range(FREE + 2)]
    assert statuses == [401] * (FREE + 1) + [429]
    assert (await people.sign_in(200, PASSWORD)).status_code == 429


def _a_person(connection: Connection, email: str) -> None:
    user = create_user(connection, email, "Ada", NOW)
    assert user is not None
    set_password(connection, user, PasswordHasher(1, 8, 1).hash(PASSWORD))
    set_member(connection, user, a_project(connection), "admin", NOW)
