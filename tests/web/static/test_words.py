"""What the page says: complete in each language, and in that language's own forms."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules
from support.browser.page_modules import STATIC

pytestmark = pytest.mark.node
EVERYTHING = """
import en from "./words-en.js";
import id from "./words-id.js";
const forms = (tag) => new Intl.PluralRules(tag).resolvedOptions().pluralCategories.sort();
console.log(JSON.stringify({ words: { en, id }, forms: { en: forms("en"), id: forms("id") } }));
"""
Words = dict[str, Any]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return page_modules.run(tmp_path_factory.mktemp("words"), EVERYTHING)


@pytest.fixture
def words(everything: dict[str, Any]) -> dict[str, Words]:
    return everything["words"]


def holes(entry: Any) -> set[str]:
    text = entry if isinstance(entry, str) else entry["other"]
    return set(re.findall(r"\{(\w+)\}", text))


def used_keys() -> dict[str, str]:
    """Each key that the page asks for by name, and a file that does."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        if path.suffix == ".html":
            keys = re.findall(r'\bdata-t(?:-\w+)?="([^"]*)"', path.read_text())
        elif path.suffix == ".js":
            keys = re.findall(r'(?<![\w.])t\(\s*"([^"]*)"', path.read_text())
        else:
            continue
        found.update(dict.fromkeys(keys, path.name))
    return found


def test_each_language_has_every_text_and_no_other(words: dict[str, Words]) -> None:
    assert words["en"]
    assert list(words["id"]) == list(words["en"]), "the same keys in the same order"


def test_a_text_has_the_same_holes_in_each_language(words: dict[str, Words]) -> None:
    assert {key: holes(entry) for key, entry in words["id"].items()} == {
        key: holes(entry) for key, entry in words["en"].items()
    }


def test_no_text_is_empty_or_left_in_english(words: dict[str, Words]) -> None:
    same = {"filter.label", "token.name"}  # the word is the same in both
    texts = [entry for language in words.values() for entry in language.values()]
    assert all(text.strip() for entry in texts for text in ([entry] if isinstance(entry, str) else entry.values()))
    assert {key for key, entry in words["id"].items() if entry == words["en"][key]} <= same


def test_a_text_that_counts_has_exactly_the_plural_forms_of_its_language(everything: dict[str, Any]) -> None:
    counting = {}
    for language, texts in everything["words"].items():
        plural = {key: entry for key, entry in texts.items() if not isinstance(entry, str)}
        assert all(sorted(entry) == everything["forms"][language] for entry in plural.values())
        for entry in plural.values():
            assert "n" in holes(entry)
            assert all(holes(text) <= holes(entry) for text in entry.values())
        counting[language] = set(plural)
    assert counting["en"] == counting["id"]


def test_every_text_that_the_page_asks_for_is_there(words: dict[str, Words]) -> None:
    missing = {key: name for key, name in used_keys().items() if key not in words["en"]}
    assert not missing


def test_what_looks_like_a_key_is_one(words: dict[str, Words]) -> None:
    """A key can also be handed on before it is asked for."""
    areas = "|".join({key.split(".")[0] for key in words["en"] if "." in key})
    ours = [path for path in STATIC.glob("*.js") if not path.name.startswith(("words-", "uPlot"))]
    found = {(key, path.name) for path in ours for key in re.findall(rf'"((?:{areas})\.\w+)"', path.read_text())}
    assert found and {key for key, _ in found} <= set(words["en"]), found


def test_a_key_that_is_put_together_has_texts_behind_it(words: dict[str, Words]) -> None:
    beginnings = {
        beginning: path.name
        for path in sorted(STATIC.glob("*.js"))
        for beginning in re.findall(r"(?<![\w.])t\(\s*`([^`$]*)\$\{", path.read_text())
    }
    assert not {b: name for b, name in beginnings.items() if not any(key.startswith(b) for key in words["en"])}


def test_a_text_is_said_in_the_language_chosen_with_its_plural_and_its_numbers(tmp_path: Path) -> None:
    said = page_modules.run(
        tmp_path,
        """
        import { has, list, number, relative, setLanguage, t } from "./words.js";
        const say = () => [
          t("topics.perMinute", { n: 1 }), t("topics.perMinute", { n: 1234 }),
          number(1234.5), relative(-5, "minute"), list(["a", "b"]),
          t("topics.delete", { name: "{n} $& <b>" }), t("no such key"), has("no such key"), has("toString"),
        ];
        setLanguage("en");
        const english = say();
        setLanguage("id");
        console.log(JSON.stringify({ english, indonesian: say() }));
        """,
    )
    odd = ["no such key", False, False]
    assert said["english"] == [
        *("1 post a minute", "1,234 posts a minute", "1,234.5", "5 min ago", "a and b"),
        *("Delete the topic {n} $& <b>", *odd),
    ]
    assert said["indonesian"] == [
        *("1 kiriman per menit", "1.234 kiriman per menit", "1.234,5", "5 mnt lalu", "a dan b"),
        *("Hapus topik {n} $& <b>", *odd),
    ]


def test_the_language_is_the_one_kept_or_else_the_first_that_the_browser_likes(tmp_path: Path) -> None:
    cases: list[tuple[list[str], str | None, str]] = [
        (["id-ID", "en"], None, "id"),
        (["in"], None, "id"),  # what Indonesian was called once, and old devices still say
        (["fr", "en-US", "id"], None, "en"),
        (["fr"], None, "en"),
        ([], None, "en"),
        (["en"], "id", "id"),
        (["id"], "xx", "id"),
        (["id"], "toString", "id"),
    ]
    script = f"""
    const define = (name, value) => Object.defineProperty(globalThis, name, {{ value, configurable: true }});
    const seen = [];
    for (const [at, [languages, kept]] of {json.dumps([case[:2] for case in cases])}.entries()) {{
      const store = new Map(kept ? [["tweetream-language", kept]] : []);
      const setItem = (key, value) => store.set(key, value);
      define("navigator", {{ languages }});
      define("localStorage", {{ getItem: (key) => store.get(key) ?? null, setItem }});
      define("document", {{ documentElement: {{ lang: "" }}, querySelectorAll: () => [] }});
      const {{ language, onLanguage, setLanguage }} = await import(`./words.js?${{at}}`);
      const before = [language(), document.documentElement.lang];
      const heard = [];
      onLanguage((now) => heard.push(now));
      const other = language() === "en" ? "id" : "en";
      setLanguage(other);
      setLanguage(other);
      const after = [language(), document.documentElement.lang, store.get("tweetream-language")];
      seen.push({{ before, after, heard }});
    }}
    console.log(JSON.stringify(seen));
    """
    other = {"en": "id", "id": "en"}
    assert page_modules.run(tmp_path, script) == [
        {"before": [spoken] * 2, "after": [other[spoken]] * 3, "heard": [other[spoken]]} for _, _, spoken in cases
    ]
