"""What happened, drawn on what may happen: one job's way through a graph, or the ways of many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sojourn.drawing._durations import duration
from sojourn.drawing._statistics import share, statistics_of
from sojourn.drawing._stories import stays_of

if TYPE_CHECKING:
    from datetime import datetime

    from sojourn.drawing._statistics import StateStatistics
    from sojourn.drawing._stories import Stay, Story
    from sojourn.drawing.graph import Edge, Graph, Node
    from sojourn.history import Entry

_ATTEMPTS_SHOWN = 3
_WAY_SHOWN = 8


def visited(graph: Graph, story: Story, now: datetime) -> Graph:
    """Return a graph on which one job has left its trace.

    Branches that its history cannot tell apart are one edge.  The way of the latest attempt is drawn thickest, and
    steps have numbers when a state was visited twice.
    """
    stays = stays_of(story)
    by_state: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        by_state[stay.state].append(stay)
    nodes = [_visited_node(node, by_state.get(node.name, []), story, now) for node in graph.nodes]
    graph = _joined(graph)
    numbered = any(len(visits) > 1 for visits in by_state.values())
    taken: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in story.entries:
        taken[entry.trigger, entry.source, entry.dest].append(entry)
    latest = stays[-1].attempt
    edges: list[Edge] = []
    for edge in graph.edges:
        entries = taken.get((edge.trigger, edge.source, edge.dest), [])
        edges.append(_visited_edge(edge, entries, latest, numbered=numbered))
    return replace(
        graph,
        name=" ".join(part for part in (story.owner, repr(story.name)) if part),
        nodes=tuple(nodes),
        edges=tuple(edges),
        description=_told(story, latest),
        notes=(*graph.notes, *_legend(story, latest)),
    )


def _joined(graph: Graph) -> Graph:
    """Return the graph with those branches made one that lead to the same place by the same trigger.

    A history does not tell them apart, nor do jobs of classes that differ only in their conditions.
    """
    steps: dict[tuple[str, str, str], Edge] = {}
    for edge in graph.edges:
        key = (edge.trigger, edge.source, edge.dest)
        kept = steps.setdefault(key, edge)
        if kept.conditions != edge.conditions:
            steps[key] = replace(kept, conditions=())
    return replace(graph, edges=tuple(steps.values()))


def _told(story: Story, latest: int) -> str:
    attempt = f" in attempt {latest}" if latest > 1 else ""
    if not story.entries:
        return f"The job is {story.state}{attempt}; nothing happened to it yet."
    way = [story.entries[0].source, *(entry.dest for entry in story.entries)]
    hidden = len(way) - 2 * _WAY_SHOWN
    if hidden > 1:
        way[_WAY_SHOWN:-_WAY_SHOWN] = [f"{hidden:,} more"]
    return f"The job is {story.state}{attempt}; it went {' → '.join(way)}."


def _legend(story: Story, latest: int) -> list[str]:
    """Return a line for every kind of mark that does not explain itself."""
    lines: list[str] = []
    if latest > 1:
        lines.append(f"The thick line is attempt {latest}; the numbers are the steps.")
    if any(entry.inferred for entry in story.entries):
        lines.append("Dashed: inferred from what was reported later; nobody saw when it happened.")
    return lines


def _visited_node(node: Node, visits: list[Stay], story: Story, now: datetime) -> Node:
    if not visits:
        return node
    current = node.name == story.state
    return replace(
        node,
        mark="current" if current else "visited",
        notes=(
            *node.notes,
            *(_end_notes(story) if node.final else _stay_notes(visits, current, now)),
        ),
    )


def _end_notes(story: Story) -> list[str]:
    """Return how long the whole job took, for its last state."""
    end = story.entries[-1].at if story.entries else None
    if story.born is None or end is None:
        return []
    return [f"after {duration((end - story.born).total_seconds())}"]


def _stay_notes(visits: list[Stay], current: bool, now: datetime) -> list[str]:
    """Return the time spent in a state, a line for each attempt."""
    by_attempt: dict[int, list[Stay]] = defaultdict(list)
    for stay in visits:
        by_attempt[stay.attempt].append(stay)
    lines: list[str] = []
    for attempt, stays in by_attempt.items():
        open_ended = current and stays[-1] is visits[-1]
        text = _time_spent(stays, open_ended, now)
        lines.append(f"attempt {attempt}: {text}" if len(by_attempt) > 1 or attempt > 1 else text)
    hidden = len(lines) - _ATTEMPTS_SHOWN
    return [f"{hidden} earlier attempts", *lines[hidden:]] if hidden > 1 else lines


def _time_spent(stays: list[Stay], open_ended: bool, now: datetime) -> str:
    known = [stay.seconds for stay in stays if stay.seconds is not None]
    if open_ended and stays[-1].begin is not None:
        known.append((now - stays[-1].begin).total_seconds())
    if not known:
        return "time unknown"
    text = duration(sum(known))
    if len(known) < len(stays):
        text = f"over {text}"
    if len(stays) > 1:
        text = f"{text} in {len(stays)} visits"
    return f"{text} so far" if open_ended else text


def _visited_edge(edge: Edge, entries: list[Entry], latest: int, *, numbered: bool) -> Edge:
    if not entries:
        return edge
    now = [entry for entry in entries if entry.attempt == latest]
    return replace(
        edge,
        mark="taken" if now else "earlier",
        inferred=all(entry.inferred for entry in now or entries),
        steps=tuple(entry.number for entry in entries) if numbered else (),
    )


def travelled(graph: Graph, stories: list[Story], now: datetime) -> Graph:
    """Return a graph on which many jobs have left their traces."""
    found = statistics_of(stories, now)
    states = {state.state: state for state in found.states}
    counts = {(t.trigger, t.source, t.dest): t.count for t in found.transitions}
    most = max(counts.values(), default=1)
    edges: list[Edge] = []
    graph = _joined(graph)
    for edge in graph.edges:
        count = counts.get((edge.trigger, edge.source, edge.dest), 0)
        edges.append(
            replace(edge, count=count, weight=count / most, mark="plain" if count else "never")
        )
    jobs = f"{found.jobs:,} jobs" if found.jobs != 1 else "1 job"
    slowest = max(found.states, key=lambda state: state.share, default=None)
    where = (
        f"; {share(slowest)} of the time was spent in {slowest.state}"
        if slowest and slowest.total
        else ""
    )
    return replace(
        graph,
        name=f"{graph.name}: {jobs}" if graph.name else jobs,
        nodes=tuple(_travelled_node(node, states.get(node.name)) for node in graph.nodes),
        edges=tuple(edges),
        description=f"The ways of {jobs}{where}.",
        notes=(*graph.notes, f"{jobs}{where}." if found.jobs else "No jobs yet."),
    )


def _travelled_node(node: Node, state: StateStatistics | None) -> Node:
    if state is None or not state.count:
        return replace(node, count=0)
    notes: list[str] = []
    if state.median is not None and state.p90 is not None:
        notes.append(f"median {duration(state.median)} · p90 {duration(state.p90)}")
    if state.now and not node.final:
        notes.append(f"{state.now:,} here now")
    if state.total:
        notes.append(f"{share(state)} of the time")
    return replace(node, count=state.count, heat=state.share, notes=(*node.notes, *notes))
