"""`cancel()` asks; CANCELLED answers."""

from __future__ import annotations

from typing import Any

import pytest

from job_doubles import Backend, Background, Gate, Pushed, Remote, Rows, brought_to, meet, part
from job_oracle import BASE_WAYS, SHOP, SHOP_WAYS, assert_consistent
from machine_shop import MachineShopJob
from sojourn import ACTIVE, BaseJob, JobStatus, Outcome, Transition
from sojourn.errors import (
    BackendError,
    IllegalTransitionError,
    JobCancelledError,
    JobFailedError,
    JournalError,
    ReentrantTransitionError,
)

LIVE = ["QUEUED", "RUNNING"]


def live(state: str = "QUEUED", **answers: Any) -> tuple[Remote, Backend]:
    backend = Backend(**answers)
    job = Remote(backend, "j-1")
    brought_to(job, BASE_WAYS, state)
    return job, backend


class TestBeforeSubmission:
    @pytest.mark.parametrize("cls", [Remote, Pushed])
    def test_the_job_is_cancelled_at_once_and_nobody_is_asked(self, cls: type[Any]) -> None:
        backend = Backend()
        job = cls(backend, "j-1")

        assert job.cancel() is True

        assert backend.asked == []
        (entry,) = job.history
        assert (entry.trigger, entry.dest, entry.origin) == ("cancel", "CANCELLED", "command")
        assert job.cancelled()
        with pytest.raises(JobCancelledError):
            job.result()
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert backend.asked == []

    def test_a_callback_that_refuses_keeps_the_job(self) -> None:
        class Kept(BaseJob[Any]):
            fault: Exception | None = ValueError("not this one")
            stopped = Transition(ACTIVE, JobStatus.CANCELLED, trigger="cancel", before="_veto")

            def _veto(self, event: Any) -> None:
                if self.fault:
                    raise self.fault

        job = Kept(None, "k-1")

        with pytest.raises(ValueError, match="not this one"):
            job.cancel()

        assert job.history == ()
        assert Background(job.submit).result() is None
        job.fault = None
        assert job.trigger("cancel") is True

    def test_a_journal_that_is_full_keeps_the_job(self) -> None:
        rows = Rows()
        job = Remote(Backend(), "j-1", journal=rows)
        rows.trouble = JournalError("no space left on device")

        with pytest.raises(JournalError):
            job.cancel()

        assert job.history == ()
        rows.trouble = None
        assert job.cancel() is True
        assert [entry.trigger for entry in rows.kept] == ["cancel"]


