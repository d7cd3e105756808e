"""The rule that goes before the exact one lets no text that matches be passed over, whatever its characters."""

import random
import unicodedata
from pathlib import Path

import pytest
from support.archives import batch, store
from support.kafka.deployment import entry

from tweetream.archive import search
from tweetream.archive.address import parse_address
from tweetream.archive.prefilter import Prefilter
from tweetream.archive.search import ArchiveReader
from tweetream.matching import Matcher
from tweetream.text import normalise

TRACKS = [
    ["macet"],
    ["*acet", "banji*"],
    ["jalan tol & macet", "tol -macet"],
    ["lancar_jaya", "渋滞"],
    ["渋滞 & tol", "jalán"],
    ["*"],
    ["* -macet"],
    ["5g", "y"],
]
PIECES = [
    "macet", "MACET", "#JalanTolMacet", "banjir", "BANJİR", "banjı̇r", "tol", "jalan tol", "jalan https://t.co/x tol",
    "渋滞", "渋\u200b滞", "ma\u00adcet", "ｍａｃｅｔ", "𝐦𝐚𝐜𝐞𝐭", "mac&#101;t", "t&ouml;l", "m\u0430cet", "tolª",
    "５ｇ", "5g", "⁵g", "jalán", "jala\u0301n", "lancar_jaya", "_lancar_jaya_", "ﬁ", "İ", "ı", "🚗", "…", "“tol”", "_",
    "%", "\\", "K", "ſ",
]  # fmt: skip


def texts() -> list[str]:
    chosen = random.Random(5)
    joints = ["", " ", " ", ".", "\n", "\u200d"]
    return [
        "".join(chosen.choice(PIECES) + chosen.choice(joints) for _ in range(chosen.randint(1, 4))) for _ in range(3000)
    ]


@pytest.mark.parametrize("track", TRACKS)
def test_each_text_that_matches_passes_and_most_others_do_not(track: list[str]) -> None:
    rule, match = Prefilter(track), Matcher({"": track}).match
    passed = [text for text in texts() if rule.passes(text)]
    assert {text for text in texts() if match(normalise(text))} <= set(passed)
    others = [f"lancar di kota nomor {n}" for n in range(100)]
    if "".join(track).isascii():
        others.append("hujan … 🌧 “lama”, déras")
    assert [text for text in others if rule.passes(text)] == (others if rule.every else [])


def test_every_character_that_becomes_ascii_or_vanishes_passes() -> None:
    rule = Prefilter(["macet"])
    for code in [*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200)]:
        character = chr(code)
        if "macet" in normalise(f"mac{character}et") or any(
            part.isascii() for part in normalise(character).replace(" ", "")
        ):
            assert rule.passes(character), f"{code:x} {unicodedata.name(character, '')}"


@pytest.mark.parametrize("track", TRACKS)
def test_a_database_applies_it(track: list[str], database_url: str) -> None:
    written = store(database_url)
    written.open()
    written.write(batch(entry(n, text=text) for n, text in enumerate(texts()[:500])))
    written.close()
    reader, rule = ArchiveReader(parse_address(database_url)), Prefilter(track)
    try:
        found, looks = dict[int, str](), 0
        last: int | None = 0
        while last is not None:
            last, some = reader.scan(rule, last, 2**63 - 1, 200)
            assert [key for key, _ in some] == sorted(key for key, _ in some) and not found.keys() & dict(some)
            found |= dict(some)
            looks += 1
        assert looks == 3
        match = Matcher({"": track}).match
        wanted = [text for text in texts()[:500] if match(normalise(text))]
        assert [text for text in found.values() if match(normalise(text))] == wanted
        assert [post.text for post in reader.by_keys(list(found))] == list(found.values())
    finally:
        reader.close()


def test_long_texts_come_in_more_looks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SCAN_BYTES", 2_000)
    written = store(f"sqlite:///{file}")
    written.open()
    written.write(batch(entry(n, text=f"macet {n} {'x' * 900}") for n in range(10)))
    written.close()
    reader, keys = ArchiveReader(parse_address(f"sqlite:///{file}")), list[int]()
    last: int | None = 0
    looks = 0
    while last is not None:
        last, found = reader.scan(Prefilter(["macet"]), last, 2**63 - 1, 5)
        keys += [key for key, _ in found]
        looks += 1
    reader.close()
    assert len(keys) == len(set(keys)) == 10 and keys == sorted(keys) and looks > 3
