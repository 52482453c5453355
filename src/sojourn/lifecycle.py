"""What may happen: statuses, states, transitions, and the frozen lifecycle of a job class."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, overload

from sojourn import _machine

if TYPE_CHECKING:
    # A type variable with a default needs Python 3.13 or this package, which type checkers bring.
    from typing_extensions import TypeVar

    Call_co = TypeVar(
        "Call_co", bound=Callable[..., bool], default=Callable[..., bool], covariant=True
    )
else:
    from typing import TypeVar

    Call_co = TypeVar("Call_co", covariant=True)

__all__ = ["ACTIVE", "Edge", "JobStatus", "Lifecycle", "State", "Transition"]

Callback = str | Callable[[Any], object]
Callbacks = Callback | Iterable[Callback]


class JobStatus(StrEnum):
    """What every caller of every job can rely on.

    The members are strings: ``job.status() == "DONE"`` holds too.

    Example:
        >>> JobStatus.DONE.is_final, JobStatus.RUNNING.is_final
        (True, False)
    """

    INITIALIZING = "INITIALIZING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether there is no way out of it."""
        return self in (JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED)


class _Active(Enum):
    ACTIVE = "ACTIVE"

    def __repr__(self) -> str:
        return self.value

    __str__ = __repr__


ACTIVE: Final = _Active.ACTIVE
"""As a source: every state that is not final, those of subclasses included, but the destination."""


def _callbacks(given: Callbacks) -> tuple[Callback, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)


