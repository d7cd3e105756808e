"""Texts that become a formula in a CSV file, and the cells of a file that a spreadsheet would run."""

import csv
import io

CALC = "=cmd|'/c calc'!A1"
ATTACKS = [
    f'macet;"{CALC};x',
    f'macet\t"{CALC}\tx',
    f'macet,"{CALC},x',
    f'macet\n"{CALC}\nx',
    f'macet;""{CALC}',
    f'macet;" {CALC}',
    f'macet; "\u00a0"\u200b{CALC}',
    f'x;"\t"{CALC}',
    f'";{CALC}',
    f'a";"{CALC}',
    f'";";";{CALC}',
    f'x;"\r\n{CALC}',
    f"\x00{CALC}",
    *(
        f'{before}{sign}1+1"'
        for sign in "=+-@\uff1d\uff0b\uff0d\uff20"
        for before in ("", " ", '"', ";", '\t"', "a;\u3000")
    ),
]


def formulas(document: str, separator: str) -> list[str]:
    """The cells that a spreadsheet would run, with this separator."""
    cells = [cell for row in csv.reader(io.StringIO(document, newline=""), delimiter=separator) for cell in row]
    return [
        cell
        for cell in cells
        if cell.strip(' "\t\r\n\u00a0\u3000\u200b\x00')[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20")
    ]
