"""Hypothesis strategies for job classes, for what backends say about jobs, and for awkward ids.

A job class is drawn as a `Sketch`: plain data, which `declare` turns into a class. What the sketch
allows is worked out here from the data alone, by nothing that sojourn has, so a sketch is also the
oracle of the class that is made from it. A table written by hand becomes a sketch through
`Sketch.by_hand`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from sojourn import ACTIVE, BaseJob, JobStatus, Observation, State, Transition

__all__ = [
    "FINALS",
    "ORDER",
    "Node",
    "Sketch",
    "Step",
    "declare",
    "for_slow_examples",
    "ids_of_other_types",
    "ids_that_cannot_be_read",
    "job_classes",
    "job_ids",
    "lifecycles",
    "observations",
    "unknown_words",
]

Callback = str | Callable[..., object]
Callbacks = tuple[Callback, ...]

#: The statuses, and how far a job is with each.
ORDER = {"INITIALIZING": 0, "QUEUED": 1, "RUNNING": 2, "DONE": 3, "ERROR": 3, "CANCELLED": 3}
FINALS = ("DONE", "ERROR", "CANCELLED")


class Step(NamedTuple):
    """One branch of one trigger, from one source."""

    trigger: str
    source: str
    dest: str
    conditions: Callbacks = ()
    unless: Callbacks = ()
    before: Callbacks = ()
    after: Callbacks = ()
    new_attempt: bool = False

    @property
    def guarded(self) -> bool:
        return bool(self.conditions or self.unless)


#: What every job class begins with; written by hand.
BASE_STEPS = (
    Step("submit", "INITIALIZING", "QUEUED"),
    Step("start", "QUEUED", "RUNNING"),
    Step("finish", "RUNNING", "DONE"),
)


class Node(NamedTuple):
    """One state that a class declares: one of its own, or one of the six anew."""

    name: str
    status: str
    description: str = ""
    on_enter: Callbacks = ()
    on_exit: Callbacks = ()


@dataclass(frozen=True)
class Sketch:
    """A lifecycle as plain data.

    Attributes:
        nodes: The states that the class declares.
        own: The steps that it declares. Those from `ANYWHERE` start in every state that is not
            final, their destination excluded.
        extended: Triggers of the base class to which ``own`` only adds, in front.
        words: The ``status_map``: raw words and names of states; ``None`` inherits the map.
        spelling: How places are named in the class statement: 0 by objects, 1 by statuses where
            that is possible, 2 by names.
    """

    nodes: tuple[Node, ...] = ()
    own: tuple[Step, ...] = ()
    extended: frozenset[str] = frozenset()
    words: Mapping[Any, str] | None = None
    spelling: int = 0
    #: Replaces all that is worked out below, where the table was written by hand.
    given: tuple[Step, ...] = field(default=(), repr=False)

    @classmethod
    def by_hand(
        cls,
        table: Mapping[tuple[str, str], str],
        statuses: Mapping[str, str],
        words: Mapping[Any, str] | None = None,
    ) -> Sketch:
        """Make the oracle of a class from a table ``{(state, trigger): dest}``.

        Args:
            table: All steps of the class; one called ``requeue`` starts a new attempt.
            statuses: What its own states stand for.
            words: Its ``status_map``.
        """
        steps = tuple(
            Step(trigger, source, dest, new_attempt=trigger == "requeue")
            for (source, trigger), dest in table.items()
        )
        nodes = tuple(Node(name, status) for name, status in statuses.items())
        return cls(nodes, words=words, given=steps)

    # What the class allows.

    @cached_property
    def status(self) -> dict[str, str]:
        """The status that each state stands for."""
        return {name: name for name in ORDER} | {node.name: node.status for node in self.nodes}

    @cached_property
    def live(self) -> tuple[str, ...]:
        """The states that are not final."""
        return tuple(name for name in self.status if name not in FINALS)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps, those of the base class included."""
        if self.given:
            return self.given
        own = [each for step in self.own for each in self._everywhere(step)]
        replaced = {step.trigger for step in own} - self.extended
        kept = [step for step in BASE_STEPS if step.trigger not in replaced]
        ends = [
            Step(trigger, source, dest)
            for trigger, dest in (("fail", "ERROR"), ("cancel", "CANCELLED"))
            for source in self.live
        ]
        return (*own, *kept, *ends)

    def _everywhere(self, step: Step) -> list[Step]:
        if step.source != ANYWHERE:
            return [step]
        return [step._replace(source=name) for name in self.live if name != step.dest]

    @cached_property
    def triggers(self) -> tuple[str, ...]:
        """All triggers."""
        return tuple(dict.fromkeys(step.trigger for step in self.steps))

    @cached_property
    def _leaving(self) -> dict[str, list[Step]]:
        leaving: dict[str, list[Step]] = {name: [] for name in self.status}
        for step in self.steps:
            leaving[step.source].append(step)
        return leaving

    def branches(self, state: str, trigger: str) -> list[Step]:
        """Return the branches of a trigger in a state, in the order in which they are tried."""
        return [step for step in self._leaving[state] if step.trigger == trigger]

    def allowed(self, state: str) -> set[str]:
        """Return the triggers with a step out of a state."""
        return {step.trigger for step in self._leaving[state]}

    def ways(
        self, source: str, goals: Iterable[str], attempts: int | None = 0
    ) -> list[tuple[Step, ...]]:
        """Return all shortest paths to one of ``goals``.

        Args:
            source: Where they start.
            goals: Where they may end.
            attempts: How many new attempts they start; ``None`` for any number.
        """
        wanted = set(goals)
        level: dict[tuple[str, int], list[tuple[Step, ...]]] = {(source, 0): [()]}
        seen = set(level)
        while level:
            arrived = [ways for here, ways in level.items() if _arrived(here, wanted, attempts)]
            if arrived:
                return [way for ways in arrived for way in ways]
            onward: dict[tuple[str, int], list[tuple[Step, ...]]] = {}
            for (state, begun), ways in level.items():
                for step in self._leaving[state]:
                    there = step.dest, begun + (step.new_attempt and attempts is not None)
                    if there not in seen and there[1] <= (attempts or 0):
                        onward.setdefault(there, []).extend((*way, step) for way in ways)
            seen |= onward.keys()
            level = onward
        return []

    def way(
        self, source: str, goals: Iterable[str], attempts: int | None = 0
    ) -> tuple[Step, ...] | None:
        """Return one of `ways`, or ``None``."""
        return next(iter(self.ways(source, goals, attempts)), None)

    # What becomes of reports.

    def verdicts(
        self, state: str, attempt: int, goals: Iterable[str], reported: int | None
    ) -> set[str]:
        """Return the outcomes that a report may have.

        It is mostly one. Where the words "behind" and "contradicts" both fit, there are two, and
        both drop the report.

        Args:
            state: Where the job is.
            attempt: In which attempt.
            goals: Names of the states that agree with the report.
            reported: The attempt that the report names, if it does.
        """
        goals = set(goals)
        final = goals <= set(FINALS)
        ahead = 0 if reported is None else reported - attempt
        if ahead < 0:
            return {"STALE"} if state not in FINALS else {"STALE", "UNCHANGED", "CONFLICT"}
        if state in FINALS:
            return self._verdicts_when_over(state, goals, final, ahead)
        if ahead == 0 and state in goals:
            return {"UNCHANGED"}
        if self.way(state, goals, ahead) is not None:
            return {"ADVANCED"}
        if ahead > 0:
            return {"CONFLICT"}
        if any(self.way(goal, {state}) for goal in goals):
            return {"STALE"}
        # Earlier as callers see it, but on no way that leads here.
        earlier = all(ORDER[self.status[goal]] < ORDER[self.status[state]] for goal in goals)
        return {"STALE", "CONFLICT"} if earlier else {"CONFLICT"}

    def _verdicts_when_over(self, state: str, goals: set[str], final: bool, ahead: int) -> set[str]:
        if ahead == 0:
            return {"UNCHANGED"} if state in goals else {"CONFLICT" if final else "STALE"}
        if state in goals:
            return {"UNCHANGED", "STALE", "CONFLICT"}
        return {"CONFLICT"} if final else {"STALE", "CONFLICT"}

    def goals(self, raw: object) -> set[str] | None:
        """Return the names of the states that agree with a raw word; ``None`` if it is unknown."""
        words = {name: name for name in ORDER} if self.words is None else self.words
        if isinstance(raw, State):
            return {raw.name} if raw.name in self.status else None
        if not isinstance(raw, JobStatus):
            try:
                raw = words[raw]
            except (KeyError, TypeError):
                return None
        if raw in ORDER:  # as a word's meaning, these six are statuses
            return {name for name, status in self.status.items() if status == raw}
        return {str(raw)}


