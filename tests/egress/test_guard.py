"""No way out leads inside: every spelling, every answer of a resolver, every redirect, on real connections."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx2
import pytest

from heartbeat.agents.tools.built_in import web_page
from heartbeat.egress.client import Guard, Refused, Resolve, guarded_client, look_up
from heartbeat.settings import Settings
from tests.support.addresses import LOOPBACK, OTHER_SCHEMES, REFUSED, ZONE, resolve
from tests.support.guarded import Rebinding
from tests.support.patience import PATIENCE
from tests.support.peer import Peer, says, sends_to
from tests.support.rows import every_row

Way = Callable[[str, Resolve, Sequence[str]], Awaitable[str]]


async def by_the_client(url: str, resolver: Resolve, allow: Sequence[str] = ()) -> str:
    """What stood in the way of a guarded request; raises if it was answered."""
    async with guarded_client(Guard(allow, resolver), timeout=PATIENCE) as client:
        with pytest.raises((Refused, httpx2.InvalidURL)) as stopped:
            await client.get(url)
        return str(stopped.value)


async def by_web_fetch(url: str, resolver: Resolve, allow: Sequence[str] = ()) -> str:
    settings = Settings(_env_file=None, egress_allow=list(allow), tool_timeout_seconds=PATIENCE)
    called = await web_page.fetch(url, settings, resolver)
    assert called.outcome == "failed"
    return called.text


async def by_the_check(url: str, resolver: Resolve, allow: Sequence[str] = ()) -> str:
    """As an address is checked when it is registered."""
    with pytest.raises(Refused) as stopped:
        await Guard(allow, resolver).check_url(url)
    return str(stopped.value)


async def by_a_connection(url: str, resolver: Resolve, allow: Sequence[str] = ()) -> str:
    """As a mail goes out."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as problem:
        return str(problem)
    with pytest.raises(Refused) as stopped:
        await Guard(allow, resolver).connect(address.raw_host.decode("ascii"), address.port or 80)
    return str(stopped.value)


OF_URLS = [by_the_client, by_web_fetch, by_the_check]
WAYS = [*OF_URLS, by_a_connection]


async def test_the_table_is_as_long_as_it_should_be() -> None:
    assert len(set(REFUSED)) == len(REFUSED) >= 60


@pytest.mark.parametrize("host", LOOPBACK)
async def test_without_the_guard_the_server_inside_is_reached(host: str, inside: list[Peer]) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://{host}:{inside[0].port}/")).text == "hello"


@pytest.mark.parametrize("way", WAYS)
async def test_no_spelling_leads_inside(way: Way, inside: list[Peer]) -> None:
    with every_row() as row:
        for host in REFUSED:
            with row(host):
                assert await way(f"http://{host}:{inside[0].port}/", look_up, ())
                assert [peer.connections for peer in inside] == [0, 0]


@pytest.mark.parametrize("way", WAYS)
async def test_no_name_leads_inside(way: Way, inside: list[Peer]) -> None:
    with every_row() as row:
        for name in ZONE:
            with row(name):
                assert name in await way(f"http://{name}:{inside[0].port}/", resolve, ())
                assert [peer.connections for peer in inside] == [0, 0]


@pytest.mark.parametrize("way", OF_URLS)
async def test_only_http_and_https_are_spoken(way: Way, inside: list[Peer]) -> None:
    with every_row() as row:
        for form in OTHER_SCHEMES:
            with row(form):
                said = await way(form.format(f"127.0.0.1:{inside[0].port}"), resolve, ("127.0.0.1",))
                assert "Only http and https" in said or "web address" in said or "no address" in said
                assert inside[0].connections == 0


@pytest.mark.parametrize("port", [65536, 99999, 4294967376])
async def test_a_port_that_is_none_is_refused(port: int) -> None:
    assert "no port" in await by_the_client(f"http://localhost:{port}/", resolve, ["localhost"])


async def test_the_refusal_says_why_and_who_may_open_it() -> None:
    said = await by_the_check("https://lan.example/", resolve)
    opened = "Only the public internet is open; the operator's HEARTBEAT_EGRESS_ALLOW opens more."
    assert said == f"lan.example leads to a private address. {opened}", "and not to which one"
    said = await by_the_check("https://[64:ff9b::a00:1]/", resolve, ["64:ff9b::/96"])
    assert said == f"64:ff9b::a00:1 is an address that carries a private address. {opened}"


async def test_a_name_that_changes_its_mind_is_reached_where_it_was_checked() -> None:
    async with (
        Peer({"*": says(b"checked")}, "127.0.0.2") as checked,
        Peer({"*": says(b"inside")}, port=checked.port) as inside,
    ):
        resolver = Rebinding("127.0.0.2", "127.0.0.1")
        async with guarded_client(Guard(["127.0.0.2"], resolver), timeout=PATIENCE) as client:
            url = f"http://rebinding.example:{checked.port}/"
            assert (await client.get(url)).text == "checked"
            assert len(resolver.answers) == 2, "looked up once"
            with pytest.raises(Refused, match="leads to a loopback address"):
                await client.get(url)
        assert (checked.connections, inside.connections) == (1, 0)


async def test_web_fetch_is_not_rebound_either() -> None:
    settings = Settings(_env_file=None, egress_allow=["127.0.0.2"])
    async with (
        Peer({"*": says(b"checked")}, "127.0.0.2") as checked,
        Peer({"*": says(b"inside")}, port=checked.port) as inside,
    ):
        resolver = Rebinding("127.0.0.2", "127.0.0.1")
        url = f"http://rebinding.example:{checked.port}/"
        assert (await web_page.fetch(url, settings, resolver)).text == "checked"
        assert (await web_page.fetch(url, settings, resolver)).outcome == "failed"
        assert (checked.connections, inside.connections) == (1, 0)


async def test_an_answer_with_one_private_address_is_refused_whole() -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with Peer({"*": says()}, "127.0.0.2") as allowed:
        assert "leads to a loopback" in await by_the_client(allowed.url(host="both.example"), both, ["127.0.0.2"])
        assert allowed.connections == 0


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with Peer({"*": says()}) as peer, guarded_client(Guard(["127.0.0.0/8"], both), timeout=PATIENCE) as client:
        assert (await client.get(peer.url(host="both.example"))).text == "hello"


@pytest.mark.parametrize("way", [by_the_client, by_web_fetch])
@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:{}/", "http://rebound.example:{}/", "//127.1:{}/", "http://[::1]:{}/"]
)
async def test_a_redirect_does_not_lead_inside(location: str, way: Way, inside: list[Peer]) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2"] if host == "outside.example" else ["127.0.0.1"]

    async with Peer({"*": sends_to(location.format(inside[0].port))}, "127.0.0.2") as outside:
        assert await way(outside.url(host="outside.example"), resolver, ["127.0.0.2"])
        assert outside.connections == 1
    assert [peer.connections for peer in inside] == [0, 0]


async def test_a_lookup_that_takes_long_is_ended() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with guarded_client(Guard([], never), timeout=0.2) as client:
        with pytest.raises(httpx2.TimeoutException):
            await client.get("http://slow.example/")


async def test_a_connection_is_made_to_the_first_address_that_answers() -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with Peer({"*": says()}) as peer:
        guard = Guard(["127.0.0.0/8"], two)
        with await guard.connect("mail.example", peer.port) as connection:
            assert connection.getpeername() == ("127.0.0.1", peer.port)
    with pytest.raises(ConnectionRefusedError):
        await guard.connect("mail.example", peer.port)
