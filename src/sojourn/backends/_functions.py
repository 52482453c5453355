"""Functions as jobs: the handle, and what a function sees of the job that runs it."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType
from typing import Any, NoReturn, Protocol, Self

from sojourn._records import NOT_GIVEN
from sojourn._waiting import T
from sojourn.backends._slots import LocalJob
from sojourn.backends._taking_up import give_up
from sojourn.errors import JobError, JournalError, WorkerError
from sojourn.history import Journal
from sojourn.lifecycle import JobStatus

__all__ = ["CurrentJob", "FunctionJob", "StopRequested", "call", "current_job", "lost", "name_of"]


class StopRequested(BaseException):
    """A function raises it to say that it has stopped because its job was asked to.

    Its job is CANCELLED then. In a process it is raised by itself, wherever the function is, when
    the job is cancelled. It is no ``Exception``, so that ``except Exception`` does not catch it.
    """


class CurrentJob(Protocol):
    """What a running function sees of its job."""

    def job_id(self) -> str:
        """Return the id of the job."""
        ...

    @property
    def cancel_requested(self) -> bool:
        """Whether the function is asked to stop."""
        ...


running: ContextVar[CurrentJob | None] = ContextVar("sojourn_running", default=None)


def current_job() -> CurrentJob:
    """Return the job that runs this function.

    In a thread it is the job itself; in a process, where the job is not, something that knows its
    id and whether it is to stop.

    Raises:
        LookupError: No job runs this function.

    Example:
        >>> from sojourn.backends import ThreadBackend, current_job
        >>> with ThreadBackend(workers=1) as backend:
        ...     job = backend.run(lambda: current_job().job_id())
        ...     job.result() == job.job_id()
        True
    """
    job = running.get()
    if job is None:
        raise LookupError(
            "no job runs this function; current_job() is for functions that were given to run()"
        )
    return job


class FunctionJob(LocalJob[T]):
    """A call of a function; `ThreadBackend.run` and `ProcessBackend.run` make it.

    It is DONE if the function returns, and in ERROR with what the function raises, but CANCELLED
    if it was asked to stop and raises `StopRequested`. Its snapshot has the result with it.
    """

    __slots__ = ("_call", "_value")

    def __init__(
        self,
        backend: Any,
        job_id: str,
        function: Callable[..., T],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Make a job for ``function(*args, **kwargs)``; `submit` hands it to the backend.

        Raises:
            TypeError: It cannot be called, or it is a coroutine function.
            CannotRunError: The backend cannot run it.
        """
        super().__init__(backend, job_id, metadata=metadata, journal=journal)
        if not callable(function):
            raise TypeError(f"a function must be callable, not {function!r:.80}")
        if _makes_coroutines(function):
            raise TypeError(
                f"{name_of(function)} is a coroutine function, which only an event loop can run; "
                "run a function that calls asyncio.run()"
            )
        self._value: Any = NOT_GIVEN
        self._call: Any = backend._prepare(function, args, kwargs or {})

    def _keep(self, value: T) -> None:
        """Keep what the function has returned; called before the job is told that it is DONE."""
        self._value = value
        self._sj_known().result = value  # what `_fetch_result` gives, without the need to ask

    def _succeed(self, value: T) -> None:
        """Report what the function has returned; a journal that cannot keep it makes it a failure."""
        self._keep(value)
        try:
            self.observe(JobStatus.DONE)
        except JournalError as error:
            self.observe(JobStatus.ERROR, reason=error)

    @classmethod
    def _made_again(cls, backend: Any, job_id: str, arguments: Mapping[str, Any]) -> Self:
        # A journal keeps no functions, so this is the handle of one that cannot be run again.
        return cls(backend, job_id, _lost, **arguments)

    def _fetch_result(self) -> T:
        if self._value is NOT_GIVEN:
            raise JobError("the process that has the result has ended")
        value: T = self._value
        return value

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Reduce the job to a snapshot, with its result and without its call."""
        make, core, attributes = super().__reduce_ex__(protocol)
        # A call need not pickle.
        return make, core, {k: v for k, v in attributes.items() if k not in ("_call", "_value")}


def lost(job: FunctionJob[Any]) -> bool:
    """Fail a function whose process has ended; there is nothing more to do."""
    reason = "the process that was to run it has ended, and a function is not kept in a journal"
    return give_up(job, WorkerError("?", reason), repeatable=False)


def _lost() -> NoReturn:
    raise JobError("a function is not kept in a journal")


def call(function: Callable[..., T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> T:
    """Return what a function returns in this process; one that it has forked ends with the function.

    If it came back from here, it would report a second end of this job, and begin the next ones.
    """
    pid = os.getpid()
    try:
        value = function(*args, **kwargs)
    except BaseException as error:
        if os.getpid() != pid:
            _end_fork(error)
        raise
    if os.getpid() != pid:
        _end_fork(None)
    return value


def _end_fork(error: BaseException | None) -> NoReturn:
    """End this process as the interpreter does, without what its parent wants done in the end."""
    code = 0
    try:
        if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
            code = error.code or 0
        elif error is not None:
            code = 1
            traceback.print_exception(error)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code & 0xFF)


def _makes_coroutines(function: Any) -> bool:
    # Of these kinds `inspect` says the same, in ten times the time.
    if type(function) is FunctionType:
        return bool(function.__code__.co_flags & inspect.CO_COROUTINE)
    if type(function) in (type, BuiltinFunctionType):
        return False
    call = type(function).__call__  # of an instance whose class defines it
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def name_of(function: Any) -> str:
    """Return what a function is called in messages."""
    named = getattr(function, "__qualname__", None) or repr(function)
    return f"{getattr(function, '__module__', None) or ''}.{named}".strip(".")
