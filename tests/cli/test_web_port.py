"""Whether the page can be served: each address that will be listened on is tried before anything starts."""

import socket
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from tweetream.cli.web_port import check_port

Run = Callable[..., CompletedProcess[bytes]]


def test_a_port_is_in_use_also_if_only_one_family_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        check_port("::1", port)
        for host in ("::", "0.0.0.0"):
            with pytest.raises(SystemExit):
                check_port(host, port)
            said = capsys.readouterr().err
            assert said.startswith(f"tweetream: cannot serve on 0.0.0.0:{port} (") and said.count("\n") == 1


def test_a_demo_says_how_it_gets_another_port(tweetream: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = tweetream("demo", "--port", str(server.getsockname()[1]))
    assert done.returncode == 2 and done.stderr.endswith(b": set another by --port N (make demo DEMO='--port N')\n")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid", "x" * 70])
def test_an_address_that_this_machine_has_not_is_one_line(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        check_port(host, 6066)
    said = capsys.readouterr().err
    assert said.startswith("tweetream: cannot serve on ") and said.count("\n") == 1
    assert ":" not in host or f"[{host}]:6066" in said
