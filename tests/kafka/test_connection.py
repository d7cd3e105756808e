"""Being let in by Kafka: every way there is, and a line that says why it does not."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
from support.kafka.certificates import Authority
from support.kafka.secure_kafka import PASSWORD, USER, SecureKafka

from tweetream.kafka import admin
from tweetream.kafka.connection import AccessDenied, Connection, probe
from tweetream.kafka.embedded import free_ports
from tweetream.kafka.retry import Unavailable
from tweetream.kafka.security import connect
from tweetream.settings import Settings

WAYS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "certificate"]


def connection(kafka: SecureKafka, way: str, **changes: Any) -> Connection:
    """As the settings of a worker would make it; `changes` are settings."""
    given = kafka.by_certificate() if way == "certificate" else kafka.by_password(way)
    port = kafka.certificates if way == "certificate" else kafka.passwords
    named = {name.lower(): value for name, value in {"BROKER": kafka.url(port), **given, **changes}.items()}
    return connect(Settings(_env_file=None, **named))


async def denied(kafka: Connection) -> str:
    with pytest.raises(AccessDenied) as end:
        await probe(kafka)
    assert PASSWORD not in str(end.value) and "\n" not in str(end.value)
    return str(end.value)


@pytest.mark.parametrize("way", WAYS)
async def test_who_shows_what_kafka_wants_is_let_in(secure_kafka: SecureKafka, way: str) -> None:
    kafka = connection(secure_kafka, way)
    assert await probe(kafka) == ""
    assert isinstance(await admin.names(kafka), set)


@pytest.mark.parametrize("way", WAYS[:3])
@pytest.mark.parametrize("name", ["KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME"])
async def test_a_wrong_name_or_password_is_denied(secure_kafka: SecureKafka, way: str, name: str) -> None:
    kafka = connection(secure_kafka, way, **{name: "another"})
    user = "another" if name == "KAFKA_SASL_USERNAME" else USER
    assert f"{kafka}: authentication of {user} by {way} failed" in await denied(kafka)


async def test_an_authority_that_is_not_trusted_is_denied(secure_kafka: SecureKafka, tmp_path: Path) -> None:
    kafka = connection(secure_kafka, "PLAIN", KAFKA_SSL_CAFILE=Authority(tmp_path, "stranger").cafile)
    assert "its certificate is not trusted: " in await denied(kafka)


async def test_a_certificate_for_another_name_is_denied(secure_kafka: SecureKafka) -> None:
    port = secure_kafka.passwords
    kafka = connection(secure_kafka, "PLAIN", BROKER=f"kafka://localhost:{port}")
    assert "its certificate is not trusted: Hostname mismatch" in await denied(kafka)


@pytest.mark.parametrize("shown", ["none", "a stranger's"])
async def test_without_a_certificate_kafka_trusts_one_is_never_let_in(
    secure_kafka: SecureKafka, tmp_path: Path, shown: str
) -> None:
    certificate, key = None, None
    if shown != "none":
        certificate, key, _ = Authority(tmp_path, "stranger").issue("client")
    kafka = connection(secure_kafka, "certificate", KAFKA_SSL_CERTFILE=certificate, KAFKA_SSL_KEYFILE=key)
    # Kafka may hang up before its reason was read.
    try:
        assert "it ends the connection" in await probe(kafka)
    except AccessDenied as error:
        assert "it refuses the TLS handshake" in str(error)
    with pytest.raises(Unavailable):
        await admin.names(kafka)


async def test_a_listener_for_certificates_takes_no_password(secure_kafka: SecureKafka) -> None:
    certfile, keyfile = secure_kafka.certfile, secure_kafka.keyfile
    url = secure_kafka.url(secure_kafka.certificates)
    kafka = connection(secure_kafka, "PLAIN", BROKER=url, KAFKA_SSL_CERTFILE=certfile, KAFKA_SSL_KEYFILE=keyfile)
    assert "it takes no SASL there, so SASL_SSL is wrong" in await denied(kafka)


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT"])
async def test_the_wrong_protocol_is_guessed_at(secure_kafka: SecureKafka, protocol: str) -> None:
    context = ssl.create_default_context(cafile=secure_kafka.cafile) if protocol == "SSL" else None
    right = connection(secure_kafka, "PLAIN")
    kafka = Connection(right.servers, protocol, "PLAIN", right.username, right.password, context)
    assert f"does it expect {protocol} there?" in await probe(kafka)


async def test_tls_to_a_plain_listener_is_guessed_at(secure_kafka: SecureKafka) -> None:
    kafka = Connection([secure_kafka.bootstrap], "SSL", context=ssl.create_default_context())
    assert "does it expect SSL there?" in await probe(kafka)


async def test_one_broker_of_several_is_enough(secure_kafka: SecureKafka) -> None:
    away = free_ports(1)[0]
    right = secure_kafka.passwords
    kafka = connection(secure_kafka, "PLAIN", BROKER=f"kafka://127.0.0.1:{away},127.0.0.1:{right}")
    assert await probe(kafka) == ""


async def test_a_broker_that_is_away_is_no_denial(secure_kafka: SecureKafka) -> None:
    away = free_ports(1)[0]
    kafka = connection(secure_kafka, "PLAIN", BROKER=f"kafka://127.0.0.1:{away}")
    assert "Connect call failed" in await probe(kafka)


async def test_declaring_ends_when_it_is_denied(secure_kafka: SecureKafka, namespace: str) -> None:
    kafka = connection(secure_kafka, "SCRAM-SHA-512", KAFKA_SASL_PASSWORD="another")
    async with asyncio.timeout(15):
        with pytest.raises(AccessDenied):
            await admin.declare(kafka, [admin.TopicSpec(namespace, 1)], 1)


@pytest.mark.parametrize("way", WAYS[:3])
async def test_no_log_has_the_password_whatever_its_level(
    secure_kafka: SecureKafka, way: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "aiokafka"]:
        # A test that sets up a worker's log in this process leaves them quieter.
        for attribute, value in (("disabled", False), ("level", logging.NOTSET), ("filters", []), ("propagate", True)):
            monkeypatch.setattr(logging.getLogger(name), attribute, value)
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "aiokafka"):
        await admin.names(connection(secure_kafka, way))
        with pytest.raises(AccessDenied):
            await probe(connection(secure_kafka, way, KAFKA_SASL_USERNAME="another"))
    said = caplog.text + "".join(repr(record.args) for record in caplog.records)
    assert "MetadataRequest" in said, "requests are logged"
    assert PASSWORD not in said and "SaslAuthenticate" not in said
