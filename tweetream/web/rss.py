"""The newest posts of a topic as RSS 2.0, for feed readers."""

import datetime
import re
from collections.abc import Iterable
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from tweetream.models.feed import FeedEntry

TITLE = 100  # characters of a post that are its title
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # no XML 1.0 may have them


def rss(topic: str, address: str, posts: Iterable[FeedEntry]) -> bytes:
    """The document. `address` is that of the topic's page."""
    items = "".join(map(_item, posts))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{_text(topic)}</title><link>{_text(address)}</link>"
        f"<description>{_text(f'Posts of the topic {topic}')}</description>{items}</channel></rss>\n"
    ).encode()


def _item(post: FeedEntry) -> str:
    said = " ".join(post.text.split())
    title = said if len(said) <= TITLE else said[: TITLE - 1] + "…"
    link = f"<link>{_text(post.url)}</link>" if re.match("https?://", post.url) else ""
    label = f"<category domain={quoteattr('label')}>{_text(post.label)}</category>" if post.label else ""
    by = f"{post.author}: " if post.author else ""
    return (
        f"<item><title>{_text(by + title)}</title>{link}<description>{_text(escape(post.text))}</description>"
        f'{label}<guid isPermaLink="false">{_text(post.id)}</guid><pubDate>{_date(post.received_at)}</pubDate></item>'
    )


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text))


def _date(text: str) -> str:
    try:
        return format_datetime(datetime.datetime.fromisoformat(text), usegmt=False)
    except ValueError:  # others wrote the record
        return ""
