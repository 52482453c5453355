"""Waiting: to the end, not past the deadline, awake when something is pushed."""

from __future__ import annotations

import gc
import inspect
import math
import pickle
import threading
from itertools import pairwise
from typing import Any

import pytest

from job_doubles import (
    Backend,
    Background,
    Gate,
    ManualClock,
    Pushed,
    Remote,
    brought_to,
    manual_clock,
)
from job_oracle import BASE_WAYS, FINALS
from sojourn import BaseJob, JobStatus, JobTimeoutError, Transition, _clock
from sojourn.errors import BackendError, JobError, UnknownStatusError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    return manual_clock(monkeypatch)


def submitted(cls: type[Any] = Remote, **answers: Any) -> tuple[Any, Backend]:
    backend = Backend(**answers)
    job = cls(backend, "j-1")
    job.submit()
    backend.asked.clear()
    return job, backend


class Polled(Remote):
    """A job whose polls are noted with the time at which they happen."""

    clock: ManualClock

    def __init__(self, backend: Any, job_id: str) -> None:
        super().__init__(backend, job_id)
        self.times: list[float] = []

    def _poll(self) -> Any:
        self.times.append(_clock.monotonic())
        return super()._poll()


def polled(**answers: Any) -> Polled:
    job, _ = submitted(Polled, **answers)
    return job


class TestTheEnd:
    @pytest.mark.parametrize("state", FINALS)
    @pytest.mark.parametrize("timeout", [None, 0, 5], ids=repr)
    def test_a_job_that_is_over_needs_no_look(self, state: str, timeout: float | None) -> None:
        backend = Backend()
        job = brought_to(Remote(backend, "j-1"), BASE_WAYS, state)

        assert job.wait_for_final_state(timeout) is None

        assert backend.asked == []

    @pytest.mark.parametrize("state", FINALS)
    def test_every_final_state_ends_the_wait(self, clock: ManualClock, state: str) -> None:
        job = polled(poll=["QUEUED", "RUNNING", state])

        assert job.wait_for_final_state() is None

        assert job.state.name == state
        assert len(job.times) == 3

    def test_a_job_without_polls_is_over_when_it_is_pushed_there(self, clock: ManualClock) -> None:
        job, _ = submitted(Pushed)
        clock.after(2.5, job.start)
        clock.after(7.25, job.finish)
        began = clock.now

        job.wait_for_final_state()

        assert clock.now == began + 7.25

    def test_a_push_ends_the_wait_however_long_the_pause(self, clock: ManualClock) -> None:
        job = polled(poll=[None])
        clock.after(1234.5, lambda: job.observe("DONE"))
        began = clock.now

        job.wait_for_final_state(wait=100_000)

        assert clock.now == began + 1234.5

    @pytest.mark.parametrize("cls", [Pushed, Remote])
    def test_a_push_from_another_thread_wakes_at_once(self, cls: type[Any]) -> None:
        job, _ = submitted(cls)
        looked = threading.Event()
        waiting = Background(
            job.wait_for_final_state, wait=math.inf, callback=lambda *_: looked.set()
        )
        assert looked.wait(10)

        job.observe("DONE")

        assert waiting.result() is None

    @pytest.mark.parametrize("push", ["trigger", "command", "observation"])
    @pytest.mark.parametrize("round_", range(30))
    def test_no_push_is_missed_whenever_it_comes(self, push: str, round_: int) -> None:
        job = Pushed(None, "j-1")
        job.submit()
        pushes = {
            "trigger": lambda: job.fail("text"),
            "command": lambda: job.trigger("cancel"),
            "observation": lambda: job.observe("DONE"),
        }
        barrier = threading.Barrier(2)

        def wait() -> None:
            barrier.wait(10)
            job.wait_for_final_state(wait=math.inf)

        waiting = Background(wait)
        barrier.wait(10)
        pushes[push]()

        assert waiting.result() is None

    def test_all_who_wait_are_woken(self) -> None:
        job, _ = submitted(Pushed)
        looked = threading.Semaphore(0)
        waiting = [
            Background(job.wait_for_final_state, callback=lambda *_: looked.release())
            for _ in range(10)
        ]
        for _ in waiting:
            assert looked.acquire(timeout=10)

        job.observe("ERROR")

        assert [each.result() for each in waiting] == [None] * 10

    def test_a_wake_up_that_is_not_the_end_is_a_look(self, clock: ManualClock) -> None:
        job, _ = submitted(Pushed)
        seen: list[tuple[float, str]] = []
        began = clock.now
        clock.after(1.0, job.start)
        clock.after(2.0, lambda: job.finish(result=3))

        job.wait_for_final_state(
            callback=lambda _, status, __: seen.append((clock.now - began, status))
        )

        assert [each for each in seen if each[1] != "QUEUED"] == [(1.0, "RUNNING"), (2.0, "DONE")]


