"""nchan to compare with: an nginx of its own with one worker process, in a folder of its own, on a free port.

Needs nginx and its module nchan; on Debian the packages nginx and libnginx-mod-nchan. It keeps as many messages as a
worker's ring, so that its clients could resume as ours can.
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

import psutil
from measure import Failed
from sse_appender import Target

from tweetream.kafka.embedded import dies_with_parent, free_ports

MODULE = "ngx_nchan_module.so"
CONFIGURATION = """
load_module {module};
worker_processes 1;
worker_rlimit_nofile 8192;
daemon off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_body_buffer_size 64k;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    tcp_nodelay on;
    nchan_shared_memory_size 256M;
    nchan_message_buffer_length 10000;
    nchan_message_timeout 1h;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /publish {{ nchan_publisher; nchan_channel_id bench; }}
        location = /feed {{
            nchan_subscriber eventsource;
            nchan_channel_id bench;
            nchan_subscriber_first_message newest;
        }}
    }}
}}
"""


def missing() -> str | None:
    """One line naming what is not installed; None when nchan can run here."""
    if _program() is None:
        return "nginx is not installed (Debian: nginx)"
    if _module() is None:
        return "nginx has no module nchan (Debian: libnginx-mod-nchan)"
    return None


def _program() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _module() -> Path | None:
    program = _program()
    assert program is not None
    said = subprocess.run([program, "-V"], capture_output=True, text=True).stderr
    given = re.search(r"--modules-path=(\S+)", said)
    module = Path(given[1] if given else "/usr/lib/nginx/modules") / MODULE
    return module if module.exists() else None


class Nchan:
    """A running one, as a context manager."""

    path = "/feed"

    def __init__(self, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self.target = Target("http", f"127.0.0.1:{self.port}", "/publish")
        self._folder = folder

    def __enter__(self) -> "Nchan":
        self._folder.mkdir()
        (self._folder / "nginx.conf").write_text(CONFIGURATION.format(module=_module(), port=self.port))
        program = _program()
        assert program is not None
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [program, "-p", str(self._folder), "-c", "nginx.conf", "-e", "error.log"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        deadline = time.monotonic() + 10
        while len(self.pids()) < 2:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failed(f"nginx does not start: {(self._folder / 'out').read_text()[-300:].strip()}")
            time.sleep(0.05)
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # its worker process goes with it
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in reversed(self.pids()):
                psutil.Process(pid).kill()
            self._process.wait()

    def pids(self) -> list[int]:
        """All its processes: the master and its worker."""
        try:
            master = psutil.Process(self._process.pid)
            return [master.pid, *(child.pid for child in master.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []
