"""The picture around the graph: its size, the bands behind it, the lines under it, and which way it is turned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sojourn.drawing._geometry import Band, Box, Geometry
from sojourn.drawing._measure import printable, text_width
from sojourn.drawing._sizes import SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sojourn.drawing._geometry import PlacedEdge, PlacedMark, PlacedNode, Point, Stroke
    from sojourn.drawing._layout import Plan

MARK_RADIUS = 6.0

_MARGIN = 12.0
_BAND_PADDING = 8.0
_BAND_HEAD = 20.0
_FOOT_LINE = 17.0


def frame(
    plan: Plan, nodes: list[PlacedNode], edges: list[PlacedEdge], marks: list[PlacedMark]
) -> Geometry:
    """Return the finished geometry: turned, moved, framed."""
    extent = _extent(nodes, edges, marks)
    spans = _bands(plan)
    named = max((text_width(s, SIZES["band"], bold=True) for s, _, _ in spans), default=0.0)
    head = (_BAND_HEAD if plan.level else named + 20.0) if spans else 0.0
    edge_room = _MARGIN + (_BAND_PADDING if spans else 0.0)
    dx, dy = _MARGIN - extent.left, edge_room + head - extent.top
    size = (extent.width + 2 * _MARGIN, extent.height + head + 2 * edge_room)
    level = plan.level

    def move(at: Point) -> Point:
        x, y = round(at[0] + dx, 2), round(at[1] + dy, 2)
        return (x, y) if level else (y, x)

    def move_box(box: Box) -> Box:
        x, y = move((box.x, box.y))
        width, height = (box.width, box.height) if level else (box.height, box.width)
        return Box(x, y, round(width, 2), round(height, 2))

    width, height = size if level else size[::-1]
    notes = [text_width(printable(note), SIZES["foot"]) for note in plan.graph.notes]
    foot = (_MARGIN, height + 4.0)
    if notes:
        height += _FOOT_LINE * len(notes) + 4.0
        width = max(width, max(notes) * 1.05 + 2 * _MARGIN)
    return Geometry(
        plan.graph,
        round(width, 2),
        round(height, 2),
        tuple(replace(node, box=move_box(node.box)) for node in nodes),
        tuple(_moved_edge(edge, move, move_box) for edge in edges),
        tuple(_band(status, begin + dx, end + dx, size[1], level) for status, begin, end in spans),
        tuple(
            replace(
                m, disc=move(m.disc), stroke=_moved(m.stroke, move), head=_moved_head(m.head, move)
            )
            for m in marks
        ),
        (round(foot[0], 2), round(foot[1], 2)),
    )


def _extent(
    nodes: Iterable[PlacedNode], edges: Iterable[PlacedEdge], marks: Iterable[PlacedMark]
) -> Box:
    """Return the box around everything that was placed."""
    points: list[Point] = []
    for node in nodes:
        points += [(node.box.left - 1, node.box.top - 1), (node.box.right + 1, node.box.bottom + 1)]
    for edge in edges:
        points += [at for stroke in edge.strokes for at in stroke] + list(edge.head)
        if edge.label:
            points += [(edge.label.left, edge.label.top), (edge.label.right, edge.label.bottom)]
    points += [(mark.disc[0] - MARK_RADIUS, mark.disc[1]) for mark in marks]
    if not points:
        return Box(0.0, 0.0, 0.0, 0.0)
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def _bands(plan: Plan) -> list[tuple[str, float, float]]:
    """Return the statuses that several states stand for, and where their states begin and end along the flow."""
    groups: dict[str, list[int]] = {}
    for number, node in enumerate(plan.graph.nodes):
        if node.status and not node.final:
            groups.setdefault(node.status, []).append(plan.rank[number])
    spans: list[tuple[str, float, float]] = []
    for status, ranks in groups.items():
        first, last = 2 * min(ranks), 2 * max(ranks)
        if len(ranks) > 1:
            end = plan.start[last] + plan.length[last]
            spans.append((status, plan.start[first] - _BAND_PADDING, end + _BAND_PADDING))
    return sorted(spans, key=lambda span: span[1])


def _band(status: str, begin: float, end: float, across: float, level: bool) -> Band:
    """Return a band over the whole picture, its name at the edge where nothing else stands."""
    width = text_width(status, SIZES["band"], bold=True) * 1.05
    inset = _MARGIN / 2
    if level:
        box = Box((begin + end) / 2, across / 2, end - begin, across - 2 * inset)
        label = Box((begin + end) / 2, inset + 12.0, width, SIZES["band"])
    else:
        box = Box(across / 2, (begin + end) / 2, across - 2 * inset, end - begin)
        label = Box(inset + 10.0 + width / 2, begin + 14.0, width, SIZES["band"])
    return Band(status, _rounded(box), _rounded(label))


def _rounded(box: Box) -> Box:
    return Box(round(box.x, 2), round(box.y, 2), round(box.width, 2), round(box.height, 2))


def _moved(stroke: Stroke, move: Callable[[Point], Point]) -> Stroke:
    a, b, c, d = stroke
    return move(a), move(b), move(c), move(d)


def _moved_head(
    head: tuple[Point, Point, Point], move: Callable[[Point], Point]
) -> tuple[Point, Point, Point]:
    return move(head[0]), move(head[1]), move(head[2])


def _moved_edge(
    edge: PlacedEdge, move: Callable[[Point], Point], move_box: Callable[[Box], Box]
) -> PlacedEdge:
    return replace(
        edge,
        strokes=tuple(_moved(stroke, move) for stroke in edge.strokes),
        head=_moved_head(edge.head, move),
        label=move_box(edge.label) if edge.label else None,
    )