class TestALiveJob:
    @pytest.mark.parametrize("state", LIVE)
    def test_that_was_stopped_is_cancelled(self, state: str) -> None:
        job, backend = live(state, cancel=[True])

        assert job.cancel() is True

        assert backend.asked == ["cancel"]
        assert (job.history[-1].trigger, job.history[-1].origin) == ("cancel", "command")
        assert job.state is BaseJob.CANCELLED

    @pytest.mark.parametrize("state", LIVE)
    def test_that_was_asked_to_stop_waits_for_the_evidence(self, state: str) -> None:
        job, backend = live(state, cancel=[None])
        before = job.history

        assert job.cancel() is True

        assert backend.asked == ["cancel"]
        assert job.cancel_requested is True
        assert (job.state.name, job.history) == (state, before)
        assert job.observe("CANCELLED") is Outcome.ADVANCED
        with pytest.raises(JobCancelledError):
            job.result()

    @pytest.mark.parametrize("state", LIVE)
    def test_that_was_asked_to_stop_may_still_be_done(self, state: str) -> None:
        job, _ = live(state, cancel=[None], fetch_result=["all of it"])
        job.cancel()

        assert job.observe("DONE") is Outcome.ADVANCED

        assert job.result() == "all of it"
        assert job.observe("CANCELLED") is Outcome.CONFLICT
        assert job.cancelled() is False
        assert job.cancel() is False

    def test_that_was_asked_to_stop_may_still_fail(self) -> None:
        job, _ = live(cancel=[None])
        job.cancel()

        job.observe("ERROR", reason="out of memory")

        with pytest.raises(JobFailedError, match="out of memory"):
            job.result()

    @pytest.mark.parametrize("state", LIVE)
    def test_that_the_backend_will_not_stop_goes_on(self, state: str) -> None:
        job, backend = live(state, cancel=[False])
        before = job.history

        assert job.cancel() is False

        assert backend.asked == ["cancel"]
        assert job.cancel_requested is False
        assert job.history == before

    @pytest.mark.parametrize("state", LIVE)
    def test_that_nobody_can_stop_goes_on(self, state: str) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        assert job.cancel() is False

        assert job.state.name == state
        assert job.cancel_requested is False

    @pytest.mark.parametrize("trouble", [ConnectionError("down"), ValueError("not JSON")], ids=repr)
    def test_whose_backend_cannot_be_asked_goes_on(self, trouble: Exception) -> None:
        job, backend = live(cancel=[trouble, True])
        before = job.history

        with pytest.raises(BackendError) as failed:
            job.cancel()

        assert failed.value.__cause__ is trouble
        assert job.cancel_requested is False
        assert job.history == before
        assert job.cancel() is True
        assert backend.asked == ["cancel", "cancel"]

    def test_whose_backend_says_so_in_our_words_passes_them_on(self) -> None:
        trouble = BackendError("maintenance", transient=True)
        job, _ = live(cancel=[trouble])

        with pytest.raises(BackendError) as failed:
            job.cancel()

        assert failed.value is trouble

    def test_is_as_it_was_after_ctrl_c(self) -> None:
        job, backend = live(cancel=[KeyboardInterrupt(), True])

        with pytest.raises(KeyboardInterrupt):
            job.cancel()

        assert job.state is BaseJob.QUEUED
        assert job.cancel_requested is False
        assert Background(job.cancel).result() is True
        assert backend.asked == ["cancel", "cancel"]

    @pytest.mark.parametrize("answer", ["yes", 1, 0, "", []], ids=repr)
    def test_is_not_cancelled_by_an_answer_that_means_nothing(self, answer: Any) -> None:
        job, _ = live(cancel=[answer])

        with pytest.raises(TypeError):
            job.cancel()

        assert job.state is BaseJob.QUEUED
        assert job.cancel_requested is False

    @pytest.mark.parametrize("state", ["QUEUED", "SETUP", "RUNNING", "INSPECTING"])
    def test_may_stand_in_a_state_of_its_class_s_own(self, state: str) -> None:
        class Stopped(MachineShopJob):
            def _cancel(self) -> bool:
                return True

        shop = part()
        job = brought_to(Stopped(shop.backend(), "p-1", shop.program), SHOP_WAYS, state)

        assert job.cancel() is True

        assert job.history[-1].source == state
        assert_consistent(job, SHOP)

    def test_keeps_its_request_when_it_is_asked_again(self) -> None:
        job, _ = live(cancel=[None])

        assert [job.cancel() for _ in range(3)] == [True] * 3

        assert job.cancel_requested is True
        assert len(job.history) == 1

    def test_has_no_request_before_anybody_asked(self) -> None:
        job, _ = live()

        assert job.cancel_requested is False


class TestAFinalJob:
    @pytest.mark.parametrize(
        ("state", "answer"), [("DONE", False), ("ERROR", False), ("CANCELLED", True)]
    )
    @pytest.mark.parametrize("cls", [Remote, Pushed])
    def test_is_answered_from_memory(self, cls: type[Any], state: str, answer: bool) -> None:
        backend = Backend()
        job = brought_to(cls(backend, "j-1"), BASE_WAYS, state)
        before = job.history

        assert job.cancel() is answer

        assert backend.asked == []
        assert (job.state.name, job.history) == (state, before)


