"""Checks whether the page can be served on a port, for the subcommands that serve it."""

import socket

from tweetream.settings import fail


def check_port(host: str, port: int, setting: str = "TWEETREAM_WEB_PORT, or --port in a demo") -> None:
    """End with one line if another program has the port, or this machine has not the address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        fail(f"cannot serve on {host}:{port} ({error.strerror or error}): set {setting}")
