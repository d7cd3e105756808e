"""One TLS context for all calls of httpx that name none of their own.

httpx makes one for each call without a client, and reads the certificates of all authorities for it: 25 ms of CPU.
Tests call workers of this machine thousands of times.
"""

import functools
import os
import ssl
from typing import Any

import httpx
from httpx._transports import default


def share() -> None:
    """For this process, from now on. A test that names other authorities in the environment gets a context of them."""

    @functools.cache
    def made(authorities: str | None, **options: Any) -> ssl.SSLContext:
        return httpx.create_ssl_context(**options)

    def create_ssl_context(**options: Any) -> ssl.SSLContext:
        return made(os.environ.get("SSL_CERT_FILE"), **options)

    assert hasattr(default, "create_ssl_context"), "this release of httpx makes its contexts elsewhere"
    setattr(default, "create_ssl_context", create_ssl_context)  # noqa: B010  # the module does not export it
