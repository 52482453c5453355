"""`adopt`: job objects of other classes, as they come."""

from __future__ import annotations

import asyncio
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
import qiskit_ionq
from qiskit.primitives import PrimitiveJob, StatevectorSampler
from qiskit.providers import JobStatus, JobV1
from qiskit.providers.exceptions import JobError, JobTimeoutError
from qiskit_aer.jobs import AerJob
from qiskit_ibm_runtime import RuntimeJobV2
from qiskit_ionq.constants import APIJobStatus
from qiskit_ionq.exceptions import IonQJobFailureError

import sojourn
import sojourn.backends.qiskit as sojourn_qiskit
from job_doubles import ManualClock, manual_clock
from qiskit_oracle import assert_legal
from qiskit_wild import IonQ, Service, bell, scripted, service
from sojourn.backends.qiskit import (
    BRAKET_STATUS_MAP,
    IBM_STATUS_MAP,
    IONQ_STATUS_MAP,
    AdoptedJob,
    QiskitJob,
    adopt,
)
from sojourn.errors import BackendError, IllegalTransitionError, JobFailedError, UnknownStatusError
from sojourn.testing import JobConformance

OURS = sojourn.JobStatus


class Foreign:
    """A job of nobody's library: its id and its metadata are attributes, its words are its own."""

    def __init__(self, *answers: Any, cancel: Any = None) -> None:
        self.job_id = "f-1"
        self.metadata = {"shots": 7}
        self.queue_position = 3
        self.answers = scripted(list(answers) or ["QUEUED"])
        self.answer = cancel
        self.cancels = 0

    def status(self) -> Any:
        answer = self.answers()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def result(self) -> str:
        return "counts"

    def cancel(self) -> Any:
        self.cancels += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def wait_for_final_state(self, *_: Any, **__: Any) -> None:
        raise AssertionError("its own wait was used")

    in_final_state = done = running = cancelled = wait_for_final_state


class TestAdoptedConformance(JobConformance):
    job_class = AdoptedJob

    def make_job(self) -> Any:
        return AdoptedJob(Foreign(), "f-1")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    return manual_clock(monkeypatch)


def test_an_adopted_job_is_looked_at_and_its_result_fetched(clock: ManualClock) -> None:
    job = adopt(Foreign("QUEUED", JobStatus.VALIDATING, OURS.RUNNING, "DONE"))

    assert job.result(timeout=60) == "counts"

    assert isinstance(job, JobV1)
    assert [entry.dest for entry in job.history] == ["QUEUED", "VALIDATING", "RUNNING", "DONE"]
    assert (job.job_id(), job.native_id, job.metadata) == ("f-1", "f-1", {"shots": 7})
    assert job.status() is JobStatus.DONE
    assert_legal(job)


def test_adopting_asks_for_nothing_but_the_id() -> None:
    job = adopt(Foreign(AssertionError("it was asked")))

    assert job.state is QiskitJob.INITIALIZING
    assert job.history == ()


def test_what_a_job_of_sojourns_lacks_is_the_adopted_ones() -> None:
    foreign = Foreign("QUEUED")
    job = adopt(foreign)

    assert job.queue_position == 3
    assert job.adopted is foreign
    assert job.backend() is None
    with pytest.raises(AttributeError, match="no_such_thing"):
        job.no_such_thing  # noqa: B018


def test_words_of_its_own_mean_what_the_map_says() -> None:
    words = {
        "waiting": "QUEUED",
        "busy": OURS.RUNNING,
        3: JobStatus.DONE,
        "checked": QiskitJob.VALIDATING,
    }
    job = adopt(Foreign("checked", "waiting", "busy", 3), status_map=words)

    told = [job.status() for _ in range(4)]

    assert told == [JobStatus.VALIDATING, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE]


@pytest.mark.parametrize("word", ["waiting", ["DONE"], 7, JobError])
def test_a_word_that_is_in_no_map_is_an_error_that_names_it(word: Any) -> None:
    job = adopt(Foreign("RUNNING", word, "DONE"), status_map={"busy": "RUNNING"})
    job.status()

    with pytest.raises(UnknownStatusError) as caught:
        job.status()

    assert isinstance(caught.value, JobError)
    assert repr(word)[:20] in str(caught.value)
    assert job.status() is JobStatus.DONE


