"""A post, and the batches of posts that go through Kafka.

Several posts share one Kafka record, since each record has a fixed cost. A batch has the epoch and the sequence of its
posts' stamps, which they keep for life.
"""

from typing import Annotated

import msgspec

from tweetream.models import codec
from tweetream.models.epoch import check_epoch

MAX_POSTS = 200  # of a chunk that a source gives
BATCH_POSTS = 600  # of a batch: a few chunks, while posts come faster than they are sent
MANY_TOPICS = 300  # with more, a batch has up to twice as many posts: each feed in a batch has a cost of its own
MAX_BYTES = 256 * 1024  # of the texts of a chunk, and of a batch
MAX_POSITIONS = 256 * 1024  # characters of a batch's positions, with their URLs
Natural = Annotated[int, msgspec.Meta(ge=0)]
KafkaTopic = Annotated[str, msgspec.Meta(max_length=249)]  # as Kafka limits it
# Of posts, for example. A forged one must not exceed the limit of msgpack when it grows.
Total = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Index = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]  # as wide as in a stamp


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

    epoch: Natural
    sequence: Natural
    command: int
    positions: dict[str, str]
    posts: list[Post]


class TaggedPost(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A post that matched: its index in its batch, its cleaned text, and its feeds.

    `feeds` are indices into the `feeds` of the batch.
    """

    index: Index
    post: Post
    clean: str
    feeds: tuple[Natural, ...]


class TaggedBatch(msgspec.Struct, array_like=True):
    """A record of the tagged topic: the posts of one batch that matched at least one topic.

    `feeds` are the Kafka topics that `posts` go to. `command` is the offset of the last command that was applied when
    they were tagged.
    """

    epoch: Natural
    sequence: Natural
    command: int
    feeds: list[KafkaTopic]
    posts: list[TaggedPost]


def read_posts(value: bytes | None, timestamp: int) -> PostBatch:
    """The batch in a record of the posts topic; `timestamp` is the record's, in ms. Raises Undecodable or TooNew.

    Whoever reads that topic reads by this function, so that all skip the same records.
    """
    batch = codec.decode(value, PostBatch)
    check_epoch(batch.epoch, timestamp)
    # A takeover copies the positions into every later batch; a batch must still fit into a record.
    if sum([len(url) + len(position) for url, position in batch.positions.items()]) > MAX_POSITIONS:
        raise codec.Undecodable("the positions are too long")
    return batch


def read_tagged(value: bytes | None, timestamp: int) -> TaggedBatch:
    """The batch in a record of the tagged topic; `timestamp` is the record's, in ms. Raises Undecodable or TooNew."""
    batch = codec.decode(value, TaggedBatch)
    check_epoch(batch.epoch, timestamp)
    if max(set().union(*[tagged.feeds for tagged in batch.posts]), default=-1) >= len(batch.feeds):
        raise codec.Undecodable("a post names a feed that the batch does not have")
    return batch
