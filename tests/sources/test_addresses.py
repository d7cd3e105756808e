"""The hosts that may get a token, and the addresses that may be connected to."""

import socket
from typing import Any

import aiohttp
import pytest

from tweetream.sources.addresses import Hosts, is_local, is_public
from tweetream.sources.base import Disconnected
from tweetream.sources.http import open_session


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
        ),
        *("169.254.169.254", "168.63.129.16", "198.18.0.1", "192.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fec0::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        # Addresses of IPv6 that lead to one of IPv4.
        *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::1"),
        *("", "localhost", "2130706433", "0x7f.1", "127.1"),
    ],
)
def test_an_address_of_this_machine_or_network_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_only_a_host_that_says_so_itself_is_local() -> None:
    local = (
        "localhost",
        "mastodon",
        "a.localhost",
        "nas.local",
        "mas.home.arpa",
        "x.internal",
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
    )
    assert all(map(is_local, local)) and is_local("LOCALHOST.")
    assert not any(map(is_local, ("mastodon.example", "1.1.1.1", "localhost.example", "a.notlocal.org")))


@pytest.mark.parametrize(
    ("named", "host", "covered"),
    [
        ("mastodon.social", "mastodon.social", True),
        ("mastodon.social", "streaming.mastodon.social", True),
        ("mastodon.social", "MASTODON.social.", True),
        ("mastodon.social", "social", False),
        ("mastodon.social", "other.social", False),
        ("mastodon.social", "evilmastodon.social", False),
        ("mastodon.social", "mastodon.social.evil.example", False),
        ("social.example.org", "streaming.example.org", False),
        ("me.github.io", "you.github.io", False),
        ("news.co.uk", "evil.co.uk", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "1.127.0.0.1", False),
        ("127.0.0.1", "localhost", False),
        ("::1", "[::1]", True),
    ],
)
def test_a_host_and_its_subdomains_are_covered_and_no_neighbours(named: str, host: str, covered: bool) -> None:
    assert Hosts((named,)).covers(host) is covered


def test_a_host_may_be_private_only_if_the_url_names_it() -> None:
    for host in ("::1", "127.0.0.1", "localhost", "mas.local", "mastodon"):
        assert Hosts((host,)).may_be_private(host) and not Hosts(("mas.example",)).may_be_private(host)
    assert Hosts(("mas.local",)).may_be_private("streaming.mas.local")
    assert not Hosts(("mas.example",)).may_be_private("mas.example")


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name has these addresses."""

    async def resolve(self: Any, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[dict[str, Any]]:
        known = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [known | {"host": address} for address in addresses]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)


async def outcome(hosts: Hosts, url: str) -> Exception:
    async with open_session(hosts, aiohttp.ClientTimeout(total=2)) as session:
        with pytest.raises(Exception) as error:  # noqa: PT011 - the caller looks at it
            await session.get(url)
    return error.value


async def test_a_name_with_a_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the address is checked that the connection uses, whatever was answered before."""
    answers(monkeypatch, "127.0.0.1")
    error = await outcome(Hosts(("mas.example",)), "http://mas.example:9/")
    assert (
        isinstance(error, Disconnected) and "private address 127.0.0.1" in str(error) and "private=true" in str(error)
    )
    # A host that the URL does not name is not local by its own word.
    assert isinstance(await outcome(Hosts(("mas.example",)), "http://localhost:9/"), Disconnected)
    for hosts in (Hosts(("mas.example",), private=True), Hosts(("mas",))):
        allowed = await outcome(hosts, f"http://{hosts.names[0]}:9/")
        assert isinstance(allowed, aiohttp.ClientConnectorError), "it has tried"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:7f00:1]", "2130706433", "127.1"])
async def test_an_address_that_the_url_does_not_name_is_not_connected_to(host: str) -> None:
    error = await outcome(Hosts(("mas.example",)), f"http://{host}:9/")
    assert isinstance(error, Disconnected | aiohttp.InvalidURL), error


async def test_of_several_addresses_the_public_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "10.0.0.1", "1.1.1.1", "::1")
    async with open_session(Hosts(("mas.example",)), aiohttp.ClientTimeout()) as session:
        connector: Any = session.connector
        assert [one["host"] for one in await connector._resolver.resolve("mas.example", 443)] == ["1.1.1.1"]