def test_no_answer_is_no_news() -> None:
    job = adopt(Foreign("RUNNING", None, "DONE"))

    assert [job.status() for _ in range(3)] == [
        JobStatus.RUNNING,
        JobStatus.RUNNING,
        JobStatus.DONE,
    ]


def test_exceptions_of_its_status_say_what_the_map_says(clock: ManualClock) -> None:
    failure = KeyError("gate")
    job = adopt(
        Foreign("RUNNING", ValueError("busy"), IndexError("?"), failure),
        errors={ValueError: None, IndexError: "QUEUED", LookupError: OURS.ERROR},
    )

    job.wait_for_final_state(timeout=60)

    assert job.error() is failure
    assert [entry.dest for entry in job.history] == ["QUEUED", "RUNNING", "ERROR"]


def test_an_exception_that_is_in_no_map_is_a_backend_error() -> None:
    trouble = ValueError("odd")
    job = adopt(Foreign("RUNNING", trouble, "DONE"))
    job.status()

    with pytest.raises(BackendError) as caught:
        job.status()

    assert caught.value.__cause__ is trouble
    assert isinstance(caught.value, JobError)
    assert job.status() is JobStatus.DONE


def test_why_it_failed_is_its_message() -> None:
    class WithMessage(Foreign):
        def error_message(self) -> str:
            return "no such gate"

        def result(self) -> str:
            raise AssertionError("it might wait")

    with pytest.raises(JobFailedError, match="no such gate"):
        adopt(WithMessage("ERROR")).result()


@pytest.mark.parametrize(
    ("answer", "taken"),
    [(True, True), (None, True), (False, False), (NotImplementedError(), False)],
)
def test_a_cancel_answers_whether_it_was_taken(answer: Any, taken: bool) -> None:
    foreign = Foreign("RUNNING", "CANCELLED", cancel=answer)
    job = adopt(foreign)
    job.status()

    assert job.cancel() is taken

    assert (job.cancel_requested, foreign.cancels) == (taken, 1)
    assert job.state.name == "RUNNING"
    assert job.status() is JobStatus.CANCELLED


def test_a_job_without_cancel_refuses() -> None:
    class Stubborn:
        job_id, result = "s-1", "counts"
        status = "RUNNING"

    job = adopt(Stubborn())

    assert job.cancel() is False
    assert job.status() is JobStatus.RUNNING


def test_an_adopted_job_is_not_submitted_again() -> None:
    class Submitting(Foreign):
        def submit(self) -> None:
            raise AssertionError("it was submitted")

    with pytest.raises(JobError) as caught:
        adopt(Submitting("RUNNING")).submit()

    assert isinstance(caught.value, IllegalTransitionError)


def test_a_wait_keeps_its_deadline_though_the_status_hangs() -> None:
    entered, go = threading.Event(), threading.Event()

    class Hanging(Foreign):
        def status(self) -> Any:
            entered.set()
            go.wait(30)
            return "DONE"

    job = adopt(Hanging())
    try:
        with pytest.raises(JobTimeoutError):
            job.result(timeout=0.2)
        assert entered.is_set()
    finally:
        go.set()

    assert job.result(timeout=30) == "counts"


def test_a_snapshot_leaves_the_adopted_job_behind() -> None:
    foreign = Foreign("DONE")
    foreign.lock = threading.Lock()  # type: ignore[attr-defined]
    job = adopt(foreign)
    job.result()

    snapshot = pickle.loads(pickle.dumps(job))

    assert (snapshot.status(), snapshot.result()) == (JobStatus.DONE, "counts")
    assert (snapshot.adopted, snapshot.backend()) == (None, None)
    with pytest.raises(AttributeError):
        snapshot.queue_position  # noqa: B018


# What cannot be adopted.


def without(name: str) -> Any:
    parts = {each: "text" for each in ("job_id", "status", "result") if each != name}
    return type("Part", (), parts)()


class Async(Foreign):
    async def status(self) -> Any:
        return "DONE"


