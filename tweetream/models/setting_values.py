"""What the values of settings may be, as functions that make them or raise ValueError with what to write instead."""

import base64
import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import ErrorDetails

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 36_500 * 86400.0  # a hundred years; Kafka and timers take no infinite time
_HOST_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?"
_PORTS = {"http": 80, "https": 443}
SIGNING_PREFIX = "whsec_"  # begins a secret that is written in base64, as in Standard Webhooks
LEAST_SECRET = 16  # bytes
Values = tuple[str, ...]
# What to write instead, by the kind of pydantic's error.
_INSTEAD = {
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_parsing": "write a number",
    "finite_number": "write a number",
    "bool_parsing": "write true or false",
    "greater_than": "write a number above {gt:g}",
    "greater_than_equal": "write a number from {ge:g} on",
    "less_than": "write a number below {lt:g}",
    "less_than_equal": "write a number up to {le:g}",
    "literal_error": "write {expected}",
}


def what_to_write(error: ErrorDetails) -> str:
    """The line for a value that a setting cannot have, out of pydantic's error."""
    instead = _INSTEAD.get(error["type"], error["msg"].removeprefix("Value error, "))
    return instead.format_map(error["ctx"]) if error["type"] in _INSTEAD and "ctx" in error else instead


def seconds(value: Any) -> Any:
    """`10`, `10s`, `5 m`, `12h`, `7d`, `50ms` as seconds."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|)\s*", value)
        if not match:
            raise ValueError("write a time such as 30s, 5m, 12h or 7d")
        value = float(match[1]) * _UNITS[match[2] or "s"]
        if not 0.001 <= value <= _LONGEST:
            raise ValueError("write a time from 1ms to 36500d")
    return value


def password_in(url: str) -> str:
    """The password in a URL, as it is written there; empty if there is none."""
    found = re.search(r"//[^:/]*:(.*)@|[?&]password=([^&]*)", url)
    return "" if found is None else found[1] or found[2] or ""


def parts(separator: str | None) -> Callable[[Any], Any]:
    """Makes a list of a text; without a separator, blanks separate."""

    def split(value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(separator) if part.strip())
        return value

    return split


def namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("write 1 to 64 of a-z 0-9 - _, beginning with a letter or digit")
    return value


def broker(value: str) -> str:
    """`kafka://HOST:PORT[,HOST:PORT…]` of one or more servers; each may have the scheme, or none."""
    hosts = [host.strip().removeprefix("kafka://") for host in re.split("[,;]", value)]
    for host in hosts:
        name, _, port = host.rpartition(":")
        if not (_is_host(name) and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
            raise ValueError(f"{host!r} is not HOST:PORT; write kafka://HOST:PORT[,HOST:PORT…]")
    return "kafka://" + ",".join(hosts)


def _is_host(text: str) -> bool:
    """Whether it is a name, an IPv4 address, or an IPv6 address in brackets."""
    if text.startswith("[") and text.endswith("]"):
        return ":" in text and is_address(text[1:-1])
    return re.fullmatch(_HOST_NAME, text) is not None


def is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def networks(values: Values) -> Values:
    """Addresses and networks. IPv4 that is written as IPv6 becomes IPv4, as clients' addresses do."""
    return tuple(_network(value) for value in values)


def _network(value: str) -> str:
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        network = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        raise ValueError(f"{value} is not an address or a network such as 10.0.0.0/8 or fd00::/8") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        return bare if mapped is None else f"{mapped}/{network.prefixlen - 96}"
    return bare


def hosts(values: Values) -> Values:
    for value in values:
        if not (re.fullmatch(r"[A-Za-z0-9._-]+", value) or _is_host(value) or is_address(value)):
            raise ValueError(f"{value} is not a host; write names without scheme and port, such as posts.example")
    return tuple(value.lower().strip("[].") for value in values)


