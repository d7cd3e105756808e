"""Each source reads 10,000 broken messages from its server: all are counted, and none ends the source."""

import asyncio
import time
from typing import Any

from support.faults.mutations import FORMS, mutations
from support.networks.contract import Ability, Harness, Reading, Said, begun
from support.networks.harnesses import every_source

from tweetream.models import codec
from tweetream.models.drop import Drop
from tweetream.models.post import PostBatch
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.formats import parse

MESSAGES = 10_000


@every_source
async def test_10_000_mutated_messages_are_each_counted_and_what_follows_is_read(harness: Harness) -> None:
    sent = [harness.frame(payload) for payload in mutations(harness.forms(), MESSAGES)]
    harness.paced = False
    reading = await begun(harness) if harness.can(Ability.CONNECT) else Reading(harness.source())

    async def send() -> None:
        for start in range(0, MESSAGES, 100):
            await harness.send(*sent[start : start + 100], keep=False)
        await harness.say(Said(10**6, "and this"))

    def came() -> bool:
        return harness.id(10**6) in [post.id for chunk in reading.got[-1:] for post in chunk.posts]

    async with reading:
        sending = asyncio.create_task(send())
        if not harness.can(Ability.CONNECT):
            await sending
        await reading.until(came, timeout=30)
        await sending
        # A page of X holds several posts; every other message counts once.
        assert MESSAGES + 1 <= reading.read <= MESSAGES * 1.01 and reading.dropped[Drop.MALFORMED] > MESSAGES / 10
        readable = len(reading.posts) + reading.dropped[Drop.DUPLICATE]
        assert readable > MESSAGES / 20, "mutations that leave nothing to read test nothing"
        for chunk in reading.got:
            codec.encode(PostBatch(1, 1, 1, {"x": chunk.position}, chunk.posts))


def test_10_000_mutated_lines_of_all_networks_are_each_a_post_or_counted() -> None:
    at = ParseContext(round(time.time() * 1000), name="replay:f:1")
    read = 0
    for line in mutations(FORMS, MESSAGES):
        found: Any = parse(line, at)
        for outcome in [found] if not hasattr(found, "__next__") else list(found):
            read += 1
            assert isinstance(outcome, Drop) or codec.encode(PostBatch(1, 1, 1, {}, [outcome]))  # type: ignore[list-item]
    assert read >= MESSAGES
