"""`tweetream archive`: follows all feeds and writes each post once into an archive; `erase` takes an author's out.

What the archive waits for is one line on standard error. It ends with one line if waiting cannot help.
"""

import argparse
import asyncio
import gc
import logging

from tweetream import metrics
from tweetream.archive.address import DEFAULT, Address, parse_address
from tweetream.archive.archiver import Archiver
from tweetream.archive.batch import Store
from tweetream.archive.erasure import erase
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.stores import store_of
from tweetream.kafka.connection import AccessDenied
from tweetream.kafka.retry import Unavailable
from tweetream.kafka.security import connect
from tweetream.models.messages import fail
from tweetream.models.printable import PrintableLog
from tweetream.models.setting_values import seconds
from tweetream.models.signals import end_signals
from tweetream.settings import Settings, load, secrets


def run(options: argparse.Namespace) -> None:
    """Archive until Ctrl-C or SIGTERM, or erase."""
    settings = load()
    _log(settings)
    given = options.to or settings.archive.get_secret_value() or DEFAULT
    try:
        address = parse_address(given)
        if options.verb == "erase":
            number = asyncio.run(
                erase(connect(settings), settings.namespace, _store(address, settings), options.author)
            )
            print(f"{number} posts of {options.author} erased from {address}, and retracted from the feeds")
        else:
            asyncio.run(_archive(options, settings, address))
    except (BadArchive, ArchiveUnavailable, AccessDenied, Unavailable) as error:
        fail(f"archive: {error}")


def _store(address: Address, settings: Settings) -> Store:
    # As long as a feed can have a post: a file of it is written for as long as it is kept.
    return store_of(address, settings.namespace, 2 * settings.feed_retention + 3600)


async def _archive(options: argparse.Namespace, settings: Settings, address: Address) -> None:
    retention = None if options.retention is None else _seconds("--retention", options.retention)
    archiver = Archiver(connect(settings), settings.namespace, _store(address, settings), retention)
    archiver.on_open = lambda: print(f"Archive of {settings.namespace}: {address}", flush=True)
    loop = asyncio.get_running_loop()
    for number in end_signals():
        loop.add_signal_handler(number, archiver.stop)
    if options.metrics_port is not None:
        _serve_metrics(settings.web_host, options.metrics_port)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # rows are freed by their references
    await archiver.run()


def _seconds(option: str, text: str) -> float:
    try:
        return float(seconds(text))
    except ValueError as error:
        fail(f"{option}: {error}")


def _serve_metrics(host: str, port: int) -> None:
    from prometheus_client import start_http_server

    try:
        start_http_server(port, host, metrics.registry)
    except (OSError, OverflowError) as error:
        fail(f"--metrics-port: cannot serve on {host}:{port} ({getattr(error, 'strerror', None) or error})")


def _log(settings: Settings) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(PrintableLog(secrets(settings)))
    logging.basicConfig(format="tweetream: %(message)s", level=logging.WARNING, handlers=[handler])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it means for the archive is said by the archive
