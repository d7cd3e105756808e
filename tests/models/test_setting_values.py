"""The values of every setting: what is taken, and what ends a program with one line."""

import re
from pathlib import Path

import pytest
from support.settings import nothing_set, refused

from tweetream.models.messages import PREFIX
from tweetream.settings import Settings, load

_TIME = ("soon", "0", "0ms", "0.1ms", "-1s", "1w", "1 s s", "inf", "nan", "1e3", "36501d", "9" * 400, "1h30m")
_TOKEN = ("hush\nhush", "hush\n", "\thush", "hush hush", "hush\r\nX-Evil: 1")
BAD = {
    "BROKER": (
        *("http://host:9092", "host", "kafka://host", "kafka://host:9092,", "kafka://a:9092,b", "kafka://host:0"),
        *("kafka://host:65536", "kafka://::1:9092", "kafka://[::zz]:9092", "kafka://host:9092/", "kafka://u:p@host:9092"),
        *("kafka://a b:9092", "kafka://a:9092 b:9092", "kafka://:9092", "://a:9092", "kafka://a:port"),
    ),
    "KAFKA_SECURITY_PROTOCOL": ("TLS", "ssl", "SASL"),
    "KAFKA_SASL_MECHANISM": ("GSSAPI", "plain"),
    "KAFKA_SASL_USERNAME": ("worker\n", "wor\x1bker"),
    "KAFKA_SASL_PASSWORD": ("hush\n", "hush\r\nhush"),
    "API_TOKEN": ("hush\n", " hush", "hu\x1bsh"),
    "X_BEARER_TOKEN": _TOKEN,
    "MASTODON_TOKEN": (
        "hush\n", "hush\nhush", "hush hush", "a.example=hush,b.example", "a.example=hush,", "a.example=,b.example=hush",
    ),
    "ALERT_URL": (
        *("alerts.example", "alerts.example/hush", "ftp://a.example/hush", "https://", "https:///hush", "//a/hush"),
        *("https://a.example/hush#x", "https://a.example/hush hush", "https://a.example/hush\n", "https://a.example:x/"),
        *("https://a.example:0/", "https://[::zz]/hush", "https://a b/", "mailto:hush@a.example"),
        *("https://b\u00fccher.example/hush",),
    ),
    "ALERT_SECRET": ("hush", "x" * 15, "whsec_hush!", "whsec_aHVzaA==", "hush hush hush hush\n", "whsec_"),
    "LOG_FORMAT": ("JSON", "xml", "json,text"),
    "READ": ("closed", "Open", "tokens"),
    "HOSTS": ("http://posts.example", "posts.example:80", "a.example,b/c", "*", "[::zz]", "a b"),
    "MAX_TOPICS": ("0", "-1", "many", "1.5", "1e3", "100001"),
    "METRICS_PORT": ("0", "http", "65536", ":9100", "127.0.0.1:9100"),
    "WEB_PORT": ("0", "http", "65536", "-1", ":80", "0x50", "tcp://host:80"),
    "WEB_HOST": ("http://0.0.0.0", "0.0.0.0:6066", "[::1", "::zz", "[::]:6066", "*", "a b", "[localhost]", "a\nb"),
    "FRAME_ANCESTORS": ("*", "'none'", "https://a.example;script-src *", "https://a.example/wall", "a.example"),
    "CORS_ORIGINS": (
        *("*", "posts.example", "https://posts.example/", "https://posts.example/page", "https://Posts.example"),
        *("null",),
        *("HTTPS://posts.example", "https://*.posts.example", "https://a.example https://b.example", "//posts.example"),
        *("https://posts.example:443", "http://posts.example:80", "https://posts.example:x", "https://u@posts.example"),
        *("https://posts.example?x", "https://posts.example#x", "https://b\u00fccher.example", "ftp://posts.example"),
        *("https://", "localhost:3000", "https://a.example,*", "http://[::0001]:80"),
    ),
    "THRESHOLD": ("-0.1", "1.1", "half", "90%", "nan", "inf"),
    "MAX_STREAMS": ("0", "many", "-5", "9" * 30),
    "MAX_STREAMS_PER_ADDRESS": ("0", "many", "9" * 30),
    "SLOW_CLIENT_MAX_BYTES": ("0", "4MB", "9" * 30),
    "TRUSTED_PROXIES": ("proxy.example", "10.0.0.0/8,10.0.0.0/33", "fd00::/129", "10.0.0.1:80", "1.1.1.1 ::1", "*"),
    "NAMESPACE": ("Tweets", "-a", "a/b", "a.b", "a b", "x" * 65),
    "PARTITIONS": ("0", "1001", "x", "2.5"),
    "REPLICATION": ("0", "10", "x"),
    **dict.fromkeys(("SESSION_TIMEOUT", "REBALANCE_TIMEOUT"), (*_TIME, "25h")),
    **dict.fromkeys(("FEED_RETENTION", "DEDUP_WINDOW", "SWEEP_INTERVAL", "TOMBSTONE_TTL"), _TIME),
    **dict.fromkeys(("SLOW_CLIENT_TIMEOUT", "FEED_IDLE_TIMEOUT"), _TIME),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)


