"""Settings: typed, read once, and anything that is not one ends the program with one line."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.paths import ROOT
from support.settings import nothing_set, refused

from tweetream.models.messages import PREFIX
from tweetream.settings import RENAMED, Settings, load

SAMPLE = ROOT / ".env.sample"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)


def test_without_anything_set_the_defaults_are_those_of_the_design() -> None:
    settings = load()
    assert settings.broker == "kafka://127.0.0.1:9092" and settings.bootstrap == ["127.0.0.1:9092"]
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 6066)
    assert (settings.namespace, settings.partitions, settings.replication) == ("tweetream", 8, 1)
    assert settings.feed_retention == 7 * 24 * 3600 and settings.tombstone_ttl == 24 * 3600
    assert (settings.dedup_window, settings.sweep_interval, settings.feed_idle_timeout) == (60, 10, 60)
    assert (settings.max_streams, settings.max_streams_per_address) == (10_000, 1_000)
    assert settings.trusted_proxies == settings.sources == settings.topics == () and settings.model is None


def test_values_arrive_with_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_WEB_PORT", "7000")
    monkeypatch.setenv("TWEETREAM_DATA_DIR", "/data/tweetream")
    monkeypatch.setenv("TWEETREAM_BROKER", "kafka://one:9092,[::1]:9093")
    settings = load()
    assert settings.web_port == 7000 and settings.data_dir == Path("/data/tweetream")
    assert settings.bootstrap == ["one:9092", "[::1]:9093"]


def test_an_empty_value_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(PREFIX + name.upper(), "")
    assert load() == Settings()


def test_a_broker_without_its_scheme_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_BROKER", "kafka-0.kafka:9092")
    assert load().broker == "kafka://kafka-0.kafka:9092"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "0"), ("WEB_PORT", "http"), ("WEB_PORT", "65536"), ("PARTITIONS", "0"), ("REPLICATION", "x"),
        ("BROKER", "http://host:9092"), ("BROKER", "host"), ("BROKER", "kafka://host:9092,"),
        ("NAMESPACE", "Tweets"), ("NAMESPACE", "-a"), ("NAMESPACE", "a/b"),
        ("FEED_IDLE_TIMEOUT", "soon"), ("FEED_IDLE_TIMEOUT", "0"), ("FEED_IDLE_TIMEOUT", "-1s"),
        ("FEED_IDLE_TIMEOUT", "1w"),        ("FEED_IDLE_TIMEOUT", "1 s s"),
        ("MAX_STREAMS", "0"), ("MAX_STREAMS_PER_ADDRESS", "many"),
        ("HOSTS", "http://posts.example"), ("HOSTS", "posts.example:80"), ("HOSTS", "a.example,b/c"),
        ("READ", "closed"), ("MAX_TOPICS", "0"), ("METRICS_PORT", "0"), ("METRICS_PORT", "http"),
        ("TRUSTED_PROXIES", "proxy.example"), ("TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.0/33"),
    ],
)  # fmt: skip
def test_a_bad_value_ends_with_a_line_that_names_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    assert f"{PREFIX}{name}: " in refused(capsys)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("MAX_TOPICS", "many", "write a whole number"),
        ("MAX_TOPICS", "1.5", "write a whole number"),
        ("MAX_TOPICS", "0", "write a number from 1 on"),
        ("THRESHOLD", "half", "write a number"),
        ("THRESHOLD", "nan", "write a number up to 1"),
        ("THRESHOLD", "2", "write a number up to 1"),
        ("READ", "closed", "write 'open' or 'token'"),
    ],
)
def test_a_bad_value_ends_with_a_line_that_says_what_to_write(
    name: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    assert refused(capsys).strip().endswith(f"{PREFIX}{name}: {line}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10),
        ("1.5", 1.5),
        ("50ms", 0.05),
        ("10s", 10),
        ("5m", 300),
        ("5 m", 300),
        ("12h", 43200),
        (" 7d ", 604800),
    ],
)
def test_times_have_units(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_FEED_IDLE_TIMEOUT", text)
    assert load().feed_idle_timeout == seconds


def test_lists_are_separated_by_commas_and_sources_by_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_TOPICS", "macet, lancar,,tol ")
    monkeypatch.setenv("TWEETREAM_CORS_ORIGINS", "https://a.example,http://b.example:8080")
    monkeypatch.setenv("TWEETREAM_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,fd00::/8")
    monkeypatch.setenv("TWEETREAM_HOSTS", "Posts.Example, [2001:db8::1],10.0.0.1")
    monkeypatch.setenv("TWEETREAM_SOURCES", "  replay:a,b.csv?rate=1&loop=true \n bluesky: ")
    settings = load()
    assert settings.topics == ("macet", "lancar", "tol")
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.7", "fd00::/8")
    assert settings.hosts == ("posts.example", "2001:db8::1", "10.0.0.1")
    assert settings.cors_origins == ("https://a.example", "http://b.example:8080")
    assert settings.sources == ("replay:a,b.csv?rate=1&loop=true", "bluesky:")


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TWEETREAM_BROKERS", "kafka://host:9092")
    assert "TWEETREAM_BROKERS" in refused(capsys)


@pytest.mark.parametrize("name", ["TWEETREAM_SERVICES", "TWEETREAM_PORTS", "TWEETREAM_FAUSTX", "TWEETREAM_"])
def test_a_name_that_only_resembles_one_let_pass_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "1")
    assert name in refused(capsys)


def test_an_unknown_name_in_the_env_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_text("OTHER=1\n# TWEETREAM_NOTE=1\nexport TWEETREAM_WEBPORT=1\n")
    assert "TWEETREAM_WEBPORT" in refused(capsys)


def test_names_that_kubernetes_sets_for_a_service_are_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_6066_TCP", "PORT_6066_TCP_ADDR"):
        monkeypatch.setenv(PREFIX + name, "tcp://10.0.0.1:6066")
    assert load() == Settings()


def test_names_for_faust_are_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_FAUST_BROKER_MAX_POLL_RECORDS", "10")
    monkeypatch.setenv("UNRELATED", "1")
    assert load().web_port == 6066


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "TWEETREAM_WEB_PORT=7001\nTWEETREAM_FEED_IDLE_TIMEOUT=\"5m\"\nTWEETREAM_SOURCES='replay:a replay:b'\n"
    )
    monkeypatch.setenv("TWEETREAM_WEB_PORT", "7002")
    settings = load()
    assert (settings.web_port, settings.feed_idle_timeout) == (7002, 300)
    assert settings.sources == ("replay:a", "replay:b")


def test_an_empty_value_in_the_environment_wins_over_the_env_file_and_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("TWEETREAM_TOPICS=a\nTWEETREAM_KAFKA_SASL_PASSWORD=secret\nTWEETREAM_WEB_PORT=7001\n")
    monkeypatch.setenv("TWEETREAM_TOPICS", "")
    monkeypatch.setenv("TWEETREAM_KAFKA_SASL_PASSWORD", "")
    settings = load()
    assert (settings.topics, settings.kafka_sasl_password.get_secret_value(), settings.web_port) == ((), "", 7001)


def test_an_env_file_that_is_no_text_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_bytes(b"TWEETREAM_API_TOKEN=\xff\xfe\n")
    assert "cannot be read" in refused(capsys)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWEETREAM_API_TOKEN", "sesame-open")
    settings = load()
    assert settings.api_token.get_secret_value() == "sesame-open"
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "sesame" not in shown


def test_what_is_named_a_token_password_or_secret_is_one() -> None:
    for name, field in Settings.model_fields.items():
        if re.search("token|password|secret", name):
            assert field.annotation is SecretStr or name == "tokens", name  # a file, which holds hashes alone


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().web_port = 1  # type: ignore[misc]


def test_every_setting_has_a_help_text() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def documented() -> dict[str, str]:
    """The settings in the sample, commented out or not."""
    found = re.findall(r"^#?\s*(TWEETREAM_[A-Z0-9_]+)=(.*)$", SAMPLE.read_text(), re.MULTILINE)
    assert len(found) == len(dict(found)), "a setting is there twice"
    return {name: value.strip().strip("\"'") for name, value in found if not name.startswith("TWEETREAM_FAUST_")}


def test_the_sample_names_every_setting_and_no_other() -> None:
    assert sorted(documented()) == sorted(PREFIX + name.upper() for name in Settings.model_fields)


def test_the_sample_has_the_real_defaults() -> None:
    for name, value in documented().items():
        field = name.removeprefix(PREFIX).lower()
        default = Settings.model_fields[field].get_default()
        if value == "":
            assert default in (None, (), SecretStr("")), name
        else:
            assert getattr(Settings.model_validate({field: value}), field) == default, name


@pytest.mark.parametrize(("old", "new"), [*RENAMED.items(), ("tweetream_linger", RENAMED["TWEETREAM_LINGER"])])
def test_an_old_name_is_refused_with_the_new_one(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(old, "5s")
    with pytest.raises(SystemExit):
        load()
    assert capsys.readouterr().err == f"tweetream: {old} is now called {new}: rename it\n"
    assert new in {PREFIX + name.upper() for name in Settings.model_fields}
