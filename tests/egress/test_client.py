"""What a guarded client takes from a server, and what it gives away."""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from heartbeat.egress.capped import TooLarge
from heartbeat.egress.client import Guard, Transport, guarded_client, system_tls
from tests.support.certificates import authority_and_server
from tests.support.patience import PATIENCE
from tests.support.peer import Peer, drips, says, says_nothing, sends_to

LOOPBACK = Guard(["127.0.0.1"])
MEGABYTE = 1_000_000


def client(timeout: float = PATIENCE, max_bytes: int | None = MEGABYTE, **headers: str) -> httpx2.AsyncClient:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return guarded_client(LOOPBACK, timeout=timeout, headers=fields, max_bytes=max_bytes)


async def test_an_endless_body_is_left() -> None:
    async with Peer({"*": drips(b"x" * 65_536)}) as peer, client() as http:
        with pytest.raises(TooLarge, match="larger than 1,000,000 bytes"):
            await http.get(peer.url())
        await peer.left.wait()


async def test_a_body_of_just_the_size_is_taken() -> None:
    async with Peer({"/fits": says(b"x" * MEGABYTE), "/not": says(b"x" * (MEGABYTE + 1))}) as peer, client() as http:
        assert len((await http.get(peer.url("/fits"))).content) == MEGABYTE
        with pytest.raises(TooLarge):
            await http.get(peer.url("/not"))


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_what_unpacks_to_more_is_left_before_it_is_unpacked(encoding, pack) -> None:
    bomb = pack(bytes(300 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    async with Peer({"/bomb": says(bomb, content_encoding=encoding)}) as peer, client() as http:
        tracemalloc.start()
        with pytest.raises(TooLarge):
            await http.get(peer.url("/bomb"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 10 * MEGABYTE


async def test_what_is_packed_as_asked_for_is_unpacked() -> None:
    async with Peer({"*": says(gzip.compress(b"hello"), content_encoding="gzip")}) as peer, client() as http:
        assert (await http.get(peer.url())).text == "hello"
        assert peer.asked[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "gzip, identity, deflate"])
async def test_what_is_packed_in_another_way_is_left(encoding: str) -> None:
    body = gzip.compress(gzip.compress(b"hello"))
    async with Peer({"*": says(body, content_encoding=encoding)}) as peer, client() as http:
        with pytest.raises(httpx2.DecodingError, match="not asked for"):
            await http.get(peer.url())


async def test_the_body_of_a_redirect_is_capped_too() -> None:
    bomb = gzip.compress(bytes(10 * MEGABYTE))
    async with Peer({"/": sends_to("/next", bomb, content_encoding="gzip"), "/next": says()}) as peer, client() as http:
        with pytest.raises(TooLarge):
            await http.get(peer.url())
        assert [request.path for request in peer.asked] == ["/"]


@pytest.mark.parametrize("answer", [drips(b"x", every=0.05), says_nothing], ids=["drips", "silent"])
async def test_an_answer_that_takes_too_long_in_all_is_left(answer) -> None:
    async with Peer({"*": answer}) as peer, client(timeout=0.4) as http:
        with pytest.raises(httpx2.TimeoutException):
            await http.get(peer.url())
        await peer.left.wait()


async def test_redirects_share_the_time() -> None:
    """Or there would be too many of them before the time of one is over."""

    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await sends_to("/again")(writer)

    async with Peer({"*": late}) as peer, client(timeout=0.7) as http:
        with pytest.raises(httpx2.TimeoutException):
            await http.get(peer.url())


async def test_five_redirects_are_followed_and_no_sixth() -> None:
    steps = {f"/{n}": sends_to(f"/{n + 1}") for n in range(10)}
    async with Peer({**steps, "/10": says()}) as peer, client() as http:
        assert (await http.get(peer.url("/5"))).text == "hello"
        with pytest.raises(httpx2.TooManyRedirects):
            await http.get(peer.url("/4"))


async def test_secrets_do_not_go_to_another_origin() -> None:
    async with Peer({"*": says()}) as other, Peer({"/": sends_to("/own"), "/own": sends_to(other.url())}) as first:
        async with client(Authorization="Bearer s3cret", X_Api_Key="s3cret", Cookie="a=s3cret") as http:
            assert (await http.get(first.url().replace("//", "//user:s3cret@"))).text == "hello"
        at_home, away = first.asked[1].headers, other.asked[0].headers
        assert at_home["authorization"]
        assert at_home["x-api-key"] == "s3cret"
        assert "s3cret" not in str(away)
        assert set(away) == {"host", "accept", "accept-encoding", "connection", "user-agent"}


async def test_secrets_do_not_come_back_with_a_redirect_back() -> None:
    async with Peer({}) as other, Peer({"/": sends_to(other.url()), "/back": says()}) as first:
        other.answers = {"*": sends_to(first.url("/back"))}
        async with client(X_Api_Key="s3cret") as http:
            assert (await http.get(first.url())).text == "hello"
        assert "x-api-key" not in first.asked[1].headers


async def test_proxies_in_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer({"*": says(b"proxy")}) as proxy, Peer({"*": says(b"direct")}) as peer:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with httpx2.AsyncClient() as unguarded:
            assert (await unguarded.get(peer.url())).text == "proxy"
        async with client() as http:
            assert (await http.get(peer.url())).text == "direct"
        assert proxy.connections == 1


async def test_certificates_are_those_of_the_name(tmp_path: Path) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    authority, server = authority_and_server("secure.example", tmp_path)
    names: list[str | None] = []
    server.sni_callback = lambda _, name, __: names.append(name)
    ours = ssl.create_default_context(cafile=str(authority))
    transport = Transport(Guard(["127.0.0.1"], resolver), timeout=PATIENCE, tls=ours)
    async with Peer({"*": says()}, tls=server) as peer, httpx2.AsyncClient(transport=transport) as http:
        assert (await http.get(peer.url(host="secure.example"))).text == "hello"
        with pytest.raises(httpx2.ConnectError, match=r"other\.example"):
            await http.get(peer.url(host="other.example"))
    assert names == ["secure.example", "other.example"]


async def test_a_certificate_that_the_environment_alone_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, server = authority_and_server("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    system_tls.cache_clear()
    async with Peer({"*": says()}, tls=server) as peer, guarded_client(Guard(["localhost"]), timeout=PATIENCE) as http:
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(peer.url(host="localhost"))
        assert peer.asked == []
