"""The URL of Bluesky as a source: its options, and faults, which are one line without a password."""

import pytest

from tweetream.settings import Settings
from tweetream.sources import open_source
from tweetream.sources.base import Context, SourceError
from tweetream.sources.bluesky.options import HOSTS, read_url
from tweetream.sources.bluesky.source import Bluesky


@pytest.mark.parametrize("url", ["bluesky:", "bluesky://", "bluesky:?", "bluesky://?lang=id", "BLUESKY:?lang=id"])
def test_without_a_server_it_is_those_of_bluesky(url: str) -> None:
    source = open_source(url, Context(Settings(), dict))
    source.check()
    assert isinstance(source, Bluesky) and source.url == url
    servers = source.options.servers
    assert tuple(server.host for server in servers) == HOSTS and len(set(HOSTS)) == 4
    assert {(server.scheme, server.path, server.query["wantedCollections"]) for server in servers} == {
        ("wss", "/subscribe", "app.bsky.feed.post")
    }


def test_a_server_of_ones_own_keeps_its_port_path_and_what_else_it_is_asked() -> None:
    (server,) = read_url("bluesky:?url=ws://localhost:8080/jet/subscribe?wantedDids=did:plc:a").servers
    assert (server.host, server.port, server.path) == ("localhost", 8080, "/jet/subscribe")
    assert server.query["wantedDids"] == "did:plc:a" and server.query["wantedCollections"] == "app.bsky.feed.post"
    assert (
        not read_url("bluesky:?url=ws://[::1]:80").v2
        and read_url("bluesky:?url=ws://[::1]:80").servers[0].host == "::1"
    )


def test_the_path_says_which_version_is_spoken() -> None:
    method = "network.bsky.jetstream.subscribeEvents"
    for url, v2 in (
        (f"wss://h/xrpc/{method}", True),
        (f"wss://h/a/xrpc/{method}/", True),
        ("wss://h/subscribe", False),
    ):
        options = read_url(f"bluesky:?url={url}")
        assert options.v2 is v2 and not options.public


def test_languages_are_a_list() -> None:
    assert read_url("bluesky:?lang=ID, en,pt-BR").langs == ("id", "en", "pt-br") and read_url("bluesky:").langs == ()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("bluesky:jetstream", "write bluesky:"),
        ("bluesky://host/subscribe", "write bluesky:"),
        ("bluesky:?lang=", "language"),
        ("bluesky:?lang=id,,en", "language"),
        ("bluesky:?lang=indonesian", "language"),
        ("bluesky:?lang=id&lang=en", "twice"),
        ("bluesky:?rate=5", "'rate'"),
        ("bluesky:?url=", "address of a Jetstream server"),
        ("bluesky:?url=https://host/subscribe", "address of a Jetstream server"),
        ("bluesky:?url=host/subscribe", "address of a Jetstream server"),
        ("bluesky:?url=ws://", "address of a Jetstream server"),
        ("bluesky:?url=ws://:80/", "address of a Jetstream server"),
        ("bluesky:?url=ws://host:x/", "address of a Jetstream server"),
        ("bluesky:?url=ws://host:99999/", "address of a Jetstream server"),
        ("bluesky:?url=ws://host:0/", "address of a Jetstream server"),
        ("bluesky:?url=ws://[::1/", "address of a Jetstream server"),
        ("bluesky:?url=ws://host/%0Aa\nb", "address of a Jetstream server"),
        ("bluesky:?url=wss://me:hunter2@host/subscribe", "password"),
        ("bluesky:?url=wss://hunter2@host/subscribe", "password"),
        ("bluesky:?url=wss://:hunter2@host:x/", "address of a Jetstream server"),
        ("bluesky://me:hunter2@host/", "write bluesky:"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_write(url: str, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(url, Context(Settings(), dict))
    assert said in str(caught.value) and "\n" not in str(caught.value) and "hunter2" not in str(caught.value)
