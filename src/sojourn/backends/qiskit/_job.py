"""`QiskitJob`: a `BaseJob` that is a `JobV1`, for whoever has a provider's class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from sojourn._resolving import nearest
from sojourn._waiting import T
from sojourn.backends.qiskit._errors import in_qiskits_terms
from sojourn.backends.qiskit._observing import Observing
from sojourn.backends.qiskit._own import inside, take_over
from sojourn.backends.qiskit._sdk import QiskitJobV1, QiskitStatus
from sojourn.errors import LifecycleError
from sojourn.history import Journal, Outcome
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, State, Transition

__all__ = ["QiskitJob"]


class QiskitJob(Observing[T], BaseJob[T], QiskitJobV1):
    """A job where Qiskit expects one: `JobV1` by inheritance, with a state machine of its own.

    Write hooks, as for any `BaseJob`. Or take a class that derives from `JobV1` and overrides
    ``submit``, ``status``, ``result`` and ``cancel`` itself, and change its base: whatever its
    ``status()`` returns is then evidence, its ``submit()`` reaches the backend at most once, and
    waiting keeps its deadline. What its own methods raise reaches the caller as it is.

    `status` returns Qiskit's members, and errors are also Qiskit's ``JobError`` and
    ``JobTimeoutError``.

    Example:
        >>> from qiskit.providers import JobStatus, JobV1
        >>> from sojourn.backends.qiskit import QiskitJob
        >>> class DiceJob(QiskitJob):
        ...     def _poll(self):
        ...         return JobStatus.DONE
        ...
        ...     def _fetch_result(self):
        ...         return 6
        >>> job = DiceJob(None, "throw-1", table="green")
        >>> job.submit()
        >>> job.status(), job.result(), job.metadata, isinstance(job, JobV1)
        (<JobStatus.DONE: 'job has successfully run'>, 6, {'table': 'green'}, True)
        >>> print(job.state.name, [entry.trigger for entry in job.history])
        DONE ['submit', 'start', 'finish']
    """

    VALIDATING = State(JobStatus.QUEUED, "the backend checks it")

    validate: Transition[Callable[[], bool]] = Transition(
        [JobStatus.INITIALIZING, JobStatus.QUEUED], VALIDATING
    )
    enqueue: Transition[Callable[[], bool]] = Transition(VALIDATING, JobStatus.QUEUED)
    start: Transition[Callable[[], bool]] = BaseJob.start | Transition(
        VALIDATING, JobStatus.RUNNING
    )

    status_map: ClassVar[Mapping[Any, State | JobStatus | str]] = {
        status.value: status for status in JobStatus
    } | {"VALIDATING": VALIDATING}

    def __init_subclass__(cls, **options: Any) -> None:
        """Move what the class overrides to where hooks are, and check what it says of errors."""
        super().__init_subclass__(**options)
        _check_status_errors(cls)
        take_over(cls, QiskitJob)

    def __init__(
        self, backend: Any, job_id: Any, *, journal: Journal | None = None, **metadata: Any
    ) -> None:
        """Make a job that nobody has submitted yet; no I/O.

        Args:
            backend: Where it will run.
            job_id: Its name, a text or a ``UUID``; ``None`` or ``""`` until it is known, and then
                set as ``self._job_id``.
            journal: Where its entries are kept so that they outlive the process, under the id that
                is given here, whatever the id is later.
            metadata: Notes of yours.

        Raises:
            TypeError: The id is none of these.
            ValueError: It has characters that cannot be printed; or there is a journal, and no id
                to keep the job under.
            JournalError: It has a journal, and metadata that are not JSON.
        """
        if job_id is not None and not isinstance(job_id, str | UUID):
            raise TypeError(
                "a job id must be a str, a UUID or None, "
                f"not {type(job_id).__name__} {job_id!r:.80}"
            )
        if not str(job_id).isprintable():
            raise ValueError(f"a job id must be of printable characters, not {job_id!r:.80}")
        self._backend = backend
        self._job_id = job_id
        self._sj_metadata = metadata
        if journal is not None:
            if not job_id or self._sj_id != str(job_id):
                raise ValueError(
                    f"a job with a journal needs an id of 1 to 255 characters, not {job_id!r:.80}"
                )
            self._sj_keep_in(journal)

    def backend(self) -> Any:
        """Return the backend that was given; ``None`` for a snapshot."""
        return self._backend

    def job_id(self) -> Any:
        """Return the id as it was given or set; ``None`` or ``""`` as long as there is none."""
        return self._job_id

    @property
    def metadata(self) -> dict[str, Any]:
        """Notes of yours; may be set."""
        return self._sj_metadata

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        self._sj_metadata = metadata

    @in_qiskits_terms
    def submit(self) -> None:
        """Submit the job, as `BaseJob.submit` does."""
        if not inside(self, "submit"):  # `JobV1` does nothing here
            super().submit()

    @in_qiskits_terms
    def status(self) -> QiskitStatus:  # type: ignore[override]  # what Qiskit's users compare with
        """Return the status now, looked up as `BaseJob.status` does, as a member of Qiskit's."""
        self._sj_refresh()
        return self._sj_spoken()

    @in_qiskits_terms
    def done(self) -> bool:
        """Tell whether the job **succeeded**; for "is it over", ask `in_final_state`."""
        return super().done()

    @in_qiskits_terms
    def running(self) -> bool:
        """Tell whether the job is RUNNING, looked up as by `status`."""
        return super().running()

    @in_qiskits_terms
    def cancelled(self) -> bool:
        """Tell whether the job is CANCELLED, looked up as by `status`."""
        return super().cancelled()

    @in_qiskits_terms
    def in_final_state(self) -> bool:
        """Tell whether the job is over: DONE, ERROR or CANCELLED, looked up as by `status`."""
        return super().in_final_state()

    @in_qiskits_terms
    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[[Any, Any, Any], object] | None = None,
    ) -> None:
        """Return when the job is over, as `BaseJob.wait_for_final_state` does.

        Args:
            timeout: Seconds to wait at most; ``None`` for ever, 0 to look once.
            wait: Seconds between two polls at most.
            callback: Called as ``callback(job_id, status, job)`` after each look, the last one
                included, with a status of Qiskit's.
        """
        if callback is None or not callable(callback):
            super().wait_for_final_state(timeout, wait, callback)
            return
        tell = callback
        super().wait_for_final_state(
            timeout, wait, lambda _, status, job: tell(job.job_id(), job._sj_spoken(status), job)
        )

    @in_qiskits_terms
    def result(self, timeout: float | None = None) -> T:
        """Wait for the end and return the result, as `BaseJob.result` does."""
        return super().result(timeout)

    @in_qiskits_terms
    def cancel(self) -> bool:
        """Ask the backend to stop this job, as `BaseJob.cancel` does."""
        if inside(self, "cancel"):
            raise NotImplementedError  # as `JobV1` answers an override that calls it
        return super().cancel()

    @in_qiskits_terms
    def reconcile(self) -> Outcome:
        """Find out where the job really is, as `BaseJob.reconcile` does."""
        return super().reconcile()

    def error_message(self) -> str | None:
        """Return why the job is in ERROR as a text, or ``None`` if it is not; from memory."""
        error = self.error()
        return None if error is None else str(error) or type(error).__name__


def _check_status_errors(cls: type[QiskitJob]) -> None:
    """Refuse a map that could only fail when a job has failed.

    Raises:
        LifecycleError: It names no exceptions, or no states.
    """
    problems = []
    known = [name for name in dir(cls) if isinstance(inspect.getattr_static(cls, name), State)]
    for kind, place in cls.status_errors.items():
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            problems.append(f"status_errors has the key {kind!r:.60}; write exception classes")
        named = isinstance(place, State | JobStatus | QiskitStatus)
        name = place.name if named else place
        if place is not None and name not in known:
            problems.append(f"status_errors leads to {place!r:.60}; {nearest(name, known)}")
    if problems:
        raise LifecycleError(cls.__name__, tuple(problems))