def _arrived(here: tuple[str, int], wanted: set[str], attempts: int | None) -> bool:
    return here[0] in wanted and here[1] == (attempts or 0)


#: As the source of a step: every state that is not final, the destination excluded.
ANYWHERE = "ANYWHERE"


# Drawing.

#: Names that are unusual, and names that a generated function might have used for itself.
STATE_NAMES = ("VALIDATING", "SETUP", "Held", "größer", "状態", "_quiet", "state_1", "INSPECTING")
TRIGGER_NAMES = (
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
def lifecycles(
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
    """Draw job classes that are sound by construction; the options are those of `lifecycles`."""
    return lifecycles(**options).map(declare)


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


# Making a class of it.


def declare(
    sketch: Sketch, *bases: type, name: str = "Generated", **body: Any
) -> type[BaseJob[Any]]:
    """Make the job class of a sketch.

    Args:
        sketch: What it declares.
        bases: Classes to derive from besides `BaseJob`; they carry the callbacks.
        name: Name of the class.
        body: Further attributes of the class.
    """
    body |= {
        node.name: State(
            JobStatus[node.status], node.description, on_enter=node.on_enter, on_exit=node.on_exit
        )
        for node in sketch.nodes
    }
    declared: dict[str, Any] = {}
    # Steps that differ by their source only are written as one transition.
    for look, steps in groupby(sketch.own, lambda step: step._replace(source="")):
        transition = Transition(
            [_place(sketch, body, step.source) for step in steps],
            _place(sketch, body, look.dest),
            trigger=look.trigger if look.trigger == "submit" else None,
            conditions=look.conditions,
            unless=look.unless,
            before=look.before,
            after=look.after,
            new_attempt=look.new_attempt,
        )
        known = declared.get(look.trigger)
        declared[look.trigger] = transition if known is None else known | transition
    for trigger in sketch.extended & declared.keys():
        base = Transition("INITIALIZING", "QUEUED") if trigger == "submit" else None
        declared[trigger] |= base or getattr(BaseJob, trigger)
    if "submit" in declared:  # `submit` itself is a method
        declared["handed_over"] = declared.pop("submit")
    if sketch.words is not None:
        declared["status_map"] = {
            word: JobStatus[place] if place in ORDER else place
            for word, place in sketch.words.items()
        }
    return type(BaseJob)(name, (*bases, BaseJob), body | declared)


def _place(sketch: Sketch, body: Mapping[str, Any], name: str) -> Any:
    if name == ANYWHERE:
        return ACTIVE
    if sketch.spelling == 1 and name in ORDER:
        return JobStatus[name]
    if sketch.spelling == 2:
        return name
    return body[name] if name in body else getattr(BaseJob, name)


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


def job_ids() -> st.SearchStrategy[str]:
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
