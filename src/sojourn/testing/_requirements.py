"""The promises of a backend, each with a name that does not change, and what a backend may lack."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import MappingProxyType
from typing import Any, Final, TypeVar

from sojourn.testing._subject import FactoryError

__all__ = [
    "BACKEND_PROMISES",
    "Requirements",
    "needs_of",
    "promise_of",
    "promises",
]

#: Every promise of a backend, by its name.
BACKEND_PROMISES: Final = MappingProxyType(
    {
        # Every backend.
        "success-is-done": "what succeeds is DONE, and its result is the same every time",
        "failure-says-why": "what fails is in ERROR, and its error says why",
        "failure-harms-no-other": "a job that fails leaves the others alone",
        "history-is-whole": "the history of a job leads from its submission to its end, and nothing contradicts it",
        "one-submission": "a job is handed over once; a second submission is refused",
        "over-is-over": "what is over is not cancelled any more",
        "cancel-comes-to-an-end": "a job that is asked to stop is over soon, and told by the truth",
        "deadline-changes-nothing": "a wait that ends at its deadline leaves the job alone",
        "ids-are-unique": "no two jobs have the same id, whichever backend of this kind made them",
        "snapshots-tell-the-same": "a pickled job has the same history and the same result",
        "it-can-be-awaited": "a job can be awaited",
        # Requirements.stops
        "stopped-is-cancelled": "what runs is CANCELLED when it has stopped, and its place is free again",
        # Requirements.sees_every_step
        "steps-are-seen": "every step is recorded, at a time at which somebody saw it",
        # Requirements.queues
        "slots-are-kept": "no more run than there are slots, and the next starts when one is free",
        "slots-are-checked": "a number of slots that makes no sense is refused, and named",
        "waiting-never-starts": "what waits is cancelled at once, and never starts",
        "cancels-at-any-moment": "jobs that are cancelled at random moments all come to an end",
        # Requirements.lists
        "jobs-are-listed": "`jobs` are those that are not over, oldest first",
        # Requirements.closes
        "leaving-waits": "leaving the block waits for all",
        "leaving-by-an-exception-cancels": "leaving the block by an exception cancels all",
        "closing-waits-for-what-runs": "closing cancels what waits and waits for what runs",
        "closed-is-closed": "a closed backend runs no more, and can be closed again",
        "nothing-is-left": "no thread, no process and no open file is left behind",
        # Requirements.forks
        "a-fork-is-foreign": "a forked child can neither use the backend nor end its jobs",
    }
)


class Requirements:
    """What a backend has beyond what every backend must have; all of it, unless you say otherwise.

    Derive from it and return ``False`` from what yours lacks. The tests that need it are then not
    there; those of the core always are.

    Example:
        >>> from sojourn.testing import Requirements
        >>> class OfThePrinter(Requirements):
        ...     @property
        ...     def forks(self) -> bool:
        ...         return False
    """

    @property
    def stops(self) -> bool:
        """``cancel()`` of a job that runs stops it."""
        return True

    @property
    def sees_every_step(self) -> bool:
        """It reports each step when it happens, so that none has to be inferred from a later one."""
        return True

    @property
    def queues(self) -> bool:
        """It is made with a number of slots, and what finds none free waits in order."""
        return True

    @property
    def lists(self) -> bool:
        """It has ``jobs``, a tuple of those that are not over."""
        return True

    @property
    def closes(self) -> bool:
        """It is a context manager and has ``close()``, which takes ``cancel=True``."""
        return True

    @property
    def forks(self) -> bool:
        """It works on this machine, and so has to know when its process was forked."""
        return True


F = TypeVar("F", bound=Callable[..., Any])


def promises(name: str, *needs: str) -> Callable[[F], F]:
    """Let a test name the promise that it holds when it fails.

    Args:
        name: One of `BACKEND_PROMISES`.
        needs: The `Requirements` without which the test is not there; none for the core.
    """
    sentence = BACKEND_PROMISES[name]

    def keep(test: Any) -> Any:
        @wraps(test)
        def told(*args: Any, **kwargs: Any) -> None:
            try:
                test(*args, **kwargs)
            except (FactoryError, NotImplementedError):
                raise  # nothing was tested
            except BaseException as error:
                error.add_note(f"broken  {name}: {sentence}")
                raise

        told._sj_promise = name, needs  # type: ignore[attr-defined]
        return told

    return keep


def promise_of(test: object) -> str | None:
    """Return the name of the promise that a test holds."""
    found = getattr(test, "_sj_promise", None)
    return found and str(found[0])


def needs_of(test: object) -> tuple[str, ...]:
    """Return the requirements that a test has."""
    return tuple(test._sj_promise[1]) if hasattr(test, "_sj_promise") else ()
