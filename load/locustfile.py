"""People who read: each opens the page, follows one to three topics, stays, pages back; some add and delete a topic.

    make load                                   against http://127.0.0.1:6066, with LOADERS processes
    HOST=https://posts.example make load

See streams.py for what is measured, stages.py for the stages, and table.py for what makes the run fail.
"""

import functools
import os
import random
import time
from collections.abc import Iterator

import stages
import streams
from locust import FastHttpUser, argument_parser, between, task

# While users are added, each process of several asks for these 60 times a second, which held its streams for 0.3 s.
argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)
Stages = stages.Stages  # locust takes the shape from this file
TOKEN = os.environ.get("TWEETREAM_API_TOKEN", "")
STAY = 20.0, 60.0  # seconds at a stream
OURS = "load-"  # how the topics begin that users add
PAGE = ("/", "/static/app.js", "/sources")


class Reader(FastHttpUser):
    """A person with the page open."""

    wait_time = between(0.5, 2)
    network_timeout = 40.0  # a stream says something every 15 s
    connection_timeout = 10.0

    def on_start(self) -> None:
        for path in PAGE:
            self.client.get(path, name=path)

    @task(20)
    def follow(self) -> None:
        """Follow some topics for a while."""
        known = self._topics()
        chosen = random.sample(known, min(len(known), random.randint(1, 3)))
        if chosen:
            self._stream(chosen, time.monotonic() + random.uniform(*STAY))

    @task(5)
    def page_back(self) -> None:
        """Look at older posts, page by page."""
        topic = random.choice(self._topics())
        before = ""
        for _ in range(3):
            path = f"/topics/{topic}/posts?last=50{before}"
            page = self.client.get(path, name="/topics/NAME/posts").json()
            if not page.get("before"):
                return
            before = f"&before={page['before']}"

    @task(1)
    def add_and_delete(self) -> None:
        """Add a topic, read it for a moment and delete it. Without a token nobody may."""
        if not TOKEN:
            return
        name, headers = f"{OURS}{random.randrange(10**9)}", {"Authorization": f"Bearer {TOKEN}"}
        body = {"name": name, "track": [name.replace("-", " ")]}
        if self.client.post("/topics", json=body, headers=headers, name="POST /topics").status_code == 201:
            time.sleep(1)
            self.client.delete(f"/topics/{name}", headers=headers, name="DELETE /topics/NAME")

    def _topics(self) -> list[str]:
        """The topics that stay: those of other users of this test are deleted in a moment."""
        found = [topic["name"] for topic in self.client.get("/topics", name="/topics").json()]
        return [name for name in found if not name.startswith(OURS)]

    def _stream(self, topics: list[str], until: float) -> None:
        path = f"/feeds/{','.join(topics)}"
        with self.client.get(path, name="/feeds", stream=True, catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            reply = response._response
            assert reply is not None
            try:
                for late in streams.delays(_lines(reply, until), stages.SKIPPED):
                    stages.event(self.environment, late)
            except streams.Hole as hole:
                stages.hole(self.environment, hole)
            except OSError as error:  # the worker has gone; a browser would resume
                stages.cut(self.environment, error)
            finally:
                reply.release()


def _lines(reply: object, until: float) -> Iterator[bytes]:
    while time.monotonic() < until:
        line: bytes = reply.readline(b"\n")  # type: ignore[attr-defined]
        if not line:
            raise ConnectionResetError("the stream ended")
        yield line
