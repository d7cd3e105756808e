"""While a worker waits for Kafka at its start, its port answers; then the port is free for the worker itself."""

import re

import httpx
import pytest

from tweetream.engine.start_answers import start_answers
from tweetream.kafka.embedded import free_ports


async def test_it_lives_and_is_not_ready_and_the_port_is_free_afterwards() -> None:
    port = free_ports(1)[0]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(2):  # again at once
            async with start_answers("127.0.0.1", port):
                assert (await client.get("/livez")).text == "alive\n"
                for path in ("/readyz", "/topics", "/feeds/macet"):
                    answer = await client.get(path)
                    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
                    detail = answer.json()["detail"]
                    assert re.match(r"the worker is starting: it has waited for Kafka for \d s", detail)
                assert (await client.post("/topics", json={"name": "x"})).status_code == 503
        with pytest.raises(httpx.ConnectError):
            await client.get("/livez")


async def test_a_port_in_use_ends_the_program_with_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    port = free_ports(1)[0]
    async with start_answers("127.0.0.1", port):
        with pytest.raises(SystemExit) as end:
            async with start_answers("127.0.0.1", port):
                pass
    assert end.value.code == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"tweetream: TWEETREAM_WEB_PORT: port {port} of 127.0.0.1 cannot be used: ")
