"""The job class for a remote service, against the real service on loopback.

No test sleeps: `BatchService.hold` keeps a job where the test wants it, `wait_until` waits for
what happens on the server, and `inject` spoils exactly the answers that the test names.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from batch_job import BatchClient, Checksum, ChecksumJob, RefusedError, main
from batch_service import BatchService, Fault, Route, Stage
from sojourn import JobStatus, Observation, Outcome
from sojourn.errors import (
    BackendError,
    IllegalTransitionError,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobSubmitError,
    JobTimeoutError,
    SubmitUncertainError,
    UnknownStatusError,
)

CONTENT = bytes(range(256)) * 1000  # several blocks
EXPECTED = Checksum(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchService]:
    # A proxy of the machine's would stand between the two ends of the loopback.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "part.bin").write_bytes(CONTENT)
    with BatchService(tmp_path) as running:
        yield running


@pytest.fixture
def job(service: BatchService) -> ChecksumJob:
    return ChecksumJob(BatchClient(service.url), "checksum-1", "part.bin")


class HastyClient(BatchClient):
    """Waits shortly for the answers that the test spoils, and as long as ever for all others."""

    def call(self, method: str, path: str, body: object = None) -> Any:
        hasty = (method, path) in [("POST", "/jobs"), ("GET", "/jobs/batch-1")]
        return BatchClient(self.url, 0.2 if hasty else self.timeout).call(method, path, body)


def ask(service: BatchService, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Ask the service without the client under test."""
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def is_at(service: BatchService, status: str, attempt: int = 1) -> None:
    """Wait until the only job of the service has come to a status."""
    service.wait_until(
        lambda: [(job.status, job.attempt) for job in service.jobs.values()] == [(status, attempt)]
    )


def steps(job: ChecksumJob) -> list[str]:
    return [f"{entry.trigger} {entry.dest}" for entry in job.history]


