"""Several handles of one job: losing a race is normal, and a doubt is settled by reading again."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from job_doubles import Backend, Background, Gate, Pushed, Remote, meet
from job_oracle import BASE, assert_consistent
from sojourn import BaseJob, IllegalTransitionError, JobStatus, Outcome, Transition, recover
from sojourn.errors import (
    JournalConflictError,
    JournalError,
    JournalUncertainError,
    SubmitUncertainError,
)
from sojourn.history import Change, Story
from sojourn.journals.memory import MemoryJournal
from sojourn.journals.sqlite import SQLiteJournal

LOST = TimeoutError("no answer")


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = MemoryJournal() if request.param == "memory" else SQLiteJournal(tmp_path / "jobs")
    with made as journal:
        yield journal
        assert journal.check() == ()


def two(journal: Any, *triggers: str) -> tuple[Any, Any]:
    """Return two handles of a job that has gone through triggers."""
    first = Pushed(None, "j-1", journal=journal)
    for trigger in triggers:
        first.trigger(trigger)
    return first, Pushed.attach(None, "j-1", journal=journal)


def same(*jobs: Any) -> None:
    for job in jobs:
        assert_consistent(job)
    assert len({job.history for job in jobs}) == 1


class TestWhoIsLate:
    def test_is_told_that_a_trigger_is_not_possible_any_more(self, journal: Any) -> None:
        winner, loser = two(journal, "submit", "start")
        winner.finish()

        with pytest.raises(IllegalTransitionError, match="while DONE"):
            loser.trigger("cancel")

        same(winner, loser)

    def test_fires_a_trigger_that_is_still_possible(self, journal: Any) -> None:
        first, second = two(journal, "submit")
        first.start()

        second.fail("broken")

        assert [entry.trigger for entry in second.history] == ["submit", "start", "fail"]
        with pytest.raises(IllegalTransitionError, match="while ERROR"):
            first.finish()
        same(first, second)

    def test_keeps_a_report_that_contradicts_as_an_anomaly(self, journal: Any) -> None:
        winner, loser = two(journal, "submit", "start")
        winner.finish()

        assert loser.observe("CANCELLED") is Outcome.CONFLICT

        same(winner, loser)
        assert [each.raw for each in loser.anomalies] == ["CANCELLED"]
        assert journal.read("j-1").anomalies == loser.anomalies

    def test_learns_that_a_job_in_doubt_is_over_and_asks_nobody(self, journal: Any) -> None:
        backend = Backend(submit=[LOST], find=["n-1"])
        doubting = Remote(backend, "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            doubting.submit()
        assert Remote.attach(Backend(), "j-1", journal=journal).observe("DONE")

        assert doubting.reconcile() is Outcome.ADVANCED

        assert doubting.state is BaseJob.DONE
        assert backend.asked == ["submit"]

    def test_finds_that_a_report_was_known(self, journal: Any) -> None:
        winner, loser = two(journal, "submit", "start")
        winner.finish()

        assert loser.observe("DONE") is Outcome.UNCHANGED

        same(winner, loser)

    def test_goes_on_from_where_the_other_has_come(self, journal: Any) -> None:
        first, second = two(journal)
        first = Pushed(None, "j-2", journal=journal)
        first.submit()
        second = Pushed.attach(None, "j-2", journal=journal)
        first.start()

        assert second.observe("DONE") is Outcome.ADVANCED

        assert [entry.trigger for entry in second.history] == ["submit", "start", "finish"]

    def test_tells_outsiders_of_what_the_other_did(self, journal: Any) -> None:
        winner, loser = two(journal, "submit", "start")
        told: list[tuple[int, str]] = []
        loser.add_callback(lambda job, entry: told.append((entry.number, entry.trigger)))
        winner.finish()

        with pytest.raises(IllegalTransitionError):
            loser.fail("no")

        assert told == [(3, "finish")]

    def test_wakes_those_who_wait(self, journal: Any) -> None:
        winner, loser = two(journal, "submit", "start")
        looked = threading.Event()
        waiting = Background(loser.wait_for_final_state, callback=lambda *_: looked.set())
        assert looked.wait(10)
        winner.finish()

        loser.reconcile()

        waiting.result()
        assert loser.state is BaseJob.DONE

    def test_runs_the_callbacks_that_may_refuse_anew(self, journal: Any) -> None:
        class Guarded(BaseJob[Any]):
            fail = Transition(
                [JobStatus.INITIALIZING, JobStatus.QUEUED, JobStatus.RUNNING],
                JobStatus.ERROR,
                before="_before",
            )

            def _before(self, event: Any) -> None:
                seen.append(self.state.name)

        seen: list[str] = []
        first = Guarded(None, "j-1", journal=journal)
        first.submit()
        second = Guarded.attach(None, "j-1", journal=journal)
        first.start()

        second.fail("x")

        assert seen == ["QUEUED", "RUNNING"]

    def test_cancels_what_the_other_has_cancelled(self, journal: Any) -> None:
        first = Pushed(None, "j-1", journal=journal)
        first.fail("x")
        second = Pushed.attach(None, "j-1", journal=journal)

        assert second.cancel() is False
        assert second.cancelled() is False

    @pytest.mark.parametrize("round_", range(10))
    def test_is_one_of_two_and_both_know_what_happened(self, journal: Any, round_: int) -> None:
        first, second = two(journal, "submit", "start")

        outcomes = meet(first.finish, lambda: second.trigger("cancel"))

        assert [each for each in outcomes if each is True] == [True]
        assert any(isinstance(each, IllegalTransitionError) for each in outcomes)
        first.reconcile()
        second.reconcile()
        same(first, second)
        assert journal.history("j-1") == first.history

    def test_that_is_many_times_over_loses_nothing(self, journal: Any) -> None:
        class Looping(BaseJob[Any]):
            requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

        table = BASE | {("RUNNING", "requeue"): "QUEUED"}
        first = Looping(None, "l-1", journal=journal)
        first.submit()
        handles = [first, *(Looping.attach(None, "l-1", journal=journal) for _ in range(2))]

        def push(job: Any) -> int:
            fired = 0
            for number in range(30):
                try:
                    fired += job.trigger(("start", "requeue")[number % 2])
                except IllegalTransitionError:
                    continue
            return fired

        fired = meet(*[lambda job=job: push(job) for job in handles])  # type: ignore[misc]

        for job in handles:
            job.reconcile()
            assert_consistent(job, table)
            assert job.history == first.history
        assert len(journal.history("l-1")) == sum(fired) + 1


class Doubtful(MemoryJournal):
    """A journal that loses answers.

    Attributes:
        lose: What becomes of the next change: ``"after"`` it was made, or ``"before"``.
        unread: Whether it cannot be read.
    """

    lose = ""
    unread = False

    def write(self, change: Change) -> None:
        how, self.lose = self.lose, ""
        if how != "before":
            super().write(change)
        if how:
            raise JournalUncertainError(change.job_id, "the disk did not answer")

    def read(self, job_id: str, after: int = 0) -> Story | None:
        if self.unread:
            raise JournalError("the disk does not answer")
        return super().read(job_id, after)


class TestAnUnknownOutcome:
    @pytest.mark.parametrize("trigger", ["submit", "start"])
    def test_of_a_change_that_was_made_is_settled_at_once(self, trigger: str) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        if trigger == "start":
            job.submit()
        journal.lose = "after"

        assert job.trigger(trigger) is True

        assert journal.history("j-1") == job.history
        assert job.history[-1].trigger == trigger

    def test_of_a_change_that_was_made_is_settled_though_another_has_gone_on(self) -> None:
        class Overtaken(Doubtful):
            def write(self, change: Change) -> None:
                lost = self.lose
                try:
                    super().write(change)
                finally:
                    if lost:
                        Pushed.attach(None, "j-1", journal=self).finish("well")

        journal = Overtaken()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        journal.lose = "after"

        assert job.start() is True

        assert [entry.trigger for entry in job.history] == ["submit", "start"]
        assert job.observe("DONE") is Outcome.UNCHANGED
        assert job.history == journal.history("j-1")
        assert len(job.history) == 3

    @pytest.mark.parametrize("trigger", ["submit", "start"])
    def test_of_a_change_that_was_not_made_changes_nothing(self, trigger: str) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        if trigger == "start":
            job.submit()
        before = job.history
        journal.lose = "before"

        with pytest.raises(JournalError, match="nothing has changed"):
            job.trigger(trigger)

        assert job.history == before
        assert job.trigger(trigger) is True
        assert journal.history("j-1") == job.history

    @pytest.mark.parametrize("how", ["after", "before"])
    def test_blocks_the_job_until_it_has_been_read_again(self, how: str) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        journal.lose, journal.unread = how, True

        with pytest.raises(JournalUncertainError):
            job.start()

        assert job.state is BaseJob.QUEUED
        for deed in (job.start, lambda: job.observe("DONE"), lambda: job.fail("x"), job.reconcile):
            with pytest.raises(JournalError, match="does not answer"):
                deed()
        assert job.state is BaseJob.QUEUED
        journal.unread = False
        assert job.observe("RUNNING") is (Outcome.UNCHANGED if how == "after" else Outcome.ADVANCED)
        assert journal.history("j-1") == job.history
        assert len(job.history) == 2

    def test_of_a_claim_that_was_made_sends_once(self) -> None:
        journal, backend = Doubtful(), Backend()
        job = Remote(backend, "j-1", journal=journal)
        journal.lose = "after"

        job.submit()

        assert backend.asked == ["submit"]
        assert journal.history("j-1") == job.history

    def test_of_a_claim_that_was_not_made_sends_nothing(self) -> None:
        journal, backend = Doubtful(), Backend()
        job = Remote(backend, "j-1", journal=journal)
        journal.lose = "before"

        with pytest.raises(JournalError):
            job.submit()

        assert backend.asked == []
        job.submit()
        assert backend.asked == ["submit"]

    def test_of_a_change_by_which_another_was_faster(self) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        other = Pushed.attach(None, "j-1", journal=journal)
        other.fail("x")
        journal.lose = "before"

        with pytest.raises(IllegalTransitionError, match="while ERROR"):
            job.start()

        same(job, other)

    def test_a_journal_that_was_put_back_to_an_older_one_stops_the_job(self) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        job.start()
        shelf = journal._shelves["j-1"]
        shelf.entries = shelf.entries[:1]
        shelf.job = shelf.job._replace(state="QUEUED", status="QUEUED", version=1)

        for _ in range(2):
            with pytest.raises(JournalError, match="older than this job"):
                job.finish()

        assert job.state is BaseJob.RUNNING

    def test_a_journal_that_has_lost_the_job_stops_it(self) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        journal._shelves.clear()

        for _ in range(2):
            with pytest.raises(JournalError, match="not in its journal any more"):
                job.start()

    def test_a_journal_that_lost_the_job_with_the_answer_stops_it(self) -> None:
        journal = Doubtful()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        journal.lose, journal.unread = "after", True
        with pytest.raises(JournalUncertainError):
            job.start()
        journal._shelves.clear()
        journal.unread = False

        for _ in range(2):
            with pytest.raises(JournalError, match="not in its journal any more"):
                job.start()

    @pytest.mark.parametrize("damage", [{"source": "RUNNING"}, {"number": 3}, {"dest": "MELTING"}])
    def test_a_journal_that_tells_what_cannot_follow_stops_the_job(
        self, damage: dict[str, Any]
    ) -> None:
        journal = MemoryJournal()
        job, other = two(journal, "submit")
        other.start()
        shelf = journal._shelves["j-1"]
        shelf.entries = (shelf.entries[0], shelf.entries[1]._replace(**damage))

        for _ in range(2):
            with pytest.raises(JournalError, match="cannot take entry 2"):
                job.reconcile()

        assert job.state is BaseJob.QUEUED

    def test_a_journal_that_refuses_a_new_job_without_a_reason_is_not_asked_for_ever(self) -> None:
        class Full(MemoryJournal):
            def write(self, change: Change) -> None:
                raise JournalConflictError(change.job_id, "anywhere")

        job = Pushed(None, "j-1", journal=Full())

        with pytest.raises(JournalError, match="not in its journal any more"):
            job.submit()

    def test_a_conflict_that_a_callback_made_up_is_no_reason_to_read(self) -> None:
        class Confused(BaseJob[Any]):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, before="_refuse")

            def _refuse(self, event: Any) -> None:
                raise JournalConflictError("another", "anywhere")

        job = Confused(None, "j-1")
        job.submit()

        with pytest.raises(JournalError, match="has no journal"):
            job.start()

        assert job.state is BaseJob.QUEUED

    def test_a_journal_that_refuses_without_a_reason_is_not_asked_for_ever(self) -> None:
        class Stubborn(MemoryJournal):
            def write(self, change: Change) -> None:
                if change.entry is not None and change.entry.number == 2:
                    raise JournalConflictError(change.job_id, "anywhere")
                super().write(change)

        job = Pushed(None, "j-1", journal=Stubborn())
        job.submit()

        with pytest.raises(JournalError, match="knows nothing newer"):
            job.start()

        assert job.state is BaseJob.QUEUED


class TestASubmission:
    def test_in_another_handle_is_not_sent_again(self, journal: Any) -> None:
        gate = Gate("native-1")
        backend = Backend(submit=[gate])
        job = Remote(backend, "j-1", journal=journal)
        submitting = Background(job.submit)
        gate.wait_until_asked()
        other = Remote.attach(backend, "j-1", journal=journal)

        with pytest.raises(IllegalTransitionError, match="another process is submitting it"):
            other.submit()
        assert other.reconcile() is Outcome.UNCHANGED
        assert other.status() is JobStatus.INITIALIZING

        gate.open()
        submitting.result()
        assert other.reconcile() is Outcome.ADVANCED
        assert (other.native_id, other.state) == ("native-1", BaseJob.QUEUED)
        assert backend.asked.count("submit") == 1

    def test_whose_claim_was_interrupted_may_be_tried_again(self, journal: Any) -> None:
        class Interrupted:
            def write(self, change: Change) -> None:
                journal.write(change)
                raise KeyboardInterrupt

            def __getattr__(self, name: str) -> Any:
                return getattr(journal, name)

        backend = Backend()
        job = Remote(backend, "j-1", journal=Interrupted())
        with pytest.raises(KeyboardInterrupt):
            job.submit()
        assert backend.asked == []
        job._sj_book().journal = journal

        job.submit()

        assert backend.asked == ["submit"]
        assert journal.history("j-1") == job.history

    def test_is_kept_even_if_its_native_id_has_half_a_character(self, journal: Any) -> None:
        job = Remote(Backend(submit=["n-\udcff"]), "j-1", journal=journal)

        job.submit()

        assert journal.read("j-1").job.facts["native_id"] == "n-\\udcff"

    def test_whose_doubt_was_not_kept_is_not_in_doubt_after_the_next_one(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Deaf(MemoryJournal):
            deaf = False

            def write(self, change: Change) -> None:
                if self.deaf:
                    raise JournalError("no space left on device")
                super().write(change)

        def lose(_: Any) -> None:
            journal.deaf = True
            raise LOST

        journal: Any = Deaf()
        job = Remote(Backend(submit=[lose]), "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        assert "cannot be written to: no space left on device" in caplog.text
        journal.deaf = False
        shelf = journal._shelves["j-1"]
        shelf.job.facts["owner"] = None  # nobody knows who sends, so somebody else may
        Remote.attach(Backend(submit=["n-2"], find=[None]), "j-1", journal=journal).reconcile()

        job.observe("RUNNING")

        facts = journal.read("j-1").job.facts
        assert (facts["claim"], facts["doubt"], facts["native_id"]) == ("sent", "", "n-2")

    def test_that_another_has_found_is_not_in_doubt_again(self, journal: Any) -> None:
        job = Remote(Backend(submit=[LOST]), "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        other = Remote.attach(Backend(find=["n-1"]), "j-1", journal=journal)
        other.reconcile()

        job.observe("RUNNING")

        facts = journal.read("j-1").job.facts
        assert (facts["claim"], facts["doubt"], facts["native_id"]) == ("sent", "", "n-1")
        assert (job.native_id, Remote.attach(None, "j-1", journal=journal).native_id) == (
            "n-1",
            "n-1",
        )

    def test_that_is_over_while_it_is_looked_for_is_not_sent_again(self, journal: Any) -> None:
        other: Any = None
        backend = Backend(submit=[LOST], find=[lambda _: other.observe("DONE") and None])
        job = Remote(backend, "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        other = Remote.attach(Backend(), "j-1", journal=journal)

        job.reconcile()

        assert job.state is BaseJob.DONE
        assert backend.asked == ["submit", "find"]
        same(job, other)

    def test_that_is_in_doubt_is_sent_again_by_one_of_two(self, journal: Any) -> None:
        backend = Backend(submit=[LOST, "native-2"], find=[None, None, None, None])
        job = Remote(backend, "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        others = [Remote.attach(backend, "j-1", journal=journal) for _ in range(2)]

        meet(*[other.reconcile for other in (job, *others)])

        assert backend.asked.count("submit") == 2
        for each in (job, *others):
            each.reconcile()
            assert (each.native_id, each.state) == ("native-2", BaseJob.QUEUED)
        same(job, *others)

    @pytest.mark.parametrize(("there", "looks"), [("RUNNING", 1), ("DONE", 0)])
    def test_that_has_moved_elsewhere_is_looked_at_unless_it_is_over(
        self, journal: Any, there: str, looks: int
    ) -> None:
        backend = Backend(poll=["DONE"])
        job = Remote(backend, "j-1", journal=journal)
        job.submit()
        other = Remote.attach(backend, "j-1", journal=journal)
        other.observe(there)
        told: list[int] = []
        job.add_callback(lambda _, entry: told.append(entry.number))

        assert job.reconcile() is Outcome.ADVANCED

        assert job.state is BaseJob.DONE
        assert backend.asked.count("poll") == looks
        assert told == [2, 3]

    def test_that_was_found_keeps_its_token(self, journal: Any) -> None:
        backend = Backend(submit=[LOST], find=["native-3"])
        job = Remote(backend, "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        other = Remote.attach(backend, "j-1", journal=journal)

        assert other.submission_token == job.submission_token
        assert other.reconcile() is Outcome.ADVANCED
        assert journal.jobs()[0].facts["native_id"] == "native-3"
        assert journal.jobs()[0].facts["claim"] == "sent"

    def test_cancelled_meanwhile_is_withdrawn_by_whoever_finds_out(self, journal: Any) -> None:
        backend = Backend(submit=[LOST], find=[None])
        job = Remote(backend, "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()
        assert job.cancel() is True
        other = Remote.attach(backend, "j-1", journal=journal)
        assert other.cancel_requested

        assert other.reconcile() is Outcome.ADVANCED

        assert other.state is BaseJob.CANCELLED
        assert backend.asked.count("submit") == 1
        job.reconcile()
        same(job, other)

    def test_of_a_job_that_was_only_made_may_follow_in_another_handle(self, journal: Any) -> None:
        backend = Backend()
        job = Remote(backend, "j-1", journal=journal)
        job.observe("QUEUED")
        other = Remote.attach(backend, "j-1", journal=journal)

        assert other.state is BaseJob.QUEUED
        with pytest.raises(IllegalTransitionError):
            other.submit()


CRASH = """
import os, signal, sys
from sojourn import BaseJob
from sojourn.journals.sqlite import SQLiteJournal

