"""Functions in threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, ParamSpec, TypeVar

from sojourn.backends._checks import whole_number
from sojourn.backends._functions import FunctionJob, StopRequested, call, lost, running
from sojourn.backends._slots import Slots
from sojourn.history import Journal
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus

__all__ = ["ThreadBackend"]

P = ParamSpec("P")
T = TypeVar("T")


class ThreadBackend(Slots[FunctionJob[Any]]):
    """Runs Python functions in threads, so many at a time; the others wait in order.

    A context manager: leaving the block waits for all of them, leaving it by an exception cancels
    them. Nothing can stop a function in a thread by force: one that takes long looks at
    ``current_job().cancel_requested`` and raises `StopRequested`, or returns.

    Example:
        >>> from sojourn.backends import ThreadBackend
        >>> with ThreadBackend(workers=2) as backend:
        ...     jobs = [backend.run(pow, 2, exponent) for exponent in range(3)]
        >>> [job.result() for job in jobs]
        [1, 2, 4]
    """

    kind = "thread backend"
    _patience = 1.0  # nothing can be done about a function that does not look

    job_classes: ClassVar[tuple[type[BaseJob[Any]], ...]] = (FunctionJob,)

    def __init__(self, workers: int, *, journal: Journal | None = None) -> None:
        """Make a backend; threads are started when they are needed.

        Args:
            workers: How many functions run at the same time.
            journal: Where the histories of jobs that `run` makes are kept, and their results. A
                function that its process did not outlive is in ERROR when it is taken up again.

        Raises:
            TypeError: It is no int.
            ValueError: It is below 1.
        """
        super().__init__(whole_number("workers", workers), journal)

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> FunctionJob[T]:
        """Submit ``function(*args, **kwargs)``.

        Returns:
            The job, submitted.

        Raises:
            TypeError: It cannot be called, or it is a coroutine function.
            CannotRunError: The backend is closed.
        """
        job: FunctionJob[T] = FunctionJob(
            self, self._name_job(), function, args, kwargs, journal=self._journal
        )
        self._launch(job)
        return job

    def _prepare(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> object:
        return function, args, kwargs

    def _is_still_to_do(self, job: FunctionJob[Any]) -> bool:
        return lost(job)

    def _slot(self) -> _ThreadSlot:
        return _ThreadSlot()


class _ThreadSlot:
    """One thread that calls functions."""

    def expect(self, job: FunctionJob[Any] | None) -> None:
        """Nothing is to be prepared: the job itself tells its function to stop."""

    def work(self, job: FunctionJob[Any]) -> None:
        function, args, kwargs = job._call
        job._call = None  # what a call holds is not kept longer than the call
        job.observe(JobStatus.RUNNING)
        running.set(job)
        try:
            value = call(function, args, kwargs)
        except StopRequested as error:
            status = JobStatus.CANCELLED if job.cancel_requested else JobStatus.ERROR
            job.observe(status, reason=error)
        except BaseException as error:  # noqa: BLE001  # it is the job's, whatever it is
            job.observe(JobStatus.ERROR, reason=error)
        else:
            job._succeed(value)
        finally:
            running.set(None)

    def stop(self, job: FunctionJob[Any]) -> None:
        """Ask; the answer None of this makes the job's ``cancel_requested`` true."""

    def close(self) -> None:
        """Nothing is held."""
