"""Model files changed at random: each is refused with one line, or is a working model.

    python -m support.mutated_models FIRST NUMBER

The number of a file is its seed, printed before the file is loaded: so the last line names the file that ends the
process. Memory is limited, and a file that takes seconds fails.
"""

import contextlib
import io
import json
import random
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.mixture import Posts, train_mixture
from tweetream.classifier.model import BadModel, Classifier
from tweetream.classifier.model_file import DESCRIPTION, pack
from tweetream.classifier.training import CLASSIFIERS, train
from tweetream.cli.main import main

MEMORY = 3 * 1024**3  # bytes of address space
SLOWEST = 10.0  # seconds
CLI_EACH = 20  # files, one of which the command line reads
TEXTS = ["", "macet kapal a1 b1", "a1 kata1 nomor1", "é🚗 <s> " + "z" * 100, " ".join(f"kata{i}" for i in range(300))]
NUMBERS = [0, 1, -1, 2, -2, 255, 2**31 - 1, -(2**31), 2**32, 2**53, 2**63 - 1, 2**64 - 1, 1e308, 5e-324]
FLOATS = [float("nan"), float("inf"), float("-inf"), -0.0, 1e100, -1e100, 1e101, 1e308, 5e-324]
VALUES: list[Any] = [
    None,
    True,
    "",
    "a",
    "\n",
    "tree",
    "features",
    "words",
    "mixture",
    [],
    {},
    0.5,
    -1,
    4,
    3,
    10**30,
    ["a"] * 3,
]
Mutation = Callable[[random.Random, bytes], bytes]


def bases() -> list[bytes]:
    """A small file of each kind, of two and of three labels, and a mixture, which has two."""

    def posts(labels: str) -> list[LabelledPost]:
        return [LabelledPost(f"{of}1 kata{i} nomor{i % 7}", of) for of in labels for i in range(20)]

    real = [post._replace(text=f"nyata {post.text}") for post in posts("ab")]
    mixture = train_mixture(Posts(posts("ab"), [], [], [], [], real, [post for post in real if post.label == "a"]))
    plain = [train(posts(labels), classifier) for classifier in CLASSIFIERS for labels in ("ab", "abc")]
    return [pack(model) for model in (*plain, mixture)]


