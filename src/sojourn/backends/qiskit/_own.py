"""What a class has of its own: methods of `JobV1` that it overrides, moved to where hooks are.

A provider's class knows nothing of hooks; it overrides ``status``, ``submit``, ``cancel`` and
``result`` themselves. When such a class is created, each of these becomes the hook behind the
inherited method of that name, so that whoever calls it, and however they wait, the same happens: it
is asked once for all, outside the lock, and its answer is evidence.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sojourn._declaring import JobMeta
from sojourn.backends.qiskit._sdk import QiskitStatus
from sojourn.errors import LifecycleError
from sojourn.lifecycle import JobStatus

__all__ = ["inside", "is_own", "own_calls", "take_over"]

#: The methods that may be overridden, and the hook that each becomes.
VERBS = {
    "status": "_poll",
    "submit": "_submit",
    "cancel": "_cancel",
    "result": "_fetch_result",
}


class _Calls(threading.local):
    """The own methods that this thread is inside, and what each was called with, by job."""

    def __init__(self) -> None:
        self.running: list[tuple[str, int]] = []
        self.arguments: dict[tuple[str, int], tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.answer: Any = None


own_calls = _Calls()


def inside(job: object, verb: str) -> bool:
    """Whether this thread is inside the job's own method, so that this call comes from there."""
    return (verb, id(job)) in own_calls.running


def is_own(hook: object) -> bool:
    """Whether a hook is an overridden method that was moved there."""
    return getattr(hook, "_sj_own", False)


@contextmanager
def _within(job: object, verb: str) -> Iterator[None]:
    own_calls.running.append((verb, id(job)))
    try:
        yield
    finally:
        own_calls.running.pop()


def take_over(cls: type, root: type) -> None:
    """Move what a new class overrides.

    Args:
        cls: The class, on its way to be created.
        root: The class that all of this is for; what comes after it is not an override.

    Raises:
        LifecycleError: It overrides one by what cannot be called and answered at once.
    """
    problems = []
    for verb, hook in VERBS.items():
        owner = next(each for each in cls.__mro__ if verb in each.__dict__)
        # A mixin that is no job class overrides on behalf of the class that it is mixed into.
        overrides = owner is cls or (_before(cls, owner, root) and not isinstance(owner, JobMeta))
        if hook in cls.__dict__:
            if not overrides:
                type.__setattr__(cls, verb, root.__dict__[verb])  # the hook is what counts now
        elif overrides and (wrong := _unfit(owner.__dict__[verb])):
            problems.append(f"{verb!r} is {wrong}; make it a plain method, which may block")
        elif overrides:
            _MOVE[verb](cls, root, owner.__dict__[verb])
    if problems:
        raise LifecycleError(cls.__name__, tuple(problems))


def _unfit(own: object) -> str:
    """Return why an override is of no use, or nothing."""
    if not callable(own):
        return f"a {type(own).__name__}, which is not called"
    return "a coroutine, which nobody would await" if inspect.iscoroutinefunction(own) else ""


def _before(cls: type, owner: type, root: type) -> bool:
    return cls.__mro__.index(owner) < cls.__mro__.index(root)


def _install(cls: type, verb: str, method: Callable[..., Any], hook: Callable[..., Any]) -> None:
    hook._sj_own = True  # type: ignore[attr-defined]
    type.__setattr__(cls, verb, method)
    type.__setattr__(cls, VERBS[verb], hook)


def _move_status(cls: type, root: Any, own: Callable[..., Any]) -> None:
    @functools.wraps(own)
    def status(self: Any, *args: Any, **kwargs: Any) -> Any:
        if inside(self, "status"):
            return own(self, *args, **kwargs)  # an override of it, through super()
        # With arguments it answers another question: about a part of the job, or in other words.
        return own(self, *args, **kwargs) if args or kwargs else root.status(self)

    def _poll(self: Any) -> Any:
        with _within(self, "status"):
            try:
                answer = own(self)
            except tuple(self.status_errors) as error:
                return self._sj_place_of(error)
        # A member may be told by its name, if that means here what it means to Qiskit.
        named = type(answer) is str and self.status_map.get(answer) is JobStatus.QUEUED
        return QiskitStatus.QUEUED if named and answer == "QUEUED" else answer

    _install(cls, "status", status, _poll)


def _move_submit(cls: type, root: Any, own: Callable[..., Any]) -> None:
    @functools.wraps(own)
    def submit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if inside(self, "submit"):
            return own(self, *args, **kwargs)
        own_calls.arguments["submit", id(self)] = (args, kwargs)
        own_calls.answer = None
        try:
            root.submit(self)
            return own_calls.answer
        finally:
            own_calls.arguments.pop(("submit", id(self)), None)
            own_calls.answer = None

    def _submit(self: Any) -> str | None:
        with _within(self, "submit"):
            args, kwargs = own_calls.arguments.get(("submit", id(self)), ((), {}))
            answer = own_calls.answer = own(self, *args, **kwargs)
        found = self.job_id() or answer
        return found if isinstance(found, str) else None

    _install(cls, "submit", submit, _submit)


def _move_cancel(cls: type, root: Any, own: Callable[..., Any]) -> None:
    @functools.wraps(own)
    def cancel(self: Any, *args: Any, **kwargs: Any) -> Any:
        if inside(self, "cancel"):
            return own(self, *args, **kwargs)
        own_calls.arguments["cancel", id(self)] = (args, kwargs)
        try:
            return root.cancel(self)
        finally:
            own_calls.arguments.pop(("cancel", id(self)), None)

    def _cancel(self: Any) -> bool | None:
        with _within(self, "cancel"):
            # None, if this thread submits the job and another has asked meanwhile.
            args, kwargs = own_calls.arguments.get(("cancel", id(self)), ((), {}))
            try:
                answer = own(self, *args, **kwargs)
            except NotImplementedError:
                return False
        # That it was taken is all that an answer says; whether it stops, status() will say.
        return False if answer is False else None

    _install(cls, "cancel", cancel, _cancel)


def _move_result(cls: type, root: Any, own: Callable[..., Any]) -> None:
    @functools.wraps(own)
    def result(self: Any, *args: Any, **kwargs: Any) -> Any:
        if inside(self, "result"):
            return own(self, *args, **kwargs)
        if self._sj_sealed():
            return root.result(self)

        def call() -> Any:
            with _within(self, "result"):
                return own(self, *args, **kwargs)

        return self._sj_keep_result(call)

    def _fetch_result(self: Any) -> Any:
        with _within(self, "result"):
            return own(self)

    _install(cls, "result", result, _fetch_result)


_MOVE: dict[str, Callable[[type, Any, Callable[..., Any]], None]] = {
    "status": _move_status,
    "submit": _move_submit,
    "cancel": _move_cancel,
    "result": _move_result,
}
