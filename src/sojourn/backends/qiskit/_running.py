"""How circuits run on somebody else's backend: here, or in a process of their own."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

from sojourn._records import NOT_GIVEN
from sojourn.backends._functions import FunctionJob
from sojourn.backends.qiskit._adopting import reason_of
from sojourn.backends.qiskit._errors import UnsuccessfulResultError
from sojourn.backends.qiskit._job import QiskitJob
from sojourn.backends.qiskit._sdk import QiskitStatus
from sojourn.errors import JobError
from sojourn.history import Observation
from sojourn.lifecycle import JobStatus

__all__ = ["ApartJob", "CircuitJob", "HereJob", "simulate"]

#: Statuses of a backend's own job that say something before it is over. It waits for a worker of
#: its own when it says INITIALIZING.
PROGRESS = {
    QiskitStatus.VALIDATING: QiskitStatus.VALIDATING,
    QiskitStatus.QUEUED: QiskitStatus.QUEUED,
    QiskitStatus.RUNNING: QiskitStatus.RUNNING,
}
FINAL = (QiskitStatus.DONE, QiskitStatus.ERROR, QiskitStatus.CANCELLED)


class CircuitJob(QiskitJob[Any]):
    """Circuits on a backend; `QiskitBackend.run` makes it.

    It is DONE if the backend gives a result that says so itself, and otherwise in ERROR, with an
    `UnsuccessfulResultError` or what the backend has raised. If it is cancelled while it runs and
    the backend cannot stop it, ``cancel_requested`` is true until it ends; it is then CANCELLED,
    and its result is dropped.
    """

    @property
    def inner(self) -> Any:
        """The job that the backend itself has made of it; ``None`` if there is none here."""
        return self.__dict__.get("_sj_inner")


class HereJob(CircuitJob):
    """Circuits on a backend in this process, or on one that this process can ask."""

    def __init__(
        self, backend: Any, job_id: str, circuits: Any, options: Mapping[str, Any]
    ) -> None:
        """Make a job; `submit` hands it to the backend.

        Args:
            backend: The `QiskitBackend`.
            job_id: Its name.
            circuits: What to run.
            options: How, in the backend's own words; kept as the metadata.
        """
        super().__init__(backend, job_id)
        self.metadata = dict(options)  # whose names may be those of parameters of ours
        # Names that no snapshot takes along.
        self.__dict__["_sj_circuits"] = circuits
        self.__dict__["_sj_settling"] = threading.Lock()

    def _submit(self) -> str | None:
        circuits = self.__dict__.pop("_sj_circuits")
        inner = self.__dict__["_sj_inner"] = self.backend()._around.run(circuits, **self.metadata)
        future = getattr(inner, "_future", None)
        if isinstance(future, Future):
            # Jobs of simulators have one, and tell their end through it at once; others are polled.
            self.__dict__["_sj_pushed"] = True
            future.add_done_callback(self._tell_end)
        else:
            self.__dict__["_sj_apart"] = True
            self.backend()._hold(self)
        native_id = inner.job_id()
        return native_id if isinstance(native_id, str) else str(native_id)

    def _tell_end(self, _future: object) -> None:
        self.observe(self._end())

    def _poll(self) -> Any:
        inner = self.inner
        if inner is None:
            return None
        told = inner.status()
        told = QiskitStatus.__members__.get(told, told) if isinstance(told, str) else told
        if told in FINAL and "_sj_pushed" not in self.__dict__:
            return self._end(told)
        return PROGRESS.get(told) if isinstance(told, QiskitStatus) else told

    def _end(self, told: QiskitStatus | None = None) -> Observation:
        """Return how it ended, the same to everyone who asks.

        Args:
            told: What the backend's own job says of its end, if it was asked.
        """
        with self.__dict__["_sj_settling"]:
            if "_sj_end" not in self.__dict__:
                self.__dict__["_sj_end"] = self._judge(told)
                self.backend()._let_go(self)
            end: Observation = self.__dict__["_sj_end"]
            return end

    def _judge(self, told: QiskitStatus | None) -> Observation:
        inner = self.inner
        try:
            result = inner.result()
        except BaseException as error:
            # A result that could not be fetched, or an interrupt, says nothing about the job.
            passing = isinstance(error, OSError) or not isinstance(error, Exception)
            if told is QiskitStatus.DONE or (told is not None and passing):
                raise
            return _failed(inner, error, told)
        if told is QiskitStatus.CANCELLED:
            return Observation(JobStatus.CANCELLED)
        if self.cancel_requested:
            return Observation(JobStatus.CANCELLED, reason="it ended, and its result was dropped")
        failure = failure_of(result)
        if failure is None and told is QiskitStatus.ERROR:
            failure = UnsuccessfulResultError(str(reason_of(inner) or "it says no more"), result)
        if failure is not None:
            return Observation(JobStatus.ERROR, reason=failure)
        self._sj_known().result = result
        return Observation(JobStatus.DONE)

    def _cancel(self) -> bool | None:
        inner = self.inner
        try:
            if inner is not None:
                inner.cancel()
        except NotImplementedError:
            pass
        return None  # whatever it answers, the result will be dropped

    def _fetch_result(self) -> Any:
        raise JobError(f"job {self._sj_id!r} has lost its result")


class ApartJob(CircuitJob, FunctionJob[Any]):
    """Circuits that run in a process of their own, on a copy of the backend."""

    def __init__(
        self, backend: Any, job_id: str, circuits: Any, options: Mapping[str, Any]
    ) -> None:
        """Make a job; `submit` hands it to the pool of processes.

        Args:
            backend: The `QiskitBackend`.
            job_id: Its name.
            circuits: What to run.
            options: How, in the backend's own words; kept as the metadata.

        Raises:
            CannotRunError: The backend, the circuits or the options do not pickle.
        """
        QiskitJob.__init__(self, backend, job_id)
        self.metadata = dict(options)
        self._value = NOT_GIVEN
        self._call: Any = backend._prepare(simulate, (backend._around, circuits), options)


def simulate(backend: Any, circuits: Sequence[Any], **options: Any) -> Any:
    """Run circuits to their end, in this process.

    Raises:
        UnsuccessfulResultError: The result says that it is none.
    """
    result = backend.run(circuits, **options).result()
    failure = failure_of(result)
    if failure is not None:
        raise failure
    return result


def failure_of(result: Any) -> UnsuccessfulResultError | None:
    """Return why a result is none; a result that does not say is one."""
    if getattr(result, "success", True) is not False:
        return None
    parts = [str(getattr(each, "status", "")) for each in getattr(result, "results", ())]
    said = str(getattr(result, "status", "") or "")
    failed = [part for part in parts if part and part != "DONE"]
    return UnsuccessfulResultError(said or "; ".join(failed) or "it says no more", result)


def _failed(inner: Any, error: BaseException, told: QiskitStatus | None) -> Observation:
    """Return what an exception of ``result()`` says: that the job failed, or was cancelled."""
    try:
        said = inner.status() if told is None else told
        stopped = isinstance(error, CancelledError) or said in (QiskitStatus.CANCELLED, "CANCELLED")
    except Exception:  # noqa: BLE001  # what it raised before says more
        stopped = False
    return Observation(JobStatus.CANCELLED if stopped else JobStatus.ERROR, reason=error)
