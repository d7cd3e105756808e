"""The messages of X's API v2: posts of the stream, errors and problems, as its owners document them."""

import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

PROBLEM = "https://api.twitter.com/2/problems/"
DISCONNECT = {
    "title": "operational-disconnect",
    "disconnect_type": "UpstreamOperationalDisconnect",
    "detail": "This stream has been disconnected upstream for operational reasons.",
    "type": f"{PROBLEM}operational-disconnect",
}


def line(message: object) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() + b"\r\n"


def asked_for(request: web.Request, data: dict[str, Any], includes: dict[str, Any]) -> dict[str, Any]:
    """A message with only the fields and expansions of the query."""
    fields = {"id", "text", "edit_history_tweet_ids", *request.query.get("tweet.fields", "").split(",")}
    expansions = request.query.get("expansions", "").split(",")
    message: dict[str, Any] = {"data": {name: value for name, value in data.items() if name in fields}}
    found: dict[str, Any] = {}
    authors = {data["author_id"]} if "author_id" in expansions else set()
    if "referenced_tweets.id" in expansions and includes.get("tweets"):
        found["tweets"] = [{k: v for k, v in tweet.items() if k in fields} for tweet in includes["tweets"]]
        if "referenced_tweets.id.author_id" in expansions:
            authors |= {tweet["author_id"] for tweet in includes["tweets"]}
    if users := [user for user in includes.get("users", ()) if user["id"] in authors]:
        found["users"] = users
    return message | ({"includes": found} if found else {})


def error(value: str, title: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "title": title, "type": PROBLEM + kind} | more


def problem(
    status: int, title: str, detail: str, kind: str = "", headers: dict[str, str] | None = None
) -> web.Response:
    body = {"title": title, "detail": detail, "type": PROBLEM + kind if kind else "about:blank", "status": status}
    return web.json_response(body, status=status, headers=headers)


def sent() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
