"""Scenarios about waiting and results, by a manual clock: nothing sleeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sojourn.errors import (
    BackendError,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobTimeoutError,
)
from sojourn.lifecycle import JobStatus
from sojourn.testing._calls import plain
from sojourn.testing._no_time import no_time_passes
from sojourn.testing._stage import Stage, raised

__all__ = ["SCENARIOS"]


WAITS: tuple[tuple[str, Callable[[Any, float | None], Any]], ...] = (
    ("wait_for_final_state", lambda job, timeout: job.wait_for_final_state(timeout=timeout)),
    ("result", lambda job, timeout: job.result(timeout=timeout)),
)


def a_wait_ends_at_its_deadline(stage: Stage) -> None:
    """Not before, not after; and the job is as it was."""
    for state in stage.live:
        for name, wait in WAITS:
            for timeout in (0, 0.5, 7, 100):
                job = stage.at(state, poll=[JobStatus(state)])
                before = job.history
                with no_time_passes() as clock:
                    began = clock.now
                    text = f"{name}(timeout={timeout}) and the backend says {state}"
                    answer = stage.outcome(text, lambda w=wait, j=job, t=timeout: w(j, t))  # type: ignore[misc]
                    lasted = clock.now - began
                promise = "deadline-is-kept"
                stage.expect(promise, raised(answer, JobTimeoutError), "a JobTimeoutError", answer)
                stage.expect(
                    promise,
                    abs(lasted - timeout) < 1e-6,
                    f"the wait lasts {timeout} s",
                    f"it lasted {lasted:g} s",
                )
                stage.expect(promise, "poll" in stage.desk.asked, "a look before the end", "none")
                stage.expect_unchanged(promise, before)


def a_wait_ends_when_the_job_does(stage: Stage) -> None:
    """A pushed final state wakes it at once, and a polled one at the next poll."""
    for state in stage.live:
        for final in stage.finals:
            job = stage.at(state, poll=[None])
            place = job.lifecycle.state(final)
            with no_time_passes() as clock:
                began = clock.now
                clock.after(3.21, lambda job=job, place=place: job.observe(place))  # type: ignore[misc]
                text = f"wait_for_final_state(timeout=60), and after 3.21 s {final} is observed"
                answer = stage.outcome(text, lambda job=job: job.wait_for_final_state(timeout=60))  # type: ignore[misc]
                lasted = clock.now - began
            stage.expect("wait-wakes", answer is None, "it returns", answer)
            stage.expect("wait-wakes", job.state.name == final, final, job.state.name)
            told = f"it lasted {lasted:g} s"
            stage.expect("wait-wakes", abs(lasted - 3.21) < 1e-6, "the wait lasts 3.21 s", told)


def a_wait_polls_again_and_again(stage: Stage) -> None:
    """At most `wait` seconds apart; what may pass is borne, and anything else ends it."""
    for state in stage.live:
        passing = ConnectionError("the line is down")
        news: list[Any] = [JobStatus(state)] * 30 + [passing] * 3 + [JobStatus.DONE]
        job = stage.at(state, poll=news)
        with no_time_passes() as clock:
            text = "wait_for_final_state(wait=2); of 34 polls three fail, and the last says DONE"
            answer = stage.outcome(text, lambda job=job: job.wait_for_final_state(wait=2))  # type: ignore[misc]
            longest = max((nap for nap in clock.naps if nap is not None), default=0.0)
        stage.expect("wait-polls", answer is None, "it returns", answer)
        stage.expect("wait-polls", job.state.name == "DONE", "DONE", job.state.name)
        told = f"a pause of {longest:g} s"
        stage.expect("wait-polls", longest <= 2 + 1e-6, "pauses of at most 2 s", told)
        odd = RuntimeError("odd")
        if isinstance(odd, stage.subject.cls.transient_errors):
            continue  # the class says that it may pass
        job = stage.at(state, poll=[odd, JobStatus.DONE])
        before = job.history
        with no_time_passes():
            text = "wait_for_final_state(timeout=9) and the backend raises RuntimeError"
            answer = stage.outcome(text, lambda job=job: job.wait_for_final_state(timeout=9))  # type: ignore[misc]
        stage.expect("wait-polls", raised(answer, BackendError), "a BackendError", answer)
        stage.expect_unchanged("backend-error-changes-nothing", before)


def a_wait_tells_its_callback(stage: Stage) -> None:
    """After each look, the last included; what it raises propagates."""
    for state in stage.live:
        told: list[Any] = []
        job = stage.at(state, poll=[JobStatus(state), JobStatus(state), JobStatus.DONE])
        with no_time_passes():
            text = f"wait_for_final_state(callback=…) and the backend says {state} twice, then DONE"
            answer = stage.outcome(
                text,
                lambda job=job, told=told: job.wait_for_final_state(  # type: ignore[misc]
                    callback=lambda *arguments: told.append(arguments)
                ),
            )
        stage.expect("wait-tells", answer is None, "it returns", answer)
        statuses = [str(plain(job, each[1])) for each in told if len(each) == 3]
        stage.expect("wait-tells", statuses[-1:] == ["DONE"], "told of DONE at the end", statuses)
        stage.expect("wait-tells", len(told) >= 3, "told after each of 3 looks", statuses)
        stage.expect("wait-tells", statuses.count("DONE") == 1, "told of DONE once", statuses)
        whole = all(each[0] == job.job_id() and each[2] is job for each in told)
        stage.expect("wait-tells", whole, "called with (job_id, status, job)", told)
    job = stage.at("QUEUED", poll=[JobStatus.QUEUED])
    trouble = ZeroDivisionError("of the callback")

    def fail(*_: object) -> None:
        raise trouble

    with no_time_passes():
        text = "wait_for_final_state(timeout=5, callback=…) and the callback raises"
        answer = stage.outcome(text, lambda: job.wait_for_final_state(timeout=5, callback=fail))
    stage.expect("wait-tells", answer is trouble, "its exception propagates", answer)


def nobody_waits_for_what_nobody_submitted(stage: Stage) -> None:
    """A JobError at once."""
    for name, wait in WAITS:
        job = stage.new()
        with no_time_passes() as clock:
            began = clock.now
            answer = stage.outcome(f"{name}(timeout=9)", lambda w=wait, j=job: w(j, 9))  # type: ignore[misc]
            lasted = clock.now - began
        at_once = raised(answer, JobError) and not raised(answer, JobTimeoutError) and lasted == 0
        told = answer if lasted == 0 else f"{answer!r} after {lasted:g} s"
        stage.expect("wait-needs-submission", at_once, "a JobError at once", told)
        stage.expect("status-from-memory", stage.desk.asked == [], "no I/O", stage.desk.asked)


def a_result_is_fetched_once_and_kept(stage: Stage) -> None:
    """The same every time; a fetch that fails may be tried again; None is a result."""
    own = _makes_something_of_results(stage)
    for given in ("the result", None, ["counts"]):
        job = stage.at("DONE", fetch_result=[given, LookupError("fetched again")])
        first = stage.outcome(f"result() and the backend gives {given!r}", job.result)
        stage.expect("result-is-kept", not raised(first, JobError), "a result", first)
        kept = first is given if not own else (first is not None or given is None)
        stage.expect("result-is-kept", kept, f"{given!r}", first)
        again = stage.outcome("result() again", job.result)
        same = again is first or again == first
        stage.expect("result-is-kept", same, f"{first!r}, as before", again)
        fetched = stage.desk.asked.count("fetch_result")
        stage.expect("result-is-kept", fetched == 1, "one fetch", f"{fetched} fetches")
    job = stage.at("DONE", fetch_result=[ConnectionError("down"), "the result"])
    answer = stage.outcome("result() while the line is down", job.result)
    stage.expect("result-is-kept", raised(answer, BackendError), "a BackendError", answer)
    stage.expect("result-is-kept", job.state.name == "DONE", "DONE", job.state.name)
    answer = stage.outcome("result() again", job.result)
    good = not raised(answer, Exception) and (own or answer == "the result")
    stage.expect("result-is-kept", good, "'the result'", answer)


def what_is_given_is_kept(stage: Stage) -> None:
    """finish(result) is what result() returns, None included; fail(error) is what error() returns."""
    own = _makes_something_of_results(stage)
    for step in stage.steps_to("DONE")[:3]:
        for given in ("given", None):
            job = stage.at(step.source, fetch_result=[LookupError("fetched")])
            taken = stage.outcome(
                f"trigger({step.trigger!r}, result={given!r})",
                lambda job=job, step=step, given=given: job.trigger(step.trigger, result=given),  # type: ignore[misc]
            )
            stage.expect("payload-is-kept", taken is True, "True", taken)
            answer = stage.outcome("result()", job.result)
            kept = answer is given or (own and (answer is not None or given is None))
            stage.expect("payload-is-kept", kept, repr(given), answer)
            asked = stage.desk.asked
            stage.expect("payload-is-kept", asked == [], "nothing is fetched", asked)
    for step in stage.steps_to("ERROR")[:3]:
        trouble = ValueError("no tool")
        job = stage.at(step.source)
        stage.outcome(
            f"trigger({step.trigger!r}, error=ValueError('no tool'))",
            lambda job=job, step=step: job.trigger(step.trigger, error=trouble),  # type: ignore[misc]
        )
        stage.expect("payload-is-kept", job.error() is trouble, repr(trouble), job.error())


def _makes_something_of_results(stage: Stage) -> bool:
    """Whether a result() of the author's returns another thing than what was fetched.

    One that gives other results back as they are has to do so with None, too.
    """
    classes = stage.subject.cls.__mro__[:-1]
    if "result" not in {name for cls in classes for name in vars(cls) if _authors(cls)}:
        return False
    given = object()
    return stage.at("DONE", fetch_result=[given]).result() is not given


def _authors(cls: type) -> bool:
    return not cls.__module__.startswith("sojourn.") or cls.__module__.startswith(
        "sojourn.backends"
    )


def a_result_raises_what_became_of_the_job(stage: Stage) -> None:
    """JobFailedError from its cause, JobCancelledError, every time."""
    trouble = ValueError("no tool")
    for state, kind in (("ERROR", JobFailedError), ("CANCELLED", JobCancelledError)):
        job = stage.at("QUEUED")
        stage.do(
            f"observe({state}, reason=ValueError('no tool'))",
            lambda job=job, state=state: job.observe(job.lifecycle.state(state), reason=trouble),  # type: ignore[misc]
        )
        for text in ("result()", "result() again"):
            answer = stage.outcome(text, job.result)
            stage.expect("result-raises", raised(answer, kind), f"a {kind.__name__}", answer)
            if state == "ERROR":
                cause = getattr(answer, "__cause__", None)
                stage.expect("result-raises", cause is trouble, f"from {trouble!r}", cause)
        stage.expect(
            "result-raises", stage.desk.asked == [], "nothing is fetched", stage.desk.asked
        )


SCENARIOS = (
    ("deadline-is-kept", a_wait_ends_at_its_deadline),
    ("wait-wakes", a_wait_ends_when_the_job_does),
    ("wait-polls", a_wait_polls_again_and_again),
    ("wait-tells", a_wait_tells_its_callback),
    ("wait-needs-submission", nobody_waits_for_what_nobody_submitted),
    ("result-is-kept", a_result_is_fetched_once_and_kept),
    ("payload-is-kept", what_is_given_is_kept),
    ("result-raises", a_result_raises_what_became_of_the_job),
)
