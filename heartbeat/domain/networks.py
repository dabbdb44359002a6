"""Which addresses are one client's: an IPv4 address, or the /64 of IPv6 that one customer has."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

PREFIX_LENGTH = 64
MAX_LENGTH = 64


@lru_cache(maxsize=1024)
def client_network(host: str) -> str:
    """Return the network of an address, as text; what a proxy passes on and is no address stays as it is."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:MAX_LENGTH]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, PREFIX_LENGTH), strict=False))
