"""`tweetream topics`: the REST calls from a shell, on the standard library and msgspec.

The token goes to the address that was given and nowhere else: no redirect is followed.
"""

import argparse
import json
import os
import re
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec

from tweetream.models.messages import fail, say
from tweetream.models.no_redirect import open_url
from tweetream.models.token import exposure

MAX_TOKEN = 64 * 1024  # characters of its file; /dev/zero has no end
FILLING = 60.0  # seconds that `add --backfill` waits for the stored posts
LOOK_AGAIN = 0.5  # seconds
MAX_ANSWER = 64 * 1024 * 1024  # bytes; a worker with all topics that it may have sends less


def run(options: argparse.Namespace) -> None:
    """List, add, edit or delete; ends with one line and status 2 if the worker refuses or does not answer."""
    url: str = options.url if "://" in options.url else f"http://{options.url}"  # as curl takes it
    base, token = url.rstrip("/"), _token(options)
    if options.verb == "list":
        for topic in _call("GET", f"{base}/topics", token, list[_Topic]):
            counts = "  ".join(f"{label} {number:,}" for label, number in sorted(topic.posts.items()))
            print(_printable(f"{topic.name:<24} {counts or '-':<40} {', '.join(topic.track)}"))
    elif options.verb == "add":
        track = {"track": options.track} if options.track else {}
        backfill = {"backfill": options.backfill} if options.backfill else {}
        alert = _alert(options)
        topic = _call("POST", f"{base}/topics", token, _Topic, {"name": options.name, **track, **backfill, **alert})
        print(_printable(f"{topic.name}: {', '.join(topic.track)}"))
        if topic.alert_problem:
            say(_printable(f"{topic.name} has its rule for alerts, but {topic.alert_problem}"))
        if topic.backfill is not None:
            _follow(topic, f"{base}/topics/{options.name}", token)
    elif options.verb == "edit":
        topic = _call("PATCH", f"{base}/topics/{options.name}", token, _Topic, {"track": options.track})
        print(_printable(f"{topic.name}: {', '.join(topic.track)}"))
    else:
        _call("DELETE", f"{base}/topics/{options.name}", token, None)
        print(f"{options.name} deleted")


def _alert(options: argparse.Namespace) -> dict[str, Any]:
    """The rule for alerts of the options, as a part of the body."""
    if options.alert is None:
        if options.alert_label is not None:
            fail("--alert-label belongs to --alert every or --alert surge")
        return {}
    label = {} if options.alert_label is None else {"label": options.alert_label}
    return {"alert": {"when": options.alert, **label}}


def _follow(topic: "_Topic", url: str, token: str) -> None:
    """Wait for the stored posts of a topic, and say how many there are."""
    end = time.monotonic() + FILLING
    while topic.backfill is not None and topic.backfill.state == "running" and time.monotonic() < end:
        time.sleep(LOOK_AGAIN)
        topic = _call("GET", url, token, _Topic)
    found = topic.backfill
    if found is None or found.state == "running":
        print(f"stored posts are still being added; `tweetream topics list` counts them, {url} says when they are in")
    elif found.state == "failed":
        fail(_printable(f"{topic.name} has {found.posts or 0:,} stored posts and not more: {found.reason}"))
    elif found.posts:
        print(_printable(f"{topic.name}: {found.posts:,} stored posts since {found.since}"))
    else:
        say(_printable(f"{topic.name}: {found.reason}"))


def _token(options: argparse.Namespace) -> str:
    """The token of --token, of --token-file, or of the environment; empty without any."""
    wrong = ""
    if options.token_file is not None:
        try:
            with Path(options.token_file).open(encoding="utf-8") as file:
                wrong = exposure(os.fstat(file.fileno()).st_mode, secret=True)
                token = file.read(MAX_TOKEN).strip()
        except (OSError, UnicodeDecodeError) as error:
            fail(f"--token-file {options.token_file}: {getattr(error, 'strerror', None) or 'it is not a text'}")
        if not token:
            fail(f"--token-file {options.token_file}: it is empty")
    else:
        token = os.environ.get("TWEETREAM_API_TOKEN", "") if options.token is None else options.token
    if not re.fullmatch(r"[\x21-\x7e]*", token):
        fail("the token has a blank or another character that no token has: write it alone, on one line")
    if wrong:
        say(f"warning: --token-file {options.token_file}: {wrong}")
    return token


class _Backfill(msgspec.Struct):
    since: str
    state: str
    posts: int | None
    reason: str | None


class _Topic(msgspec.Struct):
    """What is shown of a topic. The server may be any, so its answer is checked."""

    name: str
    track: list[str]
    posts: dict[str, int] = {}
    backfill: _Backfill | None = None
    alert_problem: str = ""


def _call(method: str, url: str, token: str, wanted: Any, body: object = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data, headers, method=method)
        with open_url(request, timeout=20) as answer:
            return msgspec.json.decode(answer.read(MAX_ANSWER) or b"null", type=wanted)
    except urllib.error.HTTPError as error:
        with error:
            fail(_printable(_refusal(url, error)))
    except (OSError, ValueError, RecursionError, HTTPException) as error:
        fail(f"no worker answers at {url}: {_printable(str(getattr(error, 'reason', error)))}")


def _refusal(url: str, error: urllib.error.HTTPError) -> str:
    if 300 <= error.code < 400:
        to = error.headers.get("Location", "nowhere")
        return f"{url} redirects to {to}, which is not followed: if that is the worker, give its address by --url"
    try:
        return f"{error.code}: {json.loads(error.read(MAX_ANSWER))['detail']}"
    except (OSError, ValueError, RecursionError, KeyError, TypeError, HTTPException):
        return f"{error.code}: {error.reason}"


def _printable(text: str) -> str:
    """What a server said, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
