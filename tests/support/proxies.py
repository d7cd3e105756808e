"""The configurations of deploy/proxies on this machine: Debian's Caddy, nginx and HAProxy with our files as they are,
but for addresses, ports and certificates.
"""

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import httpx
import pytest
from support.kafka.certificates import Authority
from support.paths import ROOT
from support.programs import start_program
from support.site import Site
from support.waiting import until
from typing_extensions import override

from tweetream.kafka.embedded import HOST, end_process, free_ports

FOLDER = ROOT / "deploy" / "proxies"
FIXED = ("Caddyfile", "nginx.conf", "haproxy.cfg")
DOCKER = ("nginx-docker.conf", "haproxy-docker.cfg")
LOGIN = ("Caddyfile-login", "nginx-login.conf")
_NGINX = """
daemon off; master_process off; error_log stderr; pid %(folder)s/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
  include %(file)s;
}
"""


class ConfiguredProxy:
    """A proxy with one of our files, for a `with` block. `replaced` are the parts of the file that are yours to set."""

    def __init__(self, name: str, folder: Path, authority: Authority, replaced: Mapping[str, str]) -> None:
        self.name = name
        (self.port,) = free_ports(1)
        self.url = f"https://{HOST}:{self.port}"
        self._folder = folder / name
        self._folder.mkdir()
        certificate, key, both = authority.issue(name)
        own = {
            "posts.example {": f"{self.url} {{\n\ttls {certificate} {key}",
            "listen 443 ssl": f"listen {HOST}:{self.port} ssl",
            "maxconn 100000": "maxconn 1000",
            "bind :443 ": f"bind {HOST}:{self.port} ",
            "/etc/ssl/posts.example/fullchain.pem": str(certificate),
            "/etc/ssl/posts.example/privkey.pem": str(key),
            "/etc/ssl/posts.example/both.pem": str(both),
        }
        text = (FOLDER / name).read_text()
        for old, new in {**own, **replaced}.items():
            text = text.replace(old, new)
        self._file = self._folder / name
        self._file.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        if self.name.startswith("Caddyfile"):
            return ["caddy", "run", "--adapter", "caddyfile", "--config", str(self._file)]
        if self.name.startswith("haproxy"):
            return ["haproxy", "-db", "-f", str(self._file)]
        outer = self._folder / "outer.conf"
        outer.write_text(_NGINX % {"folder": self._folder, "file": self._file})
        return ["nginx", "-p", str(self._folder), "-e", "stderr", "-c", str(outer)]

    def __enter__(self) -> Self:
        home = {name: str(self._folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        self._process = start_program(self._command(), self._folder / "log", home)
        until(self._answers, 20, f"{self.name} answers; see {self._folder / 'log'}")
        return self

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return httpx.get(f"{self.url}/metrics", timeout=5).status_code == 404
        except httpx.HTTPError:
            return False

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end_process(self._process, 5)


class LoginService(ThreadingHTTPServer):
    """Answers as oauth2-proxy does: 202 with the cookie of a login, 401 without; /oauth2/start is its login page."""

    COOKIE = "_oauth2_proxy=logged-in"

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"{HOST}:{self.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = LoginService.COOKIE in self.headers.get("Cookie", "")
        self.send_response(200 if self.path.startswith("/oauth2/start") else 202 if known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def all_before(site: Site, folder: Path) -> Iterator[dict[str, ConfiguredProxy]]:
    """Every proxy of the folder, by its file, before the workers of a site. The block trusts their certificates."""
    authority = Authority(folder)
    one, two = (httpx.URL(worker.url).netloc.decode() for worker in (site.one, site.two))
    nameserver, port = site.proxy.nameserver, site.proxy.workers_port
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("SSL_CERT_FILE", str(authority.cafile))
        login = stack.enter_context(LoginService())
        replaced = {
            "10.0.0.1:6066": one,
            "10.0.0.2:6066": two,
            "127.0.0.1:4180": login.address,
            "127.0.0.11:53": nameserver,
            "127.0.0.11": nameserver,
            "worker:6066": f"worker.test:{port}",
        }
        names = (*FIXED, *DOCKER, *LOGIN)
        yield {name: stack.enter_context(ConfiguredProxy(name, folder, authority, replaced)) for name in names}
