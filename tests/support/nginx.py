"""Debian's nginx before one worker, which it serves below a path of its own; see docs/operations.md."""

import subprocess
from pathlib import Path
from typing import Self

import httpx
from support.programs import start_program
from support.waiting import until

from tweetream.kafka.embedded import end_process, free_ports

PREFIX = "/tweetream"
_CONFIGURATION = """
daemon off; master_process off; error_log stderr; pid %(folder)s/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
  server {
    listen 127.0.0.1:%(port)d;
    location %(prefix)s/ {
      proxy_pass http://127.0.0.1:%(worker)d/;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
    }
  }
}
"""


class Nginx:
    """nginx before the worker on this port, for a `with` block; `url` has the prefix."""

    def __init__(self, program: str, folder: Path, worker: int) -> None:
        (self.port,) = free_ports(1)
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = self.origin + PREFIX
        self._program, self._folder, self._worker = program, folder, worker
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        values = {"folder": self._folder, "port": self.port, "worker": self._worker, "prefix": PREFIX}
        configuration, log = self._folder / "nginx.conf", self._folder / "nginx.log"
        configuration.write_text(_CONFIGURATION % values)
        command = [self._program, "-p", str(self._folder), "-e", "stderr", "-c", str(configuration)]
        self._process = start_program(command, log)
        until(self._answers, 20, f"nginx answers; see {log}")
        return self

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "nginx has ended"
        try:
            return httpx.get(f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end_process(self._process, 5)
