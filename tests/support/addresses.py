"""Addresses that no way out may reach, each as a user would write it between `http://` and the port."""

import socket
from collections.abc import Sequence

# Those of which an unguarded client on this machine finds a server of its own.
LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
]

IPV4 = [
    "0.0.0.0",
    "0.1.2.3",
    "127.255.255.254",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.200",
]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "metadata.google.internal",
    "metadata",
    "instance-data",
    "METADATA.goog.",
]
IPV6 = [
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[fe80::1]",
    "[febf::1]",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[5f00::1]",
    "[4000::1]",
    "[e000::1]",
]
CARRYING_IPV4 = [
    # mapped, compatible, translated
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::8.8.8.8]",
    "[::ffff:0:127.0.0.1]",
    "[0:0:0:0:0:ffff:c0a8:1]",
    # NAT64, 6to4, Teredo, ISATAP: of private and of public addresses
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::10.0.0.1]",
    "[64:ff9b:1:2::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:808:808::1]",
    "[2001::1]",
    "[2001:0:808:808:0:0:f5ff:fffe]",
    "[2606:4700::5efe:10.0.0.1]",
    "[2606:4700::200:5efe:127.0.0.1]",
    "[2606:4700::5efe:8.8.8.8]",
]
ODD = [
    # Numbers, as some resolvers read them
    "017700000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "127.0.1",
    "0",
    "0x0",
    "3232235777",
    "134744072",
    "10.1",
    "0177.0.0.1",
    "127.0.0.01",
    "256.256.256.256",
    "4294967297",
    "127.0.0.1.",
    "127.0.0.1..",
    "localhost.",
    # Digits of other scripts, other full stops
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "ⓛocalhost",
    # Escapes, zones, what some parsers split elsewhere
    "%31%32%37.0.0.1",
    "127.0.0.1%00",
    "localhost%2e",
    "127.0.0.1%2f@localhost",
    "[fe80::1%25lo]",
    "[::1%251]",
    "[::1%1]",
    "example.com@127.0.0.1",
    "user:word@127.0.0.1",
    "127.0.0.1\\",
    "127.0.0.1 ",
    "",
    ".",
    "[",
    "[]",
    "[::1",
    "-",
]
REFUSED = [*LOOPBACK, *IPV4, *METADATA, *IPV6, *CARRYING_IPV4, *ODD]

OTHER_SCHEMES = [
    "ftp://{}/",
    "file:///etc/passwd",
    "ws://{}/",
    "wss://{}/",
    "gopher://{}/",
    "unix:///tmp/x",
    "//{}/",
    "{}",
    "",
]

# Names of a zone that its owner set up against us; `resolve` knows them.
ZONE = {
    "loopback.example": ["127.0.0.1"],
    "loopback6.example": ["::1"],
    "lan.example": ["10.1.2.3"],
    "metadata.example": ["169.254.169.254"],
    "ula.example": ["fd00::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "zoned.example": ["fe80::1%lo"],
    "mixed.example": ["93.184.215.14", "127.0.0.1"],
    "mixed6.example": ["2606:4700::6810:1", "93.184.215.14", "fe80::1"],
    "nothing.example": [],
    "garbage.example": ["not an address"],
}


async def resolve(host: str, port: int) -> Sequence[str]:
    """A resolver that knows `ZONE`, and `localhost`."""
    try:
        return {**ZONE, "localhost": ["127.0.0.1", "::1"]}[host]
    except KeyError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
