"""Where Kafka is and how it lets one in: the arguments that every Kafka client is made with. Knows no Faust."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr


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

    def arguments(self) -> dict[str, Any]:
        """What a consumer, a producer or an admin client of aiokafka takes. It holds the password as it is."""
        return {
            "bootstrap_servers": list(self.servers),
            "security_protocol": self.protocol,
            "ssl_context": self.context,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": None if self.password is None else self.password.get_secret_value(),
        }

    def __str__(self) -> str:
        return ",".join(self.servers)
