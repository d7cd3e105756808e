"""Reads a file's records as posts, whatever its form: text, a table, or JSON.

This is the one reader of files: replays, recordings, classification and training all read with it.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from threading import Event

from msgspec.structs import replace

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_LINE, Note, Retracted
from tweetream.sources.lines import LineSplitter, without_cr
from tweetream.sources.post_builder import ParseContext, too_long
from tweetream.sources.replay import kinds, sheets
from tweetream.sources.replay.choices import Choices
from tweetream.sources.replay.csv_records import CsvRecord, NoRow, decode, records
from tweetream.sources.replay.encoding import encoding_of, readable, to_utf8
from tweetream.sources.replay.files import STANDARD_INPUT, pieces
from tweetream.sources.replay.formats import parse
from tweetream.sources.replay.ids import REMEMBERED, TextsById
from tweetream.sources.replay.json_values import MAX_VALUE, values
from tweetream.sources.replay.layout import Layout, day_first_in_json, format_of, of_csv, of_rows
from tweetream.sources.replay.plain import advice
from tweetream.sources.replay.row_count import count_rows
from tweetream.sources.replay.tables import Table, row_advice

log = logging.getLogger(__name__)
_BELIEVED = ("replay:", "at://", "mastodon:")
MAX_OBJECTS = 1_000_000  # of a page of posts, which has MAX_VALUE bytes at most

Raw = bytes | list[str] | None  # a record as its file has it; None if it is too long, or wrongly quoted
# The end of a record, (LINE, K), its outcome, and the record. K counts the posts of a record with several from 1, else
# it is 0. None: a piece of the file has been read.
Item = tuple[int, int, Post | Drop | Retracted, Raw]
Items = Generator[Item | None, None, None]


class FileReader:
    """Reads one file. It is open while an iterator of `items` is.

    `name` stands for the file in ids. `read` is called with the number of bytes after each read, and `warn` with a line
    for a person, once for each kind of fault that costs no post.
    """

    def __init__(
        self,
        path: str,
        choices: Choices,
        name: str = "",
        *,
        read: Callable[[int], object] = int,
        warn: Callable[[str], object] = log.warning,
    ) -> None:
        self.path, self._choices, self._read, self._warn = path, choices, read, warn
        self._shown = "standard input" if path == STANDARD_INPUT else path
        # Kafka and JSON need UTF-8, and a file's name may be something else.
        name = (name or os.path.basename(path)).encode("utf-8", "replace").decode()
        self._prefix = f"replay:{name}:"
        self._own = f"{self._prefix}#"  # begins the ids that the file gives
        self.layout = Layout("text")  # as soon as the first item is there
        self.noted: Counter[Note] = Counter()
        self._warned: set[Note] = set()
        self._advised = False
        self._stopping = Event()

    def stop(self) -> None:
        """Let the present iterators end soon, with SourceError, though another thread is in a step of theirs."""
        self._stopping.set()
        self._stopping = Event()

    def items(self, at: ParseContext, line: int = 0, nth: int = 0) -> Items:
        """The records after (line, nth). Each post is made when it is asked for, with the time in `at` at that moment.

        Raises SourceError if the file cannot be read.
        """
        texts = TextsById()
        if line:  # ids that were given before this position, too
            for item in self._read_items(ParseContext(at.now), max(0, line - REMEMBERED)):
                if item is not None and item[0] > line:
                    break
                if item is not None and isinstance(item[2], Post):
                    texts.is_other(item[2].id + at.suffix, item[2].text)
                yield None
        # If only some posts of a record were given, the record is read again and those posts are skipped.
        for item in self._read_items(at, line - 1 if nth else line):
            if item is None:
                yield None
            elif item[0] > line or item[1] > nth:
                found = item[2]
                yield self._checked(item, found, texts, at) if isinstance(found, Post) else item

    def _checked(self, item: Item, post: Post, texts: TextsById, at: ParseContext) -> Item:
        """The item, with the id of its line if its id is that of another text."""
        if not post.text.isascii() and "\ufffd" in post.text:
            self._note(Note.NOT_IN_ENCODING, item)
        id = post.id
        # The networks themselves give these ids, and a recording has them as texts: no tool has damaged them.
        if id.startswith(_BELIEVED) and not id.startswith(self._own):
            return item
        if not texts.is_other(id, post.text) or _has(item[3], id.removesuffix(at.suffix)):
            return item
        self._note(Note.SAME_ID, item)
        line, nth, _, raw = item
        name = f"{at.name}.{nth}" if nth else at.name
        return line, nth, replace(post, id=name + at.suffix, url=""), raw

    def _note(self, note: Note, item: Item) -> None:
        self.noted[note] += 1
        if note in self._warned:
            return
        self._warned.add(note)
        if note is Note.SAME_ID:
            why = "the id of another text before; such posts get the number of their line as id"
        else:
            mend = self._choices.option("encoding", "cp1252")
            why = f"characters that are not {self.layout.encoding}; name the encoding, for example with {mend}"
        self._warn(f"{self._shown}, line {item[0]}: {why}")

    def said(self) -> str | None:
        """What was understood of the file, in one line; None if it is what the name tells."""
        if self.layout.plain:
            return None
        return self.layout.said(self._shown, count_rows(self.path, self.layout), self._choices.command_line)

    def _read_items(self, at: ParseContext, line: int) -> Items:
        with closing(pieces(self.path, self._read)) as content:
            head = next(content, b"")
            if format := kinds.table(head):
                return (yield from self._sheet(format, at, line))
            kinds.check_readable(self._shown, head)
            encoding = encoding_of(self._shown, head, self._choices)
            plain = to_utf8(self._shown, chain([head], content), encoding)
            head = next(plain, b"")
            plain = chain([head], plain)
            format, unexpected = format_of(self.path, head, self._choices)
            layout = Layout(format)
            if format == "csv":
                layout = of_csv(self.path, self._shown, head, self._choices)
            day_first = layout.day_first if layout.columns else day_first_in_json(head, self._choices)
            layout = layout._replace(encoding=encoding, unexpected=unexpected, day_first=day_first)
            self.layout, at.day_first = layout, day_first
            yield from {"text": self._text, "csv": self._csv}.get(format, self._json)(plain, at, line)

    def _text(self, content: Iterator[bytes], at: ParseContext, after: int) -> Items:
        prefix = self._prefix
        for read in _lines(content, after, MAX_LINE):
            if read is None:
                yield None
                continue
            number, raw = read
            found: Post | Drop = Drop.TOO_LONG
            if raw is not None:
                text = readable(decode(without_cr(raw)))
                if not text or text.isspace():
                    found = Drop.BLANK
                elif not too_long(text):
                    found = Post(f"{prefix}{number}{at.suffix}", "replay", text, None, at.now)
            yield number, 0, found, raw

    def _json(self, content: Iterator[bytes], at: ParseContext, after: int) -> Items:
        chosen = {meaning: name for meaning, name in self._choices.columns.items() if meaning != "label"}
        document = self.layout.format == "json"
        for read in _values(self._shown, content, after) if document else _lines(content, after, MAX_VALUE):
            if read is None:
                yield None
                continue
            number, raw = read
            if not raw or raw.isspace():
                yield number, 0, Drop.TOO_LONG if raw is None else Drop.BLANK, raw
                continue
            at.name = f"{self._prefix}{number}"
            found = Drop.TOO_LONG if _is_bomb(raw) else parse(raw, at, chosen=chosen)
            if found is Drop.MALFORMED and len(raw) > MAX_LINE:  # only a page of posts may be that long
                found = Drop.TOO_LONG
            if isinstance(found, Post | Drop | Retracted):
                if not self._advised and (found is Drop.MALFORMED or isinstance(found, Post)):
                    self._advise(found, raw, number)
                yield number, 0, found, raw
                continue
            for k, item in enumerate(found, 1):
                yield number, k, item, raw

    def _advise(self, found: Post | Drop, raw: bytes, number: int) -> None:
        """Say once what mends a file of JSON, if no post stands before its first bad value."""
        self._advised = isinstance(found, Post)
        if not self._advised and (why := advice(raw, self._choices)):
            self._advised = True
            what = "value" if self.layout.format == "json" else "line"
            self._warn(f"{self._shown}, {what} {number}: {why}")

    def _csv(self, content: Iterator[bytes], at: ParseContext, after: int) -> Items:
        skipped = self.layout.first
        blocks = _blocks(content, MAX_LINE)
        for _ in range(skipped):
            blocks = chain([next(blocks, [])[1:]], blocks)
        return self._table(records(blocks, max(0, after - skipped), self.layout.separator), at, after)

    def _sheet(self, format: str, at: ParseContext, after: int) -> Items:
        sheets.check_file(self.path, self._shown, format)
        rows = sheets.rows(self.path, format, self._stopping.is_set)
        first = next(rows, [])
        self.layout = of_rows(self.path, format, first, self._choices)
        at.day_first = self.layout.day_first
        return self._table(sheets.records(chain([first], rows), after), at, after)

    def _table(self, found: Iterable[CsvRecord | None], at: ParseContext, after: int) -> Items:
        table, skipped = Table(self.layout), self.layout.first
        header, malformed = not self._choices.names, Drop.MALFORMED
        for read in found:
            if read is None:
                yield None
                continue
            begin, end, fields = read
            if header or end + skipped <= after:  # the first record is always there
                header = False
                continue
            at.name = f"{self._prefix}{begin + skipped}"
            if isinstance(fields, NoRow):
                self._advise_row(fields.reason, fields.raw, begin + skipped)
                yield end + skipped, 0, fields.reason, fields.raw
                continue
            outcome = table.post(fields, at)
            if outcome is malformed:
                self._advise_row(outcome, fields, begin + skipped)
            yield end + skipped, 0, outcome, fields

    def _advise_row(self, reason: Drop, raw: Raw, number: int) -> None:
        """Say once what is wrong with a row. On the command line a person sees the row itself."""
        if reason is Drop.MALFORMED and not self._advised and not self._choices.command_line:
            self._advised = True
            self._warn(f"{self._shown}, line {number}: {row_advice(raw, self.layout)}")


def _blocks(content: Iterator[bytes], limit: int) -> Iterator[list[bytes | None]]:
    """The lines of a file, a list for each piece of it."""
    lines = LineSplitter(limit)
    for piece in content:
        yield lines.feed(piece)
    if last := lines.finish():
        yield last


def _lines(content: Iterator[bytes], skip: int, limit: int) -> Iterator[tuple[int, bytes | None] | None]:
    """The lines after line `skip`, with their numbers."""
    number = 0
    for block in _blocks(content, limit):
        yield None
        if number + len(block) <= skip:
            number += len(block)
            continue
        for line in block:
            number += 1
            if number > skip:
                yield number, line


def _values(shown: str, content: Iterator[bytes], skip: int) -> Iterator[tuple[int, bytes | None] | None]:
    """The values of a JSON document after value `skip`, with their numbers."""
    number = 0
    for value in values(shown, content):
        if value is None:
            yield None
            continue
        number += 1
        if number > skip:
            yield number, value or None


def _is_bomb(raw: bytes) -> bool:
    """Whether a page of posts has so many parts that decoding it would take seconds and gigabytes."""
    return len(raw) > MAX_LINE and (raw.count(b"{") > MAX_OBJECTS or raw.count(b",") > 4 * MAX_OBJECTS)


def _has(raw: bytes | list[str] | None, id: str) -> bool:
    """Whether a record has an id as a text of its own."""
    return f'"{id}"'.encode() in raw if isinstance(raw, bytes) else id in (raw or ())
