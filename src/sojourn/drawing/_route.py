"""From places to curves: ports, smooth edges, arrow heads, gaps under the labels.

All of it is done along and across the flow, and turned at the very end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sojourn.drawing._frame import MARK_RADIUS, frame
from sojourn.drawing._geometry import Box, PlacedEdge, PlacedMark, PlacedNode
from sojourn.drawing._layout import Direction, plan
from sojourn.drawing._loops import place_loops
from sojourn.drawing._strokes import BORDER, bend, edge_width, head_size, line

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from sojourn.drawing._geometry import Geometry, Point, Stroke
    from sojourn.drawing._layout import Plan
    from sojourn.drawing.graph import Graph

K = TypeVar("K")

_MARK_LINE = 28.0
# How far a lane may lean within a layer without coming close to what stands beside it.
_LEAN = 4.0


def lay_out(graph: Graph, direction: Direction = "LR") -> Geometry:
    """Lay a graph out.

    The same graph gives the same geometry, always.

    Args:
        graph: What to lay out.
        direction: "LR" from left to right, "TB" from top to bottom.

    Raises:
        ValueError: The direction is neither.
    """
    if direction not in {"LR", "TB"}:
        raise ValueError(
            f"graph {graph.name!r} cannot be drawn in the direction {direction!r}; known are LR, TB"
        )
    return _Router(plan(graph, direction)).geometry()


class _Router:
    """Turns one plan into geometry."""

    def __init__(self, laid: Plan) -> None:
        self.plan = laid
        self.graph = laid.graph
        self.web = laid.web
        self.vertex = {v.node: i for i, v in enumerate(self.web.vertices) if v.node is not None}
        self.half = [self._half(i) for i in range(len(self.graph.nodes))]
        self.leaving: dict[tuple[int, int], float] = {}
        self.arriving: dict[tuple[int, Hashable], float] = {}
        for node in range(len(self.graph.nodes)):
            self._set_ports(node)
        self.slope = [self._lean(v) for v in range(len(self.web.vertices))]

    def _half(self, node: int) -> Point:
        """Return half the size of a node, along and across; the nodes of one column are equally wide."""
        vertex = self.web.vertices[self.vertex[node]]
        column = self.plan.length[vertex.layer]
        along = column if self.plan.level and column <= 1.6 * vertex.length else vertex.length
        return along / 2, min(vertex.lead, vertex.trail)

    def _middle(self, node: int) -> Point:
        vertex = self.vertex[node]
        return self.plan.middle(self.web.vertices[vertex].layer), self.plan.across[vertex]

    # ---- ports

    def _arrival(self, edge: int) -> Hashable:
        """Return what edges share that arrive at one port: the trigger, unless they run against the flow."""
        return edge if self.plan.turned(edge) else self.graph.edges[edge].trigger

    def _set_ports(self, node: int) -> None:
        """Spread the ends of edges over the two sides of a node, in the order in which they come."""
        vertex = self.vertex[node]
        after: dict[int, list[float]] = {v: [self.plan.across[v]] for v in self.web.below[vertex]}
        happy_after = {v for v in after if (vertex, v) in self.web.happy}
        for v, port in self._spread(node, after, happy_after).items():
            self.leaving[vertex, v] = port
        before: dict[Hashable, list[float]] = {}
        happy_before: set[Hashable] = set()
        for number, chain in enumerate(self.web.chains):
            if chain and chain[-1] == vertex:
                key = self._arrival(number)
                before.setdefault(key, []).append(self.plan.across[chain[-2]])
                if (chain[-2], vertex) in self.web.happy:
                    happy_before.add(key)
        for key, port in self._spread(node, before, happy_before).items():
            self.arriving[vertex, key] = port

    def _spread(self, node: int, ends: Mapping[K, list[float]], happy: set[K]) -> dict[K, float]:
        """Return for every end how far from the middle of the side it stands; the happy path stands there itself."""
        order = sorted(ends, key=lambda key: sum(ends[key]) / len(ends[key]))
        if not order:
            return {}
        middle = self._middle(node)[1]
        level = [i for i, key in enumerate(order) if key in happy] or [
            i for i, key in enumerate(order) if abs(sum(ends[key]) / len(ends[key]) - middle) < 0.5
        ]
        centre = level[0] if level else (len(order) - 1) / 2
        most = max(centre, len(order) - 1 - centre, 1)
        step = min((self.half[node][1] - 7.0) / most, 10.0 if self.plan.level else 22.0)
        return {key: (i - centre) * step for i, key in enumerate(order)}

    # ---- curves

    def _lean(self, vertex: int) -> float:
        """Return the slope of the line through a lane or a label; all edges that share it have it in common."""
        here = self.web.vertices[vertex]
        if here.node is not None or not self.web.above[vertex] or not self.web.below[vertex]:
            return 0.0
        above, below = self.web.above[vertex], self.web.below[vertex]
        before, after = max(above, key=above.__getitem__), max(below, key=below.__getitem__)
        at, length = self.plan.start[here.layer], self.plan.length[here.layer]
        rise = self.plan.across[vertex] - self.plan.across[before]
        fall = self.plan.across[after] - self.plan.across[vertex]
        if rise * fall <= 0:
            return 0.0
        earlier = here.layer - 1
        rise /= at - self.plan.start[earlier] - self.plan.length[earlier]
        fall /= self.plan.start[here.layer + 1] - at - length
        slope = 2 * rise * fall / (rise + fall)
        bound = 2 * _LEAN / max(length, 8.0)
        return max(-bound, min(bound, slope))

    def _pieces(self, number: int, head: float) -> list[Stroke]:
        """Return the curves of an edge along the flow; at the end with the head there is room for it."""
        chain = self.web.chains[number]
        first, last = (self.web.vertices[v].node for v in (chain[0], chain[-1]))
        assert first is not None
        assert last is not None
        turned = self.plan.turned(number)
        middle, half = self._middle(first), self.half[first]
        at = (
            middle[0] + half[0] + (BORDER + head) * turned,
            middle[1] + self.leaving[chain[0], chain[1]],
        )
        end_middle, end_half = self._middle(last), self.half[last]
        port = self.arriving[chain[-1], self._arrival(number)]
        end = (end_middle[0] - end_half[0] - (BORDER + head) * (not turned), end_middle[1] + port)
        strokes: list[Stroke] = []
        edge = self._layer_end(chain[0])
        if at[0] < edge:
            strokes.append(line(at, (edge, at[1])))
            at = (edge, at[1])
        slope = 0.0
        for vertex in chain[1:-1]:
            into, out, gap = self._through(vertex)
            strokes.append(bend(at, slope, into, self.slope[vertex]))
            strokes += [line(into, gap[0]), line(gap[1], out)] if gap else [line(into, out)]
            at, slope = out, self.slope[vertex]
        entry = (min(self.plan.start[self.web.vertices[chain[-1]].layer], end[0]), end[1])
        strokes.append(bend(at, slope, entry, 0.0))
        strokes.append(line(entry, end))
        return [s for s in strokes if s[0] != s[3]]

    def _layer_end(self, vertex: int) -> float:
        layer = self.web.vertices[vertex].layer
        return self.plan.start[layer] + self.plan.length[layer]

    def _through(self, vertex: int) -> tuple[Point, Point, tuple[Point, Point] | None]:
        """Return where an edge enters and leaves a lane or a label, and where it stops for the label."""
        here = self.web.vertices[vertex]
        start, length = self.plan.start[here.layer], self.plan.length[here.layer]
        middle, slope = start + length / 2, self.slope[vertex]

        def on_way(at: float) -> Point:
            return at, self.plan.across[vertex] + slope * (at - middle)

        gap = None
        if here.label is not None and here.length:
            gap = on_way(middle - here.length / 2), on_way(middle + here.length / 2)
        return on_way(start), on_way(start + length), gap

    # ---- parts

    def _edge(self, number: int) -> PlacedEdge:
        edge, text = self.graph.edges[number], self.plan.labels[number]
        width = edge_width(edge)
        length, breadth = head_size(width)
        chain = self.web.chains[number]
        strokes = self._pieces(number, length)
        if self.plan.turned(number):
            strokes = [(d, c, b, a) for a, b, c, d in reversed(strokes)]
        base = strokes[-1][3]
        sign = -1.0 if self.plan.turned(number) else 1.0
        tip = (base[0] + sign * length, base[1])
        head = (tip, (base[0], base[1] - breadth), (base[0], base[1] + breadth))
        label = next((v for v in chain if self.web.vertices[v].label is not None), None)
        box = None
        if label is not None and text.rows:
            along, across = self.plan.sides(text)
            at = self.plan.middle(self.web.vertices[label].layer)
            box = Box(at, self.plan.across[label], along, across)
        return PlacedEdge(edge, tuple(strokes), head, width, box, text)

    def _node(self, number: int) -> PlacedNode:
        middle, half = self._middle(number), self.half[number]
        box = Box(middle[0], middle[1], 2 * half[0], 2 * half[1])
        return PlacedNode(self.graph.nodes[number], box, self.plan.node_blocks[number])

    def _mark(self, number: int) -> PlacedMark:
        middle, half = self._middle(number), self.half[number]
        length, breadth = head_size(1.5)
        tip = (middle[0] - half[0] - BORDER, middle[1])
        base = (tip[0] - length, tip[1])
        disc = (tip[0] - _MARK_LINE - MARK_RADIUS, tip[1])
        head = (tip, (base[0], base[1] - breadth), (base[0], base[1] + breadth))
        return PlacedMark(
            self.graph.nodes[number], disc, line((disc[0] + MARK_RADIUS, disc[1]), base), head
        )

    def geometry(self) -> Geometry:
        """Return everything, turned into the direction and moved into the picture."""
        loops: dict[int, PlacedEdge] = {}
        for node, numbers in self.plan.loops.items():
            placed = place_loops(self.plan, node, self._middle(node), self.half[node])
            loops |= zip(numbers, placed, strict=True)
        edges = [loops[i] if i in loops else self._edge(i) for i in range(len(self.graph.edges))]
        nodes = [self._node(i) for i in range(len(self.graph.nodes))]
        marks = [self._mark(i) for i, node in enumerate(self.graph.nodes) if node.initial]
        return frame(self.plan, nodes, edges, marks)