class Demanding(Foreign):
    def result(self, index: int) -> Any:  # type: ignore[override]
        return index


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: None, TypeError, "None cannot be adopted, it has no job_id, status, result"),
        (lambda: "f-1", TypeError, "'f-1' cannot be adopted"),
        (lambda: Foreign, TypeError, "not a class"),
        (lambda: without("job_id"), TypeError, "it has no job_id"),
        (lambda: without("status"), TypeError, "it has no status"),
        (lambda: without("result"), TypeError, "it has no result"),
        (Async, TypeError, "coroutine"),
        (Demanding, TypeError, "without arguments: missing a required argument: 'index'"),
        (lambda: adopt(Foreign()), TypeError, "use it as it is"),
    ],
    ids=["none", "text", "class", "no id", "no status", "no result", "async", "demanding", "ours"],
)
def test_what_is_no_job_object_is_refused(
    make: Callable[[], Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        adopt(make())


@pytest.mark.parametrize("none", [None, ""])
def test_a_job_without_an_id_is_refused_and_named(none: Any) -> None:
    foreign = Foreign()
    foreign.job_id = none

    with pytest.raises(ValueError, match="Foreign object"):
        adopt(foreign)


@pytest.mark.parametrize(
    ("maps", "kind", "text"),
    [
        ({"status_map": ["DONE"]}, TypeError, "status_map must be a mapping"),
        ({"status_map": {"ok": "DON"}}, ValueError, "did you mean DONE"),
        ({"status_map": {"ok": None}}, ValueError, "to None"),
        ({"status_map": {"ok": ["DONE"]}}, ValueError, "DONE"),
        ({"errors": {"KeyError": "ERROR"}}, TypeError, "exception classes"),
        ({"errors": {KeyError: "OVER"}}, ValueError, "to 'OVER'"),
    ],
    ids=str,
)
def test_a_map_that_leads_nowhere_is_refused(
    maps: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        adopt(Foreign(), **maps)


# Job objects of the wild.


def test_an_aer_job_is_adopted() -> None:
    simulator = qiskit_aer.AerSimulator()
    job = adopt(simulator.run(bell(), shots=100))
    assert isinstance(job.adopted, AerJob)

    assert sum(job.result(timeout=60).get_counts().values()) == 100

    assert job.status() is JobStatus.DONE
    assert job.backend() is simulator
    assert job.circuits() == job.adopted.circuits()
    assert_legal(job)


def test_an_aer_job_that_waits_is_cancelled() -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        first, second = (
            AerJob("the backend", f"j-{n}", lambda *_: go.wait(30), executor=executor)
            for n in range(2)
        )
        first.submit()
        second.submit()
        running, waiting = adopt(first), adopt(second)
        try:
            assert waiting.cancel() is True
            assert waiting.status() is JobStatus.CANCELLED
            assert running.status() is JobStatus.RUNNING
            assert running.cancel() is False
        finally:
            go.set()
    assert running.result(timeout=60) is True


def test_a_primitive_job_is_adopted_and_awaited() -> None:
    async def wait(job: Any) -> Any:
        return await asyncio.wait_for(job, 60)

    circuit = bell()
    job = adopt(StatevectorSampler().run([circuit], shots=100))
    assert isinstance(job.adopted, PrimitiveJob)

    result = asyncio.run(wait(job))

    assert sum(result[0].data.c.get_counts().values()) == 100
    assert job.status() is JobStatus.DONE
    assert_legal(job)


def test_a_primitive_job_that_fails_says_why() -> None:
    inner: Any = PrimitiveJob(lambda: 1 // 0)
    inner._submit()
    job = adopt(inner)

    with pytest.raises(JobFailedError) as caught:
        job.result(timeout=60)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert job.status() is JobStatus.ERROR


class Client:
    """Stands for the client of IBM's service, which a job of theirs asks."""

    def __init__(self, *words: str, **state: Any) -> None:
        self.word = scripted(list(words))
        self.state = state
        self.cancelled = 0

    def job_get(self, job_id: str, **_: Any) -> Any:
        word = self.word()
        return {"id": job_id, "status": word, "state": {"status": word, **self.state}}

    def job_cancel(self, job_id: str) -> None:
        self.cancelled += 1

    def job_results(self, job_id: str) -> str:
        return '{"counts": 7}'


def runtime_job(client: Client) -> Any:
    return RuntimeJobV2("the backend", client, "ibm-1", "sampler", service=None)  # type: ignore[arg-type]


def test_a_runtime_job_with_words_for_statuses_is_adopted() -> None:
    job = adopt(runtime_job(Client("Queued", "Running", "Completed")))

    told = [job.status() for _ in range(3)]

    assert told == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE]
    assert job.result() == {"counts": 7}
    assert job.primitive_id == "sampler"
    assert_legal(job)


def test_a_word_that_the_runtime_adds_is_an_error_and_no_endless_wait() -> None:
    job = adopt(runtime_job(Client("Running", "Paused", "Completed")))
    job.status()

    with pytest.raises(UnknownStatusError, match="PAUSED"):
        job.wait_for_final_state(timeout=30)

    assert job.state.name == "RUNNING"
    assert job.status() is JobStatus.DONE


def test_a_runtime_job_that_failed_says_why() -> None:
    job = adopt(runtime_job(Client("Failed", reason="the fridge is warm", reasonCode=8000)))

    with pytest.raises(JobFailedError, match="the fridge is warm"):
        job.result(timeout=30)


def test_a_runtime_job_is_cancelled() -> None:
    client = Client("Running", "Cancelled")
    job = adopt(runtime_job(client))
    job.status()

    assert job.cancel() is True

    assert client.cancelled == 1
    assert job.status() is JobStatus.CANCELLED


@pytest.fixture
def ionq(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Service]]:
    monkeypatch.setattr("qiskit_ionq.ionq_backend.get_n_qubits", lambda *_, **__: 4)
    with service(IonQ("ready")) as running:
        provider = qiskit_ionq.IonQProvider("a token", f"{running.url}/v0.4")
        yield provider.get_backend("ionq_simulator"), running


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_ionq_job_whose_status_raises_is_adopted(ionq: Any) -> None:
    backend, running = ionq
    running.answer = IonQ("ready", "started", "failed")
    job = adopt(backend.run(bell(), shots=100), errors={IonQJobFailureError: "ERROR"})

    job.wait_for_final_state(timeout=30)

    assert job.status() is JobStatus.ERROR
    assert isinstance(job.error(), IonQJobFailureError)
    with pytest.raises(JobFailedError, match="the trap is empty"):
        job.result()
    assert_legal(job)


# The maps of three services.

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "qiskit.md"


@pytest.mark.parametrize("name", ["IBM_STATUS_MAP", "IONQ_STATUS_MAP", "BRAKET_STATUS_MAP"])
def test_the_reference_tells_of_every_word_what_the_map_says(name: str) -> None:
    text = REFERENCE.read_text("utf-8").split(f"autodata:: {name}")[1].split("autodata::")[0]
    told = {
        word: place
        for words, place in re.findall(r"^\| (`.+?`) \| (\w+) \|", text, re.MULTILINE)
        for word in re.findall(r"`(.+?)`", words)
    }

    assert told == {word: place.name for word, place in getattr(sojourn_qiskit, name).items()}


def test_the_map_of_ibm_knows_the_word_that_made_waits_endless() -> None:
    job = adopt(
        runtime_job(Client("Running", "Cancelled - Ran too long")), status_map=IBM_STATUS_MAP
    )

    job.wait_for_final_state(timeout=30)

    assert job.status() is JobStatus.ERROR


def test_the_map_of_ionq_has_every_word_of_its_provider() -> None:
    assert {each.value for each in APIJobStatus} <= set(IONQ_STATUS_MAP)


def test_a_task_that_is_being_cancelled_stays_where_it_is() -> None:
    for before, told in (("QUEUED", JobStatus.QUEUED), ("RUNNING", JobStatus.RUNNING)):
        job = adopt(
            Foreign("CREATED", before, "CANCELLING", "CANCELLED"), status_map=BRAKET_STATUS_MAP
        )

        seen = [job.status() for _ in range(4)]

        assert seen == [JobStatus.VALIDATING, told, told, JobStatus.CANCELLED]


def test_a_class_may_take_a_map_for_its_own() -> None:
    class Task(QiskitJob[Any]):
        status_map = IONQ_STATUS_MAP
        words = ("submitted", "ready", "started", "completed")

        def __init__(self) -> None:
            super().__init__(None, "task-1")
            self._word = scripted(list(self.words))

        def status(self) -> Any:
            return self._word()

    job = Task()

    assert [job.status().name for _ in job.words] == ["VALIDATING", "QUEUED", "RUNNING", "DONE"]
