"""Turn whatever can be drawn into a graph.

This is the one file of the package that knows what a lifecycle looks like.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, cast, get_origin

from sojourn.drawing._labels import called
from sojourn.drawing._plain_machine import is_machine, machine_graph
from sojourn.drawing._stories import is_job, now, stories_of, story_of
from sojourn.drawing._views import travelled, visited
from sojourn.drawing.graph import Edge, Graph, Node
from sojourn.history import Entry
from sojourn.lifecycle import JobStatus, Lifecycle

if TYPE_CHECKING:
    from sojourn.drawing._stories import Story
    from sojourn.drawing.graph import Tone
    from sojourn.lifecycle import State

_STAGES = {JobStatus.INITIALIZING: 0, JobStatus.QUEUED: 1, JobStatus.RUNNING: 2}
_TONES: dict[JobStatus, Tone] = {
    JobStatus.DONE: "done",
    JobStatus.ERROR: "error",
    JobStatus.CANCELLED: "cancelled",
}
_ALIVE = tuple(status.value for status in _STAGES)


def graph_of(thing: object) -> Graph:
    """Return the graph of a job class, a lifecycle, a job, jobs or histories, a `transitions` machine, or a graph.

    Raises:
        TypeError: It is none of these.
        ValueError: It is a machine with nested states.
    """
    if isinstance(thing, Graph):
        return thing
    thing = get_origin(thing) or thing  # BaseJob[int] is drawn as BaseJob
    if isinstance(thing, Lifecycle):
        return lifecycle_graph(thing, "lifecycle")
    declared = getattr(thing, "lifecycle", None)
    if isinstance(thing, type) and isinstance(declared, Lifecycle):
        return class_graph(thing, declared)
    if is_machine(thing):
        return machine_graph(thing)
    if is_job(thing):
        story = story_of(thing)
        return visited(
            _with_unknown(class_graph(type(thing), thing.lifecycle), [story]), story, now()
        )
    if isinstance(thing, Iterable) and not isinstance(thing, str | bytes | type):
        return _graph_of_many(list(cast("Iterable[object]", thing)))
    raise TypeError(
        f"cannot draw {thing!r:.200} of type {type(thing).__name__}; give a job class, a lifecycle, a job, "
        "an iterable of jobs or histories, or a transitions.Machine"
    )


def class_graph(owner: type, lifecycle: Lifecycle) -> Graph:
    """Return the graph of a job class."""
    doc = (owner.__doc__ or "").strip().split("\n")[0]
    graph = lifecycle_graph(lifecycle, owner.__name__)
    return replace(graph, description=f"{doc} {graph.description}".strip())


def lifecycle_graph(lifecycle: Lifecycle, name: str) -> Graph:
    """Return the graph of a lifecycle."""
    happy = lifecycle.path(lifecycle.initial, JobStatus.DONE) or ()
    path = (lifecycle.initial.name, *(step.dest.name for step in happy))
    edges = tuple(
        Edge(
            step.source.name,
            step.dest.name,
            step.trigger,
            conditions=(
                *map(called, step.conditions),
                *(f"not {called(c)}" for c in step.unless),
            ),
            description=" ".join(
                part
                for part in (step.description, "Starts a new attempt." if step.new_attempt else "")
                if part
            ),
        )
        for step in lifecycle.transitions
    )
    nodes = tuple(_node(state, initial=state == lifecycle.initial) for state in lifecycle.states)
    told = (
        f"{len(nodes)} states, {len(edges)} transitions; the way to success is {' → '.join(path)}."
    )
    return Graph(name, nodes, edges, path, told)


def _node(state: State, *, initial: bool) -> Node:
    return Node(
        state.name,
        status=state.status.value,
        description=state.description,
        tone=_TONES.get(state.status, "active"),
        stage=_STAGES.get(state.status, len(_STAGES)),
        initial=initial,
        final=state.is_final,
        added=state.name not in JobStatus.__members__,
    )


def base_graph() -> Graph:
    """Return the graph of the base lifecycle, for histories that come without a class."""
    path = (*_ALIVE, JobStatus.DONE.value)
    nodes = tuple(
        Node(
            status.value,
            status.value,
            tone=_TONES.get(status, "active"),
            stage=_STAGES.get(status, len(_STAGES)),
            initial=status is JobStatus.INITIALIZING,
            final=status.is_final,
        )
        for status in JobStatus
    )
    steps = [
        Edge(a, b, t)
        for a, b, t in zip(path, path[1:], ("submit", "start", "finish"), strict=False)
    ]
    steps += [Edge(a, JobStatus.ERROR.value, "fail") for a in _ALIVE]
    steps += [Edge(a, JobStatus.CANCELLED.value, "cancel") for a in _ALIVE]
    return Graph("", nodes, tuple(steps), path)


def _graph_of_many(things: list[object]) -> Graph:
    if things and isinstance(things[0], Entry):
        story = story_of(things)
        return visited(_with_unknown(base_graph(), [story]), story, now())
    stories = stories_of(things)
    return travelled(_with_unknown(_common_graph(things, stories), stories), stories, now())


def _common_graph(things: list[object], stories: list[Story]) -> Graph:
    """Return one graph with the states and transitions of all the classes that the jobs have."""
    owners = {type(thing): thing.lifecycle for thing in things if is_job(thing)}
    graphs = [class_graph(owner, lifecycle) for owner, lifecycle in owners.items()]
    if not graphs or any(story.lifecycle is None for story in stories):
        graphs.append(base_graph())
    nodes = {node.name: node for graph in reversed(graphs) for node in graph.nodes}
    order = dict.fromkeys(node.name for graph in graphs for node in graph.nodes)
    edges = dict.fromkeys(edge for graph in graphs for edge in graph.edges)
    name = ", ".join(owner.__name__ for owner in owners)
    return Graph(name, tuple(nodes[each] for each in order), tuple(edges), graphs[0].path)


def _with_unknown(graph: Graph, stories: list[Story]) -> Graph:
    """Return the graph with what histories tell of and no class declares, or declares no more."""
    stages = {node.name: node.stage for node in graph.nodes}
    steps = {(edge.trigger, edge.source, edge.dest) for edge in graph.edges}
    told = dict.fromkeys((e.trigger, e.source, e.dest) for story in stories for e in story.entries)
    nodes, edges = list(graph.nodes), list(graph.edges)
    for trigger, source, dest in told:
        for name in (source, dest):
            if name not in stages:
                stages[name] = max(stages.get(source, 0), 0)
                nodes.append(Node(name, tone="active", stage=stages[name], added=True))
        if (trigger, source, dest) not in steps:
            edges.append(Edge(source, dest, trigger))
    return replace(graph, nodes=tuple(nodes), edges=tuple(edges))
