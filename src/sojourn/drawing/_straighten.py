"""Take the small steps out of lines that could be straight.

Averaging four alignments leaves lanes that are a few pixels off their neighbours.  Everything that already stands in
one line is moved as a whole to the median of what it is linked to, as far as there is room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.drawing._web import Web

_ROUNDS = 12
_SAME = 0.01
# How much a link wants to be straight: between lanes more than where it ends in a node, as in Gansner et al. (1993).
_LANE, _NODE = 8, 2


def straighten(web: Web, gap: Callable[[int, int], float], across: list[float]) -> None:
    """Move vertices in place; the order stays, the gaps are kept, the happy path does not move."""
    fixed = {vertex for link in web.happy for vertex in link}
    beside = _neighbours(web)
    for _ in range(_ROUNDS):
        moved = False
        for block in _lines(web, across):
            if not fixed.intersection(block):
                moved |= _move(web, gap, across, block, beside)
        if not moved:
            return


def _neighbours(web: Web) -> list[tuple[int | None, int | None]]:
    beside: list[tuple[int | None, int | None]] = [(None, None)] * len(web.vertices)
    for layer in web.layers:
        for place, vertex in enumerate(layer):
            before = layer[place - 1] if place else None
            after = layer[place + 1] if place + 1 < len(layer) else None
            beside[vertex] = before, after
    return beside


def _lines(web: Web, across: list[float]) -> list[list[int]]:
    """Return the vertices in groups that are linked and stand in one line."""
    seen: set[int] = set()
    lines: list[list[int]] = []
    for start in range(len(web.vertices)):
        if start in seen:
            continue
        seen.add(start)
        line = [start]
        for vertex in line:
            for other in (*web.above[vertex], *web.below[vertex]):
                if other not in seen and abs(across[other] - across[vertex]) < _SAME:
                    seen.add(other)
                    line.append(other)
        lines.append(line)
    return lines


def _move(
    web: Web,
    gap: Callable[[int, int], float],
    across: list[float],
    block: list[int],
    beside: list[tuple[int | None, int | None]],
) -> bool:
    members = set(block)
    pulls: list[tuple[float, int]] = []
    low, high = float("-inf"), float("inf")
    for vertex in block:
        for other, edges in (*web.above[vertex].items(), *web.below[vertex].items()):
            if other not in members:
                lanes = web.vertices[vertex].node is None and web.vertices[other].node is None
                pulls.append((across[other], edges * (_LANE if lanes else _NODE)))
        before, after = beside[vertex]
        if before is not None:
            low = max(low, across[before] + gap(before, vertex))
        if after is not None:
            high = min(high, across[after] - gap(vertex, after))
    here = across[block[0]]
    goal = max(low, min(high, _median(pulls, here)))
    if abs(goal - here) < _SAME or low > high:
        return False
    for vertex in block:
        across[vertex] = goal
    return True


def _median(pulls: list[tuple[float, int]], here: float) -> float:
    """Return the weighted median; of a whole range of them the one closest to where the line is now."""
    pulls.sort()
    total, below = sum(weight for _, weight in pulls), 0
    for place, (at, weight) in enumerate(pulls):
        below += weight
        if 2 * below == total:
            return max(at, min(here, pulls[place + 1][0]))
        if 2 * below > total:
            return at
    return here
