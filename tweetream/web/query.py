"""Reads the query of a request: numbers, times, filters and positions. Each error is a Problem with 400."""

import datetime
import re

from aiohttp import web

from tweetream.feeds.record import Filter
from tweetream.models.feed import BadPosition, Position, parse_positions
from tweetream.models.topic import BadTopic, check_name
from tweetream.web.problems import Problem

MAX_TEXT = 512  # characters of a label, an author or a source


def whole_number(request: web.Request, name: str, default: int, most: int, least: int = 0) -> int:
    """A whole number of the query, from `least` to `most`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and least <= int(text) <= most):
        raise Problem(400, f"{name} is a whole number from {least} to {most}")
    return int(text)


def only(request: web.Request, *names: str) -> None:
    """Raise Problem if the query has another parameter than these, or one of them twice."""
    for name in request.query:
        if name not in names:
            here = f"there is {', '.join(names)}" if names else "this call takes none"
            raise Problem(400, f"there is no parameter {name[:80]!r} here; {here}")
        if len(request.query.getall(name)) > 1:
            raise Problem(400, f"{name} is given twice; give it once")


def flag(request: web.Request, name: str) -> bool:
    """Whether the query has `name=true`."""
    given = request.query.get(name, "false")
    if given not in ("true", "false"):
        raise Problem(400, f"{name} is true or false")
    return given == "true"


def text(request: web.Request, name: str) -> str | None:
    """A text of the query, without NUL, which no database takes, and of MAX_TEXT characters at most."""
    found = request.query.get(name)
    if found is not None and (len(found) > MAX_TEXT or "\0" in found):
        raise Problem(400, f"{name} has at most {MAX_TEXT} characters, and no NUL")
    return found


def post_filter(request: web.Request) -> Filter:
    """The filter that `label` and `min_score` of the query make."""
    least = request.query.get("min_score", "0")
    if not re.fullmatch(r"(0|1|0\.[0-9]{1,20}|1\.0{1,20})", least):
        raise Problem(400, "min_score is a number from 0 to 1, such as 0.75")
    return Filter(text(request, "label"), float(least))


def since(request: web.Request) -> int | None:
    """`since` of the query as ms since 1970."""
    return moment(request, "since")


def moment(request: web.Request, name: str) -> int | None:
    """A time of the query, ISO 8601 or ms since 1970, as ms since 1970."""
    text = request.query.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    try:
        # A "+" that was not escaped arrives as a blank.
        time = datetime.datetime.fromisoformat(text.replace(" ", "+", 1) if "T" in text else text)
    except ValueError:
        raise Problem(400, f"{name} is a time in ISO 8601 or in ms since 1970") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.UTC)
    return max(0, int(time.timestamp() * 1000))


def positions(text: str) -> dict[str, Position]:
    """The positions in an id, by topic."""
    try:
        return parse_positions(text)
    except BadPosition as error:
        raise Problem(400, str(error)) from None


def topic_name(text: str) -> str:
    """`text`, if a topic can have that name."""
    try:
        return check_name(text)
    except BadTopic as error:
        raise Problem(400, str(error)) from None