def web_host(value: str) -> str:
    """An address or a name to listen on, without brackets."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not (is_address(bare) or (bare == value and re.fullmatch(_HOST_NAME, value))):
        raise ValueError(f"{value!r} is not an address; write one without scheme and port, such as 127.0.0.1 or ::")
    return bare


def origins(values: Values) -> Values:
    """Origins exactly as browsers send them, since they are compared with those."""
    for value in values:
        if value != (meant := _origin(value)):
            hint = f"write {meant}" if meant else "write each as https://HOST or http://HOST:PORT"
            raise ValueError(f"no browser sends the origin {value!r}; {hint}")
    return values


def frame_ancestors(values: Values) -> Values:
    """Who may embed the page: `self`, origins, and `https://*.HOST` for all names below a host.

    They go into a header, so nothing passes that could add to it.
    """
    plain = [value.replace("://*.", "://", 1) for value in values if value != "self"]
    origins(tuple(plain))
    for value in values:
        if value != "self" and not value.startswith(("https://", "http://")):
            raise ValueError(f"no page of {value!r} can embed this one; write each as https://HOST, or self")
    return values


def _origin(value: str) -> str:
    """How browsers write the origin of this address; empty if it has none."""
    try:
        address = urlsplit(value)
        port = address.port
        host = address.hostname or ""
        name = host.encode("idna").decode() if not host.isascii() else host
    except (ValueError, UnicodeError):
        return ""
    if ":" in name and is_address(name):
        name = f"[{ipaddress.IPv6Address(name).compressed}]"
    scheme = address.scheme
    if not (scheme in _PORTS or scheme.endswith("-extension")) or not _is_host(name) or "@" in address.netloc:
        return ""
    return f"{scheme}://{name}" + ("" if port in (None, _PORTS.get(scheme)) else f":{port}")


def token(value: SecretStr) -> SecretStr:
    """A token as it stands in a header: a line break or a blank is of the file or command that it came from."""
    if re.search(r"[\s\x00-\x1f\x7f]", value.get_secret_value()):
        raise ValueError("it has a blank or a line break, which no token has; write the token alone")
    return value


def own_token(value: SecretStr) -> SecretStr:
    """A token that its user makes up, so a blank may be in it; a line break is of the file or command it came from."""
    written = value.get_secret_value()
    if written != written.strip() or not written.isprintable():
        raise ValueError("it has a line break, or a blank at an end; write the token alone")
    return value


def webhook(value: SecretStr) -> SecretStr:
    """An address that takes alerts. It can hold a secret, so the message does not repeat it."""
    written = value.get_secret_value()
    if not written:
        return value
    try:
        address = urlsplit(written)
        sound = address.scheme in _PORTS and _is_host(_bracketed(address.hostname or "")) and address.port != 0
    except ValueError:
        sound = False
    if not sound or address.fragment or re.search(r"[^\x21-\x7e]", written):
        raise ValueError("write one address, such as https://alerts.example/hook")
    return value


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def webhook_secret(value: SecretStr) -> SecretStr:
    """A secret that signs: long enough, and in base64 if it says so by `whsec_`."""
    written = own_token(value).get_secret_value()
    if written.startswith(SIGNING_PREFIX):
        try:
            size = len(base64.b64decode(written.removeprefix(SIGNING_PREFIX), validate=True))
        except ValueError:
            raise ValueError(f"what follows {SIGNING_PREFIX} is not base64") from None
    else:
        size = len(written.encode())
    if written and size < LEAST_SECRET:
        raise ValueError(f"write {LEAST_SECRET} bytes or more; openssl rand -hex 32 makes a good one")
    return value


def tokens_of_hosts(value: SecretStr) -> SecretStr:
    """One token, or `HOST=TOKEN,HOST=TOKEN`."""
    listed = [part.strip(" ") for part in value.get_secret_value().split(",")]
    for part in listed:
        token(SecretStr(part))
        if len(listed) > 1 and not re.fullmatch("[^=]+=.+", part):
            raise ValueError("for several servers write HOST=TOKEN,HOST=TOKEN")
    return value


def login(value: Any) -> Any:
    """A name or password without what cannot be typed."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if text is not None and re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("it has a line break or another control character; write it alone")
    return value
