"""What counts as public, and what the operator's list opens."""

from ipaddress import ip_address

import pytest

from heartbeat.egress.addresses import AllowList, embedded_ipv4, read_host
from heartbeat.settings import Settings
from tests.support.addresses import CARRYING_IPV4, IPV4, IPV6

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1"]
PUBLIC += ["192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1"]


def closed(address: str, *allow: str, name: str = "") -> str | None:
    return AllowList(allow).refusal(ip_address(address), name)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_open(address: str) -> None:
    assert closed(address) is None


def test_nothing_else_is() -> None:
    assert [host for host in (*IPV4, *IPV6, *CARRYING_IPV4) if not closed(host.strip("[]"))] == []


@pytest.mark.parametrize(
    ("form", "inside"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::10.0.0.1", "10.0.0.1"),
        ("::ffff:0:10.0.0.1", "10.0.0.1"),
        ("64:ff9b::10.0.0.1", "10.0.0.1"),
        ("64:ff9b:1::10.0.0.1", "10.0.0.1"),
        ("2002:a00:1::1", "10.0.0.1"),
        ("2001:0:808:808:0:0:f5ff:fffe", "10.0.0.1"),
        ("2606:4700::5efe:a00:1", "10.0.0.1"),
        ("2606:4700::200:5efe:a00:1", "10.0.0.1"),
    ],
)
def test_a_form_of_ipv6_is_judged_by_itself_and_by_what_it_carries(form: str, inside: str) -> None:
    assert ip_address(inside) in embedded_ipv4(ip_address(form))
    assert closed(form, "::/0"), "the form is allowed, what it carries is not"
    assert closed(form, "10.0.0.0/8"), "what it carries is allowed, the form is not"
    assert closed(form, "::/0", "10.0.0.0/8") is None


def test_an_ipv6_network_behind_nat64_reaches_the_public_internet_alone() -> None:
    assert closed("64:ff9b::8.8.8.8", "64:ff9b::/96") is None
    assert closed("64:ff9b::192.168.1.1", "64:ff9b::/96") == "an address that carries a private address"


def test_the_list_opens_networks_addresses_and_names() -> None:
    allow = ("10.0.0.0/8", "fd00:1::/32", "192.168.1.7", "Intranet.Example")
    assert closed("10.255.0.1", *allow) is None
    assert closed("fd00:1:2::3", *allow) is None
    assert closed("192.168.1.7", *allow) is None
    assert closed("192.168.1.8", *allow) == "a private address"
    assert closed("192.168.1.8", *allow, name="intranet.example") is None
    assert closed("192.168.1.8", *allow, name="sub.intranet.example")
    assert closed("11.0.0.1", *allow) is None
    assert closed("fd01::1", *allow)


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"])
def test_metadata_services_stay_closed_until_they_are_listed_themselves(address: str) -> None:
    wide = ("0.0.0.0/0", "::/0", "intranet.example")
    assert closed(address, *wide, name="intranet.example")
    assert closed(address, *wide, address) is None
    assert closed("::ffff:169.254.169.254", *wide)


def test_the_name_of_a_metadata_service_is_not_even_looked_up() -> None:
    assert AllowList([]).refusal_of_name("metadata.google.internal")
    assert AllowList(["metadata.google.internal"]).refusal_of_name("metadata.google.internal") is None
    assert AllowList([]).refusal_of_name("example.com") is None


def test_hosts_are_read_in_their_usual_spelling_alone() -> None:
    assert read_host("Example.COM.") == "example.com"
    assert read_host("xn--mnchen-3ya.de") == "xn--mnchen-3ya.de"
    assert read_host("3com.com") == "3com.com"
    assert read_host("8.8.8.8.") == ip_address("8.8.8.8")
    assert read_host("2606:4700::1") == ip_address("2606:4700::1")
    for odd in ("127.1", "2130706433", "0x7f000001", "a..b", "a b", "[::1]", "fe80::1%lo", "a" * 64, "1.2.3.4.5"):
        with pytest.raises(ValueError, match="neither a host name nor an address"):
            read_host(odd)


@pytest.mark.parametrize(
    "entry",
    ["10.0.0.1/8", "10.0.0", "http://intranet", "intranet:80", "*.example", "fe80::1%lo", "[::1]", "", "1.2.3.4.5"],
)
def test_an_entry_that_cannot_be_read_is_an_error_of_the_settings(entry: str) -> None:
    with pytest.raises(ValueError, match="none of a network"):
        Settings(_env_file=None, egress_allow=["10.0.0.0/8", entry])
