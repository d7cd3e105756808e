"""The HTTP operations of the archive and of exports; `operations.py` has all others."""

from tweetream.web.operation import POSITION, Operation, Parameter, label, min_score, name, since, until, whole
from tweetream.web.schemas import NAME, ArchiveAnswer, SearchAnswer

SEARCH = """All words of `q` must be in a post, in any order. `"two words"` stand side by side. `-word` and
`-"two words"` must be missing. `jakar*` is the beginning of a word. Upper and lower case are the same, with accents or
without. Posts come newest first; send `before` of an answer for older ones, until it is null. 404 says that the worker
has no archive. One address may make 100 calls at once and 10 a second; more get 429. Two of its searches run at a time,
and 16 more wait. A search that takes more than 5 s gets 503. A page has 2 MiB of text at most."""

EXPORT = """It has all posts that the feed has when it begins, oldest first. With `from=archive` it has those of the
archive, each with all its topics in `topics`, also of a topic that was deleted. It counts as a stream of its address,
and is slowed down where that address has read many older posts. If the connection ends early, posts are missing."""
ORIGIN = Parameter(
    "from", "query", {"type": "string", "enum": ["feed", "archive"], "default": "feed"}, "where the posts are read"
)

OPERATIONS: dict[str, dict[str, Operation]] = {
    "/archive": {
        "get": Operation(
            "The state of the archive",
            {200: ArchiveAnswer},
            problems=(503,),
            about="A worker looks every 5 s at most.",
        )
    },
    "/search": {
        "get": Operation(
            "Search the archive",
            {200: SearchAnswer},
            (
                Parameter("q", "query", {"type": "string", "maxLength": 500}, "words, phrases, -word, prefix*"),
                Parameter("topic", "query", NAME, "only posts of this topic"),
                label,
                Parameter("author", "query", {"type": "string"}, "only posts of this author, with or without an @"),
                Parameter("source", "query", {"type": "string"}, "only posts of this network, such as `bluesky`"),
                since,
                until,
                min_score,
                Parameter("last", "query", whole(1, 1000, 100), "the largest number of posts in the page"),
                Parameter("before", "query", POSITION, "the page that ends right before this position"),
            ),
            (400, 404, 429, 503),
            about=SEARCH,
        )
    },
} | {
    f"/topics/{{name}}/posts.{kind}": {
        "get": Operation(
            summary,
            {200: media},
            (name, since, until, label, min_score, *((ORIGIN,) if kind != "rss" else ())),
            (400, 404, 429, 503),
            about=about,
        )
    }
    for kind, media, summary, about in (
        ("csv", "text/csv", "All posts of a topic, for a spreadsheet", f"No cell is a formula. {EXPORT}"),
        ("jsonl", "application/x-ndjson", "All posts of a topic, one a line", f"`replay:` reads them again. {EXPORT}"),
        ("rss", "application/rss+xml", "The newest hundred posts of a topic, for feed readers", ""),
    )
}
