"""Jobs in asyncio: awaited and followed without blocking the loop, and not cancelled by accident."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from job_doubles import PATIENCE, Backend, Gate, Pushed, Remote, brought_to, manual_clock
from job_oracle import BASE_WAYS, FINALS
from sojourn import BaseJob, Entry, JobStatus, Transition
from sojourn.errors import (
    BackendError,
    JobCancelledError,
    JobError,
    JobFailedError,
    ReentrantTransitionError,
    UnknownStatusError,
)


def run(scenario: Callable[[], Awaitable[Any]]) -> Any:
    """Run a scenario in a loop of its own, and not for ever."""

    async def limited() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await scenario()

    return asyncio.run(limited())


def pushed(state: str = "QUEUED") -> Any:
    return brought_to(Pushed(None, "j-1"), BASE_WAYS, state)


async def settled() -> None:
    """Let everything run that can run in the loop now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def asked(gate: Gate) -> None:
    await asyncio.to_thread(gate.wait_until_asked)


class TestAwaiting:
    def test_gives_the_result_of_a_job_that_is_over(self) -> None:
        async def scenario() -> Any:
            job = pushed("RUNNING")
            job.finish(result=42)
            return await job, await job

        assert run(scenario) == (42, 42)

    @pytest.mark.parametrize("state", FINALS)
    def test_of_a_job_that_is_over_asks_in_no_thread(
        self, monkeypatch: pytest.MonkeyPatch, state: str
    ) -> None:
        def no_thread(*_: Any) -> None:
            raise AssertionError("a thread was asked")

        async def scenario() -> Any:
            return await job

        monkeypatch.setattr("sojourn._async._apart", no_thread)
        job = pushed("RUNNING")
        if state == "DONE":
            job.finish(result=42)
            assert run(scenario) == 42
        else:
            job.observe(state)
            with pytest.raises((JobFailedError, JobCancelledError)):
                run(scenario)

    @pytest.mark.parametrize("where", ["in the loop", "in a thread"])
    def test_gives_the_result_of_a_job_that_is_pushed(
        self, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        # What is pushed wakes whoever waits, and is not found by looking now and then.
        monkeypatch.setattr("sojourn._async.LONGEST_PAUSE", 10 * PATIENCE)

        async def scenario() -> Any:
            job = pushed("RUNNING")
            task = asyncio.ensure_future(job)
            await settled()
            assert not task.done()
            if where == "in the loop":
                job.finish(result=42)
            else:
                await asyncio.to_thread(job.finish, result=42)
            return await task

        assert run(scenario) == 42

    def test_polls_less_and_less_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pauses = list[float]()
        wait_for = asyncio.wait_for

        async def noted(bell: Any, pause: float) -> Any:
            pauses.append(pause)
            return await wait_for(bell, pause)

        async def scenario() -> Any:
            job = Remote(Backend(poll=[None, None, None, "DONE"]), "j-1")
            job.submit()
            return await job

        manual_clock(monkeypatch)
        monkeypatch.setattr("sojourn._async.asyncio.wait_for", noted)

        assert run(scenario) == "the result"
        assert pauses[0] == 0.0
        assert len(pauses) == 4
        assert pauses == sorted(set(pauses))

    def test_gives_the_result_of_a_job_that_has_to_be_polled_and_fetched(self) -> None:
        backend = Backend(poll=["QUEUED", "RUNNING", None, "DONE"], fetch_result=["the result"])

        async def scenario() -> Any:
            job = Remote(backend, "j-1")
            job.submit()
            return await job

        assert run(scenario) == "the result"
        assert backend.asked == ["submit", "poll", "poll", "poll", "poll", "fetch_result"]

    def test_raises_what_result_raises(self) -> None:
        async def scenario() -> None:
            failed, cancelled, missing = pushed("RUNNING"), pushed("CANCELLED"), pushed("DONE")
            failed.fail(ValueError("bad input"))
            for _ in range(2):
                with pytest.raises(JobFailedError) as caught:
                    await failed
                assert caught.value.__cause__ is failed.error()
                with pytest.raises(JobCancelledError):
                    await cancelled
                with pytest.raises(JobError):
                    await missing

        run(scenario)

    @pytest.mark.parametrize("end", ["fail", "cancel"])
    def test_raises_it_for_a_job_that_ends_later_too(self, end: str) -> None:
        async def scenario() -> None:
            job = pushed("RUNNING")
            task = asyncio.ensure_future(job)
            await settled()
            job.trigger(end)
            with pytest.raises(JobFailedError if end == "fail" else JobCancelledError):
                await task

        run(scenario)

    @pytest.mark.parametrize("cls", [Pushed, Remote])
    def test_a_job_that_nobody_submitted_is_an_error_at_once(self, cls: type[Any]) -> None:
        backend = Backend()

        async def scenario() -> None:
            with pytest.raises(JobError):
                await cls(backend, "j-1")

        run(scenario)
        assert backend.asked == []

    def test_waits_out_trouble_that_may_pass(self) -> None:
        trouble = ConnectionResetError("hung up")

        async def scenario() -> Any:
            job = Remote(Backend(poll=[trouble, trouble, "DONE"]), "j-1")
            job.submit()
            return await job

        assert run(scenario) == "the result"

    @pytest.mark.parametrize(
        ("answer", "error"),
        [("POLISHING", UnknownStatusError), (ValueError("not JSON"), BackendError)],
        ids=repr,
    )
    def test_ends_with_trouble_that_does_not(self, answer: Any, error: type[Exception]) -> None:
        async def scenario() -> None:
            job = Remote(Backend(poll=["RUNNING", answer]), "j-1")
            job.submit()
            with pytest.raises(error):
                await job
            assert job.state is BaseJob.RUNNING

        run(scenario)

    def test_may_be_done_by_many_tasks_at_once(self) -> None:
        backend = Backend(fetch_result=[lambda _: ["counts"]])

        async def scenario() -> Any:
            job = Remote(backend, "j-1")
            job.submit()
            tasks = [asyncio.ensure_future(job) for _ in range(20)]
            await settled()
            job.observe("DONE")
            return await asyncio.gather(*tasks)

        results = run(scenario)
        assert len(set(map(id, results))) == 1
        assert backend.asked.count("fetch_result") == 1

    def test_may_be_limited_by_asyncio(self) -> None:
        async def scenario() -> None:
            job = pushed()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await job
            assert job.state is BaseJob.QUEUED
            assert job.start() is True

        run(scenario)

    @pytest.mark.parametrize("whose", ["its own", "another"])
    def test_is_refused_inside_a_declared_callback(self, whose: str) -> None:
        other = pushed()

        class Careless(BaseJob[Any]):
            caught: Any = None
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_await")

            def _await(self, event: Any) -> None:
                try:
                    asyncio.run(limited(self if whose == "its own" else other))
                except ReentrantTransitionError as error:
                    self.caught = error

        async def limited(job: Any) -> None:
            async with asyncio.timeout(0.05):
                await job

        job = Careless(None, "c-1")
        job.submit()

        assert job.start() is True

        assert isinstance(job.caught, ReentrantTransitionError)
        assert job.state is BaseJob.RUNNING
        assert other.start() is True


class TestCancellingTheTask:
    @pytest.mark.parametrize("cls", [Pushed, Remote])
    def test_does_not_cancel_the_job(self, cls: type[Any]) -> None:
        backend = Backend()

        async def scenario() -> None:
            job = cls(backend, "j-1")
            job.submit()
            task = asyncio.ensure_future(job)
            await settled()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert job.cancel_requested is False
            assert job.state is BaseJob.QUEUED
            job.observe("DONE")
            assert job.done()

        run(scenario)
        assert "cancel" not in backend.asked

    def test_while_a_poll_is_under_way_leaves_a_job_that_can_be_asked_again(self) -> None:
        gate = Gate("RUNNING")
        backend = Backend(poll=[gate, "DONE"])

        async def scenario() -> Any:
            job = Remote(backend, "j-1")
            job.submit()
            task = asyncio.ensure_future(job)
            await asked(gate)
            task.cancel()
            gate.open()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await job

        assert run(scenario) == "the result"

    def test_of_one_leaves_the_others(self) -> None:
        async def scenario() -> Any:
            job = pushed("RUNNING")
            tasks = [asyncio.ensure_future(job) for _ in range(3)]
            await settled()
            tasks[0].cancel()
            await settled()
            job.finish(result=42)
            return await asyncio.gather(*tasks, return_exceptions=True)

        cancelled, *results = run(scenario)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert results == [42, 42]

    def test_leaves_nothing_behind_in_the_job(self, caplog: pytest.LogCaptureFixture) -> None:
        job, loops = pushed(), list[weakref.ref[Any]]()

        async def scenario() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            tasks = [asyncio.ensure_future(job) for _ in range(5)]
            await settled()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        run(scenario)
        gc.collect()

        assert [loop() for loop in loops] == [None]
        job.observe("DONE")
        assert caplog.records == []


class TestFollowing:
    def test_gives_what_happened_and_then_what_happens(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sojourn._async.LONGEST_PAUSE", 10 * PATIENCE)

        async def scenario() -> list[str]:
            job, seen = pushed("QUEUED"), list[str]()
            async for entry in job.changes():
                seen.append(entry.dest)
                if entry.dest == "QUEUED":
                    job.start()
                elif entry.dest == "RUNNING":
                    await asyncio.to_thread(job.finish)
            return seen

        assert run(scenario) == ["QUEUED", "RUNNING", "DONE"]

    def test_gives_a_step_when_it_happens_and_not_at_the_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sojourn._async.LONGEST_PAUSE", 10 * PATIENCE)

        async def scenario() -> str:
            job = pushed("QUEUED")
            steps = job.changes()
            await anext(steps)
            task = asyncio.ensure_future(anext(steps))
            await settled()
            job.start()
            return (await task).dest

        assert run(scenario) == "RUNNING"

    @pytest.mark.parametrize("state", FINALS)
    def test_gives_the_whole_story_of_a_job_that_is_over(self, state: str) -> None:
        async def scenario() -> Any:
            job = pushed(state)
            return [entry async for entry in job.changes()], job.history

        entries, history = run(scenario)
        assert tuple(entries) == history

    def test_gives_every_step_of_an_observation(self) -> None:
        async def scenario() -> Any:
            job = pushed("QUEUED")
            entries = list[Entry]()

            async def follow() -> None:
                entries.extend([entry async for entry in job.changes()])

            task = asyncio.ensure_future(follow())
            await settled()
            job.observe("DONE")
            await task
            return entries, job.history

        entries, history = run(scenario)
        assert tuple(entries) == history
        assert [entry.inferred for entry in entries] == [False, True, False]

    def test_of_a_job_that_nobody_submitted_begins_when_somebody_does(self) -> None:
        async def scenario() -> list[str]:
            job, seen = Remote(Backend(poll=["RUNNING", "DONE"]), "j-1"), list[str]()

            async def follow() -> None:
                seen.extend([entry.trigger async for entry in job.changes()])

            task = asyncio.ensure_future(follow())
            await settled()
            await asyncio.to_thread(job.submit)
            await task
            return seen

        assert run(scenario) == ["submit", "start", "finish"]

    def test_may_be_given_up(self, caplog: pytest.LogCaptureFixture) -> None:
        job, loops = pushed(), list[weakref.ref[Any]]()

        async def scenario() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            async for _ in job.changes():
                break

        run(scenario)
        gc.collect()

        assert [loop() for loop in loops] == [None]
        job.observe("DONE")
        assert caplog.records == []

    def test_by_many_gives_each_of_them_everything(self) -> None:
        class Looping(BaseJob[Any]):
            again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

        async def scenario() -> Any:
            job = brought_to(Looping(None, "l-1"), BASE_WAYS, "QUEUED")

            async def follow() -> tuple[Entry, ...]:
                return tuple([entry async for entry in job.changes()])

            tasks = [asyncio.ensure_future(follow()) for _ in range(10)]
            await settled()

            def push() -> None:
                for trigger in ("start", "again", "start", "again", "start", "finish"):
                    job.trigger(trigger)

            await asyncio.to_thread(push)
            return await asyncio.gather(*tasks), job.history

        stories, history = run(scenario)
        assert set(stories) == {history}
        assert [entry.number for entry in history] == [1, 2, 3, 4, 5, 6, 7]

    def test_ends_with_trouble_that_does_not_pass(self) -> None:
        async def scenario() -> None:
            job = Remote(Backend(poll=["RUNNING", "POLISHING"]), "j-1")
            job.submit()
            with pytest.raises(UnknownStatusError):
                async for _ in job.changes():
                    pass

        run(scenario)

    @pytest.mark.parametrize("place", ["before", "after"])
    def test_is_refused_inside_a_declared_callback(self, place: str) -> None:
        class Careless(BaseJob[Any]):
            caught: Any = None
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, **{place: "_follow"})

            def _follow(self, event: Any) -> None:
                try:
                    asyncio.run(first())
                except ReentrantTransitionError as error:
                    self.caught = error

        async def first() -> Entry:
            return await anext(job.changes())

        job = Careless(None, "c-1")
        job.submit()

        assert job.start() is True

        assert "'changes'" in str(job.caught)
        assert run(first).trigger == "submit"


class TestTheLoop:
    def test_is_not_blocked_by_a_slow_poll(self) -> None:
        gate = Gate("DONE")

        async def scenario() -> Any:
            job = Remote(Backend(poll=[gate]), "j-1")
            job.submit()
            task = asyncio.ensure_future(job)
            await asked(gate)
            # The loop is alive although the poll has not come back.
            await settled()
            assert not task.done()
            gate.open()
            return await task

        assert run(scenario) == "the result"

    def test_is_not_blocked_by_a_slow_fetch(self) -> None:
        gate = Gate("the result")

        async def scenario() -> Any:
            job = Remote(Backend(poll=["DONE"], fetch_result=[gate]), "j-1")
            job.submit()
            task = asyncio.ensure_future(job)
            await asked(gate)
            await settled()
            assert not task.done()
            gate.open()
            return await task

        assert run(scenario) == "the result"

    def test_is_not_where_the_backend_is_asked(self) -> None:
        backend = Backend(poll=["RUNNING", "DONE"])

        async def scenario() -> Any:
            job = Remote(backend, "j-1")
            job.submit()
            backend.askers.clear()
            await job
            return threading.current_thread()

        loop_thread = run(scenario)
        assert loop_thread not in backend.askers
        assert all(thread.name.startswith("sojourn-") for thread in backend.askers)

    def test_carries_many_awaited_jobs_without_a_thread_for_each(self) -> None:
        async def scenario() -> Any:
            jobs = [pushed("RUNNING") for _ in range(2000)]
            before = threading.active_count()
            tasks = [asyncio.ensure_future(job) for job in jobs]
            await settled()
            threads = threading.active_count() - before

            def push() -> None:
                for number, job in enumerate(jobs):
                    job.finish(result=number)

            await asyncio.to_thread(push)
            return threads, await asyncio.gather(*tasks)

        threads, results = run(scenario)
        assert threads <= 64
        assert results == list(range(2000))

    def test_carries_many_polled_jobs_without_a_thread_for_each(self) -> None:
        async def scenario() -> Any:
            jobs = [Remote(Backend(poll=[None, "DONE"]), f"j-{n}") for n in range(300)]
            for job in jobs:
                job.submit()
            before = threading.active_count()
            results = await asyncio.gather(*jobs)
            return threading.active_count() - before, results

        threads, results = run(scenario)
        assert threads <= 64
        assert results == ["the result"] * 300

    def test_goes_on_while_the_default_executor_is_full(self) -> None:
        # Somebody else's blocking calls must not keep an awaited job from being polled.
        gate = Gate()

        async def scenario() -> Any:
            job = Remote(Backend(poll=["RUNNING", "DONE"]), "j-1")
            job.submit()
            others = [asyncio.ensure_future(asyncio.to_thread(gate)) for _ in range(200)]
            await settled()
            try:
                return await job
            finally:
                gate.open()
                await asyncio.gather(*others)

        assert run(scenario) == "the result"

    def test_may_be_another_one_the_next_time(self) -> None:
        job = pushed("RUNNING")

        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(job, 0.01)

        async def wait() -> Any:
            task = asyncio.ensure_future(job)
            await settled()
            job.finish(result=42)
            return await task

        run(give_up)

        assert run(wait) == 42

    def test_of_two_threads_may_await_one_job(self) -> None:
        job, waiting = pushed("RUNNING"), threading.Semaphore(0)
        results: list[Any] = []

        async def wait() -> None:
            task = asyncio.ensure_future(job)
            await settled()
            waiting.release()
            results.append(await task)

        threads = [threading.Thread(target=run, args=(wait,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=PATIENCE)
        job.finish(result=42)
        for thread in threads:
            thread.join(PATIENCE)

        assert results == [42, 42]

    def test_is_imported_only_by_those_who_use_it(self) -> None:
        import subprocess
        import sys

        code = "import sys, sojourn; raise SystemExit('asyncio' in sys.modules)"

        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
