"""Which node stands before which: the first step of a layered drawing.

Edges that would run against the flow are turned round for the layout's sake, then every node gets a rank, so that
every edge leads from a lower rank to a higher one.  Nodes of an earlier stage come first, and the happy path is
followed before anything else, so that it is never turned round.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.drawing.graph import Graph

Arc = tuple[int, int]

_ROUNDS = 8


def happy_arcs(graph: Graph) -> set[Arc]:
    """Return the steps of the happy path as pairs of node indices."""
    index = {node.name: i for i, node in enumerate(graph.nodes)}
    return {(index[a], index[b]) for a, b in zip(graph.path, graph.path[1:], strict=False)}


def flow(graph: Graph) -> list[Arc | None]:
    """Return every edge as a pair of node indices along the flow, and None for one that leads back to its own node."""
    index = {node.name: i for i, node in enumerate(graph.nodes)}
    arcs = [(index[edge.source], index[edge.dest]) for edge in graph.edges]
    stages = stages_of(graph)
    place = _postorder(graph, arcs, stages)
    return [
        None if a == b else (a, b) if (stages[a], -place[a]) < (stages[b], -place[b]) else (b, a)
        for a, b in arcs
    ]


def stages_of(graph: Graph) -> list[int]:
    """Return every node's stage; the initial node is before all others."""
    first = min((node.stage for node in graph.nodes), default=0) - 1
    return [first if node.initial else node.stage for node in graph.nodes]


def _postorder(graph: Graph, arcs: list[Arc], stages: list[int]) -> list[int]:
    """Number the nodes as a depth-first search leaves them; an edge that leads to a higher number closes a cycle."""
    happy = happy_arcs(graph)
    ahead: dict[int, list[int]] = defaultdict(list)
    for arc in sorted(arcs, key=lambda arc: arc not in happy):
        if stages[arc[0]] == stages[arc[1]]:
            ahead[arc[0]].append(arc[1])
    entered = {b for a, b in arcs if stages[a] < stages[b]}
    place: dict[int, int] = {}
    seen: set[int] = set()
    nodes = range(len(graph.nodes))
    for start in sorted(nodes, key=lambda i: (not graph.nodes[i].initial, i not in entered, i)):
        stack = [(start, iter(ahead[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            node, following = stack[-1]
            child = next((c for c in following if c not in seen), None)
            if child is None:
                place[node] = len(place)
                stack.pop()
            else:
                seen.add(child)
                stack.append((child, iter(ahead[child])))
    return [place[i] for i in nodes]


def ranks(graph: Graph, arcs: list[Arc | None]) -> list[int]:
    """Return every node's rank: stage after stage, as low as its edges allow, then tightened."""
    stages = stages_of(graph)
    forward = sorted({arc for arc in arcs if arc})
    result = [0] * len(stages)
    bounds: dict[int, Arc] = {}
    base = 0
    for stage in sorted(set(stages)):
        members = [i for i, s in enumerate(stages) if s == stage]
        inside = [arc for arc in forward if stages[arc[0]] == stages[arc[1]] == stage]
        for node, rank in _longest(members, inside).items():
            result[node] = base + rank
        top = max(result[node] for node in members)
        bounds[stage] = (base, top)
        base = top + 1
    _tighten(result, forward, [bounds[stage] for stage in stages], happy_arcs(graph), graph)
    return result


def _longest(members: list[int], arcs: list[Arc]) -> dict[int, int]:
    """Give every node the length of the longest way to it."""
    rank = dict.fromkeys(members, 0)
    ahead: dict[int, list[int]] = defaultdict(list)
    waiting = dict.fromkeys(members, 0)
    for a, b in arcs:
        ahead[a].append(b)
        waiting[b] += 1
    ready = [node for node in members if not waiting[node]]
    for node in ready:
        for following in ahead[node]:
            rank[following] = max(rank[following], rank[node] + 1)
            waiting[following] -= 1
            if not waiting[following]:
                ready.append(following)
    return rank


def _tighten(
    rank: list[int], arcs: list[Arc], bounds: list[Arc], happy: set[Arc], graph: Graph
) -> None:
    """Move nodes towards where most of their edges lead, so that edges get short.

    Edges into finals do not pull: nearly every state has them, and they share one lane.
    """
    before: dict[int, list[int]] = defaultdict(list)
    after: dict[int, list[int]] = defaultdict(list)
    for a, b in arcs:
        after[a].append(b)
        before[b].append(a)
    on_path = {node for arc in happy for node in arc}
    for _ in range(_ROUNDS):
        moved = False
        for node, (first, last) in enumerate(bounds):
            low = max([first, *(rank[a] + 1 for a in before[node])])
            high = min([last, *(rank[b] - 1 for b in after[node])])
            pull = sum(not graph.nodes[b].final for b in after[node]) - len(before[node])
            if node in on_path or pull == 0:
                continue
            moved |= rank[node] != (goal := high if pull > 0 else low)
            rank[node] = goal
        if not moved:
            return
