"""The bytes of each event, comment and field of a stream."""

from tweetream.feeds.cursor import Gap
from tweetream.feeds.record import GAP, FeedRecord
from tweetream.feeds.subscription import Delivery
from tweetream.models.feed import Position
from tweetream.web import events

FIRST, LAST = Position("a", "1", 7), Position("z", "2", 9)


def record(offset: int) -> FeedRecord:
    return FeedRecord(offset, b'{"n":%d}' % offset, "traffic", 0.5, 0)


def test_a_post_has_the_id_of_the_whole_stream_and_its_data_as_it_is() -> None:
    found = [Delivery("m", "k", [], [record(3), record(5)], [FIRST], [LAST])]
    assert events.deliveries(found) == [
        b'id: a@1:7,m@k:3,z@2:9\ndata: {"n":3}\n\n',
        b'id: a@1:7,m@k:5,z@2:9\ndata: {"n":5}\n\n',
    ]
    assert events.deliveries([Delivery("m", "k", [], [record(0)], [], [])]) == [b'id: m@k:0\ndata: {"n":0}\n\n']


def test_a_gap_in_a_feed_has_the_id_of_its_place() -> None:
    gap = FeedRecord(4, b"", GAP, 0.0, 0)
    assert events.deliveries([Delivery("m", "k", [], [record(3), gap], [FIRST], [LAST])])[1] == (
        b'id: a@1:7,m@k:4,z@2:9\ndata: {"topic":"m","from":"m@k:3","to":"m@k:5"}\nevent: gap\n\n'
    )


def test_retractions_come_before_the_new_posts_of_their_feed_and_have_no_id() -> None:
    found = [Delivery("m", "k", [b"x:1"], [record(3)], [], []), Delivery("z", "2", [b'x:\\"2'], [], [], [])]
    assert events.deliveries(found) == [
        b'event: retracted\ndata: {"topic":"m","id":"x:1"}\n\n',
        b'id: m@k:3\ndata: {"n":3}\n\n',
        b'event: retracted\ndata: {"topic":"z","id":"x:\\"2"}\n\n',
    ]


def test_named_events() -> None:
    assert events.deleted("m") == b'event: deleted\ndata: {"topic":"m"}\n\n'
    assert events.gap(Gap("a", FIRST, LAST)) == b'event: gap\ndata: {"topic":"a","from":"a@1:7","to":"z@2:9"}\n\n'
    assert events.position(events.id_of([FIRST, LAST])) == b"id: a@1:7,z@2:9\nevent: position\ndata: {}\n\n"


def test_comments_and_retry_end_in_one_line_feed() -> None:
    assert events.opening(1500) == b": live\nretry: 1500\n"
    assert events.HEARTBEAT == b":\n"


def test_the_last_id_is_that_of_the_last_event_with_one() -> None:
    assert events.id_of([]) == b""
    assert events.last_id([]) == events.last_id(events.retracted("m", [b"x:1"])) == b""
    assert events.last_id([b"id: m@k:3\ndata: {}\n\n", *events.retracted("m", [b"x:1"])]) == b"m@k:3"


def test_when_a_post_was_read_is_found_in_its_event_and_never_in_its_text() -> None:
    line = (
        b'id: m@k:3\ndata: {"text":"\\"received_at\\":\\"1999-01-01T00:00:00.000Z","received_at":"%s","score":0.5}\n\n'
    )
    assert events.received_at(line % b"1970-01-01T00:00:01.500Z") == 1.5
    for other in (line % b"yesterday", b'data: {"n":1}\n\n', events.deleted("m")):
        assert events.received_at(other) is None