class Crashing(BaseJob):
    def _submit(self):
        print(self.submission_token, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

Crashing.__module__ = "test_journal_handles"
Crashing("lab", "j-1", metadata={"note": "x"}, journal=SQLiteJournal(sys.argv[1])).submit()
"""


class Crashing(BaseJob[Any]):
    """The same class, in a process that lives."""

    def _submit(self) -> str:
        sent.append(self.submission_token)
        return "native-2"

    def _find(self) -> str | None:
        return found.get(self.submission_token)


sent: list[str] = []
found: dict[str, str] = {}


class TestAProcessThatIsKilledWhileItSubmits:
    @pytest.fixture
    def left(self, tmp_path: Path) -> Iterator[tuple[Any, str]]:
        sent.clear()
        found.clear()
        path = tmp_path / "jobs"
        done = subprocess.run(
            [sys.executable, "-c", CRASH, path], capture_output=True, text=True, check=False
        )
        assert done.returncode == -9, done.stderr
        with SQLiteJournal(path) as journal:
            jobs, orphans = recover(journal, {Crashing: "lab"})
            assert orphans == ()
            yield jobs[0], done.stdout.strip()
            assert journal.check() == ()

    def test_leaves_a_job_that_is_uncertain(self, left: tuple[Any, str]) -> None:
        job, token = left

        assert (job.state.name, job.metadata) == ("INITIALIZING", {"note": "x"})
        assert job.submission_token == token
        with pytest.raises(IllegalTransitionError, match="uncertain"):
            job.submit()
        assert sent == []

    def test_and_was_heard_leaves_a_job_that_is_found(self, left: tuple[Any, str]) -> None:
        job, token = left
        found[token] = "native-1"

        assert job.reconcile() is Outcome.ADVANCED

        assert (job.native_id, job.state, sent) == ("native-1", BaseJob.QUEUED, [])
        assert job.history[-1].origin == "recovery"

    def test_and_was_not_heard_leaves_a_job_that_is_sent_again(self, left: tuple[Any, str]) -> None:
        job, token = left

        assert job.reconcile() is Outcome.ADVANCED

        assert (job.native_id, job.state, sent) == ("native-2", BaseJob.QUEUED, [token])
