"""Results: fetched once, kept, and given back every time; or an error that says why there is none."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from job_doubles import Backend, Background, Gate, Pushed, Remote, brought_to, manual_clock, meet
from job_oracle import BASE_WAYS
from sojourn import BaseJob, JobTimeoutError, Outcome, _clock
from sojourn.errors import (
    BackendError,
    JobCancelledError,
    JobError,
    JobFailedError,
    SojournError,
)


class Fetched(BaseJob[Any]):
    """A job that is pushed, and whose result has to be fetched."""

    def _fetch_result(self) -> Any:
        return self.backend().ask("fetch_result", self)


def over(*fetch: Any) -> tuple[Fetched, Backend]:
    backend = Backend(fetch_result=fetch)
    job = Fetched(backend, "j-1")
    assert job.observe("DONE") is Outcome.ADVANCED
    return job, backend


def handed_over() -> Any:
    """Make a job that is submitted by a hook, and then pushed."""

    class HandedOver(BaseJob[Any]):
        def _submit(self) -> str:
            return "n-1"

    job = HandedOver(None, "j-1")
    job.submit()
    return job


class TestOfAJobThatIsDone:
    def test_is_given_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = manual_clock(monkeypatch)
        job = handed_over()
        job.start()
        job.finish(result=42)
        began = clock.now

        assert job.result() == 42

        assert clock.now == began

    def test_is_fetched_once_and_is_the_same_every_time(self) -> None:
        result = ["counts"]
        job, backend = over(result)

        assert all(job.result() is result for _ in range(5))

        assert backend.asked == ["fetch_result"]

    @pytest.mark.parametrize(
        "result", [None, False, 0, "", NotImplemented, ValueError("x")], ids=repr
    )
    def test_may_be_anything(self, result: Any) -> None:
        job, backend = over(lambda _: result)

        assert job.result() is result
        assert job.result() is result

        assert backend.asked == ["fetch_result"]

    def test_is_not_fetched_before_somebody_asks(self) -> None:
        job, backend = over("the result")

        job.wait_for_final_state()
        assert job.done()

        assert backend.asked == []

    def test_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = manual_clock(monkeypatch)
        job = Pushed(None, "j-1")
        job.submit()
        clock.after(3, job.start)
        clock.after(8, lambda: job.finish(result=42))

        assert job.result() == 42

    def test_is_polled_for_where_it_must_be(self) -> None:
        backend = Backend(poll=["RUNNING", None, "DONE"])
        job = Remote(backend, "j-1")
        job.submit()

        assert job.result(timeout=10) == "the result"

        assert backend.asked == ["submit", "poll", "poll", "poll", "fetch_result"]

    def test_is_polled_for_at_once_where_there_is_no_deadline(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = manual_clock(monkeypatch)
        job = Remote(Backend(poll=["DONE"]), "j-1")
        job.submit()
        before = clock.now

        assert job.result() == "the result"

        assert clock.now == before

    def test_is_what_was_given_where_nothing_can_be_fetched(self) -> None:
        result = ["counts"]
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        job.finish(result=result)

        assert job.result() is result

    @pytest.mark.parametrize("end", ["finish", "observe"])
    def test_that_nobody_gave_and_nobody_can_fetch_is_an_error_and_never_none(
        self, end: str
    ) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        job.finish() if end == "finish" else job.observe("DONE")

        for _ in range(2):
            with pytest.raises(JobError) as missing:
                job.result()
            assert "j-1" in str(missing.value)
            assert not isinstance(missing.value, JobFailedError | JobCancelledError)

        assert job.done()

    def test_is_fetched_without_the_lock(self) -> None:
        gate = Gate("the result")
        job, _ = over(gate)
        fetching = Background(job.result)
        gate.wait_until_asked()

        assert Background(job.observe, "RUNNING").result() is Outcome.STALE
        assert Background(job.cancel).result() is False

        gate.open()
        assert fetching.result() == "the result"


class TestOfAFetchThatFails:
    @pytest.mark.parametrize(
        ("trouble", "transient"),
        [(ConnectionResetError("hung up"), True), (ValueError("not JSON"), False)],
        ids=repr,
    )
    def test_is_a_backend_error_that_may_be_retried(
        self, trouble: Exception, transient: bool
    ) -> None:
        job, backend = over(trouble, "the result")

        with pytest.raises(BackendError) as failed:
            job.result()

        assert failed.value.__cause__ is trouble
        assert failed.value.transient is transient
        assert job.state is BaseJob.DONE
        assert job.result() == "the result"
        assert backend.asked == ["fetch_result", "fetch_result"]

    def test_in_our_own_words_is_passed_on(self) -> None:
        trouble = BackendError("not archived yet", transient=True)
        job, _ = over(trouble)

        with pytest.raises(BackendError) as failed:
            job.result()

        assert failed.value is trouble

    def test_because_the_hook_asks_the_base_class_is_an_error_and_not_none(self) -> None:
        class Lazy(BaseJob[Any]):
            def _fetch_result(self) -> Any:
                return super()._fetch_result()

        job = Lazy(None, "j-1")
        job.observe("DONE")

        with pytest.raises(BackendError) as failed:
            job.result()

        assert isinstance(failed.value.__cause__, NotImplementedError)

    def test_leaves_no_entry(self) -> None:
        job, _ = over(ValueError("not JSON"))
        before = job.history

        with pytest.raises(BackendError):
            job.result()

        assert job.history == before

    def test_is_ctrl_c_if_it_was_that_and_may_be_retried(self) -> None:
        job, backend = over(KeyboardInterrupt(), "the result")

        with pytest.raises(KeyboardInterrupt):
            job.result()

        assert Background(job.result).result() == "the result"
        assert backend.asked == ["fetch_result", "fetch_result"]


class TestOfAJobThatFailed:
    def test_is_an_error_with_the_cause_every_time(self) -> None:
        cause = RuntimeError("out of memory")
        backend = Backend()
        job = brought_to(Remote(backend, "j-1"), BASE_WAYS, "RUNNING")
        job.fail(cause)

        for _ in range(3):
            with pytest.raises(JobFailedError, match="out of memory") as failed:
                job.result()
            assert failed.value.__cause__ is cause
            assert "j-1" in str(failed.value)

        assert backend.asked == []

    def test_has_a_cause_even_where_none_was_given(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "ERROR")

        with pytest.raises(JobFailedError) as failed:
            job.result()

        assert isinstance(failed.value.__cause__, JobError)

    def test_is_an_error_for_all_who_waited(self) -> None:
        job, looked = Pushed(None, "j-1"), threading.Semaphore(0)
        job.submit()
        waiting = [
            Background(job.wait_for_final_state, callback=lambda *_: looked.release())
            for _ in range(3)
        ]
        asking = [Background(job.result) for _ in range(3)]
        for _ in waiting:
            assert looked.acquire(timeout=10)

        job.fail("out of memory")

        assert [each.result() for each in waiting] == [None] * 3
        assert {type(each.outcome()) for each in asking} == {JobFailedError}

    def test_survives_pickling(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        job.fail("out of memory")
        with pytest.raises(JobFailedError) as failed:
            job.result()

        copy = pickle.loads(pickle.dumps(failed.value))

        assert type(copy) is JobFailedError
        assert str(copy) == str(failed.value)


class TestOfAJobThatWasCancelled:
    @pytest.mark.parametrize("ways", [(), ("submit",), ("submit", "start")], ids=repr)
    def test_is_an_error_every_time(self, ways: tuple[str, ...]) -> None:
        backend = Backend()
        job = Remote(backend, "j-1")
        for trigger in ways:
            job.trigger(trigger)
        job.trigger("cancel")

        for _ in range(3):
            with pytest.raises(JobCancelledError, match="j-1"):
                job.result()

        assert backend.asked == []

    def test_survives_pickling(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "CANCELLED")
        with pytest.raises(JobCancelledError) as cancelled:
            job.result()

        copy = pickle.loads(pickle.dumps(cancelled.value))

        assert type(copy) is JobCancelledError
        assert str(copy) == str(cancelled.value)


class TestOfAJobThatIsNotOver:
    @pytest.mark.parametrize("timeout", [None, 0, 5], ids=repr)
    @pytest.mark.parametrize("cls", [Pushed, Remote])
    def test_is_an_error_at_once_if_nobody_submitted_it(
        self, monkeypatch: pytest.MonkeyPatch, cls: type[Any], timeout: float | None
    ) -> None:
        clock = manual_clock(monkeypatch)
        began = clock.now
        backend = Backend()
        job = cls(backend, "j-1")

        with pytest.raises(JobError) as refused:
            job.result(timeout)

        assert not isinstance(refused.value, JobTimeoutError)
        assert clock.now == began
        assert backend.asked == []

    @pytest.mark.parametrize("timeout", [0, 0.5, 30])
    def test_is_a_timeout_at_the_deadline(
        self, monkeypatch: pytest.MonkeyPatch, timeout: float
    ) -> None:
        clock = manual_clock(monkeypatch)
        job = Remote(Backend(poll=["RUNNING"]), "j-1")
        job.submit()
        began = clock.now

        with pytest.raises(JobTimeoutError) as late:
            job.result(timeout)

        assert clock.now == pytest.approx(began + timeout)
        assert isinstance(late.value, TimeoutError)
        assert isinstance(late.value, SojournError)
        assert job.state is BaseJob.RUNNING

    def test_is_a_timeout_at_the_deadline_where_nothing_is_polled(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = manual_clock(monkeypatch)
        job = handed_over()
        began = clock.now

        with pytest.raises(JobTimeoutError):
            job.result(0.5)

        assert clock.now == pytest.approx(began + 0.5)

    @pytest.mark.parametrize("timeout", ["5", float("nan"), True, []], ids=repr)
    def test_is_a_mistake_if_the_timeout_makes_no_sense(self, timeout: Any) -> None:
        job = Remote(Backend(), "j-1")
        job.submit()

        with pytest.raises((TypeError, ValueError)):
            job.result(timeout)

    def test_that_may_be_asked_for_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = manual_clock(monkeypatch)
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        with pytest.raises(JobTimeoutError):
            job.result(timeout=1)
        clock.after(1, lambda: job.finish(result=42))

        assert job.result(timeout=5) == 42


class TestSharing:
    def test_threads_that_ask_at_the_same_time_share_one_fetch(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrived, wait = threading.Semaphore(0), _clock.wait

        def counted(*args: Any) -> bool:
            arrived.release()
            return wait(*args)

        monkeypatch.setattr(_clock, "wait", counted)
        result = ["counts"]
        gate = Gate(result)
        job, backend = over(gate)
        first = Background(job.result)
        gate.wait_until_asked()
        others = [Background(job.result) for _ in range(5)]
        for _ in others:
            assert arrived.acquire(timeout=10)

        gate.open()

        assert all(each.result() is result for each in [first, *others])
        assert backend.asked == ["fetch_result"]

    @pytest.mark.parametrize("round_", range(20))
    def test_however_many_ask_it_is_fetched_once(self, round_: int) -> None:
        job, backend = over(lambda _: ["counts"])

        results = meet(*[job.result] * 6)

        assert len(set(map(id, results))) == 1
        assert backend.asked == ["fetch_result"]

    def test_one_that_shares_is_not_held_past_its_deadline(self) -> None:
        gate = Gate("the result")
        job, backend = over(gate)
        patient = Background(job.result)
        gate.wait_until_asked()

        with pytest.raises(JobTimeoutError):
            job.result(timeout=0.05)

        gate.open()
        assert patient.result() == "the result"
        assert backend.asked == ["fetch_result"]

    def test_ctrl_c_of_one_is_not_the_others_business(self) -> None:
        gate = Gate(KeyboardInterrupt())
        job, backend = over(gate, "the result")
        first = Background(job.result)
        gate.wait_until_asked()
        second = Background(job.result)

        gate.open()

        assert isinstance(first.outcome(), KeyboardInterrupt)
        assert second.result() == "the result"
        assert backend.asked == ["fetch_result", "fetch_result"]

    def test_one_that_shares_waits_as_long_as_it_may(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gate = Gate("the result")
        job, _ = over(gate)
        genuine = _clock.wait

        def wait(lock: Any, seconds: float | None) -> bool:
            gate.open()
            return genuine(lock, seconds)

        first = Background(job.result)
        gate.wait_until_asked()
        monkeypatch.setattr(_clock, "wait", wait)

        assert job.result(timeout=0.99) == "the result"
        assert first.result() == "the result"

    def test_one_that_may_not_wait_does_not_share(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gate = Gate("the result")
        job, backend = over(gate)
        first = Background(job.result)
        gate.wait_until_asked()
        manual_clock(monkeypatch)

        with pytest.raises(JobTimeoutError):
            job.result(timeout=0)

        gate.open()
        assert first.result() == "the result"
        assert backend.asked == ["fetch_result"]
