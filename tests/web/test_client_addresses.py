"""Which client a request behind a proxy is from."""

import pytest
from aiohttp.test_utils import make_mocked_request

from tweetream.web.limits import ClientAddresses


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("9.9.9.9:443", "9.9.9.9"),
        ("8.8.8.8, 9.9.9.9:443", "9.9.9.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("[2001:db8::1]:443", "2001:db8::/64"),
        ("nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_names_the_client_with_or_without_its_port(forwarded: str, client: str) -> None:
    """Attack: all clients of a proxy that adds ports would share the limits of one."""
    request = make_mocked_request("GET", "/", {"X-Forwarded-For": forwarded}).clone(remote="10.0.0.1")
    assert ClientAddresses(["10.0.0.0/8"]).of(request) == client
