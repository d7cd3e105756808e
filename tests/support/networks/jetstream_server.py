"""A Jetstream server on this machine: both versions of its protocol, byte for byte as its owners write it.

`/subscribe` is version 1, whose format does not change any more: events in JSON, and cursors in µs. With a cursor that
is too old, it silently begins at the oldest event. Identity and account events come with any filter.
`/xrpc/network.bsky.jetstream.subscribeEvents` is version 2: frames of `xrpc.v1.json`, three filters, and cursors that
are numbers (too old: 400 CursorTooOld) or times (too old: an info frame first). After bluesky-social/jetstream,
`internal/subscribe` and its lexicon. Limits: no compression, no filter by account, no options sent by the client.
`faults` holds the faults of the next connections.
"""

import asyncio
import json
import re
import ssl
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import WSMsgType, web

METHOD = "network.bsky.jetstream.subscribeEvents"
POSTS = "app.bsky.feed.post"
TIMES = 10**15  # a cursor of at least this is a time
DID = "did:plc:q235v55g5unth4zjjdpacfdr"
_ESCAPED = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


@dataclass
class Fault:
    """The fault of a connection: a response instead of the upgrade, or an end after `after` messages, else a cut."""

    after: int = 0
    status: int = 0  # an HTTP response
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False  # no response
    mute: bool = False  # sends nothing from then on, not even a ping
    half: bool = False  # sends half of the next message, and ends
    close: tuple[int, str] | None = None


