"""The only importer of `transitions`: names go in, compiled tables come out.

There is one `transitions.Machine` per job class. It is the source of truth for what may happen
and in which order callbacks run; no model is ever registered with it. The tables are derived
from the finished machine, and nothing else, so a transition of a job costs a look-up instead of
the 77 calls that `transitions` needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from types import FunctionType
from typing import Any, NamedTuple

from transitions.core import Condition, EventData, Machine, State, Transition
from transitions.core import Event as MachineEvent

__all__ = ["Event", "JobMachine", "Plan", "build", "compile_tables"]

Callback = str | Callable[..., object]
Runner = Callable[[Any, "Event"], object]
Tables = dict[str, dict[str, tuple["Plan", ...]]]


class StateSpec(NamedTuple):
    """What the machine has to know of a state."""

    name: str
    final: bool
    on_enter: tuple[Callback, ...]
    on_exit: tuple[Callback, ...]


class EdgeSpec(NamedTuple):
    """What the machine has to know of one branch from one source."""

    trigger: str
    source: str
    dest: str
    conditions: tuple[Callback, ...]
    unless: tuple[Callback, ...]
    before: tuple[Callback, ...]
    after: tuple[Callback, ...]
    new_attempt: bool


class _Edge(Transition):
    """A transition that remembers whether it starts a new attempt."""

    def __init__(self, *args: Any, new_attempt: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.new_attempt = new_attempt


class JobMachine(Machine):
    """A `transitions` machine that nobody changes once it is built.

    The tables of the jobs are derived from it, so a later change would split the rules in two.
    """

    transition_cls = _Edge
    _frozen = False

    def freeze(self) -> None:
        """Refuse changes from now on."""
        for event in self.events.values():
            # A defaultdict makes an illegal trigger legal as soon as somebody has looked it up.
            event.transitions = dict(event.transitions)  # type: ignore[assignment]
        self._frozen = True

    def _refuse(self, what: str) -> None:
        if self._frozen:
            raise TypeError(
                f"the machine of a job class cannot {what}; declare it in the class body"
            )

    def add_model(self, model: Any, initial: Any = None) -> None:
        """Refuse: a job holds its own state."""
        self._refuse("register a model")
        super().add_model(model, initial)

    def add_states(self, *args: Any, **kwargs: Any) -> None:
        """Refuse once frozen."""
        self._refuse("add a state")
        super().add_states(*args, **kwargs)

    def add_transition(self, *args: Any, **kwargs: Any) -> None:
        """Refuse once frozen."""
        self._refuse("add a transition")
        super().add_transition(*args, **kwargs)

    def remove_transition(self, *args: Any, **kwargs: Any) -> None:
        """Refuse once frozen."""
        self._refuse("remove a transition")
        super().remove_transition(*args, **kwargs)


def build(states: Iterable[StateSpec], edges: Iterable[EdgeSpec], initial: str) -> JobMachine:
    """Build and freeze the machine of one job class.

    Args:
        states: Its states; the first stands first in drawings.
        edges: One for each source and branch, in the order in which they are tried.
        initial: Name of the state in which a job is born.
    """
    machine = JobMachine(
        model=None,
        states=[
            {
                "name": state.name,
                "final": state.final,
                "on_enter": list(state.on_enter),
                "on_exit": list(state.on_exit),
            }
            for state in states
        ],
        initial=initial,
        send_event=True,
        auto_transitions=False,
        queued=False,
    )
    for edge in edges:
        machine.add_transition(
            edge.trigger,
            edge.source,
            edge.dest,
            conditions=list(edge.conditions),
            unless=list(edge.unless),
            before=list(edge.before),
            after=list(edge.after),
            new_attempt=edge.new_attempt,
        )
    machine.freeze()
    return machine


class Plan:
    """One branch, compiled: where it leads and what has to be called on the way.

    Attributes:
        trigger: Name of the trigger.
        source: Name of the state it leaves.
        dest: Name of the state it enters.
        new_attempt: Whether it starts a new attempt.
        condition: Runs the conditions; ``None`` where there are none.
        before: Runs what `transitions` runs before the change; ``None`` where that is nothing.
        after: Runs what `transitions` runs after the change; ``None`` where that is nothing.
        calls: Whether anything is called on the way.
        bare: Nothing to call at all, and no new attempt.
        transition: The transition of the machine that this was compiled from.
        machine: That machine.
    """

    __slots__ = (
        "after",
        "bare",
        "before",
        "calls",
        "condition",
        "dest",
        "machine",
        "new_attempt",
        "source",
        "transition",
        "trigger",
    )

    def __init__(self, owner: type, machine: Machine, trigger: str, edge: Transition) -> None:
        """Compile ``edge`` for jobs of the class ``owner``."""
        assert edge.dest is not None  # no internal transitions: a declaration names its dest
        leaving, entering = machine.get_state(edge.source), machine.get_state(edge.dest)
        self.trigger = trigger
        self.source = edge.source
        self.dest = edge.dest
        self.machine = machine
        self.transition = edge
        self.new_attempt: bool = getattr(edge, "new_attempt", False)
        self.condition = _condition(owner, edge.conditions)
        self.before = _sequence(owner, [*edge.before, *leaving.on_exit])
        self.after = _sequence(owner, [*entering.on_enter, *edge.after])
        self.calls = bool(self.condition or self.before or self.after)
        self.bare = not (self.calls or self.new_attempt)


class Event(EventData):
    """What a declared callback receives; the fields are those of `transitions.EventData`.

    Attributes:
        model: The job.
        args: Positional arguments of the trigger.
        kwargs: Keyword arguments of the trigger.
        inferred: Whether the step was only inferred from what a backend reported later.
    """

    __slots__ = ("args", "changed", "inferred", "kwargs", "model", "plan")

    # The fields that are rarely asked for are worked out on demand: most callbacks look at
    # ``model``, ``args`` and ``kwargs`` only.
    error = None
    result = False

    def __init__(
        self, job: object, args: tuple[Any, ...], kwargs: Mapping[str, Any], inferred: bool
    ) -> None:
        """Keep what is known before a branch is chosen."""
        self.model = job
        self.args = args
        self.kwargs = kwargs  # type: ignore[assignment]  # the stub says dict
        self.inferred = inferred
        self.plan: Plan = None  # type: ignore[assignment]  # set before anybody sees the event
        self.changed = False

    @property
    def machine(self) -> Machine:  # type: ignore[override]
        """The machine of the job's class."""
        return self.plan.machine

    @property
    def transition(self) -> Transition:  # type: ignore[override]
        """The transition being tried or taken."""
        return self.plan.transition

    @property
    def event(self) -> MachineEvent:  # type: ignore[override]
        """The trigger, as the machine knows it."""
        return self.plan.machine.events[self.plan.trigger]

    @property
    def state(self) -> State:  # type: ignore[override]
        """The source before the change, the destination after it."""
        name = self.plan.dest if self.changed else self.plan.source
        return self.plan.machine.get_state(name)

    def __repr__(self) -> str:
        """Name the step."""
        plan = self.plan
        return f"<Event {plan.trigger!r} {plan.source} -> {plan.dest} of {self.model!r}>"


