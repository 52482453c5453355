"""From a graph to places: the layered drawing.

The steps are those of Sugiyama, Tagawa and Toda (1981): ranks, order within the ranks, coordinates, curves.  Labels are
laid out like nodes, in layers of their own between the ranks, so nothing can stand on them.

Everything is computed along the flow and across it; only the result knows left from down.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sojourn.drawing._coordinates import coordinates
from sojourn.drawing._order import order
from sojourn.drawing._ranks import flow, happy_arcs, ranks
from sojourn.drawing._sizes import Block, label_block, node_block
from sojourn.drawing._strokes import edge_width, head_size
from sojourn.drawing._web import Vertex, Web

if TYPE_CHECKING:
    from sojourn.drawing._ranks import Arc
    from sojourn.drawing.graph import Graph, Node

Direction = Literal["LR", "TB"]

#: The least height of a node, and the space between its text and its border.
NODE_HEIGHT = 36.0
NODE_PADDING = 17.0
#: The space for the bar that shows the share of time.
HEAT_ROOM = 7.0
#: The space that a label keeps free along the edge.
LABEL_PADDING = 4.0
#: The space for one loop, its label not included.
LOOP = 16.0

_TONE_BIAS = {"error": -1.0, "cancelled": 1.0}


@dataclass(slots=True)
class Plan:
    """A graph laid out along and across its flow; what the router needs to know.

    Attributes:
        graph: What is laid out.
        direction: Which way the flow goes.
        arcs: Every edge along the flow, None for loops.
        rank: Every node's rank.
        web: The net of nodes, lanes and labels.
        across: The coordinate of every vertex across the flow.
        start: Where each layer begins along the flow.
        length: How long each layer is along the flow.
        node_blocks: The text in every node.
        labels: The text on every edge.
        loops: For every node the edges that lead back to it.
    """

    graph: Graph
    direction: Direction
    arcs: list[Arc | None]
    rank: list[int]
    web: Web = field(default_factory=Web)
    across: list[float] = field(default_factory=list[float])
    start: list[float] = field(default_factory=list[float])
    length: list[float] = field(default_factory=list[float])
    node_blocks: list[Block] = field(default_factory=list[Block])
    labels: list[Block] = field(default_factory=list[Block])
    loops: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    @property
    def level(self) -> bool:
        """Whether the flow goes from left to right."""
        return self.direction == "LR"

    def turned(self, edge: int) -> bool:
        """Return whether an edge runs against the flow."""
        arc = self.arcs[edge]
        return arc is not None and self.graph.nodes[arc[0]].name != self.graph.edges[edge].source

    def sides(self, block: Block) -> tuple[float, float]:
        """Return the size of a block along and across the flow."""
        return (block.width, block.height) if self.level else (block.height, block.width)

    def middle(self, layer: int) -> float:
        """Return the middle of a layer along the flow."""
        return self.start[layer] + self.length[layer] / 2


def plan(graph: Graph, direction: Direction) -> Plan:
    """Lay a graph out; the curves are left to the router."""
    arcs = flow(graph)
    rank = _without_gaps(ranks(graph, arcs))
    result = Plan(graph, direction, arcs, rank)
    result.node_blocks = [node_block(node) for node in graph.nodes]
    result.labels = [label_block(edge) for edge in graph.edges]
    for number, arc in enumerate(arcs):
        if arc is None:
            node = next(
                i for i, n in enumerate(graph.nodes) if n.name == graph.edges[number].source
            )
            result.loops.setdefault(node, []).append(number)
    coarse = _coarse(result)
    order(coarse, _bias(graph, coarse))
    result.web = _fine(result, coarse)
    result.across = coordinates(result.web, lambda a, b: _distance(result, a, b))
    _stretch(result)
    return result


def _without_gaps(rank: list[int]) -> list[int]:
    dense = {r: i for i, r in enumerate(sorted(set(rank)))}
    return [dense[r] for r in rank]


def _bias(graph: Graph, web: Web) -> list[float]:
    """Return on which side of the picture every vertex would like to be: errors first, cancelled last."""
    bias = [0.0] * len(web.vertices)
    for number, chain in enumerate(web.chains):
        wish = _TONE_BIAS.get(graph.node(graph.edges[number].dest).tone, 0.0)
        for vertex in chain[1:]:
            bias[vertex] = wish
    return bias


def _lane(plan: Plan, number: int, rank: int) -> tuple[object, ...]:
    """Return what makes a lane: edges with the same trigger and end share one, those against the flow do not."""
    edge = plan.graph.edges[number]
    return (number, rank) if plan.turned(number) else (edge.dest, edge.trigger, rank)


def _happy_edges(plan: Plan) -> set[int]:
    """Return the edges that make the happy path: the first one for each of its steps."""
    found: dict[Arc, int] = {}
    wanted = happy_arcs(plan.graph)
    for number, arc in enumerate(plan.arcs):
        if arc in wanted and not plan.turned(number):
            found.setdefault(arc, number)
    return set(found.values())


def _coarse(plan: Plan) -> Web:
    """Return the net of nodes and lanes, which is enough to find the order."""
    web = Web()
    happy = _happy_edges(plan)
    nodes = [web.add(Vertex(rank, node), ("node", node)) for node, rank in enumerate(plan.rank)]
    for number, arc in enumerate(plan.arcs):
        chain: list[int] = []
        if arc is not None:
            between = range(plan.rank[arc[0]] + 1, plan.rank[arc[1]])
            lanes = [web.add(Vertex(r), ("lane", *_lane(plan, number, r))) for r in between]
            chain = [nodes[arc[0]], *lanes, nodes[arc[1]]]
        web.link(chain, happy=number in happy)
    return web


def _fine(plan: Plan, coarse: Web) -> Web:
    """Return the net with layers for the labels, ordered as the coarse one is."""
    web = Web()
    position = coarse.positions()
    happy = _happy_edges(plan)
    twin = {
        v: web.add(_sized(plan, coarse.vertices[v]), ("even", v))
        for layer in coarse.layers
        for v in layer
    }
    for number, chain in enumerate(coarse.chains):
        label_at = len(chain) - 2 if plan.turned(number) else 0
        fine: list[int] = []
        for step, (upper, lower) in enumerate(itertools.pairwise(chain)):
            layer = 2 * coarse.vertices[upper].layer + 1
            own = step == label_at
            between = _label(plan, number, layer) if own else Vertex(layer)
            place = (position[upper], position[lower], number if own else -1)
            fine += [twin[upper], web.add(between, ("odd", layer, place))]
        web.link(fine + [twin[v] for v in chain[-1:]], happy=number in happy)
    places: dict[int, Any] = {vertex: key[-1] for key, vertex in web.known() if key[0] == "odd"}
    for odd in web.layers[1::2]:
        odd.sort(key=lambda vertex: places[vertex])
    return web


def _sized(plan: Plan, vertex: Vertex) -> Vertex:
    """Return a node with its size, in its layer of the fine net; a lane has none."""
    layer = 2 * vertex.layer
    if vertex.node is None:
        return Vertex(layer)
    node = plan.graph.nodes[vertex.node]
    width, height = _node_size(
        node, plan.node_blocks[vertex.node], _ports(plan, vertex.node), plan.level
    )
    along, across = (width, height) if plan.level else (height, width)
    sized = Vertex(layer, vertex.node, None, along, across / 2, across / 2)
    for loop in plan.loops.get(vertex.node, ()):
        length, breadth = plan.sides(plan.labels[loop])
        sized.length = max(sized.length, length + 2 * LABEL_PADDING)
        if plan.level:
            sized.lead += breadth + LOOP
        else:
            sized.trail += breadth + LOOP
    sized.length = max(
        [sized.length, *(2 * spread + 14.0 for spread in loop_spreads(plan, vertex.node))]
    )
    return sized


def loop_spreads(plan: Plan, node: int) -> list[float]:
    """Return how far from the middle of the node each of its loops begins and ends: outside of the one before."""
    spreads: list[float] = []
    clear = 0.0
    for loop in plan.loops.get(node, ()):
        spreads.append(max(spreads[-1] + 9.0 if spreads else 10.0, clear))
        clear = plan.sides(plan.labels[loop])[0] / 2 + 9.0
    return spreads


def _ports(plan: Plan, node: int) -> int:
    """Return how many edges end at the fuller side of a node."""
    leaving = sum(arc is not None and arc[0] == node for arc in plan.arcs)
    arriving = {
        (plan.graph.edges[i].trigger, plan.turned(i) and i)
        for i, arc in enumerate(plan.arcs)
        if arc is not None and arc[1] == node
    }
    return max(leaving, len(arriving))


def _node_size(node: Node, block: Block, ports: int, level: bool) -> tuple[float, float]:
    ring = 8.0 if node.final else 0.0
    width = max(block.width + 2 * NODE_PADDING, 58.0) + ring
    height = max(NODE_HEIGHT, block.height + 17.0) + ring / 2
    height += HEAT_ROOM * bool(node.heat)
    room = (ports - 1) * 7.0 + 20.0
    return (width, max(height, room)) if level else (max(width, room + 12.0), height)


def _label(plan: Plan, number: int, layer: int) -> Vertex:
    along, across = plan.sides(plan.labels[number])
    return Vertex(
        layer, None, number, along + 2 * LABEL_PADDING if along else 0.0, across / 2, across / 2
    )


def _distance(plan: Plan, a: int, b: int) -> float:
    """Return how far the lines of two neighbours stand apart at least."""
    first, second = plan.web.vertices[a], plan.web.vertices[b]
    nodes = (first.node is not None) + (second.node is not None)
    if nodes:
        clear = 26.0 if nodes == 2 else 15.0
    elif first.layer % 2:
        # Another font may be wider, and from top to bottom only width keeps labels apart.
        clear = 7.0 if plan.level else 10.0
    else:
        clear = 12.0
    return first.trail + clear + second.lead


def _stretch(plan: Plan) -> None:
    """Place the layers along the flow, further apart where edges have to climb."""
    web = plan.web
    plan.length = [
        max((web.vertices[v].length for v in layer), default=0.0) for layer in web.layers
    ]
    at = 0.0
    head = max((head_size(edge_width(edge))[0] for edge in plan.graph.edges), default=0.0)
    for number, layer in enumerate(web.layers):
        plan.start.append(at)
        at += plan.length[number]
        climbs = [abs(plan.across[v] - plan.across[w]) for v in layer for w in web.below[v]]
        climb = max(climbs, default=0.0)
        least = 14.0 + head if number % 2 or _arrows_back(plan, layer) else 15.0
        at += max(least, min(climb * (0.4 if plan.level else 0.25), 72.0))


def _arrows_back(plan: Plan, layer: list[int]) -> bool:
    """Return whether an edge against the flow ends in this layer."""
    nodes = {plan.web.vertices[v].node for v in layer} - {None}
    return any(
        plan.turned(i) and arc is not None and arc[0] in nodes for i, arc in enumerate(plan.arcs)
    )
