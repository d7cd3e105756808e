"""No damage to a file of any kind does more than cost posts, or end in an error of one line."""

import random
from pathlib import Path

import msgspec
from support.networks.exports import EXPORTS, FOLDER

from tweetream.models.post import Post
from tweetream.sources.base import SourceError
from tweetream.sources.post_builder import MAX_ID, ParseContext
from tweetream.sources.replay.choices import choose
from tweetream.sources.replay.reader import FileReader

PARTS = (b"\n", b'"', b";", b",", b"[", b"}", b"\x00", b"\xff\xfe", b"NaN", b"\\ud800", b"sep=;\n", b"\r")


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(3)
        if kind == 0:
            changed[at : at + 1] = chance.randbytes(1)
        elif kind == 1:
            del changed[at : at + chance.randint(1, 30)]
        else:
            changed[at:at] = chance.choice(PARTS)
    return bytes(changed)


def test_no_damage_makes_the_reader_fail(tmp_path: Path) -> None:
    chance = random.Random(17)
    encode = msgspec.msgpack.Encoder().encode
    files = [export.file for export in EXPORTS]
    for _ in range(600):
        path = tmp_path / chance.choice(files)
        path.write_bytes(mutated((FOLDER / chance.choice(files)).read_bytes(), chance))
        columns = {"text": chance.choice(["text", "id", "x"])} if chance.random() < 0.2 else {}
        names = chance.choice([None, None, "id,x,text"])
        choices = choose(columns=columns, names=names, encoding=chance.choice([None, None, "cp1252", "utf-16"]))
        reader = FileReader(str(path), choices, warn=lambda line: None)
        try:
            for item in reader.items(ParseContext(1_800_000_000_000)):
                if item is not None and isinstance(item[2], Post):
                    assert encode(item[2]) and 0 < len(item[2].id) <= MAX_ID
            reader.said()
        except SourceError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
