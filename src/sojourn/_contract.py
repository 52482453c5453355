"""What every job class must keep, checked when the class is created.

A caller who treats any job as a `BaseJob` relies on six rules (the design calls them the
contract). Each check yields sentences, and all of them are gathered, so that an author sees every
mistake at once, each with its way out.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Hashable, Iterator, Mapping

from sojourn._resolving import Declarations, Resolution, closest, is_final, nearest
from sojourn.errors import LifecycleError
from sojourn.lifecycle import Edge, JobStatus, Lifecycle, State, Transition

__all__ = ["prove"]

_RANK = {status: rank for rank, status in enumerate(JobStatus)}
_HOOKS = (
    "_submit",
    "_poll",
    "_cancel",
    "_fetch_result",
    "_find",
    "_arguments",
    "_pack_result",
    "_unpack_result",
)
_ERROR_LISTS = ("uncertain_errors", "transient_errors")
_STEP_NAMES = {"submit": "accepted", "cancel": "stopped"}


def prove(
    owner: type, declared: Declarations, status_map: object, root: type | None
) -> tuple[Lifecycle, dict[Hashable, State | JobStatus]]:
    """Check a class against the contract.

    Args:
        owner: The class, for the look-up of its callbacks.
        declared: Its declarations, those of its bases included.
        status_map: Its map from raw words to states.
        root: The class whose names no declaration may hide: `BaseJob`, or ``None`` for itself.

    Returns:
        The lifecycle, and the status map with every place resolved.

    Raises:
        LifecycleError: The class breaks a rule; the error names every problem.
    """
    resolved = Resolution(declared, status_map)
    problems = tuple(dict.fromkeys(_Proof(owner, declared, resolved, root).run()))
    if problems:
        raise LifecycleError(owner.__name__, problems)
    return resolved.lifecycle, resolved.words


class _Proof:
    """One run of all checks over one class."""

    def __init__(
        self, owner: type, declared: Declarations, resolved: Resolution, root: type | None
    ) -> None:
        self.owner = owner
        self.declared = declared
        self.states = resolved.states
        self.aliases = resolved.aliases
        self.lifecycle = resolved.lifecycle
        self.unknown = resolved.unknown
        self.root = root
        self.triggers_of_root = getattr(root, "_sj_declared", {}).keys()
        self.reserved = frozenset(dir(root) if root else ()) - self.triggers_of_root

    def run(self) -> Iterator[str]:
        yield from self._base_states()
        yield from self._other_states()
        yield from self.unknown
        yield from self._forward_only()
        yield from self._final_is_final()
        yield from self._reachable()
        yield from self._always_possible("fail", "ERROR")
        yield from self._always_possible("cancel", "CANCELLED")
        yield from self._one_place()
        yield from self._joined()
        yield from self._names()
        yield from self._callbacks()
        yield from self._hooks()
        yield from self._settings()

    # Rule 1: the six base states, and what the others stand for.

    def _base_states(self) -> Iterator[str]:
        for name, value in self.declared.lost.items():
            found = "removed" if value is None else f"hidden by {value!r:.60}"
            if name in JobStatus.__members__:
                yield f"the base state {name} is {found}; every job keeps the six base states"
            else:
                yield f"the state {name} is {found}; give the attribute another name"
        for status in JobStatus:
            state = self.states.get(status.value)
            if state is not None and state.status is not status:
                yield (
                    f"{status} stands for {state.status}, but a base state stands for its own "
                    "status; give your state another name"
                )

    def _other_states(self) -> Iterator[str]:
        for name, state in self.declared.states.items():
            if name in self.aliases:
                yield f"{self.aliases[name]} and {name} are one State object; write State(…) for each"
            elif not isinstance(state.status, JobStatus):
                hint = nearest(state.status, JobStatus.__members__)
                yield f"{name} stands for {state.status!r}, which is no JobStatus; {hint}"
            elif name not in JobStatus.__members__ and state.status.is_final:
                yield (
                    f"{name} stands for {state.status}, but {state.status} is one state; "
                    f"let {name} stand for RUNNING, or use {state.status} itself"
                )

    # Rules 2 and 3: forward only, and final is final.

    def _forward_only(self) -> Iterator[str]:
        for edge in self.lifecycle.transitions:
            known = isinstance(edge.source.status, JobStatus) and isinstance(
                edge.dest.status, JobStatus
            )
            back = known and _RANK[edge.dest.status] < _RANK[edge.source.status]
            if back and not edge.new_attempt and not is_final(edge.source):
                yield (
                    f"'{edge.trigger}' leads back from {edge.source.name} to {edge.dest.name}, "
                    "but a job only moves forward; declare new_attempt=True if it is a requeue"
                )
            if edge.new_attempt and is_final(edge.dest):
                yield (
                    f"'{edge.trigger}' starts a new attempt but leads to {edge.dest.name}, which "
                    "is final; drop new_attempt=True"
                )

    def _final_is_final(self) -> Iterator[str]:
        for edge in self.lifecycle.transitions:
            if is_final(edge.source):
                yield (
                    f"'{edge.trigger}' leaves {edge.source.name}, but final is final; requeue "
                    "before the job is over, or submit a new job"
                )

    # Rule 4: everything can be reached.

    def _reachable(self) -> Iterator[str]:
        onward: dict[str, set[str]] = {name: set() for name in self.states}
        back: dict[str, set[str]] = {name: set() for name in self.states}
        for edge in self.lifecycle.transitions:
            onward[edge.source.name].add(edge.dest.name)
            back[edge.dest.name].add(edge.source.name)
        reached, arriving = _closure("INITIALIZING", onward), _closure("DONE", back)
        for name, state in self.states.items():
            if name not in reached:
                yield f"{name} can never be reached; declare a Transition that leads to it"
            if name not in arriving and not is_final(state):
                yield (
                    f"DONE can never be reached from {name}; declare a way on, such as "
                    f"finish = BaseJob.finish | Transition({name}, JobStatus.DONE)"
                )

    def _always_possible(self, trigger: str, goal: str) -> Iterator[str]:
        for name, state in self.states.items():
            edges = [
                edge
                for edge in self.lifecycle.transitions
                if edge.trigger == trigger and edge.source.name == name
            ]
            if not edges and not is_final(state):
                yield (
                    f"'{trigger}' is not possible in {name}, but it must lead to {goal} from every "
                    "state that is not final; declare it with ACTIVE as its source"
                )
            for edge in edges:
                if edge.dest.name != goal:
                    yield (
                        f"'{trigger}' leads from {name} to {edge.dest.name}, but it always leads "
                        f"to {goal}; give the other way a trigger of its own"
                    )
                if edge.conditional:
                    yield (
                        f"'{trigger}' has conditions in {name}, but it is always possible; "
                        "drop them, or give the guarded way a trigger of its own"
                    )

    # Rule 5: one trigger in one state leads to one place.

    def _one_place(self) -> Iterator[str]:
        branches: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.lifecycle.transitions:
            branches.setdefault((edge.trigger, edge.source.name), []).append(edge)
        for (trigger, source), edges in branches.items():
            if not all(edge.conditional for edge in edges[:-1]):
                places = " and ".join(dict.fromkeys(edge.dest.name for edge in edges))
                yield (
                    f"'{trigger}' leads from {source} to {places} with nothing to tell its "
                    f"{len(edges)} branches apart; give all but the last conditions= or unless="
                )
                continue
            for number, edge in enumerate(edges):
                if (first := _stronger(edges[:number], edge)) is not None:
                    yield (
                        f"'{trigger}' never takes its branch from {source} to {edge.dest.name}, "
                        f"because the one to {first.dest.name} comes first and asks no more; "
                        "give them conditions that tell them apart"
                    )

    def _joined(self) -> Iterator[str]:
        for attributes in self.declared.steps.values():
            for name, transition in attributes.items():
                named = dict.fromkeys(
                    each.trigger if each.trigger is not None else each.attribute
                    for each in transition.branches
                    if each is not transition
                )
                triggers = [str(each) for each in named if each]
                if len(triggers) > 1:
                    yield (
                        f"'{name}' joins branches of '{triggers[0]}' and '{triggers[1]}'; join "
                        "branches of one trigger, and declare the other under an attribute of its own"
                    )

    # Rule 6: names and callbacks.

    def _names(self) -> Iterator[str]:
        for name in self.declared.states:
            yield from self._name(name, "a state")
        for trigger, attributes in self.declared.steps.items():
            for name in attributes:
                yield from self._name(name, "a transition", trigger)
            if not _is_name(trigger):
                yield f"the trigger name {trigger!r} is no identifier; rename it"
            elif trigger in self.reserved - {"submit", "cancel"} and trigger not in attributes:
                yield f"the trigger name '{trigger}' is a method of BaseJob; rename it"
        for name, value in vars(self.owner).items():
            if self._hides(name, value):
                yield f"'{name}' would hide what BaseJob defines under that name; rename it"

    def _name(self, name: str, what: str, trigger: str = "") -> Iterator[str]:
        if not _is_name(name):
            yield f"the name {name!r} of {what} is no identifier; rename it"
        elif name in self.reserved or (not trigger and self._is_trigger_of_root(name)):
            hint = "rename it"
            if trigger in _STEP_NAMES:
                hint = (
                    "declare the step under another attribute: "
                    f"{_STEP_NAMES[trigger]} = Transition(…, trigger='{trigger}')"
                )
            yield f"'{name}' would hide what BaseJob defines under that name; {hint}"

    def _is_trigger_of_root(self, name: str) -> bool:
        return name in self.triggers_of_root and name not in JobStatus.__members__

    def _hides(self, name: str, value: object) -> bool:
        """Whether a plain value stands where `BaseJob` has a method; methods may override it."""
        if name.startswith("__") or isinstance(value, State | Transition):
            return False
        found = inspect.getattr_static(self.root, name, None) if name in self.reserved else None
        if isinstance(found, property):
            return not hasattr(type(value), "__set__")
        if callable(value) or hasattr(value, "__get__"):
            return name.startswith("_sj_")
        if self._is_trigger_of_root(name):
            return value is not None
        return name == "lifecycle" or hasattr(found, "__get__")

    def _callbacks(self) -> Iterator[str]:
        for state in self.states.values():
            for role in ("on_enter", "on_exit"):
                for callback in getattr(state, role):
                    yield from self._callback(callback, f"{role} of {state.name}")
        for edge in self.lifecycle.transitions:
            for role in ("conditions", "unless", "before", "after"):
                for callback in getattr(edge, role):
                    yield from self._callback(callback, f"{role} of '{edge.trigger}'")

    def _hooks(self) -> Iterator[str]:
        for name in _HOOKS:
            found = inspect.getattr_static(self.owner, name, None)
            function = getattr(found, "__func__", found)
            if callable(function) and _is_coroutine(function):
                yield (
                    f"the hook '{name}' is a coroutine, which nobody would await; make it a plain "
                    "function, which is called without the job's lock and may block"
                )

    def _settings(self) -> Iterator[str]:
        for name in _ERROR_LISTS:
            value = getattr(self.owner, name, ())
            if not isinstance(value, tuple) or not all(
                isinstance(each, type) and issubclass(each, BaseException) for each in value
            ):
                yield f"{name} is {value!r:.60}; write a tuple of exception classes"

    def _callback(self, callback: object, where: str) -> Iterator[str]:
        named = isinstance(callback, str)
        if isinstance(callback, str):
            found = inspect.getattr_static(self.owner, callback, None)
            if not _is_name(callback) or found is None:
                known = [name for name in dir(self.owner) if not name.startswith("__")]
                yield f"{where} names '{callback}', which is no method; {self._near(callback, known)}"
                return
            if isinstance(found, State | Transition) or callback in self.declared.steps:
                yield f"{where} names '{callback}', which is declared, not a method; name a method"
                return
            bound = hasattr(type(found), "__get__") and not isinstance(found, staticmethod)
            if not _takes_an_event(found, method=bound):
                yield (
                    f"{where} names '{callback}', which cannot be called with one event; "
                    f"write def {callback}(self, event)"
                )
                return
            callback = getattr(found, "__func__", found)
            if not callable(callback) and hasattr(type(found), "__get__"):
                return  # a property or another descriptor: what it gives is known only then
        if not callable(callback):
            yield f"{where} is {callback!r}, which cannot be called; give a method name or a callable"
        elif _is_coroutine(callback):
            yield (
                f"{where} is the coroutine {_called(callback)}, which "
                "nobody would await; make it a plain function, or follow job.changes()"
            )
        elif not named and not _takes_an_event(callback, method=False):
            yield (
                f"{where} is {_called(callback)}, which cannot be called with one event; "
                "give it one parameter"
            )

    def _near(self, name: str, known: list[str]) -> str:
        guess = closest(name, known)
        return f"define it in {self.owner.__name__}" if guess is None else f"did you mean {guess}?"


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)


def _is_coroutine(callback: Callable[..., object]) -> bool:
    call = getattr(callback, "__call__", None)  # noqa: B004  # an object may have an async __call__
    return any(
        test(each)
        for test in (
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
            inspect.isgeneratorfunction,
        )
        for each in (callback, call)
    )


def _called(callback: object) -> str:
    return repr(getattr(callback, "__name__", callback))


def _takes_an_event(found: object, *, method: bool) -> bool:
    """Whether a callback can be called with one event; what cannot be told counts as a yes."""
    wrapped = isinstance(found, staticmethod | classmethod)
    function = getattr(found, "__func__", found) if wrapped else found
    if not callable(function):
        return True
    try:
        inspect.signature(function, follow_wrapped=False).bind(
            *([None, None] if method else [None])
        )
    except TypeError:
        return False
    except ValueError:
        return True  # some builtins do not tell
    return True


def _stronger(earlier: list[Edge], edge: Edge) -> Edge | None:
    """Return a branch that is always taken where ``edge`` would be."""
    for first in earlier:
        asked = all(each in edge.conditions for each in first.conditions)
        if asked and all(each in edge.unless for each in first.unless):
            return first
    return None


def _closure(start: str, steps: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting.extend(steps.get(here, ()))
    return reached
