"""Settings, read once from the environment and `.env`, typed; every name begins with TWEETREAM_.

An unknown TWEETREAM_ name or a bad value ends the program with one line. Names that begin with TWEETREAM_FAUST_ are
passed to Faust. Names that Kubernetes sets for a Service are ignored.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError
from pydantic_settings import PydanticBaseSettingsSource as Source
from typing_extensions import override

from tweetream.models import setting_values
from tweetream.models.feed import MAX_PARTITIONS
from tweetream.models.messages import PREFIX, fail, say
from tweetream.models.service_links import is_service_link

FAUST_PREFIX = "TWEETREAM_FAUST_"
RENAMED = {  # settings that had another name before 0.1.0
    "TWEETREAM_LINGER": "TWEETREAM_FEED_IDLE_TIMEOUT",
    "TWEETREAM_LOOK_BACK": "TWEETREAM_DEDUP_WINDOW",
    "TWEETREAM_STUCK_BYTES": "TWEETREAM_SLOW_CLIENT_MAX_BYTES",
    "TWEETREAM_STUCK_TIMEOUT": "TWEETREAM_SLOW_CLIENT_TIMEOUT",
}
Seconds = Annotated[float, BeforeValidator(setting_values.seconds), Field(gt=0, allow_inf_nan=False)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(setting_values.parts(None))]
List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(setting_values.parts(","))]
Token = Annotated[SecretStr, AfterValidator(setting_values.token)]


class Settings(BaseSettings):
    """The settings, each with its help text; lists are separated by commas, sources by spaces."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    broker: Annotated[str, AfterValidator(setting_values.broker)] = Field(
        "kafka://127.0.0.1:9092", description="Kafka's bootstrap servers, kafka://HOST:PORT[,HOST:PORT…]"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka's security protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="with SASL, the login method: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: Annotated[str | None, AfterValidator(setting_values.login)] = Field(
        None, description="with SASL, the user name"
    )
    kafka_sasl_password: Annotated[SecretStr, AfterValidator(setting_values.login)] = Field(
        SecretStr(""), description="with SASL, the password"
    )
    kafka_ssl_cafile: Path | None = Field(
        None, description="with SSL, a PEM file of the authorities to trust; default: those of the system"
    )
    kafka_ssl_certfile: Path | None = Field(
        None, description="with SSL, the worker's certificate in PEM, if Kafka asks for one"
    )
    kafka_ssl_keyfile: Path | None = Field(
        None, description="the certificate's key in PEM, not encrypted; not needed if it is in the certificate's file"
    )
    sources: Words = Field(
        (), description="the sources of posts: URLs separated by spaces, such as bluesky: replay:posts.csv"
    )
    topics: List = Field(
        (),
        description="topics to add at the start, unless they exist or were deleted recently: names separated by commas",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="how lines of the log are written: text, or json (an object per line)"
    )
    model: Path | None = Field(
        None,
        description="your own model file, or `traffic-kinds`, the second model that is shipped; default: the first",
    )
    threshold: float = Field(
        0.0, ge=0, le=1, description="the least score of a label, from 0 to 1; a post below it is unsure"
    )
    abbreviations: Path | None = Field(None, description="a file of more abbreviations, one SHORT<tab>LONG per line")
    api_token: Annotated[SecretStr, AfterValidator(setting_values.own_token)] = Field(
        SecretStr(""), description="the token that is needed to add, edit and delete topics, also on this machine"
    )
    tokens: Path | None = Field(
        None,
        description="a file of named tokens with roles (`tweetream token NAME` makes a line); read again if changed",
    )
    read: Literal["open", "token"] = Field(
        "open", description="who may read: open (everybody) or token (only with a token, as for changes)"
    )
    hosts: Annotated[List, AfterValidator(setting_values.hosts)] = Field(
        (),
        description="names, separated by commas, that this worker has for browsers besides localhost and IP addresses",
    )
    max_topics: int = Field(
        1_000, ge=1, le=100_000, description="the largest number of topics; together 1,000 characters for each"
    )
    archive: SecretStr = Field(
        SecretStr(""), description="the archive that searches read, sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="a port of its own for /metrics; default: the web server's port"
    )
    x_bearer_token: Token = Field(SecretStr(""), description="the app-only Bearer token for x:")
    mastodon_token: Annotated[SecretStr, AfterValidator(setting_values.tokens_of_hosts)] = Field(
        SecretStr(""),
        description="the user token for mastodon:, which most servers need; for several servers HOST=TOKEN,HOST=TOKEN",
    )
    cors_origins: Annotated[List, AfterValidator(setting_values.origins)] = Field(
        (), description="origins of other web pages that may call this worker, separated by commas"
    )
    frame_ancestors: Annotated[List, AfterValidator(setting_values.frame_ancestors)] = Field(
        (),
        description="origins of web pages that may embed the page, separated by commas; self is the worker's own",
    )
    max_streams: int = Field(
        10_000, ge=1, le=1_000_000, description="the largest number of streams of a worker; further ones get 503"
    )
    max_streams_per_address: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        description="the largest number of streams of one IPv4 address or IPv6 /64 network; further ones get 429",
    )
    trusted_proxies: Annotated[List, AfterValidator(setting_values.networks)] = Field(
        (),
        description="addresses and networks of your proxies, separated by commas; their forwarding headers are trusted",
    )
    web_host: Annotated[str, AfterValidator(setting_values.web_host)] = Field(
        "127.0.0.1", description="the address that the web server listens on; 0.0.0.0 is all of IPv4, :: all of both"
    )
    web_port: int = Field(6066, ge=1, le=65535, description="the port of the web server")
    data_dir: Path = Field(
        Path("tweetream-data"),
        description="the folder for snapshots of the tables, which Kafka can restore; one folder for each worker",
    )
    alert_url: Annotated[SecretStr, AfterValidator(setting_values.webhook)] = Field(
        SecretStr(""), description="where alerts of topics with a rule go, as a JSON POST: an http or https address"
    )
    alert_secret: Annotated[SecretStr, AfterValidator(setting_values.webhook_secret)] = Field(
        SecretStr(""), description="the secret that signs alerts: 16 characters or more; best whsec_ and base64"
    )
    namespace: Annotated[str, AfterValidator(setting_values.namespace)] = Field(
        "tweetream", description="the application's id, and the prefix of all its Kafka topics"
    )
    partitions: int = Field(
        8,
        ge=1,
        le=MAX_PARTITIONS,
        description="number of partitions of posts and tagged; more workers than this only serve streams",
    )
    replication: int = Field(1, ge=1, le=9, description="replicas of each Kafka topic")
    feed_retention: Seconds = Field(7 * 86400.0, description="how long a feed keeps a post")
    dedup_window: Seconds = Field(
        60.0, description="how far a reader looks back to recognise posts that were delivered twice"
    )
    sweep_interval: Seconds = Field(10.0, description="how often the Kafka topics of deleted feeds are removed")
    tombstone_ttl: Seconds = Field(86400.0, description="how long a deleted topic is remembered")
    session_timeout: Seconds = Field(
        10.0, le=86400, description="how long a worker may be silent before other workers take over"
    )
    rebalance_timeout: Seconds = Field(
        10.0, le=86400, description="how long a rebalance waits for workers to join again"
    )
    slow_client_timeout: Seconds = Field(30.0, description="how long a client may read nothing before it is cut off")
    slow_client_max_bytes: int = Field(
        4 * 1024 * 1024,
        ge=1,
        le=2**30,
        description="bytes of new posts after which a client that reads nothing is cut off",
    )
    feed_idle_timeout: Seconds = Field(
        60.0, description="how long a worker follows a feed after its last client has left"
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """Let the environment win over `.env`, also with an empty value, which means the default."""

        def dotenv() -> dict[str, Any]:
            return {name: value for name, value in dotenv_settings().items() if PREFIX + name.upper() not in os.environ}

        return init_settings, env_settings, cast(Source, dotenv)

    @property
    def bootstrap(self) -> list[str]:
        """`HOST:PORT` of each broker."""
        return self.broker.removeprefix("kafka://").split(",")


def addresses_of(web_host: str) -> list[str]:
    """The addresses to listen on. `::` is all of IPv6 and of IPv4, which asyncio keeps apart."""
    return ["::", "0.0.0.0"] if web_host == "::" else [web_host]


def in_url(host: str) -> str:
    """A host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def _dotenv() -> dict[str, str]:
    """The variables in `.env`; none if there is no such file."""
    return {name: value or "" for name, value in dotenv_values(".env").items()}


def unknown_names(dotenv: dict[str, str]) -> list[str]:
    """The TWEETREAM_ names in the environment and in `.env` that are not settings."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    names = {name: name.upper() for name in (*os.environ, *dotenv)}  # pydantic reads them in any case
    ours = {name: upper for name, upper in names.items() if upper.startswith(PREFIX)}
    return sorted(name for name, upper in ours.items() if upper not in known and not upper.startswith(FAUST_PREFIX))


def drop_service_links() -> None:
    """Take Kubernetes' variables out of the environment. One line names each that has the name of a setting."""
    for name, value in list(os.environ.items()):
        if name.startswith(PREFIX) and is_service_link(name, value):
            del os.environ[name]
            if name.removeprefix(PREFIX).lower() in Settings.model_fields:
                say(
                    f"{name}={value} is not a setting but Kubernetes' address of a Service, and is ignored; "
                    "set it yourself, or enableServiceLinks: false in the pod"
                )


def secrets(known: Settings) -> list[str]:
    """The tokens and passwords, also those of several Mastodon servers, which no log may show.

    One of under eight characters is left out: it could be a common word.
    """
    values = [value.get_secret_value() for name, value in known if isinstance(value, SecretStr) and name != "archive"]
    parts = [part.strip().partition("=")[2] for value in values for part in value.split(",")]
    password = setting_values.password_in(known.archive.get_secret_value())
    return sorted({value for value in (*values, *parts, password) if len(value) >= 8}, key=len, reverse=True)


def load() -> Settings:
    """Read the settings. A wrong name or value ends the program with one line."""
    try:
        drop_service_links()
        dotenv = _dotenv()
        unknown = unknown_names(dotenv)
        if unknown and (new := RENAMED.get(unknown[0].upper())):
            fail(f"{unknown[0]} is now called {new}: rename it")
        if unknown:
            fail(f"unknown setting {unknown[0]}; .env.sample lists them all")
        for name in dotenv:  # Faust does not read `.env`, and `say` is needed when settings cannot be read
            if name.startswith(FAUST_PREFIX) or name == f"{PREFIX}LOG_FORMAT":
                os.environ.setdefault(name, dotenv[name])
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        fail(f"{name}: {setting_values.what_to_write(first)}")
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        fail(f"settings cannot be read: {str(error).splitlines()[0]}")
