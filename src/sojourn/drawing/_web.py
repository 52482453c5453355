"""Nodes, lanes and labels as one layered net, in which every link joins neighbouring layers.

An edge that passes over ranks gets a *lane* in each.  Edges that end in the same node for the same reason share their
lanes, so that a dozen `cancel` edges arrive as one line.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

Key = tuple[object, ...]


@dataclass(slots=True)
class Vertex:
    """A place in a layer: a node, a lane, or the room that a label takes.

    Attributes:
        layer: Which layer it stands in.
        node: The index of the node that stands here, if any.
        label: The index of the edge whose label stands here, if any.
        length: Its size along the flow.
        lead: Its size across the flow, before its line.
        trail: Its size across the flow, after its line.
    """

    layer: int
    node: int | None = None
    label: int | None = None
    length: float = 0.0
    lead: float = 0.0
    trail: float = 0.0


@dataclass(slots=True)
class Web:
    """Vertices in ordered layers, and the links between them.

    Attributes:
        vertices: All of them; elsewhere they are named by their place here.
        layers: The vertices of each layer, in order across the flow.
        above: For every vertex its neighbours one layer earlier, and the weight of the link.
        below: The same, one layer later.
        chains: For every edge the vertices it passes, along the flow; empty for an edge back to its own node.
        happy: Links of the happy path.
    """

    vertices: list[Vertex] = field(default_factory=list[Vertex])
    layers: list[list[int]] = field(default_factory=list[list[int]])
    above: list[dict[int, int]] = field(default_factory=list[dict[int, int]])
    below: list[dict[int, int]] = field(default_factory=list[dict[int, int]])
    chains: list[list[int]] = field(default_factory=list[list[int]])
    happy: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    _known: dict[Key, int] = field(default_factory=dict[Key, int])

    def add(self, vertex: Vertex, key: Key) -> int:
        """Add a vertex at the end of its layer, unless there is one of that key; return its number."""
        if key not in self._known:
            self._known[key] = len(self.vertices)
            while len(self.layers) <= vertex.layer:
                self.layers.append([])
            self.layers[vertex.layer].append(len(self.vertices))
            self.vertices.append(vertex)
            self.above.append({})
            self.below.append({})
        return self._known[key]

    def known(self) -> list[tuple[Key, int]]:
        """Return every key with its vertex, in the order in which they came."""
        return list(self._known.items())

    def link(self, chain: list[int], *, happy: bool) -> None:
        """Add an edge that passes these vertices."""
        self.chains.append(chain)
        for upper, lower in itertools.pairwise(chain):
            self.below[upper][lower] = self.below[upper].get(lower, 0) + 1
            self.above[lower][upper] = self.above[lower].get(upper, 0) + 1
            if happy:
                self.happy.add((upper, lower))

    def positions(self) -> list[int]:
        """Return for every vertex its place within its layer."""
        position = [0] * len(self.vertices)
        for layer in self.layers:
            for place, vertex in enumerate(layer):
                position[vertex] = place
        return position
