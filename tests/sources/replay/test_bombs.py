"""No small file holds the event loop, fills the memory or goes on without an end."""

import asyncio
import io
import time
import zipfile
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import SourceError
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay import parquet as parquet_rows
from tweetream.sources.replay import reader, sheets
from tweetream.sources.replay.formats import parse
from tweetream.sources.replay.json_values import values
from tweetream.sources.replay.plain import MAX_FIELDS
from tweetream.sources.replay.source import Replay

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</sst>'


STRINGS_TYPE = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType='
    b'"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)


def workbook(path: Path, packing: int = zipfile.ZIP_DEFLATED, **parts: str) -> Path:
    """A workbook of two rows, with other contents of `sheet` or `strings`."""
    book, plain = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["text"])
    book.active.append(["macet"])
    book.save(plain)
    names = {"xl/worksheets/sheet1.xml": parts.get("sheet"), "xl/sharedStrings.xml": parts.get("strings")}
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", packing) as new:
        for name in old.namelist():
            if name not in names:
                new.writestr(name, old.read(name).replace(b"</Types>", STRINGS_TYPE + b"</Types>"))
        for name, content in names.items():
            new.writestr(name, content or (old.read(name) if name in old.namelist() else STRINGS.format("")))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as error:
        Replay(f"replay:{path}").check()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_small_workbook_with_millions_of_texts_is_refused(tmp_path: Path) -> None:
    """Stops 46 kB that held the loop for 27 s."""
    path = workbook(tmp_path / "a.xlsx", strings=STRINGS.format("<si><t>a</t></si>" * 1_100_000))
    assert path.stat().st_size < 60_000 and "far more than its size" in refusal(path)
    packed = workbook(tmp_path / "b.xlsx", zipfile.ZIP_BZIP2)
    assert "no spreadsheet program" in refusal(packed)


def test_the_parts_that_are_read_whole_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "a.xlsx")
    Replay(f"replay:{path}").check()
    monkeypatch.setattr(sheets, "_MAX_TEXTS", 1000)
    assert "save it as CSV" in refusal(path)


async def read(path: Path) -> tuple[list[str], float]:
    """The texts of a file, and the longest time that the loop stood still, as a part of all."""
    longest, began = 0.0, time.perf_counter()

    async def beat() -> None:
        nonlocal longest
        last = began
        while True:
            await asyncio.sleep(0.002)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    beating = asyncio.create_task(beat())
    try:
        found = [post.text async for chunk in Replay(f"replay:{path}?rate=0").chunks(None) for post in chunk.posts]
        await asyncio.sleep(0.005)
        return found, longest / (time.perf_counter() - began)
    finally:
        beating.cancel()


async def test_a_row_number_of_a_billion_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a file of a kilobyte that gave blank rows for hours."""
    monkeypatch.setattr(sheets, "_MAX_ROWS", 1000)
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c></row><row r="2000000000"></row>'
    with pytest.raises(SourceError, match="over 1,000 rows"):
        await read(workbook(tmp_path / "a.xlsx", sheet=SHEET.format(rows)))


async def test_a_large_workbook_does_not_hold_the_loop(tmp_path: Path) -> None:
    texts = [f"macet {number * 7919 % 100_003}" for number in range(20_000)]
    strings = "".join(f"<si><t>{text}</t></si>" for text in ["text", *texts])
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{n - 1}</v></c></row>' for n in range(1, 1001))
    path = workbook(tmp_path / "a.xlsx", strings=STRINGS.format(strings), sheet=SHEET.format(rows))
    found, longest = await read(path)
    assert found == texts[:999] and longest < 0.5


async def test_a_workbook_that_is_still_read_is_left_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source must end within a second, and its thread soon after."""
    path = workbook(tmp_path / "a.xlsx")
    begun, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(path: str, stopped: Callable[[], bool]) -> sheets.Blocks:
        loop.call_soon_threadsafe(begun.set)
        while not stopped():
            time.sleep(0.001)
        loop.call_soon_threadsafe(ended.set)
        yield []

    monkeypatch.setattr(sheets, "_workbook", slow)
    async with aclosing(Replay(f"replay:{path}").chunks(None)) as chunks:
        reading = asyncio.create_task(anext(chunks))
        await asyncio.wait_for(begun.wait(), 5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_long_value_of_a_dictionary_of_parquet_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops a value of 2 MB that became 480 MB, since 200 rows have it."""
    path = tmp_path / "a.parquet"
    ok = ["macet", None, "banjir"] * 67
    long = pa.DictionaryArray.from_arrays(pa.array([0] * len(ok), pa.int32()), ["x" * 2_000_000])
    table = pa.table({"text": ok, "other": long, "user": pa.StructArray.from_arrays([long], ["name"])})
    parquet.write_table(table, path, compression="zstd", dictionary_pagesize_limit=2**30)
    assert path.stat().st_size < 10_000
    before = pa.default_memory_pool().max_memory()
    found, _ = await read(path)
    assert found == [text for text in ok if text]
    assert pa.default_memory_pool().max_memory() - before < 2 * 16 * 1024 * 1024
    monkeypatch.setattr(parquet_rows, "_FREE", 1_000_000)
    with pytest.raises(SourceError, match="far more than its size"):
        await read(path)


async def test_numbers_times_and_objects_of_parquet_are_as_before(tmp_path: Path) -> None:
    columns = {"text": ["a", "b"], "id": [1, 2], "user": [{"username": "rina"}, None], "tags": [["x"], []]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    blocks = list(sheets.rows(str(tmp_path / "a.parquet"), "parquet"))
    rows = [["a", "1", "{'username': 'rina'}", ""], ["b", "2", "", ""]]
    assert blocks == [[["text", "id", "user", "tags"]], rows]


def test_a_long_text_of_a_document_is_looked_through_once() -> None:
    """Stops texts and values of megabytes that were looked through, and copied, again with each piece."""
    piece = b"x" * 128 * 1024
    for document in (
        [b'[{"text": "', *[piece] * 100, b'"}]'],
        [b"[{", *[b'"a": [],' + piece[:50_000]] * 260, b'"b": 1}]'],
    ):
        began = time.thread_time()
        found = [value for value in values("a", iter(document)) if value is not None]
        assert time.thread_time() - began < 0.5
        assert found == [b"".join(document)[1:-1]]


async def test_a_page_of_millions_of_posts_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a page of 64 MB that became some gigabytes of objects in one step."""
    monkeypatch.setattr(reader, "MAX_OBJECTS", 1000)
    path = tmp_path / "a.jsonl"
    few = ",".join([f'{{"text": "{"x" * 2000}"}}'] * 600)
    pages = f'"items": [{"{}," * 400_000}{{}}]', f'"data": [{"0," * 600_000}0]', f'"items": [{few}]'
    path.write_text("".join(f"{{{page}}}\n" for page in pages))
    found, _ = await read(path)
    assert len(found) == 600


def test_an_object_with_a_hundred_thousand_fields_is_no_post() -> None:
    """Stops a line of a megabyte that took a tenth of a second, since the names of its fields were looked through."""
    for number, wanted in ((MAX_FIELDS - 1, Post), (MAX_FIELDS, Drop)):
        fields = ",".join(f'"f{nth}":0' for nth in range(number))
        assert isinstance(parse(f'{{{fields},"text":"macet"}}'.encode(), ParseContext(0, "replay:a:1")), wanted)
