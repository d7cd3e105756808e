"""A Mastodon server on this machine: the streaming and timeline API as its owners document it, and faults by script.

The streams are like those of Mastodon's own streaming server: `:)` first, `:thump` every `thump` seconds, `event:` and
`data:` in one write, no cursor. If `token` is set, a client needs it (401 without). Timelines: newest first; `min_id`
gives the statuses right after it, `max_id` those before it, 40 at most, with a `Link` to both sides. Limits: this
machine only; ids are numbers.
"""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

WHEN = 1_790_000_000_000  # ms: the time of the first status without a time of its own


def snowflake(when: int, serial: int = 0) -> str:
    """The id that Mastodon gives a status of this time in ms."""
    return str((when << 16) + serial)


def status(id: str, text: str, host: str = "127.0.0.1", **fields: Any) -> dict[str, Any]:
    """A status in the API's format."""
    moment = datetime.fromtimestamp((int(id) >> 16 or WHEN) / 1000 if id.isdigit() else WHEN / 1000, UTC)
    when = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    account = {"id": "7", "username": "rina", "acct": "rina", "display_name": "Rina", "bot": False, "locked": False}
    return {
        "id": id,
        "created_at": when,
        "in_reply_to_id": None,
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": "id",
        "uri": f"https://{host}/users/rina/statuses/{id}",
        "url": f"https://{host}/@rina/{id}",
        "replies_count": 0,
        "edited_at": None,
        "content": f"<p>{text}</p>",
        "reblog": None,
        "account": account,
        "media_attachments": [],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": None,
        "poll": None,
    } | fields


class MastodonServer:
    """For an `async with` block. `asked` holds the requested paths with their queries; `streams` the open streams."""

    def __init__(self, *, token: str = "", thump: float = 15.0, tls: ssl.SSLContext | None = None) -> None:
        self.token, self.thump, self._tls = token, thump, tls
        self.asked: list[str] = []
        self.answers: dict[str, list[web.Response]] = {}  # by the beginning of a path; each is given once
        self.instance: dict[str, Any] | None = {}  # merged into the response; None: there is no such endpoint
        self.heard: Callable[[web.Request], object] = lambda request: None
        self.shown = True  # whether timelines are accessible
        self.statuses: dict[str, dict[str, Any]] = {}
        self.streams: dict[web.StreamResponse, str] = {}
        self._requests: list[web.Request] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/api/v2/instance", self._instance)
        app.router.add_get("/api/v1/streaming/health", self._health)
        app.router.add_get("/api/v1/streaming/{stream:.*}", self._stream)
        app.router.add_get("/api/v1/timelines/public", self._timeline)
        app.router.add_get("/api/v1/timelines/tag/{tag}", self._timeline)
        app.middlewares.append(self._scripted)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await self._runner.cleanup()

    def cut(self) -> None:
        """Cut all streams."""
        for request in self._requests:
            if request.transport is not None:
                request.transport.abort()

    async def wait(self, timeout: float = 5.0) -> None:
        """Wait for an open stream."""
        async with asyncio.timeout(timeout):
            while not self.streams:
                await asyncio.sleep(0.005)

    def keep(self, *found: dict[str, Any]) -> None:
        """Add statuses to the timeline, but to no stream."""
        self.statuses |= {one["id"]: one for one in found}

    async def post(self, *found: dict[str, Any]) -> None:
        """Post statuses: to the timeline, and to the streams that they belong to."""
        for one in found:
            self.keep(one)
            await self.say("update", json.dumps(one, separators=(",", ":")), _places(one))

    async def delete(self, id: str) -> None:
        """Delete a status."""
        gone = self.statuses.pop(id, None)
        await self.say("delete", id, _places(gone) if gone else None)

    async def edit(self, id: str, text: str) -> None:
        """Change the text of a status."""
        self.statuses[id] |= {"content": f"<p>{text}</p>", "edited_at": "2030-01-01T00:00:00.000Z"}
        await self.say("status.update", json.dumps(self.statuses[id]), _places(self.statuses[id]))

    async def say(self, event: str, payload: str, places: Iterable[str] | None = None) -> None:
        await self.send(f"event: {event}\ndata: {payload}\n\n".encode(), places)

    async def send(self, raw: bytes, places: Iterable[str] | None = None) -> None:
        """Send bytes to all streams, or to the streams with these paths, and wait for their sockets."""
        for response, place in list(self.streams.items()):
            if places is None or place in places:
                try:
                    await response.write(raw)
                except ConnectionError:
                    self.streams.pop(response, None)

    @web.middleware
    async def _scripted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.heard(request)
        for prefix, answers in self.answers.items():
            if request.path.startswith(prefix) and answers:
                return answers.pop(0)
        found: web.StreamResponse = await handler(request)
        return found

    async def _instance(self, request: web.Request) -> web.Response:
        if self.instance is None:
            return web.json_response({"error": "Not found"}, status=404)
        urls = {"streaming": f"{'wss' if self._tls else 'ws'}://{request.host}"}
        known = {"domain": request.host, "title": "Mastodon", "version": "4.5.0", "configuration": {"urls": urls}}
        return web.json_response(known | self.instance)

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        place = request.match_info["stream"]
        if place not in ("public", "public/local", "hashtag", "hashtag/local"):
            return web.json_response({"error": "Unknown channel requested"}, status=400)
        if self.token and request.headers.get("Authorization", "") != f"Bearer {self.token}":
            why = "Invalid access token" if "Authorization" in request.headers else "Missing access token"
            return web.json_response({"error": why}, status=401)
        if place.startswith("hashtag"):
            place += f"?{request.query.get('tag', '').lower()}"
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b":)\n")
        self.streams[response] = place
        self._requests.append(request)
        try:
            while True:
                await asyncio.sleep(self.thump)
                await response.write(b":thump\n")
        except ConnectionError:
            return response
        finally:
            self.streams.pop(response, None)
            self._requests.remove(request)

    async def _timeline(self, request: web.Request) -> web.Response:
        if not self.shown:
            return web.json_response({"error": "This method requires an authenticated user"}, status=422)
        query, tag = request.query, request.match_info.get("tag")
        place = ("public" if tag is None else "hashtag") + ("/local" if query.get("local") == "true" else "")
        place += f"?{tag.lower()}" if tag else ""
        found = sorted((s for s in self.statuses.values() if place in _places(s)), key=lambda s: int(s["id"]))
        if below := query.get("max_id"):
            found = [one for one in found if int(one["id"]) < int(below)]
        limit = min(int(query.get("limit", "20")), 40)
        if above := query.get("min_id"):
            found = [one for one in found if int(one["id"]) > int(above)][:limit]
        else:
            found = found[-limit:]
        headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "299"}
        if found:
            here = str(request.url.with_query(None))
            older, newer = f"{here}?max_id={found[0]['id']}", f"{here}?min_id={found[-1]['id']}"
            headers["Link"] = f'<{older}>; rel="next", <{newer}>; rel="prev"'
        return web.json_response(found[::-1], headers=headers)


def _places(one: dict[str, Any]) -> list[str]:
    """The streams that a status belongs to."""
    tags = [tag["name"].lower() for tag in one["tags"]]
    ends = [""] if "@" in one["account"]["acct"] else ["", "/local"]
    return [f"public{end}" for end in ends] + [f"hashtag{end}?{tag}" for end in ends for tag in tags]


def count(asked: Iterable[str]) -> Counter[str]:
    """The number of requests for each path, with any query."""
    return Counter(path.partition("?")[0] for path in asked)
