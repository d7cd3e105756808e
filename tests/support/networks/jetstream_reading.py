"""Bluesky as a source of a Jetstream server on this machine, and how tests read it."""

from support.networks.contract import Reading
from support.networks.jetstream_server import DID, POSTS

from tweetream.sources.bluesky.source import Bluesky

SECOND = 1_000_000  # of the network's time


def id(rkey: str, did: str = DID) -> str:
    """The id of a post as it is in Post."""
    return f"at://{did}/{POSTS}/{rkey}"


def source(url: str, more: str = "", silence: float = 0.5) -> Bluesky:
    """The source of a server."""
    return Bluesky(f"bluesky:?url={url}{more}", silence=silence)


async def connected(source: Bluesky, position: str | None = None) -> Reading:
    """A reading of this source that has its connection, and no post yet."""
    reading = Reading(source, position)
    await reading.chunk()
    return reading


async def first(reading: Reading, count: int) -> Reading:
    """The same, when it has read so many messages."""
    await reading.until(lambda: reading.read >= count)
    return reading


def retracted(reading: Reading) -> list[str]:
    """The ids of all posts that were taken back."""
    return [id for chunk in reading.got for id in chunk.retracted]
