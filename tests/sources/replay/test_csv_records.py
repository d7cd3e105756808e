"""A quote that does not close costs its own line: the rows behind it are read, from wherever a reader goes on."""

import random

import pytest

from tweetream.models.drop import Drop
from tweetream.sources.base import MAX_LINE
from tweetream.sources.lines import LineSplitter
from tweetream.sources.replay import csv_records
from tweetream.sources.replay.csv_records import NoRow, records

Row = tuple[int, int, list[str] | Drop]


def read(data: bytes, after: int = 0) -> list[Row]:
    splitter = LineSplitter(MAX_LINE)
    lines = [*splitter.feed(data), *splitter.finish()]
    found = [record for record in records([lines], after, ",") if record is not None]
    return [(begin, end, what.reason if isinstance(what, NoRow) else what) for begin, end, what in found]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b'a\n"b\nc\nd\n', [(1, 1, ["a"]), (2, 2, Drop.MALFORMED), (3, 3, ["c"]), (4, 4, ["d"])]),
        (b'1,"b\n2,c\n3,"d"\n', [(1, 1, Drop.MALFORMED), (2, 2, ["2", "c"]), (3, 3, ["3", "d"])]),
        (b'1,"b\n2,"c\n3\n', [(1, 1, Drop.MALFORMED), (2, 2, Drop.MALFORMED), (3, 3, ["3"])]),
        (b'1,"b\n2,c\n3,"d\ne"\n', [(1, 1, Drop.MALFORMED), (2, 2, ["2", "c"]), (3, 4, ["3", "d\ne"])]),
        (b'1,"b\n\n2,c', [(1, 1, Drop.MALFORMED), (2, 2, Drop.BLANK), (3, 3, ["2", "c"])]),
        (b'1,"b\nc"\n"d', [(1, 2, ["1", "b\nc"]), (3, 3, Drop.MALFORMED)]),
    ],
    ids=["end", "later quote", "two", "a quote of many lines", "blank", "last"],
)
def test_the_rows_behind_it_are_read(data: bytes, rows: list[Row]) -> None:
    assert read(data) == rows


def test_from_each_row_on_the_rest_is_the_same() -> None:
    chance = random.Random(3)
    kinds = ["1,a", '2,"b"', '3,"c', '"d', 'e"', '4,"f"g', "", '""', '","', 'h","']
    for _ in range(300):
        data = "\n".join(["id,text", *chance.choices(kinds, k=12)]).encode()
        rows = read(data)
        assert [begin for begin, _, _ in rows] == [1, *(end + 1 for _, end, _ in rows[:-1])], data
        for _, end, _ in rows[1:]:
            assert read(data, end) == [rows[0], *(row for row in rows if row[0] > end)], (data, end)


def test_a_file_made_of_open_quotes_takes_no_longer_than_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its lines opens a quote that only the end of the file shows to be wrong."""
    looked = 0
    ends_inside = csv_records._ends_inside

    def counting(line: bytes, inside: bool, mark: str) -> bool:
        nonlocal looked
        looked += len(line) + 1
        return ends_inside(line, inside, mark)

    monkeypatch.setattr(csv_records, "_ends_inside", counting)
    monkeypatch.setattr(csv_records, "MAX_LINE", 10_000)
    monkeypatch.setattr(csv_records, "AGAIN_MOST", 80_000)
    data = b'a","\n' * 20_000
    assert len(read(data)) == 20_000
    assert looked < len(data) + 100_000
    assert read(data + b"\n")[-1][2] is Drop.BLANK
