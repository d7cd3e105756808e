"""An event stream is parsed by the standard, for any division into pieces, in bounded memory."""

import tracemalloc

from tweetream.sources.base import MAX_LINE
from tweetream.sources.mastodon.sse import Event, EventParser

STREAM = (
    b"\xef\xbb\xbf:)\n:thump\nevent: update\ndata: {}\n\n"
    b"data:no name\ndata:  two lines\ndata\n\n"
    b"event: empty\n\n"
    b"event: crlf\r\nid: 5\r\nretry: 9\r\ndata: a\rb\r\n\r\n"
    b"unknown: x\ndata: \xff\n\n"
    b"event: cut\ndata: never ended"
)
EVENTS = [
    Event(b"update", b"{}"),
    Event(b"message", b"no name\n two lines\n"),
    Event(b"crlf", b"a\rb"),
    Event(b"message", b"\xff"),
]


def test_however_it_is_cut_the_events_are_the_same() -> None:
    for size in (*range(1, 12), len(STREAM)):
        events = EventParser()
        pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
        assert [event for piece in pieces for event in events.feed(piece)] == EVENTS


def test_an_event_too_long_is_said_to_be_and_nothing_of_it_kept() -> None:
    events = EventParser()
    assert list(events.feed(b"event: update\ndata: ")) == []
    tracemalloc.start()
    for _ in range(100):
        assert list(events.feed(b"x" * 100_000)) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000
    assert list(events.feed(b"\n\ndata: fine\n\n")) == [Event(b"update", None), Event(b"message", b"fine")]


def test_many_lines_of_one_event_are_bounded_too() -> None:
    events = EventParser()
    line = b"data: " + b"y" * 50_000 + b"\n"
    for _ in range(MAX_LINE // 50_000 + 2):
        assert list(events.feed(line)) == []
    assert list(events.feed(b"\n" + b"data: " + b"z" * (MAX_LINE - 6) + b"\n\n")) == [
        Event(b"message", None),
        Event(b"message", b"z" * (MAX_LINE - 6)),
    ]
