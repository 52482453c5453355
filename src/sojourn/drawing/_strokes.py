"""Curves, and how thick they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.drawing._geometry import Point, Stroke
    from sojourn.drawing.graph import Edge

#: Half the border of a node: an arrow ends at its outer side.
BORDER = 0.75


def edge_width(edge: Edge) -> float:
    """Return how thick an edge is drawn."""
    if edge.count is not None:
        return 1.2 + 5.3 * edge.weight
    return {"taken": 3.0, "earlier": 2.2}.get(edge.mark, 1.5)


def head_size(width: float) -> tuple[float, float]:
    """Return the length and half the breadth of the arrow head for an edge of that width."""
    return 6.0 + 1.7 * width, 2.6 + 0.95 * width


def line(start: Point, end: Point) -> Stroke:
    """Return a straight line."""
    return start, start, end, end


def bend(start: Point, slope: float, end: Point, end_slope: float) -> Stroke:
    """Return the curve between two points that leaves and arrives with these slopes."""
    reach = (end[0] - start[0]) / 2
    return (
        start,
        (start[0] + reach, start[1] + slope * reach),
        (end[0] - reach, end[1] - end_slope * reach),
        end,
    )


def point(stroke: Stroke, t: float) -> Point:
    """Return the point of a curve at a parameter from 0 to 1."""
    a, b, c, d = stroke
    s = 1 - t
    weights = (s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t)
    return (
        sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
        sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
    )
