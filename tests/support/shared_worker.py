"""The worker for most tests of the statements about feeds: the posts in its feeds, and its settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

POSTS = 60
TOKEN = "a-token-of-the-tests"
ALLOWED = "https://desk.example.org"
HOSTILE = 'semua genap \x00 \r \u2028 <script>alert(1)</script> \u202e "x" 🚗'
EACH, ALL = 60, 100  # streams of one address, and in all


@contextmanager
def shared_worker(folder: Path) -> Iterator[Worker]:
    """Its feeds `semua` and `genap` have POSTS and POSTS / 2 + 1 posts, `hidup` grows, `sepi` is empty."""
    file, live = folder / "posts.txt", folder / "live.txt"
    lines = [f"semua {'genap' if number % 2 else ''} nomor {number}" for number in range(1, POSTS)]
    file.write_bytes("".join(f"{line}\n" for line in [*lines, HOSTILE]).encode())
    live.write_text("".join(f"hidup di jalan {number}\n" for number in range(100)))
    settings = {
        "SOURCES": f"replay:{file}?rate=0 replay:{live}?rate=20&loop=true",
        "TOPICS": "semua,genap,hidup,sepi",
        "PARTITIONS": 1,
        "API_TOKEN": TOKEN,
        "CORS_ORIGINS": ALLOWED,
        "MAX_STREAMS": ALL,
        "MAX_STREAMS_PER_ADDRESS": EACH,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "statements", folder, **settings) as group:
        until(lambda: group[0].count("genap") == POSTS // 2 + 1 and group[0].count("semua") == POSTS, 30, "posts")
        yield group[0]
