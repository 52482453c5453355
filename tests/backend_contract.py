"""What every local backend keeps, whatever it runs; a test class of a backend inherits it."""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sojourn import BaseJob, JobStatus
from sojourn.backends import StopRequested, current_job
from sojourn.errors import CannotRunError, JobCancelledError, JobFailedError

__all__ = ["PATIENCE", "BackendConformance", "hold", "until"]

#: Seconds after which something that must happen will not happen any more.
PATIENCE = 30.0


def until(condition: Callable[[], Any]) -> Any:
    """Look again and again, until there is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.005)
    return found


def hold(folder: Path) -> str:
    """Say that it runs, and run until it is let go or asked to stop."""
    (folder / "ready").touch()
    deadline = time.monotonic() + 2 * PATIENCE
    while not (folder / "go").exists() and time.monotonic() < deadline:
        if current_job().cancel_requested:
            raise StopRequested
        threading.Event().wait(0.005)
    return "let go"


def descriptors() -> set[str]:
    """Names of the open files of this process; empty where nobody says."""
    return {path.name for path in Path("/proc/self/fd").glob("*")}


def children() -> set[str]:
    """Ids of the processes that this one has started and not reaped; empty where nobody says."""
    files = Path("/proc/self/task").glob("*/children")
    return {pid for file in files if file.exists() for pid in file.read_text().split()}


class BackendConformance:
    """Inherit it, say how to make a backend and three jobs, and every promise is tested.

    None of the tests may be skipped.
    """

    def make(self, slots: int) -> Any:
        """Return a new backend with so many slots."""
        raise NotImplementedError

    def succeed(self, backend: Any) -> BaseJob[Any]:
        """Run something that succeeds soon."""
        raise NotImplementedError

    def fail(self, backend: Any) -> BaseJob[Any]:
        """Run something that fails soon."""
        raise NotImplementedError

    def hold(self, backend: Any, folder: Path) -> BaseJob[Any]:
        """Run something that makes the file ``ready``, and ends when there is the file ``go``.

        It must be possible to stop it.
        """
        raise NotImplementedError

    @pytest.fixture
    def backend(self) -> Iterator[Any]:
        made = self.make(2)
        yield made
        made.close(cancel=True)

    def held(self, backend: Any, folder: Path) -> BaseJob[Any]:
        """Run something that holds, and return when it runs."""
        folder.mkdir(exist_ok=True)
        job = self.hold(backend, folder)
        until((folder / "ready").exists)
        until(job.running)
        return job

    def test_what_succeeds_is_done_and_keeps_its_result(self, backend: Any) -> None:
        job = self.succeed(backend)

        result = job.result(timeout=PATIENCE)

        assert job.result() is result
        assert (job.done(), job.error(), job.backend()) == (True, None, backend)

    def test_what_fails_is_in_error_and_says_why(self, backend: Any) -> None:
        job = self.fail(backend)

        with pytest.raises(JobFailedError) as raised:
            job.result(timeout=PATIENCE)

        assert raised.value.__cause__ is job.error() is not None

    def test_its_history_has_every_step_at_a_time_that_somebody_saw(self, backend: Any) -> None:
        job = self.succeed(backend)
        job.wait_for_final_state(timeout=PATIENCE)

        assert [entry.trigger for entry in job.history] == ["submit", "start", "finish"]
        assert [entry for entry in job.history if entry.inferred or entry.at is None] == []
        assert job.anomalies == ()

    def test_one_that_waits_is_cancelled_at_once_and_never_starts(self, tmp_path: Path) -> None:
        with self.make(1) as backend:
            first = self.held(backend, tmp_path / "first")
            (tmp_path / "second").mkdir()
            second = self.hold(backend, tmp_path / "second")

            assert second.cancel() is True

            assert second.state.name == "CANCELLED"
            (tmp_path / "first" / "go").touch()
            self.succeed(backend).result(timeout=PATIENCE)
        assert first.done()
        assert [entry.trigger for entry in second.history] == ["submit", "cancel"]
        assert not (tmp_path / "second" / "ready").exists()

    def test_one_that_runs_is_cancelled_when_it_has_stopped(
        self, backend: Any, tmp_path: Path
    ) -> None:
        job = self.held(backend, tmp_path)

        assert job.cancel() is True

        with pytest.raises(JobCancelledError):
            job.result(timeout=PATIENCE)
        assert self.succeed(backend).result(timeout=PATIENCE) is not None
        assert job.anomalies == ()

    def test_one_that_is_over_is_not_cancelled(self, backend: Any) -> None:
        job = self.succeed(backend)
        job.wait_for_final_state(timeout=PATIENCE)

        assert job.cancel() is False
        assert job.done()

    def test_no_more_run_than_there_are_slots(self, backend: Any, tmp_path: Path) -> None:
        held = [self.held(backend, tmp_path / name) for name in "ab"]
        third = self.succeed(backend)

        assert third.status() is JobStatus.QUEUED
        assert backend.jobs == (*held, third)
        held[0].cancel()

        assert third.result(timeout=PATIENCE) is not None

    def test_leaving_the_block_waits_for_all(self) -> None:
        with self.make(1) as backend:
            jobs = [self.succeed(backend) for _ in range(5)]

        assert {job.state.name for job in jobs} == {"DONE"}
        assert backend.jobs == ()

    def test_leaving_the_block_by_an_exception_cancels_all(self, tmp_path: Path) -> None:
        jobs: list[BaseJob[Any]] = []

        def leave() -> None:
            with self.make(1) as backend:
                jobs.append(self.held(backend, tmp_path))
                jobs.append(self.succeed(backend))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            leave()

        assert [job.state.name for job in jobs] == ["CANCELLED"] * 2

    def test_closing_cancels_what_waits_and_waits_for_what_runs(self, tmp_path: Path) -> None:
        backend = self.make(1)
        first, second = self.held(backend, tmp_path), self.succeed(backend)
        closing = threading.Thread(target=backend.close)

        closing.start()
        second.wait_for_final_state(timeout=PATIENCE)
        (tmp_path / "go").touch()
        closing.join()

        assert (first.state.name, second.state.name) == ("DONE", "CANCELLED")

    def test_a_closed_one_runs_no_more_and_can_be_closed_again(self) -> None:
        backend = self.make(1)
        backend.close()

        backend.close(cancel=True)

        with pytest.raises(CannotRunError, match="closed"):
            self.succeed(backend)

    def test_nothing_is_left(self, tmp_path: Path) -> None:
        self.make(1).close()  # what is imported or opened once stays
        before = set(threading.enumerate()), descriptors(), children()

        with self.make(3) as backend:
            jobs = [self.succeed(backend) for _ in range(6)]
            jobs.append(self.held(backend, tmp_path))
            jobs[-1].cancel()

        assert {job.state.name for job in jobs[:-1]} == {"DONE"}
        assert (set(threading.enumerate()), descriptors(), children()) == before

    def test_ids_are_unique_across_backends(self, backend: Any) -> None:
        with self.make(1) as other:
            jobs = [self.succeed(each) for each in (backend, other) for _ in range(5)]

        assert len({job.job_id() for job in jobs}) == 10

    def test_snapshots_tell_the_same(self, backend: Any) -> None:
        good, bad = self.succeed(backend), self.fail(backend)
        for job in (good, bad):
            job.wait_for_final_state(timeout=PATIENCE)

        copies = [pickle.loads(pickle.dumps(job)) for job in (good, bad)]

        assert [copy.history for copy in copies] == [good.history, bad.history]
        assert copies[0].result() == good.result()

    def test_it_can_be_awaited(self, backend: Any) -> None:
        async def ask() -> Any:
            return await self.succeed(backend)

        assert asyncio.run(ask()) is not None

    def test_a_forked_child_leaves_it_alone(self, backend: Any, tmp_path: Path) -> None:
        job = self.held(backend, tmp_path)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                backend.close(cancel=True)
                self.succeed(backend)
            except CannotRunError:
                code = 0
            finally:
                os._exit(code)

        assert os.waitpid(child, 0)[1] == 0
        assert job.running()

    def test_all_that_are_cancelled_at_random_moments_come_to_an_end(self, tmp_path: Path) -> None:
        dice = random.Random(7)
        with self.make(4) as backend:
            jobs = []
            for _ in range(25):
                jobs.append(self.hold(backend, tmp_path))
                for job in dice.sample(jobs, dice.randrange(2)):
                    job.cancel()
            dice.shuffle(jobs)
            for job in jobs:
                threading.Event().wait(dice.random() / 100)
                job.cancel()

        assert [job.state.name for job in jobs] == ["CANCELLED"] * 25
        assert [job.anomalies for job in jobs if job.anomalies] == []

    @pytest.mark.parametrize(("slots", "error"), [(0, ValueError), (-1, ValueError)])
    def test_a_number_of_slots_below_one_is_refused(self, slots: int, error: Any) -> None:
        with pytest.raises(error, match=str(slots)):
            self.make(slots)

    @pytest.mark.parametrize("slots", ["2", 2.0, True, None])
    def test_a_number_of_slots_that_is_none_is_refused(self, slots: Any) -> None:
        with pytest.raises(TypeError, match=str(slots)):
            self.make(slots)
