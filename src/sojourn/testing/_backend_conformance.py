"""The contract of a backend, as tests to inherit."""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sojourn.errors import (
    IllegalTransitionError,
    JobCancelledError,
    JobFailedError,
    JobTimeoutError,
    SojournError,
)
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus
from sojourn.testing._backend_stage import BackendStage, children, descriptors, fork
from sojourn.testing._requirements import (
    Requirements,
    needs_of,
    promise_of,
    promises,
)
from sojourn.testing._unskippable import is_skipped

__all__ = ["BackendConformance"]


class BackendConformance(BackendStage):
    """What every backend promises; derive a test class from it, and name yours.

    Say how a backend is made and how three jobs are run: each promise is then a test. The names of
    the tests are an API: a release adds some, and never renames one. What your backend lacks is
    said by its `requirements`; the tests of the core cannot be taken away, and none skips.

    Jobs are real ones. `hold` runs something that makes the file ``ready`` in a folder and goes on
    until there is the file ``go``; a backend that is a fake overrides `has_started` and `let_go`
    instead.

    Attributes:
        requirements: What the backend has beyond the core.
        patience: Seconds after which something that must happen will not happen any more.

    Example:
        >>> from sojourn.backends import CommandBackend
        >>> from sojourn.testing import BackendConformance
        >>> class TestCommands(BackendConformance):
        ...     def make_backend(self, slots):
        ...         return CommandBackend(slots)
        ...     def succeed(self, backend):
        ...         return backend.run(["true"])
        ...     def fail(self, backend):
        ...         return backend.run(["false"])
        ...     def hold(self, backend, folder):
        ...         script = "touch ready; until [ -e go ]; do sleep 0.01; done"
        ...         return backend.run(["sh", "-c", script], cwd=folder)
    """

    requirements: ClassVar[Requirements] = Requirements()

    def __init_subclass__(cls, **more: Any) -> None:
        """Take away the tests of what the backend lacks, and no others.

        Raises:
            TypeError: A test of the core is to be taken away or skipped.
        """
        super().__init_subclass__(**more)
        for name, test in vars(BackendConformance).items():
            if promise_of(test) is None:
                continue
            lacks = [need for need in needs_of(test) if not getattr(cls.requirements, need)]
            if not needs_of(test) and (name in vars(cls) or is_skipped(cls)):
                raise TypeError(
                    f"{cls.__name__} does without {name}, which every backend must pass; "
                    "let it run, or say with requirements what the backend lacks"
                )
            if lacks or name not in vars(cls):
                setattr(cls, name, None if lacks else test)

    # Every backend.

    @promises("success-is-done")
    def test_what_succeeds_is_done_and_keeps_its_result(self, backend: Any) -> None:
        job = self.succeed(backend)

        result = job.result(timeout=self.patience)

        assert job.result() is result
        assert (job.done(), job.error(), job.backend()) == (True, None, backend)

    @promises("failure-says-why")
    def test_what_fails_is_in_error_and_says_why(self, backend: Any) -> None:
        job = self.fail(backend)

        with pytest.raises(JobFailedError) as raised:
            job.result(timeout=self.patience)

        assert job.state.name == "ERROR"
        assert raised.value.__cause__ is job.error() is not None

    @promises("failure-harms-no-other")
    def test_one_that_fails_harms_no_other(self, backend: Any) -> None:
        jobs = [make(backend) for make in (self.succeed, self.fail, self.succeed)]

        for job in jobs:
            job.wait_for_final_state(timeout=self.patience)

        assert [job.state.name for job in jobs] == ["DONE", "ERROR", "DONE"]

    @promises("history-is-whole")
    def test_a_history_leads_from_its_submission_to_its_end(self, backend: Any) -> None:
        for make, end in ((self.succeed, "DONE"), (self.fail, "ERROR")):
            job = make(backend)
            job.wait_for_final_state(timeout=self.patience)

            assert job.history[0].trigger == "submit"
            assert job.history[-1].dest == job.state.name == end
            assert job.anomalies == ()

    @promises("one-submission")
    def test_a_second_submission_is_refused(self, backend: Any) -> None:
        job = self.succeed(backend)
        job.wait_for_final_state(timeout=self.patience)
        before = job.history

        with pytest.raises(IllegalTransitionError):
            job.submit()

        assert job.history == before

    @promises("over-is-over")
    def test_one_that_is_over_is_not_cancelled(self, backend: Any) -> None:
        job = self.succeed(backend)
        job.wait_for_final_state(timeout=self.patience)

        assert job.cancel() is False
        assert job.done()

    @promises("cancel-comes-to-an-end")
    def test_one_that_is_asked_to_stop_comes_to_an_end(self, backend: Any, tmp_path: Path) -> None:
        job = self.held(backend, tmp_path)

        taken = job.cancel()
        if not taken:
            with pytest.raises(JobTimeoutError):  # it was refused, so the job goes on
                job.wait_for_final_state(timeout=0.3)
        self.let_go(job, tmp_path)
        job.wait_for_final_state(timeout=self.patience)

        assert job.cancelled() or job.done()
        assert taken or job.done()
        assert job.anomalies == ()

    @promises("deadline-changes-nothing")
    def test_a_wait_that_ends_at_its_deadline_changes_nothing(
        self, backend: Any, tmp_path: Path
    ) -> None:
        job = self.held(backend, tmp_path)
        before = job.history

        with pytest.raises(JobTimeoutError):
            job.result(timeout=0.05)

        assert job.history == before
        self.let_go(job, tmp_path)
        job.wait_for_final_state(timeout=self.patience)
        assert job.done()

    @promises("ids-are-unique")
    def test_ids_are_unique_across_backends(self, backend: Any) -> None:
        other = self.make_backend(1)
        jobs = [self.succeed(each) for each in (backend, other) for _ in range(5)]
        for job in jobs:
            job.wait_for_final_state(timeout=self.patience)
        self.close(other)

        assert len({job.job_id() for job in jobs}) == 10

    @promises("snapshots-tell-the-same")
    def test_snapshots_tell_the_same(self, backend: Any) -> None:
        good, bad = self.succeed(backend), self.fail(backend)
        for job in (good, bad):
            job.wait_for_final_state(timeout=self.patience)
        result = good.result()

        copies = [pickle.loads(pickle.dumps(job)) for job in (good, bad)]  # noqa: S301  # its own

        assert [copy.history for copy in copies] == [good.history, bad.history]
        assert copies[0].result() == result

    @promises("it-can-be-awaited")
    def test_it_can_be_awaited(self, backend: Any) -> None:
        async def ask() -> Any:
            job = self.succeed(backend)
            return job, await job

        job, result = asyncio.run(ask())

        assert job.result() is result

    # Those that have more.

    @promises("stopped-is-cancelled", "stops")
    def test_one_that_runs_is_cancelled_when_it_has_stopped(self, tmp_path: Path) -> None:
        backend = self.make_backend(1)
        job = self.held(backend, tmp_path)

        assert job.cancel() is True

        with pytest.raises(JobCancelledError):
            job.result(timeout=self.patience)
        self.succeed(backend).wait_for_final_state(timeout=self.patience)
        assert job.anomalies == ()
        self.close(backend)

    @promises("steps-are-seen", "sees_every_step")
    def test_its_history_has_every_step_at_a_time_that_somebody_saw(self, backend: Any) -> None:
        job = self.succeed(backend)
        job.wait_for_final_state(timeout=self.patience)

        assert [entry.trigger for entry in job.history] == ["submit", "start", "finish"]
        assert [entry for entry in job.history if entry.inferred or entry.at is None] == []
        assert job.anomalies == ()

    @promises("slots-are-kept", "queues", "stops")
    def test_no_more_run_than_there_are_slots(self, backend: Any, tmp_path: Path) -> None:
        held = [self.held(backend, tmp_path / name) for name in "ab"]
        (tmp_path / "c").mkdir()
        third = self.hold(backend, tmp_path / "c")

        # Two that run for a while give a third every chance to start as well.
        with pytest.raises(JobTimeoutError):
            held[0].wait_for_final_state(timeout=0.1)
        assert third.status() is JobStatus.QUEUED
        assert not self.has_started(third, tmp_path / "c")
        held[0].cancel()

        self.until(lambda: self.has_started(third, tmp_path / "c"))
        third.cancel()

    @promises("slots-are-checked", "queues")
    @pytest.mark.parametrize("slots", [0, -1])
    def test_a_number_of_slots_below_one_is_refused(self, slots: int) -> None:
        with pytest.raises(ValueError, match=str(slots)):
            self.make_backend(slots)

    @promises("slots-are-checked", "queues")
    @pytest.mark.parametrize("slots", ["2", 2.0, True, None])
    def test_a_number_of_slots_that_is_none_is_refused(self, slots: Any) -> None:
        with pytest.raises(TypeError, match=str(slots)):
            self.make_backend(slots)

    @promises("waiting-never-starts", "queues", "closes")
    def test_one_that_waits_is_cancelled_at_once_and_never_starts(self, tmp_path: Path) -> None:
        with self.make_backend(1) as backend:
            first = self.held(backend, tmp_path / "first")
            (tmp_path / "second").mkdir()
            second = self.hold(backend, tmp_path / "second")

            assert second.cancel() is True

            assert second.state.name == "CANCELLED"
            self.let_go(first, tmp_path / "first")
            try:
                self.succeed(backend).result(timeout=self.patience)
            finally:  # if it has started all the same, it must not hold up the rest
                self.let_go(second, tmp_path / "second")
        assert first.done()
        assert [entry.trigger for entry in second.history] == ["submit", "cancel"]
        assert not self.has_started(second, tmp_path / "second")

    @promises("cancels-at-any-moment", "queues", "stops", "closes")
    def test_all_that_are_cancelled_at_random_moments_come_to_an_end(self, tmp_path: Path) -> None:
        dice = random.Random(7)  # noqa: S311  # chance, not secrets
        with self.make_backend(4) as backend:
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

    @promises("jobs-are-listed", "lists", "stops")
    def test_it_lists_the_jobs_that_are_not_over(self, backend: Any, tmp_path: Path) -> None:
        held = [self.held(backend, tmp_path / name) for name in "ab"]

        assert backend.jobs == tuple(held)

        held[0].cancel()
        held[0].wait_for_final_state(timeout=self.patience)
        assert backend.jobs == (held[1],)

    @promises("leaving-waits", "closes")
    def test_leaving_the_block_waits_for_all(self) -> None:
        with self.make_backend(1) as backend:
            jobs = [self.succeed(backend) for _ in range(5)]

        assert {job.state.name for job in jobs} == {"DONE"}

    @promises("leaving-by-an-exception-cancels", "closes", "stops")
    def test_leaving_the_block_by_an_exception_cancels_all(self, tmp_path: Path) -> None:
        jobs: list[BaseJob[Any]] = []

        def leave() -> None:
            with self.make_backend(1) as backend:
                jobs.append(self.held(backend, tmp_path / "first"))
                (tmp_path / "second").mkdir()
                jobs.append(self.hold(backend, tmp_path / "second"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            leave()

        assert [job.state.name for job in jobs] == ["CANCELLED"] * 2

    @promises("closing-waits-for-what-runs", "closes", "queues")
    def test_closing_cancels_what_waits_and_waits_for_what_runs(self, tmp_path: Path) -> None:
        backend = self.make_backend(1)
        first, second = self.held(backend, tmp_path), self.succeed(backend)
        closing = threading.Thread(target=backend.close, daemon=True)

        closing.start()
        second.wait_for_final_state(timeout=self.patience)
        self.let_go(first, tmp_path)
        closing.join(self.patience)

        assert not closing.is_alive(), "close() hangs"
        assert (first.state.name, second.state.name) == ("DONE", "CANCELLED")

    @promises("closed-is-closed", "closes")
    def test_a_closed_one_runs_no_more_and_can_be_closed_again(self) -> None:
        backend = self.make_backend(1)
        backend.close()

        backend.close(cancel=True)

        with pytest.raises(SojournError, match="closed"):
            self.succeed(backend)

    @promises("nothing-is-left", "closes", "stops")
    def test_nothing_is_left(self, tmp_path: Path) -> None:
        self.make_backend(1).close()  # what is imported or opened once stays
        before = set(threading.enumerate()), descriptors(), children()

        with self.make_backend(3) as backend:
            jobs = [self.succeed(backend) for _ in range(6)]
            jobs.append(self.held(backend, tmp_path))
            jobs[-1].cancel()

        assert {job.state.name for job in jobs[:-1]} == {"DONE"}
        assert (set(threading.enumerate()), descriptors(), children()) == before

    @promises("a-fork-is-foreign", "forks", "closes")
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    def test_a_forked_child_leaves_it_alone(self, backend: Any, tmp_path: Path) -> None:
        job = self.held(backend, tmp_path)

        child = fork()
        if child == 0:
            code = 1
            try:
                self.succeed(backend)
            except SojournError:
                backend.close(cancel=True)
                code = 0
            finally:
                os._exit(code)

        assert os.waitpid(child, 0)[1] == 0
        assert job.running()