def flip(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    part = chance.choice([len(changed), min(len(changed), 1_200), min(len(changed), 8)])
    for _ in range(chance.choice([1, 2, 20])):
        if part:
            changed[chance.randrange(part)] = chance.randrange(256)
    return bytes(changed)


def cut(chance: random.Random, content: bytes) -> bytes:
    begin, end = sorted(chance.choices(range(len(content) + 1), k=2))
    piece = content[begin:end]
    return chance.choice(
        [content[:begin], content[begin:], content[:begin] + content[end:], content[:end] + piece + content[end:]]
    )


def header(chance: random.Random, content: bytes) -> bytes:
    """Change the library's own header, its length right or wrong."""
    size = int.from_bytes(content[:8], "little")
    try:
        found = json.loads(content[8 : 8 + size])
        entry = found[chance.choice(list(found))]
        name = chance.choice(list(entry))
        if isinstance(entry[name], list) and entry[name] and chance.random() < 0.8:
            entry[name][chance.randrange(len(entry[name]))] = chance.choice([*NUMBERS[:12], 7, 8, 16])
        else:
            choice: Any = [
                *VALUES,
                "U8",
                "I64",
                "F32",
                "F64",
                "BF16",
                "BOOL",
                "F8_E4M3",
                [2**62, 4],
                [0] * 100,
                [1] * 9,
            ]
            entry[name] = chance.choice(choice)
        if chance.random() < 0.2:
            found[chance.choice([*found, "__metadata__", "more"])] = chance.choice([entry, *VALUES])
    except (ValueError, LookupError, TypeError, RecursionError):
        return flip(chance, content)
    new = json.dumps(found).encode()
    length = len(new) if chance.random() < 0.9 else chance.choice([0, 1, len(new) + 1, 2**31, 2**63, 2**64 - 1])
    return length.to_bytes(8, "little") + new + content[8 + size :]


def array(chance: random.Random, content: bytes) -> bytes:
    """Change the values, the shape or the type of an array; also exchange, drop and add arrays."""
    try:
        arrays = {name: value.copy() for name, value in safetensors.numpy.load(content).items()}
        name = chance.choice(list(arrays))
        value = arrays[name]
        if value.size and chance.random() < 0.6:
            for _ in range(chance.choice([1, 1, 3, value.size])):
                place = chance.randrange(value.size)
                near = [value.flat[place] + value.dtype.type(1), chance.randrange(value.size)] * 5
                number = chance.choice([*near, *NUMBERS, *(FLOATS if value.dtype == "f8" else [])])
                value.flat[place] = np.array([number]).astype(value.dtype)[0]
        else:
            arrays[name] = chance.choice(
                [
                    value[::-1].copy(),
                    value[:-1].copy(),
                    np.concatenate((value, value)),
                    np.sort(value, axis=0),
                    np.roll(value, 1),
                    np.zeros_like(value),
                    np.zeros((0, *value.shape[1:]), value.dtype),
                    value.ravel()[:, None].copy(),
                    value.astype(chance.choice(["u1", "i4", "i8", "f4", "f8", "u8"])),
                    arrays[chance.choice(list(arrays))],
                ]
            )
            if chance.random() < 0.2:
                del arrays[chance.choice(list(arrays))]
        return safetensors.numpy.save(arrays)
    except Exception:  # noqa: BLE001 - an earlier mutation may have left anything
        return flip(chance, content)


def description(chance: random.Random, content: bytes) -> bytes:
    """Change the JSON of the description, or a text."""
    try:
        arrays = safetensors.numpy.load(content)
        name = chance.choice([DESCRIPTION, DESCRIPTION, *(name for name in ("words", "kinds") if name in arrays)])
        text = arrays[name].tobytes()
        if name == DESCRIPTION and chance.random() < 0.7:
            found = json.loads(text)
            place = chance.choice([*found, "more"])
            if place == "labels" and chance.random() < 0.7:
                found["labels"][chance.randrange(len(found["labels"]))] = chance.choice([*VALUES, "\ud800", "x" * 1000])
            else:
                found[place] = chance.choice(VALUES)
            text = json.dumps(found).encode()
        elif chance.random() < 0.5:
            words = text.split(b" ")
            words[chance.randrange(len(words))] = chance.choice(
                [b"", b"kapal", b"\xff", b"a\tb", b"\0", words[0], b"[" * 5_000]
            )
            text = b" ".join(words)
        else:
            text = chance.choice([flip, cut])(chance, text)
        return safetensors.numpy.save({**arrays, name: np.frombuffer(text, dtype=np.uint8)})
    except Exception:  # noqa: BLE001 - an earlier mutation may have left anything
        return cut(chance, content)


def zipped(chance: random.Random, content: bytes) -> bytes:
    """A zip archive, as model files were until format 3, whole or changed; or a bomb of one."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("tweetream.json", b'{"format":%d}' % chance.choice([3, 4]))
        file.writestr("schema.json", chance.choice([b"{}", content, bytes(1_000_000)]))
    made = target.getvalue()
    return chance.choice([made, flip(chance, made), cut(chance, made)])


MUTATIONS: list[Mutation] = [flip, cut, header, header, array, array, array, description, description, zipped]


def mutated(seed: int, originals: list[bytes]) -> bytes:
    chance = random.Random(seed)
    content = chance.choice(originals)
    with np.errstate(all="ignore"):
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            content = chance.choice(MUTATIONS)(chance, content)
    return content


def works(path: Path) -> bool:
    """Whether the file is a working model. AssertionError if it is neither that nor refused in one line."""
    try:
        model = Classifier.load(path)
    except BadModel as error:
        assert "\n" not in str(error) and "tweetream train" in str(error)
        return False
    labels, scores = model.predict(TEXTS)
    for text, label, score in zip(TEXTS, labels, scores, strict=True):
        found = model.explain(text)
        assert found.label == label and (label is None) == (score is None) == (found.score is None)
        if label is not None and score is not None and found.score is not None:
            assert label in model.labels and label.encode() and 0 <= score <= 1 and 0 <= found.score <= 1
        assert np.isfinite([found.decision, found.bias, *(weight for _, weight in found.words)]).all()
    return True


def command(path: Path) -> None:
    """`tweetream explain` ends with 0, or with 2 and one line."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(["explain", "macet kapal", "--model", str(path)])
    assert said.getvalue().count("\n") <= 1 and not said.getvalue().replace("tweetream: the model ", "", 1).count(
        "Error"
    )


def run(first: int, number: int) -> None:
    originals = bases()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    working = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        for seed in range(first, first + number):
            print(seed, flush=True)
            path.write_bytes(mutated(seed, originals))
            start = time.monotonic()
            working += works(path)
            if seed % CLI_EACH == 0:
                command(path)
            assert time.monotonic() - start < SLOWEST
    print(f"{number} files: {working} work, {number - working} are refused")
    assert 0 < working < number


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
