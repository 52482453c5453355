"""The rows about Qiskit: what a job costs beyond Aer's own, and how long waits and stalls are. Wall-clock time."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, perf_counter_ns
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import JobStatus, JobV1
from qiskit.providers.exceptions import JobTimeoutError
from qiskit_aer import AerSimulator
from reporting import Goal, Result, release

from sojourn.backends.qiskit import QiskitBackend, QiskitJob

__all__ = ["overhead", "responsiveness", "waits"]


def overhead(*, quick: bool) -> list[Result]:
    """What ``QiskitBackend(…).run(…).result()`` takes beyond Aer's own, run by run in turn."""
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    simulator = AerSimulator()
    backend = QiskitBackend(simulator)
    ours: list[int] = []
    theirs: list[int] = []
    turns = [(ours, backend), (theirs, simulator)]
    for _ in range(50):
        for _, each in turns:
            each.run(circuit, shots=1024).result()
    gc.disable()
    for _ in range(200 if quick else 1000):
        for figures, each in turns:
            start = perf_counter_ns()
            result = each.run(circuit, shots=1024).result()
            figures.append(perf_counter_ns() - start)
            if sum(result.get_counts().values()) != 1024:
                raise RuntimeError(f"{each!r} did not do its work")
        turns.reverse()
    gc.enable()
    extra = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    return [
        Result(
            "4 qubits and 1,024 shots on Aer, beyond its own job",
            statistics.median(extra),
            "ns",
            goal=Goal(200_000, limit=True),
            raw={"ours": ours, "theirs": theirs},
        ),
        Result(
            "4 qubits and 1,024 shots on Aer, in all",
            statistics.median(ours),
            "ns",
            rival=f"{release('qiskit-aer')}: its own job",
            theirs=statistics.median(theirs),
            ratio=statistics.median(theirs) / statistics.median(ours),
        ),
    ]


def timed_job(base: Any, seconds: float) -> Any:
    """Make a job of a class that overrides everything, and is DONE after so many seconds."""

    class TimedJob(base):  # type: ignore[misc]
        def submit(self) -> None:
            self._end = monotonic() + seconds

        def status(self) -> JobStatus:
            return JobStatus.DONE if monotonic() >= self._end else JobStatus.RUNNING

        def result(self) -> None:
            self.wait_for_final_state()

        def cancel(self) -> None:
            pass

    job = TimedJob(None, "job-1")
    job.submit()
    return job


def waited(base: Any, seconds: float, arguments: dict[str, Any]) -> float:
    """Return the nanoseconds that a wait for such a job takes."""
    job = timed_job(base, seconds)
    start = perf_counter_ns()
    try:
        job.wait_for_final_state(**arguments)
    except JobTimeoutError:
        pass
    return float(perf_counter_ns() - start)


def waits(*, quick: bool) -> list[Result]:
    """How long a short job is waited for, and a deadline, with one class on either base."""
    rival = f"{release('qiskit')}: JobV1"
    results = []
    for what, seconds, arguments, goal in (
        ("waiting for a job of 0.1 s", 0.1, {}, Goal(0.15e9, limit=True)),
        ("timeout=1, wait=5 of an endless job", 1e9, {"timeout": 1}, Goal(1.1e9, limit=True)),
    ):
        figures = {}
        for base, times in ((QiskitJob, 3 if quick else 9), (JobV1, 1)):
            figures[base] = [waited(base, seconds, arguments) for _ in range(times)]
        ours, theirs = (statistics.median(figures[base]) for base in (QiskitJob, JobV1))
        raw = {"ours": figures[QiskitJob], "theirs": figures[JobV1]}
        results.append(Result(what, ours, "ns", rival, theirs, theirs / ours, goal=goal, raw=raw))
    return results


def responsiveness(*, quick: bool) -> list[Result]:
    """The longest that another thread of this process stands still while a simulation is waited for.

    A simulation holds the interpreter's lock, so it must be in another process.
    """
    circuit = QuantumCircuit(18)
    for layer in range(4):
        for qubit in range(18):
            circuit.ry(0.1 + layer, qubit)
        for qubit in range(17):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    simulator = AerSimulator(method="statevector")
    stalls: dict[str, list[int]] = {"ours": [], "theirs": []}
    with QiskitBackend(simulator, processes=1) as backend:
        for number in range(4 if quick else 10):
            for who, each in (("ours", backend), ("theirs", simulator)):
                with longest_stall() as longest:
                    each.run(circuit, shots=1024).result()
                if number:  # the first run starts a process, and loads what Aer needs
                    stalls[who] += longest
    ours, theirs = (statistics.median(stalls[who]) for who in ("ours", "theirs"))
    return [
        Result(
            "longest stall while 18 qubits are simulated, in a process",
            ours,
            "ns",
            rival=f"{release('qiskit-aer')}: its own job",
            theirs=theirs,
            ratio=theirs / ours,
            raw=stalls,
        )
    ]


@contextmanager
def longest_stall() -> Iterator[list[int]]:
    """Give a list which has in the end by how many nanoseconds a thread was kept from going on at most."""
    over, longest = Event(), [0]

    def tick() -> None:
        last = perf_counter_ns()
        while not over.wait(0.001):
            now = perf_counter_ns()
            longest[0] = max(longest[0], now - last - 1_000_000)
            last = now

    ticking = Thread(target=tick)
    ticking.start()
    try:
        yield longest
    finally:
        over.set()
        ticking.join()
