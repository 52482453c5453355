"""The geometry of every drawing: everything is there, nothing stands on anything else."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawing_graphs import PATH, any_graphs, base_graph, lifecycles
from sojourn.drawing._geometry import Box, Geometry, Stroke
from sojourn.drawing._route import lay_out
from sojourn.drawing._strokes import point
from sojourn.drawing.graph import Edge, Graph, Node

pytestmark = pytest.mark.once

DIRECTIONS = ("LR", "TB")
directions = st.sampled_from(DIRECTIONS)
graphs = lifecycles() | any_graphs()


def _points(geometry: Geometry, number: int) -> list[tuple[float, float]]:
    return [point(stroke, i / 8) for stroke in geometry.edges[number].strokes for i in range(9)]


def _shrunk(box: Box, by: float = 0.5) -> Box:
    return Box(box.x, box.y, box.width - 2 * by, box.height - 2 * by)


def _inside(box: Box, at: tuple[float, float]) -> bool:
    return box.left < at[0] < box.right and box.top < at[1] < box.bottom


def _labels(geometry: Geometry) -> list[Box]:
    return [edge.label for edge in geometry.edges if edge.label] + [b.label for b in geometry.bands]


@given(graphs, directions)
@settings(max_examples=25, deadline=None)
def test_every_state_and_every_edge_is_there_once_and_has_a_size(
    graph: Graph, direction: Literal["LR", "TB"]
):
    geometry = lay_out(graph, direction)

    assert Counter(placed.node for placed in geometry.nodes) == Counter(graph.nodes)
    assert Counter(placed.edge for placed in geometry.edges) == Counter(graph.edges)
    assert all(placed.box.width > 20 and placed.box.height > 20 for placed in geometry.nodes)
    assert all(placed.strokes and placed.width > 0 for placed in geometry.edges)


@given(graphs, directions)
@settings(max_examples=25, deadline=None)
def test_no_node_covers_a_node_and_no_label_covers_anything(
    graph: Graph, direction: Literal["LR", "TB"]
):
    geometry = lay_out(graph, direction)

    boxes = [_shrunk(placed.box) for placed in geometry.nodes] + [
        _shrunk(box) for box in _labels(geometry)
    ]
    assert not [(a, b) for a, b in combinations(boxes, 2) if _overlap(a, b)]


@given(graphs, directions)
@settings(max_examples=25, deadline=None)
def test_no_edge_passes_through_a_node_or_under_a_label(
    graph: Graph, direction: Literal["LR", "TB"]
):
    geometry = lay_out(graph, direction)

    boxes = [_shrunk(placed.box) for placed in geometry.nodes]
    boxes += [_shrunk(box) for box in _labels(geometry)]
    for placed in geometry.edges:
        for stroke in placed.strokes:
            near = [box for box in boxes if _overlap(box, _around(stroke))]
            assert not [
                (placed.edge, box)
                for box in near
                if any(_inside(box, point(stroke, i / 8)) for i in range(9))
            ]


def _overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes share more than their borders."""
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def _around(stroke: Stroke) -> Box:
    """Return a box that a curve cannot leave: the one around its control points."""
    left, right = min(x for x, _ in stroke), max(x for x, _ in stroke)
    top, bottom = min(y for _, y in stroke), max(y for _, y in stroke)
    return Box((left + right) / 2, (top + bottom) / 2, right - left + 0.1, bottom - top + 0.1)


@given(graphs, directions)
@settings(max_examples=25, deadline=None)
def test_everything_lies_inside_the_view_box(graph: Graph, direction: Literal["LR", "TB"]):
    geometry = lay_out(graph, direction)

    page = Box(geometry.width / 2, geometry.height / 2, geometry.width, geometry.height)
    boxes = [placed.box for placed in geometry.nodes] + _labels(geometry)
    corners = [(x, y) for b in boxes for x in (b.left, b.right) for y in (b.top, b.bottom)]
    strokes = [at for number in range(len(geometry.edges)) for at in _points(geometry, number)]
    heads = [at for edge in geometry.edges for at in edge.head]
    assert all(_inside(page, at) for at in corners + strokes + heads)


