"""Bluesky's source for a local Jetstream server, and its readings in tests."""

from support.networks.contract import Reading
from support.networks.jetstream_server import DID, POSTS

from tweetream.sources.bluesky.source import Bluesky

SECOND = 1_000_000  # of the network's time


def id(rkey: str, did: str = DID) -> str:
    """The id of a post, as in Post."""
    return f"at://{did}/{POSTS}/{rkey}"


def source(url: str, more: str = "", silence: float = 0.5) -> Bluesky:
    """The source for a server."""
    return Bluesky(f"bluesky:?url={url}{more}", silence=silence)


async def connected(source: Bluesky, position: str | None = None) -> Reading:
    """A connected reading of this source, without a post yet."""
    reading = Reading(source, position)
    await reading.chunk()
    return reading


async def first(reading: Reading, count: int) -> Reading:
    """The same reading, after this number of messages."""
    await reading.until(lambda: reading.read >= count)
    return reading


def retracted(reading: Reading) -> list[str]:
    """The ids of all retracted posts."""
    return [id for chunk in reading.got for id in chunk.retracted]
