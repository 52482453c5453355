"""`QiskitJob`: Qiskit's statuses and errors, ids that come late, and methods of a class's own."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from qiskit.exceptions import QiskitError
from qiskit.providers import Job, JobStatus, JobV1
from qiskit.providers.exceptions import JobError, JobTimeoutError

import sojourn
from job_doubles import ManualClock, manual_clock
from qiskit_oracle import assert_legal
from sojourn import BaseJob, LifecycleError, Observation, Outcome, State
from sojourn.backends.qiskit import QiskitJob
from sojourn.errors import (
    BackendError,
    IllegalTransitionError,
    JobCancelledError,
    JobFailedError,
    SubmitUncertainError,
    UnknownStatusError,
)
from sojourn.journals.memory import MemoryJournal
from sojourn.testing import JobConformance

OURS = sojourn.JobStatus


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    return manual_clock(monkeypatch)


class Hooked(QiskitJob[Any]):
    """Written for sojourn: with hooks."""

    def __init__(self, *answers: Any, job_id: Any = "j-1", **metadata: Any) -> None:
        super().__init__("the backend", job_id, **metadata)
        self.answers = list(answers)

    def _submit(self) -> str:
        return "native-1"

    def _poll(self) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _fetch_result(self) -> str:
        return "counts"


class Legacy(QiskitJob[Any]):
    """Written for `JobV1`: it overrides everything, keeps fields of its own, and never heard of hooks."""

    def __init__(self, *answers: Any, job_id: Any = "j-1", sent: Any = None) -> None:
        super().__init__("the backend", job_id, shots=7)
        self._answers = list(answers)
        self._sent = sent
        self._status = None
        self._result: Any = "counts"
        self.submissions = 0
        self.looks = 0

    def submit(self) -> Any:
        self.submissions += 1
        if isinstance(self._sent, BaseException):
            raise self._sent
        self._job_id = self._sent or self._job_id
        return self._sent

    def status(self) -> Any:
        self.looks += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        self._status = answer
        return answer

    def result(self, timeout: float | None = None) -> Any:
        self.wait_for_final_state(timeout=timeout)
        return self._result

    def cancel(self) -> Any:
        self._answers[:] = [JobStatus.CANCELLED]


def submitted(job: Any) -> Any:
    job.submit()
    return job


class TestHookedConformance(JobConformance):
    job_class = Hooked

    def make_job(self) -> Any:
        return Hooked(JobStatus.QUEUED)


class TestLegacyConformance(JobConformance):
    job_class = Legacy

    def make_job(self) -> Any:
        return Legacy(JobStatus.QUEUED)


# What Qiskit sees.


def test_it_is_a_job_of_qiskits_and_of_sojourns() -> None:
    job = Hooked(JobStatus.QUEUED, shots=7)

    assert isinstance(job, JobV1)
    assert isinstance(job, Job)
    assert isinstance(job, BaseJob)
    assert (job.version, job.metadata, job.backend()) == (1, {"shots": 7}, "the backend")


@pytest.mark.parametrize("member", JobStatus)
@pytest.mark.parametrize("kind", [Hooked, Legacy])
def test_the_status_is_the_member_of_qiskits_that_was_reported(
    kind: type[Any], member: JobStatus
) -> None:
    job = kind(member)
    if kind is Hooked:
        job.submit()

    told = job.status()

    expected = member
    if kind is Hooked and member is JobStatus.INITIALIZING:
        expected = JobStatus.QUEUED  # it was submitted, and that report is late
    assert told is expected
    assert_legal(job)
    assert (job.done(), job.running()) == (
        expected is JobStatus.DONE,
        expected is JobStatus.RUNNING,
    )
    assert job.cancelled() == (expected is JobStatus.CANCELLED)


@pytest.mark.parametrize("first", JobStatus)
@pytest.mark.parametrize("second", JobStatus)
def test_any_two_reports_leave_a_legal_history(first: JobStatus, second: JobStatus) -> None:
    job = Legacy(first, second)

    job.status()
    assert_legal(job)
    job.status()

    assert_legal(job)
    if first in (JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED):
        assert job.status() is first


def test_validating_is_a_state_that_stands_for_queued() -> None:
    job = Legacy(JobStatus.VALIDATING, JobStatus.QUEUED, JobStatus.VALIDATING, JobStatus.RUNNING)

    told = [job.status() for _ in range(4)]

    assert told == [
        JobStatus.VALIDATING,
        JobStatus.QUEUED,
        JobStatus.VALIDATING,
        JobStatus.RUNNING,
    ]
    assert [entry.dest for entry in job.history] == [
        "VALIDATING",
        "QUEUED",
        "VALIDATING",
        "RUNNING",
    ]
    assert QiskitJob.VALIDATING.status is OURS.QUEUED


def test_statuses_may_be_told_by_name() -> None:
    names = ["VALIDATING", "QUEUED", "RUNNING", "DONE"]
    job = Legacy(*names)

    assert [job.status().name for _ in names] == names


def test_a_state_of_ones_own_agrees_with_the_member_that_it_stands_for() -> None:
    class Calibrated(Hooked):
        CALIBRATING = State(OURS.RUNNING, "the device is calibrated")
        calibrate = sojourn.Transition(OURS.RUNNING, CALIBRATING)
        finish = BaseJob.finish | sojourn.Transition(CALIBRATING, OURS.DONE)

    job = submitted(Calibrated(JobStatus.RUNNING))
    job.status()
    job.calibrate()

    assert job.status() is JobStatus.RUNNING
    assert job.state.name == "CALIBRATING"


def test_members_of_qiskits_can_be_observed() -> None:
    job = Hooked(None)

    outcomes = [
        job.observe(JobStatus.VALIDATING),
        job.observe(Observation(JobStatus.ERROR, reason="no such gate")),
        job.observe(JobStatus.DONE),
    ]

    assert outcomes == [Outcome.ADVANCED, Outcome.ADVANCED, Outcome.CONFLICT]
    assert job.error_message() == "no such gate"
    assert len(job.anomalies) == 1


def test_the_callback_of_a_wait_is_told_members_of_qiskits(clock: ManualClock) -> None:
    told: list[Any] = []
    job = Legacy(JobStatus.VALIDATING, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE)

    job.wait_for_final_state(callback=lambda *arguments: told.append(arguments))

    assert [each[1] for each in told] == [
        JobStatus.VALIDATING,
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        JobStatus.DONE,
    ]
    assert {each[0] for each in told} == {"j-1"}
    assert {id(each[2]) for each in told} == {id(job)}


# Ids, and the fields of `JobV1`.


@pytest.mark.parametrize("none", [None, ""])
def test_an_id_may_come_with_the_submission(none: Any) -> None:
    job = Legacy(JobStatus.RUNNING, job_id=none, sent="srv-17")
    assert job.job_id() == none
    assert "no id yet" in repr(job)

    job.submit()

    assert (job.job_id(), job.native_id) == ("srv-17", "srv-17")
    assert "'srv-17'" in repr(job)


def test_an_id_may_be_a_uuid_and_is_given_back_as_it_was() -> None:
    job_id = uuid4()

    job = Hooked(JobStatus.DONE, job_id=job_id)

    assert job.job_id() is job_id
    assert str(job_id) in repr(job)


@pytest.mark.parametrize(
    ("job_id", "kind"), [(7, TypeError), (b"j", TypeError), ("a\0", ValueError)]
)
def test_what_is_no_id_is_refused(job_id: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="a job id must be"):
        Hooked(JobStatus.DONE, job_id=job_id)


def test_fields_that_a_subclass_sets_itself_are_honoured() -> None:
    job = Hooked(JobStatus.DONE)

    job._job_id, job._backend, job.metadata = "a" * 300, "another backend", {"shots": 1}

    assert (job.job_id(), job.backend(), job.metadata) == (
        "a" * 300,
        "another backend",
        {"shots": 1},
    )
    assert len(repr(job)) < 400


def test_a_status_that_is_asked_before_the_constructor_has_run_is_observed() -> None:
    class Eager(QiskitJob[Any]):
        def __init__(self, backend: Any, job_id: str) -> None:
            self._ready = False
            assert self.status() is JobStatus.QUEUED
            super().__init__(backend, job_id)
            self._ready = True

        def status(self) -> Any:
            return JobStatus.RUNNING if self._ready else JobStatus.QUEUED

    job = Eager("the backend", "j-1")

    assert job.status() is JobStatus.RUNNING
    assert [entry.trigger for entry in job.history] == ["submit", "start"]
    assert job.job_id() == "j-1"


def test_what_a_status_raises_in_a_constructor_comes_as_it_is() -> None:
    class Careless(QiskitJob[Any]):
        def __init__(self, backend: Any, job_id: str) -> None:
            super().__init__(backend, job_id)
            self.status()

        def status(self) -> Any:
            return self._client.look()

    with pytest.raises(AttributeError, match="_client"):
        Careless("the backend", "j-1")


# Errors.


def test_a_failed_job_raises_an_error_of_both_libraries() -> None:
    job = submitted(Hooked(Observation(JobStatus.ERROR, reason="no such gate")))

    with pytest.raises(JobError) as caught:
        job.result()

    assert isinstance(caught.value, JobFailedError)
    assert caught.value.__cause__ is job.error()
    assert "no such gate" in str(caught.value)
    assert caught.value.message == str(caught.value)


def twice(job: Any) -> None:
    submitted(submitted(job))


@pytest.mark.parametrize(
    ("answer", "call", "ours"),
    [
        (JobStatus.CANCELLED, lambda job: submitted(job).result(), JobCancelledError),
        (JobStatus.QUEUED, twice, IllegalTransitionError),
        ("no such word", lambda job: submitted(job).status(), UnknownStatusError),
        (OSError("down"), lambda job: submitted(job).status(), BackendError),
        (JobStatus.DONE, lambda job: job.result(), sojourn.JobError),
        (ValueError("odd"), lambda job: submitted(job).wait_for_final_state(), BackendError),
        (JobStatus.QUEUED, lambda job: submitted(job).result(timeout=0), sojourn.JobTimeoutError),
    ],
    ids=["cancelled", "twice", "unknown", "unreachable", "unsubmitted", "odd", "late"],
)
def test_every_error_of_a_method_of_job_v1_is_qiskits_too(
    answer: Any, call: Any, ours: type[Exception]
) -> None:
    with pytest.raises(JobError) as caught:
        call(Hooked(answer))

    assert isinstance(caught.value, ours)
    assert isinstance(caught.value, QiskitError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))


def test_a_timeout_is_one_of_both_libraries_and_of_python() -> None:
    job = submitted(Hooked(JobStatus.QUEUED))

    for kind in (JobTimeoutError, sojourn.JobTimeoutError, TimeoutError):
        with pytest.raises(kind):
            job.wait_for_final_state(timeout=0)

    assert job.status() is JobStatus.QUEUED


def test_awaiting_raises_errors_of_both_libraries_too() -> None:
    async def wait(job: Any) -> Any:
        return await job

    with pytest.raises(JobError) as caught:
        asyncio.run(wait(submitted(Hooked(JobStatus.ERROR))))

    assert isinstance(caught.value, JobFailedError)
    assert asyncio.run(wait(submitted(Hooked(JobStatus.DONE)))) == "counts"


# A class that overrides the methods themselves.


def test_only_the_base_changes_and_all_four_methods_work() -> None:
    job = Legacy(JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE)

    job.submit()
    result = job.result(timeout=30)

    assert result == "counts"
    assert [(entry.trigger, entry.inferred) for entry in job.history] == [
        ("submit", False),
        ("start", False),
        ("finish", False),
    ]
    assert job.metadata == {"shots": 7}
    assert_legal(job)


def test_a_second_submit_sends_nothing() -> None:
    job = submitted(Legacy(JobStatus.QUEUED))

    with pytest.raises(JobError, match="submitted already"):
        job.submit()

    assert job.submissions == 1


def test_what_its_submit_raises_comes_as_it_is_and_says_what_follows() -> None:
    refusal = ValueError("no such device")
    job = Legacy(JobStatus.QUEUED, job_id=None, sent=refusal)

    with pytest.raises(ValueError, match="no such device") as caught:
        job.submit()

    assert caught.value is refusal
    assert "refused" in refusal.__notes__[0]
    assert job.status() is JobStatus.ERROR
    assert job.error() is refusal


def test_a_submission_without_an_answer_is_sent_only_once() -> None:
    job = Legacy(JobStatus.QUEUED, job_id=None, sent=TimeoutError("no answer"))

    with pytest.raises(TimeoutError, match="no answer"):
        job.submit()
    with pytest.raises(IllegalTransitionError, match="uncertain"):
        job.submit()
    with pytest.raises(SubmitUncertainError):
        job.wait_for_final_state(timeout=1)

    assert job.submissions == 1
    assert job.status() is JobStatus.INITIALIZING


@pytest.mark.parametrize(
    "refusal", [NotImplementedError("use run()"), JobError("already submitted")]
)
def test_a_submit_that_only_refuses_does_not_fail_a_job_that_may_be_running(
    refusal: Exception,
) -> None:
    job = Legacy(JobStatus.RUNNING, sent=refusal)

    with pytest.raises(type(refusal)):
        job.submit()

    assert job.status() is JobStatus.RUNNING


def test_what_its_status_raises_comes_as_it_is_and_changes_nothing() -> None:
    trouble = ZeroDivisionError("odd")
    job = Legacy(JobStatus.RUNNING, trouble, JobStatus.DONE)
    job.status()

    for ask in (job.status, job.in_final_state):
        job._answers[:] = [trouble, JobStatus.RUNNING]
        with pytest.raises(ZeroDivisionError) as caught:
            ask()
        assert caught.value is trouble
    job._answers[:] = [trouble, JobStatus.DONE]
    with pytest.raises(ZeroDivisionError):
        job.wait_for_final_state(timeout=9)

    assert job.status() is JobStatus.DONE


def test_a_lost_connection_does_not_end_a_wait(clock: ManualClock) -> None:
    job = Legacy(
        JobStatus.RUNNING, ConnectionError("down"), ConnectionError("down"), JobStatus.DONE
    )

    job.wait_for_final_state(timeout=60)

    assert job.status() is JobStatus.DONE


def test_exceptions_of_a_status_can_say_where_a_job_is() -> None:
    class Raising(Legacy):
        status_errors = {
            KeyError: "ERROR",
            InterruptedError: JobStatus.CANCELLED,
            LookupError: OURS.RUNNING,
        }

    failure = KeyError("gate")
    job = Raising(IndexError("not there yet"), failure)

    assert job.status() is JobStatus.RUNNING
    assert job.status() is JobStatus.ERROR
    assert job.error() is failure
    assert Raising(InterruptedError()).status() is JobStatus.CANCELLED


@pytest.mark.parametrize(
    "errors", [{"KeyError": "ERROR"}, {KeyError: "FAILED"}, {KeyError: 7}, {SystemExit: "ERROR"}]
)
def test_a_map_of_exceptions_that_could_only_fail_is_refused(errors: Any) -> None:
    with pytest.raises(LifecycleError, match="status_errors"):
        type("Wrong", (Legacy,), {"status_errors": errors})


def test_a_contradiction_is_an_anomaly() -> None:
    job = Legacy(JobStatus.DONE)
    job.status()

    job.observe(JobStatus.ERROR)

    assert job.status() is JobStatus.DONE
    assert [anomaly.count for anomaly in job.anomalies] == [1]


def test_a_contradiction_is_an_error_where_the_class_wants_it() -> None:
    class Odd(QiskitJob[Any]):
        strict_observations = True

        def status(self) -> Any:
            self.observe(JobStatus.DONE)
            return JobStatus.ERROR

    job = Odd("the backend", "j-1")

    with pytest.raises(JobError, match="ERROR"):
        job.status()

    assert job.status() is JobStatus.DONE
    assert_legal(job)


def test_threads_that_ask_at_the_same_time_share_one_status() -> None:
    entered, go = threading.Event(), threading.Event()

    class Slow(Legacy):
        def status(self) -> Any:
            entered.set()
            assert go.wait(30)
            return super().status()

    job = Slow(JobStatus.RUNNING)
    told: list[Any] = []
    threads = [threading.Thread(target=lambda: told.append(job.status())) for _ in range(5)]
    threads[0].start()
    assert entered.wait(30)
    for thread in threads[1:]:
        thread.start()

    go.set()
    for thread in threads:
        thread.join(30)

    assert told == [JobStatus.RUNNING] * 5
    assert job.looks <= 2  # one who came after the answer asks again


def test_an_override_may_call_the_one_that_it_overrides() -> None:
    class Counting(Legacy):
        def status(self) -> Any:
            return super().status()

        def cancel(self) -> Any:
            return super().cancel()

        def result(self, timeout: float | None = None) -> Any:
            return [super().result(timeout)]

        def submit(self) -> Any:
            return super().submit()

    job = Counting(JobStatus.RUNNING, JobStatus.DONE)
    job.submit()

    assert job.status() is JobStatus.RUNNING
    assert (job.looks, job.submissions) == (1, 1)
    assert job.result() == ["counts"]


def test_a_method_may_come_from_a_mixin() -> None:
    class Mixin:
        def status(self) -> Any:
            return JobStatus.DONE

        def result(self) -> Any:
            return 42

    class Mixed(Mixin, QiskitJob[Any]):
        pass

    job = Mixed("the backend", "j-1")

    assert (job.status(), job.result()) == (JobStatus.DONE, 42)
    assert job.state is QiskitJob.DONE


def test_hooks_of_a_subclass_take_the_place_of_an_overridden_method() -> None:
    class Renewed(Legacy):
        def _poll(self) -> Any:
            return JobStatus.DONE

        def _submit(self) -> None:
            pass

    job = Renewed(JobStatus.QUEUED)
    job.submit()

    assert job.status() is JobStatus.DONE
    assert (job.looks, job.submissions) == (0, 0)


def test_arguments_of_an_overridden_method_reach_it() -> None:
    class Detailed(Legacy):
        def status(self, detailed: bool = False) -> Any:
            answer = super().status()
            return {"status": answer} if detailed else answer

        def result(self, sharpen: bool = False, timeout: float | None = None) -> Any:
            return sharpen, super().result(timeout)

        def submit(self, priority: int = 0) -> Any:
            super().submit()
            return priority

        def cancel(self, reason: str = "") -> Any:
            self.reason = reason
            return super().cancel()

    job = Detailed(JobStatus.DONE)

    assert job.submit(priority=3) == 3
    assert job.status(detailed=True) == {"status": JobStatus.DONE}
    assert job.result(sharpen=True) == (True, "counts")
    live = submitted(Detailed(JobStatus.RUNNING))
    live.cancel("enough")
    assert live.reason == "enough"


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (True, True),
        (None, True),
        (False, False),
        ("cancelling", True),
        (NotImplementedError(), False),
    ],
)
def test_a_cancel_answers_whether_it_was_taken(answer: Any, taken: bool) -> None:
    class Stopped(Legacy):
        def cancel(self) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    job = submitted(Stopped(JobStatus.RUNNING))
    job.status()

    assert job.cancel() is taken
    assert job.cancel_requested is taken
    assert job.status() is JobStatus.RUNNING


def test_a_cancel_that_comes_while_it_is_submitted_has_no_arguments_of_the_submit() -> None:
    class PriorityJob(QiskitJob[None]):
        def submit(self, priority: int) -> None:  # type: ignore[override]
            with ThreadPoolExecutor(1) as other:
                assert other.submit(self.cancel).result(30)
            self._job_id = f"p-{priority}"

        def cancel(self, why: str = "no reason") -> bool:
            reasons.append(why)
            return True

    reasons: list[str] = []
    job = PriorityJob(None, "")

    job.submit(priority=3)

    assert (job.job_id(), reasons) == ("p-3", ["no reason"])


def test_a_cancelled_job_is_cancelled_when_its_status_says_so() -> None:
    job = submitted(Legacy(JobStatus.RUNNING))

    assert job.cancel() is True
    assert job.state.name == "QUEUED"
    assert job.status() is JobStatus.CANCELLED
    assert job.cancel() is True


def test_what_nobody_has_submitted_is_cancelled_at_once() -> None:
    job = Legacy(JobStatus.RUNNING, job_id=None)

    assert job.cancel() is True

    assert job.state.name == "CANCELLED"
    assert job.looks == 0


@pytest.mark.parametrize(
    ("final", "kind"), [(JobStatus.ERROR, JobFailedError), (JobStatus.CANCELLED, JobCancelledError)]
)
def test_no_result_of_a_job_without_success_is_an_error(
    final: JobStatus, kind: type[Exception]
) -> None:
    job = Legacy(final)
    job._result = None

    for _ in range(2):
        with pytest.raises(JobError) as caught:
            job.result()
        assert isinstance(caught.value, kind)


def test_a_result_of_its_own_for_a_failed_job_is_given_back() -> None:
    job = Legacy(JobStatus.ERROR)

    assert job.result() == "counts"


def test_a_result_tells_where_the_job_is() -> None:
    class Blocking(Legacy):
        def result(self) -> Any:
            return self._result

    job = submitted(Blocking(JobStatus.DONE))

    job.result()

    assert job.state.name == "DONE"


def test_a_result_that_is_here_does_not_wait_for_a_status_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hanging(Legacy):
        def status(self) -> JobStatus:
            asked.set()
            assert go.wait(30)
            return JobStatus.DONE

        def result(self) -> Any:
            return self._result

    asked, go, over = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr("sojourn.backends.qiskit._observing.PATIENCE", 0.01)
    job = submitted(Hanging(JobStatus.DONE))
    job.add_callback(lambda _, entry: entry.dest == "DONE" and over.set())

    assert job.result() == "counts"

    assert asked.wait(30)
    assert job.state.name != "DONE"
    go.set()
    assert over.wait(30)


def test_a_look_in_another_thread_sees_the_context_of_its_caller() -> None:
    class Within(Legacy):
        def status(self) -> JobStatus:
            seen.append((session.get(), threading.current_thread() is threading.main_thread()))
            return JobStatus.DONE

    session = contextvars.ContextVar("session", default="nobody's")
    seen: list[tuple[str, bool]] = []
    job = submitted(Within(JobStatus.DONE))
    seen.clear()

    token = session.set("mine")
    job.wait_for_final_state(timeout=30)
    session.reset(token)

    assert seen == [("mine", False)]


def test_a_method_that_cannot_be_asked_is_refused() -> None:
    with pytest.raises(LifecycleError) as caught:

        class Odd(Legacy):
            async def result(self) -> Any:  # type: ignore[override]
                """Never awaited."""

            @property
            def status(self) -> JobStatus:  # type: ignore[override]
                return JobStatus.DONE

    assert len(caught.value.problems) == 2
    assert "'status' is a property, which is not called" in str(caught.value)
    assert "'result' is a coroutine" in str(caught.value)


def test_a_job_that_nobody_submitted_is_not_waited_for() -> None:
    job = Legacy(JobStatus.INITIALIZING, job_id="")

    with pytest.raises(JobError, match="submit"):
        job.wait_for_final_state(timeout=9)


def test_a_job_of_somebody_else_is_waited_for(clock: ManualClock) -> None:
    job = Legacy(JobStatus.INITIALIZING, JobStatus.INITIALIZING, JobStatus.DONE)

    job.wait_for_final_state(timeout=60)

    assert job.status() is JobStatus.DONE


def test_a_wait_keeps_its_deadline_whatever_wait_says(clock: ManualClock) -> None:
    job = Legacy(JobStatus.RUNNING)
    began = clock.now

    with pytest.raises(JobTimeoutError):
        job.wait_for_final_state(timeout=1, wait=5)

    assert clock.now - began == pytest.approx(1.0, abs=0.01)


def test_a_job_of_a_tenth_of_a_second_is_noticed_early(clock: ManualClock) -> None:
    class Short(Legacy):
        def status(self) -> Any:
            return JobStatus.DONE if clock.now - began >= 0.1 else JobStatus.RUNNING

    job, began = Short(), clock.now

    job.wait_for_final_state()

    assert clock.now - began < 0.15


def test_a_snapshot_keeps_the_story_the_id_and_the_result() -> None:
    job = submitted(Legacy(JobStatus.DONE, job_id=None, sent="srv-1"))
    job.result()

    snapshot = pickle.loads(pickle.dumps(job))

    assert snapshot.history == job.history
    assert (snapshot.job_id(), snapshot.result(), snapshot.backend()) == ("srv-1", "counts", None)
    assert snapshot.status() is JobStatus.DONE
    assert snapshot.metadata == {"shots": 7}
    with pytest.raises(IllegalTransitionError):
        snapshot.cancel()


def test_awaiting_uses_its_own_result() -> None:
    async def wait(job: Any) -> Any:
        return await asyncio.wait_for(job, 30)

    assert asyncio.run(wait(submitted(Legacy(JobStatus.RUNNING, JobStatus.DONE)))) == "counts"


def test_a_picture_of_the_class_shows_the_validation() -> None:
    assert "VALIDATING" in sojourn.draw(Legacy)


# With a journal.


def test_a_journal_keeps_the_job_under_its_first_id() -> None:
    journal = MemoryJournal()

    class Kept(QiskitJob[Any]):
        def submit(self) -> None:
            self._job_id = "srv-17"

        def status(self) -> Any:
            return JobStatus.RUNNING

    job = Kept("the backend", "mine-1", journal=journal, shots=7)
    job.submit()
    job.status()

    story = journal.read("mine-1")
    assert story is not None
    assert [entry.dest for entry in story.entries] == ["QUEUED", "RUNNING"]
    assert story.job.facts["native_id"] == "srv-17"
    assert (job.job_id(), journal.read("srv-17")) == ("srv-17", None)


def test_a_submit_that_only_refuses_leaves_no_claim_in_a_journal() -> None:
    journal = MemoryJournal()

    class Refusing(QiskitJob[Any]):
        def submit(self) -> None:
            raise NotImplementedError

        def status(self) -> Any:
            return JobStatus.RUNNING

    job = Refusing("the backend", "mine-1", journal=journal)
    with pytest.raises(NotImplementedError):
        job.submit()

    story = journal.read("mine-1")
    assert story is not None
    assert story.job.facts["claim"] == ""
    assert job.status() is JobStatus.RUNNING


@pytest.mark.parametrize("job_id", [None, "", "a" * 256], ids=["none", "empty", "long"])
def test_a_job_with_a_journal_needs_an_id(job_id: Any) -> None:
    with pytest.raises(ValueError, match="needs an id"):
        QiskitJob("the backend", job_id, journal=MemoryJournal())
