"""The exports that are read: a small file of each, the posts that it gives, and what of it is not read.

The table in docs/sources.md is made from this list: `python tests/support/networks/exports.py` writes it. The files are
in tests/sources/exports.
"""

import re
import sys
from typing import NamedTuple

if __name__ == "__main__":
    sys.path[:0] = [str(__import__("pathlib").Path(__file__).resolve().parents[2])]

from support.networks.network_exports import NETWORK_EXPORTS
from support.paths import DOCS, ROOT

FOLDER = ROOT / "tests" / "sources" / "exports"
PAGE = DOCS / "sources.md"
BEGIN, END = "<!-- exports: made from tests/support/networks/exports.py -->\n", "<!-- exports: end -->\n"


class Read(NamedTuple):
    """A post as a file gives it; `time` is RFC 3339, "" if it is not known."""

    id: str
    text: str
    time: str = ""
    author: str = ""
    url: str = ""
    lang: str = ""


class Export(NamedTuple):
    """A kind of export."""

    kind: str
    file: str
    posts: list[Read]
    not_read: str = ""
    query: str = ""  # the options in its URL


ID, URL = "x:1600000000000000003", "https://x.com/rina/status/1600000000000000003"
OLD_URL = "https://twitter.com/rina/status/1600000000000000003"
AT = "2022-12-06T04:32:00.000Z"
OWN = Read("x:9", "Macet", "2024-09-09T19:46:02.102Z", "a", "https://x.com/a/status/9", "in")

