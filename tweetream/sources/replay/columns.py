"""Which column of a table, or field of a JSON object, holds what of a post.

A person names it, or it is found by the names that known exports use: of tweepy, twarc, twarc-csv, snscrape, twint,
tweet-harvest, Hydrator, TAGS, X's archive and analytics, pandas, and datasets in English and Indonesian.
"""

import re
from collections.abc import Mapping, Sequence

from tweetream.sources.base import SourceError
from tweetream.sources.replay.choices import Choices
from tweetream.sources.replay.encoding import in_one_line
from tweetream.sources.times import read_time

# Lower case, with _ between words; the best first.
_KNOWN = {
    meaning: names.split()
    for meaning, names in {
        "text": (
            "full_text fulltext rawcontent record.text text tweet_text originaltweet content tweet tweets "
            "renderedcontent body message post post_text caption sentence comment review tweet_content content_text "
            "teks isi konten cuitan komentar kalimat ulasan pesan"
        ),
        # The id of a thread is that of its first post, and better than none.
        "id": (
            "id_str tweet_id_str tweet_id tweetid status_id_str status_id post_id message_id id uri "
            "ids conversation_id_str conversation_id"
        ),
        "time": (
            "created_at tweet_created_at createdat created tweet_created date_time datetime timestamp date time "
            "posted_at published_at published tweet_date post_date tweet_time post_created tweetat "
            "record.createdat record.created_at timestamp_ms indexed_at tanggal waktu"
        ),
        "author": (
            "author.username user.username user.screen_name user_screen_name screen_name username from_user "
            "author.handle author/username author_username tweet_author handle account.acct author user account "
            "user_name nama_pengguna pengguna"
        ),
        "url": "tweet_url url link permalink tweet_permalink permanent_url status_url tweet_link post_url",
        "lang": "lang language tweet_lang bahasa",
        "label": "label labels",
    }.items()
}
# Only exports of X have these columns.
_OF_X = frozenset(
    ("full_text", "id_str", "tweet_id", "tweet_id_str", "tweetid", "tweet_url", "tweet_permalink", "rawcontent")
    + ("renderedcontent", "retweet_count", "retweetcount", "edit_history_tweet_ids", "conversation_id_str")
    + ("public_metrics.retweet_count", "author_id")
)

_OTHER_MARK = re.compile(r"\w+([^\w\s.-])\w+(?:\1\w*)*$")  # id^text^date


def normalised(name: str) -> str:
    """A column's name in the form of _KNOWN."""
    return "_".join(name.strip().strip("\ufeff").casefold().replace("-", " ").split())


def find(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each meaning, by its name as it is written. A chosen one that is not there is left out."""
    there = {normalised(name): name for name in reversed(names)}  # of two columns with the same name, the first counts
    found = {}
    for meaning, known in _KNOWN.items():
        if (column := chosen.get(meaning)) is not None:
            if column in names:
                found[meaning] = column
        elif known_here := [there[name] for name in known if name in there]:
            found[meaning] = known_here[0]
    return found


def are_of_x(names: Sequence[str]) -> bool:
    """Whether a table with these columns is an export of X."""
    return not _OF_X.isdisjoint(map(normalised, names))


def check(
    where: str, names: Sequence[str], rows: Sequence[Sequence[str]], found: Mapping[str, str], choices: Choices
) -> None:
    """Raise SourceError if the text or a chosen column is not there, or if two have the name of one that is used.

    `rows` are the first rows: they show which column may be the text.
    """
    listed = [in_one_line(name) for name in names]
    there = f"there are: {', '.join(listed)[:200] or 'nothing'}"
    for meaning, column in choices.columns.items():
        if meaning not in found:
            raise SourceError(
                f"{where}: no column {column!r} in its first line; name the column with "
                f"{choices.option(meaning, 'NAME')} ({there})"
            )
    if choices.needs_label and not {"text", "label"} <= found.keys():
        options = f"{choices.option('text', 'NAME')} {choices.option('label', 'NAME')}"
        raise SourceError(
            f"{where}: no columns text and label; name them with {options}, or, if all its posts have the same label, "
            f"write LABEL={where.rpartition(', ')[0]} ({there})"
        )
    if "text" not in found:
        raise SourceError(
            f"{where}: no column 'text', nor another known name; {_mend(listed, rows, choices)} ({there})"
        )
    for column in found.values():
        if list(names).count(column) > 1:
            raise SourceError(f"{where}: two columns have the same name {in_one_line(column)!r}; rename one ({there})")


def _mend(names: Sequence[str], rows: Sequence[Sequence[str]], choices: Choices) -> str:
    """How to name the text: the column with the longest cells that are no number, time or address."""
    if not any(names):
        return "its first line is empty: delete that line, or give a file with posts"
    if len(names) == 1 and len(rows) and not choices.separator and (mark := _OTHER_MARK.match(names[0])):
        return f"the columns seem to be separated by {mark[1]!r}; save it with comma, semicolon, tab or |"
    cells = [names, *rows]
    likely = max(range(len(names)), key=lambda place: sum(_length(row, place) for row in cells), default=0)
    all_names = ",".join("text" if place == likely else f"c{place + 1}" for place in range(max(1, len(names))))
    all_columns = f"name all columns with {choices.option('columns', all_names)}"
    if any(name.strip().lstrip("+-").isdigit() for name in names):
        return f"the first line seems to be a post: {all_columns}"
    example = names[likely] if names else "NAME"
    return (
        f"name the column of the text with {choices.option('text', example)}, or, if there is no header, {all_columns}"
    )


def _length(row: Sequence[str], place: int) -> int:
    cell = row[place] if place < len(row) else ""
    return 0 if cell.startswith(("http://", "https://")) or read_time(cell) is not None else len(cell)
