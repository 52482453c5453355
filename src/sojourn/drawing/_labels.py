"""The words on nodes and edges for the formats that are text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sojourn.drawing._measure import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.drawing.graph import Edge, Node

_STEPS_SHOWN = 4


def called(callback: str | Callable[..., object]) -> str:
    """Return what a condition is called; the same in every process, so without its address."""
    while isinstance(callback, partial):
        callback = callback.func
    if isinstance(callback, str):
        return callback
    return str(getattr(callback, "__name__", type(callback).__name__))


def step_words(edge: Edge) -> list[str]:
    """Return the numbers of the steps that took an edge; of many the first and the last."""
    words = [str(step) for step in edge.steps]
    if len(words) <= _STEPS_SHOWN:
        return words
    return [*words[: _STEPS_SHOWN - 1], f"…{words[-1]}"]


def node_lines(node: Node) -> list[str]:
    """Return what stands in a node, line by line, the name first."""
    count = f" ({node.count:,})" if node.count is not None else ""
    lines = [printable(node.name) + count]
    if node.added and node.status:
        lines.append(f"counts as {printable(node.status)}")
    return lines + [printable(note) for note in node.notes]


def edge_text(edge: Edge) -> str:
    """Return what stands on an edge, in one line: steps, trigger, count, conditions, and whether it was inferred."""
    parts = [f"{', '.join(step_words(edge))}:"] if edge.steps else []
    parts.append(printable(edge.trigger))
    if edge.count:
        parts.append(f"×{edge.count:,}")
    if edge.conditions:
        parts.append(f"[{printable(', '.join(edge.conditions))}]")
    if edge.inferred:
        parts.append("(inferred)")
    return " ".join(part for part in parts if part)
