"""Job classes of three providers, as their packages have them; only the base is another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import pytest
import qiskit_aer
from qiskit.providers import JobStatus, JobV1
from qiskit.providers.exceptions import JobError, JobTimeoutError
from qiskit_ionq.exceptions import IonQAPIError, IonQJobError, IonQJobFailureError

from qiskit_oracle import assert_legal
from qiskit_wild import IonQ, bell
from sojourn.backends.qiskit import QiskitJob
from sojourn.errors import IllegalTransitionError, JobFailedError

WAITING = {"timeout": 30}


@pytest.fixture(autouse=True)
def every_status_that_is_read_ends_a_legal_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status = QiskitJob.status

    def checked(job: Any) -> JobStatus:
        told = status(job)
        assert_legal(job, told)
        return told

    monkeypatch.setattr(QiskitJob, "status", checked)


def path_of(job: Any) -> list[str]:
    return [entry.dest for entry in job.history]


# Aer, which runs its jobs in a thread of this process.


@pytest.fixture
def held(aer_jobs: type[Any]) -> Iterator[tuple[Callable[[], Any], threading.Event]]:
    """Make jobs, one at a time in a thread, that run until they are let go."""
    go = threading.Event()

    def run(*_: Any) -> str:
        assert go.wait(30)
        return "counts"

    with ThreadPoolExecutor(1) as executor:
        yield lambda: aer_jobs("the backend", f"job-{id(object())}", run, executor=executor), go
        go.set()


def test_an_aer_job_runs_through_its_own_backend(aer_jobs: type[Any]) -> None:
    job = qiskit_aer.AerSimulator().run(bell(), shots=100)

    assert isinstance(job, aer_jobs)
    assert isinstance(job, JobV1)
    assert sum(job.result().get_counts().values()) == 100
    assert job.status() is JobStatus.DONE
    assert path_of(job) == ["QUEUED", "RUNNING", "DONE"]


def test_aer_jobs_that_wait_are_queued_though_aer_says_initializing(held: Any) -> None:
    make, go = held
    first, second = make(), make()
    first.submit()
    second.submit()

    assert second.status() is JobStatus.QUEUED
    assert first.status() is JobStatus.RUNNING
    go.set()
    assert (first.result(), second.result()) == ("counts", "counts")
    assert first.done()
    assert second.done()


def test_an_aer_job_in_the_queue_is_cancelled_and_one_that_runs_is_not(held: Any) -> None:
    make, _ = held
    first, second = make(), make()
    first.submit()
    second.submit()

    assert first.cancel() is False
    assert second.cancel() is True

    assert second.status() is JobStatus.CANCELLED
    assert first.status() is JobStatus.RUNNING
    with pytest.raises(CancelledError):
        second.result()


def test_a_wait_for_an_aer_job_keeps_its_deadline(held: Any) -> None:
    make, _ = held
    job = make()
    job.submit()

    with pytest.raises(JobTimeoutError):
        job.wait_for_final_state(timeout=0.05, wait=5)
    with pytest.raises(TimeoutError):
        job.result(timeout=0.05)

    assert job.status() is JobStatus.RUNNING


def test_an_aer_job_that_was_never_submitted_says_what_it_always_said(aer_jobs: type[Any]) -> None:
    job = aer_jobs("the backend", "job-1", None)

    for call in (job.status, job.result, job.cancel):
        with pytest.raises(JobError, match="not submitted"):
            call()


def test_an_aer_job_is_submitted_once(held: Any) -> None:
    make, _ = held
    job = make()
    job.submit()

    with pytest.raises(JobError) as caught:
        job.submit()

    assert isinstance(caught.value, IllegalTransitionError)


def test_an_aer_job_whose_function_raises_is_in_error(aer_jobs: type[Any]) -> None:
    job = aer_jobs("the backend", "job-1", lambda *_: 1 // 0)
    job.submit()

    job.wait_for_final_state(**WAITING)

    assert job.status() is JobStatus.ERROR
    with pytest.raises(ZeroDivisionError):
        job.result()


def test_an_aer_job_can_be_awaited(aer_jobs: type[Any]) -> None:
    async def wait(job: Any) -> Any:
        return await asyncio.wait_for(job, 30)

    result = asyncio.run(wait(qiskit_aer.AerSimulator().run(bell(), shots=10)))

    assert sum(result.get_counts().values()) == 10


# IonQ, which talks HTTP by requests.


def test_an_ionq_job_goes_its_way_and_gives_its_counts(ionq: Any) -> None:
    backend, answers, _ = ionq("submitted", "ready", "started", "completed")
    job = backend.run(bell(), shots=100)
    assert isinstance(job, QiskitJob)

    result = job.result(timeout=30)

    assert set(result.get_counts()) == {"00", "11"}
    assert path_of(job) == ["QUEUED", "RUNNING", "DONE"]
    assert (job.job_id(), job.native_id, answers.posted) == ("ionq-1", "ionq-1", 1)
    assert job.status() is JobStatus.DONE


def test_an_ionq_job_is_not_posted_twice(ionq: Any) -> None:
    backend, answers, _ = ionq("ready")
    job = backend.run(bell(), shots=100)

    with pytest.raises(JobError, match="submitted already"):
        job.submit()

    assert (answers.posted, job.job_id()) == (1, "ionq-1")
    assert job.status() is JobStatus.QUEUED


def test_an_ionq_job_that_falls_back_to_the_queue_goes_on_running(ionq: Any) -> None:
    backend, _, _ = ionq("started", "ready", "completed")
    job = backend.run(bell(), shots=100)

    told = [job.status() for _ in range(3)]

    assert told == [JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.DONE]


def test_the_failure_of_an_ionq_job_is_raised_as_ever_and_its_next_status_is_error(
    ionq: Any,
) -> None:
    backend, _, _ = ionq("failed")
    job = backend.run(bell(), shots=100)

    with pytest.raises(IonQJobFailureError, match="the trap is empty"):
        job.status()

    assert job.status() is JobStatus.ERROR
    with pytest.raises(JobFailedError):
        job.result()  # where it had returned None


def test_the_failure_of_an_ionq_job_can_be_a_status(ionq: Any) -> None:
    backend, _, _ = ionq("started", "failed")
    job = backend.run(bell(), shots=100)
    kind = type(job)

    class Told(kind):  # type: ignore[misc, valid-type]
        status_errors = {IonQJobFailureError: JobStatus.ERROR}

    job.__class__ = Told
    job.wait_for_final_state(**WAITING)

    assert job.status() is JobStatus.ERROR
    assert isinstance(job.error(), IonQJobFailureError)
    assert "the trap is empty" in job.error_message()


def test_a_wait_for_a_failed_ionq_job_raises_its_own_error(ionq: Any) -> None:
    backend, _, _ = ionq("started", "failed")
    job = backend.run(bell(), shots=100)

    with pytest.raises(IonQJobFailureError):
        job.result(timeout=30)


def test_an_ionq_job_that_is_cancelled(ionq: Any) -> None:
    backend, _, running = ionq("started", "canceled")
    job = backend.run(bell(), shots=100)
    job.status()

    assert job.cancel() is True

    assert job.cancel_requested
    assert job.state.name == "RUNNING"
    with pytest.warns(UserWarning, match="cancelled"):
        assert job.status() is JobStatus.CANCELLED
    assert running.count("PUT", "/v0.4/jobs/ionq-1/status/cancel") == 1


def test_an_ionq_job_that_is_retrieved_is_looked_at_in_its_constructor(ionq: Any) -> None:
    backend, answers, running = ionq("completed")

    job = backend.retrieve_job("ionq-1")

    assert job.state.name == "DONE"
    assert answers.posted == 0
    assert running.count("GET", "/v0.4/jobs/ionq-1") == 1
    assert job.status() is JobStatus.DONE
    assert set(job.result().get_counts()) == {"00", "11"}


def test_an_ionq_job_that_is_refused(ionq: Any) -> None:
    backend, answers, _ = ionq("ready")
    answers.refuse = 400
    kind = type(backend.retrieve_job("ionq-1"))
    job = kind(backend, None, backend.client, bell(), {"shots": 10})

    with pytest.raises(IonQAPIError, match="no such device") as caught:
        job.submit()

    assert job.status() is JobStatus.ERROR
    assert job.error() is caught.value
    with pytest.raises(JobError, match="refused"):
        job.submit()
    assert answers.posted == 1


def test_a_word_that_ionq_adds_is_an_error_of_its_own_and_changes_nothing(ionq: Any) -> None:
    backend, _, _ = ionq("started", "calibrating", "completed")
    job = backend.run(bell(), shots=100)
    job.status()

    with pytest.raises(IonQJobError, match="calibrating"):
        job.status()

    assert job.state.name == "RUNNING"
    assert job.status() is JobStatus.DONE


def test_a_wait_keeps_its_deadline_though_ionq_tries_for_ever_to_reach_its_service(
    ionq: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, _, running = ionq("started")
    job = backend.run(bell(), shots=100)
    job.status()
    hung, go = threading.Event(), threading.Event()

    def hang(*_: Any) -> tuple[int, Any]:
        hung.set()
        go.wait(30)
        return IonQ("completed")("GET", "/v0.4/jobs/ionq-1", None)

    running.answer = hang
    try:
        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0.5)
        assert hung.is_set()
    finally:
        go.set()

    job.wait_for_final_state(**WAITING)  # woken by what the late answer brings
    assert job.status() is JobStatus.DONE


# Superstaq, which talks HTTP, too, and whose jobs are submitted by its backends alone.


def test_a_superstaq_job_goes_its_way_and_gives_its_counts(superstaq: Any) -> None:
    backend, _, _ = superstaq("Submitted", "Queued", "Running", "Done")
    job = backend.run(bell(), shots=100)
    assert isinstance(job, QiskitJob)

    told = [job.status() for _ in range(4)]

    assert told == [
        JobStatus.INITIALIZING,
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        JobStatus.DONE,
    ]
    assert job.job_id() == "ss-1,ss-2"
    assert job.result(index=0).get_counts() == {"00": 50, "11": 50}


def test_a_superstaq_job_refuses_submit_and_goes_on(superstaq: Any) -> None:
    backend, _, _ = superstaq("Running", "Done")
    job = backend.run(bell(), shots=100)

    with pytest.raises(NotImplementedError, match="SuperstaqBackend"):
        job.submit()

    assert job.status() is JobStatus.RUNNING
    job.wait_for_final_state(**WAITING)
    assert job.status() is JobStatus.DONE


def test_the_status_of_a_part_of_a_superstaq_job_says_nothing_about_the_whole(
    superstaq: Any,
) -> None:
    backend, _, _ = superstaq("Running", "Done")
    job = backend.run(bell(), shots=100)

    job.status()

    assert job.status(index=1) is JobStatus.DONE

    assert job.state.name == "RUNNING"


def test_a_failed_superstaq_job_gives_its_own_result(superstaq: Any) -> None:
    backend, _, _ = superstaq("Queued", "Failed")
    job = backend.run(bell(), shots=100)

    result = job.result(timeout=30)

    assert not result.success
    assert job.status() is JobStatus.ERROR
    assert path_of(job)[-1] == "ERROR"


def test_a_superstaq_job_that_is_cancelled(superstaq: Any) -> None:
    backend, answers, _ = superstaq("Running", "Cancelled")
    job = backend.run(bell(), shots=100)
    job.status()

    assert job.cancel() is True

    assert answers.cancelled == ["ss-1", "ss-2"]
    assert job.status() is JobStatus.CANCELLED


def test_a_word_that_superstaq_adds_is_no_news(superstaq: Any) -> None:
    backend, _, _ = superstaq("Running", "Deleted")
    job = backend.run(bell(), shots=100)
    job.status()

    assert job.status() is JobStatus.RUNNING
