"""The words of topics become few and valid rules of X, and a change of topics changes few of them."""

import itertools
import random

import pytest
from support.networks.x_language import LONGEST, BadRule, parse

from tweetream.matching import Matcher
from tweetream.sources.x.rules import MOST_RULES, Form, narrowed, plan, words_of

PLAIN, INDONESIAN, TWO = Form(), Form(("in",)), Form(("en", "in"))
FORMS = [PLAIN, INDONESIAN, TWO]


def matched(value: str, text: str, lang: str = "in") -> bool:
    return parse(value).matches({"text": text, "lang": lang})


def run(form: Form, wanted: set[str], there: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The rules at X after the plan. Each added rule is checked with X's grammar."""
    planned = plan(form, there, frozenset(wanted))
    after = {id: terms for id, terms in there.items() if id not in planned.delete}
    for terms in planned.add:
        parse(form.value(terms))
        after[f"{random.random()}"] = terms
    return after


@pytest.mark.parametrize("form", FORMS)
def test_words_phrases_and_operators_are_rules_that_x_takes_and_that_match_them(form: Form) -> None:
    words = {"macet", "dki jakarta", "or", "and", "not", "info_lancar", "2026", "crème", "jalan", "渋谷", "x" * 100}
    terms = frozenset(words)
    value = form.value(terms)
    assert form.terms(value) == terms
    for term in terms:
        assert matched(form.value([term]), f"Ya, {term.upper()}! kata orang"), term
        assert matched(value, f"Ya, {term}! kata orang"), term
    assert not matched(form.value(["dki jakarta"]), "jakarta dki")
    assert not matched(value, "kemacetan")


def test_a_language_stands_beside_all_words() -> None:
    assert INDONESIAN.value({"macet", "dki jakarta"}) == '("dki jakarta" OR macet) lang:in'
    assert TWO.value({"macet"}) == "(macet) (lang:en OR lang:in)"
    assert matched(TWO.value({"macet", "hujan"}), "hujan", "en") and not matched(TWO.value({"macet"}), "macet", "nl")
    with pytest.raises(BadRule):
        parse("lang:in")


def test_rules_of_another_form_are_known_as_such() -> None:
    for form in FORMS:
        for other in ["macet -is:retweet", "(macet) lang:nl", "a OR OR b", 'a OR "b', "", "b OR a", "macet lang:in"]:
            assert form.terms(other) is None, other
    assert plan(PLAIN, {"1": None, "2": frozenset({"a"})}, frozenset({"a"})) == ([], ["1"], frozenset())


def test_words_are_normalised_and_a_topic_of_every_post_is_named() -> None:
    tracks = {"a": ("#Macet", "DKI  Jakarta"), "b": ("*",), "c": ("macet", "*"), "d": ("@rina",)}
    assert words_of(tracks) == (frozenset({"macet", "dki jakarta"}), ["b", "c"])


@pytest.mark.parametrize(
    ("term", "clause"),
    [
        ("macet & tol", "macet tol"),
        ("macet AND jalan tol", '"jalan tol" macet'),
        ("macet -tol", "macet -tol"),
        ('macet -"jalan tol" -or', 'macet -"jalan tol" -"or"'),
        ("渋滞 & 2026 -é", '"2026" "渋滞" -"é"'),
        ("banjir* & tol", "tol"),
        ("macet -banjir*", "macet"),
        ("banjir*", "banjir"),
        ("*banjir* & *tol", "banjir tol"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_term_with_signs_is_one_part_of_a_rule_that_x_takes(form: Form, term: str, clause: str) -> None:
    terms, every = words_of({"a": (term, "hujan")})
    assert every == [] and form.value(terms - {"hujan"}) == form.value({"x"}).replace("x", clause)
    assert form.terms(form.value(terms)) == terms
    parse(form.value(terms))


@pytest.mark.parametrize("form", FORMS)
def test_x_sends_every_post_with_whole_words_that_a_topic_matches(form: Form) -> None:
    terms = ["a", "b & c", "a -b", 'c -"a b"', "a b & d", "d* & a", "b -d*", '"c d"', "d -a -b"]
    texts = [" ".join(words) for words in itertools.product("abcd", repeat=4)]
    for term in terms:
        (at_x,), _ = words_of({"t": (term,)})
        rule, match = parse(form.value([at_x])), Matcher({"t": (term,)}).match
        missed = [text for text in texts if match(text) and not rule.matches({"text": text, "lang": "in"})]
        assert missed == [], term


def test_terms_of_which_x_cannot_send_all_posts_are_said() -> None:
    tracks = {"a": ("banjir*", "macet", "tol* & padat"), "b": ("banjir* -banjir", "*"), "c": ("* -macet",)}
    assert words_of(tracks) == (frozenset({"banjir", "macet", "padat"}), ["b", "c"])
    assert narrowed(tracks) == [
        "topic a: X has no rule for parts of words as in 'banjir*'; it is asked for 'banjir' only",
        "topic b: X has no rule for parts of words as in 'banjir* -banjir'; it is not asked for",
    ]


@pytest.mark.parametrize("form", FORMS)
def test_thousands_of_words_fit_the_rules_that_x_allows(form: Form) -> None:
    words = {f"{'kata' * (number % 24)}{number}" for number in range(10_000)} | {"é" * 99, "渋" * 100}
    rules = run(form, words, {})
    assert frozenset().union(*rules.values()) == words
    assert len(rules) <= MOST_RULES and all(len(form.value(terms)) <= LONGEST for terms in rules.values())
    small = sorted(form.size(terms) for terms in rules.values())
    assert small[1] > LONGEST / 2, "all rules but one are more than half full"


@pytest.mark.parametrize("form", FORMS)
def test_a_change_of_topics_changes_few_rules_however_many_there_are(form: Form) -> None:
    chance = random.Random(7)
    wanted = {f"kata{number}" for number in range(1_000)}
    there = run(form, wanted, {})
    dense = len(there)
    assert run(form, wanted, there) == there, "no change, no write"
    for number in range(200):
        gone = chance.sample(sorted(wanted), chance.randrange(3))
        wanted = wanted - set(gone) | {f"baru{number}-{n}" for n in range(chance.randrange(3))}
        after = run(form, wanted, there)
        assert sorted(term for terms in after.values() for term in terms) == sorted(wanted), "each word once"
        assert len(after.items() - there.items()) <= 3 and len(there.items() - after.items()) <= 4
        there = after
    assert len(there) <= 2 * dense + 1


def test_rules_that_cover_a_word_twice_are_put_right() -> None:
    there = {"1": frozenset({"a", "b"}), "2": frozenset({"b", "c"}), "3": frozenset({"a", "b"})}
    after = run(PLAIN, {"a", "b", "c"}, there)
    assert sorted(term for terms in after.values() for term in terms) == ["a", "b", "c"]


def test_near_the_limit_rules_are_packed_again_and_words_without_room_are_named() -> None:
    words = {f"{number:04}{'x' * 90}" for number in range(40)}
    there = {str(number): frozenset({word}) for number, word in enumerate(sorted(words)[:20])}
    packed = plan(PLAIN, there, frozenset(words), most=5)
    assert len(packed.add) <= 5 and not packed.left_out and sorted(packed.delete) == sorted(there)
    assert frozenset().union(*packed.add) == words
    scarce = plan(PLAIN, {}, frozenset(words), most=3)
    assert len(scarce.add) == 3 and scarce.left_out == words - frozenset().union(*scarce.add)
    assert plan(PLAIN, {}, frozenset(words), most=0).left_out == words


def test_words_of_a_rejected_rule_go_into_separate_rules() -> None:
    words = frozenset("abcdefgh")
    planned = plan(PLAIN, {"1": frozenset("xy")}, words | set("xy"), split_limits=dict.fromkeys("abcd", 2))
    assert {frozenset("ab"), frozenset("cd")} < {*planned.add}
    assert frozenset().union(*planned.add) == words | set("xy")