@dataclass
class Event:
    """One event of the log. `raw` goes to all clients unchanged."""

    seq: int
    time_us: int
    kind: str
    did: str
    content: dict[str, Any]
    raw: bytes | None = None

    def v1(self) -> bytes:
        if self.raw is not None:
            return self.raw
        head = {"did": self.did, "time_us": self.time_us, "cursor": self.seq, "kind": self.kind}
        order = ("rev", "operation", "collection", "rkey", "record", "cid")
        content = self.content
        if self.kind == "commit":
            content = {name: content[name] for name in order if name in content}
        return encode(head | {self.kind: content})

    def v2(self) -> bytes:
        if self.raw is not None:
            return self.raw
        moment = datetime.fromtimestamp(self.time_us // 1_000_000, UTC).replace(microsecond=self.time_us % 1_000_000)
        when = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        fields = self.content if self.kind == "commit" else {self.kind: self.content}
        fields = fields | {"did": self.did, "seq": self.seq, "time": when}
        payload = {"$type": f"{METHOD}#{self.kind}"} | {name: fields[name] for name in sorted(fields)}
        return encode({"$type": "message", "payload": payload})


def encode(value: Any) -> bytes:
    """JSON as Go writes it: no spaces, UTF-8, and these characters escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(_ESCAPED.get(char, char) for char in text).encode("utf-8", "surrogatepass")


class JetstreamServer:
    """Serves a log of events, for an `async with` block. `asked` holds the queries of all connections."""

    def __init__(self, *, ping: float = 30.0, window: float = 36 * 3600, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.asked: list[dict[str, str]] = []
        self.faults: deque[Fault] = deque()
        self.log: list[Event] = []
        self.pongs = 0
        self._ping, self._window, self._tls = ping, window, tls
        self._grown = asyncio.Event()
        self._sent: dict[web.WebSocketResponse, int] = {}  # the number of events sent to each client
        self._transports: dict[web.WebSocketResponse, asyncio.Transport] = {}
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}/subscribe"

    @property
    def url_v2(self) -> str:
        return self.url.replace("/subscribe", f"/xrpc/{METHOD}")

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/subscribe", self._v1)
        application.router.add_get(f"/xrpc/{METHOD}", self._v2)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    # Events on the network.

    def add(self, kind: str, did: str, content: dict[str, Any], time_us: int = 0, raw: bytes | None = None) -> Event:
        last = self.log[-1].time_us if self.log else 0
        event = Event(len(self.log) + 1, time_us or max(last + 1, time.time_ns() // 1000), kind, did, content, raw)
        self.log.append(event)
        self._grown.set()
        self._grown = asyncio.Event()
        return event

    def commit(self, operation: str, rkey: str, *, did: str = DID, time_us: int = 0, **content: Any) -> Event:
        content = {"rev": "3mmoojpaqkn2z", "operation": operation, "collection": POSTS, "rkey": rkey} | content
        return self.add("commit", did, content, time_us)

    def post(self, rkey: str, text: str, *, did: str = DID, time_us: int = 0, edit: bool = False, **more: Any) -> Event:
        record = {"$type": POSTS, "createdAt": "2026-05-25T14:23:28.757Z", "text": text} | more
        operation = "update" if edit else "create"
        return self.commit(operation, rkey, did=did, time_us=time_us, record=record, cid="bafyreidqpc7si3dbimffi64lz3x")

    def delete(self, rkey: str, did: str = DID) -> Event:
        return self.commit("delete", rkey, did=did)

    def identity(self, did: str = DID) -> Event:
        return self.add("identity", did, {"did": did, "seq": 30340180350, "time": "2026-05-25T14:23:29.950Z"})

    def account(self, status: str = "", did: str = DID) -> Event:
        content: dict[str, Any] = {"active": not status, "did": did, "seq": 1, "time": "2026-05-25T14:23:29.950Z"}
        return self.add("account", did, content | ({"status": status} if status else {}))

    def raw(self, message: bytes, time_us: int = 0) -> Event:
        """Add a message that no server should send."""
        return self.add("raw", "", {}, time_us, message)

    async def send(self, *messages: bytes, keep: bool = True) -> None:
        """Wait for a client, and send these to all clients; wait for their sockets. With `keep` they are in the log."""
        async with asyncio.timeout(5):
            while not self._sent:
                await asyncio.sleep(0.005)
        for message in messages:
            if keep:
                self.raw(message, _time_of(message))
                while any(at < len(self.log) for at in self._sent.values()):
                    await asyncio.sleep(0)
            else:
                for socket in list(self._sent):
                    await socket.send_frame(message, WSMsgType.TEXT)

    async def ping(self) -> None:
        for socket in list(self._sent):
            await socket.ping()

    async def spoil(self) -> None:
        """Send an invalid WebSocket frame to all clients."""
        for transport in list(self._transports.values()):
            transport.write(b"\xf1\x01x")

    # Responses to a client.

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        cursor = request.query.get("cursor", "")
        if cursor and not (cursor.isascii() and cursor.isdigit() and int(cursor) < 2**63):
            return web.Response(status=400, text=f"subscribe: invalid cursor: {json.dumps(cursor)}\n")
        start = self._at(int(cursor)) if cursor else len(self.log)
        return await self._serve(request, max(start, self._floor()) if cursor else start, False)

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        for name in ("wantedCollections", "wantedDids", "requireHello"):
            if name in request.query:
                return _envelope("InvalidRequest", f"subscribe: invalid options: {name} is of the legacy /subscribe")
        if not {"commit", "identity", "account", "sync"}.issuperset(request.query.getall("kinds", [])):
            return _envelope("InvalidRequest", "subscribe: invalid options: unknown kinds")
        cursor, floor, notice = int(request.query.get("cursor", -1)), self._floor(), None
        start = self._at(cursor) if cursor >= 0 else len(self.log)
        if 0 <= start < floor:
            if cursor < TIMES:
                said = f"cursor {cursor} below lookback floor {floor + 1}; re-backfill from your last seq"
                return _envelope("CursorTooOld", f"subscribe: cursor too old: {said}")
            said = f"requested timestamp cursor below retention floor; starting at seq {floor + 1}"
            info = {"$type": f"{METHOD}#info", "message": said, "name": "OutdatedCursor"}
            start, notice = floor, encode({"$type": "message", "payload": info})
        return await self._serve(request, start, True, notice)

    def _at(self, cursor: int) -> int:
        """The index of the first event at or after a cursor; the end, for a cursor in the future."""
        if cursor < TIMES:
            return max(0, min(cursor - 1, len(self.log)))
        return next((at for at, event in enumerate(self.log) if event.time_us >= cursor), len(self.log))

    def _floor(self) -> int:
        return self._at(time.time_ns() // 1000 - round(self._window * 1e6))

    async def _serve(self, request: web.Request, at: int, v2: bool, notice: bytes | None = None) -> web.StreamResponse:
        fault = self.faults.popleft() if self.faults else Fault(after=2**63)
        self.asked.append(dict(request.query) | {"host": request.host})
        assert request.transport is not None
        if fault.hang:
            await asyncio.Event().wait()
        if fault.status:
            return web.Response(status=fault.status, headers=fault.headers)
        socket = web.WebSocketResponse(protocols=("xrpc.v1.json",) if v2 else (), compress=False, autoping=False)
        await socket.prepare(request)
        self._sent[socket], self._transports[socket] = at, request.transport
        tasks = [asyncio.create_task(self._listen(socket)), asyncio.create_task(self._pings(socket, fault))]
        try:
            if notice:
                await socket.send_frame(notice, WSMsgType.TEXT)
            await self._send(socket, request, at, v2, fault)
        except ConnectionError:
            pass  # the client has disconnected
        finally:
            del self._sent[socket], self._transports[socket]
            for task in tasks:
                task.cancel()
        return socket

    async def _send(self, socket: web.WebSocketResponse, request: web.Request, at: int, v2: bool, fault: Fault) -> None:
        sent, limit = 0, int(request.query.get("maxMessageSizeBytes", "0"))
        while not socket.closed:
            grown = self._grown
            while at < len(self.log):
                event, at = self.log[at], at + 1
                message = event.v2() if v2 else event.v1()
                if event.raw is None and (not _wants(event, request, v2) or 0 < limit < len(message)):
                    continue
                if sent >= fault.after:
                    return await self._suffer(socket, request, fault, message)
                await socket.send_frame(message, WSMsgType.TEXT)
                sent += 1
                self._sent[socket] = at
            self._sent[socket] = at
            if sent >= fault.after and not fault.half:
                return await self._suffer(socket, request, fault, b"")
            await grown.wait()

    async def _suffer(self, socket: web.WebSocketResponse, request: web.Request, fault: Fault, message: bytes) -> None:
        assert request.transport is not None
        if fault.mute:
            await asyncio.Event().wait()
        if fault.half:
            frame = b"\x81\x7f" + struct.pack(">Q", len(message)) + message
            request.transport.write(frame[: len(frame) // 2])
            request.transport.close()
        elif fault.close:
            await socket.close(code=fault.close[0], message=fault.close[1].encode())
        else:
            request.transport.close()

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        """Answer pings, count pongs, and end with the client."""
        while (message := await socket.receive()).type in (WSMsgType.PING, WSMsgType.PONG):
            if message.type is WSMsgType.PONG:
                self.pongs += 1
            else:
                await socket.pong(message.data)
        self._grown.set()
        self._grown = asyncio.Event()

    async def _pings(self, socket: web.WebSocketResponse, fault: Fault) -> None:
        while not fault.mute:
            await asyncio.sleep(self._ping)
            await socket.ping()


def _time_of(message: bytes) -> int:
    found = re.match(rb'\{"did":"[^"]*","time_us":(\d{1,19}),', message)
    return int(found[1]) if found else 0


def _wants(event: Event, request: web.Request, v2: bool) -> bool:
    if v2 and (kinds := request.query.getall("kinds", [])) and event.kind not in kinds:
        return False
    wanted = request.query.getall("collections" if v2 else "wantedCollections", [])
    return event.kind != "commit" or not wanted or event.content["collection"] in wanted


def _envelope(error: str, message: str) -> web.Response:
    return web.json_response({"error": error, "message": message}, status=400)
