"""What the page marks in a post is what the server matched it by."""

import csv
import json
from pathlib import Path

import pytest
from support.browser import page_modules

from tweetream.cli.demo import SAMPLE
from tweetream.matching import Matcher
from tweetream.text import normalise

pytestmark = pytest.mark.node
TRACKS = (("jakarta",), ("macet", "lancar jaya"), ("#hujan", "traffic jam"), ("london", "rush hour"), ("info_lalin",))
NASTY = (
    "MACET! #macet, maceeet kemacetan _macet_ macet2 lancar, jaya lancar\njaya",
    "https://example.org/macet @macet user@macet.example www.macet.example/macet macet.com/macet",
    "ＭＡＣＥＴ ma\u00adcet mace\u200dt macet\u0301 \u202emacet\u202c macet&amp;hujan &#104;ujan",
    "lancar https://t.co/abc jaya; lancar @x jaya; lancar-jaya; lancarjaya; 🎉macet🎉 macet\u2028hujan\x00macet",
    "STRASSE straße ΟΔΟΣ οδος",
    "@" + "a-" * 5_000 + "macet",
    "İSTANBUL #İstanbul istanbul'da ıstanbul @istanbul @istanbulé",
    "@contoh渋滞 Tokyoで渋滞しています 首都高2車線 12車線 ﾀｸｼｰ",
    "วันนี้รถติดมาก สวัส\u200bดี ស្ទះចរាចរណ៍ណាស់ ဒီနေ့ကားပိတ်တယ် ມື້ນີ້ລົດຕິດຫຼາຍ",
    "#JakartaMacet #DKIJakarta #Tol_Macet #jakartamacet JakartaMacet",
    "kebanjirannya banjirnya kebanjir banjir-banjir",
    "زحـــام زحام 葛\U000e0100飾区",
    "macet" + "\u0301\u0316" * 100 + " hujan" + "\u0301" * 20,
)
WORLD = (
    ("istanbul",),
    ("İstanbul",),
    ("渋滞", "2車線"),
    ("タクシー",),
    ("รถติด", "สวัสดี"),
    ("ចរាចរណ៍",),
    ("ကားပိတ်",),
    ("ລົດຕິດ",),
    ("jakarta macet",),
    ("macet",),
    ("jakartamacet",),
    ("banjir*",),
    ("*banjir",),
    ("*banjir*",),
    ("زحام",),
    ("葛飾",),
    ("tokyo",),
)
SCRIPT = """
import { Marker } from "#page/posts/match.js";
const [tracks, texts] = %s;
const found = tracks.map((track) => {
  const marker = new Marker(track);
  return texts.map((text) => marker.ranges(text).map(([start, end]) => text.slice(start, end)));
});
console.log(JSON.stringify(found));
"""


def test_it_finds_something_exactly_where_the_server_does() -> None:
    with Path(str(SAMPLE)).open(newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)] + list(NASTY)
    tracks = [*TRACKS, ("strasse", "οδός", "οδος"), *WORLD]
    marked = page_modules.run(SCRIPT % json.dumps([tracks, texts]))
    matcher = Matcher({number: track for number, track in enumerate(tracks)})  # type: ignore[misc]
    told = [
        (number, text)
        for number in range(len(tracks))
        for text, words in zip(texts, marked[number], strict=True)
        if bool(words) != (number in matcher.match(normalise(text)))
    ]
    assert told == []
    assert sum(bool(words) for words in marked[0]) > 20


def test_what_it_marks_are_the_words_themselves() -> None:
    marked = page_modules.run(SCRIPT % json.dumps([[("macet", "lancar jaya")], list(NASTY[:1] + NASTY[3:4])]))
    assert marked == [
        [
            ["MACET", "macet", "macet", "lancar, jaya", "lancar\njaya"],
            ["lancar", "jaya", "lancar", "jaya", "lancar-jaya", "macet", "macet", "macet"],
        ]
    ]


def test_of_a_term_with_signs_it_marks_what_the_term_wants() -> None:
    tracks = [("macet & tol",), ('"jalan tol" -macet',), ("banjir*", "渋滞"), ("#JakartaMacet", "macet")]
    texts = ["Tol ini macet", "jalan, tol; macet", "Banjirnya di 首都高の渋滞", "#JakartaMacet #TolMacet"]
    marked = page_modules.run(SCRIPT % json.dumps([tracks, texts]))
    assert [words[number] for number, words in enumerate(marked)] == [
        ["Tol", "macet"],
        ["jalan, tol"],
        ["Banjir", "渋滞"],
        ["JakartaMacet", "Macet"],
    ]
