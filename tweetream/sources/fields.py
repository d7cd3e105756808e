"""Takes the fields of a message as they are meant: a field of another type is understood, or left out.

Exports write the same field as a text, a number or an object. Only the text of a post and its id decide whether there
is a post, so no function here raises an error.
"""

import math

_WRAPPERS = ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$date", "$oid")  # MongoDB's extended JSON


def unwrapped(value: object) -> object:
    """A value without the object that MongoDB's exports put around it: `{"$numberLong": "5"}` is "5"."""
    for _ in range(3):  # {"$date": {"$numberLong": "5"}}
        if not isinstance(value, dict) or len(value) != 1:
            break
        (key,) = value
        if key not in _WRAPPERS:
            break
        value = value[key]
    return value


def as_text(value: object) -> str:
    """A short text, such as a name: a number in its digits; "" for what is neither."""
    value = unwrapped(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return as_number(value)


def as_number(value: object) -> str:
    """The digits of a whole number, given as a number or as a text; "" for what is none."""
    value = unwrapped(value)
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**128:
        return str(value)
    if isinstance(value, str) and value.strip().isascii():
        return value.strip() if value.strip().isdigit() else ""
    return ""
