"""The sample of the demo is complete and varied, and has enough posts for good topics."""

import re
from collections import Counter
from pathlib import Path

import tweetream
from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.settings import Settings
from tweetream.sources import open_source
from tweetream.sources.base import Context

CONTEXT = Context(Settings(), dict)
SAMPLE = Path(tweetream.__file__).parent / "data" / "sample.csv"


async def posts_and_drops() -> tuple[list[Post], Counter[Drop]]:
    source = open_source(f"replay:{SAMPLE}?rate=0", CONTEXT)
    source.check()
    posts, dropped = list[Post](), Counter[Drop]()
    async for chunk in source.chunks(None):
        posts += chunk.posts
        dropped += chunk.dropped
    return posts, dropped


async def test_every_row_is_a_post_with_author_and_language_and_no_two_are_the_same() -> None:
    posts, dropped = await posts_and_drops()
    assert len(posts) >= 295 and not dropped
    assert len({post.text for post in posts}) == len(posts)
    assert all(post.author and post.lang for post in posts)
    assert {"id", "en", "jv", "su", "ms"} <= {post.lang for post in posts}


async def test_good_topics_appear_often_enough() -> None:
    posts, _ = await posts_and_drops()
    words = Counter(word for post in posts for word in set(re.findall(r"\w+", post.text.lower())))
    assert all(words[word] >= 12 for word in ("jakarta", "bandung", "surabaya", "london", "macet", "banjir", "hujan"))


async def test_it_has_what_posts_have_and_links_to_nobody() -> None:
    posts, _ = await posts_and_drops()
    texts = "\n".join(post.text for post in posts)
    assert texts.count("#") > 20 and "@" in texts and not texts.isascii()
    links = re.findall(r"https?://\S+", texts)
    assert len(links) > 5 and all(link.startswith("https://example.org/") for link in links)
