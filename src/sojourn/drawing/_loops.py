"""Edges that lead back to their own node: frames on its side, one around the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._geometry import Box, PlacedEdge
from sojourn.drawing._layout import LABEL_PADDING, LOOP, loop_spreads
from sojourn.drawing._strokes import BORDER, edge_width, head_size, line

if TYPE_CHECKING:
    from sojourn.drawing._geometry import Point, Stroke
    from sojourn.drawing._layout import Plan
    from sojourn.drawing._sizes import Block
    from sojourn.drawing.graph import Edge

_RADIUS = 7.0
# How far a cubic curve's control points stand from its ends when it draws a quarter of a circle.
_ROUND = 0.5523


def place_loops(plan: Plan, node: int, middle: Point, half: Point) -> list[PlacedEdge]:
    """Return the loops of a node, along and across the flow.

    From left to right they stand above the node, and the label interrupts them; from top to bottom they stand to
    its right, and the label stands beside them.
    """
    side = -1.0 if plan.level else 1.0
    result: list[PlacedEdge] = []
    reached = 0.0
    for number, spread in zip(plan.loops.get(node, ()), loop_spreads(plan, node), strict=True):
        text = plan.labels[number]
        along, across = plan.sides(text)
        peak = reached + (LOOP - 2.0 + across / 2 if plan.level else LOOP - 4.0)
        label_at = peak if plan.level else peak + 4.0 + across / 2
        label = Box(middle[0], middle[1] + side * (half[1] + label_at), along, across)
        origin = (middle[0], middle[1] + side * (half[1] + BORDER))
        loop = _loop(
            plan.graph.edges[number], text, origin, (spread, side * (peak - BORDER)), label
        )
        result.append(loop)
        reached += across + LOOP
    return result


def _loop(edge: Edge, text: Block, origin: Point, reach: Point, label: Box) -> PlacedEdge:
    """Return one loop: up from one side of the origin, over, and down to the other side."""
    width = edge_width(edge)
    length, breadth = head_size(width)
    spread, peak = reach
    x, y = origin
    up = 1.0 if peak > 0 else -1.0
    length = min(length, LOOP - 5.0)
    base = y + up * length
    top = y + peak
    roof = _roof((x - spread, x + spread), top, up, label if text.rows else None)
    first, last = roof[0][0], roof[-1][-1]
    strokes = (line((x - spread, y), first), *roof, line(last, (x + spread, base)))
    head = ((x + spread, y), (x + spread - breadth, base), (x + spread + breadth, base))
    drawn = tuple(s for s in strokes if s[0] != s[3])
    return PlacedEdge(edge, drawn, head, width, label if text.rows else None, text)


def _roof(sides: Point, top: float, up: float, label: Box | None) -> list[Stroke]:
    """Return the upper part of a loop, with a gap for the label if that stands on it."""
    left, right = sides
    on_top = label is not None and label.top < top < label.bottom
    if label is not None and on_top and label.width / 2 + LABEL_PADDING > right - label.x - _RADIUS:
        under = label.bottom if up < 0 else label.top
        at = under - up
        return [line((left, at), (left, at)), line((right, at), (right, at))]
    radius = _RADIUS
    low = top - up * radius
    rise = _corner((left, low), (left, top), (left + radius, top))
    fall = _corner((right - radius, top), (right, top), (right, low))
    if label is None or not on_top:
        return [rise, line(rise[3], fall[0]), fall]
    gap = label.width / 2 + LABEL_PADDING
    before = line(rise[3], (label.x - gap, top))
    return [rise, before, line((label.x + gap, top), fall[0]), fall]


def _corner(start: Point, corner: Point, end: Point) -> Stroke:
    def toward(at: Point) -> Point:
        return at[0] + (corner[0] - at[0]) * _ROUND, at[1] + (corner[1] - at[1]) * _ROUND

    return start, toward(start), toward(end), end
