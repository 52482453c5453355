"""Scenarios about asking: statuses, polls that fail, unknown words, cancelling, hooks without the lock."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Final

from sojourn.errors import BackendError, UnknownStatusError
from sojourn.lifecycle import JobStatus
from sojourn.testing._doubles import Background, WatchedLock
from sojourn.testing._stacks import place_of
from sojourn.testing._stage import Stage, raised

__all__ = ["SCENARIOS"]

#: How long another thread may take that has to wait for nobody, in seconds.
OWN_LOCK = 10.0
THE_LOCK: Final = "the other thread waits for the lock"
ITS_OWN_LOCK: Final = "the other thread waits for a lock of the class's own"


def four_questions_agree(stage: Stage) -> None:
    """done(), running(), cancelled() and in_final_state() say what a poll brings."""
    for status in (JobStatus.QUEUED, JobStatus.RUNNING, *map(JobStatus, stage.finals)):
        if not stage.reachable(status.value):
            continue
        for question, wanted in (
            ("done", status is JobStatus.DONE),
            ("running", status is JobStatus.RUNNING),
            ("cancelled", status is JobStatus.CANCELLED),
            ("in_final_state", status.is_final),
        ):
            job = stage.new(poll=[status])
            stage.do("submit()", job.submit)
            text = f"{question}() and the backend says {status}"
            answer = stage.outcome(text, getattr(job, question))
            stage.expect("status-agrees", answer is wanted, repr(wanted), answer)


def a_status_never_raises_because_the_job_failed(stage: Stage) -> None:
    """The status of a job that is over is an answer, asked of nobody."""
    for state in stage.finals:
        if not stage.reachable(state):
            continue
        job = stage.at(state)
        answer = stage.outcome("status()", job.status)
        stage.expect("status-never-raises", answer == state, f"{state}", answer)
        answer = stage.outcome("status() again", job.status)
        stage.expect("status-from-memory", stage.desk.asked == [], "no I/O", stage.desk.asked)
        for question in ("done", "running", "cancelled", "in_final_state"):
            stage.outcome(f"{question}()", getattr(job, question))
            stage.expect("status-from-memory", stage.desk.asked == [], "no I/O", stage.desk.asked)


def a_poll_that_fails_changes_nothing(stage: Stage) -> None:
    """Its error is the cause of a BackendError, and the next poll counts."""
    for state in stage.live:
        trouble = ConnectionError("the line is down")
        job = stage.at(state, poll=[trouble, RuntimeError("odd"), None])
        before = job.history
        for text in ("the line is down", "the backend raises RuntimeError"):
            answer = stage.outcome(f"status() while {text}", job.status)
            promise = "backend-error-changes-nothing"
            stage.expect(promise, raised(answer, BackendError), "a BackendError", answer)
            chained = isinstance(answer, BaseException) and answer.__cause__ is not None
            stage.expect(promise, chained, "the error of the hook as its cause", answer)
            stage.expect_unchanged(promise, before)
        answer = stage.outcome("status() and the backend has no news", job.status)
        stage.expect(
            "backend-error-changes-nothing", answer == job.state.status, "an answer", answer
        )


def an_unknown_word_is_refused(stage: Stage) -> None:
    """Observed, polled or waited for: it is an error, and nothing moves."""
    word = "no such word"
    if stage.subject.sketch.goals(word) is not None:
        return
    for state in stage.live:
        for text, ask in (
            (f"observe({word!r})", lambda job: job.observe(word)),
            (f"status() and the backend says {word!r}", lambda job: job.status()),
            (f"done() and the backend says {word!r}", lambda job: job.done()),
            (
                f"wait_for_final_state() and the backend says {word!r}",
                lambda job: job.wait_for_final_state(timeout=0),
            ),
            (f"result() and the backend says {word!r}", lambda job: job.result(timeout=0)),
        ):
            job = stage.at(state, poll=[word])
            before = job.history
            answer = stage.outcome(text, lambda ask=ask, job=job: ask(job))  # type: ignore[misc]
            wanted = raised(answer, UnknownStatusError)
            stage.expect("unknown-is-refused", wanted, "an UnknownStatusError", answer)
            stage.expect_unchanged("unknown-is-refused", before)


def an_answer_from_before_a_change_is_stale(stage: Stage) -> None:
    """A poll that was asked before a transition does not undo it, and moves nothing."""
    if not {"QUEUED", "RUNNING"} <= set(stage.live):
        return
    job = stage.at("QUEUED", poll=[JobStatus.QUEUED])
    stage.desk.meanwhile = lambda: job.observe(job.lifecycle.state("RUNNING"))
    stage.do("status(), the backend says QUEUED, and meanwhile RUNNING is observed", job.status)
    stage.expect("stale-is-dropped", job.state.name == "RUNNING", "RUNNING", job.state.name)
    for state in stage.finals:
        if not stage.reachable(state):
            continue
        job = stage.at("RUNNING", poll=[JobStatus.RUNNING])
        place = job.lifecycle.state(state)
        stage.desk.meanwhile = lambda job=job, place=place: job.observe(place)
        text = f"status(), the backend says RUNNING, and meanwhile {state} is observed"
        answer = stage.do(text, job.status)
        stage.expect("final-is-final", answer == job.state.name == state, state, answer)


def an_answer_about_the_attempt_before_is_stale(stage: Stage) -> None:
    """A poll that was asked before a new attempt began does not move the new one."""
    for step in stage.subject.sketch.steps:
        if not step.new_attempt or step.guarded or not stage.reachable(step.source):
            continue
        job = stage.at(step.source)
        if job.attempt != 1:
            continue
        there, here = (job.lifecycle.state(name) for name in (step.dest, step.source))
        stage.desk.script(poll=[here])
        stage.desk.meanwhile = lambda job=job, there=there: job.observe(there, attempt=2)
        text = f"status(), the backend says {here.name}, and meanwhile {there.name} is observed in attempt 2"
        stage.do(text, job.status)
        stands = f"{job.state.name} in attempt {job.attempt}"
        good = (job.state.name, job.attempt) == (there.name, 2)
        stage.expect("stale-is-dropped", good, f"{there.name} in attempt 2", stands)


def a_cancel_waits_for_its_confirmation(stage: Stage) -> None:
    """CANCELLED is reached when the backend says so; DONE may come first, and wins."""
    for state in stage.live:
        job = stage.at(state, cancel=[None])
        before = job.history
        answer = stage.do("cancel() and the backend says None", job.cancel)
        stage.expect("cancel-asks", job.history == before, "no step yet", job.state.name)
        stage.expect("cancel-answers", answer is True, "True: the request was taken", answer)
        told = job.cancel_requested
        stage.expect("cancel-asks", told is True, "cancel_requested is True", told)
        stage.do("observe(DONE)", lambda job=job: job.observe(job.lifecycle.state("DONE")))  # type: ignore[misc]
        stage.expect("cancel-asks", job.state.name == "DONE", "DONE wins", job.state.name)
        answer = stage.do("cancel()", job.cancel)
        stage.expect("cancel-answers", answer is False, "False for a job that is DONE", answer)
        job = stage.at(state, cancel=[False])
        before = job.history
        answer = stage.do("cancel() and the backend says False", job.cancel)
        stage.expect("cancel-answers", answer is False, "False: refused", answer)
        stage.expect("cancel-asks", job.history == before, "no step", job.state.name)
        job = stage.at(state, cancel=[ConnectionError("the line is down")])
        before = job.history
        answer = stage.outcome("cancel() while the line is down", job.cancel)
        promise = "backend-error-changes-nothing"
        stage.expect(promise, raised(answer, BackendError), "a BackendError", answer)
        stage.expect_unchanged(promise, before)


def a_hook_is_asked_without_the_lock(stage: Stage) -> None:
    """While the backend is asked, another thread may do anything with the job."""
    for verb, question, another in (
        ("submit", "submit", "status"),
        ("status", "poll", "cancel"),
        ("cancel", "cancel", "status"),
    ):
        job = stage.new() if verb == "submit" else stage.at("QUEUED")
        # One that does not return when it is made alone waits for nobody.
        stage.outcome(f"{another}()", getattr(job, another))
        job = stage.new() if verb == "submit" else stage.at("QUEUED")
        others: list[str] = []
        sign = threading.Event()
        job._sj_lock = WatchedLock(job._sj_lock, sign)

        def meanwhile(job=job, others=others, sign=sign, another=another) -> None:  # type: ignore[no-untyped-def]
            came: list[object] = []
            sign.clear()

            def other() -> None:
                came.append(job.add_callback(lambda *_: None))
                with suppress(Exception):  # what it comes to is found where it is made alone
                    getattr(job, another)()
                came.append(another)
                sign.set()

            thread = Background(other).thread
            gave = sign.wait(OWN_LOCK)  # it came through, or has to wait for the lock
            place = place_of(sys._current_frames().get(thread.ident or 0))
            waits = THE_LOCK if gave else f"{ITS_OWN_LOCK}, {place}"
            others.append("" if len(came) == 2 else waits)

        stage.desk.meanwhile = meanwhile
        text = f"{verb}(), and meanwhile another thread calls add_callback() and {another}()"
        stage.do(text, getattr(job, verb))
        if not others:
            continue  # the backend was not asked, which is another promise
        asked = f"the backend is asked to {question}, and the other thread goes on"
        # Whoever waits for a lock of the author's would do so in the kit's own thread, for ever.
        stage.ledger.stuck = others[0].startswith(ITS_OWN_LOCK)
        stage.expect("hooks-run-unlocked", others == [""], asked, others[0])


SCENARIOS = (
    # First, because the others could wait for ever if it fails.
    ("hooks-run-unlocked", a_hook_is_asked_without_the_lock),
    ("status-agrees", four_questions_agree),
    ("status-never-raises", a_status_never_raises_because_the_job_failed),
    ("backend-error-changes-nothing", a_poll_that_fails_changes_nothing),
    ("unknown-is-refused", an_unknown_word_is_refused),
    ("stale-is-dropped", an_answer_from_before_a_change_is_stale),
    ("stale-is-dropped", an_answer_about_the_attempt_before_is_stale),
    ("cancel-asks", a_cancel_waits_for_its_confirmation),
)
