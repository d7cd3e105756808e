"""Makes the Connection from the settings: checks that they fit together, and loads the files of TLS.

Settings that cannot work end the program with one line. No secret is in it, nor in any log: aiokafka's log records of
a login are dropped.
"""

import logging
import ssl
from pathlib import Path

from typing_extensions import override

from tweetream.kafka.connection import Connection
from tweetream.models.messages import PREFIX, fail
from tweetream.settings import Settings

_SASL = ("sasl_mechanism", "sasl_username", "sasl_password")
_SSL = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
_SASL_AUTHENTICATE = 36  # Kafka's number of the request with the password, and of its answer


class _LoginFilter(logging.Filter):
    """Drops logins: at level DEBUG aiokafka logs each request with its content."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(getattr(argument, "API_KEY", None) == _SASL_AUTHENTICATE for argument in arguments)


_login_filter = _LoginFilter()


def connect(settings: Settings) -> Connection:
    """The connection that the settings describe. Ends the program at the first setting that cannot work."""
    logging.getLogger("aiokafka.conn").addFilter(_login_filter)  # once, however often it is added
    protocol = settings.kafka_security_protocol
    _refuse_unused(settings, _SASL, "SASL_PLAINTEXT", "SASL_SSL")
    _refuse_unused(settings, _SSL, "SSL", "SASL_SSL")
    if protocol.startswith("SASL"):
        for name in _SASL:
            if not _is_set(settings, name):
                fail(f"{_env_name(name)}: {protocol} needs it")
    return Connection(
        settings.bootstrap,
        protocol,
        settings.kafka_sasl_mechanism or "PLAIN",
        settings.kafka_sasl_username,
        settings.kafka_sasl_password if protocol.startswith("SASL") else None,
        _context(settings) if protocol.endswith("SSL") else None,
    )


def _env_name(name: str) -> str:
    return f"{PREFIX}KAFKA_{name.upper()}"


def _is_set(settings: Settings, name: str) -> bool:
    value = getattr(settings, f"kafka_{name}")
    return bool(value if name != "sasl_password" else value.get_secret_value())


def _refuse_unused(settings: Settings, names: tuple[str, ...], *protocols: str) -> None:
    """End if one of these is set but would not be used, since its author believes that it is."""
    if settings.kafka_security_protocol in protocols:
        return
    for name in names:
        if _is_set(settings, name):
            fail(
                f"{_env_name(name)}: not used with {_env_name('security_protocol')}="
                f"{settings.kafka_security_protocol}, only with {' and '.join(protocols)}"
            )


def _context(settings: Settings) -> ssl.SSLContext:
    """Checks certificates and the names in them against the CA file or the system's authorities."""
    authorities = settings.kafka_ssl_cafile
    if authorities is not None:
        _check_readable("ssl_cafile", authorities)
    try:
        context = ssl.create_default_context(cafile=authorities)
    except ssl.SSLError:
        fail(f"{_env_name('ssl_cafile')}: {authorities} holds no certificate in PEM")
    certificate, key = settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile
    if key is not None and certificate is None:
        fail(f"{_env_name('ssl_certfile')}: the key of {_env_name('ssl_keyfile')} needs its certificate")
    if certificate is not None:
        _load_certificate(context, certificate, key)
    return context


def _load_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Load our own certificate into the context. Its file may hold the key too."""
    _check_readable("ssl_certfile", certificate)
    if key is not None:
        _check_readable("ssl_keyfile", key)
    try:
        context.load_cert_chain(certificate, key, password="")  # an encrypted key would prompt at the terminal
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            fail(f"{_env_name('ssl_keyfile')}: the key in {key or certificate} does not fit the certificate")
        holder = certificate if key is None else f"{certificate} and {key}"
        fail(f"{_env_name('ssl_certfile')}: no certificate with an unencrypted key in PEM in {holder}")


def _check_readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        fail(f"{_env_name(name)}: {path} cannot be read: {error.strerror}")
