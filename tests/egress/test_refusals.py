"""The sentences in which an address is refused, to the letter, and what is found before anything is sent."""

from ipaddress import ip_address

import httpx2
import pytest

from heartbeat.egress.addresses import AllowList, embedded_ipv4
from heartbeat.egress.capped import is_decodable
from heartbeat.egress.client import Guard, Refused, look_up

OPEN = ". Only the public internet is open; the operator's HEARTBEAT_EGRESS_ALLOW opens more."
REFUSED = {
    "ftp://example.com/": "Only http and https addresses are spoken to, not ftp.",
    "//example.com/": "Only http and https addresses are spoken to, not one without a scheme.",
    "http://127.0.0.1/": f"127.0.0.1 is a loopback address{OPEN}",
    "http://[4000::1]/": f"4000::1 is a reserved address{OPEN}",
    "http://inside.example/": f"inside.example leads to a private address{OPEN}",
    "http://metadata.google.internal/": f"metadata.google.internal is a cloud's metadata service{OPEN}",
    "http://nowhere.example/": "The host nowhere.example has no address.",
    "http://lost.example/": "The host lost.example cannot be found: gone.",
    "http://example.com:0/": "0 is no port; one is between 1 and 65535.",
    "http://1.2/": "'1.2' is neither a host name nor an address written as 192.0.2.1 or [2001:db8::1].",
}


async def resolved(host: str, port: int) -> list[str]:
    if host == "lost.example":
        raise OSError("gone")
    return [] if host == "nowhere.example" else ["10.0.0.1", "10.0.0.1"]


@pytest.mark.parametrize(("url", "words"), REFUSED.items())
async def test_what_is_refused_is_said_to_the_letter(url: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        await Guard([], resolved).check_url(url)
    assert str(caught.value) == words


async def test_an_address_is_checked_once_however_often_it_is_answered() -> None:
    assert await Guard(["10.0.0.0/8"], resolved).check("inside.example", 80) == [ip_address("10.0.0.1")]
    assert await look_up("127.0.0.1", 80) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("encodings", "decodable"),
    [
        ([], True),
        (["gzip"], True),
        (["Deflate"], True),
        (["identity"], True),
        (["identity, gzip"], True),
        (["gzip", "identity"], True),
        (["gzip, gzip"], False),
        (["gzip", "deflate"], False),
        (["br"], False),
    ],
)
def test_a_body_may_be_packed_once(encodings: list[str], decodable: bool) -> None:
    assert is_decodable(httpx2.Headers([("content-encoding", name) for name in encodings])) is decodable


def test_what_an_address_carries_inside() -> None:
    inside = {
        "2002:a00:1::": ["10.0.0.1"],
        "::ffff:10.0.0.1": ["10.0.0.1"],
        "64:ff9b::a00:1": ["10.0.0.1"],
        "2606:4700::5efe:a00:1": ["10.0.0.1"],
        "2606:4700::1": [],
        "10.0.0.1": [],
    }
    assert {form: [str(one) for one in embedded_ipv4(ip_address(form))] for form in inside} == inside


def test_an_entry_of_the_list_that_is_none_is_said_with_what_one_is() -> None:
    words = "is none of a network (10.0.0.0/8), an address (10.0.0.7) and a host name"
    for entry in ("10.0.0.1/8", "!", "fe80::1%eth0"):
        with pytest.raises(ValueError, match="is none of") as caught:
            AllowList([entry])
        assert f"{entry!r} {words}" in str(caught.value)
