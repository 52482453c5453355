"""What a laid-out graph looks like: boxes, curves and labels, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.drawing._sizes import Block
    from sojourn.drawing.graph import Edge, Graph, Node

Point = tuple[float, float]

#: A cubic Bézier curve: its two ends with their control points between.
Stroke = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, by its middle and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """The least x in the box."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The greatest x in the box."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """The least y in the box."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The greatest y in the box."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A node, the box it fills, and the words in it."""

    node: Node
    box: Box
    text: Block


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    """An edge as it is drawn.

    Attributes:
        edge: What is drawn.
        strokes: The curves; there is a gap between two of them where the label stands.
        head: The arrow head: its point, exactly on the border of the node, and its two other corners.
        width: How thick the curves are.
        label: The box that the label fills; None where there is no label.
        text: The words of the label.
    """

    edge: Edge
    strokes: tuple[Stroke, ...]
    head: tuple[Point, Point, Point]
    width: float
    label: Box | None
    text: Block


@dataclass(frozen=True, slots=True)
class Band:
    """The background of the states that stand for one status, and where its name stands."""

    status: str
    box: Box
    label: Box


@dataclass(frozen=True, slots=True)
class Geometry:
    """A laid-out graph; everything lies between (0, 0) and (width, height).

    Attributes:
        graph: What was laid out.
        width: Of the picture.
        height: Of the picture.
        nodes: In the graph's order.
        edges: In the graph's order.
        bands: Behind everything, in the order of the flow.
        marks: For every initial node the middle of its mark and the line from there to the node.
        foot: Where the first line under the picture begins.
    """

    graph: Graph
    width: float
    height: float
    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    bands: tuple[Band, ...]
    marks: tuple[PlacedMark, ...]
    foot: Point


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """The mark of an initial node: a disc, and an arrow from there to the node."""

    node: Node
    disc: Point
    stroke: Stroke
    head: tuple[Point, Point, Point]
