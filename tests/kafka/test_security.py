"""Settings of Kafka's security: what belongs together becomes a Connection, the rest ends with one line."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.kafka.certificates import Authority, pem

from tweetream.engine.application import credentials
from tweetream.kafka.security import connect
from tweetream.settings import Settings

SECRET = "s3same-open"
SASL = {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_sasl_username": "u", "kafka_sasl_password": SECRET}


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], **given: Any) -> str:
    """The one line with which connect() ends."""
    with pytest.raises(SystemExit) as end:
        connect(settings(**given))
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and SECRET not in err
    return err.removeprefix("tweetream: ")


def test_without_any_of_them_kafka_is_spoken_to_in_plain_text() -> None:
    kafka = connect(settings(broker="kafka://one:9092,two:9093"))
    assert kafka.arguments() == {
        "bootstrap_servers": ["one:9092", "two:9093"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": None,
        "sasl_plain_password": None,
    }
    assert credentials(kafka) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_reaches_every_client_and_fausts_own(mechanism: str) -> None:
    given = SASL | {"kafka_sasl_mechanism": mechanism}
    kafka = connect(settings(kafka_security_protocol="SASL_PLAINTEXT", **given))
    arguments = kafka.arguments()
    assert (arguments["security_protocol"], arguments["ssl_context"]) == ("SASL_PLAINTEXT", None)
    assert (arguments["sasl_mechanism"], arguments["sasl_plain_username"]) == (mechanism, "u")
    assert arguments["sasl_plain_password"] == SECRET
    own: Any = credentials(kafka)
    assert (own.protocol.value, own.mechanism.value) == ("SASL_PLAINTEXT", mechanism)
    assert (own.username, own.password) == ("u", SECRET)


def test_a_ca_file_is_all_that_is_trusted_and_names_are_checked(authority: Authority) -> None:
    kafka = connect(settings(kafka_security_protocol="SASL_SSL", kafka_ssl_cafile=authority.cafile, **SASL))
    context = kafka.arguments()["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    assert [dict(name[0] for name in found["subject"])["commonName"] for found in context.get_ca_certs()] == [
        "authority"
    ]
    own: Any = credentials(kafka)
    assert own.protocol.value == "SASL_SSL" and own.ssl_context is context


def test_without_a_ca_file_the_systems_authorities_are_trusted() -> None:
    context = connect(settings(kafka_security_protocol="SSL")).arguments()["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


@pytest.mark.parametrize("together", [False, True], ids=["two files", "one file"])
def test_a_clients_certificate_may_have_its_key_beside_it_or_with_it(authority: Authority, together: bool) -> None:
    certificate, key, both = authority.issue("client")
    files = {"kafka_ssl_certfile": both if together else certificate, "kafka_ssl_keyfile": None if together else key}
    kafka = connect(settings(kafka_security_protocol="SSL", **files))
    own: Any = credentials(kafka)
    assert own.protocol.value == "SSL" and own.context is kafka.context is not None


def test_no_form_of_it_shows_the_password() -> None:
    kafka = connect(settings(kafka_security_protocol="SASL_PLAINTEXT", **SASL))
    for shown in (repr(kafka), str(kafka), f"{kafka}", repr(kafka.arguments()), repr(credentials(kafka))):
        assert SECRET not in shown
    own: Any = credentials(kafka)
    assert SECRET not in repr(vars(own)), "as a traceback with variables shows it"


@pytest.mark.parametrize("missing", list(SASL))
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_needs_mechanism_name_and_password(
    protocol: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {name: value for name, value in SASL.items() if name != missing}
    line = refused(capsys, kafka_security_protocol=protocol, **given)
    assert line == f"TWEETREAM_{missing.upper()}: {protocol} needs it\n"


@pytest.mark.parametrize("name", list(SASL))
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_what_belongs_to_sasl_is_refused_without_it(
    protocol: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, kafka_security_protocol=protocol, **{name: SASL[name]})
    assert line.startswith(f"TWEETREAM_{name.upper()}: not used with TWEETREAM_KAFKA_SECURITY_PROTOCOL={protocol}")


@pytest.mark.parametrize("name", ["cafile", "certfile", "keyfile"])
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_what_belongs_to_tls_is_refused_without_it(
    protocol: str, name: str, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    given = SASL if protocol.startswith("SASL") else {}
    line = refused(capsys, kafka_security_protocol=protocol, **{f"kafka_ssl_{name}": authority.cafile}, **given)
    assert line.startswith(f"TWEETREAM_KAFKA_SSL_{name.upper()}: not used with")


@pytest.mark.parametrize("name", ["cafile", "certfile", "keyfile"])
def test_a_file_that_is_not_there_is_named(
    name: str, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key, _ = authority.issue("client")
    files = {"kafka_ssl_cafile": authority.cafile, "kafka_ssl_certfile": certificate, "kafka_ssl_keyfile": key}
    for absent, why in ((tmp_path / "none.pem", "No such file"), (tmp_path, "Is a directory")):
        line = refused(capsys, kafka_security_protocol="SSL", **files | {f"kafka_ssl_{name}": absent})
        assert line.startswith(f"TWEETREAM_KAFKA_SSL_{name.upper()}: {absent} cannot be read: {why}")


@pytest.mark.parametrize("content", [b"", b"no certificate\n", b"-----BEGIN CERTIFICATE-----\n????\n", b"\x00\xff"])
def test_a_file_that_holds_no_certificate_is_named(
    content: bytes, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, key, _ = authority.issue("client")
    (tmp_path / "bad.pem").write_bytes(content)
    bad = tmp_path / "bad.pem"
    line = refused(capsys, kafka_security_protocol="SSL", kafka_ssl_cafile=bad)
    assert line == f"TWEETREAM_KAFKA_SSL_CAFILE: {bad} holds no certificate in PEM\n"
    line = refused(capsys, kafka_security_protocol="SSL", kafka_ssl_certfile=bad, kafka_ssl_keyfile=key)
    assert line.startswith(
        f"TWEETREAM_KAFKA_SSL_CERTFILE: no certificate with an unencrypted key in PEM in {bad} and {key}"
    )


def test_a_key_alone_needs_its_certificate(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    _, key, _ = authority.issue("client")
    line = refused(capsys, kafka_security_protocol="SSL", kafka_ssl_keyfile=key)
    assert line.startswith("TWEETREAM_KAFKA_SSL_CERTFILE: ")


def test_a_key_of_another_certificate_is_refused(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    certificate, _, _ = authority.issue("client")
    _, other, _ = authority.issue("other")
    line = refused(capsys, kafka_security_protocol="SSL", kafka_ssl_certfile=certificate, kafka_ssl_keyfile=other)
    assert line == f"TWEETREAM_KAFKA_SSL_KEYFILE: the key in {other} does not fit the certificate\n"


def test_an_encrypted_key_is_refused_and_asks_nobody_for_its_password(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, _, _ = authority.issue("client")
    locked = tmp_path / "locked.key"
    locked.write_bytes(pem(ec.generate_private_key(ec.SECP256R1()), b"some password"))
    line = refused(capsys, kafka_security_protocol="SSL", kafka_ssl_certfile=certificate, kafka_ssl_keyfile=locked)
    assert "unencrypted key" in line
