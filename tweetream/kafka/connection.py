"""Kafka's address and credentials: the arguments that every Kafka client gets. Knows no Faust.

aiokafka's error says only that it could not connect. `probe` finds the reason, and whether waiting can help.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest
from pydantic import SecretStr
from typing_extensions import override

TIMEOUT = 2.0
_FINAL_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "PROTOCOL_VERSION")  # TLS alerts about our side


class AccessDenied(Exception):
    """Kafka answers, but refuses the credentials or protocol of the settings. Waiting does not help."""


class Password(str):
    """A password as the str that aiokafka and Faust need. Faust prints its variables on SIGUSR1, so `repr` hides it."""

    @override
    def __repr__(self) -> str:
        return "'**********'"


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers, protocol and credentials; the default is PLAINTEXT.

    Neither `repr` nor `str` shows the password.
    """

    servers: Sequence[str]
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: SecretStr | None = None
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def plain_password(self) -> Password | None:
        return None if self.password is None else Password(self.password.get_secret_value())

    def arguments(self) -> dict[str, Any]:
        """The arguments of a consumer, a producer or an admin client of aiokafka."""
        return {
            "bootstrap_servers": list(self.servers),
            "security_protocol": self.protocol,
            "ssl_context": self.context,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.plain_password(),
        }

    @override
    def __str__(self) -> str:
        return ",".join(self.servers)


async def probe(kafka: Connection) -> str:
    """The reason why no server accepts a connection; empty if one does. Raises AccessDenied if waiting cannot help."""
    answers = await asyncio.gather(*(_try(kafka, server) for server in kafka.servers))
    if "" in [reason for _, reason in answers]:
        return ""
    for server, (final, reason) in zip(kafka.servers, answers, strict=True):
        if final:
            raise AccessDenied(f"Kafka at {server}: {reason}")
    return answers[0][1]


async def _try(kafka: Connection, server: str) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(TIMEOUT):
            await _connect(kafka, server)
    except (KafkaError, OSError, TimeoutError) as error:
        return _explain(kafka, error)
    return False, ""


async def _connect(kafka: Connection, server: str) -> None:
    host, _, port = server.rpartition(":")
    arguments = kafka.arguments()
    del arguments["bootstrap_servers"]
    connection = await create_conn(
        host.strip("[]"), int(port), request_timeout_ms=int(TIMEOUT * 1000), max_idle_ms=None, **arguments
    )
    try:
        # A server that needs a password closes the connection here if it got none.
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()


def _explain(kafka: Connection, error: BaseException) -> tuple[bool, str]:
    """Whether the failure is final, and its reason."""
    if isinstance(error, KafkaConnectionError) and error.__cause__ is not None:
        error = error.__cause__
    match error:
        case SaslAuthenticationFailed():
            return True, f"authentication of {kafka.username} by {kafka.mechanism} failed"
        case UnsupportedSaslMechanismError():
            return True, f"it does not take the mechanism {kafka.mechanism}"
        case IllegalSaslStateError():
            return True, f"it takes no SASL there, so {kafka.protocol} is wrong"
        case ssl.SSLCertVerificationError():
            return True, f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError(reason=str(reason)) if "ALERT" in reason and any(alert in reason for alert in _FINAL_ALERTS):
            return True, f"it refuses the TLS handshake: {reason.lower().replace('_', ' ')}"
        case ssl.SSLError() | ConnectionResetError() | KafkaConnectionError() | EOFError():
            return False, f"it ends the connection; does it expect {kafka.protocol} there?"
        case TimeoutError():
            return False, "no answer"
    return False, str(error)
