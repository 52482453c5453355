"""Edges that lead back to their own node: frames on its side, one around the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._geometry import Box, PlacedEdge
from sojourn.drawing._layout import LOOP, loop_spreads
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

    From left to right they stand above the node with their labels above them; from top to bottom, to its right.
    """
    side = -1.0 if plan.level else 1.0
    result: list[PlacedEdge] = []
    reached = 0.0
    for number, spread in zip(plan.loops.get(node, ()), loop_spreads(plan, node), strict=True):
        text = plan.labels[number]
        along, across = plan.sides(text)
        peak = reached + LOOP - 4.0
        label_at = peak + 4.0 + across / 2
        label = Box(middle[0], middle[1] + side * (half[1] + label_at), along, across)
        origin = (middle[0], middle[1] + side * (half[1] + BORDER))
        loop = _loop(
            plan.graph.edges[number], text, origin, (spread, side * (peak - BORDER)), label
        )
        result.append(loop)
        reached += across + LOOP
    return result


def _loop(edge: Edge, text: Block, origin: Point, reach: Point, label: Box) -> PlacedEdge:
    """Return one loop: up from one side of the origin, over, under the label, and down to the other side."""
    width = edge_width(edge)
    length, breadth = head_size(width)
    spread, peak = reach
    x, y = origin
    up = 1.0 if peak > 0 else -1.0
    length = min(length, LOOP - 5.0)
    base = y + up * length
    top = y + peak
    roof = _roof((x - spread, x + spread), top, up)
    first, last = roof[0][0], roof[-1][-1]
    strokes = (line((x - spread, y), first), *roof, line(last, (x + spread, base)))
    head = ((x + spread, y), (x + spread - breadth, base), (x + spread + breadth, base))
    drawn = tuple(s for s in strokes if s[0] != s[3])
    return PlacedEdge(edge, drawn, head, width, label if text.rows else None, text)


def _roof(sides: Point, top: float, up: float) -> list[Stroke]:
    """Return the upper part of a loop, with round corners."""
    left, right = sides
    low = top - up * _RADIUS
    rise = _corner((left, low), (left, top), (left + _RADIUS, top))
    fall = _corner((right - _RADIUS, top), (right, top), (right, low))
    return [rise, line(rise[3], fall[0]), fall]


def _corner(start: Point, corner: Point, end: Point) -> Stroke:
    def toward(at: Point) -> Point:
        return at[0] + (corner[0] - at[0]) * _ROUND, at[1] + (corner[1] - at[1]) * _ROUND

    return start, toward(start), toward(end), end