@dataclass(frozen=True, init=False, repr=False)
class State:
    """A node of a job class's machine; its name is the name of its class attribute.

    Attributes:
        name: Name of the attribute it was declared under.
        status: The status it stands for.
        description: What it means, in a few words; shown in drawings and documentation.
        on_enter: Callbacks after the change into it.
        on_exit: Callbacks before the change out of it.

    Example:
        >>> class PrinterJob(BaseJob):
        ...     HEATING = State(JobStatus.QUEUED, "the nozzle is warming up")
        ...     heat = Transition(JobStatus.QUEUED, HEATING)
        ...     start = BaseJob.start | Transition(HEATING, JobStatus.RUNNING)
        >>> PrinterJob.HEATING
        <State HEATING (QUEUED)>
    """

    name: str
    status: JobStatus
    description: str
    on_enter: tuple[Callback, ...]
    on_exit: tuple[Callback, ...]

    def __init__(
        self,
        status: JobStatus,
        description: str = "",
        *,
        on_enter: Callbacks = (),
        on_exit: Callbacks = (),
    ) -> None:
        """Declare a state; whether it is sound is checked with its class."""
        fix = object.__setattr__
        fix(self, "name", "")
        fix(self, "status", status)
        fix(self, "description", description)
        fix(self, "on_enter", _callbacks(on_enter))
        fix(self, "on_exit", _callbacks(on_exit))

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the name of the first attribute; the check of the class reports a second one."""
        if not self.name:
            object.__setattr__(self, "name", name)

    @property
    def is_final(self) -> bool:
        """Whether there is no way out of it."""
        return self.status.is_final

    def __repr__(self) -> str:
        """Show name and status."""
        return f"<State {self.name or '(unnamed)'} ({self.status})>"


Place = State | JobStatus | str
Source = Place | Literal[_Active.ACTIVE]


@dataclass(frozen=True, init=False, repr=False)
class Transition(Generic[Call_co]):
    """A declared edge, or several joined by ``|``; fires when its name is called on a job.

    Vocabulary and order of the callbacks are those of the `transitions` package: conditions and
    unless, before, on_exit, *change*, on_enter, after. A callback is a method name or a
    callable, not a coroutine; it receives one event, whose ``model`` is the job.

    ``a | b`` joins branches: the first whose conditions hold is taken.

    Attributes:
        branches: The single edges, in order; of one that is not joined, itself.
        source: Where it starts, as given, always as a tuple.
        dest: Where it leads, as given.
        trigger: Name of its trigger; ``None`` means the name of its attribute.
        conditions: All must answer ``True``.
        unless: All must answer ``False``.
        before: Called before the change; may refuse it by raising.
        after: Called after the change.
        new_attempt: Whether it starts a new attempt, and so may lead back.
        description: What it means, in a few words.
        attribute: Name of the attribute it was declared under; ``""`` for a part of another.

    Example:
        >>> class PrinterJob(BaseJob):
        ...     requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)
        >>> PrinterJob.requeue
        Transition(RUNNING -> QUEUED, new_attempt=True)
    """

    source: tuple[Source, ...]
    dest: Place
    trigger: str | None
    conditions: tuple[Callback, ...]
    unless: tuple[Callback, ...]
    before: tuple[Callback, ...]
    after: tuple[Callback, ...]
    new_attempt: bool
    description: str
    attribute: str = field(compare=False)
    _joined: tuple[Transition[Any], ...]

    def __init__(
        self,
        source: Source | Iterable[Source],
        dest: Place,
        *,
        trigger: str | None = None,
        conditions: Callbacks = (),
        unless: Callbacks = (),
        before: Callbacks = (),
        after: Callbacks = (),
        new_attempt: bool = False,
        description: str = "",
    ) -> None:
        """Declare an edge; whether it is sound is checked with its class."""
        fix = object.__setattr__
        lone = isinstance(source, State | str | _Active) or not isinstance(source, Iterable)
        fix(self, "source", (source,) if lone else tuple(source))  # type: ignore[arg-type]
        fix(self, "dest", dest)
        fix(self, "trigger", trigger)
        fix(self, "conditions", _callbacks(conditions))
        fix(self, "unless", _callbacks(unless))
        fix(self, "before", _callbacks(before))
        fix(self, "after", _callbacks(after))
        fix(self, "new_attempt", new_attempt)
        fix(self, "description", description)
        fix(self, "attribute", "")
        fix(self, "_joined", ())

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember the first attribute that it was declared under."""
        if not self.attribute:
            object.__setattr__(self, "attribute", name)

    @property
    def branches(self) -> tuple[Transition[Any], ...]:
        """The single edges, in the order in which they are tried."""
        return self._joined or (self,)

    def __or__(self, other: Transition[Any]) -> Transition:
        """Join the branches of two declarations of one trigger, this one's first."""
        if not isinstance(other, Transition):
            return NotImplemented
        first = self.branches[0]
        joined: Transition = Transition(
            first.source,
            first.dest,
            trigger=other.trigger if self.trigger is None else self.trigger,
            conditions=first.conditions,
            unless=first.unless,
            before=first.before,
            after=first.after,
            new_attempt=first.new_attempt,
            description=first.description,
        )
        object.__setattr__(joined, "_joined", self.branches + other.branches)
        return joined

    if TYPE_CHECKING:
        # A job class holds compiled functions in the place of its declarations, and gives the
        # declaration when the class is asked; these two say so to type checkers.
        @overload
        def __get__(self, job: None, owner: type | None = None) -> Self: ...
        @overload
        def __get__(self, job: object, owner: type | None = None) -> Call_co: ...
        def __get__(self, job: object, owner: type | None = None) -> Any: ...

    def __repr__(self) -> str:
        """Show where it leads, and what is not the default."""
        return " | ".join(each._show() for each in self.branches)

    def _show(self) -> str:
        names = [place.name if isinstance(place, State) else str(place) for place in self.source]
        source = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        dest = self.dest.name if isinstance(self.dest, State) else str(self.dest)
        shown = ("trigger", "conditions", "unless", "before", "after", "new_attempt")
        given = [
            f", {name}={value!r}" for name in shown if (value := getattr(self, name)) or value == ""
        ]
        return f"Transition({source} -> {dest}{''.join(given)})"


@dataclass(frozen=True)
class Edge:
    """One branch of one trigger from one source, with everything resolved.

    Attributes:
        trigger: Name of the trigger that takes it.
        source: State that it leaves.
        dest: State that it enters.
        conditions: All must answer ``True``.
        unless: All must answer ``False``.
        before: Called before the change.
        after: Called after the change.
        new_attempt: Whether it starts a new attempt.
        description: What it means, in a few words.
    """

    trigger: str
    source: State
    dest: State
    conditions: tuple[Callback, ...] = ()
    unless: tuple[Callback, ...] = ()
    before: tuple[Callback, ...] = ()
    after: tuple[Callback, ...] = ()
    new_attempt: bool = False
    description: str = ""

    @property
    def conditional(self) -> bool:
        """Whether something may say no to it."""
        return bool(self.conditions or self.unless)

    def __repr__(self) -> str:
        """Show the step."""
        return f"<Edge {self.trigger}: {self.source.name} -> {self.dest.name}>"


