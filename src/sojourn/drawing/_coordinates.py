"""Where the vertices of a layer stand across the flow, their order being given.

The method is that of Brandes and Köpf, "Fast and simple horizontal coordinate assignment" (2001): four extreme
alignments, each along medians, and the average of the middle two.  Two things differ: the happy path is aligned before
anything else, so it is straight in all four and hence in the result; and vertices have sizes, so blocks are compacted
by longest paths, which also avoids the mistake in the printed compaction.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from sojourn.drawing._straighten import straighten

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.drawing._web import Web


def coordinates(web: Web, gap: Callable[[int, int], float]) -> list[float]:
    """Return for every vertex the coordinate of its line.

    Args:
        web: The net with ordered layers.
        gap: The least distance between the lines of two neighbours, the earlier one given first.
    """
    if not web.vertices:
        return []
    conflicts = _conflicts(web)
    candidates = [
        _one_extreme(web, gap, conflicts, upward=upward, leftward=leftward)
        for upward in (False, True)
        for leftward in (False, True)
    ]
    _align(candidates)
    result = [sum(sorted(values)[1:3]) / 2 for values in zip(*candidates, strict=True)]
    straighten(web, gap, result)
    return result


def _align(candidates: list[list[float]]) -> None:
    """Shift the extremes so that they agree with the narrowest: low edges for two, high edges for two."""
    narrowest = min(candidates, key=lambda values: max(values) - min(values))
    for number, values in enumerate(candidates):
        edge = max if number % 2 else min
        shift = edge(narrowest) - edge(values)
        values[:] = [value + shift for value in values]


def _conflicts(web: Web) -> set[tuple[int, int]]:
    """Return the links that must not be aligned.

    These are the ones that cross the happy path, begin or end where it passes, or cross the inside of a long edge.
    """
    position = web.positions()
    refused: set[tuple[int, int]] = set()
    for layer in web.layers:
        links = [(u, v) for u in layer for v in web.below[u]]
        strength = {link: _strength(web, *link) for link in links}
        for strong in (link for link in links if strength[link]):
            u, v = position[strong[0]], position[strong[1]]
            for link in links:
                if strength[link] < strength[strong]:
                    turn = (position[link[0]] - u) * (position[link[1]] - v)
                    if turn < 0 or (turn == 0 and strength[strong] > 1):
                        refused.add(link)
    return refused


def _strength(web: Web, upper: int, lower: int) -> int:
    if (upper, lower) in web.happy:
        return 2
    return int(web.vertices[upper].node is None and web.vertices[lower].node is None)


def _one_extreme(
    web: Web,
    gap: Callable[[int, int], float],
    conflicts: set[tuple[int, int]],
    *,
    upward: bool,
    leftward: bool,
) -> list[float]:
    """Align every vertex with a median of its neighbours on one side, preferring one direction, and compact."""
    layers = [layer[::-1] if leftward else layer for layer in web.layers]
    position = [0] * len(web.vertices)
    for layer in layers:
        for place, vertex in enumerate(layer):
            position[vertex] = place
    root = _blocks(web, layers[::-1] if upward else layers, position, conflicts, upward=upward)

    def distance(a: int, b: int) -> float:
        return gap(b, a) if leftward else gap(a, b)

    placed = _compact(layers, root, distance)
    return [-placed[root[v]] if leftward else placed[root[v]] for v in range(len(root))]


def _blocks(
    web: Web,
    layers: list[list[int]],
    position: list[int],
    conflicts: set[tuple[int, int]],
    *,
    upward: bool,
) -> list[int]:
    """Return for every vertex the first vertex of its block."""
    root = list(range(len(web.vertices)))
    taken: set[int] = set()
    links = web.below if upward else web.above
    for layer in layers:
        last = -1
        for vertex in layer:
            for mate in _medians(web, vertex, links[vertex], position, upward=upward):
                link = (vertex, mate) if upward else (mate, vertex)
                if mate not in taken and last < position[mate] and link not in conflicts:
                    root[vertex] = root[mate]
                    taken.add(mate)
                    last = position[mate]
                    break
    return root


def _medians(
    web: Web, vertex: int, links: dict[int, int], position: list[int], *, upward: bool
) -> list[int]:
    """Return whom a vertex may align with: the happy path, else a lane that goes on here, else a median."""
    mates = sorted(links, key=lambda mate: position[mate])
    for mate in mates:
        if ((vertex, mate) if upward else (mate, vertex)) in web.happy:
            return [mate]
    mates = _trunks(web, vertex, mates, links) or mates
    middle = (len(mates) - 1) / 2
    return [mates[i] for i in sorted({int(middle), int(middle + 0.5)})] if mates else []


def _trunks(web: Web, vertex: int, mates: list[int], links: dict[int, int]) -> list[int]:
    """Return the lanes that pass through a lane, or that arrive at a node for several edges together."""
    lanes = [m for m in mates if web.vertices[m].node is None and web.vertices[m].label is None]
    if web.vertices[vertex].node is None:
        return lanes
    return [mate for mate in lanes if links[mate] > 1]


def _compact(
    layers: list[list[int]], root: list[int], distance: Callable[[int, int], float]
) -> dict[int, float]:
    """Place the blocks as low as their neighbours allow, then as close to later neighbours as they can stand."""
    ahead: dict[int, dict[int, float]] = defaultdict(dict)
    behind: dict[int, dict[int, float]] = defaultdict(dict)
    for layer in layers:
        for a, b in itertools.pairwise(layer):
            room = max(distance(a, b), ahead[root[a]].get(root[b], 0.0))
            ahead[root[a]][root[b]] = behind[root[b]][root[a]] = room
    placed: dict[int, float] = {}
    ordered = _sorted_blocks(set(root), ahead, behind)
    for block in ordered:
        placed[block] = max((placed[b] + room for b, room in behind[block].items()), default=0.0)
    for block in reversed(ordered):
        placed[block] = min(
            (placed[b] - room for b, room in ahead[block].items()), default=placed[block]
        )
    return placed


def _sorted_blocks(
    blocks: set[int], ahead: dict[int, dict[int, float]], behind: dict[int, dict[int, float]]
) -> list[int]:
    waiting = {block: len(behind[block]) for block in blocks}
    ready = sorted(block for block in blocks if not waiting[block])
    for block in ready:
        for following in ahead[block]:
            waiting[following] -= 1
            if not waiting[following]:
                ready.append(following)
    return ready