EXPORTS = [
    Export(
        "tweepy, by pandas (CSV)",
        "tweepy.csv",
        [
            Read(ID, "Macet parah di Sudirman, hindari", AT, url="https://x.com/i/status/1600000000000000003"),
            Read(
                "x:1600000000000000517",
                "Banjir di Kemang",
                "2022-12-06T04:33:00.000Z",
                url="https://x.com/i/status/1600000000000000517",
            ),
        ],
        "the author, of whom it has only a number",
    ),
    Export(
        "tweet-harvest (CSV)",
        "tweet-harvest.csv",
        [
            Read(ID, "Macet parah di Sudirman, hindari", AT, "rina", URL, "in"),
            Read(
                "x:1600000000000000812",
                "@rina lewat Semanggi saja",
                "2022-12-06T04:35:10.000Z",
                "budi",
                "https://x.com/budi/status/1600000000000000812",
                "in",
            ),
        ],
        "counts, place, image",
    ),
    Export(
        "the same without ids: the id of the thread is that of its first post",
        "tweet-harvest-thread.csv",
        [
            Read(ID, "Macet parah di Sudirman", AT, "rina", "https://x.com/i/status/1600000000000000003"),
            Read("replay:tweet-harvest-thread.csv:3", "@rina lewat Semanggi saja", "2022-12-06T04:35:10.000Z", "budi"),
        ],
        "the id of a reply",
    ),
    Export(
        "snscrape (CSV)",
        "snscrape.csv",
        [Read(ID, "Macet https://t.co/a", AT, "rina", OLD_URL, "in")],
        "counts; renderedContent, which is cut",
    ),
    Export(
        "snscrape (JSON lines)",
        "snscrape.jsonl",
        [Read(ID, "Macet https://t.co/a", AT, "rina", OLD_URL, "in")],
        "counts; renderedContent, which is cut",
    ),
    Export(
        "twarc-csv",
        "twarc-csv.csv",
        [Read(ID, "Macet\nparah", AT, "rina", "https://x.com/i/status/1600000000000000003", "in")],
        "counts, places, entities, referenced posts",
    ),
    Export(
        "twint (tabs)",
        "twint.csv",
        [
            Read(
                "x:1238966464318820354",
                "Macet, parah",
                "2020-03-14T22:37:36.000Z",
                "rina",
                "https://twitter.com/rina/status/1238966464318820354",
                "in",
            )
        ],
        "counts, place, the columns date and time beside created_at",
    ),
    Export(
        "twint (JSON lines)",
        "twint.json",
        [
            Read(
                "x:1238966464318820354",
                "Macet, parah",
                "2020-03-14T22:37:36.000Z",
                "rina",
                "https://twitter.com/rina/status/1238966464318820354",
                "in",
            )
        ],
        "counts, place",
    ),
    Export(
        "Hydrator (CSV)",
        "hydrator.csv",
        [Read(ID, "Macet parah #macet", AT, "rina", OLD_URL, "in")],
        "counts, coordinates, media",
    ),
    Export(
        "TAGS (Google Sheets)",
        "tags.csv",
        [Read(ID, "Macet parah", AT, "rina", "http://twitter.com/rina/statuses/1600000000000000003")],
        "counts, coordinates",
    ),
    Export("X's analytics (CSV)", "analytics.csv", [Read(ID, "Macet parah", AT, "rina", OLD_URL)], "counts"),
    Export(
        "sentiment140: no header",
        "sentiment140.csv",
        [
            Read(
                "replay:sentiment140.csv:#1467810369",
                "Macet lagi, capek",
                "2009-04-07T05:19:45.000Z",
                "_TheSpecialOne_",
            ),
            Read("replay:sentiment140.csv:#1467810672", "Lancar hari ini", "2009-04-07T05:19:49.000Z", "scotthamilton"),
        ],
        "the query",
        "columns=label,id,time,query,author,text",
    ),
    Export(
        "Excel in Indonesian: `sep=;`, ids rounded, the day first",
        "excel.csv",
        [
            Read("replay:excel.csv:3", "Macet di Sudirman", "2016-10-25T19:21:00.000Z"),
            Read("replay:excel.csv:4", "Banjir; hindari", "2016-11-05T07:00:00.000Z"),
        ],
        "ids that Excel has rounded",
    ),
    Export(
        "Excel with an encoding of Windows",
        "excel-cp1252.csv",
        [
            Read("replay:excel-cp1252.csv:#1", "Café Batavia – macet", "2016-11-01T10:00:00.000Z"),
            Read("replay:excel-cp1252.csv:#2", "Naïve", "2016-11-25T10:00:00.000Z"),
        ],
        query="encoding=cp1252",
    ),
    Export(
        'Excel, "Unicode text": UTF-16 and tabs',
        "excel-unicode.txt",
        [
            Read("replay:excel-unicode.txt:#7", "Macet, parah", AT),
            Read("replay:excel-unicode.txt:#8", "Banjir", "2022-12-06T04:33:00.000Z"),
        ],
    ),
    Export(
        "an Excel workbook (.xlsx)",
        "workbook.xlsx",
        [
            Read("replay:workbook.xlsx:2", "Macet parah", AT, "rina"),
            Read(
                "x:1600000000000000517",
                "Banjir",
                "2022-12-06T04:33:00.000Z",
                "budi",
                "https://x.com/i/status/1600000000000000517",
            ),
        ],
        "all sheets but the first; ids that Excel has rounded",
    ),
    Export(
        "Parquet",
        "posts.parquet",
        [
            Read(ID, "Macet", AT, url="https://x.com/i/status/1600000000000000003"),
            Read("x:1600000000000000517", "Banjir", url="https://x.com/i/status/1600000000000000517"),
        ],
        "columns that are not of a post",
    ),
    Export(
        "PowerShell's `>`: UTF-16",
        "powershell.jsonl",
        [Read("replay:powershell.jsonl:#7", "Macet é"), Read("replay:powershell.jsonl:#8", "Banjir")],
    ),
    Export(
        "a JSON array, as pandas writes it",
        "pandas.json",
        [
            Read("replay:pandas.json:#1600000000000000003", "Macet", AT),
            Read("replay:pandas.json:#1600000000000000517", "Banjir"),
        ],
        "fields that are not of a post",
    ),
    Export(
        "pretty-printed JSON objects",
        "pretty.json",
        [
            Read("replay:pretty.json:1", "Macet", "2022-12-06T00:00:00.000Z", "rina"),
            Read("replay:pretty.json:2", "Banjir", "2022-12-07T00:00:00.000Z", "budi"),
        ],
        "fields that are not of a post",
    ),
    *[Export(kind, file, [Read(*post) for post in posts], rest) for kind, file, posts, rest in NETWORK_EXPORTS],
    Export(
        "Tweetream: `GET /topics/NAME/posts.csv`",
        "tweetream.csv",
        [
            Read(
                "mastodon:social.example/113",
                "Macet",
                "2024-09-09T19:46:02.102Z",
                "a",
                "https://social.example/@a/113",
                "id",
            )
        ],
        "label and score, which a model gives anew",
    ),
    *[
        Export(f"Tweetream: `tweetream record`, packed with {name}", f"recording.jsonl{end}", [OWN])
        for end, name in ((".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "zstd"))
    ],
    Export(
        "a text, a post a line",
        "posts.txt",
        [Read("replay:posts.txt:1", "Macet di Sudirman"), Read("replay:posts.txt:2", "Banjir di Kemang")],
    ),
]


def table() -> str:
    """The table of the docs."""
    lines = ["| export | options | read | not read |", "| --- | --- | --- | --- |"]
    for export in EXPORTS:
        fields = [name for name in ("text", *Read._fields) if any(getattr(post, name) for post in export.posts)]
        own = (
            []
            if any(re.search(r":\d+$", post.id) and post.id.startswith("replay:") for post in export.posts)
            else ["id"]
        )
        read = [name for name in dict.fromkeys(fields) if name != "id" or own]
        options = f"`?{export.query}`" if export.query else ""
        lines.append(f"| {export.kind} | {options} | {', '.join(read)} | {export.not_read} |")
    return "\n".join(lines) + "\n"


def written() -> str:
    """The table that the docs have."""
    page = PAGE.read_text()
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip("\n") + "\n"


if __name__ == "__main__":
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1])
