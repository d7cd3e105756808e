"""Pieces of bytes become lines, for any division into pieces, within the limit."""

import tracemalloc

from tweetream.sources.base import MAX_LINE
from tweetream.sources.lines import LineSplitter, without_cr

STREAM = b"\xef\xbb\xbffirst\r\n\nlone\rcr\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\nlast"
LINES = [b"first\r", b"", b"lone\rcr", None, b"y" * 10, b"last"]


def test_for_any_division_into_pieces_the_lines_are_the_same() -> None:
    for size in range(1, len(STREAM) + 1):
        lines = LineSplitter(limit=10)
        pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
        assert [line for piece in pieces for line in lines.feed(piece)] + lines.finish() == LINES, size


def test_a_stream_that_ends_with_lf_has_no_last_line() -> None:
    lines = LineSplitter()
    assert lines.finish() == [] and lines.feed(b"a\n") == [b"a"] and lines.finish() == []


def test_a_line_without_an_end_takes_no_more_memory_than_the_limit() -> None:
    lines, piece = LineSplitter(), b"x" * 100_000
    tracemalloc.start()
    for _ in range(200):
        assert lines.feed(piece) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MAX_LINE + 500_000
    assert lines.feed(b"\nnext\n") == [None, b"next"]


def test_only_the_cr_of_a_line_end_is_removed() -> None:
    assert [without_cr(line) for line in (b"a\r", b"a\rb", b"a", b"", b"\r\r")] == [b"a", b"a\rb", b"a", b"", b"\r"]
