"""Reads a file's records as posts: text, CSV or JSON lines."""

import os
from collections.abc import Generator, Iterator

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import PostOrDrop, Retracted, SourceError
from tweetream.sources.lines import LineSplitter, without_cr
from tweetream.sources.post_builder import ParseContext, make_post, too_long
from tweetream.sources.replay.csv_records import records
from tweetream.sources.replay.files import pieces
from tweetream.sources.replay.formats import parse
from tweetream.sources.replay.options import Options

# The end of a record, (LINE, K), and its outcome. None: a piece of the file has been read.
Item = tuple[int, int, Post | Drop | Retracted] | None
Items = Generator[Item, None, None]


class FileReader:
    """Reads one file. It is open while an iterator of `items` is."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # Kafka and JSON need UTF-8, and a file's name may be something else.
        name = os.path.basename(options.path).encode("utf-8", "replace").decode()
        self._prefix = f"replay:{name}:"

    def items(self, at: ParseContext, line: int, nth: int) -> Items:
        """The records after (line, nth). Each post is made when it is asked for, with the time in `at` at that moment.

        Raises SourceError if the file cannot be read.
        """
        read = {"text": self._text, "jsonl": self._json, "csv": self._csv}[self._options.format]
        return read(at, line, nth)

    def _blocks(self) -> Iterator[list[bytes | None]]:
        """The lines of the file, a list for each piece of it."""
        lines = LineSplitter()
        for piece in pieces(self._options.path):
            yield lines.feed(piece)
        if last := lines.finish():
            yield last

    def _lines(self, skip: int) -> Iterator[tuple[int, bytes | None] | None]:
        number = 0
        for block in self._blocks():
            yield None
            if number + len(block) <= skip:
                number += len(block)
                continue
            for line in block:
                number += 1
                if number > skip:
                    yield number, line

    def _text(self, at: ParseContext, line: int, nth: int) -> Items:
        prefix = self._prefix
        for read in self._lines(line):
            if read is None:
                yield None
                continue
            number, raw = read
            if raw is None:
                yield number, 0, Drop.TOO_LONG
                continue
            text = without_cr(raw).decode("utf-8", "replace")
            if not text or text.isspace():
                yield number, 0, Drop.BLANK
            elif too_long(text):
                yield number, 0, Drop.TOO_LONG
            else:
                yield number, 0, Post(f"{prefix}{number}{at.suffix}", "replay", text, None, at.now)

    def _json(self, at: ParseContext, line: int, nth: int) -> Items:
        # If only some posts of a line were given, the line is read again and those posts are skipped.
        for read in self._lines(line - 1 if nth else line):
            if read is None:
                yield None
                continue
            number, raw = read
            if raw is None or not raw or raw.isspace():
                yield number, 0, Drop.TOO_LONG if raw is None else Drop.BLANK
                continue
            at.name = f"{self._prefix}{number}"
            found = parse(raw, at, self._options.column)
            if isinstance(found, Post | Drop | Retracted):
                yield number, 0, found
                continue
            for k, item in enumerate(found, 1):
                if number > line or k > nth:
                    yield number, k, item

    def _csv(self, at: ParseContext, line: int, nth: int) -> Items:
        columns: dict[str, int] = {}
        width = 0
        mark = b"\t" if self._options.tabs else b","
        for read in records(self._blocks(), line, mark):
            if read is None:
                yield None
                continue
            begin, end, fields = read
            if not columns:
                columns, width = self._header(fields)
            elif isinstance(fields, Drop):
                yield end, 0, fields
            elif not columns[self._options.column] < len(fields) <= width:
                # With more fields than columns, an unquoted comma has cut the text short.
                yield end, 0, Drop.MALFORMED
            else:
                at.name = f"{self._prefix}{begin}"
                yield end, 0, self._row(columns, fields, at)

    def _header(self, fields: list[bytes] | Drop) -> tuple[dict[str, int], int]:
        names = [] if isinstance(fields, Drop) else [f.decode("utf-8", "replace").strip() for f in fields]
        if self._options.column not in names:
            listed = ", ".join(names)[:200] or "none that can be read"
            raise SourceError(
                f"{self._options.path}: no column {self._options.column!r} in its first line; name the column "
                f"of the text with ?column=NAME (there are: {listed})"
            )
        # Of two columns with the same name, the first counts.
        return {name: i for i, name in reversed(list(enumerate(names)))}, len(names)

    def _row(self, columns: dict[str, int], fields: list[bytes], at: ParseContext) -> PostOrDrop:
        text = fields[columns[self._options.column]].decode("utf-8", "replace")
        given = {
            name: fields[columns[name]].decode("utf-8", "replace").strip()
            for name in ("id", "url", "author", "lang", "created_at")
            if columns.get(name, len(fields)) < len(fields)
        }
        created = given.pop("created_at", None)
        return make_post(at, "replay", text, created=created, **given)
