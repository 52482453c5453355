"""What a job class allows, as plain data that says it without anything else of sojourn.

A `Sketch` is the oracle of a class: written by hand, read off the class's declared edges, or drawn.
What may come of a report is worked out here from that data alone, by nothing that a job uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from sojourn._declaring import JobMeta
from sojourn.job import BaseJob
from sojourn.lifecycle import ACTIVE, JobStatus, State, Transition

__all__ = [
    "ANYWHERE",
    "BASE_STEPS",
    "FINALS",
    "ORDER",
    "Callback",
    "Callbacks",
    "Node",
    "Sketch",
    "Step",
    "declare",
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
    words: Mapping[Any, Any] | None = None
    spelling: int = 0
    #: Replaces all that is worked out below, where the table was written by hand.
    given: tuple[Step, ...] | None = field(default=None, repr=False)
    #: Whether the steps stand in the order of declaration, which decides among ways of one length.
    ordered: bool = False

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
        if self.given is not None:
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
        key = source, frozenset(goals), attempts
        known = self._known_ways.get(key)
        if known is None:
            known = self._known_ways[key] = self._ways(*key)
        return known

    @cached_property
    def _known_ways(self) -> dict[Any, list[tuple[Step, ...]]]:
        return {}

    def _ways(
        self, source: str, wanted: frozenset[str], attempts: int | None
    ) -> list[tuple[Step, ...]]:
        level: dict[tuple[str, int], list[tuple[Step, ...]]] = {(source, 0): [()]}
        seen = set(level)
        while level:
            arrived = [ways for here, ways in level.items() if _arrived(here, wanted, attempts)]
            if arrived:
                ways = [way for ways in arrived for way in ways]
                return ways[:1] if self.ordered else ways
            onward: dict[tuple[str, int], list[tuple[Step, ...]]] = {}
            for (state, begun), ways in level.items():
                for step in self._leaving[state]:
                    there = step.dest, begun + (step.new_attempt and attempts is not None)
                    if there not in seen and there[1] <= (attempts or 0):
                        if self.ordered and there in onward:
                            continue
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
        if isinstance(raw, State):
            return {raw.name}
        if raw in ORDER:  # as a word's meaning, these six are statuses
            return {name for name, status in self.status.items() if status == raw}
        return {str(raw)}


def _arrived(here: tuple[str, int], wanted: frozenset[str], attempts: int | None) -> bool:
    return here[0] in wanted and here[1] == (attempts or 0)


#: As the source of a step: every state that is not final, the destination excluded.
ANYWHERE = "ANYWHERE"


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
    made: Any = JobMeta(name, (*bases, BaseJob), body | declared)
    return made  # type: ignore[no-any-return]


def _place(sketch: Sketch, body: Mapping[str, Any], name: str) -> Any:
    if name == ANYWHERE:
        return ACTIVE
    if sketch.spelling == 1 and name in ORDER:
        return JobStatus[name]
    if sketch.spelling == 2:
        return name
    return body[name] if name in body else getattr(BaseJob, name)
