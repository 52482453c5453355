"""`QiskitBackend`: circuits on backends of Qiskit's, here and in processes of their own."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.random import random_circuit
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.exceptions import JobError
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.jobs import AerJob

from process_watching import until
from qiskit_oracle import assert_legal
from qiskit_wild import bell
from sojourn.backends.qiskit import CircuitJob, QiskitBackend, QiskitJob, UnsuccessfulResultError
from sojourn.backends.qiskit._running import ApartJob, HereJob
from sojourn.errors import (
    CannotRunError,
    JobCancelledError,
    JobFailedError,
    JobSubmitError,
    SubmitUncertainError,
)
from sojourn.testing import JobConformance


def too_large() -> QuantumCircuit:
    circuit = QuantumCircuit(60)
    for qubit in range(60):
        circuit.h(qubit)
        circuit.t(qubit)
    circuit.measure_all()
    return circuit


def endless() -> QuantumCircuit:
    """A circuit that a simulator is busy with for longer than any test may take."""
    circuit = QuantumCircuit(22)
    for layer in range(20_000):
        circuit.rx(0.1, layer % 22)
        circuit.cx(layer % 22, (layer + 1) % 22)
    circuit.measure_all()
    return circuit


class Gated(BackendV2):
    """Its jobs are Aer's and end when they are let go, one at a time."""

    def __init__(self) -> None:
        super().__init__(name="gated")
        self.go = threading.Event()
        self.began = threading.Event()
        self.executor = ThreadPoolExecutor(1)

    target = AerSimulator().target
    max_circuits = None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def _run(self, *_: Any) -> str:
        self.began.set()
        assert self.go.wait(30)
        return "counts"

    def run(self, run_input: Any, **options: Any) -> Any:
        job = AerJob(self, str(uuid4()), self._run, executor=self.executor)
        job.submit()
        return job


@pytest.fixture
def gated() -> Iterator[Gated]:
    backend = Gated()
    yield backend
    backend.go.set()
    backend.executor.shutdown()


