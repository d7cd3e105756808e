"""What a word is, and how a text is cleaned for the classifier."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetream.text import BadAbbreviations, Cleaner, Words, load_abbreviations, normalise, shorten
from tweetream.words.normal import _PART, _PARTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LANCAR... #Lancar lancar-lancar, (lancar)", "lancar lancar lancar lancar lancar"),
        ("lancar2 kelancaran info_lancar _lancar_ ____", "lancar2 kelancaran info_lancar lancar"),
        ("06.20 WIB Jl.Raya/Simpang", "06 20 wib jl raya simpang"),
        ("&gt;50m &amp; macet&lt;b salam&parade AT&T", "50m macet b salam parade at t"),
        ("jum'at", "jum at"),
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_words_are_runs_of_letters_digits_and_inner_underscores(text: str, words: str) -> None:
    assert normalise(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tol https://t.co/AbC1 macet", "tol macet"),
        ("tol https://t.co/AbC1,macet", "tol macet"),
        ("lancarHTTP://x.id/macet?a=b&c#d arah", "lancar arah"),
        ("lihat www.macet.id/x pic.twitter.com/macet detik.com/news/macet ya", "lihat ya"),
        ("詳細https://t.co/abcです", "詳細 です"),
        ("https://example.com/pathです", "です"),
    ],
)
def test_addresses_are_out_and_swallow_no_word_behind_them(text: str, words: str) -> None:
    assert normalise(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RT @macet_info: padat", "rt padat"),
        ("@macet@mastodon.social padat", "padat"),
        ("@macet.bsky.social, padat", "padat"),
        ("via @polisi.Macet di tol", "via macet di tol"),
        ("padat@macet", "padat"),
        ("\uff20macet padat", "padat"),
        ("padat @ semanggi", "padat semanggi"),
    ],
)
def test_names_are_out_however_a_network_writes_them(text: str, words: str) -> None:
    assert normalise(text) == words


@pytest.mark.parametrize("separator", ["\0", "\r", "\u2028", "\x85", "\x1c", "\u00a0", "…", "🚗", "\ud800"])
def test_odd_characters_separate_words_and_break_nothing(separator: str) -> None:
    assert normalise(f"macet{separator}parah") == "macet parah"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cafe\u0301", "café"),
        ("ＭＡＣＥＴ", "macet"),
        ("ma\u00adcet", "macet"),
        ("STRASSE", "straße"),
        ("𝗺𝗮𝗰𝗲𝘁", "macet"),
    ],
)
def test_two_ways_to_write_a_word_compare_equal(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize("word", ["हिन्दी", "สวัสดี"])
def test_combining_marks_do_not_split_a_word(word: str) -> None:
    assert " " not in normalise(word) and len(normalise(word)) == len(word)


@given(st.text(st.one_of(st.characters(), st.sampled_from("iİı\u0301\u0307\u0640#@_&/渋ร\u200b")), max_size=12))
def test_normalising_any_text_twice_is_normalising_it_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize("text", ["ı\u0301", "#Tol_Dalam… İstanbul ℡ ǅ", "Ａ_ _＠x&amp;amp; https://a.b", "ﬁ ﷺ ½ m² ΐ"])
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    "text",
    [
        "&#" + "9" * 60_000 + ";",
        "@" + "a." * 30_000,
        "a." * 30_000 + "/",
        "b" + "_" * 60_000 + "b",
        "@a" * 30_000,
        "a-" * 30_000 + "/",
        "@" + "a.com." * 10_000 + "b",
        "ma" + "c" * 60_000 + "et",
    ],
)
def test_a_hostile_text_of_64_kib_takes_no_time(text: str) -> None:
    """Stops a post made to send a pattern backtracking, or int() past its limit of digits."""
    start = time.process_time()
    Cleaner().clean(normalise(text))
    assert time.process_time() - start < 1


def test_lengthening_goes_and_rightful_doubles_stay() -> None:
    words = ["macettt", "bangeeet", "maaaf", "tunggguuu", "tunggu", "saat", "1111", "hmmmm"]
    assert [shorten(word) for word in words] == [
        "macet", "banget", "maaf", "tunggu", "tunggu", "saat", "1111", "hm",
    ]  # fmt: skip


def test_abbreviations_are_expanded_and_km_is_a_distance() -> None:
    clean = Cleaner().clean
    assert clean("jln gatsu mcet km 10 lalin pdt") == "jalan gatot subroto macet km 10 lalu lintas padat"
    assert clean("rambu2 lncrrr") == "rambu lancar"


def test_stop_words_stay() -> None:
    """Stop words tell a question or a memory from a report."""
    assert Cleaner().clean("kok macet di jalan itu") == "kok macet di jalan itu"
    assert Cleaner().clean("i was stuck on the road") == "i was stuck on the road"


def test_a_users_table_extends_the_shipped_one_and_wins(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text("# mine\n\nJl.\tjalur\r\nxyz\tTol Dalam\n", "utf-8")
    clean = Cleaner(load_abbreviations(path)).clean
    assert clean("jl xyz yg pdt") == "jalur tol dalam yang padat"


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"jl\tjalan\nno tab\n", 2), (b"\xff\n", 1), (b"#\n#\ntwo words\tx\n", 3), (b"jl\t\n", 1), (b"\tx\n", 1)],
)
def test_a_broken_table_names_its_file_and_line(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "own.tsv"
    path.write_bytes(content)
    with pytest.raises(BadAbbreviations) as error:
        load_abbreviations(path)
    assert str(error.value).startswith(f"{path}, line {line}: ") and "\n" not in str(error.value)


def test_a_missing_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadAbbreviations, match="No such file"):
        load_abbreviations(tmp_path / "none.tsv")


def test_the_memory_of_words_is_bounded() -> None:
    cleaner = Cleaner()
    cleaner._REMEMBERED = 10
    for number in range(100):
        assert cleaner.clean(f"kata{number}x macet") == f"kata{number}x macet"
    assert len(cleaner._known) <= 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@contoh渋滞 @contoh님 교통", "渋滞 님 교통"),
        ("@rina@mastodon.socialで渋滞 @rina@bücher.example ya", "で渋滞 ya"),
        ("@rina.bsky.socialで渋滞", "で渋滞"),
        ("@jalán", "jalán"),
        ("詳細www.example.com/abcです", "詳細 です"),
        ("詳細detik.com/abcです", "詳細 です"),
    ],
)
def test_a_mention_is_ascii_and_a_word_right_behind_it_is_kept(text: str, words: str) -> None:
    assert normalise(text) == words


def test_scripts_without_spaces_are_set_apart_from_other_letters_and_digits() -> None:
    assert normalise("Tokyoで3時間の渋滞_情報") == "tokyo で 3 時間の渋滞 情報"
    assert normalise("ស្ទះ\u200bចរាចរណ៍") == normalise("ស្ទះចរាចរណ៍")
    assert normalise("macet\u200bparah") == "macet parah"


def test_the_words_of_capitals_stand_beside_a_text_and_the_classifier_does_not_see_them() -> None:
    text = normalise("Parah #JakartaMacet!")
    assert text == "parah jakartamacet" and type(text) is Words and text.capitals.split() == ["jakarta", "macet"]
    assert Cleaner().clean(text) == Cleaner().clean(normalise("Parah #jakartamacet!"))
    assert type(normalise("#jakartamacet #Macet")) is str
    assert type(normalise("https://example.org/A?#JakartaMacet")) is str


@pytest.mark.parametrize(
    "text",
    [
        "macet parah di jalán ",
        "e\u0301 " + "\u0301" * 7 + " ",
        "首都高は渋滞している。事故です！",
        "#JakartaMacet di jalán &amp; ",
        "jalán https://example.com/" + "x" * 1_000 + "\n",
    ],
)
def test_a_long_text_has_the_words_of_its_parts(text: str) -> None:
    """Parts keep each call into C short, so that other threads run. They must cut no word."""
    once, long = normalise(text).split(), normalise(text * 1_000)
    assert long.split() == once * 1_000
    assert max(map(len, _PARTS.findall(text * 1_000))) <= _PART


def test_what_has_no_space_is_cut_somewhere() -> None:
    text = "é" * 5_000
    assert normalise(text).replace(" ", "") == text and len(normalise(text).split()) == -(-5_000 // _PART)


def test_of_a_word_of_64_kib_the_classifier_gets_what_it_looks_at() -> None:
    assert Cleaner().clean("#AbC" * 16_000) == ("#AbC" * 64) and Cleaner().clean("g" + "o" * 60_000) == "go"
