"""How wide a text is, without asking any font file.

The widths are those of Inter, which the wheel ships for PNG and which the style sheet names first.  Other fonts of
its kind are a little narrower or wider; the layout leaves room for that.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Advance widths of U+0020 to U+007E in thousandths of the font size.
# fmt: off
_MEDIUM = (
    267, 304, 495, 639, 646, 993, 653, 313, 369, 369, 521, 667, 303, 462, 303, 370, 646, 415, 616, 627, 656, 603,
    630, 571, 629, 630, 303, 315, 667, 667, 667, 527, 982, 709, 657, 733, 722, 603, 589, 748, 745, 272, 575, 688,
    565, 913, 756, 767, 642, 769, 648, 646, 653, 740, 709, 1003, 701, 696, 641, 369, 370, 369, 477, 463, 337, 568,
    618, 577, 618, 587, 379, 620, 602, 252, 252, 559, 252, 888, 602, 604, 618, 618, 387, 539, 340, 602, 575, 829,
    557, 575, 559, 440, 346, 440, 667,
)
_SEMIBOLD = (
    252, 321, 523, 644, 650, 1004, 663, 326, 373, 373, 540, 673, 319, 465, 319, 379, 660, 423, 623, 636, 666, 612,
    640, 576, 640, 640, 319, 329, 673, 673, 673, 543, 999, 728, 659, 737, 722, 605, 588, 749, 746, 277, 580, 703,
    565, 922, 759, 769, 645, 773, 652, 650, 660, 736, 728, 1020, 720, 713, 652, 373, 379, 373, 481, 469, 351, 574,
    624, 583, 624, 591, 389, 625, 612, 262, 262, 569, 262, 900, 612, 609, 624, 624, 397, 549, 353, 612, 587, 839,
    569, 588, 566, 455, 359, 455, 673,
)
# fmt: on
_OTHER = {
    "·": 310,
    "…": 940,
    "→": 960,
    "×": 670,
    "–": 500,
    "—": 1000,
    "ø": 610,
    "æ": 960,
    "œ": 980,
    "ß": 610,
}
_UNKNOWN = 720
_WIDE = 1000


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text in pixels, at a font size in pixels."""
    table = _SEMIBOLD if bold else _MEDIUM
    return sum(_advance(character, table) for character in text) * size / 1000


def _advance(character: str, table: tuple[int, ...]) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return table[code - 32]
    if character in _OTHER:
        return _OTHER[character]
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    base = unicodedata.normalize("NFD", character)[0]
    return table[ord(base) - 32] if 32 <= ord(base) < 127 else _UNKNOWN


def shorten(text: str, limit: int) -> str:
    """Return the text cut to a number of characters, an ellipsis telling that it was."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def printable(text: str) -> str:
    """Return the text with what XML, terminals or readers cannot bear replaced by the replacement character.

    These are control characters, line breaks among them, surrogates, unassigned code points, and the marks that
    turn the direction of writing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if unicodedata.category(c) not in _UNBEARABLE else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


_UNBEARABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
