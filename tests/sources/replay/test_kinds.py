"""A file is what its first bytes say: packed files are unpacked, and what cannot be read is refused in one line."""

import bz2
import gzip
import io
import lzma
import sqlite3
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.networks.exports import FOLDER

from tweetream.sources.base import SourceError
from tweetream.sources.replay import kinds, sheets
from tweetream.sources.replay.files import pieces
from tweetream.sources.replay.layout import Layout
from tweetream.sources.replay.row_count import count_rows
from tweetream.sources.replay.source import Replay

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}
DATA = b"".join(b"%d macet di Sudirman\n" % number for number in range(30_000))


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(SourceError) as error:
        Replay(f"replay:{path}").check()
    said = str(error.value)
    assert said.startswith(f"{path}: ") and "\n" not in said
    return said


@pytest.mark.parametrize("end", PACK)
@pytest.mark.parametrize("name", ["posts.txt", "posts.txt.{end}"])
def test_a_packed_file_is_unpacked_whatever_its_name_and_as_many_times_as_it_was_packed(
    tmp_path: Path, end: str, name: str
) -> None:
    path, pack = tmp_path / name.format(end=end), PACK[end]
    path.write_bytes(pack(DATA[:1000]) + pack(DATA[1000:]))
    assert b"".join(pieces(str(path))) == DATA and max(map(len, pieces(str(path)))) <= 256 * 1024
    for data in (DATA, b"".join(b"%d\n" % (n * n * 7919 % 999_983) for n in range(60_000))):  # one large when packed
        path.write_bytes(pack(gzip.compress(data)))
        assert b"".join(pieces(str(path))) == data


@pytest.mark.parametrize("end", PACK)
def test_a_packed_file_that_is_cut_or_damaged_says_so(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"posts.txt.{end}"
    path.write_bytes(PACK[end](DATA)[:-500])
    with pytest.raises(SourceError, match="the archive is incomplete"):
        list(pieces(str(path)))
    assert "damaged" in refusal(path, b"Macet di Sudirman\n")
    broken = bytearray(PACK[end](DATA))
    broken[8:200] = bytes(byte ^ 0x55 for byte in broken[8:200])
    path.write_bytes(broken)
    with pytest.raises(SourceError, match=r"damaged|incomplete"):
        list(pieces(str(path)))


def test_a_bomb_is_unpacked_in_small_pieces(tmp_path: Path) -> None:
    """A decompression bomb must not fill the memory."""
    for end, pack in PACK.items():
        path = tmp_path / f"bomb.txt.{end}"
        path.write_bytes(pack(b"\x00" * 50_000_000))
        sizes = [len(piece) for piece in pieces(str(path))]
        assert sum(sizes) == 50_000_000 and max(sizes) <= 256 * 1024
    packed = b"macet\n"
    for _ in range(4):
        packed = gzip.compress(packed)
    assert "packed more than" in refusal(tmp_path / "often.gz", packed)


@pytest.mark.parametrize("end", PACK)
def test_a_bomb_of_empty_archives_is_refused_soon(tmp_path: Path, end: str) -> None:
    """Against a small file that keeps the worker unpacking for minutes, and never gives it a byte."""
    path = tmp_path / "posts.csv"
    path.write_bytes(gzip.compress(PACK[end](b"") * 1_000_000, 1))
    began = time.perf_counter()
    with pytest.raises(SourceError, match="unpack to nothing"):
        list(pieces(str(path)))
    assert time.perf_counter() - began < 5


def test_the_rows_of_a_bomb_are_not_counted(tmp_path: Path) -> None:
    """Against a small file whose rows would be counted for hours before the first post."""
    path = tmp_path / "posts.csv"
    path.write_bytes(gzip.compress(b"full_text\n" + b"macet\n" * 20_000_000, 1))
    began = time.perf_counter()
    assert count_rows(str(path), Layout("csv")) is None
    assert time.perf_counter() - began < 2


def archive(write: Callable[[io.BytesIO], None]) -> bytes:
    data = io.BytesIO()
    write(data)
    return data.getvalue()


def tar(data: io.BytesIO) -> None:
    with tarfile.open(fileobj=data, mode="w") as file:
        file.add(__file__)


def zipped(data: io.BytesIO) -> None:
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("data/tweets.js", "window.YTD")


def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    assert "zip archive; unpack it" in refusal(path, archive(zipped))
    assert "tar archive; unpack it" in refusal(path, archive(tar))
    assert "tar archive; unpack it" in refusal(path, gzip.compress(archive(tar)))
    base = sqlite3.connect(tmp_path / "posts.db")
    base.execute("create table posts (text)")
    base.close()
    assert "sqlite3 -header -csv" in refusal(path, (tmp_path / "posts.db").read_bytes())
    for magic, (what, advice) in kinds._REFUSED.items():
        said = refusal(path, magic + b"\x01" * 600)
        assert what in said and advice in said
    assert "web page" in refusal(path, b"\n  <!DOCTYPE HTML>\n<html>")


def test_a_text_that_begins_like_nothing_known_is_read(tmp_path: Path) -> None:
    for text in ("PK, kita ketemu", "GIF 89 lucu", "BZ hari ini", "<3 Jakarta", "%persen"):
        path = tmp_path / "posts.txt"
        path.write_text(text)
        Replay(f"replay:{path}").check()


def test_without_the_extra_a_workbook_and_parquet_say_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module, name in (("openpyxl", "workbook.xlsx"), ("pyarrow", "posts.parquet")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(SourceError, match=r"pip install 'tweetream\[files\]'") as error:
                Replay(f"replay:{FOLDER / name}").check()
        assert "\n" not in str(error.value)
        packed = gzip.compress((FOLDER / name).read_bytes())
        assert "not packed; unpack it" in refusal(tmp_path / f"{name}.gz", packed)
        damaged = (FOLDER / name).read_bytes()[:-300]
        assert "is it damaged?" in refusal(tmp_path / name, damaged)


def test_a_workbook_that_is_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip bomb in an Excel file must not fill the memory."""
    monkeypatch.setattr(sheets, "_MAX_UNPACKED", 1000)
    with pytest.raises(SourceError, match="save it as CSV"):
        Replay(f"replay:{FOLDER / 'workbook.xlsx'}").check()


async def test_a_workbook_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_bytes((FOLDER / "workbook.xlsx").read_bytes())
    assert [chunk async for chunk in Replay(f"replay:{tmp_path / 'posts.csv'}?rate=0").chunks(None)][-1].posts
