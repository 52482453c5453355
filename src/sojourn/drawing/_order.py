"""In which order the vertices of a layer stand, so that few edges cross.

The method is that of Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs" (1993): sweeps that
put every vertex at the median of its neighbours, each followed by exchanges of neighbours while that saves crossings;
the best order seen is kept.  Several starts are tried, because the result depends on where one begins.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn.drawing._web import Web

_SWEEPS = 24
_PATIENCE = 6
# Exchanges are worth their time where a sweep came about as far as the best one did.
_HOPEFUL = 1.2
# More rounds of exchanges lead into dead ends from which the next sweep does not come back.
_ROUNDS = 2


def order(web: Web, bias: Sequence[float]) -> None:
    """Order the layers of a web in place.

    Args:
        web: The net; its layers are put in order.
        bias: For every vertex where it would like to be, low numbers first, when crossings leave the choice.
    """
    starts = [
        [sorted(layer, key=lambda v: bias[v]) for layer in web.layers],
        _by_search(web, bias),
    ]
    best, fewest = starts[0], -1
    for start in starts:
        web.layers[:] = [list(layer) for layer in start]
        found = _settle(web)
        if fewest < 0 or found < fewest:
            best, fewest = [list(layer) for layer in web.layers], found
        if not fewest:
            break
    web.layers[:] = best
    _turn(web, bias)


def crossings(web: Web) -> int:
    """Count how often links cross; one that several edges share counts once."""
    position = web.positions()
    return sum(_crossings_below(web, layer, position) for layer in web.layers)


def _crossings_below(web: Web, layer: list[int], position: list[int]) -> int:
    ends: list[int] = []
    total = 0
    for upper in layer:
        fresh = [position[lower] for lower in web.below[upper]]
        if ends:
            total += len(fresh) * len(ends) - sum([bisect_right(ends, place) for place in fresh])
        for place in fresh:
            insort(ends, place)
    return total


def _settle(web: Web) -> int:
    """Sweep down and up until nothing gets better; leave the best order in place and return its crossings."""
    _exchange(web)
    best, fewest, idle = [list(layer) for layer in web.layers], crossings(web), 0
    for sweep in range(_SWEEPS):
        if not fewest or idle >= _PATIENCE:
            break
        _sweep(web, downward=sweep % 2 == 0, by_mean=sweep % 4 > 1)
        found = crossings(web)
        if found < fewest * _HOPEFUL:
            _exchange(web)
            found = crossings(web)
        idle += 1
        if found < fewest:
            best, fewest, idle = [list(layer) for layer in web.layers], found, 0
    web.layers[:] = best
    return fewest


def _sweep(web: Web, *, downward: bool, by_mean: bool) -> None:
    """Move every vertex to the middle of its neighbours in the layer before, or after when going upward."""
    position = web.positions()
    links = web.above if downward else web.below
    layers = web.layers if downward else web.layers[::-1]
    for layer in layers:
        goals = {v: _middle([position[n] for n in links[v]], by_mean=by_mean) for v in layer}
        movable = [v for v in layer if goals[v] is not None]
        movable.sort(key=lambda v: goals[v] or 0.0)
        following = iter(movable)
        layer[:] = [v if goals[v] is None else next(following) for v in layer]
        for place, vertex in enumerate(layer):
            position[vertex] = place


def _middle(places: list[int], *, by_mean: bool) -> float | None:
    """Return the mean, or the median leaning to the side where neighbours stand closer; None without neighbours."""
    count = len(places)
    if not count:
        return None
    if by_mean:
        return sum(places) / count
    places.sort()
    half = count // 2
    if count % 2:
        return float(places[half])
    left, right = places[half - 1] - places[0], places[-1] - places[half]
    if count == 2 or left + right == 0:
        return (places[half - 1] + places[half]) / 2
    return (places[half - 1] * right + places[half] * left) / (left + right)


def _exchange(web: Web) -> None:
    """Exchange neighbours while that saves crossings."""
    position = web.positions()
    dirty = {number for number, layer in enumerate(web.layers) if len(layer) > 1}
    several = frozenset(dirty)
    for _ in range(_ROUNDS):
        again: set[int] = set()
        for number in sorted(dirty):
            if _exchange_in(web, web.layers[number], position):
                again.update((number - 1, number, number + 1))
        dirty = again & several


def _exchange_in(web: Web, layer: list[int], position: list[int]) -> bool:
    above, below = web.above, web.below
    sides = [
        (sorted([position[n] for n in above[v]]), sorted([position[n] for n in below[v]]))
        for v in layer
    ]
    better = False
    for place in range(len(layer) - 1):
        left, right = sides[place], sides[place + 1]
        if _saved(left[0], right[0]) + _saved(left[1], right[1]) > 0:
            sides[place], sides[place + 1] = right, left
            first, second = layer[place + 1], layer[place]
            layer[place], layer[place + 1] = first, second
            position[first], position[second] = place, place + 1
            better = True
    return better


def _saved(left: list[int], right: list[int]) -> int:
    """Return how many crossings an exchange saves: pairs of ends in the wrong order, less those in the right one."""
    if not left or not right:
        return 0
    if left[-1] < right[0]:
        return -len(left) * len(right)
    return sum([bisect_left(right, end) + bisect_right(right, end) for end in left]) - len(
        left
    ) * len(right)


def _by_search(web: Web, bias: Sequence[float]) -> list[list[int]]:
    """Return the layers in the order in which a depth-first search meets their vertices."""
    layers: list[list[int]] = [[] for _ in web.layers]
    seen: set[int] = set()
    stack = [v for layer in reversed(web.layers) for v in reversed(layer)]
    while stack:
        vertex = stack.pop()
        if vertex in seen:
            continue
        seen.add(vertex)
        layers[web.vertices[vertex].layer].append(vertex)
        stack.extend(
            sorted((n for n in web.below[vertex] if n not in seen), key=lambda v: -bias[v])
        )
    return layers


def _turn(web: Web, bias: Sequence[float]) -> None:
    """Turn the whole picture over if that brings vertices closer to where they would like to be."""
    lean = sum(
        bias[v] * (place - (len(layer) - 1) / 2)
        for layer in web.layers
        for place, v in enumerate(layer)
    )
    if lean < 0:
        for layer in web.layers:
            layer.reverse()