@dataclass(frozen=True)
class Lifecycle:
    """The frozen declaration of one job class: equal by value, proven when the class was made.

    Attributes:
        states: All states, the six base states first, then in order of declaration.
        transitions: All edges, one for each source and branch, in order of declaration.

    Example:
        >>> [edge.trigger for edge in BaseJob.lifecycle.path("INITIALIZING", "DONE")]
        ['submit', 'start', 'finish']
    """

    states: tuple[State, ...]
    transitions: tuple[Edge, ...]
    _names: Mapping[str, State] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the states."""
        object.__setattr__(self, "_names", {state.name: state for state in self.states})

    @property
    def initial(self) -> State:
        """The state in which every job is born."""
        return self._names[JobStatus.INITIALIZING.value]

    @property
    def finals(self) -> tuple[State, ...]:
        """The states without a way out."""
        return tuple(state for state in self.states if state.is_final)

    @cached_property
    def machine(self) -> _machine.JobMachine:
        """The `transitions` machine itself, frozen, with no model registered."""
        return _machine.build(
            (
                {
                    "name": each.name,
                    "final": each.is_final,
                    "on_enter": list(each.on_enter),
                    "on_exit": list(each.on_exit),
                }
                for each in self.states
            ),
            (
                {
                    "trigger": each.trigger,
                    "source": each.source.name,
                    "dest": each.dest.name,
                    "conditions": list(each.conditions),
                    "unless": list(each.unless),
                    "before": list(each.before),
                    "after": list(each.after),
                    "new_attempt": each.new_attempt,
                }
                for each in self.transitions
            ),
            self.initial.name,
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show a notebook the picture of this lifecycle."""
        # Drawing knows lifecycles, and not the other way round: only a notebook that looks brings it in.
        bundle: dict[str, str] = import_module("sojourn.drawing").mimebundle(self)
        return bundle

    def state(self, place: Place) -> State:
        """Return the state that ``place`` names.

        Raises:
            KeyError: There is no such state here.
        """
        name = place.name if isinstance(place, State) else str(place)
        return self._names[name]

    def triggers(self, state: Place) -> tuple[str, ...]:
        """Return the names of the triggers with an edge out of ``state``, as declared."""
        source = self.state(state).name
        found = (edge.trigger for edge in self.transitions if edge.source.name == source)
        return tuple(dict.fromkeys(found))

    def path(self, source: Place, dest: Place) -> tuple[Edge, ...] | None:
        """Return the shortest legal path; among several, the one declared first.

        Returns:
            The edges in order: ``()`` from a state to itself, ``None`` where there is no path.
        """
        return self.search(self.state(source).name, {self.state(dest).name})

    def search(
        self, source: str, goals: Collection[str], attempts: int | None = None
    ) -> tuple[Edge, ...] | None:
        """Return the shortest path from one state to any of several, all given by name.

        Breadth first, so that among paths of one length the edges declared first win.

        Args:
            source: Where to start.
            goals: Where the path may end.
            attempts: How many new attempts the path starts; ``None`` for any number.
        """
        start, wanted = (source, 0), attempts or 0
        came: dict[tuple[str, int], tuple[tuple[str, int], Edge] | None] = {start: None}
        waiting: deque[tuple[str, int]] = deque([start])
        while waiting:
            here = name, begun = waiting.popleft()
            if name in goals and begun == wanted:
                return _trace(came, here)
            for edge in self._leaving.get(name, ()):
                begins = edge.new_attempt and attempts is not None
                there = (edge.dest.name, begun + begins)
                if there not in came and there[1] <= wanted:
                    came[there] = here, edge
                    waiting.append(there)
        return None

    @cached_property
    def _leaving(self) -> dict[str, list[Edge]]:
        leaving: dict[str, list[Edge]] = {}
        for edge in self.transitions:
            leaving.setdefault(edge.source.name, []).append(edge)
        return leaving


def _trace(
    came: Mapping[tuple[str, int], tuple[tuple[str, int], Edge] | None], end: tuple[str, int]
) -> tuple[Edge, ...]:
    path: list[Edge] = []
    step = came[end]
    while step is not None:
        before, edge = step
        path.append(edge)
        step = came[before]
    return tuple(reversed(path))
