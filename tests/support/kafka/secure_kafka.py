"""Apache Kafka with logins: a listener for passwords (SASL_SSL), and one for clients' certificates (SSL).

A plain listener is for the broker itself and for tests that look on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from support.kafka.apache_kafka import ApacheKafka
from support.kafka.certificates import Authority

from tweetream.kafka.embedded import HOST, free_ports

USER, PASSWORD = "tweetream-user", "s3same-0pen.me!"
MODULES = "org.apache.kafka.common.security"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True)
class SecureKafka:
    """The broker, its listeners' ports, and the files a client needs."""

    plain: int
    passwords: int
    certificates: int
    cafile: Path
    certfile: Path
    keyfile: Path

    @property
    def bootstrap(self) -> str:
        """The plain listener, for tests that look on."""
        return f"{HOST}:{self.plain}"

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """From JSON, where a path is text."""
        files = {name: Path(fields[name]) for name in ("cafile", "certfile", "keyfile")}
        return cls(**fields | files)

    def url(self, port: int) -> str:
        return f"kafka://{HOST}:{port}"

    def by_password(self, mechanism: str, **changes: Any) -> dict[str, Any]:
        """A worker's settings for the listener that wants passwords."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CAFILE": self.cafile,
            **changes,
        }

    def by_certificate(self, **changes: Any) -> dict[str, Any]:
        """A worker's settings for the listener that wants certificates."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": self.cafile,
            "KAFKA_SSL_CERTFILE": self.certfile,
            "KAFKA_SSL_KEYFILE": self.keyfile,
            **changes,
        }


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    authority = Authority(folder)
    certfile, keyfile, _ = authority.issue("client")
    server = authority.issue("server")[2]
    plain, passwords, certificates, controller = free_ports(4)
    listeners = f"PLAINTEXT://{HOST}:{plain},PASSWORDS://{HOST}:{passwords},CERTIFICATES://{HOST}:{certificates}"
    settings = {
        "controller.quorum.voters": f"0@{HOST}:{controller}",
        "listeners": f"{listeners},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"{listeners},CONTROLLER://{HOST}:{controller}",
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORDS:SASL_SSL,CERTIFICATES:SSL"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.cafile),
        "listener.name.certificates.ssl.client.auth": "required",
        "listener.name.passwords.sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM)),
        "listener.name.passwords.plain.sasl.jaas.config": (
            f'{MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
    }
    for mechanism in SCRAM:
        name = f"listener.name.passwords.{mechanism.lower()}.sasl.jaas.config"
        settings[name] = f"{MODULES}.scram.ScramLoginModule required;"
    users = [f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in SCRAM]
    with ApacheKafka(settings=settings, port=plain, users=users):
        yield SecureKafka(plain, passwords, certificates, authority.cafile, certfile, keyfile)
