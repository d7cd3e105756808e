"""X's rule language, as its owners document it: valid rules, and the posts that they match.

Limits: keywords, phrases, hashtags, `lang:`, `is:`, `has:`, `from:`, OR, AND, negation and parentheses. Punctuation,
symbols and spaces separate the words of a text. This module is independent of tweetream.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

LONGEST = 1024
_TOKEN = re.compile(r'\s*(?:(?P<quote>-?"(?P<phrase>[^"]*)"(?:~\d)?)|(?P<open>-?\()|(?P<close>\))|(?P<word>[^\s()"]+))')
_KEYWORD = re.compile(r"-?[^\W_]+")
_HASHTAG = re.compile(r"-?[#@$]\w+")
_OPERATOR = re.compile(r"-?(lang|is|has|from|sample):([\w]+)")
_NEED_OTHERS = ("lang", "is", "has", "sample")
Post = Mapping[str, Any]


class BadRule(ValueError):
    """X's error message for a rule."""


class Node(NamedTuple):
    """Part of a rule. `alone`: it needs no other part."""

    matches: Callable[[Post], bool]
    alone: bool


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def parse(rule: str) -> Node:
    """Parse a rule. Raises BadRule."""
    if not rule.strip():
        raise BadRule("Rule must not be empty")
    if len(rule) > LONGEST:
        raise BadRule(f"Rule is {len(rule)} characters long, {LONGEST} are allowed")
    if rule.count('"') % 2:
        raise BadRule("missing quote")
    tokens: list[re.Match[str]] = []
    end = 0
    while rest := rule[end:].strip():
        found = _TOKEN.match(rule, end)
        if found is None:
            raise BadRule(f"no viable alternative at input {rest[:20]!r}")
        tokens.append(found)
        end = found.end()
    tokens.reverse()
    node = _either(tokens)
    if tokens:
        raise BadRule(f"extraneous input {tokens[-1][0].strip()!r}")
    if not node.alone:
        raise BadRule("Rules must contain at least one standalone operator in each clause")
    return node


def _either(tokens: list[re.Match[str]]) -> Node:
    nodes = [_all(tokens)]
    while tokens and tokens[-1]["word"] == "OR":
        tokens.pop()
        nodes.append(_all(tokens))
    return Node(lambda post: any(node.matches(post) for node in nodes), all(node.alone for node in nodes))


def _all(tokens: list[re.Match[str]]) -> Node:
    nodes = []
    while tokens and not tokens[-1]["close"] and tokens[-1]["word"] != "OR":
        nodes.append(_one(tokens))
    if not nodes:
        raise BadRule("an operator is missing beside OR, or in parentheses")
    return Node(lambda post: all(node.matches(post) for node in nodes), any(node.alone for node in nodes))


def _one(tokens: list[re.Match[str]]) -> Node:
    token = tokens.pop()
    negated = token[0].strip().startswith("-")
    if token["open"]:
        node = _either(tokens)
        if not tokens or not tokens.pop()["close"]:
            raise BadRule("missing ')'")
    elif token["quote"]:
        node = _phrase(token["phrase"])
    else:
        node = _word(token["word"])
    if negated:
        return Node(lambda post: not node.matches(post), False)
    return node


def _phrase(phrase: str) -> Node:
    wanted = words(phrase)
    if not wanted:
        raise BadRule("a phrase is empty")

    def matches(post: Post) -> bool:
        there = words(post["text"])
        return any(there[at : at + len(wanted)] == wanted for at in range(len(there)))

    return Node(matches, True)


def _word(word: str) -> Node:
    bare = word.removeprefix("-")
    if bare.lower() in ("and", "or", "not"):
        raise BadRule(f"Ambiguous use of {bare} as a keyword")
    if found := _OPERATOR.fullmatch(word):
        name, value = found.groups()
        field = {"lang": "lang", "from": "author"}.get(name, name)
        return Node(lambda post: str(post.get(field, "")).lower() == value.lower(), name not in _NEED_OTHERS)
    if _HASHTAG.fullmatch(word):
        return Node(lambda post: bare.lower() in re.findall(r"[#@$]\w+", post["text"].lower()), True)
    if not _KEYWORD.fullmatch(word):
        raise BadRule(f"{word!r} is no keyword; put what holds punctuation in quotes")
    return Node(lambda post: bare.casefold() in words(post["text"]), True)