class Answering(Gated):
    """Its jobs, and what it raises instead, are given to it."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.runs = 0

    def run(self, run_input: Any, **options: Any) -> Any:
        self.runs += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Polled:
    """A job that tells nobody of its end."""

    def __init__(self, result: Any, *statuses: Any) -> None:
        self.given = result
        self.statuses = list(statuses)

    def job_id(self) -> str:
        return "polled-1"

    def status(self) -> Any:
        told = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if isinstance(told, BaseException):
            raise told
        return told

    def result(self) -> Any:
        if isinstance(self.given, list):
            answer = self.given.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        if isinstance(self.given, BaseException):
            raise self.given
        return self.given


class TestHereConformance(JobConformance):
    job_class = HereJob

    def make_job(self) -> Any:
        return HereJob(QiskitBackend(AerSimulator()), "j-1", bell(), {})


class TestApartConformance(JobConformance):
    job_class = ApartJob

    def make_job(self) -> Any:
        return ApartJob(QiskitBackend(AerSimulator(), processes=1), "j-1", bell(), {})


@pytest.fixture(params=[None, 1], ids=["here", "apart"])
def around(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], QiskitBackend]]:
    made = []

    def make(backend: Any) -> QiskitBackend:
        made.append(QiskitBackend(backend, processes=request.param))
        return made[-1]

    yield make
    for each in made:
        each.close(cancel=True)


# Both ways.


def test_circuits_are_run_and_counted(around: Any) -> None:
    backend = around(AerSimulator())

    job = backend.run([bell(), bell()], shots=100)
    result = job.result(timeout=60)

    assert isinstance(job, CircuitJob)
    assert isinstance(job, JobV1)
    assert [sum(result.get_counts(n).values()) for n in range(2)] == [100, 100]
    assert job.status() is JobStatus.DONE
    assert (job.backend(), job.metadata) == (backend, {"shots": 100})
    assert job.result() is result
    assert_legal(job)


def test_a_result_without_success_is_an_error_with_its_message(around: Any) -> None:
    job = around(AerSimulator(method="statevector")).run(too_large(), shots=10)

    with pytest.raises(JobError, match="Insufficient memory") as caught:
        job.result(timeout=60)

    assert isinstance(caught.value, JobFailedError)
    assert isinstance(job.error(), UnsuccessfulResultError)
    assert job.error().outcome.success is False
    assert job.status() is JobStatus.ERROR
    assert "DONE" not in [entry.dest for entry in job.history]
    assert_legal(job)


def test_of_several_jobs_each_gets_its_own_result(around: Any) -> None:
    backend = around(AerSimulator())
    circuits = [random_circuit(3, 3, measure=True, seed=seed) for seed in range(8)]

    jobs = [backend.run(transpile(each, backend), shots=10 + n) for n, each in enumerate(circuits)]

    counted = [sum(job.result(timeout=60).get_counts().values()) for job in jobs]
    assert counted == [10 + n for n in range(8)]
    assert len({job.job_id() for job in jobs}) == 8
    for job in jobs:
        assert_legal(job)


def test_a_job_can_be_awaited(around: Any) -> None:
    async def wait(job: Any) -> Any:
        return await asyncio.wait_for(job, 60)

    result = asyncio.run(wait(around(AerSimulator()).run(bell(), shots=10)))

    assert sum(result.get_counts().values()) == 10


def test_leaving_the_block_waits_for_all_jobs_and_closes(around: Any) -> None:
    with around(AerSimulator()) as backend:
        jobs = [backend.run(bell(), shots=10) for _ in range(3)]

    assert [job.state.name for job in jobs] == ["DONE"] * 3
    assert backend.jobs == ()
    with pytest.raises(JobError, match="closed") as caught:
        backend.run(bell())
    assert isinstance(caught.value, CannotRunError)


def test_a_snapshot_has_the_result(around: Any) -> None:
    job = around(AerSimulator()).run(bell(), shots=10)
    counts = job.result(timeout=60).get_counts()

    snapshot = pickle.loads(pickle.dumps(job))

    assert snapshot.result().get_counts() == counts
    assert snapshot.status() is JobStatus.DONE
    assert (snapshot.inner, snapshot.backend()) == (None, None)


@pytest.mark.parametrize(
    ("circuits", "options", "kind", "text"),
    [
        (7, {}, TypeError, "a circuit must be a QuantumCircuit, not 7"),
        (None, {}, TypeError, "not None"),
        ("OPENQASM 3.0;", {}, TypeError, "not 'OPENQASM 3.0;'"),
        ([], {}, ValueError, "at least one"),
        ([QuantumCircuit(1), 7], {}, TypeError, "circuit 1 must be a QuantumCircuit, not 7"),
        (QuantumCircuit(1), {"shots": "many"}, TypeError, "shots must be an int, not 'many'"),
        (QuantumCircuit(1), {"shots": 0}, ValueError, "shots must be 1 or more"),
        (QuantumCircuit(1), {"shots": True}, TypeError, "shots must be an int"),
        (QuantumCircuit(1), {"job_id": ""}, ValueError, "1 to 255 characters, not ''"),
        (QuantumCircuit(1), {"job_id": "x" * 256}, ValueError, "1 to 255 characters"),
        (QuantumCircuit(1), {"job_id": 5}, TypeError, "not int 5"),
    ],
    ids=[
        "number",
        "none",
        "text",
        "empty",
        "mixed",
        "words",
        "shotless",
        "truth",
        "nameless",
        "long",
        "numbered",
    ],
)
def test_what_is_no_circuit_is_refused_and_nothing_submitted(
    circuits: Any, options: Any, kind: type[Exception], text: str
) -> None:
    inner = Answering(AssertionError("it was asked"))

    with pytest.raises(kind, match=text):
        QiskitBackend(inner).run(circuits, **options)

    assert inner.runs == 0


@pytest.mark.parametrize(
    "what", [None, "aer_simulator", AerSimulator], ids=["none", "name", "class"]
)
def test_what_is_no_backend_is_refused(what: Any) -> None:
    with pytest.raises(TypeError, match="a QiskitBackend is made around a BackendV2, not"):
        QiskitBackend(what)
    with pytest.raises(TypeError, match="not <"):
        QiskitBackend(QiskitBackend(AerSimulator()))
    with pytest.raises(ValueError, match="processes must be 1 or more"):
        QiskitBackend(AerSimulator(), processes=0)


def test_many_threads_may_run_circuits_and_look_at_the_jobs() -> None:
    backend = QiskitBackend(AerSimulator())

    def run(_: int) -> int:
        job = backend.run(bell(), shots=10)
        assert all(isinstance(each, CircuitJob) for each in backend.jobs)
        return sum(job.result(timeout=60).get_counts().values())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(80))) == [10] * 80


# In this process.


def test_jobs_that_wait_are_queued_and_can_be_cancelled(gated: Gated) -> None:
    backend = QiskitBackend(gated)
    running, waiting = backend.run(bell()), backend.run(bell())
    assert gated.began.wait(30)

    assert running.status() is JobStatus.RUNNING
    assert waiting.status() is JobStatus.QUEUED
    assert waiting.cancel() is True

    assert waiting.state.name == "CANCELLED"
    with pytest.raises(JobCancelledError):
        waiting.result()
    gated.go.set()
    assert running.result(timeout=30) == "counts"


def test_a_job_that_cannot_be_interrupted_says_so_and_its_result_is_dropped(gated: Gated) -> None:
    job = QiskitBackend(gated).run(bell())
    assert gated.began.wait(30)

    assert job.cancel() is True

    assert job.cancel_requested
    assert job.status() is JobStatus.RUNNING
    gated.go.set()
    job.wait_for_final_state(timeout=30)
    assert job.status() is JobStatus.CANCELLED
    assert "dropped" in job.history[-1].detail
    with pytest.raises(JobCancelledError, match="dropped"):
        job.result()


def test_leaving_the_block_by_an_exception_cancels_and_does_not_wait(gated: Gated) -> None:
    jobs: list[CircuitJob] = []

    def leave() -> None:
        with QiskitBackend(gated) as backend:
            jobs.extend(backend.run(bell()) for _ in range(2))
            assert gated.began.wait(30)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave()

    assert jobs[0].cancel_requested
    assert jobs[1].state.name == "CANCELLED"


def test_the_end_of_a_simulation_is_pushed(gated: Gated) -> None:
    told = threading.Event()
    job = QiskitBackend(gated).run(bell())
    job.add_callback(lambda _, entry: entry.dest == "DONE" and told.set())

    gated.go.set()

    assert told.wait(30)
    assert job.state.name == "DONE"


@pytest.mark.parametrize(
    "statuses",
    [
        (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE),
        ("QUEUED", "RUNNING", "DONE"),
        (OSError("down"), "RUNNING", OSError("down"), "DONE"),
    ],
    ids=["members", "names", "lost"],
)
def test_a_job_that_pushes_nothing_is_polled(statuses: Any) -> None:
    job = QiskitBackend(Answering(Polled("counts", *statuses))).run(bell())

    assert job.result(timeout=30) == "counts"

    assert job.native_id == "polled-1"
    assert_legal(job)


def test_a_result_that_cannot_be_fetched_now_is_fetched_later() -> None:
    inner = Polled([ConnectionError("down"), "counts"], "DONE")

    assert QiskitBackend(Answering(inner)).run(bell()).result(timeout=30) == "counts"


def test_what_the_result_raises_is_why_the_job_failed() -> None:
    inner = Polled(ValueError("no such gate"), "RUNNING", "ERROR")
    job = QiskitBackend(Answering(inner)).run(bell())

    job.wait_for_final_state(timeout=30)

    assert job.status() is JobStatus.ERROR
    assert job.error() is inner.given


def test_a_result_that_a_done_job_does_not_give_is_asked_for_again() -> None:
    class LostError(Exception):
        """Raised by clients whose timeouts are no OSError."""

    job = QiskitBackend(Answering(Polled([LostError("no answer"), "counts"], "DONE"))).run(bell())

    with pytest.raises(JobError, match="no answer"):
        job.wait_for_final_state(timeout=30)

    assert job.state.name == "QUEUED"
    assert job.result(timeout=30) == "counts"


def test_an_interrupt_while_a_result_is_fetched_says_nothing_about_the_job() -> None:
    job = QiskitBackend(Answering(Polled([KeyboardInterrupt(), "counts"], "DONE"))).run(bell())

    with pytest.raises(KeyboardInterrupt):
        job.result()

    assert job.state.name == "QUEUED"
    assert job.result(timeout=30) == "counts"


@pytest.mark.parametrize("word", ["ERROR", "CANCELLED"])
def test_a_job_that_did_not_succeed_is_not_done_though_it_gives_a_result(word: str) -> None:
    inner = Polled("a part of the counts", word)
    inner.error_message = lambda: "the laser is off"  # type: ignore[attr-defined]
    job = QiskitBackend(Answering(inner)).run(bell())

    job.wait_for_final_state(timeout=30)

    assert job.status().name == word
    if word == "ERROR":
        assert (job.error_message(), job.error().outcome) == ("the laser is off", inner.given)


def test_a_job_that_nobody_holds_is_waited_for_all_the_same() -> None:
    inner = Polled("counts", "QUEUED", "RUNNING", "DONE")

    with QiskitBackend(Answering(inner)) as backend:
        backend.run(bell())
        gc.collect()

    assert inner.statuses == ["DONE"]
    assert backend.jobs == ()
    assert not backend._held


def test_a_job_that_cannot_be_asked_keeps_nobody_from_waiting_for_the_others() -> None:
    around = Answering(Polled("counts", LookupError("no such job")))
    backend = QiskitBackend(around)
    backend.run(bell())
    around.answer = Polled("counts", "QUEUED", "RUNNING", "DONE")
    other = backend.run(bell())

    with pytest.raises(JobError, match="no such job"):
        backend.close()

    assert other.state.name == "DONE"


def test_an_option_may_have_the_name_of_a_parameter_of_ours() -> None:
    taken: list[Any] = []

    class Taking(Answering):
        def run(self, run_input: Any, **options: Any) -> Any:
            taken.append(options)
            return super().run(run_input)

    job = QiskitBackend(Taking(Polled("counts", "DONE"))).run(bell(), backend="x", journal="y")

    assert taken == [job.metadata] == [{"backend": "x", "journal": "y"}]


def test_a_backend_that_refuses_fails_the_job_with_what_it_says() -> None:
    refusal = ValueError("no such gate")

    with pytest.raises(JobError, match="no such gate") as caught:
        QiskitBackend(Answering(refusal)).run(bell())

    assert isinstance(caught.value, JobSubmitError)
    assert caught.value.__cause__ is refusal


def test_a_backend_that_disappears_leaves_the_submission_in_doubt() -> None:
    inner = Answering(ConnectionError("it is gone"))

    with pytest.raises(JobError, match="it is gone") as caught:
        QiskitBackend(inner).run(bell())

    assert isinstance(caught.value, SubmitUncertainError)
    assert inner.runs == 1


# In processes.


class WithPid(Gated):
    """Its result is the process that it was run in; it pickles."""

    def __init__(self) -> None:
        BackendV2.__init__(self, name="with pid")

    def run(self, run_input: Any, **options: Any) -> Any:
        return Polled(os.getpid(), "DONE")


def test_a_simulation_apart_runs_in_another_process() -> None:
    with QiskitBackend(WithPid(), processes=1) as backend:
        job = backend.run(bell())

    assert job.result() not in (None, os.getpid())


def test_a_simulation_apart_that_is_cancelled_is_stopped() -> None:
    with QiskitBackend(AerSimulator(), processes=1) as backend:
        job = backend.run(endless(), shots=1)
        until(lambda: job.status() is JobStatus.RUNNING)
        worker = int(job.history[-1].detail.rpartition(" ")[2])

        assert job.cancel() is True
        job.wait_for_final_state(timeout=30)

        assert job.status() is JobStatus.CANCELLED
        assert not Path(f"/proc/{worker}").exists()
        assert sum(backend.run(bell(), shots=10).result(timeout=60).get_counts().values()) == 10


def test_a_simulation_apart_that_waits_is_cancelled_at_once() -> None:
    with QiskitBackend(AerSimulator(), processes=1) as backend:
        running, waiting = backend.run(endless(), shots=1), backend.run(bell(), shots=1)

        assert waiting.cancel() is True

        assert waiting.state.name == "CANCELLED"
        running.cancel()


def test_what_does_not_pickle_is_refused_and_nothing_submitted(gated: Gated) -> None:
    backend = QiskitBackend(gated, processes=1)

    with pytest.raises(JobError, match="pickle") as caught:
        backend.run(bell())

    assert isinstance(caught.value, CannotRunError)
    assert backend.jobs == ()
    backend.close()


# Where Qiskit expects a backend.


def test_it_stands_for_the_backend_around_which_it_is() -> None:
    inner = GenericBackendV2(3, seed=1)

    backend = QiskitBackend(inner)

    assert isinstance(backend, BackendV2)
    assert (backend.name, backend.num_qubits) == (inner.name, 3)
    assert backend.target is inner.target
    assert backend.operation_names == inner.operation_names
    assert backend.coupling_map == inner.coupling_map
    assert backend.options == inner.options
    assert (
        AerSimulator().configuration().n_qubits
        == QiskitBackend(AerSimulator()).configuration().n_qubits
    )
    with pytest.raises(AttributeError, match="no_such_thing"):
        backend.no_such_thing  # noqa: B018


def test_a_circuit_is_transpiled_for_it() -> None:
    inner = GenericBackendV2(3, basis_gates=["sx", "rz", "cx"], seed=1)

    made = transpile(bell(), QiskitBackend(inner), seed_transpiler=7)

    assert made == transpile(bell(), inner, seed_transpiler=7)
    assert set(made.count_ops()) <= {"sx", "rz", "cx", "measure", "barrier"}


@pytest.mark.parametrize("make", [AerSimulator, BasicSimulator], ids=["aer", "basic"])
def test_a_sampler_takes_it_for_a_backend(make: Any) -> None:
    sampler = BackendSamplerV2(backend=QiskitBackend(make()))

    result = sampler.run([bell()], shots=100).result()

    assert sum(result[0].data.c.get_counts().values()) == 100


def test_an_estimator_takes_it_for_a_backend(around: Any) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    estimator = BackendEstimatorV2(backend=around(AerSimulator(seed_simulator=7)))

    result = estimator.run([(circuit, SparsePauliOp("ZZ"))], precision=0.05).result()

    assert result[0].data.evs == pytest.approx(1.0)


def test_every_job_that_a_primitive_makes_has_a_legal_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[QiskitJob[Any]] = []
    backend = QiskitBackend(AerSimulator())
    run = backend.run
    monkeypatch.setattr(backend, "run", lambda *a, **k: made.append(run(*a, **k)) or made[-1])

    BackendSamplerV2(backend=backend).run([bell(), bell()], shots=10).result()

    assert made
    for job in made:
        assert job.state.name == "DONE"
        assert_legal(job)
