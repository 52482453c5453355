"""A graph as Mermaid text.

It is a flowchart and not a state diagram, because `stateDiagram-v2` cannot mark the edges that were taken.  Nodes have
ids of our own, and every label is quoted and its special characters are written as numeric entities: a state called
`end` or a `;` in a condition would otherwise become syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._labels import edge_text, node_lines

if TYPE_CHECKING:
    from sojourn.drawing.graph import Edge, Graph, Node

# Colours that can be read on a white and on a black page.
_CLASSES = {
    "plain": "fill:#f8fafc,stroke:#64748b,color:#1e293b",
    "active": "fill:#eff6ff,stroke:#2563eb,color:#1e293b",
    "added": "fill:#ffffff,stroke:#2563eb,color:#1e293b",
    "done": "fill:#f0fdf4,stroke:#16a34a,color:#1e293b",
    "error": "fill:#fef2f2,stroke:#dc2626,color:#1e293b",
    "cancelled": "fill:#f8fafc,stroke:#64748b,color:#1e293b",
    "visited": "stroke-width:3px",
    "current": "fill:#2563eb,stroke:#1d4ed8,color:#ffffff",
    "initial": "fill:#64748b,stroke:#64748b",
}


def mermaid(graph: Graph, direction: str) -> str:
    """Return a graph as a Mermaid flowchart."""
    ids = {node.name: f"s{i}" for i, node in enumerate(graph.nodes)}
    lines = [f"flowchart {direction}", f"    accTitle: {_escaped(graph.name)}"]
    links: list[str] = []
    lines += [f"    {ids[node.name]}{_shape(node)}:::{_style(node)}" for node in graph.nodes]
    for node in graph.nodes:
        if node.initial:
            lines.append("    start(( )):::initial")
            links.append(f"    start --> {ids[node.name]}")
    links += [_link(ids, edge) for edge in graph.edges]
    lines += links
    lines += _link_styles(graph, len(links) - len(graph.edges))
    for name, style in _CLASSES.items():
        lines.append(f"    classDef {name} {style}")
    visited = [ids[node.name] for node in graph.nodes if node.mark == "visited"]
    if visited:
        lines.append(f"    class {','.join(visited)} visited")
    return "\n".join(lines) + "\n"


def _link_styles(graph: Graph, before: int) -> list[str]:
    """Return a line for every look that a link has and plain ones have not; so many links stand before the edges."""
    looks: dict[str, list[str]] = {}
    for number, edge in enumerate(graph.edges, before):
        look = _look(edge)
        if look:
            looks.setdefault(look, []).append(str(number))
    return [f"    linkStyle {','.join(links)} {look}" for look, links in looks.items()]


def _look(edge: Edge) -> str:
    if edge.mark == "taken":
        return "stroke:#2563eb,stroke-width:4px"
    if edge.mark == "earlier":
        return "stroke:#6d8fe0,stroke-width:2.5px"
    return f"stroke-width:{1.5 + 5 * edge.weight:.1f}px" if edge.count else ""


def _shape(node: Node) -> str:
    """Return a node's label in its shape: rounded, or with double sides where nothing leaves."""
    label = "<br/>".join(_escaped(line) for line in node_lines(node))
    return f'[["{label}"]]' if node.final else f'("{label}")'


def _style(node: Node) -> str:
    if node.mark == "current" and not node.final:
        return "current"
    return "added" if node.added else node.tone


def _link(ids: dict[str, str], edge: Edge) -> str:
    arrow = "==>" if edge.mark == "taken" else "-->"
    if edge.inferred or edge.mark == "never":
        arrow = "-.->"
    label = _escaped(edge_text(edge))
    return (
        f"    {ids[edge.source]} {arrow}" + (f'|"{label}"|' if label else "") + f" {ids[edge.dest]}"
    )


def _escaped(text: str) -> str:
    """Return a text in which everything that Mermaid could read as syntax is a numeric entity."""
    return "".join(c if c.isalnum() or c in " _" else f"#{ord(c)};" for c in text)
