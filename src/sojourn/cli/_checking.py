"""What a job class promises: its lifecycle, its words, its hooks, and the verdict."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from sojourn.cli._terminal import has_colours, in_one_line, inert, table, width_of
from sojourn.drawing import terminal
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, State

#: What a class does without, hook by hook.
_WITHOUT = {
    "_submit": "submit() only takes its step",
    "_poll": "nobody is asked, so states are pushed",
    "_cancel": "cancel() of a live job is refused",
    "_fetch_result": "the result is the one given to finish()",
    "_find": "reconcile() cannot help after a lost answer",
}


def describe(owner: type[BaseJob[object]]) -> str:
    """Return a sound class's lifecycle and verdict, as lines."""
    out = sys.stdout
    graph = terminal(owner, colour=has_colours(out), width=width_of(out))
    lines = [_title(owner), "", *graph.splitlines()]
    for title, rows in (
        ("states", _states(owner)),
        ("words", _words(owner)),
        ("hooks", _hooks(owner)),
    ):
        lines += ["", title, *(f"  {line}" for line in table(rows))]
    return "\n".join([*lines, "", _verdict(owner), ""])


def _title(owner: type) -> str:
    doc = (owner.__doc__ or "").strip().split("\n")[0]
    try:
        place = (
            f"{Path(inspect.getsourcefile(owner) or '').name}:{inspect.getsourcelines(owner)[1]}"
        )
    except (OSError, TypeError):
        place = owner.__module__
    return f"{inert(owner.__qualname__)} ({inert(place)}){': ' if doc else ''}{inert(doc)}"


def _states(owner: type[BaseJob[object]]) -> Iterator[tuple[str, str, str]]:
    for state in owner.lifecycle.states:
        stands = "" if state.name in JobStatus.__members__ else f"counts as {state.status}"
        yield state.name, stands, in_one_line(state.description)


def _words(owner: type[BaseJob[object]]) -> Iterator[tuple[str, str, str]]:
    for word, place in owner.status_map.items():
        meant = place.name if isinstance(place, State) else str(place)
        yield in_one_line(str(word)), f"means {meant}", ""


def _hooks(owner: type[BaseJob[object]]) -> Iterator[tuple[str, str, str]]:
    for hook, without in _WITHOUT.items():
        own = getattr(owner, hook) is not getattr(BaseJob, hook)
        yield hook, "defined" if own else "not defined:", "" if own else without


def _verdict(owner: type[BaseJob[object]]) -> str:
    lifecycle = owner.lifecycle
    way = lifecycle.path(lifecycle.initial, JobStatus.DONE) or ()
    names = [lifecycle.initial.name, *(edge.dest.name for edge in way)]
    return (
        f"sound: {len(lifecycle.states)} states, {len(lifecycle.transitions)} transitions, "
        f"the shortest way is {' → '.join(names)}"
    )
