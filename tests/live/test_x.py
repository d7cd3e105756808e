"""A worker that reads X: a topic that is added asks X for its words, and X's posts are in its feed."""

import asyncio
from pathlib import Path

import httpx
from httpx_sse import aconnect_sse
from support.networks.x_server import TOKEN, XServer
from support.waiting import until_async
from support.workers import Worker

from tweetream.kafka.embedded import EmbeddedBroker


async def test_a_topic_added_over_rest_has_a_rule_at_x_and_gets_the_posts_that_match(tmp_path: Path) -> None:
    async with XServer() as server, httpx.AsyncClient(timeout=20) as client:
        settings = {"SOURCES": f"x:?api={server.url}", "X_BEARER_TOKEN": TOKEN, "TOPICS": "hujan"}
        with EmbeddedBroker(tmp_path) as broker:
            worker = Worker(broker.url, "x", tmp_path, **settings).start()
            try:
                await until_async(lambda: server.streams == 1, 60)
                assert [rule["value"] for rule in server.rules.values()] == ["hujan"]
                await asyncio.to_thread(worker.wait_ready)
                body = {"name": "jkt", "track": ["dki jakarta", "macet"]}
                assert (await client.post(f"{worker.url}/topics", json=body)).status_code == 201
                await until_async(lambda: any("macet" in rule["value"] for rule in server.rules.values()))
                assert {rule["tag"] for rule in server.rules.values()} == {"tweetream:x:"}
                assert not await server.post("banjir") and await server.post("MACET di DKI Jakarta", number=42)
                async with aconnect_sse(client, "GET", f"{worker.url}/feeds/jkt?last=1") as feed:
                    event = await anext(event async for event in feed.aiter_sse() if event.event == "message")
                seen = event.json()
                assert (seen["id"], seen["text"], seen["author"]) == ("x:42", "MACET di DKI Jakarta", "rina")
                assert len(server.calls["connects"]) == 1
                for name in ("jkt", "hujan"):
                    assert (await client.delete(f"{worker.url}/topics/{name}")).status_code == 204
                await until_async(lambda: not server.rules)
                assert TOKEN not in worker.log.read_text()
            finally:
                worker.kill()
