"""X's API v2 on this machine, as its owners document it: the filtered stream and its rules, limits and faults.

It checks the bearer token and each rule (`x_language.py`), counts calls in each 15 minutes, and sends the posts that
match a rule, in chunked encoding, each followed by CR LF. A bare CR LF is its keep-alive. It gives only the requested
fields and expansions. This module is independent of tweetream.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from support.networks.x_language import BadRule, Node, parse
from support.networks.x_messages import asked_for, error, line, problem, sent

TOKEN = "AAAA%2Btoken%3D"
LIMITS = {"connects": 50, "reads": 450, "writes": 100}
WINDOW = 900.0
MOST_RULES = 1000
QUERY = {"expansions", "tweet.fields", "user.fields", "media.fields", "place.fields", "poll.fields", "backfill_minutes"}


class XServer:
    """One account. `script` holds faults of the next connections to the stream: close, silence, or an HTTP status."""

    def __init__(
        self,
        *,
        limits: dict[str, int] | None = None,
        most_rules: int = MOST_RULES,
        forbidden: frozenset[str] = frozenset(),
        all_or_nothing: bool = False,
        delay: float = 0.0,
        one: bool = True,
        alive: float = 20.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """No rule may have a word of `forbidden`. `all_or_nothing`: with one bad rule, X rejects the whole request.

        A rule takes effect after `delay` seconds.
        """
        self.rules: dict[str, dict[str, str]] = {}
        self.calls: dict[str, list[float]] = {name: [] for name in LIMITS}
        self.refused: Counter[str] = Counter()  # calls over a limit
        self.most_at_once = 0
        self.changed: Callable[[], None] = lambda: None  # called after each change of rules
        self.added: list[str] = []
        self.script: deque[str] = deque()
        self.rule_script: deque[str] = deque()
        self.delete_script: deque[str] = deque()  # of the requests that delete rules
        self.port = 0
        self._parsed: dict[str, Node] = {}
        self._added_at: dict[str, float] = {}
        self.limits, self._most, self._forbidden, self._all_or_nothing = (
            dict(limits or LIMITS),
            most_rules,
            forbidden,
            all_or_nothing,
        )
        self._one, self._alive, self._delay, self._clock = one, alive, delay, clock
        self._streams: dict[web.StreamResponse, web.Request] = {}
        self.somebody = asyncio.Event()
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    @property
    def streams(self) -> int:
        return len(self._streams)

    async def __aenter__(self) -> "XServer":
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.router.add_get("/2/tweets/search/stream", self._stream)
        application.router.add_get("/2/tweets/search/stream/rules", self._get_rules)
        application.router.add_post("/2/tweets/search/stream/rules", self._post_rules)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # Events at X.

    @property
    def in_effect(self) -> list[str]:
        """The ids of the rules that have taken effect."""
        return [id for id in self.rules if self._clock() - self._added_at.get(id, 0.0) >= self._delay]

    def others(self, value: str, tag: str | None = None) -> str:
        """Another client of the account adds a rule. Returns its id."""
        (rule, node), *_ = self._made([{"value": value} | ({"tag": tag} if tag else {})], False)[0]
        self.rules[rule["id"]], self._parsed[rule["id"]] = rule, node
        return rule["id"]

    def gone(self, id: str) -> None:
        """Another client deletes a rule."""
        del self.rules[id], self._parsed[id]

    async def post(self, text: str, *, number: int | None = None, includes: Any = None, **fields: Any) -> list[str]:
        """A new post at X; it is sent if a rule matches. Returns the ids of the matching rules."""
        number = number or next(self._numbers)
        data: dict[str, Any] = {
            "id": str(number),
            "text": text,
            "author_id": "7",
            "lang": "in",
            "edit_history_tweet_ids": [str(number)],
        }
        data |= {"created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")} | fields
        whole: dict[str, Any] = {"text": data.get("note_tweet", {}).get("text", text), "lang": data["lang"]}
        matching = [id for id in self.in_effect if self._parsed[id].matches(whole)]
        if matching:
            found = includes or {"users": [{"id": "7", "name": "Rina", "username": "rina"}]}
            for answer, request in list(self._streams.items()):
                message = asked_for(request, data, found)
                message["matching_rules"] = [{"id": id, "tag": self.rules[id].get("tag", "")} for id in matching]
                await _write(answer, line(message))
        return matching

    async def send(self, *messages: bytes) -> None:
        """Wait for a client, and send these bytes to all clients, each in one write."""
        async with asyncio.timeout(5):
            await self.somebody.wait()
        for message in messages:
            for answer in list(self._streams):
                await _write(answer, message)

    async def halve(self, message: bytes) -> None:
        """Send half a message, and cut the connection."""
        await self.send(message[: len(message) // 2])
        await asyncio.sleep(0.02)
        self.cut()

    def cut(self) -> None:
        for request in self._streams.values():
            if request.transport is not None:
                request.transport.abort()

    # The API.

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        refusal = self._refusal(request, "connects", self.script)
        if refusal is not None:
            return refusal
        if unknown := set(request.query) - QUERY:
            return problem(400, "Invalid Request", f"The query parameter [{min(unknown)}] is not known")
        if not self.rules:
            return problem(409, "ConnectionException", "You must define rules first", "rules-not-configured")
        if self._one and self._streams:
            detail = "This stream is currently at the maximum allowed connection limit."
            return problem(429, "ConnectionException", detail, "streaming-connection", self._headers("connects"))
        answer = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        answer.headers.update(self._headers("connects"))
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        fault = self.script.popleft() if self.script else ""
        if fault == "close":
            return answer
        self._streams[answer] = request
        self.somebody.set()
        try:
            while True:
                await asyncio.sleep(self._alive if fault != "silence" else 3600)
                await answer.write(b"\r\n")
        finally:
            self._streams.pop(answer, None)
            if not self._streams:
                self.somebody.clear()

    async def _get_rules(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request, "reads", self.rule_script)
        if refusal is not None:
            return refusal
        body: dict[str, Any] = {"meta": {"sent": sent(), "result_count": len(self.rules)}}
        if self.rules:
            body["data"] = list(self.rules.values())
        return web.json_response(body, headers=self._headers("reads"))

    async def _post_rules(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request, "writes", self.rule_script)
        if refusal is not None:
            return refusal
        body = await request.json()
        if not isinstance(body, dict) or len(body) != 1 or not body.keys() <= {"add", "delete"}:
            return problem(400, "Invalid Request", "One of add and delete is wanted", "invalid-request")
        headers = self._headers("writes")
        dry = request.query.get("dry_run") == "true"
        if "delete" in body:
            if self.delete_script:
                return problem(int(self.delete_script.popleft()), "Invalid Request", "no such ids", "invalid-request")
            gone = [id for id in body["delete"]["ids"] if id in self.rules]
            if not dry:
                for id in gone:
                    self.gone(id)
                self.changed()
            left = [{"title": "Rule not found", "detail": id} for id in body["delete"]["ids"] if id not in gone]
            answer: dict[str, Any] = {
                "meta": {"sent": sent(), "summary": {"deleted": len(gone), "not_deleted": len(left)}}
            }
            return web.json_response(answer | ({"errors": left} if left else {}), headers=headers)
        made, errors = self._made(body["add"], dry)
        if self._all_or_nothing and errors:
            made = []
        for rule, node in made:
            if not dry:
                self.rules[rule["id"]], self._parsed[rule["id"]] = rule, node
                self._added_at[rule["id"]] = self._clock()
                self.added.append(rule["value"])
        self.changed()
        self.most_at_once = max(self.most_at_once, len(self.rules))
        valid = {"created": len(made), "not_created": len(body["add"]) - len(made)}
        summary = valid | {"valid": len(body["add"]) - len(errors), "invalid": len(errors)}
        answer = {"data": [rule for rule, _ in made], "errors": errors, "meta": {"sent": sent(), "summary": summary}}
        answer = {name: value for name, value in answer.items() if value}
        return web.json_response(answer, status=201 if made or not errors else 400, headers=headers)

    def _made(self, asked: list[dict[str, str]], dry: bool) -> tuple[list[tuple[dict[str, str], Node]], list[Any]]:
        made: list[tuple[dict[str, str], Node]] = []
        errors: list[dict[str, Any]] = []
        values = {rule["value"]: rule["id"] for rule in self.rules.values()}
        for rule in asked:
            value = rule["value"]
            if value in values:
                errors.append(error(value, "DuplicateRule", "duplicate-rules", id=values[value]))
                continue
            if len(self.rules) + len(made) >= self._most:
                errors.append(error(value, "RulesCapExceeded", "rule-cap", detail=f"{self._most} rules are allowed"))
                continue
            try:
                node = parse(value)
                if minded := self._forbidden.intersection(value.replace('"', " ").split()):
                    raise BadRule(f"{min(minded)} is not allowed")
            except BadRule as bad:
                errors.append(error(value, "UnprocessableEntity", "invalid-rules", details=[str(bad)]))
                continue
            id = str(1_500_000_000_000_000_000 + next(self._numbers))
            values[value] = id
            made.append(({"id": id, "value": value} | ({"tag": rule["tag"]} if "tag" in rule else {}), node))
        return made, errors

    def _refusal(self, request: web.Request, kind: str, script: deque[str]) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "Unauthorized", "Unauthorized")
        calls = self._recent(kind)
        if len(calls) >= self.limits[kind]:
            self.refused[kind] += 1
            return problem(429, "Too Many Requests", "Too Many Requests", headers=self._headers(kind))
        self.calls[kind].append(self._clock())
        if script and script[0].isdigit():
            status = int(script.popleft())
            return problem(status, f"scripted {status}", "as the script says", headers=self._headers(kind))
        return None

    def _recent(self, kind: str) -> list[float]:
        return [at for at in self.calls[kind] if at > self._clock() - WINDOW]

    def _headers(self, kind: str) -> dict[str, str]:
        calls = self._recent(kind)
        reset = (calls[0] if calls else self._clock()) + WINDOW
        left = self.limits[kind] - len(calls)
        names = {"limit": self.limits[kind], "remaining": max(0, left), "reset": round(reset)}
        return {f"x-rate-limit-{name}": str(value) for name, value in names.items()}


async def _write(answer: web.StreamResponse, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # the client has gone; its handler notices
        await answer.write(data)
