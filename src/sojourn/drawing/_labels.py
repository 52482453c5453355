"""The words on nodes and edges for the formats that are text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._measure import printable

if TYPE_CHECKING:
    from sojourn.drawing.graph import Edge, Node


def node_lines(node: Node) -> list[str]:
    """Return what stands in a node, line by line, the name first."""
    count = f" ({node.count:,})" if node.count is not None else ""
    lines = [printable(node.name) + count]
    if node.added and node.status:
        lines.append(f"counts as {printable(node.status)}")
    return lines + [printable(note) for note in node.notes]


def edge_text(edge: Edge) -> str:
    """Return what stands on an edge, in one line: steps, trigger, count, conditions, and whether it was inferred."""
    parts = [f"{', '.join(map(str, edge.steps))}:"] if edge.steps else []
    parts.append(printable(edge.trigger))
    if edge.count is not None:
        parts.append(f"×{edge.count:,}")
    if edge.conditions:
        parts.append(f"[{printable(', '.join(edge.conditions))}]")
    if edge.inferred:
        parts.append("(inferred)")
    return " ".join(part for part in parts if part)