@given(graphs, directions)
@settings(max_examples=25, deadline=None)
def test_an_arrow_ends_exactly_at_the_border_of_its_node(
    graph: Graph, direction: Literal["LR", "TB"]
):
    geometry = lay_out(graph, direction)

    boxes = {placed.node.name: placed.box for placed in geometry.nodes}
    for placed in geometry.edges:
        assert _distance(boxes[placed.edge.dest], placed.head[0]) == pytest.approx(0.75, abs=0.02)
        assert _distance(boxes[placed.edge.source], placed.strokes[0][0]) < 0.8


def _distance(box: Box, at: tuple[float, float]) -> float:
    outside = (max(box.left - at[0], at[0] - box.right), max(box.top - at[1], at[1] - box.bottom))
    return max(outside)


@given(graphs, directions)
@settings(max_examples=20, deadline=None)
def test_the_same_graph_is_laid_out_the_same(graph: Graph, direction: Literal["LR", "TB"]):
    assert lay_out(graph, direction) == lay_out(graph, direction)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_happy_path_of_the_base_lifecycle_is_straight(direction: Literal["LR", "TB"]):
    geometry = lay_out(base_graph(), direction)

    across = 1 if direction == "LR" else 0
    lines = {round(at[across], 6) for number in range(3) for at in _points(geometry, number)}
    assert lines == {(geometry.nodes[0].box.x, geometry.nodes[0].box.y)[across]}
    along = [(p.box.x, p.box.y)[1 - across] for p in geometry.nodes if p.node.name in PATH]
    assert along == sorted(along)


@given(lifecycles(), directions)
@settings(max_examples=25, deadline=None)
def test_the_happy_path_of_every_lifecycle_is_straight(
    graph: Graph, direction: Literal["LR", "TB"]
):
    geometry = lay_out(graph, direction)

    across = [
        p.box.y if direction == "LR" else p.box.x for p in geometry.nodes if p.node.name in PATH
    ]
    assert max(across) - min(across) < 0.02


@given(lifecycles(), directions)
@settings(max_examples=25, deadline=None)
def test_no_state_stands_before_one_of_an_earlier_status(
    graph: Graph, direction: Literal["LR", "TB"]
):
    geometry = lay_out(graph, direction)

    spans = [
        (
            p.node.stage,
            *((p.box.left, p.box.right) if direction == "LR" else (p.box.top, p.box.bottom)),
        )
        for p in geometry.nodes
    ]
    assert all(a[2] < b[1] for a in spans for b in spans if a[0] < b[0])


def test_edges_with_the_same_trigger_and_end_arrive_as_one():
    geometry = lay_out(base_graph())

    heads = {placed.head for placed in geometry.edges if placed.edge.trigger == "cancel"}
    assert len(heads) == 1


def test_a_label_interrupts_its_edge():
    geometry = lay_out(Graph("two", (Node("A"), Node("B")), (Edge("A", "B", "go"),)))

    before, after = geometry.edges[0].strokes[0], geometry.edges[0].strokes[-1]
    assert before[3][0] < geometry.edges[0].label.left < geometry.edges[0].label.right < after[0][0]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_loops_are_whole_and_carry_their_labels_outside(direction: Literal["LR", "TB"]):
    loops = tuple(Edge("A", "A", trigger) for trigger in ("go", "a_long_trigger", "again"))

    geometry = lay_out(Graph("loops", (Node("A"),), loops), direction)

    for placed in geometry.edges:
        joints = [(a[3], b[0]) for a, b in pairwise(placed.strokes)]
        assert all(a == b for a, b in joints)
        roof = min(y for s in placed.strokes for _, y in s)
        side = max(x for s in placed.strokes for x, _ in s)
        assert placed.label.bottom <= roof if direction == "LR" else placed.label.left >= side


def test_an_empty_graph_has_a_picture():
    geometry = lay_out(Graph("nothing", (), ()))

    assert (geometry.nodes, geometry.edges) == ((), ())
    assert geometry.width > 0
    assert geometry.height > 0


def test_another_direction_is_refused():
    with pytest.raises(ValueError, match="known are LR, TB"):
        lay_out(base_graph(), "RL")


def test_a_graph_that_does_not_hang_together_is_refused():
    with pytest.raises(ValueError, match=r"\['B'\]"):
        Graph("g", (Node("A"),), (Edge("A", "B", "go"),))
    with pytest.raises(ValueError, match="there twice"):
        Graph("g", (Node("A"), Node("A")), ())
