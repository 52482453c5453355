"""A graph as DOT text, for Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._labels import edge_text, node_lines
from sojourn.drawing._measure import printable

if TYPE_CHECKING:
    from sojourn.drawing.graph import Edge, Graph, Node

_COLOURS = {
    "plain": ("#64748b", "#f8fafc"),
    "active": ("#2563eb", "#eff6ff"),
    "done": ("#16a34a", "#f0fdf4"),
    "error": ("#dc2626", "#fef2f2"),
    "cancelled": ("#64748b", "#f8fafc"),
}


def dot(graph: Graph, direction: str) -> str:
    """Return a graph as a DOT digraph."""
    ids = {node.name: f"s{i}" for i, node in enumerate(graph.nodes)}
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        f"  graph [rankdir={direction}, bgcolor=transparent, tooltip={_quoted(graph.description or graph.name)}];",
        '  node [shape=box, style="rounded,filled", fontname="Inter,Helvetica,Arial,sans-serif"];',
        '  edge [color="#8592a8", fontname="Inter,Helvetica,Arial,sans-serif", fontsize=11];',
    ]
    lines += [f"  {ids[node.name]} {_node(node)};" for node in graph.nodes]
    for node in graph.nodes:
        if node.initial:
            lines.append(
                '  start [shape=circle, label="", width=0.15, style=filled, fillcolor="#64748b"];'
            )
            lines.append(f"  start -> {ids[node.name]};")
    lines += [
        f"  {ids[edge.source]} -> {ids[edge.dest]} {_edge(graph, edge)};" for edge in graph.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _node(node: Node) -> str:
    line, fill = _COLOURS[node.tone]
    facts = {
        "label": "\n".join(node_lines(node)),
        "tooltip": node.description or node.name,
        "color": line,
        "fillcolor": "#ffffff" if node.added else fill,
    }
    if node.mark == "current" and not node.final:
        facts |= {"fillcolor": "#2563eb", "fontcolor": "#ffffff"}
    if node.final:
        facts["peripheries"] = "2"
    if node.mark != "plain":
        facts["penwidth"] = "2.5"
    return _attributes(facts)


def _edge(graph: Graph, edge: Edge) -> str:
    facts = {"label": edge_text(edge), "tooltip": edge.description or edge_text(edge)}
    if edge.mark == "taken":
        facts |= {"color": "#2563eb", "fontcolor": "#2563eb", "penwidth": "3"}
    elif edge.mark == "earlier":
        facts |= {"color": "#6d8fe0", "penwidth": "2"}
    elif edge.count is not None:
        facts["penwidth"] = f"{1.2 + 5 * edge.weight:.2f}"
    if edge.inferred or edge.mark == "never":
        facts["style"] = "dashed"
    if (edge.source, edge.dest) in set(zip(graph.path, graph.path[1:], strict=False)):
        facts["weight"] = "8"
    return _attributes(facts)


def _attributes(facts: dict[str, str]) -> str:
    return f"[{', '.join(f'{name}={_quoted(value)}' for name, value in facts.items())}]"


def _quoted(text: str) -> str:
    """Return a text as a DOT string: escaped, its lines kept apart, entities left unread."""
    lines = [
        printable(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
        for line in text.split("\n")
    ]
    return '"' + "\\n".join(lines) + '"'
