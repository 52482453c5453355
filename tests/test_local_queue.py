"""How a local backend takes jobs, also in the moments when something goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest

import local_work as work
from job_doubles import Rows
from process_watching import PATIENCE, until
from sojourn import BaseJob, JobStatus, Transition
from sojourn.backends import (
    CommandBackend,
    CommandJob,
    FunctionJob,
    ProcessBackend,
    ThreadBackend,
)
from sojourn.errors import (
    CannotRunError,
    JobFailedError,
    JobSubmitError,
    JournalError,
    SubmitUncertainError,
)


@pytest.fixture
def backend() -> Iterator[ThreadBackend]:
    with ThreadBackend(1) as made:
        yield made
        made.close(cancel=True)


class Interrupted(SimpleQueue[Any]):
    """A queue whose first `put` is interrupted, before it has done anything or after."""

    def __init__(self, *, after: bool) -> None:
        self.after = after
        self.calm = False

    def put(self, item: Any, *_: Any) -> None:
        if self.calm or self.after:
            super().put(item)
        if not self.calm:
            self.calm = True
            raise KeyboardInterrupt


def test_a_job_may_be_made_first_and_submitted_later(backend: ThreadBackend) -> None:
    rows = Rows()
    job = FunctionJob(
        backend, "mine", pow, (2, 5), {"mod": 10}, metadata={"who": "me"}, journal=rows
    )
    assert backend.jobs == ()

    job.submit()

    assert job.result(PATIENCE) == 2
    assert job.metadata == {"who": "me"}
    assert [entry.dest for entry in rows.kept] == ["QUEUED", "RUNNING", "DONE"]


def test_a_class_of_ones_own_may_run(backend: ThreadBackend) -> None:
    seen: list[str] = []

    class Noted(FunctionJob[int]):
        start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_note")

        def _note(self, event: Any) -> None:
            seen.append("noted")

    job = Noted(backend, "mine", int, ("7",))
    job.add_callback(lambda job, entry: seen.append(entry.dest))
    job.submit()

    assert job.result(PATIENCE) == 7
    until(lambda: seen == ["QUEUED", "noted", "RUNNING", "DONE"])


def test_one_whose_result_no_journal_can_keep_is_in_error_and_says_so(
    backend: ThreadBackend,
) -> None:
    job = FunctionJob(backend, "mine", work.make_lock, journal=Rows())
    job.submit()

    with pytest.raises(JobFailedError, match="cannot keep its result in a journal"):
        job.result(PATIENCE)

    assert isinstance(job.error(), JournalError)


class Forbidden:
    """A mixin whose callback does not let a job start."""

    start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, before="_forbid")

    def _forbid(self, event: Any) -> None:
        raise PermissionError("not today")


class ForbiddenCall(Forbidden, FunctionJob[Any]):
    """A call that must not start."""


class ForbiddenCommand(Forbidden, CommandJob):
    """A command that must not start."""


@pytest.mark.parametrize("make", [ThreadBackend, ProcessBackend, CommandBackend])
def test_one_that_its_own_class_does_not_let_start_is_in_error_and_nothing_of_it_runs_on(
    make: type[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make(1) as backend:
        if make is CommandBackend:
            command = ["sh", "-c", 'sleep 600; touch "$0"', tmp_path / "ran"]
            job: Any = ForbiddenCommand(backend, "mine", command)
        else:
            job = ForbiddenCall(backend, "mine", (tmp_path / "ran").touch)
        job.submit()
        job.wait_for_final_state(PATIENCE)

    assert job.state.name == "ERROR"
    assert isinstance(job.error(), PermissionError)
    assert "what becomes of it cannot be reported" in caplog.text
    assert not (tmp_path / "ran").exists()
    assert psutil.Process().children() == []


@pytest.mark.parametrize("journal", [None, Rows()])
def test_a_closed_backend_refuses_before_anything_is_kept(journal: Rows | None) -> None:
    backend = ThreadBackend(1, journal=journal)
    backend.close()

    with pytest.raises(CannotRunError, match="the thread backend is closed; make a new one"):
        backend.run(int)

    assert journal is None or journal.kept == []


def test_an_id_belongs_to_one_job_at_a_time(backend: ThreadBackend) -> None:
    first = FunctionJob(backend, "mine", work.look_until_asked_to_stop)
    second = FunctionJob(backend, "mine", int)
    first.submit()

    with pytest.raises(JobSubmitError, match="another job here has this id; choose one"):
        second.submit()

    assert second.state.name == "ERROR"
    first.cancel()
    first.wait_for_final_state(PATIENCE)
    until(lambda: backend._open == {})
    third = FunctionJob(backend, "mine", int)
    third.submit()
    assert third.result(PATIENCE) == 0


def test_a_machine_without_room_for_a_thread_is_told_and_nothing_is_kept(
    backend: ThreadBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", full)
        with pytest.raises(
            CannotRunError, match="no thread can be started: can't start new thread"
        ):
            backend.run(int)

    assert backend.jobs == ()
    assert backend.run(int).result(PATIENCE) == 0


def test_a_thread_fewer_than_there_are_slots_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadBackend(2) as backend:
        backend.run(int).result(PATIENCE)

        def full(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as crowded:
            crowded.setattr(threading.Thread, "start", full)
            jobs = [backend.run(int) for _ in range(3)]

        assert [job.result(PATIENCE) for job in jobs] == [0] * 3


@pytest.mark.parametrize("after", [False, True])
def test_a_submission_that_was_interrupted_can_be_reconciled_and_runs_once(
    backend: ThreadBackend, after: bool
) -> None:
    calls: list[int] = []
    backend._queue = Interrupted(after=after)
    job = FunctionJob(backend, "mine", calls.append, (7,))

    with pytest.raises(SubmitUncertainError):
        job.submit()
    job.reconcile()

    job.wait_for_final_state(PATIENCE)
    assert backend.run(int).result(PATIENCE) == 0
    assert (job.state.name, calls) == ("DONE", [7])
    backend._queue.put(None)


def test_one_that_was_queued_twice_does_not_take_the_place_of_another_of_its_name(
    backend: ThreadBackend,
) -> None:
    calls: list[int] = []
    backend._queue = Interrupted(after=True)
    first = FunctionJob(backend, "mine", calls.append, (1,))
    with pytest.raises(SubmitUncertainError):
        first.submit()
    blocker = backend.run(work.look_until_asked_to_stop)
    first.reconcile()
    until(lambda: blocker.running() and first.done())

    second = FunctionJob(backend, "mine", calls.append, (2,))
    second.submit()
    blocker.cancel()

    second.wait_for_final_state(PATIENCE)
    assert (second.state.name, calls) == ("DONE", [1, 2])
    backend._queue.put(None)


def test_one_whose_cancelling_was_interrupted_is_cancelled_when_its_turn_comes(
    backend: ThreadBackend,
) -> None:
    blocker = backend.run(work.look_until_asked_to_stop)
    job = backend.run(int)
    backend._withdraw(job.job_id())  # the interrupt came before the job was told

    blocker.cancel()

    job.wait_for_final_state(PATIENCE)
    assert job.state.name == "CANCELLED"


def test_one_that_was_interrupted_and_forgotten_ends_with_its_backend() -> None:
    with ThreadBackend(1) as backend:
        backend._queue = Interrupted(after=False)
        with pytest.raises(KeyboardInterrupt):
            backend.run(int)
        (job,) = backend.jobs

    assert job.state.name == "CANCELLED"


def test_a_function_may_run_others_and_close_its_own_backend() -> None:
    backend = ThreadBackend(2)
    inner: list[FunctionJob[Any]] = []

    def outer() -> str:
        inner.append(backend.run(work.give, 7))
        inner[0].result(PATIENCE)
        backend.close()
        return "closed"

    job = backend.run(outer)

    assert job.result(PATIENCE) == "closed"
    assert inner[0].result(PATIENCE) == 7
    backend.close()
    assert not any(thread.is_alive() for thread in backend._threads)


class Quick(FunctionJob[Any]):
    """A call that ends while it is still being asked to, and leaves its place to the next."""

    def _cancel(self) -> bool | None:
        self.metadata["end"].set()
        until(lambda: not self.backend()._waiting)
        return None


def test_what_waits_does_not_take_the_place_of_what_is_stopped() -> None:
    backend, end, calls = ThreadBackend(1), threading.Event(), []
    first = Quick(backend, "mine", end.wait, metadata={"end": end})
    first.submit()
    jobs = [backend.run(calls.append, 7) for _ in range(2)]
    until(first.running)

    backend.close(cancel=True)

    assert [job.state.name for job in jobs] == ["CANCELLED"] * 2
    assert calls == []


def test_what_listens_to_a_job_may_run_the_next(backend: ThreadBackend) -> None:
    following: list[FunctionJob[Any]] = []
    job = FunctionJob(backend, "mine", int)

    def listen(job: BaseJob[Any], entry: Any) -> None:
        if entry.dest == "DONE":
            following.append(backend.run(work.give, 7))

    job.add_callback(listen)
    job.submit()

    until(lambda: following)
    assert following[0].result(PATIENCE) == 7