def test_every_setting_refuses_what_it_cannot_be() -> None:
    free = {"kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile", "model", "abbreviations", "tokens"}  # files
    free |= {"sources", "topics", "data_dir", "archive"}  # checked before the start, by those that use them
    assert {name.lower() for name in BAD} == Settings.model_fields.keys() - free


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_of_any_setting_is_one_line_that_names_it_and_says_what_to_write(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    line = refused(capsys)
    assert line.startswith(f"tweetream: {PREFIX}{name}: ") and re.search("write|should be|is not", line), line
    assert "hush" not in line, "no secret is shown"


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("kafka://a:1,kafka://b:2", ["a:1", "b:2"]),
        ("a:1;b:2", ["a:1", "b:2"]),
        ("kafka://a:1, b:2", ["a:1", "b:2"]),
        ("kafka://[2001:db8::1]:9092,10.0.0.1:9092", ["[2001:db8::1]:9092", "10.0.0.1:9092"]),
        ("kafka-0.kafka.svc.cluster.local.:65535", ["kafka-0.kafka.svc.cluster.local.:65535"]),
    ],
)
def test_brokers_are_written_in_several_ways(text: str, servers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_BROKER", text)
    assert load().bootstrap == servers


@pytest.mark.parametrize(
    ("text", "host"),
    [("::", "::"), ("[::]", "::"), ("::1", "::1"), ("[::1]", "::1"), ("0.0.0.0", "0.0.0.0"), ("localhost", "localhost"),
     ("fe80::1%eth0", "fe80::1%eth0"), ("worker-0.workers", "worker-0.workers")],
)  # fmt: skip
def test_the_web_server_listens_on_a_name_or_an_address_of_either_kind(
    text: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWEETREAM_WEB_HOST", text)
    assert load().web_host == host


def test_what_browsers_send_as_an_origin_is_taken_and_what_is_near_is_corrected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (
        "https://a.example,http://localhost:3000,http://[::1]:8080,https://xn--bcher-kva.example,chrome-extension://ab"
    )
    monkeypatch.setenv("TWEETREAM_CORS_ORIGINS", good)
    assert load().cors_origins == tuple(good.split(","))
    for wrong, right in (
        ("HTTPS://Posts.Example:443/", "https://posts.example"),
        ("http://b\u00fccher.example", "http://xn--bcher-kva.example"),
    ):
        monkeypatch.setenv("TWEETREAM_CORS_ORIGINS", wrong)
        assert refused(capsys).endswith(f"write {right}\n")


@pytest.mark.parametrize(
    "bad",
    ["https://a.example; script-src *", "'none'", "*", "https://a.example/wall", "https://*", "a.example",
     "https://a b", "chrome-extension://ab", "https://*.*.a.example", "https://a.example 'self'", "data:"],
)  # fmt: skip
def test_who_may_embed_the_page_adds_nothing_else_to_its_policy(
    bad: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = "self,https://wall.example,https://*.intranet.example,http://10.0.0.7:8080"
    monkeypatch.setenv("TWEETREAM_FRAME_ANCESTORS", good)
    assert load().frame_ancestors == tuple(good.split(","))
    monkeypatch.setenv("TWEETREAM_FRAME_ANCESTORS", bad)
    assert "TWEETREAM_FRAME_ANCESTORS" in refused(capsys)


def test_a_proxy_by_ipv6_or_by_ipv4_written_as_ipv6_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_TRUSTED_PROXIES", "::1,[fd00::1],::ffff:10.0.0.0/104,::ffff:192.0.2.7,fd00::/8")
    assert load().trusted_proxies == ("::1", "fd00::1", "10.0.0.0/8", "192.0.2.7/32", "fd00::/8")
