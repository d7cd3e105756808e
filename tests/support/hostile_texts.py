"""Families of texts made to cost much: a beginning, a part that is repeated, and an end."""

from typing import NamedTuple


class Family(NamedTuple):
    """Texts of any length of one form."""

    unit: str
    begin: str = ""
    end: str = ""

    def text(self, size: int) -> str:
        """The text of this form with about that many bytes."""
        return self.begin + self.unit * (size // len(self.unit.encode("utf-8", "surrogatepass"))) + self.end


FAMILIES = {
    "marks of two classes": Family("\u0301\u0316", "a"),
    "marks between invisible characters": Family("\u0316\u034f\u0301\u200d", "a"),
    "marks that decompose": Family("\u0f73", "a"),
    "half-width voice marks": Family("\uff9e\u0316", "a"),
    "tatweel that appears by folding": Family("\ufe71\ufcf2", "a"),
    "marks outside the basic plane": Family("\U0001d165\U0001e8d0", "a"),
    "one character of eighteen": Family("\ufdfa"),
    "folding to three characters": Family("\u0390\u1fb7"),
    "dots over i": Family("\u0307", "i", "İ"),
    "one long word": Family("a"),
    "one lengthened letter": Family("c", "ma", "et"),
    "lengthened pairs": Family("aaab"),
    "addresses": Family("https://t.co/a "),
    "one address": Family("a/", "https://example.org/"),
    "beginnings of addresses": Family("http://"),
    "www": Family("www."),
    "host without an end": Family("a.", "", "/"),
    "host of dashes": Family("a-", "", "/"),
    "hosts in a row": Family("a.com"),
    "at signs": Family("@"),
    "names in a row": Family("@a"),
    "name of dots": Family("a.", "@"),
    "name of hosts": Family("a.com.", "@", "b"),
    "name of accents": Family("aé", "@"),
    "number signs": Family("#"),
    "hashtags of capitals": Family("#AbC"),
    "capitals of one hashtag": Family("Ab", "#"),
    "capitals in a row": Family("A", "#", "b"),
    "underscores": Family("_", "b", "b"),
    "underscores and letters": Family("a_"),
    "digits": Family("9"),
    "entity of digits": Family("9", "&#", ";"),
    "entities": Family("&amp;"),
    "ampersands": Family("&"),
    "entities without an end": Family("&amp"),
    "quotes": Family('"'),
    "closing brackets of an address": Family(")", "https://example.org/"),
    "opening brackets of an address": Family("(", "https://example.org/", ")"),
    "abbreviations": Family("jl yg tdk "),
    "reduplicated": Family("rambu2 "),
    "families of emoji": Family("\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    "zero-width spaces in Thai": Family("\u200b", "ร", "ถ"),
    "Thai and zero-width spaces": Family("ร\u200b"),
    "Han": Family("渋滞"),
    "Han beside letters": Family("渋a"),
    "the beginning of a long phrase": Family("macet "),
    "the inside of a term": Family("anjir"),
    "lines": Family("\n"),
    "blanks": Family(" "),
    "formulas": Family(";="),
    "angle brackets": Family("<"),
    "lone surrogates": Family("\ud800"),
}
