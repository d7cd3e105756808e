"""The failures of a Jetstream server, beyond those of every network (test_contract_faults.py)."""

import time
from email.utils import formatdate

import pytest
from support.networks.contract import Reading, one_line
from support.networks.jetstream_reading import connected, id, source
from support.networks.jetstream_server import Fault, JetstreamServer

from tweetream.models.drop import Drop
from tweetream.sources.base import Chunk, Disconnected, FailureKind, SourceError
from tweetream.sources.supervisor import Supervisor


async def end(reading: Reading) -> Exception:
    """The error that ends a reading; the reading is closed."""
    try:
        return one_line(await reading.over())
    finally:
        await reading.close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(hang=True), "does not answer"),
        (Fault(mute=True), "has sent nothing for 0.5 s"),
        (Fault(), "broke off"),
        (Fault(close=(1001, "server shutting down")), "closed the stream (1001, server shutting down)"),
        (Fault(close=(1008, "two\nlines")), "closed the stream (1008, two lines)"),
        (Fault(close=(4000, "")), "closed the stream (4000)"),
    ],
    ids=["hang", "mute", "cut", "going-away", "policy", "own-code"],
)
async def test_the_end_of_a_connection_has_a_reason_of_one_line(fault: Fault, said: str) -> None:
    async with JetstreamServer() as server:
        server.faults.append(fault)
        error = await end(Reading(source(server.url)))
        assert isinstance(error, Disconnected) and error.kind is FailureKind.NETWORK
        assert said in str(error) and "127.0.0.1" in str(error)


async def test_posts_before_the_end_are_given_and_half_a_message_is_none() -> None:
    async with JetstreamServer() as server:
        for number in range(3):
            server.post(str(number), "halo")
        server.faults.append(Fault(after=2, half=True))
        reading = Reading(source(server.url), str(server.log[0].time_us))
        error = await end(reading)
        assert isinstance(error, Disconnected) and reading.ids == [id("0"), id("1")]
        assert reading.position == str(server.log[1].time_us) and not reading.dropped


async def test_pings_alone_keep_a_quiet_stream_alive_and_are_answered() -> None:
    async with JetstreamServer(ping=0.1) as server, await connected(source(server.url)) as reading:
        with pytest.raises(TimeoutError):
            await reading.over(1.2)
        assert server.pongs >= 8


async def test_answers_in_place_of_a_stream_say_what_to_do() -> None:
    later = time.time() + 100
    cases = {
        400: (Disconnected, FailureKind.HTTP),
        401: (SourceError, None),
        403: (SourceError, None),
        404: (Disconnected, FailureKind.HTTP),
        429: (Disconnected, FailureKind.RATE),
        503: (Disconnected, FailureKind.HTTP),
    }
    async with JetstreamServer() as server:
        for status, (kind, trouble) in cases.items():
            server.faults.append(Fault(status=status, headers={"Retry-After": formatdate(later, usegmt=True)}))
            error = await end(Reading(source(server.url)))
            assert type(error) is kind and f"answers {status}" in str(error)
            if isinstance(error, Disconnected):
                assert error.kind is trouble and abs(error.not_before - later) <= 1


async def test_a_public_server_that_refuses_is_left_for_the_next_one() -> None:
    async with JetstreamServer() as server, JetstreamServer() as next_one:
        bluesky = source(server.url)
        (first_url,) = bluesky.options.servers
        both = (first_url, first_url.with_port(next_one.port))
        bluesky.options = bluesky.options._replace(servers=both, public=True)
        for one in (server, next_one):
            one.faults.extend([Fault(status=403), Fault(close=(1001, ""))])
        for _ in range(4):
            error = await end(Reading(bluesky))
            assert isinstance(error, Disconnected)
        assert len(server.asked) == len(next_one.asked) == 2


async def test_version_2_ends_the_stream_with_an_error_of_its_own() -> None:
    async with JetstreamServer() as server, await connected(source(server.url_v2)) as reading:
        server.post("1", "halo")
        server.raw(b'{"$type":"error","error":"ConsumerTooSlow","message":"reading below\\nthe floor rate"}')
        error = one_line(await reading.over())
        assert "ConsumerTooSlow: reading below the floor rate" in str(error) and reading.ids == [id("1")]


async def test_an_invalid_frame_gets_a_second_chance_and_is_then_skipped() -> None:
    """A broken proxy may send a frame with reserved bits: here three times, at the same position."""
    async with JetstreamServer() as server:
        known = server.post("1", "halo", time_us=time.time_ns() // 1000 - 30_000_000)
        bluesky, positions = source(server.url), [str(known.time_us)]
        for _ in range(3):
            async with await connected(bluesky, positions[-1]) as reading:
                await server.spoil()
                error = one_line(await reading.over())
            assert "a bad frame" in str(error) and reading.dropped[Drop.MALFORMED] == 1
            positions.append(reading.position or "")
        assert positions[0] == positions[1] and int(positions[1]) < int(positions[2]) < int(positions[3])


async def test_a_supervisor_carries_it_through_faults_and_nothing_is_missing_or_twice() -> None:
    async with JetstreamServer() as server:
        faults = [Fault(mute=True), Fault(after=3, half=True), Fault(after=9), Fault(after=14, close=(1001, "bye"))]
        server.faults.extend([*faults, Fault(status=503), Fault(after=20, half=True)])
        for number in range(60):
            server.post(str(number), "halo")
        waits, ids = list[float](), list[str]()

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        async def take(chunk: Chunk) -> None:
            ids.extend(post.id for post in chunk.posts)
            if len(ids) >= 60:
                raise EOFError

        supervisor = Supervisor(source(server.url), sleep=sleep, chance=lambda: 0.0)
        with pytest.raises(EOFError):
            await supervisor.run(str(server.log[0].time_us), take)
        assert ids == [id(str(number)) for number in range(60)] and len(waits) == 6
