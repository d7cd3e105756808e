"""Settings, read once from the environment and `.env`, typed; every name begins with TWEETREAM_.

An unknown TWEETREAM_ name or a bad value stops the program with one line. Names that begin with
TWEETREAM_FAUST_ go to Faust as they are; those that Kubernetes sets for a service are let pass.
"""

import ipaddress
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, cast

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError
from pydantic_settings import PydanticBaseSettingsSource as Source

PREFIX = "TWEETREAM_"
_PASSED = re.compile(r"TWEETREAM_(FAUST_|SERVICE_|PORT(_|$))")
RENAMED = {  # settings that had another name before 0.1.0
    "TWEETREAM_LINGER": "TWEETREAM_FEED_IDLE_TIMEOUT",
    "TWEETREAM_LOOK_BACK": "TWEETREAM_DEDUP_WINDOW",
    "TWEETREAM_STUCK_BYTES": "TWEETREAM_SLOW_CLIENT_MAX_BYTES",
    "TWEETREAM_STUCK_TIMEOUT": "TWEETREAM_SLOW_CLIENT_TIMEOUT",
}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(value: Any) -> Any:
    """`10`, `10s`, `5 m`, `12h`, `7d`, `50ms` as seconds."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|)\s*", value)
        if not match:
            raise ValueError("a time such as 30s, 5m, 12h or 7d is wanted")
        return float(match[1]) * _UNITS[match[2] or "s"]
    return value


def _split(separator: str | None) -> BeforeValidator:
    return BeforeValidator(
        lambda value: (
            tuple(part.strip() for part in value.split(separator) if part.strip()) if isinstance(value, str) else value
        )
    )


def _namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("1 to 64 of a-z 0-9 - _ are wanted, a letter or digit first")
    return value


def _broker(value: str) -> str:
    hosts = [host.removeprefix("kafka://") for host in re.split("[,;]", value)]
    if not all(re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", host) for host in hosts):
        raise ValueError("kafka://HOST:PORT[,HOST:PORT…] is wanted")
    return "kafka://" + ",".join(hosts)


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValueError(f"{value} is no address or network such as 10.0.0.0/8") from None
    return values


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Words = Annotated[tuple[str, ...], NoDecode, _split(None)]
List = Annotated[tuple[str, ...], NoDecode, _split(",")]


class Settings(BaseSettings):
    """The settings, each with its help text; lists are separated by commas, sources by spaces."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    broker: Annotated[str, AfterValidator(_broker)] = Field(
        "kafka://127.0.0.1:9092", description="Kafka's bootstrap servers, kafka://HOST:PORT[,HOST:PORT…]"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how Kafka is spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="how the password is proved, with SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str | None = Field(None, description="our name at Kafka, with SASL")
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="our password at Kafka, with SASL")
    kafka_ssl_cafile: Path | None = Field(
        None, description="whom to trust, with SSL: certificates in PEM; the system's own authorities by default"
    )
    kafka_ssl_certfile: Path | None = Field(None, description="our own certificate in PEM, if Kafka asks for one")
    kafka_ssl_keyfile: Path | None = Field(
        None, description="its key in PEM, not encrypted; not needed if the certificate's file holds it"
    )
    sources: Words = Field((), description="where posts come from: URLs separated by spaces, such as replay:posts.csv")
    topics: List = Field((), description="topics added at start if they were never there: names separated by commas")
    model: Path | None = Field(None, description="a model file of one's own; the shipped one by default")
    abbreviations: Path | None = Field(None, description="a file of further abbreviations, SHORT<tab>LONG a line")
    api_token: SecretStr = Field(
        SecretStr(""), description="the token that adding and deleting topics needs from another machine"
    )
    x_bearer_token: SecretStr = Field(SecretStr(""), description="the app-only Bearer token that X wants, for x:")
    mastodon_token: SecretStr = Field(
        SecretStr(""), description="the user token that a Mastodon server may want; for several, HOST=TOKEN,HOST=TOKEN"
    )
    cors_origins: List = Field((), description="origins, besides our own, whose pages may call this worker")
    max_streams: int = Field(10_000, ge=1, description="streams that a worker serves at a time; more get 503")
    max_streams_per_address: int = Field(
        1_000, ge=1, description="of these, streams of one IPv4 address or IPv6 /64 network; more get 429"
    )
    trusted_proxies: Annotated[List, AfterValidator(_networks)] = Field(
        (), description="addresses and networks of one's own proxies, whose X-Forwarded-For says who the client is"
    )
    web_host: str = Field("127.0.0.1", description="the address the page and the feeds are served on")
    web_port: int = Field(6066, ge=1, le=65535, description="their port")
    data_dir: Path = Field(
        Path("tweetream-data"),
        description="where a worker keeps what can be rebuilt from Kafka; each on a machine needs a folder of its own",
    )
    namespace: Annotated[str, AfterValidator(_namespace)] = Field(
        "tweetream", description="the application's id and the prefix of all its Kafka topics"
    )
    partitions: int = Field(8, ge=1, le=1000, description="partitions of posts and tagged: the most workers of use")
    replication: int = Field(1, ge=1, le=9, description="replicas of every Kafka topic")
    feed_retention: Seconds = Field(7 * 86400.0, description="how long a feed keeps a post")
    dedup_window: Seconds = Field(60.0, description="how far a reader looks back for what was redelivered")
    sweep_interval: Seconds = Field(10.0, description="how often the Kafka topics of deleted feeds are looked for")
    tombstone_ttl: Seconds = Field(86400.0, description="how long it is remembered that a topic was deleted")
    session_timeout: Seconds = Field(10.0, description="how long a worker may be silent before others take over")
    rebalance_timeout: Seconds = Field(10.0, description="how long a group waits for its members to join again")
    slow_client_timeout: Seconds = Field(30.0, description="how long a client may read nothing before it is cut off")
    slow_client_max_bytes: int = Field(
        4 * 1024 * 1024, ge=1, description="bytes of posts that may come meanwhile before it is cut off"
    )
    feed_idle_timeout: Seconds = Field(60.0, description="how long a feed is followed after its last client left")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """The environment wins over `.env` also with an empty value, which is the default."""

        def dotenv() -> dict[str, Any]:
            return {name: value for name, value in dotenv_settings().items() if PREFIX + name.upper() not in os.environ}

        return init_settings, env_settings, cast(Source, dotenv)

    @property
    def bootstrap(self) -> list[str]:
        """`HOST:PORT` of each broker."""
        return self.broker.removeprefix("kafka://").split(",")