class TestTheCallback:
    def test_is_called_after_each_look_the_last_included(self, clock: ManualClock) -> None:
        job = polled(poll=["QUEUED", "RUNNING", "RUNNING", "DONE"])
        calls: list[Any] = []

        job.wait_for_final_state(callback=lambda *args: calls.append(args))

        assert calls == [
            ("j-1", JobStatus.QUEUED, job),
            ("j-1", JobStatus.RUNNING, job),
            ("j-1", JobStatus.RUNNING, job),
            ("j-1", JobStatus.DONE, job),
        ]
        assert all(type(status) is JobStatus for _, status, _ in calls)

    @pytest.mark.parametrize("state", FINALS)
    def test_is_called_once_for_a_job_that_is_over(self, state: str) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)
        calls: list[Any] = []

        job.wait_for_final_state(callback=lambda *args: calls.append(args))

        assert calls == [("j-1", JobStatus[state], job)]

    def test_is_called_before_the_deadline_ends_the_wait(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING"])
        calls: list[Any] = []

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0, callback=lambda *args: calls.append(args[1]))

        assert calls == [JobStatus.RUNNING]

    def test_that_raises_ends_the_wait_and_harms_nobody(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING"])

        def stop(*_: Any) -> None:
            raise LookupError("enough")

        with pytest.raises(LookupError, match="enough"):
            job.wait_for_final_state(callback=stop)

        assert job.state is BaseJob.RUNNING
        assert Background(job.finish).result() is True

    def test_may_fire_the_job(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING"])

        job.wait_for_final_state(
            callback=lambda _, status, job: status == "RUNNING" and job.finish()
        )

        assert job.state is BaseJob.DONE

    def test_may_command_the_job(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING"], cancel=[True])

        job.wait_for_final_state(callback=lambda _, status, job: status.is_final or job.cancel())

        assert job.state is BaseJob.CANCELLED


def test_what_may_be_said_about_a_wait_is_what_the_legacy_method_took() -> None:
    parameters = inspect.signature(BaseJob.wait_for_final_state).parameters.values()

    assert [(each.name, each.default) for each in parameters][1:] == [
        ("timeout", None),
        ("wait", 5),
        ("callback", None),
    ]


class TestTheDeadline:
    @pytest.mark.parametrize("timeout", [0.001, 0.5, 1, 5, 60])
    @pytest.mark.parametrize("wait", [0.1, 5, 1000])
    def test_is_kept_to_the_moment(self, clock: ManualClock, timeout: float, wait: float) -> None:
        job = polled(poll=["RUNNING"])
        began = clock.now

        with pytest.raises(JobTimeoutError) as over:
            job.wait_for_final_state(timeout=timeout, wait=wait)

        assert clock.now == pytest.approx(began + timeout, abs=1e-6)
        assert all(time <= began + timeout + 1e-6 for time in job.times)
        assert isinstance(over.value, TimeoutError)
        assert job.state is BaseJob.RUNNING
        assert len(job.history) == 2

    def test_is_kept_where_nothing_is_polled(self, clock: ManualClock) -> None:
        job, _ = submitted(Pushed)
        began = clock.now

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=2)

        assert clock.now == pytest.approx(began + 2)

    def test_says_who_was_not_over_and_survives_pickling(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING"])

        with pytest.raises(JobTimeoutError) as over:
            job.wait_for_final_state(timeout=2)

        error = over.value
        copy = pickle.loads(pickle.dumps(error))
        assert (error.job_id, error.state, error.timeout) == ("j-1", "RUNNING", 2)
        assert (copy.job_id, copy.state, copy.timeout) == ("j-1", "RUNNING", 2)
        assert "j-1" in str(error)
        assert "RUNNING" in str(error)
        assert str(copy) == str(error)

    @pytest.mark.parametrize("timeout", [0, -1.5, -(10**400)])
    def test_of_zero_or_less_looks_once(self, clock: ManualClock, timeout: float) -> None:
        over, not_over = polled(poll=["DONE"]), polled(poll=["RUNNING"])

        assert over.wait_for_final_state(timeout=timeout) is None
        with pytest.raises(JobTimeoutError):
            not_over.wait_for_final_state(timeout=timeout)

        assert len(over.times) == len(not_over.times) == 1
        assert clock.naps == [] or max(nap or 0 for nap in clock.naps) <= 0

    def test_of_zero_looks_once_where_nothing_is_polled(self, clock: ManualClock) -> None:
        job, _ = submitted(Pushed)

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0)

        job.observe("DONE")
        assert job.wait_for_final_state(timeout=0) is None

    def test_that_passes_during_a_slow_look_is_not_followed_by_another_one(
        self, clock: ManualClock
    ) -> None:
        def slow(_: Any) -> str:
            clock.now += 100
            return "RUNNING"

        job = polled(poll=[slow])

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=10)

        assert len(job.times) == 1

    def test_that_passes_during_the_look_that_finds_the_end_does_not_matter(
        self, clock: ManualClock
    ) -> None:
        def slow(_: Any) -> str:
            clock.now += 100
            return "DONE"

        job = polled(poll=[slow])

        assert job.wait_for_final_state(timeout=10) is None

    @pytest.mark.parametrize("timeout", [None, math.inf, 10**400], ids=["none", "inf", "huge"])
    def test_may_be_none(self, clock: ManualClock, timeout: float | None) -> None:
        job = polled(poll=["RUNNING"])
        clock.after(100, lambda: job.observe("DONE"))

        assert job.wait_for_final_state(timeout=timeout, wait=10) is None

    def test_may_be_further_than_a_lock_can_wait(self) -> None:
        job, _ = submitted(Pushed)
        looked = threading.Event()
        waiting = Background(
            job.wait_for_final_state, timeout=1e300, wait=1e300, callback=lambda *_: looked.set()
        )
        assert looked.wait(10)

        job.observe("DONE")

        assert waiting.result() is None

    def test_does_not_care_for_the_wall_clock(
        self, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jumps = iter(range(10**9, 0, -86_400))
        monkeypatch.setattr(_clock, "wall", lambda: float(next(jumps)))
        job = polled(poll=["QUEUED"])
        began = clock.now

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=10)

        assert clock.now == pytest.approx(began + 10)

    def test_can_be_waited_for_again(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING"])
        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=1)
        clock.after(1, job.finish)

        assert job.wait_for_final_state(timeout=2) is None


class TestTheRhythm:
    @staticmethod
    def pauses(job: Polled, **options: Any) -> list[float]:
        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(**options)
        return [later - earlier for earlier, later in pairwise(job.times)]

    def test_begins_with_a_look_at_once(self, clock: ManualClock) -> None:
        job, began = polled(poll=["RUNNING"]), clock.now

        self.pauses(job, timeout=60)

        assert job.times[0] == began

    def test_backs_off_to_the_longest_pause_and_no_further(self, clock: ManualClock) -> None:
        pauses = self.pauses(polled(poll=["RUNNING"]), timeout=600, wait=5)

        steady = pauses[:-1]
        assert steady[0] <= 0.1
        assert all(longer >= shorter - 1e-6 for shorter, longer in pairwise(steady))
        assert max(pauses) <= 5 + 1e-6
        assert steady[-1] == pytest.approx(5)
        assert len(pauses) < 200

    @pytest.mark.parametrize("wait", [0.01, 0.5, 2, 60])
    def test_never_pauses_longer_than_asked(self, clock: ManualClock, wait: float) -> None:
        pauses = self.pauses(polled(poll=["RUNNING"]), timeout=100 * wait, wait=wait)

        assert max(pauses) <= wait + 1e-6

    def test_notices_a_short_job_soon(self, clock: ManualClock) -> None:
        # A job of 0.135 s took 5 s to wait for with the legacy class.
        job = polled(poll=[lambda _: "DONE" if clock.now >= 1000.135 else "RUNNING"])

        job.wait_for_final_state()

        assert clock.now - 1000.135 < 0.135

    def test_notices_a_long_job_within_the_pause(self, clock: ManualClock) -> None:
        job = polled(poll=[lambda _: "DONE" if clock.now >= 4600.0 else "RUNNING"])

        job.wait_for_final_state(wait=5)

        assert clock.now - 4600 <= 5
        assert len(job.times) < 1000

    def test_of_no_pause_at_all_is_possible(self, clock: ManualClock) -> None:
        def busy(_: Any) -> str:
            clock.now += 1
            return "RUNNING"

        job = polled(poll=[busy])

        pauses = self.pauses(job, timeout=20, wait=0)

        assert pauses == [1.0] * 19

    def test_is_not_sped_up_by_pushes(self, clock: ManualClock) -> None:
        # A chatty backend pushes; that is no reason to poll it more often.
        job = polled(poll=[None])
        for second in range(100):
            clock.after(100 + second / 10, lambda: job.observe("QUEUED"))

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=200, wait=50)
        looks = sum(time > 1100 for time in job.times)

        assert looks <= 4