class TestTheServiceItself:
    def test_it_computes_what_it_was_asked_for(self, service: BatchService) -> None:
        code, taken = ask(service, "POST", "/jobs", {"token": "t", "file": "part.bin"})
        is_at(service, "COMPLETED")

        assert (code, taken["status"]) == (201, "PENDING")
        assert ask(service, "GET", "/jobs/batch-1/result") == (
            200,
            {"sha256": EXPECTED.sha256, "size": EXPECTED.size},
        )

    def test_a_token_names_one_job_however_often_it_is_sent(self, service: BatchService) -> None:
        order = {"token": "päckchen /1?&", "file": "part.bin"}

        first = ask(service, "POST", "/jobs", order)
        is_at(service, "COMPLETED")
        second = ask(service, "POST", "/jobs", order)
        other_file = ask(service, "POST", "/jobs", order | {"file": "other.bin"})

        assert (first[0], second[0], other_file[0]) == (201, 200, 409)
        assert first[1]["id"] == second[1]["id"]
        assert len(ask(service, "GET", "/jobs")[1]["jobs"]) == 1
        assert len(ask(service, "GET", "/jobs?token=p%C3%A4ckchen%20%2F1%3F%26")[1]["jobs"]) == 1
        assert ask(service, "GET", "/jobs?token=other") == (200, {"jobs": []})

    @pytest.mark.parametrize(
        ("method", "path", "body", "code"),
        [
            ("POST", "/jobs", {"token": "t", "file": "../secret"}, 422),
            ("POST", "/jobs", {"token": "t", "file": ""}, 422),
            ("POST", "/jobs", {"token": "t", "file": ".."}, 422),
            ("POST", "/jobs", {"token": "t", "file": "nul\0"}, 422),
            ("POST", "/jobs", {"token": "t"}, 400),
            ("POST", "/jobs", "text", 400),
            ("POST", "/jobs", None, 400),
            ("GET", "/jobs/batch-9", None, 404),
            ("POST", "/jobs/batch-9/cancel", None, 404),
            ("GET", "/elsewhere", None, 404),
            ("POST", "/elsewhere", None, 404),
        ],
    )
    def test_a_senseless_request_is_refused(
        self, service: BatchService, method: str, path: str, body: object, code: int
    ) -> None:
        assert ask(service, method, path, body)[0] == code
        assert service.jobs == {}

    def test_a_file_that_is_not_there_fails_when_it_is_read(self, service: BatchService) -> None:
        ask(service, "POST", "/jobs", {"token": "t", "file": "missing.bin"})
        is_at(service, "FAILED")

        reason = ask(service, "GET", "/jobs/batch-1")[1]["reason"]

        assert reason == "FileNotFoundError: No such file or directory"
        assert ask(service, "GET", "/jobs/batch-1/result")[0] == 409

    @pytest.mark.parametrize(
        ("stage", "before", "code", "after"),
        [
            (Stage.PENDING, "PENDING", 200, "CANCELED"),
            (Stage.WORKING, "ACTIVE", 202, "CANCELED"),
            (Stage.FINISHING, "ACTIVE", 202, "COMPLETED"),
        ],
    )
    def test_a_cancel_request_is_looked_at_until_the_last_block(
        self, service: BatchService, stage: Stage, before: str, code: int, after: str
    ) -> None:
        service.hold(stage)
        ask(service, "POST", "/jobs", {"token": "t", "file": "part.bin"})
        is_at(service, before)
        if stage is Stage.FINISHING:
            service.wait_until(lambda: service.at_the_end == {"batch-1"})

        answer = ask(service, "POST", "/jobs/batch-1/cancel")[0]
        service.release(stage)
        is_at(service, after)

        assert answer == code
        assert ask(service, "POST", "/jobs/batch-1/cancel")[0] == 409

    def test_a_preempted_job_starts_again(self, service: BatchService) -> None:
        service.hold(Stage.WORKING)
        ask(service, "POST", "/jobs", {"token": "t", "file": "part.bin"})
        is_at(service, "ACTIVE")

        service.preempt("batch-1")
        is_at(service, "ACTIVE", attempt=2)
        service.release(Stage.WORKING)
        is_at(service, "COMPLETED", attempt=2)

        assert ask(service, "GET", "/jobs/batch-1/result")[1]["sha256"] == EXPECTED.sha256

    @pytest.mark.parametrize(
        ("fault", "done", "symptom"),
        [
            (Fault.DROPPED, False, http.client.RemoteDisconnected),
            (Fault.LOST, True, http.client.RemoteDisconnected),
            (Fault.BUSY, False, 503),
            (Fault.GATEWAY, True, 502),
            (Fault.GARBLED, True, json.JSONDecodeError),
        ],
    )
    def test_a_fault_spoils_one_answer(
        self, service: BatchService, fault: Fault, done: bool, symptom: object
    ) -> None:
        order = {"token": "t", "file": "part.bin"}
        service.inject(Route.SUBMIT, fault)

        seen: object
        try:
            seen = ask(service, "POST", "/jobs", order)[0]
        except (OSError, ValueError) as error:
            seen = type(error)

        assert seen == symptom
        assert len(service.jobs) == done
        assert ask(service, "POST", "/jobs", order)[0] == (200 if done else 201)
        assert service.requests[Route.SUBMIT] == 2

    def test_several_files_are_read_at_once(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / name).write_bytes(CONTENT)
        with BatchService(tmp_path, slots=2) as service:
            service.hold(Stage.WORKING)
            for name in "ab":
                ask(service, "POST", "/jobs", {"token": name, "file": name})

            service.wait_until(
                lambda: [job.status for job in service.jobs.values()] == ["ACTIVE"] * 2
            )

            with pytest.raises(TimeoutError, match="nothing of the kind"):
                service.wait_until(lambda: len(service.jobs) == 3, timeout=0.01)

    def test_closing_stops_what_is_held(self, tmp_path: Path) -> None:
        (tmp_path / "part.bin").write_bytes(CONTENT)
        before = threading.active_count()
        with BatchService(tmp_path) as service:
            service.hold(Stage.WORKING)
            ask(service, "POST", "/jobs", {"token": "t", "file": "part.bin"})
            is_at(service, "ACTIVE")

        assert threading.active_count() == before


