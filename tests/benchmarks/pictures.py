"""The rows about drawing: how long a picture takes, how often its edges cross, and a crowd in one picture."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from sysconfig import get_path
from tempfile import TemporaryDirectory
from time import process_time_ns
from typing import Any

import pygraphviz
from reporting import Goal, Result, release, thousands
from statemachine import State as TheirState
from statemachine import StateMachine
from statemachine.contrib.diagram import DotGraphMachine
from transitions.extensions import GraphMachine

sys.path.insert(0, str(Path(__file__).parents[1]))

from drawing_stories import DONE, UNSEEN, history
from sojourn import BaseJob, draw
from sojourn.drawing import Edge, Graph, Node
from sojourn.drawing._route import lay_out
from sojourn.drawing._sources import graph_of
from sojourn.drawing._strokes import point

__all__ = ["crossings", "crowd", "speed"]

Point = tuple[float, float]
Line = list[Point]

#: How many straight pieces stand for a curve when its crossings are counted.
PIECES = 12


def generated(seed: int, states: int = 40, edges: int = 71) -> Graph:
    """Return a graph that can be reached from its first state, with many steps ahead and some back."""
    dice = random.Random(seed)
    pairs = [(dice.randrange(max(0, i - 6), i), i) for i in range(1, states)]
    while len(pairs) < edges:
        a, b = dice.randrange(states), dice.randrange(states)
        if a != b:
            pairs.append((a, b))
    leaving = {a for a, _ in pairs}
    nodes = tuple(Node(f"STATE_{i}", initial=i == 0, final=i not in leaving) for i in range(states))
    named = enumerate(pairs)
    return Graph(
        "generated", nodes, tuple(Edge(f"STATE_{a}", f"STATE_{b}", f"t{n}") for n, (a, b) in named)
    )


def speed(*, quick: bool) -> list[Result]:
    """SVG of six states and of forty, beside what others need for the same graph."""
    rounds = 3 if quick else 15
    results = []
    for about, graph, limit in (
        ("SVG of six states", graph_of(BaseJob), 5e6),
        ("SVG of 40 states, 71 edges", generated(1), 100e6),
    ):
        for rival, theirs in _rivals(graph).items():
            pairs = _in_turn(partial(draw, graph, format="svg"), theirs, rounds)
            results.append(
                Result(
                    about,
                    statistics.median(pairs[0]),
                    "ns",
                    rival=rival,
                    theirs=statistics.median(pairs[1]),
                    ratio=statistics.median(b / a for a, b in zip(*pairs, strict=True)),
                    goal=Goal(limit, limit=True),
                    raw={"ours": pairs[0], "theirs": pairs[1]},
                )
            )
    return results


def _in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> tuple[list[int], list[int]]:
    """Return the CPU time of both, taken in turn; what a child process uses is counted, too."""
    figures: tuple[list[int], list[int]] = ([], [])
    for draw_once in (ours, theirs):
        draw_once()
    for _ in range(rounds):
        for draw_once, times in zip((ours, theirs), figures, strict=True):
            start = _spent()
            draw_once()
            times.append(_spent() - start)
    return figures


def _spent() -> int:
    children = os.times()
    return process_time_ns() + int((children.children_user + children.children_system) * 1e9)


def _rivals(graph: Graph) -> dict[str, Callable[[], object]]:
    """Return how others draw a graph as SVG, from a machine or graph that is there already."""
    machine = GraphMachine(
        states=[node.name for node in graph.nodes],
        transitions=[[edge.trigger, edge.source, edge.dest] for edge in graph.edges],
        initial=graph.nodes[0].name,
        auto_transitions=False,
        graph_engine="pygraphviz",
    )
    plain = _for_graphviz(graph)
    theirs = _their_machine(graph)
    return {
        f"{release('transitions')}: GraphMachine with pygraphviz": lambda: machine.get_graph(
            force_new=True
        ).draw(None, format="svg", prog="dot"),
        release("pygraphviz"): lambda: plain.draw(format="svg", prog="dot"),
        f"{release('python-statemachine')} with {release('graphviz-pure')}": lambda: _with_dot(
            lambda: DotGraphMachine(theirs)().create_svg()
        ),
    }


def _for_graphviz(graph: Graph) -> pygraphviz.AGraph:
    drawn = pygraphviz.AGraph(directed=True, strict=False, rankdir="LR")
    drawn.node_attr["shape"] = "box"
    drawn.add_nodes_from([node.name for node in graph.nodes])
    for number, edge in enumerate(graph.edges):
        drawn.add_edge(edge.source, edge.dest, key=str(number), label=edge.trigger)
    return drawn


def _their_machine(graph: Graph) -> type[StateMachine]:
    leaving = {edge.source for edge in graph.edges}
    members: dict[str, Any] = {
        node.name: TheirState(node.name, initial=node.initial, final=node.name not in leaving)
        for node in graph.nodes
    }
    for edge in graph.edges:
        step = members[edge.source].to(members[edge.dest])
        members[edge.trigger] = members[edge.trigger] | step if edge.trigger in members else step
    return type("Theirs", (StateMachine,), members)


def _with_dot(draw_once: Callable[[], bytes]) -> bytes:
    """Draw with a `dot` program on the path: the one of graphviz-pure, under that name."""
    program = shutil.which("graphviz-pure", path=get_path("scripts"))
    assert program is not None
    with TemporaryDirectory() as folder:
        (Path(folder) / "dot").symlink_to(program)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
        try:
            return draw_once()
        finally:
            os.environ["PATH"] = before


def crossings(*, quick: bool) -> list[Result]:
    """How often edges cross, beside Graphviz `dot`, on the same twenty graphs of forty states."""
    graphs = [generated(seed) for seed in range(5 if quick else 20)]
    ours = [_count(_our_lines(graph)) for graph in graphs]
    theirs = [_count(_their_lines(graph)) for graph in graphs]
    return [
        Result(
            f"edges that cross, {len(graphs)} graphs of 40 states",
            statistics.median(ours),
            "crossings",
            rival=f"{release('pygraphviz')}: dot",
            theirs=statistics.median(theirs),
            ratio=statistics.median(theirs) / statistics.median(ours),
            goal=Goal(0.8),
            raw={"ours": ours, "theirs": theirs},
        )
    ]


def _our_lines(graph: Graph) -> list[Line]:
    lines = []
    for edge in lay_out(graph).edges:
        pieces = [point(stroke, i / PIECES) for stroke in edge.strokes for i in range(PIECES + 1)]
        lines.append([*pieces, edge.head[0]])
    return lines


def _their_lines(graph: Graph) -> list[Line]:
    drawn = _for_graphviz(graph)
    drawn.layout("dot")
    lines = []
    for edge in drawn.edges():
        spline = [
            (float(x), float(y))
            for x, y in (at.split(",") for at in edge.attr["pos"].split() if at[0] not in "es")
        ]
        curves = [spline[i : i + 4] for i in range(0, len(spline) - 1, 3)]
        lines.append(
            [point((a, b, c, d), i / PIECES) for a, b, c, d in curves for i in range(PIECES + 1)]
        )
    return lines


def _count(lines: Sequence[Line]) -> int:
    """Count the points at which two lines cross; where they touch or lie on each other, they do not."""
    pieces = sorted(
        (min(a[0], b[0]), max(a[0], b[0]), a, b, number)
        for number, line in enumerate(lines)
        for a, b in pairwise(line)
        if a != b
    )
    found = 0
    active: list[tuple[float, float, Point, Point, int]] = []
    for piece in pieces:
        active = [other for other in active if other[1] >= piece[0]]
        found += sum(
            other[4] != piece[4] and _cross(piece[2], piece[3], other[2], other[3])
            for other in active
        )
        active.append(piece)
    return found


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < -1e-9 and side(c, d, a) * side(c, d, b) < -1e-9


def crowd(*, quick: bool) -> list[Result]:
    """A hundred thousand histories aggregated into one picture."""
    count = 10_000 if quick else 100_000
    histories = [history(DONE), history(UNSEEN), history(DONE[:2])]
    crowded = [histories[i % 3] for i in range(count)]
    times = []
    for _ in range(1 if quick else 3):
        start = process_time_ns()
        picture = draw(crowded, format="svg")
        times.append(process_time_ns() - start)
    return [
        Result(
            f"{thousands(count)} histories in one picture",
            statistics.median(times),
            "ns",
            goal=Goal(2e9, limit=True),
            passed=None if f"{count:,} jobs" in picture else False,
            raw={"ours": times},
        )
    ]
