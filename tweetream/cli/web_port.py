"""Checks whether the page can be served on a port, for the subcommands that serve it."""

import socket

from tweetream.models.messages import fail
from tweetream.settings import addresses_of, in_url


def check_port(host: str, port: int, setting: str = "TWEETREAM_WEB_PORT") -> None:
    """End with one line if another program has the port, or this machine has not the address."""
    for listening in addresses_of(host):
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(listening, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            fail(f"cannot serve on {in_url(listening)}:{port} ({reason}): set {setting}")
