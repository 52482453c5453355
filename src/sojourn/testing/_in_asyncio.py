"""Scenarios about asyncio: jobs that are awaited and followed, by a manual clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from sojourn.errors import BackendError, JobError, UnknownStatusError
from sojourn.history import Entry
from sojourn.lifecycle import JobStatus
from sojourn.testing._calls import HOOKS
from sojourn.testing._looping import SIGN, Played, in_a_loop
from sojourn.testing._stage import Stage, raised

__all__ = ["SCENARIOS"]

Push = tuple[float, Callable[[], object]]


def an_awaited_job_gives_its_result(stage: Stage) -> None:
    """Over or not, pushed or polled: what result() gives or raises, every time."""
    for final in stage.finals:
        if not stage.reachable(final):
            continue
        stage.at(final, fetch_result=["the result", LookupError("fetched again")])
        _awaited(stage, "await job", "await job again")
        for state, hooks in _live(stage, final):
            stage.at(state, hooks)
            text = f"await job, and after 1 s {final} is observed"
            _awaited(stage, text, push=_push(stage, final))
    for step in stage.steps_to("DONE")[:1]:
        job = stage.at(step.source, ())
        text = f"await job, and after 1 s trigger({step.trigger!r}, result='given') is called"
        _awaited(stage, text, push=(1, lambda: job.trigger(step.trigger, result="given")))


def _awaited(stage: Stage, *texts: str, push: Push | None = None) -> None:
    """Await the job of a stage, again and again, and compare with its result()."""
    pushes = () if push is None else (push,)
    way = list(stage.path)
    answers = [in_a_loop(stage, text, _awaiting(stage), *pushes).answer for text in texts]
    wanted = stage.outcome("result()", stage.job.result)
    for number, answer in enumerate(answers, 1):
        stage.path = [*way, *texts[:number]]
        same = _alike(answer, wanted)
        stage.expect("await-is-result", same, f"what result() comes to, {wanted!r:.80}", answer)


def _awaiting(stage: Stage) -> Callable[[], Any]:
    job = stage.job

    async def awaiting() -> Any:
        return await job

    return awaiting


def _alike(one: object, other: object) -> bool:
    if isinstance(one, BaseException) and isinstance(other, BaseException):
        return type(one) is type(other) and type(one.__cause__) is type(other.__cause__)
    return one is other or bool(one == other)


def an_awaited_job_is_polled(stage: Stage) -> None:
    """Again and again; what may pass is borne, anything else raised; and it must be submitted."""
    promise = "await-is-result"
    for state in stage.live:
        news = [JobStatus(state)] * 3 + [ConnectionError("the line is down"), JobStatus.DONE]
        job = stage.at(state, poll=news)
        text = "await job; of five polls one fails, and the last says DONE"
        answer = in_a_loop(stage, text, _awaiting(stage)).answer
        stage.expect(promise, job.state.name == "DONE", "DONE", job.state.name)
        stage.expect(promise, _alike(answer, job.result()), "its result", answer)
        _raises_trouble(stage, state)
    stage.new()
    answer = in_a_loop(stage, "await job", _awaiting(stage)).answer
    stage.expect(promise, raised(answer, JobError), "a JobError at once", answer)
    stage.expect("status-from-memory", stage.desk.asked == [], "no I/O", stage.desk.asked)


def _raises_trouble(stage: Stage, state: str) -> None:
    """Await a job about which a poll brings what cannot be borne."""
    promise, odd, word = "await-is-result", RuntimeError("odd"), "no such word"
    troubles: list[tuple[Any, type[Exception]]] = []
    if not isinstance(odd, stage.subject.cls.transient_errors):
        troubles.append((odd, BackendError))
    if stage.subject.sketch.goals(word) is None:
        troubles.append((word, UnknownStatusError))
    for said, kind in troubles:
        job = stage.at(state, poll=[said])
        before, text = job.history, f"await job and a poll comes to {said!r}"
        answer = in_a_loop(stage, text, _awaiting(stage)).answer
        stage.expect(promise, raised(answer, kind), f"a {kind.__name__}", answer)
        stage.expect_unchanged(promise, before)


class _Left(NamedTuple):
    """What became of a job that one task no longer awaits, and another one does."""

    cancelled: bool
    stands: tuple[Any, ...]
    other: Any


def a_task_that_is_cancelled_cancels_no_job(stage: Stage) -> None:
    """The job goes on, and so does whoever else awaits it."""
    promise = "await-cancels-nothing"
    for state, hooks in _live(stage):
        job = stage.at(state, hooks)
        before = job.history

        async def scenario(job: Any = job) -> _Left:
            one, other = (asyncio.ensure_future(_once(job)) for _ in range(2))
            await asyncio.sleep(0.2)
            one.cancel()
            await asyncio.wait([one], timeout=60)
            stands = job.history, job.cancel_requested
            job.observe(job.lifecycle.state("DONE"))
            await asyncio.wait([other], timeout=60)
            return _Left(one.cancelled(), stands, _outcome(other))

        left = in_a_loop(
            stage, "two tasks await job, and one of them is cancelled", scenario
        ).answer
        if raised(left, BaseException):
            stage.expect(promise, False, "it is cancelled", left)
        asked = "cancel" not in stage.desk.asked
        stage.expect(promise, asked, "nobody asks the backend to stop it", "somebody did")
        stage.expect(
            promise, left.stands == (before, False), "a job that is as it was", left.stands
        )
        stage.expect(promise, left.cancelled, "a task that ends when it is cancelled", "goes on")
        wanted = stage.outcome("result()", job.result)
        del stage.path[-1]
        stage.expect(
            promise, _alike(left.other, wanted), f"{wanted!r:.80} for the other", left.other
        )


async def _once(job: Any) -> Any:
    return await job


def _outcome(task: asyncio.Task[Any]) -> Any:
    if not task.done():
        return "it waits for ever"
    return asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()


def changes_are_the_history(stage: Stage) -> None:
    """What happened, then what happens, each entry once and in order, to the final one."""
    for final in stage.finals:
        if not stage.reachable(final):
            continue
        stage.at(final, ())
        _followed(stage, "async for entry in job.changes()")
        job = stage.new(())
        places = [*stage.live, final]
        pushes = [
            (2.0 + number, lambda j=job, p=place: j.observe(j.lifecycle.state(p)))
            for number, place in enumerate(places)
        ]
        told = f"submit() and reports of {', '.join(places)} follow each other"
        _followed(stage, f"job.changes(), and meanwhile {told}", (1.0, job.submit), *pushes)
        for state, hooks in _live(stage, final):
            stage.at(state, hooks)
            text = f"job.changes(), and after 1 s {final} is observed"
            _followed(stage, text, _push(stage, final))
    for state in stage.live[:1]:
        stage.at(state, poll=[JobStatus(each) for each in (*stage.live, "DONE")])
        _followed(stage, "job.changes(), and polls bring everything up to DONE")
    if _began_again(stage):
        text = "job.changes() in attempt 2, and after 1 s DONE is observed"
        _followed(stage, text, _push(stage, "DONE"))


def _began_again(stage: Stage) -> bool:
    """Bring a job into its second attempt, if the class has any."""
    again = [s for s in stage.subject.sketch.steps if s.new_attempt and not s.guarded]
    for step in [each for each in again if stage.reachable(each.source)][:1]:
        job = stage.at(step.source, ())
        place = job.lifecycle.state(step.dest)
        stage.do(f"observe({step.dest}, attempt=2)", lambda: job.observe(place, attempt=2))
        return bool(job.attempt == 2)
    return False


def _followed(stage: Stage, text: str, *pushes: Push) -> None:
    """Follow the job of a stage with two tasks, and compare what they are told with its history."""
    job = stage.job

    async def follow() -> list[Entry]:
        return [entry async for entry in job.changes()]

    async def scenario() -> list[list[Entry]]:
        return list(await asyncio.gather(follow(), follow()))

    answer = in_a_loop(stage, text, scenario, *pushes).answer
    promise, history = "changes-are-the-history", list(job.history)
    if raised(answer, BaseException):
        stage.expect(promise, False, f"entries {_numbers(history)}", answer)
    for told in answer:
        same = told == history
        stage.expect(promise, same, f"entries {_numbers(history)}", f"entries {_numbers(told)}")


def _numbers(entries: list[Entry]) -> list[Any]:
    return [getattr(entry, "number", entry) for entry in entries]


def the_loop_goes_on(stage: Stage) -> None:
    """While a backend takes its time to answer, other tasks have their turn."""
    for state in stage.live:
        for question, deed in (
            ("poll", "await job"),
            ("fetch_result", "await job"),
            ("poll", "follow"),
        ):
            job = stage.at(state, poll=[JobStatus.DONE])
            loops: list[asyncio.AbstractEventLoop] = []
            turns: list[bool] = []

            def slowly(
                _: Any, loops: Any = loops, turns: Any = turns, question: str = question
            ) -> Any:
                turn = threading.Event()
                loops[0].call_soon_threadsafe(turn.set)
                turns.append(turn.wait(SIGN))
                return JobStatus.DONE if question == "poll" else "the result"

            async def scenario(job: Any = job, loops: Any = loops, deed: str = deed) -> None:
                loops.append(asyncio.get_running_loop())
                if deed == "await job":
                    await job
                else:
                    _ = [entry async for entry in job.changes()]

            stage.desk.script(**{question: [slowly]})
            text = f"{deed}, and the backend takes its time to answer a {question}"
            answer = in_a_loop(stage, text, scenario).answer
            wanted = "the event loop goes on meanwhile"
            stage.expect("loop-goes-on", all(turns), wanted, "it stands still until the answer")
            if raised(answer, AssertionError):
                return  # it never ends, which is another promise


def who_leaves_leaves_nothing(stage: Stage) -> None:
    """No task, no thread, and nobody whom the job would still tell."""
    for state, hooks in _live(stage):
        for text, leave in _WAYS_TO_LEAVE.items():
            job = stage.at(state, hooks)
            before = _listeners(job)

            async def scenario(job: Any = job, leave: Any = leave) -> tuple[int, int]:
                await leave(job)
                await asyncio.sleep(10)
                return len(asyncio.all_tasks()) - 1, _listeners(job)

            played = in_a_loop(stage, text, scenario)
            _expect_nothing(stage, played, before)


def _expect_nothing(stage: Stage, played: Played, before: int) -> None:
    promise = "followers-leave-nothing"
    if raised(played.answer, BaseException):
        stage.expect(promise, False, "it leaves", played.answer)
    tasks, listeners = played.answer
    stage.expect(promise, tasks == 0, "no task is left", f"{tasks} left")
    left = f"{listeners - before} left"
    stage.expect(promise, listeners == before, "no waiter and no callback is left in the job", left)
    stage.expect(promise, not played.left, "no thread is left", f"{played.left} left")


def _listeners(job: Any) -> int:
    """Return how many a job would tell of its next step."""
    watch = job._sj_watch
    return 0 if watch is None else sum(map(len, (watch.waiters, watch.enders, watch.registrations)))


async def _stop_following(job: Any) -> None:
    follower = job.changes()
    async for _ in follower:
        break
    if hasattr(follower, "aclose"):
        await follower.aclose()


async def _be_cancelled(job: Any) -> None:
    async def follow() -> None:
        async for _ in job.changes():
            pass

    for each in (follow(), _once(job)):
        task = asyncio.ensure_future(each)
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait([task], timeout=60)


_WAYS_TO_LEAVE = {
    "job.changes() is left after the first entry": _stop_following,
    "tasks that await and follow job are cancelled": _be_cancelled,
}


def _live(stage: Stage, final: str = "DONE") -> list[tuple[str, tuple[str, ...]]]:
    """Return where a job is alive that is pushed, and, on its way to DONE, one that is polled, too."""
    return [
        (state, hooks) for state in stage.live for hooks in ((), HOOKS)[: 1 + (final == "DONE")]
    ]


def _push(stage: Stage, name: str) -> Push:
    job = stage.job
    return 1.0, lambda: job.observe(job.lifecycle.state(name))


SCENARIOS = (
    ("loop-goes-on", the_loop_goes_on),
    ("await-is-result", an_awaited_job_gives_its_result),
    ("await-is-result", an_awaited_job_is_polled),
    ("await-cancels-nothing", a_task_that_is_cancelled_cancels_no_job),
    ("changes-are-the-history", changes_are_the_history),
    ("followers-leave-nothing", who_leaves_leaves_nothing),
)
