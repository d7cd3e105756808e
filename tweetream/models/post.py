"""A post, and the batches of posts that go through Kafka.

Several posts share one Kafka record, since each record has a fixed cost. A batch has the epoch and the sequence of its
posts' stamps, which they keep for life.
"""

import msgspec

MAX_POSTS = 200  # of a chunk that a source gives, and of a batch
MAX_BYTES = 256 * 1024  # of the texts of a chunk, and of a batch


def size_of(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


class Post(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One public post. Times are milliseconds since 1970, UTC; `created_at` is None if the post's time is not known.

    `id` is the network's id with a prefix (`x:123`, `at://…`, `mastodon:HOST/123`, `replay:BASENAME:LINE`). `source` is
    the network's short name (`x`, `bluesky`, `mastodon`, `replay`). `url`, `author` and `lang` are empty if unknown.
    `also` holds words beside the text that count for matching alone, such as the description of an image.
    """

    id: str
    source: str
    text: str
    created_at: int | None
    received_at: int
    url: str = ""
    author: str = ""
    lang: str = ""
    also: str = ""


class PostBatch(msgspec.Struct, array_like=True):
    """A record of the posts topic: posts in the order in which they were read.

    `command` is the offset of the last command applied when the posts were read (-1: none). `positions` maps each
    source's URL, without secrets, to its position after these posts. A batch without posts and with sequence 0 is the
    marker that begins an epoch in a partition.
    """

    epoch: int
    sequence: int
    command: int
    positions: dict[str, str]
    posts: list[Post]


class TaggedPost(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A post that matched: its index in its batch, its cleaned text, and its feeds.

    `feeds` are indices into the `feeds` of the batch.
    """

    index: int
    post: Post
    clean: str
    feeds: tuple[int, ...]


class TaggedBatch(msgspec.Struct, array_like=True):
    """A record of the tagged topic: the posts of one batch that matched at least one topic.

    `feeds` are the Kafka topics that `posts` go to. `command` is the offset of the last command that was applied when
    they were tagged.
    """

    epoch: int
    sequence: int
    command: int
    feeds: list[str]
    posts: list[TaggedPost]
