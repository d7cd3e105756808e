"""Where Kafka is and how it lets one in: the arguments that every Kafka client is made with. Knows no Faust.

aiokafka says only that it could not connect; `knock` says why, and whether it is of any use to wait.
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
_OURS = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "PROTOCOL_VERSION")  # alerts about what we show


class AccessDenied(Exception):
    """Kafka answers, and does not let us in with what the settings say: to wait is of no use."""


class Password(str):
    """A password for aiokafka and Faust, which want a str. They keep it in variables, which Faust writes on SIGUSR1."""

    @override
    def __repr__(self) -> str:
        return "'**********'"


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers, and what they want to know. With servers alone it is PLAINTEXT.

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
        """What a consumer, a producer or an admin client of aiokafka takes."""
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
    """Why none of the servers lets us in; empty if one does. Raises Denied when none will."""
    answers = await asyncio.gather(*(_try(kafka, server) for server in kafka.servers))
    if "" in [why for _, why in answers]:
        return ""
    for server, (final, why) in zip(kafka.servers, answers, strict=True):
        if final:
            raise AccessDenied(f"Kafka at {server}: {why}")
    return answers[0][1]


async def _try(kafka: Connection, server: str) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(TIMEOUT):
            await _enter(kafka, server)
    except (KafkaError, OSError, TimeoutError) as error:
        return _why(kafka, error)
    return False, ""


async def _enter(kafka: Connection, server: str) -> None:
    host, _, port = server.rpartition(":")
    arguments = kafka.arguments()
    del arguments["bootstrap_servers"]
    connection = await create_conn(
        host.strip("[]"), int(port), request_timeout_ms=int(TIMEOUT * 1000), max_idle_ms=None, **arguments
    )
    try:
        await connection.send(MetadataRequest([]))  # what wants a password hangs up here on who gives none
    finally:
        connection.close()


def _why(kafka: Connection, error: BaseException) -> tuple[bool, str]:
    """Whether waiting is of no use, and why we were not let in."""
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
        case ssl.SSLError(reason=str(reason)) if "ALERT" in reason and any(ours in reason for ours in _OURS):
            return True, f"it refuses the TLS handshake: {reason.lower().replace('_', ' ')}"
        case ssl.SSLError() | ConnectionResetError() | KafkaConnectionError() | EOFError():
            return False, f"it ends the connection; is it {kafka.protocol} that it wants there?"
        case TimeoutError():
            return False, "no answer"
    return False, str(error)
