"""Hypothesis strategies for job classes, for what backends say about jobs, and for awkward ids.

A job class is drawn as a `Sketch`, which `declare` turns into a class and which is its oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from sojourn.history import Observation
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, Lifecycle, State
from sojourn.testing._faulty import FITTING, Fault
from sojourn.testing._sketches import (
    ANYWHERE,
    FINALS,
    ORDER,
    Callback,
    Callbacks,
    Node,
    Sketch,
    Step,
    declare,
)

__all__ = [
    "faults",
    "for_slow_examples",
    "ids_of_other_types",
    "ids_that_cannot_be_read",
    "job_classes",
    "lifecycles",
    "nasty_ids",
    "observations",
    "sketches",
    "unknown_words",
]

# Drawing.

#: Names that are unusual, and names that a generated function might have used for itself.
STATE_NAMES = ("VALIDATING", "SETUP", "Held", "größer", "状態", "_quiet", "state_1", "INSPECTING")
TRIGGER_NAMES: tuple[str, ...] = (
    *("advance", "park", "fire", "now", "table", "lock", "owner", "run", "job", "event", "type"),
    *("self", "args", "größe", "進む", "_quietly", "error", "step_2"),
)
# `error` is a method of every job.
TRIGGER_NAMES = tuple(name for name in TRIGGER_NAMES if not hasattr(BaseJob, name))

#: Text that is markup somewhere.
MARKUP = (
    *("", "waiting", 'a --> b; "c"', "<b>&amp;</b>", "%% {init: {}} %%", "end", "]]>", "\\N"),
    *("a | b { c }", "'; DROP TABLE jobs; --", "\u202egnirts", "line\nbreak"),
)


@st.composite
def sketches(
    draw: st.DrawFn,
    *,
    max_states: int = 4,
    max_steps: int = 8,
    conditions: Sequence[Callback] = (),
    guards: Sequence[Callback] = (),
    followers: Sequence[Callback] = (),
) -> Sketch:
    """Draw lifecycles that are sound by construction.

    They have states and triggers of their own, steps that stay, skip and start new attempts,
    triggers of the base class that are replaced or extended, and branches where there are
    conditions to tell them apart.

    Args:
        draw: Given by Hypothesis.
        max_states: How many states of its own a class has at most.
        max_steps: How many steps are drawn; those that soundness needs come on top.
        conditions: Names and callables to draw ``conditions`` and ``unless`` from.
        guards: The same for what is called before the change.
        followers: The same for what is called after the change.
    """
    calls = _Calls(draw, conditions, guards, followers)
    names = draw(st.lists(st.sampled_from(STATE_NAMES), unique=True, max_size=max_states))
    statuses = st.sampled_from(["INITIALIZING", "QUEUED", "RUNNING"])
    nodes = [Node(name, draw(statuses), draw(st.sampled_from(MARKUP))) for name in names]
    if guards or followers:
        anew = draw(st.lists(st.sampled_from(list(ORDER)), unique=True, max_size=2))
        nodes = [Node(name, name) for name in anew] + nodes
        nodes = [
            node._replace(on_enter=calls.followers(), on_exit=calls.guards()) for node in nodes
        ]
    sketch = Sketch(tuple(nodes), spelling=draw(st.integers(0, 2)))
    sketch = replace(sketch, words=draw(st.none() | status_maps(sketch)))
    # Few names, so that one trigger often has steps from several states, and several from one.
    triggers = draw(st.lists(st.sampled_from(TRIGGER_NAMES), unique=True, min_size=1, max_size=3))
    own = [
        step
        for _ in range(draw(st.integers(0, max_steps)))
        for step in _step(draw, sketch, [*triggers, "start", "finish", "submit"])
    ]
    if draw(st.integers(0, 4)) == 0:
        late = [name for name in sketch.status if ORDER[sketch.status[name]] >= ORDER["RUNNING"]]
        own.append(Step("give_up", ANYWHERE, draw(st.sampled_from(late))))
    sketch = replace(
        sketch,
        own=tuple(calls.around(step) for step in own),
        extended=frozenset(
            draw(st.sets(st.sampled_from(["submit", "start", "finish"]))) & {s.trigger for s in own}
        ),
    )
    return _repaired(draw, _told_apart(sketch, calls))


def job_classes(**options: Any) -> st.SearchStrategy[type[BaseJob[Any]]]:
    """Draw job classes that are sound by construction.

    Args:
        options: ``max_states`` of its own and ``max_steps`` that are drawn at most; ``conditions``,
            ``guards`` (called before the change) and ``followers`` (called after it), each a list
            of callables to draw from.
    """
    return sketches(**options).map(declare)


def lifecycles(**options: Any) -> st.SearchStrategy[Lifecycle]:
    """Draw lifecycles that are sound by construction; the options are those of `job_classes`."""
    return job_classes(**options).map(lambda cls: cls.lifecycle)


def status_maps(sketch: Sketch) -> st.SearchStrategy[dict[Any, str]]:
    """Draw maps from raw words, not all of them texts, to the states of a class."""
    words = st.sampled_from(["waiting", "ok", "", "DONE", "Done", "ünïcode", 3, -1, ("a", 1), 2.5])
    return st.dictionaries(words, st.sampled_from(list(sketch.status)), max_size=8)


class _Calls:
    """Draws what is called on the way of a step."""

    def __init__(
        self,
        draw: st.DrawFn,
        conditions: Sequence[Callback],
        guards: Sequence[Callback],
        followers: Sequence[Callback],
    ) -> None:
        self.conditions = self._some(draw, conditions)
        self.guards = self._some(draw, guards)
        self.followers = self._some(draw, followers)
        self._draw = draw
        self.can_guard = bool(conditions)

    @staticmethod
    def _some(draw: st.DrawFn, given: Sequence[Callback]) -> Callable[[], Callbacks]:
        if not given:
            return lambda: ()
        some = [(each,) for each in given] + list(pairwise([*given, given[0]]))
        # More often than not, nothing is called.
        drawn = st.sampled_from([()] * (2 * len(some)) + some)
        return lambda: draw(drawn)

    def around(self, step: Step) -> Step:
        """Put conditions and callbacks around a step."""
        return step._replace(
            conditions=self.conditions(),
            unless=self.conditions(),
            before=self.guards(),
            after=self.followers(),
        )

    def guarded(self, step: Step) -> Step:
        """Put at least one condition before a step."""
        while not step.guarded:
            step = step._replace(conditions=self.conditions(), unless=self.conditions())
        return step


def _step(draw: st.DrawFn, sketch: Sketch, triggers: list[str]) -> list[Step]:
    """Draw one step that moves forward or starts a new attempt, or nothing."""
    trigger = draw(st.sampled_from(triggers))
    source = "INITIALIZING" if trigger == "submit" else draw(st.sampled_from(sketch.live))
    dest = "DONE" if trigger == "finish" else draw(st.sampled_from(list(sketch.status)))
    if trigger == "submit" and dest in ("INITIALIZING", *FINALS):
        return []
    back = ORDER[sketch.status[dest]] < ORDER[sketch.status[source]]
    again = dest not in FINALS and trigger != "submit" and draw(st.integers(0, 3)) == 0
    return [Step(trigger, source, dest, new_attempt=back or again)]


def _told_apart(sketch: Sketch, calls: _Calls) -> Sketch:
    """Let every branch of a trigger from one source have its chance, or drop it.

    All but the last need conditions, and none may ask everything that an earlier one asks.
    """
    last: dict[tuple[str, str], Step] = {}
    for step in sketch.steps:
        last[step.trigger, step.source] = step
    own: list[Step] = []
    for step in sketch.own:
        here = step.trigger, step.source
        branch = step
        if step.source != ANYWHERE and last[here] is not step:
            if not calls.can_guard:
                continue
            branch = calls.guarded(step)
        earlier = [_asks(each) for each in own if (each.trigger, each.source) == here]
        if not any(asks <= _asks(branch) for asks in earlier):
            own.append(branch)
    return replace(sketch, own=tuple(own))


def _asks(step: Step) -> set[tuple[Callback, bool]]:
    return {(name, True) for name in step.conditions} | {(name, False) for name in step.unless}


def _repaired(draw: st.DrawFn, sketch: Sketch) -> Sketch:
    """Add what is missing: a way to every state, and a way on to DONE."""
    added = []
    here = sketch
    for number, name in enumerate(sketch.status):
        if here.way("INITIALIZING", {name}, None) is None:
            earlier = [
                each
                for each in here.live
                if ORDER[here.status[each]] <= ORDER[here.status[name]]
                and here.way("INITIALIZING", {each}, None) is not None
            ]
            added.append(Step(f"enter_{number}", draw(st.sampled_from(earlier)), name))
        elif name in here.live and here.way(name, {"DONE"}, None) is None:
            added.append(Step(f"leave_{number}", name, "DONE"))
        else:
            continue
        here = replace(sketch, own=(*sketch.own, *added))
    # A state that has a way to it now may still lack the way on.
    return here if here is sketch else _repaired(draw, here)


def for_slow_examples(max_examples: int, **more: Any) -> settings:
    """Return settings for tests that make a class, or explore schedules, for every example.

    A failure is shown as it was drawn: to shrink it would take minutes.
    """
    return settings(
        max_examples=max_examples,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
        **more,
    )


# What backends say.


def observations(
    job_class: type[BaseJob[Any]], *, max_attempt: int = 3
) -> st.SearchStrategy[Observation]:
    """Draw reports that a class understands: states, statuses and words, late or early.

    Args:
        job_class: The class.
        max_attempt: The highest attempt that a report may name.
    """
    places = [*JobStatus, *job_class.lifecycle.states, *job_class.status_map]
    # The bounds have to be naive.
    bounds = datetime(1971, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001
    instants = st.datetimes(*bounds, timezones=st.just(UTC))
    return st.builds(
        Observation,
        st.sampled_from(places),
        st.none() | instants,
        st.none() | st.integers(1, max_attempt),
        st.none() | st.sampled_from([*MARKUP, ValueError("no tool"), RuntimeError()]),
    )


def faults(*, max_size: int = 6) -> st.SearchStrategy[dict[str, list[Fault | None]]]:
    """Draw what goes wrong with the questions of a `FaultyBackend`: a list for each of them.

    Args:
        max_size: How many questions of a kind may be hit; further ones are answered as they are.
    """

    def some(question: str) -> st.SearchStrategy[list[Fault | None]]:
        fitting = sorted(FITTING[question])
        # Often nothing is wrong, so that what went wrong before has its consequences.
        return st.lists(st.sampled_from([None, None, *fitting]), max_size=max_size)

    return st.fixed_dictionaries({question: some(question) for question in FITTING})


def unknown_words(job_class: type[BaseJob[Any]]) -> st.SearchStrategy[Any]:
    """Draw words that a class does not know, many of them nearly right."""
    known = [str(word) for word in (*JobStatus, *job_class.status_map)]
    near = [
        change(word) for word in known for change in (str, str.lower, str.title, lambda w: w + " ")
    ]
    odd = [
        None,
        True,
        0,
        7,
        1.5,
        b"DONE",
        ["DONE"],
        {"status": "DONE"},
        object(),
        State,
        "SUSPENDED",
    ]
    words = st.sampled_from([*near, *odd]) | st.text(max_size=8)
    return words.filter(lambda word: _unknown(job_class, word))


def _unknown(job_class: type[BaseJob[Any]], word: object) -> bool:
    try:
        return word not in job_class.status_map
    except TypeError:
        return True


# Ids.

NASTY_IDS = (
    *("'; DROP TABLE jobs; --", "../../etc/passwd", "C:\\con", "/dev/null", "<script>x</script>"),
    *(
        "a\"b'c",
        "%s %n {0}",
        "-rf",
        "~",
        " ",
        "0",
        "None",
        "名前",
        "שלום",
        "مرحبا",
        "🧪",
        "e\u0301",
    ),
    *("x" * 255, "job|id", "`id`", "$(id)", "a;b&&c", "{{7*7}}", "=1+1"),
)


def nasty_ids() -> st.SearchStrategy[str]:
    """Draw ids that must be taken and kept as they are, however awkward."""
    characters = st.characters(exclude_categories=["C", "Z"]).filter(str.isprintable)
    return st.sampled_from(NASTY_IDS) | st.text(characters, min_size=1, max_size=255)


def ids_that_cannot_be_read() -> st.SearchStrategy[str]:
    """Draw texts that must be refused as ids: with what cannot be printed, empty, too long."""
    control = st.characters(categories=["Cc", "Cf", "Cs", "Cn", "Zl", "Zp"])
    spoilt = st.tuples(st.text("ab", max_size=3), control, st.text("ab", max_size=3)).map("".join)
    return spoilt | st.sampled_from(["", "x" * 256, "x" * 1_000_000, "a\x00b", "a\u200fb"])


def ids_of_other_types() -> st.SearchStrategy[Any]:
    """Draw what is no text and must be refused as an id."""
    return st.none() | st.integers() | st.floats() | st.binary() | st.lists(st.text(), max_size=2)
