"""How a class statement becomes a job class: collect, prove, compile, and close.

Instances find generated functions where the declarations stood, which Python calls fastest; the
class itself gives the declarations back, so that a subclass can extend them.
"""

from __future__ import annotations

from abc import ABCMeta
from inspect import getattr_static
from types import FunctionType, MappingProxyType
from typing import Any

from sojourn._contract import prove
from sojourn._resolving import Declarations
from sojourn._rules import Rules
from sojourn._triggers import compile_trigger
from sojourn.errors import LifecycleError
from sojourn.lifecycle import State, Transition

__all__ = ["JobMeta"]


class JobMeta(ABCMeta):
    """The class of all job classes.

    Raises:
        LifecycleError: From the ``class`` statement, naming every problem of the declaration.
    """

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> JobMeta:
        """Create the class, or say what is wrong with it."""
        cls = super().__new__(mcls, name, bases, namespace, **options)
        declared = Declarations()
        for each in reversed(cls.__mro__):
            declared.add(each.__dict__.get("_sj_declared", each.__dict__))
        lifecycle, words = prove(cls, declared, cls.status_map, _root(cls))
        fix = type.__setattr__
        own = {k: v for k, v in namespace.items() if v is None or isinstance(v, State | Transition)}
        fix(cls, "_sj_declared", own)
        fix(cls, "lifecycle", lifecycle)
        if "status_map" in namespace:
            # What it says was resolved now; a later change of the dictionary would be ignored.
            fix(cls, "status_map", MappingProxyType(dict(namespace["status_map"])))
        rules = Rules(cls, lifecycle, words)
        if all(not isinstance(base, JobMeta) for base in bases):
            rules.birth = None  # the root of all job classes is abstract
        fix(cls, "_sj_rules", rules)
        _install(cls, rules, declared)
        return cls

    def __getattribute__(cls, name: str) -> Any:
        """Give the declaration where an instance finds the compiled trigger."""
        value = super().__getattribute__(name)
        if type(value) is FunctionType:
            return value.__dict__.get("_sj_declaration", value)
        return value

    def __setattr__(cls, name: str, value: Any) -> None:
        """Refuse to change a lifecycle that is proven; anything else may be replaced."""
        cls._sj_refuse_change(name, value)
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        """Refuse to change a lifecycle that is proven; anything else may be deleted."""
        cls._sj_refuse_change(name, None)
        super().__delattr__(name)

    def _sj_refuse_change(cls, name: str, value: object) -> None:
        found = cls.__dict__.get(name)
        declared = isinstance(found, State) or hasattr(found, "_sj_declaration")
        if declared or name in ("lifecycle", "status_map") or isinstance(value, State | Transition):
            problem = f"{name} is set after the class was proven; declare it in a class body"
            raise LifecycleError(cls.__name__, (problem,))


class _Removed:
    """Stands where a subclass has removed a declaration with ``= None``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, job: object, owner: type) -> Any:
        raise AttributeError(f"{owner.__name__} has removed {self.name!r}")


def _root(cls: type) -> type | None:
    """Return the root of all job classes, or ``None`` for the root itself."""
    root = [each for each in cls.__mro__ if isinstance(each, JobMeta)][-1]
    return None if root is cls else root


def _install(cls: JobMeta, rules: Rules, declared: Declarations) -> None:
    """Put the generated functions in their places."""
    fast = {}
    for trigger, attributes in declared.steps.items():
        fast[trigger] = compile_trigger(cls, rules, trigger, trigger)
        for name, transition in attributes.items():
            found = getattr_static(cls, name)
            # A method of the author's own in this place is an ordinary override; it comes here
            # through super().
            if isinstance(found, Transition) or hasattr(found, "_sj_declaration"):
                function = compile_trigger(cls, rules, trigger, name)
                function._sj_declaration = transition  # type: ignore[attr-defined]
                type.__setattr__(cls, name, function)
    rules.fast = fast
    rules.commands = {
        trigger: compile_trigger(cls, rules, trigger, trigger, command=True)
        for trigger in ("submit", "cancel")
        if trigger in rules.tables
    }
    for name, state in rules.states.items():
        if isinstance(cls.__dict__.get(name), State):
            # One State object may have been declared in two classes, under two names.
            type.__setattr__(cls, name, state)
    for name in declared.removed:
        type.__setattr__(cls, name, _Removed(name))
