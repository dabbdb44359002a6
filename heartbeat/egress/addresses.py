"""Which addresses the product may speak to: the public internet's, and those its operator allows. Pure.

`ipaddress.is_global` is not asked: it differs between patch releases of Python, and lets through the forms of IPv6
that carry an IPv4 address to a gateway or a tunnel.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# From IANA's registries of special-purpose addresses; the first network that holds an address names its kind.
_KINDS = {
    "an unspecified address": ["0.0.0.0/8", "::/128"],
    "a loopback address": ["127.0.0.0/8", "::1/128"],
    "a private address": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"],
    "a carrier's shared address": ["100.64.0.0/10"],
    "a link-local address": ["169.254.0.0/16", "fe80::/10"],
    "a multicast address": ["224.0.0.0/4", "ff00::/8"],
    "a documentation address": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
    "a benchmarking address": ["198.18.0.0/15", "2001:2::/48"],
    "an IPv4 address in the form of IPv6": [
        "::ffff:0:0/96",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
    ],
    "a reserved address": ["192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23"],
}
_CLOSED = [(ip_network(network), kind) for kind, networks in _KINDS.items() for network in networks]
_IPV6_INTERNET = IPv6Network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)

METADATA = "a cloud's metadata service"
# What answers here hands out a machine's credentials. 168.63.129.16 is Azure's, and looks public.
_METADATA = {
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.42.42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:42::42",
}
_METADATA_NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
}

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class AllowList:
    """The operator's list: networks (`10.0.0.0/8`), single addresses, exact host names. Raises `ValueError`."""

    def __init__(self, entries: Sequence[str]) -> None:
        read = [_entry(entry) for entry in entries]
        self._networks = [entry for entry in read if not isinstance(entry, str)]
        self._names = {entry for entry in read if isinstance(entry, str)}

    def refusal_of_name(self, name: str) -> str | None:
        """Say what `name` is if it may not even be looked up; `None` if it may."""
        if name in _METADATA_NAMES - self._names:
            return METADATA
        return None

    def refusal(self, address: Address, name: str = "") -> str | None:
        """Say what `address`, found under `name`, is if it may not be spoken to; the addresses inside it count, too."""
        for part in (address, *embedded_ipv4(address)):
            kind = self._closed(part, name)
            if kind:
                return kind if part == address else f"an address that carries {kind}"
        return None

    def lists(self, host: Address | str) -> bool:
        """Whether the operator has listed this host, by its name or in a network."""
        if isinstance(host, str):
            return host in self._names
        return any(host in network for network in self._networks)

    def _closed(self, address: Address, name: str) -> str | None:
        if str(address) in _METADATA:
            # A network that is allowed for other reasons, or a name that comes to point here, does not open it.
            return None if ip_network(address) in self._networks else METADATA
        if name in self._names or any(address in network for network in self._networks):
            return None
        return _kind(address)


def read_host(host: str) -> Address | str:
    """The address that `host` spells, or the name it is, in lower case. Raises `ValueError` for anything else.

    Other spellings of an address (`127.1`, `2130706433`, `0x7f.1`) are refused, for resolvers read them each in
    their own way; so are zones and escapes.
    """
    plain = host.lower().removesuffix(".")
    if is_name(plain):
        return plain
    try:
        return unzoned(ip_address(plain))
    except ValueError:
        raise ValueError(
            f"{host!r} is neither a host name nor an address written as 192.0.2.1 or [2001:db8::1]"
        ) from None


def unzoned(address: Address) -> Address:
    """`address` itself. Raises `ValueError` if it is one of a zone (`fe80::1%eth0`), which is never the internet's."""
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError(f"{address} belongs to a zone of this machine")
    return address


def is_name(text: str) -> bool:
    """Whether `text`, in lower case, is a host name, and not a number that some resolvers take for an address."""
    return bool(_NAME.fullmatch(text)) and not _NUMBER.fullmatch(text.rpartition(".")[2])


def embedded_ipv4(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses inside an IPv6 one: translated, mapped, compatible, 6to4, Teredo, ISATAP."""
    if isinstance(address, IPv4Address):
        return []
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if address.teredo:
        return list(address.teredo)
    if address.sixtofour:
        return [address.sixtofour]
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        return [last]
    if _kind(address) == "an IPv4 address in the form of IPv6":
        return [last]
    return []


def _kind(address: Address) -> str | None:
    for network, kind in _CLOSED:
        if address in network:
            return kind
    if isinstance(address, IPv4Address):
        return None
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return "an IPv4 address in the form of IPv6"
    return None if address in _IPV6_INTERNET else "a reserved address"


def _entry(entry: str) -> Network | str:
    text = entry.strip().lower()
    if is_name(text):
        return text
    refusal = f"{entry!r} is none of a network (10.0.0.0/8), an address (10.0.0.7) and a host name"
    try:
        unzoned(ip_network(text, strict=False).network_address)
    except ValueError:
        raise ValueError(refusal) from None
    try:
        return ip_network(text)
    except ValueError as problem:
        # Host bits are set: which network is meant is not clear.
        raise ValueError(f"{refusal}: {problem}") from None
