"""The model file: a safetensors file of plain arrays, which cannot hold code and is not compressed.

So a file takes no more memory than its size tells, and MAX_BYTES bounds it. The array `description` is JSON: the number
of the format, the labels, and the kind of model. Texts and words are UTF-8. The format has no other freedom than the
order of the arrays, which the library decides, so equal models are equal bytes.
"""

from dataclasses import fields
from typing import IO, Any, Literal

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from tweetream.classifier.parameters import (
    MAX_WORDS,
    BadParameters,
    Calibration,
    FeatureWeights,
    Parameters,
    Tree,
    WordWeights,
)

FORMAT = 4  # raise it when older programs cannot use new files, or new programs cannot read older files
MAX_BYTES = 128 * 1024 * 1024
DESCRIPTION = "description"
_MAX_DESCRIPTION = 256 * 1024  # bytes; the longest labels take 160 KB
MAX_TEXT = 32 * 1024 * 1024  # bytes of all words
_MAX_HEADER = 64 * 1024  # bytes; the header lists the arrays, and ours are ten at most
_ZIP = b"PK"  # a skops file, as Tweetream made until format 3, is a zip archive
_KINDS: dict[str, type[Any]] = {"features": FeatureWeights, "words": WordWeights, "tree": Tree}
_TYPES: dict[str, Any] = {"U8": np.dtype("u1"), "I32": np.dtype("<i4"), "U64": np.dtype("<u8"), "F64": np.dtype("<f8")}
# The type and the number of dimensions of each array.
_FORMS = {
    DESCRIPTION: ("U8", 1),
    "kinds": ("U8", 1),
    "words": ("U8", 1),
    "known": ("U64", 1),
    "weights": ("F64", 2),
    "bias": ("F64", 1),
    "asked": ("I32", 1),
    "present": ("I32", 1),
    "absent": ("I32", 1),
    "values": ("F64", 2),
    "slope": ("F64", 1),
    "shift": ("F64", 1),
}
Arrays = dict[str, NDArray[Any]]


class BadFormat(ValueError):
    """A file that is no model of this format; the message is a clause that gives the reason."""


class _Format(msgspec.Struct):
    format: int


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    """What the arrays do not say."""

    format: int
    decision: Literal["features", "words", "tree"]
    response: Literal["decision", "probability", "mixture"]
    labels: tuple[str, ...]


def pack(parameters: Parameters) -> bytes:
    """The file of a model. Raises BadFormat for a model that is too large."""
    decision = parameters.decision
    (name,) = (name for name, kind in _KINDS.items() if isinstance(decision, kind))
    calibration = parameters.calibration
    response: Any = "mixture" if calibration.mixture else "probability" if calibration.of_probability else "decision"
    description = _Description(FORMAT, name, response, parameters.labels)  # type: ignore[arg-type]
    arrays: Arrays = {
        DESCRIPTION: _bytes(msgspec.json.encode(description)),
        "slope": calibration.slope,
        "shift": calibration.shift,
    }
    for field in fields(decision):
        value = getattr(decision, field.name)
        if isinstance(value, str):
            value = _bytes(value.encode())
        elif isinstance(value, tuple):
            value = _bytes(" ".join(value).encode())
        arrays[field.name] = value
    for array_name, (kind, _) in _FORMS.items():
        if array_name in arrays:
            arrays[array_name] = np.ascontiguousarray(arrays[array_name], dtype=_TYPES[kind])
    content: bytes = safetensors.numpy.save(arrays)
    unpack(content)  # only what can be read is written
    return content


def read(file: IO[bytes]) -> bytes:
    """The content of a model file, or its beginning if it is larger than `unpack` takes."""
    return file.read(MAX_BYTES + 1)


def unpack(content: bytes) -> Parameters:
    """The model in a file, checked. Raises BadFormat."""
    arrays = _arrays(content)
    description = _description(arrays)
    kind = _KINDS[description.decision]
    wanted = {field.name for field in fields(kind)}
    if arrays.keys() != {DESCRIPTION, "slope", "shift"} | wanted:
        raise BadFormat("its arrays are not those of a model of Tweetream")
    try:
        values: dict[str, Any] = {name: arrays[name] for name in wanted}
        if "kinds" in values:
            values["kinds"] = _text(values["kinds"])
        if "words" in values:  # cut, so that a million separators do not become as many objects
            values["words"] = tuple(_text(values["words"]).split(" ", MAX_WORDS))
        response = description.response
        calibration = Calibration(arrays["slope"], arrays["shift"], response == "probability", response == "mixture")
        parameters = Parameters(description.labels, kind(**values), calibration)
        parameters.check()
    except UnicodeDecodeError:
        raise BadFormat("its words are not UTF-8") from None
    except BadParameters as error:
        raise BadFormat(str(error)) from None
    return parameters


def _bytes(value: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(value, dtype=np.uint8)


def _text(array: NDArray[Any]) -> str:
    if len(array) > MAX_TEXT:
        raise BadFormat(f"it has more than {MAX_TEXT // 1024**2} MiB of words")
    return array.tobytes().decode()


def _arrays(content: bytes) -> Arrays:
    """The arrays in a file, read-only; each has its type and number of dimensions."""
    if content.startswith(_ZIP):
        raise BadFormat("it was made by an older Tweetream, or by another program")
    if len(content) > MAX_BYTES:
        raise BadFormat(f"it is larger than {MAX_BYTES // 1024**2} MiB")
    if int.from_bytes(content[:8], "little") > _MAX_HEADER:  # else the library would make objects of all it lists
        raise BadFormat("it is not a model file")
    try:
        found = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        raise BadFormat("it is not a model file, or it is damaged") from None
    arrays: Arrays = {}
    tensor: dict[str, Any]
    for name, tensor in found:
        kind, dimensions = _FORMS.get(name, ("", 0))
        if tensor["dtype"] != kind or len(tensor["shape"]) != dimensions:
            raise BadFormat("its arrays are not those of a model of Tweetream")
        array = np.frombuffer(bytes(tensor["data"]), dtype=_TYPES[kind])
        arrays[name] = array.reshape(tensor["shape"])
    return arrays


def _description(arrays: Arrays) -> _Description:
    content = arrays[DESCRIPTION].tobytes() if DESCRIPTION in arrays else b""
    if len(content) > _MAX_DESCRIPTION:  # else each of millions of labels would become an object
        raise BadFormat(f"its description is larger than {_MAX_DESCRIPTION // 1024} KiB")
    try:
        found = msgspec.json.decode(content, type=_Format).format
        if found == FORMAT:
            return msgspec.json.decode(content, type=_Description)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadFormat("it is not a model of Tweetream, or it is damaged") from None
    age = "was made by an older" if found < FORMAT else "needs a newer"
    raise BadFormat(f"it {age} Tweetream (its format is {found}, and this one reads {FORMAT})")
