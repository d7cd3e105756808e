"""Takes the fields of a message as they are meant: a field of another type is understood, or left out.

Networks change their messages, and exports write the same field as a text, a number, an object or a list. Only the
text of a post and its id decide whether there is a post. So `decode_message` fills a struct with all that can be
understood: a number stands for its digits where both are possible, a lone value for a list of one, and what is wrong
is left out, with everything else of the message kept. A field without a default must be there and be right.
"""

import math
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from tweetream.sources.repairs import decode

_WRAPPERS = ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$date", "$oid")  # MongoDB's extended JSON

T = TypeVar("T")
_fields, _items, _any = Decoder(dict[str, Raw]), Decoder(list[Raw]), Decoder()
_LEFT_OUT = object()
_DIGITS = 39  # of a number; no network has longer ids


def unwrapped(value: object) -> object:
    """A value without the object that MongoDB's exports put around it: `{"$numberLong": "5"}` is "5"."""
    if not isinstance(value, dict):
        return value
    for _ in range(3):  # {"$date": {"$numberLong": "5"}}
        if not isinstance(value, dict) or len(value) != 1:
            break
        (key,) = value
        if key not in _WRAPPERS:
            break
        value = value[key]
    return value


def as_text(value: object) -> str:
    """A short text, such as a name: a whole number in its digits; "" for what is neither."""
    if isinstance(value, str):
        return value
    value = unwrapped(value)
    return value if isinstance(value, str) else as_number(value)


def as_number(value: object) -> str:
    """The digits of a whole number, given as a number or as a text; "" for what is none."""
    if isinstance(value, dict):
        value = unwrapped(value)
    if isinstance(value, str):
        value = value.strip()
        return value if value.isascii() and value.isdigit() and len(value) <= _DIGITS else ""
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_DIGITS else ""


def decode_message(decoder: "Decoder[T]", data: bytes | Raw) -> T:
    """Decode a struct, and leave out what is wrong in it. Raises ValueError or RecursionError if too little is left."""
    try:
        return decoder.decode(data)
    except ValueError:
        pass
    try:
        return decode(decoder, data)
    except msgspec.ValidationError:
        found = _struct(decoder.type, data)
        if found is _LEFT_OUT:
            raise
        return found  # type: ignore[no-any-return]


@cache
def _plan(type_: type) -> tuple[tuple[str, str, Any, bool], ...]:
    return tuple((f.name, f.encode_name, f.type, f.required) for f in msgspec.structs.fields(type_))


def _struct(type_: Any, data: bytes | Raw) -> Any:
    try:
        given = decode(_fields, data)
    except ValueError:
        return _LEFT_OUT
    values = {}
    for name, encoded, kind, required in _plan(type_):
        value = _taken(kind, given[encoded]) if encoded in given else _LEFT_OUT
        if value is not _LEFT_OUT:
            values[name] = value
        elif required:
            return _LEFT_OUT
    return type_(**values)


def _taken(kind: Any, data: Raw) -> Any:
    """A value of this type, or _LEFT_OUT."""
    kinds = [each for each in get_args(kind) if each is not NoneType] if _is_union(kind) else [kind]
    if Raw in kinds:
        return data
    if get_origin(kinds[0]) is list:
        return _list(get_args(kinds[0])[0], data)
    if isinstance(kinds[0], type) and issubclass(kinds[0], msgspec.Struct):
        return _struct(kinds[0], data)
    try:
        value = unwrapped(decode(_any, data))
    except ValueError:  # such as a number that no float can hold
        return _LEFT_OUT
    if value is None or Any in kinds:
        return value if kind is Any or NoneType in get_args(kind) else _LEFT_OUT
    if any(type(value) is each for each in kinds):
        return value
    if str in kinds and int in kinds:
        return as_text(value) or _LEFT_OUT
    if int in kinds and (digits := as_number(value)):
        return int(digits)
    return _LEFT_OUT


def _is_union(kind: Any) -> bool:
    return isinstance(kind, UnionType) or get_origin(kind) is Union


def _list(kind: Any, data: Raw) -> Any:
    try:
        items = decode(_items, data)
    except ValueError:
        items = [data]
    found = [value for item in items if (value := _taken(kind, item)) is not _LEFT_OUT]
    return found or _LEFT_OUT
