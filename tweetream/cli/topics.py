"""`tweetream topics`: the REST calls from a shell, on the standard library alone."""

import argparse
import json
import urllib.error
import urllib.request
from typing import Any

from tweetream.settings import fail


def run(options: argparse.Namespace) -> None:
    """List, add or delete; ends with one line and status 2 if the worker refuses or does not answer."""
    base, token = options.url.rstrip("/"), options.token
    if options.verb == "list":
        for topic in _call("GET", f"{base}/topics", token):
            counts = "  ".join(f"{label} {number:,}" for label, number in sorted(topic["posts"].items()))
            print(f"{topic['name']:<24} {counts or '-':<40} {', '.join(topic['track'])}")
    elif options.verb == "add":
        track = {"track": options.track} if options.track else {}
        topic = _call("POST", f"{base}/topics", token, {"name": options.name, **track})
        print(f"{topic['name']}: {', '.join(topic['track'])}")
    else:
        _call("DELETE", f"{base}/topics/{options.name}", token)
        print(f"{options.name} deleted")


def _call(method: str, url: str, token: str, body: object = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        fail(f"{error.code}: {_detail(error)}")
    except (OSError, ValueError) as error:
        fail(f"no worker answers at {url}: {getattr(error, 'reason', error)}")


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return error.reason
