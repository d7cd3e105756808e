"""Cells of CSV that no spreadsheet runs as a formula, whether it separates cells by commas, semicolons or tabs.

A cell that would be a formula gets an apostrophe before it, as on the page (`web/static/posts/csv.js`).
"""

import re

# A spreadsheet skips blanks, invisible characters and quotes before a formula, and knows full-width signs.
_SKIPPED = r'"\ufeff\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u2060'
_SIGN = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"[\s{_SKIPPED}]*{_SIGN}|[\t\r\n]")
# A spreadsheet that separates by semicolons or tabs starts a new cell after each of them and after each line end, also
# inside quotes. What is skipped holds no separator and is one class, so that the search takes linear time.
_INNER = re.compile(rf"([;\t\r\n](?:(?![\t\r\n])[\s{_SKIPPED}])*+)(?={_SIGN})")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*(?:[eE][+-]?[0-9]+)?")


def safe_cell(text: str) -> str:
    """The text as a cell that is no formula and holds none. A number stays as it is."""
    if _NUMBER.fullmatch(text):
        return text
    inner = _INNER.sub(r"\1'", text)
    return f"'{inner}" if _FORMULA.match(text) else inner
