"""The small graph value that every drawing is made from.

A `Graph` knows nothing of jobs: it has nodes, edges, and marks that say how strongly to draw them.  Whatever can be
turned into one can be drawn: a lifecycle, one job, many jobs, a plain `transitions` machine, or a graph made by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Edge", "Graph", "Node"]

Tone = Literal["active", "done", "error", "cancelled", "plain"]
NodeMark = Literal["plain", "visited", "current"]
EdgeMark = Literal["plain", "taken", "earlier", "never"]


@dataclass(frozen=True, slots=True)
class Node:
    """A state in a drawing.

    Attributes:
        name: The state's name, unique in its graph, drawn as it is.
        status: The status the state stands for; empty where there is no such thing.
        description: A tooltip.
        tone: Which colours the node takes.
        stage: Where the node stands in the flow: no node is drawn before one of an earlier stage.
        initial: Whether it gets the initial mark.
        final: Whether it gets the double border.
        added: Whether a subclass declared it; such a node is told apart, and says what it stands for.
        mark: How it took part in what happened.
        notes: Short lines under the name, such as the time spent here.
        count: A number beside the name, such as how many jobs have been here.
        heat: From 0 to 1: the share of all time that was spent here.
    """

    name: str
    status: str = ""
    description: str = ""
    tone: Tone = "plain"
    stage: int = 0
    initial: bool = False
    final: bool = False
    added: bool = False
    mark: NodeMark = "plain"
    notes: tuple[str, ...] = ()
    count: int | None = None
    heat: float = 0.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition in a drawing.

    Attributes:
        source: The name of the node it leaves.
        dest: The name of the node it enters.
        trigger: Its label.
        conditions: What has to hold, drawn in brackets.
        description: A tooltip.
        mark: Whether it was taken, taken in an earlier attempt only, or never; "plain" where nothing happened yet.
        inferred: Whether it was taken without anyone seeing it; drawn dashed.
        steps: The numbers of the steps that took it.
        count: How often it was taken, where many jobs are drawn.
        weight: From 0 to 1: how often it was taken, compared with the most travelled edge.
    """

    source: str
    dest: str
    trigger: str
    conditions: tuple[str, ...] = ()
    description: str = ""
    mark: EdgeMark = "plain"
    inferred: bool = False
    steps: tuple[int, ...] = ()
    count: int | None = None
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn: nodes, edges, and the path that is drawn straight.

    Attributes:
        name: The title.
        nodes: In the order of declaration.
        edges: In the order of declaration.
        path: The names of the nodes on the happy path, drawn first and straight.
        description: What the picture shows, in a sentence, for those who cannot see it.
        notes: Lines under the picture.

    Raises:
        ValueError: Two nodes have one name, or an edge or the path names a node that is not there.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    path: tuple[str, ...] = ()
    description: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a graph that does not hang together."""
        names = {node.name for node in self.nodes}
        if len(names) < len(self.nodes):
            twice = sorted(
                {n.name for n in self.nodes if sum(m.name == n.name for m in self.nodes) > 1}
            )
            raise ValueError(
                f"graph {self.name!r} cannot tell its nodes apart, {twice} are there twice; rename them"
            )
        ends = {end for edge in self.edges for end in (edge.source, edge.dest)}
        missing = sorted((ends | set(self.path)) - names)
        if missing:
            raise ValueError(
                f"graph {self.name!r} has no nodes {missing}, which its edges or path name; add them"
            )

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Raises:
            KeyError: There is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
