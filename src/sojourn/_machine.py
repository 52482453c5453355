"""The only importer of `transitions`: names go in, compiled tables come out.

There is one `transitions.Machine` per job class. It is the source of truth for what may happen
and in which order callbacks run; no model is ever registered with it. The tables are derived
from the finished machine, and nothing else, so a transition of a job costs a look-up instead of
the 77 calls that `transitions` needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from inspect import getattr_static
from itertools import chain
from types import CodeType, FunctionType
from typing import Any

from transitions.core import Condition, EventData, Machine, State, Transition
from transitions.core import Event as MachineEvent

__all__ = ["Event", "JobMachine", "Plan", "build", "compile_tables"]

Callback = str | Callable[..., object]
Tables = dict[str, dict[str, tuple["Plan", ...]]]


class _Edge(Transition):
    """A transition that remembers whether it starts a new attempt."""

    def __init__(self, *args: Any, new_attempt: bool, **kwargs: Any) -> None:
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
            for edge in chain.from_iterable(event.transitions.values()):
                for role in ("prepare", "conditions", "before", "after"):
                    setattr(edge, role, tuple(getattr(edge, role)))
        for state in self.states.values():
            for role in ("on_enter", "on_exit"):
                setattr(state, role, tuple(getattr(state, role)))
        self._frozen = True

    def add_model(self, *_: Any, **__: Any) -> None:
        """Refuse: a job holds its own state."""
        raise _refusal("register a model")

    def add_states(self, *args: Any, **kwargs: Any) -> None:
        """Refuse once frozen."""
        if self._frozen:
            raise _refusal("add a state")
        super().add_states(*args, **kwargs)

    def add_transition(self, *args: Any, **kwargs: Any) -> None:
        """Refuse once frozen."""
        if self._frozen:
            raise _refusal("add a transition")
        super().add_transition(*args, **kwargs)

    def remove_transition(self, *_: Any, **__: Any) -> None:
        """Refuse: building a machine only adds to it."""
        raise _refusal("remove a transition")


def _refusal(what: str) -> TypeError:
    return TypeError(f"the machine of a job class cannot {what}; declare it in the class body")


def build(
    states: Iterable[dict[str, Any]], edges: Iterable[dict[str, Any]], initial: str
) -> JobMachine:
    """Build and freeze the machine of one job class.

    Args:
        states: What `transitions.State` takes, for each state; the first stands first in drawings.
        edges: What ``add_transition`` takes, and ``new_attempt``, for each source and branch, in
            the order in which they are tried.
        initial: Name of the state in which a job is born.
    """
    machine = JobMachine(
        model=None,
        states=list(states),
        initial=initial,
        send_event=True,
        auto_transitions=False,
        queued=False,
    )
    for edge in edges:
        machine.add_transition(**edge)
    machine.freeze()
    return machine


class Plan:
    """One branch, compiled: where it leads and what has to be called on the way.

    Attributes:
        trigger: Name of the trigger.
        source: Name of the state it leaves.
        dest: Name of the state it enters.
        new_attempt: Whether it starts a new attempt.
        condition: Asks the conditions; ``None`` where there are none.
        take: Asks the conditions and takes the step; tells whether it did.
        walk: Takes the step without asking.
        calls: Whether anything is called on the way.
        bare: Nothing to call at all, and no new attempt.
        transition: The transition of the machine that this was compiled from.
        machine: That machine.
    """

    __slots__ = (
        "bare",
        "calls",
        "condition",
        "dest",
        "machine",
        "new_attempt",
        "source",
        "take",
        "transition",
        "trigger",
        "walk",
    )

    def __init__(self, owner: type, machine: JobMachine, trigger: str, edge: _Edge) -> None:
        """Compile ``edge`` for jobs of the class ``owner``."""
        assert edge.dest is not None  # no internal transitions: a declaration names its dest
        leaving, entering = machine.get_state(edge.source), machine.get_state(edge.dest)
        self.trigger = trigger
        self.source = edge.source
        self.dest = edge.dest
        self.machine = machine
        self.transition = edge
        self.new_attempt = edge.new_attempt
        script = _Script(owner)
        tests = script.tests(edge.conditions)
        steps = [
            *script.calls([*edge.before, *leaving.on_exit]),
            "job._sj_settle(event)",
            *script.calls([*entering.on_enter, *edge.after]),
        ]
        asked = [f"if not ({' and '.join(tests)}): return False"] if tests else []
        self.condition = script.compile([f"return {' and '.join(tests)}"]) if tests else None
        self.take = script.compile([*asked, *steps, "return True"])
        self.walk = script.compile(steps)
        self.calls = bool(tests or len(steps) > 1)
        self.bare = not (self.calls or self.new_attempt)


class Event(EventData):
    """What a declared callback receives; the fields are those of `transitions.EventData`.

    Attributes:
        model: The job.
        args: Positional arguments of the trigger.
        kwargs: Keyword arguments of the trigger.
        inferred: Whether the step was only inferred from what a backend reported later.
    """

    __slots__ = ("args", "changed", "fact", "inferred", "kwargs", "model", "origin", "plan")

    # The fields that are rarely asked for are worked out on demand: most callbacks look at
    # ``model``, ``args`` and ``kwargs`` only.
    error = None
    result = False

    def __init__(
        self,
        job: object,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        origin: Any = "trigger",
    ) -> None:
        """Keep what is known before a branch is chosen."""
        self.model = job
        self.args = args
        self.kwargs = kwargs  # type: ignore[assignment]  # the stub says dict
        self.origin = origin
        self.inferred = False
        self.changed = False
        self.fact: Any = None  # what the record will say, where that is known beforehand
        self.plan: Plan = None  # type: ignore[assignment]  # set before anybody sees the event

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


def compile_tables(machine: JobMachine, owner: type) -> Tables:
    """Derive the tables ``{trigger: {source: branches in order}}`` from a machine.

    Args:
        machine: A finished machine; `build` makes one.
        owner: The class on which callback names are looked up.
    """
    return {
        trigger: {
            # The stub knows `transition_cls` for a name only.
            source: tuple(Plan(owner, machine, trigger, edge) for edge in edges)  # type: ignore[arg-type]
            for source, edges in event.transitions.items()
        }
        for trigger, event in machine.events.items()
    }


class _Script:
    """Writes the callbacks of one branch as code.

    Names stay names in it, so that a method replaced on the class or on one job is the one that
    is called, exactly as `transitions` does it. The change itself is the job's `_sj_settle`.
    """

    def __init__(self, owner: type) -> None:
        self.owner = owner
        self.names: dict[str, Any] = {"ask": _ask}

    def tests(self, conditions: list[Condition]) -> list[str]:
        """Return an expression for each condition."""
        # `transitions` compares with == and not by truth, so a condition that answers None is
        # neither a yes for ``conditions`` nor a no for ``unless``.
        return [f"{self.call(each.func)} == {each.target}" for each in conditions]

    def calls(self, callbacks: Iterable[Any]) -> list[str]:
        """Return a statement for each callback."""
        return [self.call(each) for each in callbacks]

    def call(self, callback: Any) -> str:
        """Return the call of one callback."""
        if not isinstance(callback, str):
            name = f"f{len(self.names)}"
            self.names[name] = callback
            return f"{name}(event)"
        found = getattr_static(self.owner, callback, None)
        if isinstance(found, FunctionType | staticmethod | classmethod):
            return f"job.{callback}(event)"
        return f"ask(job, {callback!r}, event)"

    def compile(self, lines: list[str]) -> Callable[[Any, Event], Any]:
        """Compile a function of the job and the event."""
        body = "".join(f"\n    {line}" for line in lines)
        exec(_compiled(f"def run(job, event):{body}"), self.names)  # noqa: S102  # checked identifiers
        run: Callable[[Any, Event], Any] = self.names.pop("run")
        return run


@lru_cache(maxsize=1_000)
def _compiled(source: str) -> CodeType:
    # Most branches of most classes have nothing to call, and the same code.
    return compile(source, "<transition>", "exec")


def _ask(job: object, name: str, event: Event) -> object:
    # `transitions` takes the value of a property for the answer.
    found = getattr(job, name)
    return found(event) if callable(found) else found
