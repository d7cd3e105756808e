"""Tells systemd that the worker is ready, and every few seconds that it lives (sd_notify); else it does nothing."""

import contextlib
import os
import socket


def tell_systemd(state: str) -> None:
    """Send a state, such as READY=1 or WATCHDOG=1, if systemd started this program and waits for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        sender.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
