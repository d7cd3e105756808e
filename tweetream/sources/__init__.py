"""The sources of posts. This module is the interface for sources of other packages: they import only from here.

It imports no network's module, so importing it is cheap.
"""

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import (
    MAX_LINE,
    MAX_TEXT,
    Chunk,
    Context,
    Disconnected,
    FailureKind,
    Maker,
    Note,
    Source,
    SourceError,
    without_secret,
)
from tweetream.sources.lines import LineSplitter
from tweetream.sources.options import UrlOptions
from tweetream.sources.post_builder import ParseContext, decode, make_post, plain_text
from tweetream.sources.retry_time import retry_time
from tweetream.sources.schemes import SCHEMES, open_source

__all__ = [
    "MAX_BYTES",
    "MAX_LINE",
    "MAX_POSTS",
    "MAX_TEXT",
    "SCHEMES",
    "Chunk",
    "Context",
    "Disconnected",
    "Drop",
    "FailureKind",
    "LineSplitter",
    "Maker",
    "Note",
    "ParseContext",
    "Post",
    "Source",
    "SourceError",
    "UrlOptions",
    "decode",
    "make_post",
    "open_source",
    "plain_text",
    "retry_time",
    "size_of",
    "without_secret",
]
