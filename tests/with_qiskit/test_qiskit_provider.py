"""A provider that is written with sojourn passes where Qiskit expects a backend and its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qiskit import QuantumCircuit, qasm2, transpile
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import JobStatus, JobV1
from qiskit.providers.exceptions import JobError
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

import sojourn
from qiskit_oracle import assert_legal
from qiskit_provider import GATES, LabBackend, LabJob
from qiskit_wild import Service, bell, scripted, service
from sojourn import Outcome
from sojourn.errors import JobFailedError, JobSubmitError, SubmitUncertainError, UnknownStatusError
from sojourn.testing import JobConformance


class Laboratory:
    """What the service answers; it really runs the circuits."""

    def __init__(self, *words: str) -> None:
        self.words = words or ("checked", "waiting", "cooling", "shining", "ok")
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.refuse = 0
        self.lose = False

    def __call__(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if method == "POST":
            return self.take(told)
        if parts[0] == "tokens":
            return 200, {"id": self.tokens.get(parts[1])}
        job = self.jobs[parts[1]]
        if method == "DELETE":
            job["word"] = lambda: "stopped"
            return 200, {}
        if parts[2:] == ["counts"]:
            return 200, self.run(job)
        return 200, {"status": job["word"](), "why": "as the script says"}

    def take(self, told: Any) -> tuple[int, Any]:
        if self.refuse:
            return self.refuse, {}
        job_id = f"lab-{len(self.jobs) + 1}"
        self.jobs[job_id] = {**told, "word": scripted(list(self.words))}
        self.tokens[told["token"]] = job_id
        return (504 if self.lose else 200), {"id": job_id}

    @staticmethod
    def run(job: dict[str, Any]) -> dict[str, Any]:
        circuits = [
            qasm2.loads(each, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
            for each in job["circuits"]
        ]
        result = AerSimulator().run(circuits, shots=job["shots"], memory=True).result()
        data = [each.data.to_dict() for each in result.results]
        return {"counts": [d["counts"] for d in data], "memory": [d["memory"] for d in data]}


@pytest.fixture
def laboratory() -> Iterator[Callable[..., tuple[LabBackend, Laboratory, Service]]]:
    with service(lambda *_: (500, None)) as running:

        def start(*words: str) -> tuple[LabBackend, Laboratory, Service]:
            running.answer = answers = Laboratory(*words)
            return LabBackend(running.url), answers, running

        yield start


class TestLabJobConformance(JobConformance):
    job_class = LabJob

    def make_job(self) -> Any:
        return LabJob(LabBackend("http://127.0.0.1:1"), "j-1", [bell()], 10)


def test_its_job_goes_its_way_and_gives_the_counts(laboratory: Any) -> None:
    backend, _, _ = laboratory()

    job = backend.run(bell(), shots=100)
    result = job.result(timeout=60)

    assert isinstance(job, JobV1)
    assert sum(result.get_counts().values()) == 100
    assert set(result.get_counts()) <= {"00", "11"}
    assert [entry.dest for entry in job.history] == [
        "QUEUED",
        "VALIDATING",
        "COOLING",
        "RUNNING",
        "DONE",
    ]
    assert job.native_id == "lab-1"
    assert_legal(job)


def test_a_circuit_is_transpiled_for_it(laboratory: Any) -> None:
    backend, _, _ = laboratory()
    circuit = QuantumCircuit(2)
    circuit.ch(0, 1)
    circuit.measure_all()

    made = transpile(circuit, backend)

    assert set(made.count_ops()) <= {*GATES, "barrier"}
    assert sum(backend.run(made, shots=10).result(timeout=60).get_counts().values()) == 10


def test_a_sampler_takes_it(laboratory: Any) -> None:
    backend, answers, _ = laboratory("shining", "ok")

    result = BackendSamplerV2(backend=backend).run([bell(), bell()], shots=100).result()

    assert [sum(each.data.c.get_counts().values()) for each in result] == [100, 100]
    assert len(answers.jobs) == 1


def test_an_estimator_takes_it(laboratory: Any) -> None:
    backend, _, _ = laboratory("ok")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)

    result = (
        BackendEstimatorV2(backend=backend)
        .run([(circuit, SparsePauliOp(["ZZ", "XX"]))], precision=0.1)
        .result()
    )

    assert result[0].data.evs == pytest.approx(2.0)


def test_its_job_is_cancelled_and_failed_and_asked_in_vain(laboratory: Any) -> None:
    backend, _, _ = laboratory("waiting")
    job = backend.run(bell())
    assert job.cancel() is True
    assert job.status() is JobStatus.CANCELLED
    backend, _, _ = laboratory("broken")
    with pytest.raises(JobFailedError, match="as the script says"):
        backend.run(bell()).result(timeout=60)
    backend, _, _ = laboratory("shining", "repairing")
    job = backend.run(bell())
    job.status()
    with pytest.raises(JobError, match="repairing") as caught:
        job.status()
    assert isinstance(caught.value, UnknownStatusError)
    assert job.state.name == "RUNNING"


def test_a_submission_whose_answer_was_lost_is_found_and_not_repeated(laboratory: Any) -> None:
    backend, answers, _ = laboratory("ok")
    job = LabJob(backend, "j-1", [bell()], 10)
    answers.lose = True

    with pytest.raises(SubmitUncertainError):
        job.submit()
    answers.lose = False

    assert job.reconcile() is Outcome.ADVANCED
    assert (job.native_id, len(answers.jobs)) == ("lab-1", 1)
    assert sum(job.result(timeout=60).get_counts().values()) == 10


def test_a_refused_submission_fails_the_job(laboratory: Any) -> None:
    backend, answers, _ = laboratory("ok")
    answers.refuse = 422

    with pytest.raises(JobError, match="422") as caught:
        backend.run(bell())

    assert isinstance(caught.value, JobSubmitError)


def test_a_service_that_is_not_there_leaves_the_submission_in_doubt() -> None:
    with pytest.raises(JobError) as caught:
        LabBackend("http://127.0.0.1:1").run(bell())

    assert isinstance(caught.value, SubmitUncertainError)
    assert not isinstance(caught.value, JobSubmitError)


def test_a_picture_shows_the_state_of_its_own() -> None:
    assert "COOLING" in sojourn.draw(LabJob)