class TestAnUndisturbedJob:
    def test_it_lives_through_every_state(self, service: BatchService, job: ChecksumJob) -> None:
        service.hold(Stage.PENDING)
        service.hold(Stage.WORKING)

        job.submit()
        queued = job.status()
        service.release(Stage.PENDING)
        is_at(service, "ACTIVE")
        running = job.running()
        service.release(Stage.WORKING)

        assert queued is JobStatus.QUEUED
        assert running
        assert job.result(timeout=10) == EXPECTED
        assert job.native_id == "batch-1"
        assert steps(job) == ["submit QUEUED", "start RUNNING", "finish DONE"]
        assert [entry.inferred for entry in job.history] == [False, False, False]

    def test_a_final_job_asks_the_service_nothing(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        job.submit()
        job.result(timeout=10)
        asked = service.requests.total()

        assert job.done()
        assert job.result() == EXPECTED
        assert job.cancel() is False
        job.wait_for_final_state()

        assert service.requests.total() == asked

    def test_skipped_steps_are_inferred(self, service: BatchService, job: ChecksumJob) -> None:
        job.submit()
        is_at(service, "COMPLETED")

        assert job.done()

        start, finish = job.history[1:]
        assert (start.inferred, start.at, start.dest) == (True, None, "RUNNING")
        assert (finish.inferred, finish.at is None, finish.dest) == (False, False, "DONE")
        assert (finish.origin, finish.detail) == ("observation", "COMPLETED")

    def test_a_finished_job_outlives_its_process_as_a_snapshot(self, job: ChecksumJob) -> None:
        job.submit()
        job.result(timeout=10)

        copy = pickle.loads(pickle.dumps(job))

        assert copy.result() == EXPECTED
        assert (copy.file, copy.native_id, copy.history) == ("part.bin", "batch-1", job.history)
        with pytest.raises(IllegalTransitionError):
            copy.requeue()

    def test_a_job_submitted_elsewhere_is_attached_to(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        job.submit()

        other = ChecksumJob.attach(
            job.backend(), "checksum-1", job.native_id, file="part.bin", metadata={"by": "me"}
        )

        assert other.metadata == {"by": "me"}
        assert other.result(timeout=10) == EXPECTED
        with pytest.raises(IllegalTransitionError):
            other.submit()
        assert len(service.jobs) == 1


class TestSubmission:
    def test_a_submission_that_times_out_after_it_was_taken_is_found_again(
        self, service: BatchService
    ) -> None:
        job = ChecksumJob(HastyClient(service.url), "checksum-1", "part.bin")
        service.hold(Stage.PENDING)
        service.inject(Route.SUBMIT, Fault.LATE)

        with pytest.raises(SubmitUncertainError) as uncertain:
            job.submit()
        service.wait_until(lambda: len(service.jobs) == 1)

        assert isinstance(uncertain.value.__cause__, TimeoutError)
        assert job.status() is JobStatus.INITIALIZING
        assert (job.native_id, job.history) == (None, ())

        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert job.reconcile() is Outcome.ADVANCED
        service.release(Stage.PENDING)

        assert job.native_id == "batch-1"
        job.wait_for_final_state(timeout=10)
        assert job.result(timeout=10) == EXPECTED
        assert service.requests[Route.SUBMIT] == 1
        assert [taken.token for taken in service.jobs.values()] == ["checksum-1"]

    @pytest.mark.parametrize(
        ("fault", "taken", "cause"),
        [
            (Fault.DROPPED, False, http.client.RemoteDisconnected),
            (Fault.LOST, True, http.client.RemoteDisconnected),
            (Fault.BUSY, False, HTTPError),
            (Fault.GATEWAY, True, HTTPError),
            (Fault.GARBLED, True, json.JSONDecodeError),
        ],
    )
    def test_whatever_happens_to_the_answer_exactly_one_job_comes_of_it(
        self,
        service: BatchService,
        job: ChecksumJob,
        fault: Fault,
        taken: bool,
        cause: type[Exception],
    ) -> None:
        service.inject(Route.SUBMIT, fault)

        with pytest.raises(SubmitUncertainError) as uncertain:
            job.submit()

        assert isinstance(uncertain.value.__cause__, cause)
        assert len(service.jobs) == taken
        assert job.reconcile() is Outcome.ADVANCED
        assert job.result(timeout=10) == EXPECTED
        assert len(service.jobs) == 1
        # What the service has is found; only what it does not have is sent once more.
        assert service.requests[Route.SUBMIT] == (1 if taken else 2)

    def test_an_id_of_any_characters_is_found_again(self, service: BatchService) -> None:
        job = ChecksumJob(BatchClient(service.url), "Päckchen /1?&token=%20#", "part.bin")
        service.inject(Route.SUBMIT, Fault.LOST)
        with pytest.raises(SubmitUncertainError):
            job.submit()

        job.reconcile()

        assert service.requests[Route.SUBMIT] == 1
        assert job.result(timeout=10) == EXPECTED

    def test_a_listing_that_omits_the_job_does_not_double_it(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.inject(Route.SUBMIT, Fault.LOST)
        service.inject(Route.LIST, Fault.FORGETFUL)
        with pytest.raises(SubmitUncertainError):
            job.submit()

        job.reconcile()

        # The listing said "none", so it was sent again, and the token made it the same job.
        assert service.requests[Route.SUBMIT] == 2
        assert list(service.jobs) == [job.native_id]
        assert job.result(timeout=10) == EXPECTED

    def test_doubt_lasts_until_the_service_can_be_asked(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.inject(Route.SUBMIT, Fault.LOST)
        service.inject(Route.LIST, Fault.BUSY)
        with pytest.raises(SubmitUncertainError):
            job.submit()

        with pytest.raises(BackendError) as unasked:
            job.reconcile()

        assert isinstance(unasked.value.__cause__, HTTPError)
        assert job.state.name == "INITIALIZING"
        assert service.requests[Route.SUBMIT] == 1
        assert job.reconcile() is Outcome.ADVANCED
        assert job.result(timeout=10) == EXPECTED
        assert service.requests[Route.SUBMIT] == 1

    def test_threads_that_reconcile_at_once_send_it_once(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.inject(Route.SUBMIT, Fault.DROPPED)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        start = threading.Barrier(4)
        surprises: list[BaseException] = []

        def reconcile() -> None:
            start.wait()
            try:
                job.reconcile()
            except IllegalTransitionError:
                pass
            except BaseException as error:  # noqa: BLE001  # shown below
                surprises.append(error)

        threads = [threading.Thread(target=reconcile) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert surprises == []
        assert service.requests[Route.SUBMIT] == 2
        assert job.result(timeout=10) == EXPECTED

    def test_threads_that_submit_at_once_send_it_once(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        start = threading.Barrier(4)
        outcomes: list[str] = []

        def submit() -> None:
            start.wait()
            try:
                job.submit()
            except IllegalTransitionError:
                outcomes.append("refused")
            else:
                outcomes.append("submitted")

        threads = [threading.Thread(target=submit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["refused", "refused", "refused", "submitted"]
        assert service.requests[Route.SUBMIT] == 1
        assert job.result(timeout=10) == EXPECTED

    def test_a_refusal_ends_the_job_and_says_why(self, service: BatchService) -> None:
        job = ChecksumJob(BatchClient(service.url), "checksum-1", "../secret")

        with pytest.raises(JobSubmitError) as refused:
            job.submit()

        # urllib's HTTPError is an OSError, and would count as uncertain.
        assert isinstance(refused.value.__cause__, RefusedError)
        assert refused.value.__cause__.code == 422
        assert job.status() is JobStatus.ERROR
        assert isinstance(job.error(), RefusedError)
        assert service.jobs == {}
        with pytest.raises(JobFailedError) as failed:
            job.result()
        assert failed.value.__cause__ is job.error()

    def test_a_token_that_is_taken_is_a_refusal(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        ask(service, "POST", "/jobs", {"token": "checksum-1", "file": "other.bin"})

        with pytest.raises(JobSubmitError, match="taken by another file"):
            job.submit()

        assert len(service.jobs) == 1

    @pytest.mark.parametrize("fault", [Fault.LOST, None])
    def test_reports_may_overtake_the_answer_to_the_submission(
        self, service: BatchService, fault: Fault | None
    ) -> None:
        """A message queue tells of the job before, or instead of, the answer."""

        class OvertakenJob(ChecksumJob):
            def _submit(self) -> str:
                native_id = super()._submit()
                is_at(service, "COMPLETED")
                assert self.observe("ACTIVE") is Outcome.ADVANCED
                assert self.observe("COMPLETED") is Outcome.ADVANCED
                if fault is not None:
                    raise ConnectionResetError("the answer was lost")
                return native_id

        job = OvertakenJob(BatchClient(service.url), "checksum-1", "part.bin")

        if fault is None:
            job.submit()
        else:
            with pytest.raises(SubmitUncertainError):
                job.submit()
            job.reconcile()

        assert job.native_id == "batch-1"
        assert job.result(timeout=10) == EXPECTED
        assert steps(job) == ["submit QUEUED", "start RUNNING", "finish DONE"]
        assert service.requests[Route.SUBMIT] == 1

    def test_a_cancel_during_the_submission_is_carried_out_after_it(
        self, service: BatchService
    ) -> None:
        asked: list[bool] = []

        class SlowJob(ChecksumJob):
            def _submit(self) -> str:
                native_id = super()._submit()
                user = threading.Thread(target=lambda: asked.append(self.cancel()))
                user.start()
                user.join()
                return native_id

        service.hold(Stage.PENDING)
        job = SlowJob(BatchClient(service.url), "checksum-1", "part.bin")

        job.submit()

        assert asked == [True]
        assert service.requests[Route.CANCEL] == 1
        assert service.jobs["batch-1"].status == "CANCELED"
        assert job.cancelled()


class TestWaiting:
    @pytest.mark.parametrize(
        "fault", [Fault.BUSY, Fault.GATEWAY, Fault.DROPPED, Fault.LOST, Fault.GARBLED]
    )
    def test_passing_faults_are_asked_through(
        self, service: BatchService, job: ChecksumJob, fault: Fault
    ) -> None:
        job.submit()
        service.inject(Route.LOOK, fault, times=3)

        job.wait_for_final_state(timeout=15, wait=0.05)

        assert job.done()
        assert service.requests[Route.LOOK] >= 4

    def test_a_look_that_times_out_is_asked_through(self, service: BatchService) -> None:
        patient = ChecksumJob(BatchClient(service.url), "checksum-1", "part.bin")
        patient.submit()
        job = ChecksumJob.attach(
            HastyClient(service.url), "checksum-1", patient.native_id, file="part.bin"
        )
        service.inject(Route.LOOK, Fault.LATE)

        job.wait_for_final_state(timeout=15)

        assert job.done()
        assert service.requests[Route.LOOK] >= 2

    def test_a_single_look_that_fails_changes_nothing(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        job.submit()
        service.inject(Route.LOOK, Fault.BUSY)

        with pytest.raises(BackendError) as unasked:
            job.status()

        assert isinstance(unasked.value.__cause__, HTTPError)
        assert unasked.value.transient
        assert steps(job) == ["submit QUEUED"]

    def test_a_job_that_the_service_lost_ends_the_wait_and_is_not_over(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.PENDING)
        job.submit()
        service.jobs.clear()

        with pytest.raises(BackendError, match="no such job") as lost:
            job.wait_for_final_state(timeout=15)

        assert not lost.value.transient
        assert job.state.name == "QUEUED"

    def test_an_unknown_word_ends_the_wait_and_is_taken_for_nothing(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.PENDING)
        job.submit()
        service.inject(Route.LOOK, Fault.WORD, word="SUSPENDED")

        with pytest.raises(UnknownStatusError, match="SUSPENDED"):
            job.wait_for_final_state(timeout=15)

        assert job.state.name == "QUEUED"
        service.release(Stage.PENDING)
        assert job.result(timeout=10) == EXPECTED

    def test_a_wait_that_is_too_short_changes_nothing(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.WORKING)
        job.submit()
        is_at(service, "ACTIVE")

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0)

        assert job.running()
        assert service.jobs["batch-1"].status == "ACTIVE"

    def test_the_callback_sees_every_look_and_the_last_one(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        seen: list[tuple[str, JobStatus, bool]] = []
        service.hold(Stage.PENDING)
        job.submit()

        def look(job_id: str, status: JobStatus, looked_at: ChecksumJob) -> None:
            seen.append((job_id, status, looked_at is job))
            service.release(Stage.PENDING)

        job.wait_for_final_state(timeout=15, callback=look)

        assert seen[0] == ("checksum-1", JobStatus.QUEUED, True)
        assert seen[-1] == ("checksum-1", JobStatus.DONE, True)

    def test_a_queue_listing_that_omits_the_job_says_nothing_about_it(
        self, service: BatchService
    ) -> None:
        class ListedJob(ChecksumJob):
            """Asks for the whole queue, as one does where single jobs cannot be asked for."""

            def _poll(self) -> Any:
                listed = self.backend().call("GET", "/jobs")["jobs"]
                words = [job["status"] for job in listed if job["id"] == self.native_id]
                return Observation(words[0]) if words else None

        job = ListedJob(BatchClient(service.url), "checksum-1", "part.bin")
        service.hold(Stage.WORKING)
        job.submit()
        is_at(service, "ACTIVE")
        assert job.running()
        service.inject(Route.LIST, Fault.FORGETFUL, times=2)

        assert job.status() is JobStatus.RUNNING
        assert not job.in_final_state()

        service.release(Stage.WORKING)
        assert job.result(timeout=10) == EXPECTED

    def test_threads_that_want_the_result_share_one_fetch(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.WORKING)
        job.submit()
        results: list[Checksum] = []
        threads = [
            threading.Thread(target=lambda: results.append(job.result(timeout=15)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()

        service.release(Stage.WORKING)
        for thread in threads:
            thread.join()

        assert results == [EXPECTED] * 4
        assert service.requests[Route.RESULT] == 1

    def test_it_can_be_awaited(self, job: ChecksumJob) -> None:
        async def run() -> Checksum:
            job.submit()
            return await job

        assert asyncio.run(run()) == EXPECTED

    def test_a_result_that_cannot_be_fetched_is_fetched_again(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.inject(Route.RESULT, Fault.BUSY)
        job.submit()
        job.wait_for_final_state(timeout=15)

        with pytest.raises(BackendError):
            job.result()

        assert job.done()
        assert job.result() == EXPECTED
        assert service.requests[Route.RESULT] == 2


class TestCancelling:
    def test_a_pending_job_is_stopped_at_once(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.PENDING)
        job.submit()

        assert job.cancel() is True

        assert job.state.name == "CANCELLED"
        assert job.cancel() is True
        assert service.requests[Route.CANCEL] == 1
        with pytest.raises(JobCancelledError):
            job.result()

    def test_an_active_job_is_cancelled_when_the_service_says_so(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.WORKING)
        job.submit()
        is_at(service, "ACTIVE")
        assert job.running()

        assert job.cancel() is True

        assert job.cancel_requested
        assert job.state.name == "RUNNING"
        job.wait_for_final_state(timeout=15)
        assert job.cancelled()

    def test_a_cancel_that_loses_the_race_gives_way_to_the_result(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.FINISHING)
        job.submit()
        service.wait_until(lambda: service.at_the_end == {"batch-1"})
        assert job.running()

        assert job.cancel() is True
        service.release(Stage.FINISHING)

        assert job.result(timeout=10) == EXPECTED
        assert job.done()
        assert not job.cancelled()

    def test_a_cancel_that_comes_too_late_is_refused(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        job.submit()
        is_at(service, "COMPLETED")

        assert job.cancel() is False

        assert job.result(timeout=10) == EXPECTED

    def test_a_cancel_that_cannot_be_asked_changes_nothing(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.PENDING)
        job.submit()
        service.inject(Route.CANCEL, Fault.BUSY)

        with pytest.raises(BackendError):
            job.cancel()

        assert not job.cancel_requested
        assert job.status() is JobStatus.QUEUED

    @pytest.mark.parametrize(
        ("fault", "on_the_server", "asked"), [(Fault.LOST, ["CANCELED"], 1), (Fault.DROPPED, [], 0)]
    )
    def test_a_cancel_in_doubt_is_carried_out_once_the_doubt_is_over(
        self,
        service: BatchService,
        job: ChecksumJob,
        fault: Fault,
        on_the_server: list[str],
        asked: int,
    ) -> None:
        service.hold(Stage.PENDING)
        service.inject(Route.SUBMIT, fault)
        with pytest.raises(SubmitUncertainError):
            job.submit()

        assert job.cancel() is True
        assert job.state.name == "INITIALIZING"
        job.reconcile()

        assert job.state.name == "CANCELLED"
        assert [taken.status for taken in service.jobs.values()] == on_the_server
        assert service.requests[Route.CANCEL] == asked
        assert service.requests[Route.SUBMIT] == 1

    def test_before_submission_nobody_is_asked(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        assert job.cancel() is True

        assert job.cancelled()
        assert service.requests.total() == 0
        with pytest.raises(IllegalTransitionError):
            job.submit()


class TestEvidence:
    def test_late_words_are_stale(self, service: BatchService, job: ChecksumJob) -> None:
        service.hold(Stage.WORKING)
        job.submit()
        is_at(service, "ACTIVE")
        assert job.running()
        service.inject(Route.LOOK, Fault.WORD, word="PENDING")

        assert job.status() is JobStatus.RUNNING

        assert job.observe("PENDING") is Outcome.STALE
        assert job.anomalies == ()
        assert steps(job) == ["submit QUEUED", "start RUNNING"]

    def test_a_second_verdict_is_an_anomaly(
        self, service: BatchService, job: ChecksumJob, caplog: pytest.LogCaptureFixture
    ) -> None:
        job.submit()
        job.result(timeout=10)

        outcomes = [job.observe(word) for word in ("FAILED", "FAILED", "CANCELED", "ACTIVE")]

        assert outcomes == [Outcome.CONFLICT, Outcome.CONFLICT, Outcome.CONFLICT, Outcome.STALE]
        assert [(odd.raw, odd.count) for odd in job.anomalies] == [("FAILED", 2), ("CANCELED", 1)]
        assert {record.levelname for record in caplog.records} == {"WARNING"}
        assert job.result() == EXPECTED

    def test_a_preempted_job_is_on_its_second_attempt(
        self, service: BatchService, job: ChecksumJob
    ) -> None:
        service.hold(Stage.WORKING)
        job.submit()
        is_at(service, "ACTIVE")
        assert job.running()

        service.preempt("batch-1")
        is_at(service, "ACTIVE", attempt=2)

        assert job.running()
        assert job.attempt == 2
        late = job.observe("COMPLETED", attempt=1)
        service.release(Stage.WORKING)
        assert late is Outcome.STALE
        assert job.result(timeout=10) == EXPECTED
        assert [(entry.trigger, entry.attempt) for entry in job.history] == [
            ("submit", 1),
            ("start", 1),
            ("requeue", 2),
            ("start", 2),
            ("finish", 2),
        ]

    def test_a_failure_tells_the_reason_of_the_service(self, service: BatchService) -> None:
        job = ChecksumJob(BatchClient(service.url), "checksum-1", "missing.bin")
        job.submit()
        job.wait_for_final_state(timeout=15)

        for _ in range(2):
            with pytest.raises(JobFailedError, match="No such file") as failed:
                job.result()
            assert isinstance(failed.value.__cause__, JobError)
            assert str(failed.value.__cause__) == str(job.error())

        assert str(job.error()) == "FileNotFoundError: No such file or directory"
        assert job.status() is JobStatus.ERROR


def test_the_example_runs_as_a_script(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    main()

    doubt, checksum, story = capsys.readouterr().out.splitlines()
    assert "may or may not have been taken" in doubt
    assert checksum == hashlib.sha256(b"hello\n").hexdigest()
    assert story.startswith("<ChecksumJob 'checksum-1' DONE")
    assert story.endswith("1 job on the server")