def _dotenv() -> dict[str, str]:
    """What `.env` says, if there is one."""
    return {name: value or "" for name, value in dotenv_values(".env").items()}


def unknown_names(dotenv: dict[str, str]) -> list[str]:
    """The TWEETREAM_ names in the environment and in `.env` that mean nothing."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    names = {*os.environ, *dotenv}
    return sorted(name for name in names if name.startswith(PREFIX) and name not in known and not _PASSED.match(name))


def fail(line: str) -> NoReturn:
    """End with one line on standard error and status 2."""
    print(f"tweetream: {line}", file=sys.stderr)
    raise SystemExit(2)


def load() -> Settings:
    """The settings, or an end with one line that says which name is wrong and why."""
    try:
        dotenv = _dotenv()
        unknown = unknown_names(dotenv)
        if unknown and unknown[0] in RENAMED:
            fail(f"{unknown[0]} is now called {RENAMED[unknown[0]]}: rename it")
        if unknown:
            fail(f"unknown setting {unknown[0]}; .env.sample lists them all")
        for name in dotenv:  # Faust reads the environment alone
            if name.startswith(f"{PREFIX}FAUST_"):
                os.environ.setdefault(name, dotenv[name])
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        fail(f"{name}: {first['msg'].removeprefix('Value error, ')}")
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        fail(f"settings cannot be read: {str(error).splitlines()[0]}")
