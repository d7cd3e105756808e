"""The proxy of docker-compose.yml on this machine: a real Caddy with deploy/Caddyfile, and a name server.

Workers have addresses of 127.0.0.0/8 and one port, as containers of one service have addresses and one port. The
name server answers any question for addresses with those it was given. Limits: Linux, where all of 127.0.0.0/8 is
this machine.
"""

import socketserver
import struct
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

import httpx
from support.paths import ROOT
from support.programs import start_program
from support.waiting import until
from support.workers import Worker
from typing_extensions import override

from tweetream.kafka.embedded import end_process, free_ports

CADDYFILE = ROOT / "deploy" / "Caddyfile"
_ADDRESS = 1  # the type of a question for IPv4 addresses


class Nameserver(socketserver.ThreadingUDPServer):
    """Knows one name, whatever it is called: `addresses` are its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.addresses: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Question(socketserver.BaseRequestHandler):
    @override
    def handle(self) -> None:
        asked, reply_to = self.request
        end = asked.index(b"\0", 12) + 5  # header, name, type and class
        kind = struct.unpack(">H", asked[end - 4 : end - 2])[0]
        assert isinstance(self.server, Nameserver)
        addresses = self.server.addresses if kind == _ADDRESS else []
        header = asked[:2] + struct.pack(">5H", 0x8580, 1, len(addresses), 0, 0)
        answers = [
            struct.pack(">HHHIH", 0xC00C, _ADDRESS, 1, 0, 4) + bytes(map(int, address.split(".")))
            for address in addresses
        ]
        reply_to.sendto(header + asked[12:end] + b"".join(answers), self.client_address)


class Proxy:
    """Caddy before the workers that are named by `serve`; for a `with` block."""

    def __init__(self, program: str, folder: Path) -> None:
        self.workers_port, self._port = free_ports(2)
        self.url = f"http://127.0.0.1:{self._port}"
        self.log = folder / "caddy.log"
        self._program, self._folder = program, folder
        self._names = Nameserver()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def nameserver(self) -> str:
        """The address of the name server."""
        return f"127.0.0.1:{self._names.server_address[1]}"

    def worker(self, address: str, broker: str, namespace: str, **settings: Any) -> Worker:
        """A worker at this address, not started."""
        given = {"WEB_HOST": address, "WEB_PORT": self.workers_port, "DATA_DIR": self._folder / address, **settings}
        worker = Worker(broker, namespace, self._folder, **given)
        worker.port, worker.url = self.workers_port, f"http://{address}:{self.workers_port}"
        return worker

    def serve(self, *workers: Worker) -> None:
        """Let the name have these workers' addresses; the proxy knows within its `refresh`."""
        self._names.addresses = [httpx.URL(worker.url).host for worker in workers]

    def __enter__(self) -> Self:
        home = {name: str(self._folder / "caddy") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        ours = {
            "SITE": f"http://:{self._port}",
            "WORKERS": "worker.test.",
            "PORT": str(self.workers_port),
            "NAMESERVER": f"udp/{self.nameserver}",
        }
        command = [self._program, "run", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
        self._process = start_program(command, self.log, home | ours)
        until(self._answers, 20, f"the proxy answers; it says {self.log.read_text()[-1000:]}")
        return self

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.log.read_text()[-2000:]
        try:
            return httpx.get(f"{self.url}/metrics", timeout=5).status_code == 404
        except httpx.HTTPError:
            return False

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end_process(self._process, 5)
        self._names.close()
