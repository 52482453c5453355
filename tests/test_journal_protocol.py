"""With a journal, an entry is kept before it is visible; where it cannot be kept, nothing happened."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job_doubles import (
    Backend,
    Background,
    Gate,
    Pushed,
    Remote,
    Rows,
    brought_to,
    meet,
    part,
)
from job_oracle import BASE_WAYS, SHOP_WAYS, assert_consistent
from machine_shop import MachineShopJob
from sojourn import BaseJob, Entry, IllegalTransitionError, JobStatus, Outcome, Transition
from sojourn.errors import JobSubmitError, JournalError
from sojourn.history import replay

FULL = JournalError("no space left on device")


class Order(BaseJob[Any]):
    """Writes down what happens in which order."""

    ready = True
    start = Transition(
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        conditions="_condition",
        before="_before",
        after="_after",
    )

    def __init__(self, rows: Rows) -> None:
        super().__init__(None, "o-1", journal=rows)
        self.notes: list[str] = []
        self.fault: Exception | None = None

    def _condition(self, event: Any) -> bool:
        self.notes.append("condition")
        return self.ready

    def _before(self, event: Any) -> None:
        self.notes.append("before")
        if self.fault:
            raise self.fault

    def _after(self, event: Any) -> None:
        self.notes.append("after")


#: Every way in which a job gets an entry, from QUEUED or before it.
CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "trigger": ("QUEUED", lambda job: job.start()),
    "trigger by name": ("QUEUED", lambda job: job.trigger("start")),
    "fail": ("QUEUED", lambda job: job.fail("text")),
    "step of submit": ("INITIALIZING", lambda job: job.trigger("submit")),
    "step of cancel": ("QUEUED", lambda job: job.trigger("cancel")),
    "observe one step": ("QUEUED", lambda job: job.observe("RUNNING")),
    "observe an error": ("QUEUED", lambda job: job.observe("ERROR", reason="text")),
    "submit": ("INITIALIZING", lambda job: job.submit()),
    "cancel before submission": ("INITIALIZING", lambda job: job.cancel()),
}


class TestWhatIsKept:
    @pytest.mark.parametrize("change", CHANGES)
    def test_every_change_is_one_row(self, change: str) -> None:
        state, deed = CHANGES[change]
        rows = Rows()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, state)

        deed(job)

        assert tuple(rows.kept) == job.history
        assert rows.ids == ["j-1"] * len(job.history)

    def test_every_step_of_an_observation_is_a_row(self) -> None:
        rows = Rows()
        job = part(journal=rows)

        job.observe("scrap")
        job.observe("ok")

        assert tuple(rows.kept) == job.history
        other = part(journal=(rows := Rows()))
        other.observe("ok", reason="all good")
        assert [entry.trigger for entry in rows.kept] == ["submit", "start", "inspect", "finish"]
        assert [entry.inferred for entry in rows.kept] == [True, True, True, False]
        assert tuple(rows.kept) == other.history

    def test_attempts_and_numbers_are_those_of_the_history(self) -> None:
        rows = Rows()
        job = brought_to(part(journal=rows), SHOP_WAYS, "RUNNING")

        job.requeue()
        job.observe("probing", attempt=3)

        assert tuple(rows.kept) == job.history
        assert [entry.number for entry in rows.kept] == list(range(1, len(rows.kept) + 1))
        assert rows.kept[-1].attempt == 3

    def test_a_refused_submission_is_a_row(self) -> None:
        rows = Rows()
        job = Remote(Backend(submit=[ValueError("no")]), "j-1", journal=rows)

        with pytest.raises(JobSubmitError):
            job.submit()

        assert [entry.dest for entry in rows.kept] == ["ERROR"]
        assert tuple(rows.kept) == job.history

    @pytest.mark.parametrize("state", SHOP_WAYS)
    def test_the_rows_lead_to_the_state(self, state: str) -> None:
        rows = Rows()
        job = brought_to(part(journal=rows), SHOP_WAYS, state)

        assert replay(MachineShopJob.lifecycle, rows.kept) == job.state

    def test_every_change_is_still_a_row_when_nobody_listens_any_more(self) -> None:
        rows = Rows()
        job = Pushed(None, "j-1", journal=rows)
        job.add_callback(lambda *_: None)()

        job.submit()

        assert [entry.trigger for entry in rows.kept] == ["submit"]

    @pytest.mark.parametrize("path", ["jobs.sqlite", Path("jobs.sqlite")], ids=["text", "path"])
    def test_a_path_is_no_journal(self, path: Any) -> None:
        with pytest.raises(TypeError, match=re.escape("SQLiteJournal('jobs.sqlite'), not a path")):
            Pushed(None, "j-1", journal=path)

    def test_nothing_is_kept_of_what_did_not_happen(self) -> None:
        rows = Rows()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, "QUEUED")

        with pytest.raises(IllegalTransitionError):
            job.finish()
        job.observe("QUEUED")
        job.observe("INITIALIZING")
        job.observe("RUNNING", attempt=2)
        job.cancel()

        assert len(rows.kept) == 1

    def test_two_jobs_may_share_one(self) -> None:
        rows = Rows()
        one, other = Pushed(None, "one", journal=rows), Pushed(None, "other", journal=rows)

        one.submit()
        other.submit()
        one.start()

        assert list(zip(rows.ids, [entry.number for entry in rows.kept], strict=True)) == [
            ("one", 1),
            ("other", 1),
            ("one", 2),
        ]


class TestWhenItIsKept:
    def test_after_the_callbacks_that_may_refuse_and_before_the_others(self) -> None:
        rows = Rows()
        job = Order(rows)
        job.submit()
        rows.witness = lambda entry: job.notes.append("kept")
        job.add_callback(lambda *_: job.notes.append("told"))

        job.start()

        assert job.notes == ["condition", "before", "kept", "after", "told"]

    @pytest.mark.parametrize("change", CHANGES)
    def test_before_anybody_sees_it(self, change: str) -> None:
        state, deed = CHANGES[change]
        rows, seen, told = Rows(), list[Any](), list[Entry]()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, state)
        before = job.history
        job.add_callback(lambda _, entry: told.append(entry))
        rows.witness = lambda entry: seen.append((job.state.name, job.history, list(told)))

        deed(job)

        assert seen == [(state, before, [])]
        assert len(told) == 1

    def test_before_anybody_who_waits_is_woken(self) -> None:
        gate, rows, looked = Gate(), Rows(), threading.Event()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, "RUNNING")
        waiting = Background(job.wait_for_final_state, callback=lambda *_: looked.set())
        assert looked.wait(10)
        rows.witness = gate
        finishing = Background(job.finish)
        gate.wait_until_asked()

        assert not waiting.over
        assert job.status() is JobStatus.RUNNING

        gate.open()
        assert finishing.result() is True
        assert waiting.result() is None

    def test_readers_do_not_wait_for_it(self) -> None:
        gate, rows = Gate(), Rows()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, "QUEUED")
        rows.witness = gate
        firing = Background(job.start)
        gate.wait_until_asked()

        assert (job.state, len(job.history), job.status()) == (BaseJob.QUEUED, 1, "QUEUED")

        gate.open()
        assert firing.result() is True

    def test_another_job_does_not_wait_for_it(self) -> None:
        gate, rows = Gate(), Rows()
        slow = brought_to(Pushed(None, "slow", journal=rows), BASE_WAYS, "QUEUED")
        fast = brought_to(Pushed(None, "fast", journal=Rows()), BASE_WAYS, "QUEUED")
        rows.witness = gate
        firing = Background(slow.start)
        gate.wait_until_asked()

        assert Background(fast.start).result() is True

        gate.open()
        assert firing.result() is True

    def test_not_if_a_callback_refuses(self) -> None:
        rows = Rows()
        job = Order(rows)
        job.submit()
        job.fault = ValueError("no")

        with pytest.raises(ValueError, match="no"):
            job.start()
        job.fault = None
        job.ready = False
        assert job.start() is False

        assert len(rows.kept) == 1
        job.ready = True
        assert job.start() is True
        assert [entry.number for entry in rows.kept] == [1, 2]


class TestAJournalThatCannotKeep:
    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize(
        "trouble",
        [FULL, OSError(28, "No space left on device"), KeyboardInterrupt()],
        ids=lambda trouble: type(trouble).__name__,
    )
    def test_changes_nothing_and_a_retry_works(self, change: str, trouble: BaseException) -> None:
        state, deed = CHANGES[change]
        rows, told = Rows(), list[Entry]()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, state)
        job.add_callback(lambda _, entry: told.append(entry))
        before = job.history
        rows.trouble = trouble

        with pytest.raises(type(trouble)) as failed:
            deed(job)

        assert failed.value is trouble
        assert (job.state.name, job.history, told) == (state, before, [])
        assert tuple(rows.kept) == before
        rows.trouble = None
        Background(deed, job).result()
        assert len(told) == 1
        assert tuple(rows.kept) == job.history == (*before, *told)
        assert_consistent(job)

    def test_runs_no_callback_of_after_the_change(self) -> None:
        rows = Rows()
        job = Order(rows)
        job.submit()
        rows.trouble = FULL

        with pytest.raises(JournalError):
            job.start()

        assert job.notes == ["condition", "before"]

    def test_in_the_middle_of_an_observation_leaves_the_steps_that_were_kept(self) -> None:
        rows, told = Rows(), list[str]()
        job = Pushed(None, "j-1", journal=rows)
        job.add_callback(lambda _, entry: told.append(entry.trigger))

        def fill_up(entry: Entry) -> None:
            if entry.number == 2:
                raise FULL

        rows.witness = fill_up

        with pytest.raises(JournalError):
            job.observe("DONE")

        assert job.state is BaseJob.QUEUED
        assert tuple(rows.kept) == job.history
        assert told == ["submit"]
        rows.witness = None
        assert job.observe("DONE") is Outcome.ADVANCED
        assert tuple(rows.kept) == job.history
        assert told == ["submit", "start", "finish"]
        assert_consistent(job)

    def test_at_a_refused_submission_leaves_a_job_that_can_still_fail(self) -> None:
        rows = Rows()
        backend = Backend(submit=[ValueError("no such program")])
        job = Remote(backend, "j-1", journal=rows)
        rows.trouble = FULL

        with pytest.raises((JournalError, JobSubmitError)):
            job.submit()

        assert job.history == ()
        with pytest.raises(IllegalTransitionError):
            job.submit()
        assert backend.asked == ["submit"]
        rows.trouble = None
        assert job.fail("no such program") is True
        assert tuple(rows.kept) == job.history

    def test_at_a_poll_leaves_news_for_the_next_one(self) -> None:
        rows = Rows()
        job = Remote(Backend(poll=["RUNNING"]), "j-1", journal=rows)
        job.submit()
        rows.trouble = FULL

        with pytest.raises(JournalError):
            job.status()

        assert job.state is BaseJob.QUEUED
        rows.trouble = None
        assert job.status() is JobStatus.RUNNING
        assert tuple(rows.kept) == job.history

    def test_at_a_poll_ends_a_wait_and_says_why(self) -> None:
        rows = Rows()
        job = Remote(Backend(poll=["RUNNING"]), "j-1", journal=rows)
        job.submit()
        rows.trouble = FULL

        with pytest.raises(JournalError):
            job.wait_for_final_state(timeout=10)

        assert job.state is BaseJob.QUEUED

    def test_is_not_taken_for_trouble_with_the_backend(self) -> None:
        # A journal's OSError is not one of the backend's, which would be waited out.
        rows = Rows()
        job = Remote(Backend(poll=["RUNNING"]), "j-1", journal=rows)
        job.submit()
        rows.trouble = OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            job.status()

        assert job.state is BaseJob.QUEUED


class TestManyThreads:
    @pytest.mark.parametrize("round_", range(10))
    def test_the_rows_are_in_the_one_order(self, round_: int) -> None:
        class Looping(BaseJob[Any]):
            again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

        rows = Rows()
        job = Looping(None, "l-1", journal=rows)
        job.submit()

        def push() -> None:
            for number in range(100):
                try:
                    job.trigger(("start", "again")[number % 2])
                except IllegalTransitionError:
                    continue

        meet(*[push] * 3)

        assert tuple(rows.kept) == job.history

    @pytest.mark.parametrize("round_", range(20))
    def test_one_final_row_is_written_whoever_wins(self, round_: int) -> None:
        rows = Rows()
        job = brought_to(Pushed(None, "j-1", journal=rows), BASE_WAYS, "RUNNING")

        meet(job.finish, job.fail, lambda: job.observe("CANCELLED"))

        assert tuple(rows.kept) == job.history
        assert len(rows.kept) == 3
