"""The graph of a plain `transitions` machine, which keeps no contract of ours.

Nothing of the `transitions` package is imported; a machine is known by the attributes that are read here.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from sojourn.drawing._labels import called
from sojourn.drawing.graph import Edge, Graph, Node


def is_machine(thing: object) -> bool:
    """Return whether a thing is a `transitions` machine."""
    return not isinstance(thing, type) and all(
        hasattr(thing, name)
        for name in ("states", "events", "initial", "get_triggers", "add_transition")
    )


def machine_graph(machine: Any) -> Graph:
    """Return the graph of a machine; with exactly one model, its state is marked.

    Transitions that `transitions` makes of its own accord, `to_…` from everywhere, are left out.

    Raises:
        ValueError: The machine has nested or parallel states.
    """
    nested = [name for name, state in machine.states.items() if getattr(state, "states", None)]
    if nested:
        raise ValueError(
            f"machine {machine.name or 'without a name'!r} cannot be drawn, because its states {nested} contain "
            "others; draw a machine with flat states"
        )
    edges = [
        _edge(trigger, step)
        for trigger, event in machine.events.items()
        if not _automatic(machine, trigger)
        for steps in event.transitions.values()
        for step in steps
    ]
    order = {name: place for place, name in enumerate(machine.states)}
    edges.sort(key=lambda edge: order[edge.source])
    initial = "" if machine.initial is None else _name(machine.initial)
    finals = [name for name, state in machine.states.items() if getattr(state, "final", False)]
    current = _current(machine)
    nodes = tuple(
        Node(
            name,
            initial=name == initial,
            final=name in finals,
            mark="current" if name == current else "plain",
        )
        for name in machine.states
    )
    told = f"{len(nodes)} states, {len(edges)} transitions."
    name = (machine.name or "machine").removesuffix(": ")
    return Graph(name, nodes, tuple(edges), _path(initial, finals, edges), told)


def _edge(trigger: str, step: Any) -> Edge:
    asked = tuple(
        ("" if condition.target else "not ") + called(condition.func)
        for condition in step.conditions
    )
    # A transition without a destination is internal: it runs callbacks and stays.
    return Edge(
        step.source, step.source if step.dest is None else step.dest, trigger, conditions=asked
    )


def _automatic(machine: Any, trigger: str) -> bool:
    goal = trigger.removeprefix("to_")
    return bool(machine.auto_transitions) and goal != trigger and goal in machine.states


def _name(state: Any) -> str:
    """Return the name of a state that may be given as an enumeration's member."""
    return str(getattr(state, "name", state))


def _current(machine: Any) -> str | None:
    if len(machine.models) != 1:
        return None
    return _name(getattr(machine.models[0], machine.model_attribute, None))


def _path(initial: str, finals: list[str], edges: list[Edge]) -> tuple[str, ...]:
    """Return the shortest way to the first final state that can be reached, else the way of the first transitions."""
    ahead: dict[str, list[str]] = {}
    for edge in edges:
        ahead.setdefault(edge.source, []).append(edge.dest)
    came: dict[str, tuple[str, ...]] = {initial: (initial,)}
    waiting = deque([initial])
    while waiting:
        here = waiting.popleft()
        for there in ahead.get(here, ()):
            if there not in came:
                came[there] = (*came[here], there)
                waiting.append(there)
    for final in finals:
        if final in came:
            return came[final]
    path = [initial] if initial else []
    while following := next(
        (n for n in ahead.get(path[-1] if path else "", ()) if n not in path), None
    ):
        path.append(following)
    return tuple(path)
