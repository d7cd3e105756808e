"""The records of changes as `GET /changes` shows them."""

from tweetream.models import codec
from tweetream.models.change import Change
from tweetream.web.changes import shown
from tweetream.web.schemas import ChangeAnswer

ADDED = Change(1_480_000_000_000, "ayu", "10.0.0.7", "add", "macet", 7)
DELETED = Change(1_480_000_001_000, "budi", "fd00::7", "delete", "macet", 8)


def test_changes_come_in_their_order_and_one_that_was_recorded_twice_comes_once() -> None:
    assert shown(map(codec.encode, (ADDED, DELETED, DELETED))) == [
        ChangeAnswer("2016-11-24T15:06:40.000Z", "ayu", "10.0.0.7", "add", "macet"),
        ChangeAnswer("2016-11-24T15:06:41.000Z", "budi", "fd00::7", "delete", "macet"),
    ]


def test_what_others_have_written_to_kafka_is_left_out() -> None:
    newer = bytes([codec.VERSION + 1]) + b"x"
    wrong = codec.encode({"at": 1, "by": "x", "address": "x", "what": "burn", "topic": "x", "command": 1})
    assert len(shown([None, b"", b"{}", newer, wrong, codec.encode(ADDED)])) == 1