class TestWhileTheBackendIsAsked:
    def test_nobody_holds_the_lock(self) -> None:
        gate = Gate(None)
        job, _ = live(cancel=[gate])
        cancelling = Background(job.cancel)
        gate.wait_until_asked()

        assert Background(job.start).result() is True
        assert Background(job.observe, "RUNNING").result() is Outcome.UNCHANGED

        gate.open()
        assert cancelling.result() is True
        assert job.state is BaseJob.RUNNING

    @pytest.mark.parametrize("report", ["DONE", "ERROR"])
    @pytest.mark.parametrize("answer", [True, None, False], ids=repr)
    def test_a_final_report_that_comes_first_wins(self, report: str, answer: bool | None) -> None:
        gate = Gate(answer)
        job, _ = live(cancel=[gate])
        cancelling = Background(job.cancel)
        gate.wait_until_asked()

        job.observe(report)
        gate.open()

        assert cancelling.result() is False
        assert job.state.name == report
        assert job.cancel_requested is False
        assert_consistent(job)

    @pytest.mark.parametrize("answer", [True, None, False], ids=repr)
    def test_a_report_that_it_is_cancelled_agrees(self, answer: bool | None) -> None:
        gate = Gate(answer)
        job, _ = live(cancel=[gate])
        cancelling = Background(job.cancel)
        gate.wait_until_asked()

        job.observe("CANCELLED")
        gate.open()

        assert cancelling.result() is True
        assert [entry.trigger for entry in job.history] == ["submit", "cancel"]

    def test_a_callback_that_may_not_fire_ends_it_with_the_error(self) -> None:
        other = Pushed(None, "other")

        class Meddling(Remote):
            stopped = Transition(
                ACTIVE, JobStatus.CANCELLED, trigger="cancel", before=lambda _: other.fail("text")
            )

        job = Meddling(Backend(cancel=[True]), "j-1")
        job.submit()

        with pytest.raises(ReentrantTransitionError):
            job.cancel()

        assert job.state is BaseJob.QUEUED

    @pytest.mark.parametrize("round_", range(30))
    def test_many_threads_that_ask_make_one_step(self, round_: int) -> None:
        job, _ = live(cancel=[True])

        assert meet(*[job.cancel] * 6) == [True] * 6

        assert [entry.trigger for entry in job.history] == ["submit", "cancel"]

    @pytest.mark.parametrize("round_", range(50))
    def test_of_cancel_and_finish_at_once_one_wins(self, round_: int) -> None:
        job, _ = live("RUNNING", cancel=[True])

        cancelled, finished = meet(job.cancel, job.finish)

        assert (cancelled is True) == (job.state is BaseJob.CANCELLED)
        assert (finished is True) == (job.state is BaseJob.DONE)
        assert len(job.history) == 3
        assert_consistent(job)


class TestTheTriggerOfThatName:
    def test_takes_the_step_and_asks_no_backend(self) -> None:
        job, backend = live()

        assert job.trigger("cancel") is True

        assert backend.asked == []
        assert (job.history[-1].dest, job.history[-1].origin) == ("CANCELLED", "trigger")

    def test_is_refused_for_a_job_that_is_over(self) -> None:
        job, _ = live()
        job.observe("DONE")

        with pytest.raises(IllegalTransitionError):
            job.trigger("cancel")


class TestTheJournal:
    def test_a_stop_that_cannot_be_recorded_may_be_asked_for_again(self) -> None:
        rows = Rows()
        job = Remote(Backend(cancel=[True]), "j-1", journal=rows)
        job.submit()
        rows.trouble = JournalError("no space left on device")

        with pytest.raises(JournalError):
            job.cancel()

        assert job.state is BaseJob.QUEUED
        rows.trouble = None
        assert job.cancel() is True
        assert tuple(rows.kept) == job.history
