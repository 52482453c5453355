"""At most one submission reaches the backend, and whatever comes of it has a place to go."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import suppress
from typing import Any

import pytest

from job_doubles import Backend, Background, Gate, Pushed, Remote, Rows, meet, part
from job_oracle import BASE, BASE_WAYS, assert_consistent
from machine_shop import MachineShopJob
from sojourn import BaseJob, JobStatus, Outcome, State, Transition
from sojourn.errors import (
    BackendError,
    IllegalTransitionError,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobSubmitError,
    JournalError,
    ReentrantTransitionError,
    SubmitUncertainError,
)

LOST = TimeoutError("no answer")


def told(job: Any) -> list[tuple[str, str, str]]:
    return [(entry.trigger, entry.dest, entry.origin) for entry in job.history]


def uncertain_job(**answers: Any) -> tuple[Remote, Backend]:
    """Make a job whose first submission got no answer."""
    backend = Backend(**{"submit": [LOST, "second"], **answers})
    job = Remote(backend, "j-1")
    with pytest.raises(SubmitUncertainError):
        job.submit()
    return job, backend


class TestAccepted:
    def test_a_job_without_the_hook_only_takes_the_step(self) -> None:
        job = Pushed(None, "j-1")

        assert job.submit() is None

        assert told(job) == [("submit", "QUEUED", "command")]
        assert job.native_id is None

    def test_what_the_hook_returns_is_the_native_id(self) -> None:
        job = Remote(Backend(submit=["native-7"]), "j-1")

        assert job.submit() is None

        assert job.native_id == "native-7"
        assert told(job) == [("submit", "QUEUED", "command")]
        assert job.history[0].inferred is False
        assert job.history[0].at is not None

    def test_a_backend_without_ids_is_fine(self) -> None:
        job = Remote(Backend(submit=[None]), "j-1")

        job.submit()

        assert job.native_id is None
        assert job.state is BaseJob.QUEUED

    def test_the_step_leads_where_the_class_says(self) -> None:
        class Validated(Remote):
            VALIDATING = State(JobStatus.INITIALIZING, "the program is being read")
            accepted = Transition(JobStatus.INITIALIZING, VALIDATING, trigger="submit")
            enqueue = Transition(VALIDATING, JobStatus.QUEUED)

        job = Validated(Backend(), "j-1")

        job.submit()

        assert job.state is Validated.VALIDATING
        assert job.status() is JobStatus.INITIALIZING
        assert job.native_id == "native-1"
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert job.enqueue() is True

    def test_a_condition_that_says_no_keeps_the_work_here(self) -> None:
        class Guarded(Remote):
            ready = False
            accepted = Transition(
                JobStatus.INITIALIZING, JobStatus.QUEUED, trigger="submit", conditions="_is_ready"
            )

            def _is_ready(self, event: Any) -> bool:
                return self.ready

        backend = Backend()
        job = Guarded(backend, "j-1")

        with pytest.raises(IllegalTransitionError):
            job.submit()

        assert backend.asked == []
        assert job.history == ()
        job.ready = True
        job.submit()
        assert job.state is BaseJob.QUEUED
        assert backend.asked == ["submit"]

    def test_a_condition_that_says_no_is_asked_where_nothing_is_sent_too(self) -> None:
        class Guarded(BaseJob[Any]):
            ready = False
            accepted = Transition(
                JobStatus.INITIALIZING,
                JobStatus.QUEUED,
                trigger="submit",
                conditions=lambda event: event.model.ready,
            )

        job = Guarded(None, "j-1")

        with pytest.raises(IllegalTransitionError):
            job.submit()

        assert job.history == ()
        job.ready = True
        assert job.submit() is None
        assert job.state is BaseJob.QUEUED

    def test_it_has_a_token_of_its_own_for_life(self) -> None:
        one, other = Pushed(None, "j-1"), Pushed(None, "j-1")

        tokens = [one.submission_token, one.submission_token]
        one.submit()

        assert len(set(tokens)) == 1
        assert one.submission_token == tokens[0] != other.submission_token
        assert len(tokens[0]) == len(bytes.fromhex(tokens[0])) * 2 == 32


class TestASecondCall:
    @pytest.mark.parametrize(
        ("answer", "error", "reason"),
        [
            ("native-1", None, "it was submitted already, as 'native-1'"),
            (ValueError("no"), JobSubmitError, "the backend refused it (ValueError: no)"),
            (LOST, SubmitUncertainError, "a submission is uncertain (TimeoutError: no answer)"),
        ],
        ids=["accepted", "refused", "uncertain"],
    )
    def test_is_refused_with_the_reason_and_sends_nothing(
        self, answer: Any, error: type[Exception] | None, reason: str
    ) -> None:
        backend = Backend(submit=[answer])
        job = Remote(backend, "j-1")
        with suppress(error or ()):
            job.submit()
        before = job.history

        with pytest.raises(IllegalTransitionError) as refused:
            job.submit()

        assert (refused.value.job_id, refused.value.trigger) == ("j-1", "submit")
        assert refused.value.state == job.state.name
        assert refused.value.reason.startswith(reason)
        assert backend.asked == ["submit"]
        assert job.history == before

    def test_says_that_a_submission_is_uncertain_and_what_to_do(self) -> None:
        job, _ = uncertain_job()

        with pytest.raises(IllegalTransitionError, match=r"no answer.*reconcile"):
            job.submit()

    def test_is_refused_while_the_first_is_in_flight(self) -> None:
        gate = Gate("native-1")
        backend = Backend(submit=[gate])
        job = Remote(backend, "j-1")
        first = Background(job.submit)
        gate.wait_until_asked()

        with pytest.raises(IllegalTransitionError):
            job.submit()

        gate.open()
        assert first.result() is None
        assert backend.asked == ["submit"]
        assert told(job) == [("submit", "QUEUED", "command")]

    def test_is_refused_inside_the_hook_itself(self) -> None:
        errors: list[Exception] = []

        def impatient(job: Any) -> str:
            try:
                job.submit()
            except IllegalTransitionError as error:
                errors.append(error)
            return "native-1"

        backend = Backend(submit=[impatient])
        job = Remote(backend, "j-1")

        job.submit()

        assert len(errors) == 1
        assert backend.asked == ["submit"]
        assert job.state is BaseJob.QUEUED

    @pytest.mark.parametrize("state", ["QUEUED", "RUNNING", "DONE", "ERROR", "CANCELLED"])
    def test_is_refused_in_every_state_but_the_first(self, state: str) -> None:
        backend = Backend()
        job = Remote(backend, "j-1")
        for trigger in BASE_WAYS[state]:
            job.trigger(trigger)

        with pytest.raises(IllegalTransitionError):
            job.submit()

        assert backend.asked == []
        assert job.state.name == state

    def test_survives_pickling_as_the_error_that_it_was(self) -> None:
        job, _ = uncertain_job()
        with pytest.raises(IllegalTransitionError) as refused:
            job.submit()

        copy = pickle.loads(pickle.dumps(refused.value))

        assert str(copy) == str(refused.value)
        assert copy.reason == refused.value.reason

    @pytest.mark.parametrize("cls", [Remote, Pushed])
    @pytest.mark.parametrize("round_", range(20))
    def test_of_many_threads_one_submits(self, cls: type[BaseJob[Any]], round_: int) -> None:
        backend = Backend()
        job = cls(backend, "j-1")

        outcomes = meet(*[job.submit] * 8)

        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, IllegalTransitionError) for outcome in outcomes) == 7
        assert backend.asked == (["submit"] if cls is Remote else [])
        assert told(job) == [("submit", "QUEUED", "command")]


class TestInFlight:
    def test_the_hook_is_called_without_the_lock(self) -> None:
        def busy(job: Any) -> str:
            # In another thread: the lock would let this one in again.
            assert Background(job.observe, "QUEUED").result() is Outcome.ADVANCED
            assert Background(job.start).result() is True
            return "native-1"

        job = Remote(Backend(submit=[busy]), "j-1")

        job.submit()

        assert [entry.trigger for entry in job.history] == ["submit", "start"]

    @pytest.mark.parametrize(
        ("reports", "expected"),
        [
            (["QUEUED"], ["submit"]),
            (["RUNNING"], ["submit", "start"]),
            (["QUEUED", "RUNNING", "DONE"], ["submit", "start", "finish"]),
            (["ERROR"], ["fail"]),
            (["CANCELLED"], ["cancel"]),
        ],
        ids="-".join,
    )
    def test_a_job_that_reports_have_moved_further_does_not_fall_back(
        self, reports: list[str], expected: list[str]
    ) -> None:
        def overtaken(job: Any) -> str:
            for report in reports:
                assert job.observe(report) is Outcome.ADVANCED
            return "native-1"

        job = Remote(Backend(submit=[overtaken]), "j-1")

        job.submit()

        assert [entry.trigger for entry in job.history] == expected
        assert {entry.origin for entry in job.history} == {"observation"}
        assert job.native_id == "native-1"
        assert job.state.name == reports[-1]

    def test_a_look_meanwhile_is_answered_from_memory(self) -> None:
        gate = Gate("native-1")
        backend = Backend(submit=[gate], poll=["RUNNING"])
        job = Remote(backend, "j-1")
        submitting = Background(job.submit)
        gate.wait_until_asked()

        assert job.status() is JobStatus.INITIALIZING

        gate.open()
        submitting.result()
        assert backend.asked == ["submit"]

    def test_a_wait_meanwhile_waits(self) -> None:
        gate, looked = Gate("native-1"), Gate()
        looked.open()
        job = Remote(Backend(submit=[gate], poll=[None, "DONE"]), "j-1")
        submitting = Background(job.submit)
        gate.wait_until_asked()
        waiting = Background(job.wait_for_final_state, wait=0.01, callback=looked)
        looked.wait_until_asked()

        gate.open()

        submitting.result()
        waiting.result()
        assert job.state is BaseJob.DONE

    @pytest.mark.parametrize(
        ("answer", "outcome", "state"),
        [
            (LOST, SubmitUncertainError, "INITIALIZING"),
            (ValueError("no such program"), type(None), "ERROR"),
        ],
        ids=["uncertain", "refused"],
    )
    def test_a_wait_meanwhile_ends_when_nothing_comes_of_it(
        self, answer: Exception, outcome: type[Any], state: str
    ) -> None:
        gate, looked = Gate(answer), Gate()
        looked.open()
        job = Remote(Backend(submit=[gate]), "j-1")
        submitting = Background(job.submit)
        gate.wait_until_asked()
        waiting = Background(job.wait_for_final_state, wait=float("inf"), callback=looked)
        looked.wait_until_asked()

        gate.open()

        assert isinstance(submitting.outcome(), JobError)
        assert isinstance(waiting.outcome(), outcome)
        assert job.state.name == state


class TestRefused:
    def test_the_job_fails_with_the_refusal(self) -> None:
        refusal = ValueError("no such program")
        job = Remote(Backend(submit=[refusal]), "j-1")

        with pytest.raises(JobSubmitError) as refused:
            job.submit()

        assert refused.value.__cause__ is refusal
        assert "j-1" in str(refused.value)
        assert "no such program" in str(refused.value)
        assert told(job) == [("fail", "ERROR", "command")]
        assert "no such program" in (job.history[0].detail or "")
        assert job.error() is refusal
        with pytest.raises(JobFailedError) as failed:
            job.result()
        assert failed.value.__cause__ is refusal

    def test_the_journal_knows_of_it(self) -> None:
        job = Remote(Backend(submit=[ValueError("no")]), "j-1", journal=(rows := Rows()))
        with suppress(JobSubmitError):
            job.submit()

        kept = rows.read("j-1")

        assert kept is not None
        assert (kept.job.facts["claim"], kept.job.facts["doubt"]) == ("refused", "ValueError: no")
        assert [(entry.origin, entry.inferred) for entry in kept.entries] == [("command", False)]

    def test_the_hook_may_say_so_in_our_words(self) -> None:
        refusal = JobSubmitError("no credit")
        job = Remote(Backend(submit=[refusal]), "j-1")

        with pytest.raises(JobSubmitError, match="no credit"):
            job.submit()

        assert job.state is BaseJob.ERROR

    @pytest.mark.parametrize(
        ("report", "status"),
        [
            ("QUEUED", "QUEUED"),
            ("RUNNING", "RUNNING"),
            ("DONE", "DONE"),
            ("CANCELLED", "CANCELLED"),
        ],
    )
    def test_evidence_that_the_backend_has_the_job_wins(self, report: str, status: str) -> None:
        def contradictory(job: Any) -> None:
            job.observe(report)
            raise ValueError("no such program")

        job = Remote(Backend(submit=[contradictory]), "j-1")

        with suppress(JobSubmitError):
            job.submit()

        assert job.state.name == status
        assert "fail" not in [entry.trigger for entry in job.history]
        assert job.error() is None
        with pytest.raises(IllegalTransitionError):
            job.submit()

    def test_a_job_that_was_refused_and_reported_gets_its_native_id_by_reconciling(self) -> None:
        def contradictory(job: Any) -> None:
            job.observe("RUNNING")
            raise ValueError("no such program")

        backend = Backend(submit=[contradictory], find=["native-9"], poll=["RUNNING"])
        job = Remote(backend, "j-1", journal=(rows := Rows()))
        with suppress(JobSubmitError):
            job.submit()

        kept = rows.read("j-1")
        assert kept is not None
        assert kept.job.facts["claim"] == "sent"
        with pytest.raises(IllegalTransitionError, match="it was submitted already"):
            job.submit()

        assert job.reconcile() is Outcome.UNCHANGED

        assert job.native_id == "native-9"
        kept = rows.read("j-1")
        assert kept is not None
        assert kept.job.facts["native_id"] == "native-9"
        assert job.state is BaseJob.RUNNING
        assert backend.asked.count("submit") == 1

    def test_a_trigger_of_our_own_is_no_evidence(self) -> None:
        def confused(job: Any) -> None:
            job.trigger("submit")
            raise ValueError("no such program")

        job = Remote(Backend(submit=[confused]), "j-1")

        with pytest.raises(JobSubmitError):
            job.submit()

        assert [entry.trigger for entry in job.history] == ["submit", "fail"]

    def test_a_final_state_that_was_reached_meanwhile_stands(self) -> None:
        def stopped(job: Any) -> None:
            job.trigger("cancel")
            raise ValueError("no such program")

        job = Remote(Backend(submit=[stopped]), "j-1")

        with suppress(JobSubmitError):
            job.submit()

        assert [entry.trigger for entry in job.history] == ["cancel"]


class TestUncertain:
    @pytest.mark.parametrize(
        "lost",
        [
            TimeoutError("no answer"),
            ConnectionResetError("hung up"),
            OSError("no route"),
            SubmitUncertainError("the gateway says 502"),
            SystemExit(1),
            GeneratorExit(),
            asyncio.CancelledError(),
        ],
        ids=repr,
    )
    def test_nobody_knows_and_nothing_is_recorded(self, lost: BaseException) -> None:
        backend = Backend(submit=[lost])
        job = Remote(backend, "j-1")

        with pytest.raises(SubmitUncertainError) as uncertain:
            job.submit()

        assert uncertain.value.__cause__ is lost
        assert "j-1" in str(uncertain.value)
        assert "reconcile" in str(uncertain.value)
        assert job.history == ()
        assert job.status() is JobStatus.INITIALIZING
        assert job.native_id is None
        assert backend.asked == ["submit"]

    def test_ctrl_c_is_both_uncertain_and_ctrl_c(self) -> None:
        job = Remote(Backend(submit=[KeyboardInterrupt()]), "j-1")

        with pytest.raises(SubmitUncertainError) as uncertain:
            job.submit()

        assert isinstance(uncertain.value, KeyboardInterrupt)
        assert job.history == ()
        assert Background(job.observe, "QUEUED").result() is Outcome.ADVANCED

    def test_ctrl_c_while_the_refusal_is_settled_leaves_a_doubt(self) -> None:
        class Slow(Exception):
            def __str__(self) -> str:
                raise KeyboardInterrupt

        backend = Backend(submit=[Slow(), "second"], find=["native-9"])
        job = Remote(backend, "j-1")
        with pytest.raises(KeyboardInterrupt):
            job.submit()

        with pytest.raises(IllegalTransitionError, match=r"uncertain \(it was interrupted\)"):
            job.submit()

        assert job.reconcile() is Outcome.ADVANCED
        assert (job.state, job.native_id) == (BaseJob.QUEUED, "native-9")
        assert backend.asked == ["submit", "find"]

    def test_a_class_says_itself_what_is_uncertain(self) -> None:
        class ReadTimeout(Exception):
            pass

        class Picky(Remote):
            uncertain_errors = (ReadTimeout,)

        lost = Picky(Backend(submit=[ReadTimeout()]), "lost")
        refused = Picky(Backend(submit=[OSError("400 Bad Request")]), "refused")

        with pytest.raises(SubmitUncertainError):
            lost.submit()
        with pytest.raises(JobSubmitError):
            refused.submit()

        assert lost.state is BaseJob.INITIALIZING
        assert refused.state is BaseJob.ERROR

    def test_reports_that_came_meanwhile_stand(self) -> None:
        def overtaken(job: Any) -> None:
            job.observe("RUNNING")
            raise LOST

        backend = Backend(submit=[overtaken, "second"], find=["native-9"])
        job = Remote(backend, "j-1")

        with suppress(SubmitUncertainError):
            job.submit()

        assert job.state is BaseJob.RUNNING
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert backend.asked.count("submit") == 1
        assert_consistent(job)

    def test_reports_that_come_later_move_the_job(self) -> None:
        job, backend = uncertain_job()

        assert job.observe("RUNNING") is Outcome.ADVANCED

        assert told(job) == [
            ("submit", "QUEUED", "observation"),
            ("start", "RUNNING", "observation"),
        ]
        assert backend.asked == ["submit"]

    def test_reports_end_the_doubt_of_those_who_wait(self) -> None:
        # A class that cannot look jobs up, but hears of them, could not be waited for otherwise.
        class Blind(BaseJob[Any]):
            def _submit(self) -> str:
                raise LOST

        job, looked = Blind(None, "j-1"), Gate()
        looked.open()
        with pytest.raises(SubmitUncertainError):
            job.submit()
        job.observe("RUNNING")
        waiting = Background(job.wait_for_final_state, callback=looked)
        looked.wait_until_asked()

        job.observe("DONE")

        assert waiting.result() is None

    def test_waiting_for_it_is_an_error_at_once(self) -> None:
        job, backend = uncertain_job()

        with pytest.raises(JobError):
            job.wait_for_final_state()
        with pytest.raises(JobError):
            job.result()

        assert backend.asked == ["submit"]


class TestReconciling:
    def test_a_job_that_the_backend_has_goes_on_as_submitted(self) -> None:
        job, backend = uncertain_job(find=["native-9"])

        assert job.reconcile() is Outcome.ADVANCED

        assert job.native_id == "native-9"
        assert told(job) == [("submit", "QUEUED", "recovery")]
        assert backend.asked == ["submit", "find"]
        with pytest.raises(IllegalTransitionError):
            job.submit()

    def test_a_job_that_the_backend_does_not_have_is_submitted_again(self) -> None:
        job, backend = uncertain_job(find=[None])

        assert job.reconcile() is Outcome.ADVANCED

        assert job.native_id == "second"
        assert [entry.trigger for entry in job.history] == ["submit"]
        assert backend.asked == ["submit", "find", "submit"]
        with pytest.raises(IllegalTransitionError):
            job.submit()

    def test_the_second_submission_may_be_uncertain_too(self) -> None:
        job, backend = uncertain_job(submit=[LOST, LOST, "third"])

        with pytest.raises(SubmitUncertainError):
            job.reconcile()

        assert job.history == ()
        assert job.reconcile() is Outcome.ADVANCED
        assert job.native_id == "third"
        assert backend.asked == ["submit", "find", "submit", "find", "submit"]

    def test_the_second_submission_may_be_refused(self) -> None:
        refusal = ValueError("no such program")
        job, _ = uncertain_job(submit=[LOST, refusal])

        with pytest.raises(JobSubmitError) as refused:
            job.reconcile()

        assert refused.value.__cause__ is refusal
        assert job.state is BaseJob.ERROR
        assert job.error() is refusal

    @pytest.mark.parametrize("trouble", [ConnectionError("down"), ValueError("not JSON")], ids=repr)
    def test_a_backend_that_cannot_be_asked_changes_nothing(self, trouble: Exception) -> None:
        job, backend = uncertain_job(find=[trouble, "native-9"])

        with pytest.raises(BackendError) as failed:
            job.reconcile()

        assert failed.value.__cause__ is trouble
        assert job.history == ()
        assert backend.asked == ["submit", "find"]
        assert job.reconcile() is Outcome.ADVANCED
        assert job.native_id == "native-9"

    def test_ctrl_c_while_asking_changes_nothing(self) -> None:
        job, backend = uncertain_job(find=[KeyboardInterrupt(), "native-9"])

        with pytest.raises(KeyboardInterrupt):
            job.reconcile()

        assert job.history == ()
        assert job.reconcile() is Outcome.ADVANCED
        assert backend.asked == ["submit", "find", "find"]

    def test_a_class_that_cannot_look_a_job_up_never_submits_twice(self) -> None:
        class Blind(BaseJob[Any]):
            sent = 0

            def _submit(self) -> str:
                self.sent += 1
                raise LOST

        job = Blind(None, "j-1")
        with pytest.raises(SubmitUncertainError):
            job.submit()

        with pytest.raises(SubmitUncertainError):
            job.reconcile()

        assert job.sent == 1
        assert job.history == ()

    def test_a_hook_that_asks_the_base_class_has_no_answer(self) -> None:
        class Lazy(Remote):
            def _find(self) -> str | None:
                return BaseJob._find(self)

        job = Lazy(Backend(submit=[LOST, "second"]), "j-1")
        with pytest.raises(SubmitUncertainError):
            job.submit()

        with pytest.raises(BackendError) as failed:
            job.reconcile()

        assert isinstance(failed.value.__cause__, NotImplementedError)
        assert job.history == ()

    def test_a_job_that_was_never_submitted_has_nothing_to_reconcile(self) -> None:
        backend = Backend()
        job = Remote(backend, "j-1")

        with pytest.raises(IllegalTransitionError):
            job.reconcile()

        assert backend.asked == []
        job.submit()
        assert job.state is BaseJob.QUEUED

    def test_a_job_that_was_submitted_is_looked_at_once(self) -> None:
        backend = Backend(poll=["RUNNING", None])
        job = Remote(backend, "j-1")
        job.submit()

        assert job.reconcile() is Outcome.ADVANCED
        assert job.reconcile() is Outcome.UNCHANGED

        assert backend.asked == ["submit", "poll", "poll"]
        assert job.state is BaseJob.RUNNING

    def test_the_hook_is_called_without_the_lock(self) -> None:
        def look_up(job: Any) -> str:
            assert Background(lambda: job.may("fail")).result() is True
            return "native-9"

        job, _ = uncertain_job(find=[look_up])

        assert job.reconcile() is Outcome.ADVANCED

    def test_a_report_that_comes_while_asking_forbids_a_second_submission(self) -> None:
        def reported(job: Any) -> None:
            job.observe("RUNNING")

        job, backend = uncertain_job(find=[reported])

        job.reconcile()

        assert job.state is BaseJob.RUNNING
        assert backend.asked == ["submit", "find"]

    def test_a_report_that_came_before_asking_forbids_a_second_submission(self) -> None:
        # The backend's index is late: it has no such job, and has just reported it.
        job, backend = uncertain_job(find=[None])
        job.observe("RUNNING")

        job.reconcile()

        assert job.state is BaseJob.RUNNING
        assert backend.asked.count("submit") == 1
        backend.script(poll=["DONE"])
        assert job.done(), "nothing is in doubt any more, so it is polled"

    def test_a_hook_s_own_word_for_a_lost_connection_is_a_doubt(self) -> None:
        job = Remote(Backend(submit=[BackendError("the line is down", True)]), "j-1")

        with pytest.raises(SubmitUncertainError):
            job.submit()

        assert job.state is BaseJob.INITIALIZING

    def test_a_condition_may_not_fire(self) -> None:
        class Eager(Remote):
            handed = Transition(
                JobStatus.INITIALIZING, JobStatus.QUEUED, trigger="submit", conditions="_go"
            )

            def _go(self, event: Any) -> bool:
                return self.trigger("fail")

        backend = Backend()
        job = Eager(backend, "j-1")

        with pytest.raises(ReentrantTransitionError):
            job.submit()

        assert (job.state, backend.asked) == (BaseJob.INITIALIZING, [])

    def test_a_declared_callback_may_not_ask(self) -> None:
        class Curious(Remote):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_ask")

            def _ask(self, event: Any) -> None:
                self.reconcile()

        backend = Backend(submit=[TimeoutError()], find=["native-9"])
        job = Curious(backend, "j-1")
        with pytest.raises(SubmitUncertainError):
            job.submit()

        with pytest.raises(ReentrantTransitionError):
            job.observe("RUNNING")

        assert backend.asked == ["submit"]

    def test_a_job_that_reports_have_moved_gets_its_native_id_still(self) -> None:
        job, backend = uncertain_job(find=["native-9"])
        job.observe("RUNNING")

        job.reconcile()

        assert job.native_id == "native-9"
        assert job.state is BaseJob.RUNNING
        assert backend.asked == ["submit", "find"]
        assert_consistent(job)

    @pytest.mark.parametrize("round_", range(20))
    def test_of_many_threads_one_submits_again(self, round_: int) -> None:
        job, backend = uncertain_job(find=[None])

        outcomes = meet(*[job.reconcile] * 4)

        assert backend.asked.count("submit") == 2
        assert Outcome.ADVANCED in outcomes
        assert [entry.trigger for entry in job.history] == ["submit"]
        assert job.native_id == "second"

    def test_two_that_ask_at_once_and_get_different_answers_submit_no_third_time(self) -> None:
        # The first is told "no such job" late, after the second has found it.
        late = Gate(None)
        job, backend = uncertain_job(find=[late, "native-9"])
        first = Background(job.reconcile)
        late.wait_until_asked()

        job.reconcile()
        late.open()

        first.outcome()
        assert backend.asked.count("submit") == 1
        assert job.native_id == "native-9"
        assert [entry.trigger for entry in job.history] == ["submit"]

    def test_an_answer_that_comes_after_another_has_settled_it_changes_nothing(self) -> None:
        late = Gate("native-9")
        job, backend = uncertain_job(find=[late, None])
        first = Background(job.reconcile)
        late.wait_until_asked()
        job.reconcile()

        late.open()

        first.outcome()
        assert job.native_id == "second"
        assert [entry.trigger for entry in job.history] == ["submit"]
        assert backend.asked.count("submit") == 2

    def test_a_second_submission_in_flight_is_not_sent_a_third_time(self) -> None:
        gate = Gate("second")
        job, backend = uncertain_job(submit=[LOST, gate], find=[None])
        first = Background(job.reconcile)
        gate.wait_until_asked()

        job.reconcile()
        gate.open()

        assert first.result() is Outcome.ADVANCED
        assert backend.asked.count("submit") == 2
        assert job.native_id == "second"

    def test_once_it_is_settled_the_backend_is_not_searched_again(self) -> None:
        job, backend = uncertain_job(find=["native-9"])
        job.reconcile()

        assert job.reconcile() is Outcome.UNCHANGED

        assert backend.asked.count("find") == 1
        assert job.native_id == "native-9"


class TestCancelledMeanwhile:
    def test_the_request_is_remembered_and_carried_out_by_the_submitting_thread(self) -> None:
        gate = Gate("native-1")
        backend = Backend(submit=[gate], cancel=[True])
        job = Remote(backend, "j-1")
        submitting = Background(job.submit)
        gate.wait_until_asked()

        assert job.cancel() is True

        assert backend.asked == ["submit"]
        assert job.state is BaseJob.INITIALIZING
        assert job.cancel_requested
        gate.open()
        submitting.result()
        assert backend.asked == ["submit", "cancel"]
        assert backend.askers == [submitting.thread] * 2
        assert told(job) == [("submit", "QUEUED", "command"), ("cancel", "CANCELLED", "command")]
        with pytest.raises(JobCancelledError):
            job.result()

    @pytest.mark.parametrize(
        ("answer", "state", "requested"),
        [(None, "QUEUED", True), (False, "QUEUED", False), (OSError("down"), "QUEUED", None)],
        ids=["asked", "refused", "failed"],
    )
    def test_an_answer_that_is_no_stop_leaves_a_job_that_was_submitted(
        self, answer: Any, state: str, requested: bool | None
    ) -> None:
        def asked_to_stop(job: Any) -> str:
            assert Background(job.cancel).result() is True
            return "native-1"

        backend = Backend(submit=[asked_to_stop], cancel=[answer])
        job = Remote(backend, "j-1")

        job.submit()

        assert backend.asked == ["submit", "cancel"]
        assert job.state.name == state
        assert job.native_id == "native-1"
        if requested is not None:
            assert job.cancel_requested is requested

    def test_asking_again_and_again_is_one_request(self) -> None:
        def asked_to_stop(job: Any) -> str:
            assert [job.cancel() for _ in range(3)] == [True] * 3
            return "native-1"

        backend = Backend(submit=[asked_to_stop])
        job = Remote(backend, "j-1")

        job.submit()

        assert backend.asked == ["submit", "cancel"]
        assert job.state is BaseJob.CANCELLED

    def test_a_job_that_is_over_by_then_is_not_asked_to_stop(self) -> None:
        def fast(job: Any) -> str:
            assert job.cancel() is True
            job.observe("DONE")
            return "native-1"

        backend = Backend(submit=[fast])
        job = Remote(backend, "j-1")

        job.submit()

        assert backend.asked == ["submit"]
        assert job.state is BaseJob.DONE

    def test_a_refusal_is_still_a_refusal(self) -> None:
        def refused(job: Any) -> None:
            assert job.cancel() is True
            raise ValueError("no such program")

        backend = Backend(submit=[refused])
        job = Remote(backend, "j-1")

        with pytest.raises(JobSubmitError):
            job.submit()

        assert backend.asked == ["submit"]
        assert job.state is BaseJob.ERROR

    def test_an_uncertain_job_is_not_called_cancelled(self) -> None:
        job, backend = uncertain_job()

        assert job.cancel() is True

        assert job.cancel_requested
        assert job.state is BaseJob.INITIALIZING
        assert backend.asked == ["submit"]

    def test_an_uncertain_job_that_is_found_is_cancelled_then(self) -> None:
        job, backend = uncertain_job(find=["native-9"])
        job.cancel()

        assert job.reconcile() is Outcome.ADVANCED

        assert backend.asked == ["submit", "find", "cancel"]
        assert job.state is BaseJob.CANCELLED

    def test_an_uncertain_job_that_is_not_found_is_cancelled_and_never_sent_again(self) -> None:
        job, backend = uncertain_job(find=[None])
        job.cancel()

        assert job.reconcile() is Outcome.ADVANCED

        assert backend.asked == ["submit", "find"]
        assert [entry.trigger for entry in job.history] == ["cancel"]
        with pytest.raises(IllegalTransitionError):
            job.submit()

    @pytest.mark.parametrize("round_", range(50))
    def test_of_submit_and_cancel_at_once_each_order_is_legal(self, round_: int) -> None:
        backend = Backend()
        job = Remote(backend, "j-1")

        submitted, cancelled = meet(job.submit, job.cancel)

        assert cancelled is True
        assert job.state is BaseJob.CANCELLED
        if isinstance(submitted, IllegalTransitionError):
            assert backend.asked == []
        else:
            assert submitted is None
            assert backend.asked == ["submit", "cancel"]
        assert_consistent(job)


class TestCallbacksAndJournals:
    class Picky(Remote):
        """A class whose callback on the step `submit` may raise."""

        fault: Exception | None = None
        late_fault: Exception | None = None
        accepted = Transition(
            JobStatus.INITIALIZING,
            JobStatus.QUEUED,
            trigger="submit",
            before="_before",
            after="_after",
        )

        def _before(self, event: Any) -> None:
            if self.fault:
                raise self.fault

        def _after(self, event: Any) -> None:
            if self.late_fault:
                raise self.late_fault

    def test_one_that_raises_before_the_step_does_not_lose_the_backend_s_job(self) -> None:
        backend = Backend(poll=["RUNNING"])
        job = self.Picky(backend, "j-1")
        job.fault = RuntimeError("the shelf is full")

        with pytest.raises(RuntimeError, match="the shelf is full"):
            job.submit()

        assert job.history == ()
        assert job.native_id == "native-1"
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert backend.asked == ["submit"]
        job.fault = None
        assert job.status() is JobStatus.RUNNING

    def test_one_that_raises_before_the_step_leaves_a_job_that_can_be_reconciled(self) -> None:
        backend = Backend()
        job = self.Picky(backend, "j-1")
        job.fault = RuntimeError("the shelf is full")
        with pytest.raises(RuntimeError):
            job.submit()
        job.fault = None

        assert job.reconcile() is Outcome.ADVANCED

        assert (job.state, job.native_id) == (BaseJob.QUEUED, "native-1")
        assert told(job) == [("submit", "QUEUED", "recovery")]
        assert backend.asked == ["submit"]

    def test_one_that_raises_after_the_step_leaves_the_step(self) -> None:
        job = self.Picky(Backend(), "j-1")
        job.late_fault = RuntimeError("too late")

        with pytest.raises(RuntimeError, match="too late"):
            job.submit()

        assert told(job) == [("submit", "QUEUED", "command")]
        assert job.native_id == "native-1"

    def test_a_journal_that_is_full_does_not_lose_the_backend_s_job(self) -> None:
        backend, rows = Backend(poll=["RUNNING"]), Rows()
        job = Remote(backend, "j-1", journal=rows)
        rows.trouble = JournalError("no space left on device")

        with pytest.raises(JournalError):
            job.submit()

        assert job.history == ()
        assert job.native_id == "native-1"
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert backend.asked == ["submit"]
        rows.trouble = None
        assert job.status() is JobStatus.RUNNING
        assert [entry.trigger for entry in rows.kept] == ["submit", "start"]

    def test_a_journal_that_was_full_leaves_a_job_that_can_be_reconciled(self) -> None:
        backend, rows = Backend(), Rows()
        job = Remote(backend, "j-1", journal=rows)
        rows.trouble = JournalError("no space left on device")
        with pytest.raises(JournalError):
            job.submit()
        with pytest.raises(JournalError):
            job.reconcile()
        rows.trouble = None

        assert job.reconcile() is Outcome.ADVANCED

        assert backend.asked == ["submit"]
        assert tuple(rows.kept) == job.history
        assert job.state is BaseJob.QUEUED

    def test_a_journal_that_is_full_when_the_job_is_found_leaves_it_to_be_found_again(self) -> None:
        rows = Rows()
        backend = Backend(submit=[LOST], find=["native-9"])
        job = Remote(backend, "j-1", journal=rows)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        rows.trouble = JournalError("no space left on device")
        with pytest.raises(JournalError):
            job.reconcile()
        rows.trouble = None

        assert job.history == ()
        assert job.reconcile() is Outcome.ADVANCED

        assert (job.state, job.native_id) == (BaseJob.QUEUED, "native-9")
        assert backend.asked.count("submit") == 1
        assert tuple(rows.kept) == job.history

    def test_a_journal_that_is_full_changes_nothing_about_a_job_without_the_hook(self) -> None:
        rows = Rows()
        job = Pushed(None, "j-1", journal=rows)
        rows.trouble = JournalError("no space left on device")

        with pytest.raises(JournalError):
            job.submit()

        assert job.history == ()
        rows.trouble = None
        job.submit()
        assert [entry.trigger for entry in rows.kept] == ["submit"]


class TestAttached:
    def test_no_question_is_asked_and_submit_is_refused(self) -> None:
        backend = Backend()

        job = Remote.attach(backend, "j-1", "native-5")

        assert type(job) is Remote
        assert (job.backend(), job.job_id(), job.native_id) == (backend, "j-1", "native-5")
        assert job.history == ()
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert backend.asked == []
        assert job.history == ()

    def test_it_is_not_submitted_again_where_no_hook_would_be_asked(self) -> None:
        job = Pushed.attach(None, "j-1")

        with pytest.raises(IllegalTransitionError, match="it was submitted elsewhere"):
            job.submit()

        assert job.history == ()

    def test_it_may_have_no_id_of_the_backend_s(self) -> None:
        assert Remote.attach(Backend(), "j-1").native_id is None

    def test_a_look_finds_out_where_it_is(self) -> None:
        job = Remote.attach(Backend(poll=["RUNNING"]), "j-1", "native-5")

        assert job.status() is JobStatus.RUNNING

        assert [(entry.trigger, entry.inferred) for entry in job.history] == [
            ("submit", True),
            ("start", False),
        ]

    def test_it_can_be_waited_for(self) -> None:
        job = Remote.attach(Backend(poll=[None, "RUNNING", "DONE"]), "j-1", "native-5")

        assert job.result(timeout=10) == "the result"

    def test_cancelling_it_asks_the_backend(self) -> None:
        backend = Backend(cancel=[None])
        job = Remote.attach(backend, "j-1", "native-5")

        assert job.cancel() is True

        assert backend.asked == ["cancel"]
        assert job.cancel_requested
        assert job.state is BaseJob.INITIALIZING
        assert job.observe("CANCELLED") is Outcome.ADVANCED

    def test_cancelling_it_without_a_hook_is_refused(self) -> None:
        job = Pushed.attach(None, "j-1", "native-5")

        assert job.cancel() is False

        assert job.state is BaseJob.INITIALIZING

    def test_reconciling_it_looks_once(self) -> None:
        backend = Backend(poll=["RUNNING"])
        job = Remote.attach(backend, "j-1", "native-5")

        assert job.reconcile() is Outcome.ADVANCED

        assert backend.asked == ["poll"]

    def test_reports_move_it(self) -> None:
        shop = part()
        job = MachineShopJob.attach(shop.backend(), "p-2", "part-1", program=shop.program)

        assert job.observe("probing") is Outcome.ADVANCED

        assert job.state is MachineShopJob.INSPECTING


class TestTheTriggerOfThatName:
    def test_takes_the_step_and_asks_no_backend(self) -> None:
        backend = Backend()
        job = Remote(backend, "j-1")

        assert job.trigger("submit") is True

        assert backend.asked == []
        assert told(job) == [("submit", "QUEUED", "trigger")]
        assert_consistent(job, BASE)
