"""The text of a post: one definition for all networks, of what counts for matching topics and for the label.

`whole_text` makes the text that is shown; all of it counts for both. `beside` makes what counts for matching alone.
PARTS is the table in docs/sources.md, and tests check each of its cells.
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from tweetream.sources.post_builder import too_long

MAX_PARTS = 100  # of a kind, such as hashtags


class Part(NamedTuple):
    """A part of a post: whether it counts for matching and for the label, and its field at each network."""

    name: str
    matching: bool
    label: bool
    x: str
    bluesky: str
    mastodon: str


PARTS = (
    Part("own words, or those of a post that is passed on", True, True, "the longest text", "`text`", "`content`"),
    Part("content warning", True, True, "", "", "`spoiler_text`"),
    Part("options of a poll", True, True, "`polls`", "", "`poll`"),
    Part("hashtags beside the text", True, True, "", "`tags`", "`tags`"),
    Part("quoted post, where the message holds it", True, True, "`quoted`", "`embed`", "`quote`"),
    Part("description of an image or a video", True, False, "`alt_text`", "`alt`", "`description`"),
    Part("title of a link's card", True, False, "`title`", "`title`", "`title`"),
    Part("address of a link, name of a mentioned account", False, False, "in the text", "`facets`", "in the text"),
)


def whole_text(
    own: str,
    *,
    warning: str = "",
    options: Iterable[str] = (),
    tags: Iterable[str] = (),
    quoted: str = "",
    quoted_author: str = "",
) -> str:
    """The text that is shown. Beside the own words and the warning, a part that makes it too long is left out."""
    text = f"{warning}\n\n{own}" if warning and own else own or warning
    if options and (poll := _joined(options, "\n")):
        text = _added(text, poll)
    if tags:
        said = text.casefold()
        new = [f"#{tag}" for tag in islice(tags, MAX_PARTS) if tag and f"#{tag.casefold()}" not in said]
        text = _added(text, " ".join(new))
    if quoted:
        text = _added(text, f"@{quoted_author}: {quoted}" if quoted_author else quoted)
    return text


def first_said(*texts: str | None) -> str | None:
    """The first of these that is not blank; else the first that is there."""
    for text in texts:
        if text and not text.isspace():
            return text
    return next((text for text in texts if text is not None), None)


def beside(*texts: str | None) -> str:
    """The words that count for matching alone."""
    return _joined(texts, "\n")


def _added(text: str, more: str) -> str:
    both = f"{text}\n\n{more}" if text and more else text or more
    return text if text and too_long(both) else both


def _joined(texts: Iterable[str | None], mark: str) -> str:
    return mark.join([text for text in islice(texts, MAX_PARTS) if text and not text.isspace()])
