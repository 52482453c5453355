"""The words on nodes and edges, and the room they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sojourn.drawing._labels import step_words
from sojourn.drawing._measure import printable, shorten, text_width

if TYPE_CHECKING:
    from sojourn.drawing.graph import Edge, Node

Kind = Literal["name", "tag", "note", "count", "step", "trigger", "condition", "band", "foot"]

#: Font sizes in pixels, and which of them are semibold.
SIZES: dict[Kind, float] = {
    "name": 13.5,
    "tag": 9.0,
    "note": 10.5,
    "count": 10.5,
    "step": 9.0,
    "trigger": 11.5,
    "condition": 10.5,
    "band": 9.5,
    "foot": 11.0,
}
BOLD: frozenset[Kind] = frozenset({"count", "step", "tag", "band"})

_LONGEST = {"name": 40, "note": 44, "trigger": 32, "condition": 40}
_PILL = 5.0
_BETWEEN = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text in one style, and the width it takes, the pill around it included."""

    text: str
    kind: Kind
    width: float


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of text, centred under each other."""

    rows: tuple[tuple[Run, ...], ...]
    width: float
    height: float


def run(text: str, kind: Kind, *, bold: bool = False) -> Run:
    """Return a piece of text with its width; too long a text is shortened."""
    text = shorten(printable(text), _LONGEST.get(kind, 80))
    width = text_width(text, SIZES[kind], bold=bold or kind in BOLD)
    if kind in {"count", "step"}:
        width = max(width + 2 * _PILL, row_height(kind))
    return Run(text, kind, width)


def row_height(kind: Kind) -> float:
    """Return the height of a row of that kind, the space to the next one included."""
    return 14.0 if kind in {"step", "trigger"} else round(SIZES[kind] * 1.4, 1)


def height_of(row: tuple[Run, ...]) -> float:
    """Return the height of a row: that of its highest piece."""
    return max(row_height(piece.kind) for piece in row)


def row_width(row: tuple[Run, ...]) -> float:
    """Return the width of a row, the spaces between its pieces included."""
    return sum(piece.width for piece in row) + _BETWEEN * (len(row) - 1)


def offsets(row: tuple[Run, ...]) -> list[float]:
    """Return where the middle of every piece of a row stands, counted from the middle of the row."""
    at = -row_width(row) / 2
    result: list[float] = []
    for piece in row:
        result.append(at + piece.width / 2)
        at += piece.width + _BETWEEN
    return result


def _block(rows: list[tuple[Run, ...]]) -> Block:
    return Block(
        tuple(rows),
        max((row_width(row) for row in rows), default=0.0),
        sum(map(height_of, rows)),
    )


def node_block(node: Node) -> Block:
    """Return what stands in a node: its name and count, what it stands for, and its notes."""
    title = [run(node.name, "name", bold=True)]
    if node.count is not None:
        title.append(run(f"{node.count:,}", "count"))
    rows = [tuple(title)]
    if node.added and node.status:
        rows.append((run(f"counts as {node.status}", "note"),))
    rows += [(run(note, "note"),) for note in node.notes]
    return _block(rows)


def label_block(edge: Edge) -> Block:
    """Return what stands on an edge: its steps, its trigger and count, and its conditions."""
    bold = edge.mark == "taken"
    title = [run(word, "step") for word in step_words(edge)]
    words = f"{edge.trigger} ×{edge.count:,}" if edge.count else edge.trigger
    if words:
        title.append(run(words, "trigger", bold=bold))
    rows = [tuple(title)] if title else []
    if edge.conditions:
        rows.append((run(f"[{', '.join(edge.conditions)}]", "condition"),))
    return _block(rows)
