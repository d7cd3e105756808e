"""The hosts and addresses that a source may connect to: those that its URL names, and no others.

A server may name another host, for its stream or in a redirect, and a name may lead to any address. So the addresses
are checked when the connection is made (`http.py`), not before: the answer of DNS may differ the next time.
"""

import ipaddress
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

_UNICAST = ipaddress.ip_network("2000::/3")  # all public addresses of IPv6
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_METADATA = IPv4Address("168.63.129.16")  # of Azure; those of the other clouds are link-local or shared addresses
# Names of local networks: RFC 6761, 6762, 8375, and ICANN's reservation of `internal`.
_LOCAL = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


class Hosts(NamedTuple):
    """The hosts that the URL of a source names, in lower case. With `private` all may have private addresses."""

    names: tuple[str, ...]
    private: bool = False

    def covers(self, host: str) -> bool:
        """Whether a host is one of them, or a subdomain of one."""
        host = normalised(host)
        return any(host == name or (is_name(name) and host.endswith(f".{name}")) for name in self.names)

    def may_be_private(self, host: str) -> bool:
        """Whether a host may have a private address: its name already says so, and the URL names it."""
        return self.private or (self.covers(host) and is_local(host))


def normalised(host: str) -> str:
    """A host as it is compared."""
    return host.lower().strip("[]").removesuffix(".")


def is_name(host: str) -> bool:
    """Whether a host is a name, not an address."""
    return _address(host) is None


def is_local(host: str) -> bool:
    """Whether a host says itself that it is private: a private address, a name without a dot, or `*.local`."""
    host = normalised(host)
    if not is_name(host):
        return not is_public(host)
    return "." not in host or host.endswith(_LOCAL)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet. Loopback, private, link-local and shared ones are not."""
    found = _address(address)
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is None:
            return found in _UNICAST and found.is_global and not found.teredo
        found = inner
    return found is not None and found.is_global and not found.is_multicast and found != _METADATA


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
