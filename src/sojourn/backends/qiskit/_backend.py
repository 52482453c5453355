"""`QiskitBackend`: any backend of Qiskit's, with jobs of sojourn's."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from sojourn.backends._checks import whole_number
from sojourn.backends._processes import ProcessBackend
from sojourn.backends.qiskit._errors import in_qiskits_terms
from sojourn.backends.qiskit._running import ApartJob, CircuitJob, HereJob
from sojourn.backends.qiskit._sdk import QiskitBackendV2, QiskitOptions, QuantumCircuit
from sojourn.errors import CannotRunError, SojournError
from sojourn.lifecycle import JobStatus

__all__ = ["QiskitBackend"]

#: Seconds that a simulation is given to stop by itself; it mostly cannot.
GRACE = 0.2


class QiskitBackend(QiskitBackendV2):
    """Runs circuits on any backend of Qiskit's, as jobs of sojourn's.

    It is a ``BackendV2`` itself: transpilers and primitives take it for the backend around which
    it is. A simulation in this process holds the interpreter's lock to its end and cannot be
    interrupted; with ``processes``, it runs in another process, this one stays responsive, and
    cancelling it stops it.

    A context manager: leaving the block waits for all jobs, leaving it by an exception cancels them.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit.providers.basic_provider import BasicSimulator
        >>> from sojourn.backends.qiskit import QiskitBackend
        >>> circuit = QuantumCircuit(1)
        >>> circuit.measure_all()
        >>> with QiskitBackend(BasicSimulator()) as backend:
        ...     job = backend.run(circuit, shots=100)
        >>> job.result().get_counts(), job.state.name
        ({'0': 100}, 'DONE')
    """

    def __init__(self, backend: Any, *, processes: int | None = None) -> None:
        """Stand around a backend.

        Args:
            backend: A ``BackendV2``.
            processes: How many processes simulate at the same time; ``None`` for none. The backend,
                circuits and results must pickle.

        Raises:
            TypeError: It is no backend, or ``processes`` is no int.
            ValueError: ``processes`` is below 1.
        """
        if isinstance(backend, QiskitBackend) or not isinstance(backend, QiskitBackendV2):
            raise TypeError(f"a QiskitBackend is made around a BackendV2, not {backend!r:.80}")
        self._around = backend
        super().__init__(
            name=backend.name,
            description=getattr(backend, "description", None),
            online_date=getattr(backend, "online_date", None),
            backend_version=getattr(backend, "backend_version", None),
        )
        self._options = backend.options
        self._stamp = f"{int(time.time()):x}-{secrets.token_hex(5)}"
        self._numbers = count(1)
        self._closed = False
        self._gate = threading.Lock()
        self._here: WeakSet[CircuitJob] = WeakSet()
        #: Jobs that nothing else holds until they are over: nobody tells of their end.
        self._held: set[CircuitJob] = set()
        self._pool: ProcessBackend | None = None
        if processes is not None:
            self._pool = ProcessBackend(whole_number("processes", processes), grace=GRACE)

    @classmethod
    def _default_options(cls) -> Any:
        return QiskitOptions()  # those of the backend around which it is take their place

    def __getattr__(self, name: str) -> Any:
        """Give what only the backend around which it is has."""
        if name.startswith("__") or "_around" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._around, name)

    @property
    def target(self) -> Any:
        """The target of the backend around which it is."""
        return self._around.target

    @property
    def max_circuits(self) -> int | None:
        """How many circuits a job may have; ``None`` for any number."""
        limit: int | None = self._around.max_circuits
        return limit

    @property
    def jobs(self) -> tuple[CircuitJob, ...]:
        """The jobs that are not over, oldest first."""
        with self._gate:
            found = list(self._here)
        live = [job for job in found if not job.state.is_final]
        return tuple(sorted(live, key=lambda job: job.created_at))

    @in_qiskits_terms
    def run(self, run_input: Any, *, job_id: str | None = None, **options: Any) -> CircuitJob:
        """Submit circuits.

        Args:
            run_input: A ``QuantumCircuit``, or a sequence of them.
            job_id: What to call the job; by default a name that no other has.
            options: What the backend itself takes, ``shots`` among them.

        Returns:
            The job, submitted.

        Raises:
            TypeError: It is no circuit, or ``shots`` is no int; nothing was submitted.
            ValueError: There is no circuit, ``shots`` is below 1, or the id is empty, too long or not
                printable; nothing was submitted.
            CannotRunError: The backend is closed, or what is to run in another process does not
                pickle.
        """
        circuits = _circuits(run_input)
        if options.get("shots") is not None:
            whole_number("shots", options["shots"])
        if self._closed:
            raise CannotRunError(
                "a circuit", f"the backend {self.name!r} is closed; make a new one"
            )
        kind = HereJob if self._pool is None else ApartJob
        name = f"{self._stamp}-{next(self._numbers)}" if job_id is None else job_id
        if isinstance(name, str) and not 0 < len(name) < 256:
            raise ValueError(f"a job id must have 1 to 255 characters, not {name!r:.80}")
        job = kind(self, name, circuits, options)
        with self._gate:
            self._here.add(job)
        job.submit()
        return job

    def close(self, *, cancel: bool = False) -> None:
        """Take no more circuits, wait for the jobs, and leave no process behind.

        Args:
            cancel: Cancel the jobs first.

        Raises:
            BackendError: A job could not be asked; all others were waited for.
        """
        self._closed = True
        for job in self.jobs if cancel else ():
            job.cancel()
        if self._pool is not None:
            self._pool.close(cancel=cancel) if cancel else self._pool.__exit__(None, None, None)
        troubles = []
        for job in self.jobs:
            if job.state.status is not JobStatus.INITIALIZING:  # of a submission in doubt
                try:
                    job.wait_for_final_state()
                except SojournError as trouble:
                    troubles.append(trouble)  # the others have an end, too
        if troubles:
            raise troubles[0]

    def __enter__(self) -> Self:
        """Return the backend itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for every job and close; if the block was left by an exception, cancel them all."""
        if kind is None or self._pool is not None:
            self.close(cancel=kind is not None)
            return
        # Nobody who wants to get out of here waits for what cannot be interrupted.
        self._closed = True
        for job in self.jobs:
            job.cancel()

    # For jobs that are polled.

    def _hold(self, job: CircuitJob) -> None:
        with self._gate:
            self._held.add(job)

    def _let_go(self, job: CircuitJob) -> None:
        with self._gate:
            self._held.discard(job)

    # For jobs in processes and the threads that serve them, which know of no other backend than this.

    def _prepare(self, *call: Any) -> object:
        return self._processes._prepare(*call)

    def _take(self, job: ApartJob) -> None:
        self._processes._take(job)

    def _find(self, job: ApartJob) -> str | None:
        return self._processes._find(job)

    def _stop(self, job: ApartJob) -> bool | None:
        return self._processes._stop(job)

    def _slot(self) -> Any:
        return self._processes._slot()

    def _serve_one(self, job: ApartJob, slot: Any) -> None:
        self._processes._serve_one(job, slot)

    @property
    def _processes(self) -> ProcessBackend:
        assert self._pool is not None  # there are such jobs only where there is such a pool
        return self._pool


def _circuits(given: Any) -> Any:
    """Return circuits as a backend takes them.

    Raises:
        TypeError: Something else is among them.
        ValueError: There is none.
    """
    if isinstance(given, QuantumCircuit):
        return given
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise TypeError(f"a circuit must be a QuantumCircuit, not {given!r:.80}")
    if not given:
        raise ValueError(f"there is no circuit in {given!r}; give at least one")
    for number, each in enumerate(given):
        if not isinstance(each, QuantumCircuit):
            raise TypeError(f"circuit {number} must be a QuantumCircuit, not {each!r:.80}")
    return list(given)
