"""A graph for a terminal.

The happy path is one line, and everything that leaves it hangs from it; a state beside the path follows with what
leaves it.  Where that line would be too long, every state is listed with what leaves it instead.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sojourn.drawing._canvas import Canvas, Style, columns
from sojourn.drawing._labels import edge_text, node_lines
from sojourn.drawing._measure import printable

if TYPE_CHECKING:
    from sojourn.drawing.graph import Edge, Graph, Node

WIDTH = 100

_LINES = {"plain": "─", "taken": "━", "earlier": "═", "never": "┄"}


def text(graph: Graph, direction: str = "LR", *, colour: bool = False, width: int = WIDTH) -> str:
    """Return a graph as lines of text.

    Args:
        graph: What to draw.
        direction: "LR" for the happy path in one line, "TB" for a list of states.
        colour: Whether to colour it with the escape sequences of terminals.
        width: How many columns there are; a list of states is drawn where the happy path takes more.
    """
    canvas = _strip(graph) if direction == "LR" and graph.path else None
    if canvas is None or canvas.width > width:
        canvas = _list(graph)
    for note in graph.notes:
        canvas.put(canvas.height, 0, printable(note), "quiet")
    return canvas.text(colour=colour)


def node_style(node: Node) -> Style:
    """Return how a node is coloured."""
    if node.mark == "current" and not node.final:
        return "current"
    if node.heat >= 0.5:
        return "busy"
    if node.tone == "done" or node.tone == "error" or node.tone == "cancelled":  # noqa: PLR1714  # a set would not narrow
        return node.tone
    return "taken" if node.mark == "visited" else "strong"


def _edge_style(edge: Edge) -> Style:
    return "taken" if edge.mark == "taken" else "quiet" if edge.mark == "never" else ""


def _name(node: Node) -> str:
    name = node_lines(node)[0]
    name = f"[{name}]" if node.mark == "current" else name
    return f"◎ {name}" if node.final else name


def _stroke(edge: Edge) -> str:
    return "╌" if edge.inferred else _LINES[edge.mark]


def _arrow(edge: Edge, extra: int = 0) -> str:
    """Return an edge with its label on it, and some more line."""
    stroke = _stroke(edge)
    label = edge_text(edge).removesuffix(" (inferred)")
    return f"{stroke * (2 + extra)}{label}{stroke}▶"


def _list(graph: Graph) -> Canvas:
    """List every state with what leaves it: stage after stage, in each the happy path first."""
    canvas = Canvas()
    rest = [node for node in graph.nodes if node.name not in graph.path]
    listed = [*(graph.node(name) for name in graph.path), *rest]
    for node in sorted(listed, key=lambda node: (not node.initial, node.stage)):
        at = canvas.put(canvas.height, 0, "● " if node.initial else "")
        at = canvas.put(canvas.height - 1, at, _name(node), node_style(node))
        _notes_after(canvas, at, node)
        _hang(canvas, graph, [edge for edge in graph.edges if edge.source == node.name])
    return canvas


def _notes_after(canvas: Canvas, at: int, node: Node) -> None:
    notes = node_lines(node)[1:]
    if notes:
        canvas.put(canvas.height - 1, at, "  " + " · ".join(notes), "quiet")


def _hang(canvas: Canvas, graph: Graph, edges: list[Edge]) -> None:
    for edge in edges:
        corner = "╰" if edge is edges[-1] else "├"
        at = canvas.put(canvas.height, 2, corner)
        at = canvas.put(canvas.height - 1, at, _arrow(edge), _edge_style(edge))
        dest = graph.node(edge.dest)
        canvas.put(canvas.height - 1, at + 1, _name(dest), node_style(dest))


def _strip(graph: Graph) -> Canvas:
    """Draw the happy path as one line, and under it what leaves it."""
    canvas = Canvas()
    steps = _steps(graph)
    starts = _path_line(canvas, graph, steps)
    on_path = {id(edge) for edge in steps}
    buses: dict[tuple[object, ...], list[Edge]] = {}
    twins: Counter[tuple[object, ...]] = Counter()
    for edge in graph.edges:
        if edge.source in starts and id(edge) not in on_path:
            key = (edge.dest, edge_text(edge), edge.mark, edge.inferred)
            buses.setdefault((*key, twins[edge.source, key]), []).append(edge)
            twins[edge.source, key] += 1
    # The row that begins furthest to the right comes first, so no label stands where a line has to pass.
    reach = [max(starts[edge.source] for edge in bus) for bus in buses.values()]
    order = sorted(zip(reach, buses.values(), strict=True), key=lambda pair: -pair[0])
    _bus_rows(canvas, graph, starts, [bus for _, bus in order])
    for node in graph.nodes:
        leaving = [edge for edge in graph.edges if edge.source == node.name]
        shown = any(edge.dest == node.name for edge in graph.edges)
        if node.name not in starts and (leaving or not shown or node_lines(node)[1:]):
            at = canvas.put(canvas.height, 0, "● " if node.initial else "")
            at = canvas.put(canvas.height - 1, at, _name(node), node_style(node))
            _notes_after(canvas, at, node)
            _hang(canvas, graph, leaving)
    return canvas


def _steps(graph: Graph) -> list[Edge]:
    """Return the edges of the happy path."""
    steps: list[Edge] = []
    for pair in zip(graph.path, graph.path[1:], strict=False):
        edge = next((e for e in graph.edges if (e.source, e.dest) == pair), None)
        if edge is not None:
            steps.append(edge)
    return steps


def _path_line(canvas: Canvas, graph: Graph, steps: list[Edge]) -> dict[str, int]:
    """Write the path with the notes under the names; return the column under every name where things hang."""
    hooks: dict[str, int] = {}
    at = canvas.put(0, 0, "●─▶ " if graph.node(graph.path[0]).initial else "")
    for number, name in enumerate(graph.path):
        node = graph.node(name)
        lines = node_lines(node)
        start = at
        at = canvas.put(0, at, _name(node), node_style(node))
        hooks[name] = start + (at - start - 1) // 2
        for row, note in enumerate(lines[1:], 1):
            canvas.put(row, start, note, "quiet")
        if number < len(steps):
            edge = steps[number]
            needed = max((columns(note) for note in lines[1:]), default=0) + 2
            extra = max(0, start + needed - (at + 1 + columns(_arrow(edge)) + 1))
            at = canvas.put(0, at + 1, _arrow(edge, extra), _edge_style(edge)) + 1
    return hooks


def _bus_rows(canvas: Canvas, graph: Graph, hooks: dict[str, int], buses: list[list[Edge]]) -> None:
    """Draw a row for every group of edges: a line that collects them, and where they lead."""
    top = canvas.height
    last = {edge.source: top + row for row, bus in enumerate(buses) for edge in bus}
    for number, bus in enumerate(buses):
        row = top + number
        style = _edge_style(bus[0])
        taking = sorted(hooks[edge.source] for edge in bus)
        at = canvas.put(row, taking[-1] + 1, _arrow(bus[0]), style)
        dest = graph.node(bus[0].dest)
        for column in range(taking[0], taking[-1]):
            canvas.put(row, column, _stroke(bus[0]), style)
        for source, column in hooks.items():
            if last.get(source, -1) >= row:
                joins = column in taking
                canvas.put(
                    row,
                    column,
                    _joint(joins, column == taking[0], last[source] == row),
                    style if joins else "",
                )
        canvas.put(row, at + 1, _name(dest), node_style(dest))


def _joint(joins: bool, first: bool, last: bool) -> str:
    """Return the character where a row meets a column."""
    if not joins:
        return "│"
    if first:
        return "╰" if last else "├"
    return "┴" if last else "┼"
