"""Did a callback that the class declares raise this? Then it is an error, and not a finding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice
from types import CodeType
from typing import Any, Final

from sojourn.job import BaseJob

__all__ = ["OwnCodeError", "raised_by_a_callback"]


#: How far an exception is followed. One that is raised again and again keeps the ways of all its raises, the
#: latest first, and causes may lead round in a circle.
FARTHEST: Final = 100


class OwnCodeError(Exception):
    """Ends a scenario: a callback of the class raised.

    Attributes:
        error: What it raised.
    """

    def __init__(self, error: BaseException) -> None:
        """Keep it."""
        super().__init__(error)
        self.error = error


def raised_by_a_callback(job: Any, error: object) -> BaseException | None:
    """Return the exception of a declared callback that an error is, or comes from; else ``None``."""
    codes = _codes(type(job)) if isinstance(job, BaseJob) else frozenset()
    if codes and isinstance(error, BaseException):
        for cause in islice(_causes(error), FARTHEST):
            if not codes.isdisjoint(islice(_way(cause), FARTHEST)):
                return cause
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _way(error: BaseException) -> Iterator[CodeType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next


@lru_cache(maxsize=64)
def _codes(cls: Any) -> frozenset[CodeType]:
    """Return the code of every callback that a class declares."""
    found = (
        _code(getattr(cls, each, None) if isinstance(each, str) else each)
        for each in _declared(cls)
    )
    return frozenset(code for code in found if code is not None)


def _declared(cls: Any) -> Iterator[Any]:
    for edge in cls.lifecycle.transitions:
        yield from (*edge.conditions, *edge.unless, *edge.before, *edge.after)
    for state in cls.lifecycle.states:
        yield from (*state.on_enter, *state.on_exit)


def _code(callback: Any) -> CodeType | None:
    while isinstance(callback, partial):
        callback = callback.func
    if not hasattr(callback, "__code__"):
        callback = vars(type(callback)).get("__call__")
    code = getattr(callback, "__code__", None)
    return code if isinstance(code, CodeType) else None