def compile_tables(machine: Machine, owner: type) -> Tables:
    """Derive the tables ``{trigger: {source: branches in order}}`` from a machine.

    Args:
        machine: A finished machine; `build` makes one.
        owner: The class on which callback names are looked up.
    """
    return {
        trigger: {
            source: tuple(Plan(owner, machine, trigger, edge) for edge in edges)
            for source, edges in event.transitions.items()
        }
        for trigger, event in machine.events.items()
    }


def _condition(owner: type, conditions: list[Condition]) -> Callable[[Any, Event], bool] | None:
    # `transitions` compares with == and not by truth, so a condition that answers None is
    # neither a yes for ``conditions`` nor a no for ``unless``.
    functions = [each.func for each in conditions]
    calls = [_call(owner, each, number) for number, each in enumerate(functions)]
    tests = [f"{call} == {each.target}" for call, each in zip(calls, conditions, strict=True)]
    return _generate(f"return {' and '.join(tests)}", functions) if tests else None


def _sequence(owner: type, callbacks: list[Any]) -> Runner | None:
    calls = [_call(owner, each, number) for number, each in enumerate(callbacks)]
    return _generate("; ".join(calls), callbacks) if calls else None


def _call(owner: type, callback: Any, number: int) -> str:
    if not isinstance(callback, str):
        return f"f{number}(event)"
    found = getattr_static(owner, callback, None)
    if isinstance(found, FunctionType | staticmethod | classmethod):
        return f"job.{callback}(event)"
    return f"ask(job, {callback!r}, event)"


def _ask(job: object, name: str, event: Event) -> object:
    # `transitions` takes the value of a property for the answer.
    found = getattr(job, name)
    return found(event) if callable(found) else found


def _generate(body: str, callbacks: list[Any]) -> Callable[[Any, Event], Any]:
    # Names stay names in the generated code, so that a method replaced on the class or on one
    # job is the one that is called, exactly as `transitions` does it.
    names: dict[str, Any] = {f"f{number}": each for number, each in enumerate(callbacks)}
    names["ask"] = _ask
    exec(f"def run(job, event):\n    {body}\n", names)  # noqa: S102  # names are identifiers
    run: Callable[[Any, Event], Any] = names["run"]
    return run