class TestTroubleWithTheBackend:
    class Moody(Polled):
        class Busy(Exception):
            pass

        transient_errors = (Busy,)

    @pytest.mark.parametrize(
        "trouble",
        [
            ConnectionResetError("hung up"),
            TimeoutError("no answer"),
            OSError("no route"),
            BackendError("maintenance", transient=True),
            Moody.Busy("503"),
        ],
        ids=repr,
    )
    def test_that_may_pass_is_waited_out(self, clock: ManualClock, trouble: Exception) -> None:
        job, _ = submitted(
            self.Moody, poll=["QUEUED", trouble, trouble, "RUNNING", trouble, "DONE"]
        )

        assert job.wait_for_final_state() is None

        assert len(job.times) == 6
        assert job.state is BaseJob.DONE

    def test_that_does_not_pass_is_waited_out_to_the_deadline(self, clock: ManualClock) -> None:
        trouble = ConnectionResetError("hung up")
        job, began = polled(poll=[trouble]), clock.now

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=30)

        assert clock.now == pytest.approx(began + 30)
        assert len(job.times) > 2
        assert job.state is BaseJob.QUEUED

    @pytest.mark.parametrize(
        "trouble",
        [ValueError("not JSON"), KeyError("status"), BackendError("no such job")],
        ids=repr,
    )
    def test_of_any_other_kind_ends_the_wait(self, clock: ManualClock, trouble: Exception) -> None:
        job = polled(poll=["RUNNING", trouble, "DONE"])

        with pytest.raises(BackendError) as failed:
            job.wait_for_final_state()

        assert failed.value is trouble or failed.value.__cause__ is trouble
        assert failed.value.transient is False
        assert len(job.times) == 2
        assert job.state is BaseJob.RUNNING
        assert Background(job.wait_for_final_state).result() is None

    def test_a_class_that_lists_transient_errors_keeps_the_usual_ones(
        self, clock: ManualClock
    ) -> None:
        job, _ = submitted(self.Moody, poll=[OSError("no route"), "DONE"])

        assert job.wait_for_final_state() is None

    def test_what_is_transient_for_one_class_is_not_for_another(self, clock: ManualClock) -> None:
        job = polled(poll=[self.Moody.Busy("503")])

        with pytest.raises(BackendError):
            job.wait_for_final_state()

    def test_an_unknown_word_ends_the_wait(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING", "POLISHING"])

        with pytest.raises(UnknownStatusError, match="POLISHING"):
            job.wait_for_final_state()

        assert job.state is BaseJob.RUNNING
        assert len(job.times) == 2

    def test_ctrl_c_in_the_hook_propagates_and_changes_nothing(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING", KeyboardInterrupt(), "DONE"])

        with pytest.raises(KeyboardInterrupt):
            job.wait_for_final_state()

        assert job.state is BaseJob.RUNNING
        assert job.cancel_requested is False
        assert Background(job.wait_for_final_state).result() is None

    def test_ctrl_c_during_a_pause_propagates_and_changes_nothing(self, clock: ManualClock) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        job = polled(poll=["RUNNING"])
        clock.after(3, interrupt)

        with pytest.raises(KeyboardInterrupt):
            job.wait_for_final_state()

        assert job.state is BaseJob.RUNNING
        assert Background(job.finish).result() is True

    def test_a_callback_hears_of_looks_that_failed_too(self, clock: ManualClock) -> None:
        job = polled(poll=["RUNNING", OSError("no route"), "DONE"])
        seen: list[JobStatus] = []

        job.wait_for_final_state(callback=lambda _, status, __: seen.append(status))

        assert seen == [JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.DONE]


class TestWhatCannotBeWaitedFor:
    @pytest.mark.parametrize("cls", [Pushed, Remote])
    @pytest.mark.parametrize("timeout", [None, 0, 5], ids=repr)
    def test_a_job_that_nobody_submitted(
        self, clock: ManualClock, cls: type[Any], timeout: float | None
    ) -> None:
        backend = Backend()
        job = cls(backend, "j-1")

        with pytest.raises(JobError) as refused:
            job.wait_for_final_state(timeout)

        assert not isinstance(refused.value, JobTimeoutError)
        assert "j-1" in str(refused.value)
        assert "submit" in str(refused.value)
        assert (backend.asked, clock.naps) == ([], [])

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"timeout": "5"}, TypeError),
            ({"timeout": b"5"}, TypeError),
            ({"timeout": [5]}, TypeError),
            ({"timeout": True}, TypeError),
            ({"timeout": math.nan}, ValueError),
            ({"wait": "5"}, TypeError),
            ({"wait": None}, TypeError),
            ({"wait": True}, TypeError),
            ({"wait": math.nan}, ValueError),
            ({"wait": -1}, ValueError),
            ({"callback": "print"}, TypeError),
            ({"callback": 5}, TypeError),
        ],
        ids=repr,
    )
    def test_a_question_that_makes_no_sense(
        self, clock: ManualClock, arguments: dict[str, Any], error: type[Exception]
    ) -> None:
        job = polled(poll=["DONE"])

        with pytest.raises(error):
            job.wait_for_final_state(**arguments)

        assert job.times == []
        assert job.state is BaseJob.QUEUED

    def test_an_attached_job_can_be_waited_for(self, clock: ManualClock) -> None:
        pushed = Pushed.attach(None, "a-1")
        clock.after(5, lambda: pushed.observe("DONE"))

        assert pushed.wait_for_final_state() is None

    def test_a_job_that_was_reported_can_be_waited_for(self, clock: ManualClock) -> None:
        job = Pushed(None, "j-1")
        job.observe("RUNNING")
        clock.after(5, job.finish)

        assert job.wait_for_final_state() is None


