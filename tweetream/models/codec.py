"""The bytes of records in Kafka: a version and msgpack, or the JSON line of a feed.

A record is one byte of version and a msgpack body. A version newer than ours stops the worker with one line, since
readers are upgraded before writers. Of any other record that does not decode the agents make a dead letter.
"""

import json
from typing import Any, TypeVar

import msgspec

VERSION = 1
_PREFIX = bytes([VERSION])
_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {}
_json = msgspec.json.Encoder()
_escaping = json.JSONEncoder(separators=(",", ":")).encode  # its escapes are written in C
T = TypeVar("T")


class Undecodable(ValueError):
    """The record is not in our format. The caller decides what becomes of it; an agent makes it a dead letter."""


class TooNew(RuntimeError):
    """The record has a newer version; the worker stops and must be upgraded."""


def encode(value: object) -> bytes:
    """The record of a struct: version, then msgpack."""
    return _PREFIX + _encoder.encode(value)


def decode(data: bytes | None, type_: type[T]) -> T:
    """The struct in a record. Raises Undecodable, or TooNew for a version above ours."""
    if not data:
        raise Undecodable("empty record")
    if data[0] != VERSION:
        # Versions grow one by one, so a far larger first byte is junk.
        if VERSION < data[0] < VERSION + 16:
            raise TooNew(f"a record has version {data[0]}, this worker reads up to {VERSION}: upgrade it first")
        raise Undecodable(f"not a record of ours (first byte {data[0]})")
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.msgpack.Decoder(type_)
    try:
        return decoder.decode(memoryview(data)[1:])  # type: ignore[no-any-return]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(str(error)) from None


def json_line(value: object) -> bytes:
    """One line of ASCII JSON. U+2028, NUL and CR in a text are escaped, so that no reader splits the line at them."""
    data = _json.encode(value)
    # msgspec escapes neither. One text is always escaped in one way (DEL too), since ids are looked for in such lines.
    if data.isascii() and b"\x7f" not in data:
        return data
    return _escaping(msgspec.to_builtins(value)).encode()
