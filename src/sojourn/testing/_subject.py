"""The class under test: how jobs of it are made, whose hooks they have, and what it should allow."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from sojourn.errors import SojournError
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, State, Transition
from sojourn.testing._calls import HOOKS, Desk
from sojourn.testing._doubles import QUESTIONS, ScriptedBackend
from sojourn.testing._model import Model
from sojourn.testing._sketches import Node, Sketch, Step

__all__ = ["Expected", "FactoryError", "Setup", "Subject"]

#: Where each trigger leads from each state; a sequence names the branches in their order.
Expected = Mapping[tuple[Any, str], Any]

JOB_ID: Final = "job-1"


class FactoryError(SojournError):
    """No job can be made of the class under test; the message says what to write instead."""


class Subject:
    """A job class that is to be proven.

    Args:
        cls: The class.
        factory: Makes a new job, with nothing done to it yet.
        expected: Where its triggers should lead, by hand; ``None`` reads the declared edges.

    Raises:
        TypeError: The class is not a job class, the factory cannot be called, or the table is none.
        ValueError: ``expected`` names states that the class does not have, or lacks what every has.
        FactoryError: The factory fails, or does not make new jobs.
    """

    def __init__(
        self,
        cls: type[BaseJob[Any]],
        factory: Callable[[], Any] | None = None,
        expected: Expected | None = None,
    ) -> None:
        """Look at the class, and make two jobs to see whether that works."""
        check_class(cls)
        if factory is not None and not callable(factory):
            raise TypeError(
                f"a factory must be callable, not {factory!r:.80}; "
                f"write factory=lambda: {cls.__name__}(backend, 'job-1')"
            )
        self.cls = cls
        self.factory = factory
        self.derived: dict[tuple[type, frozenset[str]], type] = {}
        self.sketch = read(cls, expected)
        self.triggers = methods(cls, self.sketch)
        first, second = self.make(), self.make()
        if first is second:
            raise FactoryError(
                f"the factory of {cls.__name__} returned the same job twice; "
                "make a new job with every call, as a lambda does"
            )
        if _share_a_place(first, second):
            raise FactoryError(
                f"the factory of {cls.__name__} keeps two jobs under one id in the same journal; "
                "give each job a journal or an id of its own"
            )
        self.own_hooks = frozenset(
            name for name in QUESTIONS if _overridden(type(first), f"_{name}")
        )
        # Nobody knows what hooks do that were not given a backend of their own: start a real job,
        # perhaps. They run only if a factory says that they ask a script.
        self.scripted = factory is not None and isinstance(first._sj_backend, ScriptedBackend)
        if self.scripted and first._sj_backend is second._sj_backend:
            raise FactoryError(
                f"the factory of {cls.__name__} gives two jobs the same ScriptedBackend, so that each "
                "would go on in the script of the other; make a new backend for every job, too"
            )

    def make(self) -> Any:
        """Make a new job, and see that it is one.

        Raises:
            FactoryError: It is not.
        """
        cls, name = self.cls, self.cls.__name__
        try:
            job = cls(Desk(), JOB_ID) if self.factory is None else self.factory()
        except Exception as error:
            if self.factory is None:
                raise FactoryError(
                    f"{name} cannot be made as {name}(backend, 'job-1'): {error}; "
                    f"give factory=lambda: {name}(…) that makes a new job"
                ) from error
            raise FactoryError(
                f"the factory of {name} failed: {type(error).__name__}: {error}; "
                "it must make a new job with every call"
            ) from error
        if not isinstance(job, cls):
            raise FactoryError(
                f"the factory of {name} returned {job!r:.80}; it must return a new {name}"
            )
        if job._sj_last[3] is not None or job._sj_facts is not None:
            stands = "submitted" if job._sj_last[3] is None else job.state.name
            raise FactoryError(
                f"the factory of {name} returned a job that is {stands} already; "
                "it must return one that nobody has submitted"
            )
        return job

    def with_hooks(self, job: Any, hooks: Collection[str]) -> Any:
        """Put the kit's hooks in the place of a job's own: those given ask, the others are not there."""
        kind = type(job), frozenset(hooks)
        derived = self.derived.get(kind)
        if derived is None:
            derived = self.derived[kind] = _derive(*kind)
        job.__class__ = derived
        return job


class Setup:
    """One way to set up jobs of a class: with the kit's hooks, with none, or with its own.

    Attributes:
        name: What it is, for people.
        hooks: The hooks that the jobs have.
        model: What must come of every call.
        stops: What the backend says when it is asked to stop a job.
    """

    def __init__(
        self,
        subject: Subject,
        name: str,
        hooks: Collection[str],
        *,
        stops: bool | None = True,
        own: bool = False,
    ) -> None:
        """Work out what must come of every call."""
        self.subject = subject
        self.name = name
        self.hooks = frozenset(hooks)
        self.stops = stops
        self.own = own
        self.model = Model(subject.sketch, self.hooks, stops=stops)

    def make(self, desk: Any = None) -> tuple[Any, Any]:
        """Return a new job, and the backend that its hooks ask.

        Args:
            desk: That backend; a new one, if it is not given.
        """
        job = self.subject.make()
        if self.own:
            desk = job._sj_backend
        else:
            desk = desk or Desk()
            _DESKS[id(job)] = desk
            weakref.finalize(job, _DESKS.pop, id(job), None).atexit = False
            self.subject.with_hooks(job, self.hooks)
        desk.stops = self.stops
        return job, desk


#: Whom the kit's hooks of a job ask, by the identity of the job: it may have no place to keep it.
_DESKS: dict[int, ScriptedBackend] = {}


def _hook(question: str) -> Callable[[Any], Any]:
    return lambda job: _DESKS[id(job)].ask(question, job)


_ASKING: Final = {question: _hook(question) for question in QUESTIONS}


def _derive(cls: type, hooks: frozenset[str]) -> type:
    """Derive a class of the same layout and name, with the kit's hooks."""
    missing = {f"_{name}": _root_hook(f"_{name}") for name in set(HOOKS) - hooks}
    body = {f"_{name}": _ASKING[name] for name in hooks} | missing
    body |= {"__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return type(cls)(cls.__name__, (cls,), body)


def _root_hook(name: str) -> Any:
    """Return the hook of the root, which stands for none at all."""
    return getattr(BaseJob, name)


def _share_a_place(first: Any, second: Any) -> bool:
    one, two = first._sj_book(), second._sj_book()
    if one is None or two is None:
        return False
    return one.journal is two.journal and first.job_id() == second.job_id()


def _overridden(cls: type, name: str) -> bool:
    return getattr(cls, name) is not getattr(BaseJob, name)


def check_class(cls: object) -> None:
    """Refuse what is not a job class.

    Raises:
        TypeError: It is not.
    """
    if isinstance(cls, BaseJob):
        name = type(cls).__name__
        raise TypeError(f"the kit checks a class, not a job; give it {name} and not {cls!r:.80}")
    if not (isinstance(cls, type) and issubclass(cls, BaseJob)):
        name = cls.__name__ if isinstance(cls, type) else "YourJob"
        raise TypeError(
            f"the kit checks job classes, and {cls!r:.80} is none; "
            f"write class {name}(BaseJob), an empty body is enough"
        )
    if cls is BaseJob:
        raise TypeError("BaseJob is abstract; give a class that derives from it")


def read(cls: type[BaseJob[Any]], expected: Expected | None) -> Sketch:
    """Read off the declared edges, or a table written by hand, what a class should allow.

    Raises:
        TypeError: The table is none.
        ValueError: It names states that the class does not have, or lacks what every class has.
    """
    lifecycle = cls.lifecycle
    nodes = tuple(Node(state.name, state.status.value) for state in lifecycle.states)
    declared = tuple(
        Step(
            edge.trigger,
            edge.source.name,
            edge.dest.name,
            conditions=edge.conditions,
            unless=edge.unless,
            new_attempt=edge.new_attempt,
        )
        for edge in lifecycle.transitions
    )
    words = dict(cls.status_map)
    if expected is None:
        return Sketch(nodes, words=words, given=declared, ordered=True)
    return Sketch(nodes, words=words, given=_by_hand(cls, expected, declared), ordered=True)


def _by_hand(
    cls: type[BaseJob[Any]], expected: Expected, declared: Iterable[Step]
) -> tuple[Step, ...]:
    if not isinstance(expected, Mapping):
        raise TypeError(
            f"expected is {{(state, trigger): dest}}, and {expected!r:.80} is no such table"
        )
    known = {step[:3]: step for step in declared}
    names = {state.name for state in cls.lifecycle.states}
    steps: list[Step] = []
    for key, dests in expected.items():
        if not (isinstance(key, tuple) and len(key) == 2):
            raise ValueError(
                f"expected is {{(state, trigger): dest}}, and {key!r:.80} is no such key"
            )
        source, trigger = _name(key[0]), str(key[1])
        branches = [dests] if isinstance(dests, str | State) else dests
        if not isinstance(branches, Iterable):
            raise TypeError(
                f"expected leads from {key!r:.80} to {dests!r:.80}; give the name of a state, or "
                "leave out what the class should refuse"
            )
        for dest in map(_name, branches):
            if unknown := {source, dest} - names:
                raise ValueError(
                    f"expected names {', '.join(sorted(unknown))}, and {cls.__name__} has no such "
                    f"state; its states are {', '.join(sorted(names))}"
                )
            # What guards a step and whether it begins an attempt is not in the table.
            step = known.get((trigger, source, dest))
            steps.append(step or Step(trigger, source, dest, new_attempt=_again(cls, source, dest)))
    _has_what_every_job_has(cls, steps)
    order = list(known.values())
    # Branches are tried, and ways of one length chosen, in the order of declaration.
    return tuple(sorted(steps, key=lambda s: order.index(s) if s in order else len(order)))


def _has_what_every_job_has(cls: type[BaseJob[Any]], steps: Iterable[Step]) -> None:
    live = [state.name for state in cls.lifecycle.states if not state.status.is_final]
    needed = {("INITIALIZING", "submit")}
    needed |= {(source, trigger) for source in live for trigger in ("fail", "cancel")}
    if missing := sorted(needed - {(step.source, step.trigger) for step in steps}):
        raise ValueError(
            f"expected lacks {', '.join(map(str, missing))}; every job can be submitted, and fail "
            "and be cancelled until it is over, so write that down, too"
        )


def _again(cls: type[BaseJob[Any]], source: str, dest: str) -> bool:
    """Whether a step leads back, which only a new attempt may."""
    order = list(JobStatus)
    here, there = (cls.lifecycle.state(name).status for name in (source, dest))
    return order.index(there) < order.index(here) and not there.is_final


def _name(place: object) -> str:
    return place.name if isinstance(place, State) else str(place)


def methods(cls: type[BaseJob[Any]], sketch: Sketch) -> dict[str, tuple[str, bool]]:
    """Return the method that fires each trigger, and whether it takes a payload."""
    found: dict[str, str] = {}
    for attribute in dir(cls):
        value = getattr(cls, attribute, None)
        if isinstance(value, Transition):
            found.setdefault(value.trigger or attribute, attribute)
    for trigger in sketch.triggers:
        # A method of the author's own may stand in its place.
        if trigger not in found and callable(getattr(cls, trigger, None)):
            found[trigger] = trigger
    dests = {name: {s.dest for s in sketch.steps if s.trigger == name} for name in sketch.triggers}
    return {
        trigger: (attribute, dests[trigger] in ({"DONE"}, {"ERROR"}))
        for trigger, attribute in found.items()
        if trigger in dests
        and trigger not in ("submit", "cancel")
        and not attribute.startswith("__")
    }
