"""Ways through a lifecycle, read off its declared edges."""

from __future__ import annotations

from collections import deque
from typing import Any

from sojourn.job import BaseJob
from sojourn.lifecycle import Edge, Lifecycle

__all__ = ["shortest_paths", "transition_cover"]


def shortest_paths(what: Lifecycle | type[BaseJob[Any]]) -> dict[str, tuple[Edge, ...]]:
    """Return a shortest path from the initial state to every state.

    Args:
        what: A lifecycle, or a job class.

    Example:
        >>> from sojourn.testing import shortest_paths
        >>> class PrintJob(BaseJob): ...
        >>> [edge.trigger for edge in shortest_paths(PrintJob)["RUNNING"]]
        ['submit', 'start']
    """
    lifecycle = _lifecycle(what)
    return _paths(lifecycle, lifecycle.initial.name)


def transition_cover(what: Lifecycle | type[BaseJob[Any]]) -> tuple[tuple[Edge, ...], ...]:
    """Return few paths from the initial state that together take every transition.

    Each path goes on, by the shortest way, to a transition that was not taken yet, until there is
    none within reach.

    Args:
        what: A lifecycle, or a job class.

    Example:
        >>> from sojourn.testing import transition_cover
        >>> class PrintJob(BaseJob): ...
        >>> [[edge.trigger for edge in path] for path in transition_cover(PrintJob)][0]
        ['submit', 'start', 'finish']
    """
    lifecycle = _lifecycle(what)
    ways = {state.name: _paths(lifecycle, state.name) for state in lifecycle.states}
    left = list(lifecycle.transitions)
    cover: list[tuple[Edge, ...]] = []
    while left:
        here, path = lifecycle.initial.name, list[Edge]()
        while within := [edge for edge in left if edge.source.name in ways[here]]:
            # What ends a path comes last: it would leave the rest to further paths.
            near = min(within, key=lambda e: (e.dest.is_final, len(ways[here][e.source.name])))
            path += [*ways[here][near.source.name], near]
            left = [edge for edge in left if all(edge is not taken for taken in path)]
            here = near.dest.name
        cover.append(tuple(path))
    return tuple(cover)


def _lifecycle(what: Lifecycle | type[BaseJob[Any]]) -> Lifecycle:
    return what if isinstance(what, Lifecycle) else what.lifecycle


def _paths(lifecycle: Lifecycle, source: str) -> dict[str, tuple[Edge, ...]]:
    found: dict[str, tuple[Edge, ...]] = {source: ()}
    waiting = deque(found)
    while waiting:
        here = waiting.popleft()
        for edge in lifecycle.transitions:
            if edge.source.name == here and edge.dest.name not in found:
                found[edge.dest.name] = (*found[here], edge)
                waiting.append(edge.dest.name)
    return found
