"""A wrong replay URL is refused in one line, before anything starts."""

import os
from pathlib import Path

import pytest

from tweetream.settings import Settings
from tweetream.sources import open_source
from tweetream.sources.base import Context, SourceError

CONTEXT = Context(Settings(), dict)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "query, words",
    [
        ("rat=1", "unknown option 'rat'"),
        ("rate=fast", "posts a second"),
        ("rate=-1", "posts a second"),
        ("rate=nan", "posts a second"),
        ("rate=inf", "posts a second"),
        ("loop=yes", "true or false"),
        ("format=xml", "text, csv or jsonl"),
        ("column=a", "a text file has none"),
        ("rate=1&rate=2", "given twice"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(tmp_path: Path, query: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as error:
        open_source(f"replay:{write(tmp_path / 'a.txt', b'a')}?{query}", CONTEXT).check()
    assert "\n" not in str(error.value)


def test_a_missing_file_a_directory_and_a_missing_column_are_known_before_it_starts(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.txt", "No such file"), (tmp_path, "not a file")):
        with pytest.raises(SourceError, match=words):
            open_source(f"replay:{path}", CONTEXT).check()
    with pytest.raises(SourceError, match="there are: a, b"):
        open_source(f"replay:{write(tmp_path / 'a.csv', b'a,b')}", CONTEXT).check()
    locked = write(tmp_path / "locked.txt", b"a")
    locked.chmod(0)
    if not os.access(locked, os.R_OK):  # root reads everything
        with pytest.raises(SourceError, match="Permission denied"):
            open_source(f"replay:{locked}", CONTEXT).check()
    open_source(f"replay:{write(tmp_path / 'empty.txt', b'')}", CONTEXT).check()


def test_an_unknown_kind_of_source_names_the_known_ones_and_no_secret() -> None:
    for url in ("ftp://user:secret@host/x", "posts.txt", ""):
        with pytest.raises(SourceError, match="replay:") as error:
            open_source(url, CONTEXT)
        assert "secret" not in str(error.value)
    for url in ("replay:", "replay://host/x", "replay:a\nb", "replay:%00"):
        with pytest.raises(SourceError):
            open_source(url, CONTEXT)


async def test_paths_are_relative_absolute_or_percent_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "what? é.txt", b"a\n")
    for url in ("replay:what%3F%20%C3%A9.txt", "replay:what%3F é.txt", f"replay://{tmp_path}/what%3F é.txt?rate=0"):
        source = open_source(url, CONTEXT)
        source.check()
        assert (await anext(source.chunks(None))).posts[0].id == "replay:what? é.txt:1"
    assert open_source("replay:a.txt?rate=0", CONTEXT).unpaced and not open_source("replay:a.txt", CONTEXT).unpaced
