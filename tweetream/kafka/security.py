"""From the settings to the Connection: which of them belong together, and the files of TLS.

What cannot work ends the program with one line. No secret is in it, nor in any log: what aiokafka
would log of a login is dropped.
"""

import logging
import ssl
from pathlib import Path

from typing_extensions import override

from tweetream.kafka.connection import Connection
from tweetream.settings import PREFIX, Settings, fail

_SASL = ("sasl_mechanism", "sasl_username", "sasl_password")
_SSL = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
_SASL_AUTHENTICATE = 36  # Kafka's number of the request that carries the password, and of its answer


class _NoLogins(logging.Filter):
    """At the level of debug, aiokafka logs each request with all that is in it."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(getattr(argument, "API_KEY", None) == _SASL_AUTHENTICATE for argument in arguments)


_no_logins = _NoLogins()


def connect(settings: Settings) -> Connection:
    """How the settings say that Kafka is reached; ends for the first that cannot work."""
    logging.getLogger("aiokafka.conn").addFilter(_no_logins)  # once, however often it is added
    protocol = settings.kafka_security_protocol
    _belong(settings, _SASL, "SASL_PLAINTEXT", "SASL_SSL")
    _belong(settings, _SSL, "SSL", "SASL_SSL")
    if protocol.startswith("SASL"):
        for name in _SASL:
            if not _given(settings, name):
                fail(f"{_name(name)}: {protocol} needs it")
    return Connection(
        settings.bootstrap,
        protocol,
        settings.kafka_sasl_mechanism or "PLAIN",
        settings.kafka_sasl_username,
        settings.kafka_sasl_password if protocol.startswith("SASL") else None,
        _context(settings) if protocol.endswith("SSL") else None,
    )


def _name(name: str) -> str:
    return f"{PREFIX}KAFKA_{name.upper()}"


def _given(settings: Settings, name: str) -> bool:
    value = getattr(settings, f"kafka_{name}")
    return bool(value if name != "sasl_password" else value.get_secret_value())


def _belong(settings: Settings, names: tuple[str, ...], *protocols: str) -> None:
    """End if one of these is given and would not be used: somebody believes it is."""
    if settings.kafka_security_protocol in protocols:
        return
    for name in names:
        if _given(settings, name):
            fail(
                f"{_name(name)}: not used with {_name('security_protocol')}={settings.kafka_security_protocol}, "
                f"only with {' and '.join(protocols)}"
            )


def _context(settings: Settings) -> ssl.SSLContext:
    """Certificates are checked, and the names in them, against the CA file or the system's own authorities."""
    authorities = settings.kafka_ssl_cafile
    if authorities is not None:
        _readable("ssl_cafile", authorities)
    try:
        context = ssl.create_default_context(cafile=authorities)
    except ssl.SSLError:
        fail(f"{_name('ssl_cafile')}: {authorities} holds no certificate in PEM")
    certificate, key = settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile
    if key is not None and certificate is None:
        fail(f"{_name('ssl_certfile')}: the key of {_name('ssl_keyfile')} needs its certificate")
    if certificate is not None:
        _show(context, certificate, key)
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Give the context our own certificate. The file may hold the key as well."""
    _readable("ssl_certfile", certificate)
    if key is not None:
        _readable("ssl_keyfile", key)
    try:
        context.load_cert_chain(certificate, key, password="")  # or an encrypted key would ask the terminal
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            fail(f"{_name('ssl_keyfile')}: the key in {key or certificate} does not fit the certificate")
        holder = certificate if key is None else f"{certificate} and {key}"
        fail(f"{_name('ssl_certfile')}: {holder} hold no certificate and unencrypted key in PEM")


def _readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        fail(f"{_name(name)}: {path} cannot be read: {error.strerror}")
