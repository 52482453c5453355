"""Rows of characters with a style each, for terminals."""

from __future__ import annotations

import unicodedata
from typing import Literal

Style = Literal["", "strong", "quiet", "taken", "current", "done", "error", "cancelled", "busy"]

_CODES: dict[Style, str] = {
    "strong": "1",
    "quiet": "2",
    "taken": "1;34",
    "current": "1;7;34",
    "done": "32",
    "error": "31",
    "cancelled": "2",
    "busy": "33",
}


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Canvas:
    """A page that is written on at any row and column, and then read as text."""

    def __init__(self) -> None:
        self._rows: list[list[tuple[str, Style]]] = []

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self._rows)

    @property
    def width(self) -> int:
        """The number of columns of the widest row."""
        return max((len(row) for row in self._rows), default=0)

    def put(self, row: int, column: int, text: str, style: Style = "") -> int:
        """Write a text over what is there; return the column after it."""
        while len(self._rows) <= row:
            self._rows.append([])
        line = self._rows[row]
        for character in text:
            cells = _cells(character)
            if not cells:
                if line and column:
                    line[column - 1] = (line[column - 1][0] + character, line[column - 1][1])
                continue
            while len(line) < column + cells:
                line.append((" ", ""))
            line[column] = (character, style)
            if cells > 1:
                line[column + 1] = ("", style)
            column += cells
        return column

    def text(self, *, colour: bool = False) -> str:
        """Return the page, with the escape sequences of a terminal if it shall have colours."""
        return "".join(_line(row, colour=colour) + "\n" for row in self._rows)


def _line(row: list[tuple[str, Style]], *, colour: bool) -> str:
    if not colour:
        return "".join(character for character, _ in row).rstrip()
    parts: list[str] = []
    now: Style = ""
    for character, style in row:
        if style != now:
            parts.append("\x1b[0m" * bool(now) + (f"\x1b[{_CODES[style]}m" if style else ""))
            now = style
        parts.append(character)
    return "".join(parts).rstrip() + "\x1b[0m" * bool(now)