class TestTwoThatWait:
    def test_share_their_looks(self) -> None:
        gate = Gate("DONE")
        job, backend = submitted(poll=[gate])
        first = Background(job.wait_for_final_state)
        gate.wait_until_asked()
        second = Background(job.wait_for_final_state)

        gate.open()

        assert (first.result(), second.result()) == (None, None)
        assert backend.asked == ["poll"]

    def test_are_woken_by_a_push_while_a_slow_look_is_under_way(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate, sharing, wait = Gate(None), threading.Event(), _clock.wait
        job, _ = submitted(poll=[gate])
        first = Background(job.wait_for_final_state)
        gate.wait_until_asked()

        def noted(*args: Any) -> bool:
            sharing.set()
            return wait(*args)

        monkeypatch.setattr(_clock, "wait", noted)
        second = Background(job.wait_for_final_state)
        assert sharing.wait(10)

        job.observe("DONE")

        assert second.result() is None
        assert not first.over
        gate.open()
        assert first.result() is None

    def test_a_slow_look_of_one_does_not_take_the_other_past_its_deadline(self) -> None:
        gate = Gate("DONE")
        job, backend = submitted(poll=[gate])
        patient = Background(job.wait_for_final_state)
        gate.wait_until_asked()

        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0.05)

        gate.open()
        assert patient.result() is None
        assert backend.asked == ["poll"]


class TestAfterwards:
    @pytest.mark.parametrize("cls", [Pushed, Remote])
    def test_nothing_of_a_wait_is_left_behind(self, clock: ManualClock, cls: type[Any]) -> None:
        job, _ = submitted(cls, poll=[None, OSError("no route")])
        for _ in range(20):
            with pytest.raises(JobTimeoutError):
                job.wait_for_final_state(timeout=0.5)
        gc.collect()

        assert job._sj_watch is None
        assert len(clock.waiters) >= 20
        assert [waiter for waiter in clock.waiters if waiter() is not None] == []

    def test_a_job_is_waited_for_in_every_state_that_its_class_adds(
        self, clock: ManualClock
    ) -> None:
        class Looping(Remote):
            again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

        job, _ = submitted(Looping, poll=["RUNNING", None, None, "DONE"])
        clock.after(0.001, job.again)

        assert job.wait_for_final_state() is None

        assert job.attempt == 2
