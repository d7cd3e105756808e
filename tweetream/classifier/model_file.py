"""The model file: a skops archive, and beside what skops writes a member `tweetream.json` with the format's number.

The number is read first: skops cannot load a file whose classes have moved, and would only say that one is missing.
skops builds only the types that it knows to be harmless and those in TRUSTED; nothing is unpickled. The archive is
written in one canonical form, so equal models are equal bytes.
"""

import io
import json
import zipfile
from typing import Any

import skops.io
from sklearn.pipeline import Pipeline

FORMAT = 3  # raise it when older programs cannot use new files, or new programs cannot read older files
MEMBER = "tweetream.json"
SCHEMA = "schema.json"  # the name is skops's own
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",  # TreeScorer checks the branches before compiled code follows them
    "tweetream.classifier.features.Features",
]
_LONGEST_MEMBER = 1_000  # bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


class BadFormat(ValueError):
    """A file that is no model of this format; the message is a clause that gives the reason."""


def pack(pipeline: Pipeline) -> bytes:
    """The file of a trained pipeline: objects numbered from 1, no times."""
    source = zipfile.ZipFile(io.BytesIO(skops.io.dumps(pipeline)))
    ids: dict[int, int] = {}
    names: dict[str, str] = {}

    def canonical(node: Any) -> Any:
        """skops names objects and the arrays' files by their address in memory, which differs from run to run."""
        if isinstance(node, list):
            return [canonical(value) for value in node]
        if not isinstance(node, dict):
            return node
        node = {key: canonical(value) for key, value in node.items()}
        if isinstance(node.get("__id__"), int):
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if node.get("type") == "numpy" and isinstance(node.get("file"), str):
            node["file"] = names.setdefault(node["file"], f"{len(names) + 1}.npy")
        return node

    schema = canonical(json.loads(source.read(SCHEMA)))
    members = [(MEMBER, _json({"format": FORMAT})), (SCHEMA, _json(schema))]
    members += [(new, source.read(old)) for old, new in names.items()]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def unpack(content: bytes) -> Pipeline:
    """The pipeline in a file. Raises BadFormat; a damaged file makes skops and NumPy raise nearly anything."""
    _check_format(content)
    try:
        pipeline = skops.io.loads(content, trusted=TRUSTED)
    except skops.io.exceptions.UntrustedTypesFoundException:
        raise BadFormat("it holds types that no model of tweetream train has") from None
    if not isinstance(pipeline, Pipeline):
        raise BadFormat("it holds no classifier")
    return pipeline


def _check_format(content: bytes) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise BadFormat("it is not a skops file") from None
    with archive:
        names = archive.namelist()
        if MEMBER not in names and SCHEMA in names:
            raise BadFormat("it was made by an older Tweetream, or by another program")
        if MEMBER not in names or archive.getinfo(MEMBER).file_size > _LONGEST_MEMBER:
            raise BadFormat("it is not a model of Tweetream")
        found = json.loads(archive.read(MEMBER))["format"]
    if found < FORMAT:
        raise BadFormat(f"it was made by an older Tweetream (its format is {found}, and this one reads {FORMAT})")
    if found > FORMAT:
        raise BadFormat(f"it needs a newer Tweetream (its format is {found}, and this one reads {FORMAT})")
