"""sojourn's errors, each also an error of Qiskit's, so that what catches either catches both.

They have the names of the errors in `sojourn.errors`, are raised by the methods that `JobV1` has
too, and are caught by the one or the other library's class; nobody has to know these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from sojourn import errors
from sojourn.backends.qiskit._sdk import QiskitJobError, QiskitJobTimeoutError
from sojourn.errors import SojournError

__all__ = ["Raised", "UnsuccessfulResultError", "in_qiskits_terms", "told"]

F = TypeVar("F", bound=Callable[..., Any])


class _BothError(QiskitJobError):
    """The part that Qiskit's errors have, without the constructor that joins texts."""

    def __init__(self, *facts: object) -> None:
        Exception.__init__(self, *facts)

    @property
    def message(self) -> str:  # type: ignore[override]  # nobody sets it: the facts are what counts
        """The sentence, where Qiskit's errors keep theirs."""
        return str(self)

    def __str__(self) -> str:
        return Exception.__str__(self)


class _BothTimeoutError(_BothError, QiskitJobTimeoutError):
    """The same for a wait that reached its deadline."""


def _join(kind: type[SojournError]) -> type[SojournError]:
    """Derive a class from an error of sojourn's and one of Qiskit's; it pickles by its name here."""
    other = _BothTimeoutError if issubclass(kind, errors.JobTimeoutError) else _BothError
    body = {"__module__": __name__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind, other), body)


_JOINED: dict[type, type[SojournError]] = {
    kind: _join(kind)
    for kind in (
        errors.BackendError,
        errors.CannotRunError,
        errors.IllegalTransitionError,
        errors.JobCancelledError,
        errors.JobError,
        errors.JobFailedError,
        errors.JobSubmitError,
        errors.JobTimeoutError,
        errors.ReentrantTransitionError,
        errors.SubmitInterruptedError,
        errors.SubmitUncertainError,
        errors.UnknownStatusError,
    )
}
globals().update({kind.__name__: joined for kind, joined in _JOINED.items()})


class UnsuccessfulResultError(errors.JobError):
    """A backend has given a result and says in it that it is none; what ``error()`` returns.

    Attributes:
        message: What the result says went wrong.
        outcome: The result itself; of several circuits, some may have succeeded.
    """

    def __init__(self, message: str, outcome: Any) -> None:
        """Keep the facts."""
        super().__init__(message, outcome)
        self.message = message
        self.outcome = outcome

    def __str__(self) -> str:
        """Say what the result says."""
        return self.message


class Raised(errors.BackendError):
    """What an overridden method of a job has raised, on its way to the caller.

    Attributes:
        own: The exception itself, which is what the caller gets.
    """

    def __init__(self, reason: str, transient: bool, own: Exception) -> None:
        """Keep it."""
        super().__init__(reason, transient)
        self.own = own


def told(error: SojournError) -> Exception:
    """Return the error that a caller gets for one of sojourn's."""
    if isinstance(error, Raised):
        return error.own
    joined = _JOINED.get(type(error))
    if joined is None:
        return error
    both = joined(*error.args)
    both.__cause__, both.__suppress_context__ = error.__cause__, True
    return both.with_traceback(error.__traceback__)


def in_qiskits_terms(method: F) -> F:
    """Make a method raise errors that are Qiskit's, too."""

    @functools.wraps(method)
    def translated(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except SojournError as error:
            caught = told(error)
        # Not inside the handler, where the exception would become its own context.
        raise caught

    return translated  # type: ignore[return-value]  # of the same parameters
