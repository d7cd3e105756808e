"""Tweetream: live, classified topics from the stream of public posts on microblogs.

For other programs: `classify(texts)`, `posts(topic)` and `to_dataframe(posts)`; each is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tweetream.client.posts import posts as posts
    from tweetream.client.posts import to_dataframe as to_dataframe
    from tweetream.client.texts import classify as classify

__version__ = "0.1.0"
_LAZY = {"posts": "posts", "to_dataframe": "posts", "classify": "texts"}  # to modules of `client`


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"tweetream.client.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tweetream' has no attribute {name!r}")
