"""Scenarios about asking one job again: what was answered once is not the answer for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sojourn.errors import JobTimeoutError, SubmitUncertainError
from sojourn.lifecycle import JobStatus
from sojourn.testing._awaiting import WAITS
from sojourn.testing._calls import HOOKS
from sojourn.testing._no_time import no_time_passes
from sojourn.testing._stage import Stage, raised

__all__ = ["OWN_SCENARIOS", "SCENARIOS"]

#: What each look answers about a status.
LOOKS: dict[str, Callable[[JobStatus], object]] = {
    "status": lambda status: status,
    "done": lambda status: status is JobStatus.DONE,
    "running": lambda status: status is JobStatus.RUNNING,
    "cancelled": lambda status: status is JobStatus.CANCELLED,
    "in_final_state": lambda status: status.is_final,
}


def every_look_has_the_news_of_its_moment(stage: Stage) -> None:
    """What the backend says next, and what is pushed, is what the next look answers."""
    for question in LOOKS:
        for final in stage.finals:
            job = stage.new()
            stage.do("submit()", job.submit)
            _look(stage, question)
            for status in _news(stage, final):
                stage.desk.script(poll=[status])
                _look(stage, question, status)
            job = stage.new(())
            stage.do("submit()", job.submit)
            _look(stage, question)
            for status in _news(stage, final):
                place = job.lifecycle.state(status.value)
                stage.do(f"observe({status})", lambda job=job, place=place: job.observe(place))  # type: ignore[misc]
                _look(stage, question)


def its_own_poll_has_the_news_of_its_moment(stage: Stage) -> None:
    """It asks each time, and does not tell once more what it heard before."""
    for final in stage.finals if "poll" in stage.subject.own_hooks else ():
        job = stage.new(own=True)
        stage.do("submit()", job.submit)
        _look(stage, "status")
        for status in _news(stage, final):
            stage.desk.script(poll=[status])
            _look(stage, "status", status)


def _news(stage: Stage, final: str) -> Iterator[JobStatus]:
    """Yield what may be said next of a job, as long as its lifecycle has a way there."""
    for status in (JobStatus.RUNNING, JobStatus(final)):
        if stage.subject.sketch.way(stage.job.state.name, {status.value}) is not None:
            yield status


def _look(stage: Stage, question: str, said: JobStatus | None = None) -> None:
    """Look once, and end the scenario with a finding unless the answer is that of the moment."""
    told = "" if said is None else f" and the backend says {said}"
    answer = stage.outcome(f"{question}(){told}", getattr(stage.job, question))
    wanted = LOOKS[question](stage.job.state.status if said is None else said)
    promise = "status-polls" if question == "status" else "status-agrees"
    stage.expect(promise, answer == wanted, f"{wanted}", answer)


def may_is_of_its_moment(stage: Stage) -> None:
    """What was possible a state ago is not what is possible now."""
    sketch, job = stage.subject.sketch, stage.new(())
    for text, move in (
        ("submit()", job.submit),
        ("observe(ERROR)", lambda: job.observe(job.lifecycle.state("ERROR"))),
        ("", lambda: None),
    ):
        state = job.state.name
        for trigger in sketch.triggers:
            branches = sketch.branches(state, trigger)
            if all(step.guarded for step in branches) and branches:
                continue  # whether it may is for the class to say
            may = stage.outcome(f"may({trigger!r})", lambda trigger=trigger: job.may(trigger))  # type: ignore[misc]
            stage.expect("may-tells", may is bool(branches), f"{bool(branches)} in {state}", may)
        stage.do(text, move)


def a_second_wait_waits(stage: Stage) -> None:
    """After one that ended at its deadline, until its own, or to the end of the job."""
    for name, wait in WAITS:
        job = stage.at(stage.live[0], poll=[None]) if stage.live else stage.new()
        for again in ("", " again"):
            with no_time_passes() as clock:
                began = clock.now
                text = f"{name}(timeout=3){again}"
                answer = stage.outcome(text, lambda wait=wait, job=job: wait(job, 3))  # type: ignore[misc]
                told = f"it lasted {clock.now - began:g} s"
            ended = raised(answer, JobTimeoutError)
            stage.expect("deadline-is-kept", ended, "a JobTimeoutError", answer)
            stage.expect("deadline-is-kept", told == "it lasted 3 s", "it lasts 3 s", told)
        stage.desk.script(poll=[JobStatus.CANCELLED])
        stage.outcome(
            f"{name}(timeout=60) and the backend says CANCELLED",
            lambda wait=wait, job=job: wait(job, 60),  # type: ignore[misc]
        )
        stage.expect("wait-wakes", job.state.name == "CANCELLED", "CANCELLED", job.state.name)


def doubt_may_come_twice(stage: Stage) -> None:
    """Each reconcile() asks again; what the backend has now is not sent a third time."""
    stage.new(HOOKS)
    _doubt_twice(stage)


def its_own_find_may_be_asked_twice(stage: Stage) -> None:
    """That there was no such job says nothing about the one that was sent since."""
    if {"submit", "find"} <= stage.subject.own_hooks:
        stage.new(own=True)
        _doubt_twice(stage)


def _doubt_twice(stage: Stage) -> None:
    job, lost = stage.job, SubmitUncertainError("no answer")
    stage.desk.script(submit=[lost], find=[None, "native-1"])
    stage.outcome("submit() and the backend does not answer", job.submit)
    if job.state.name != "INITIALIZING":
        return  # its own code makes something of it, which another scenario sees
    text = "reconcile() and the backend finds None and then does not answer"
    stage.outcome(text, job.reconcile)
    if job.state.name != "INITIALIZING":
        return
    sent = stage.desk.asked.count("submit")
    stage.outcome("reconcile() and the backend finds 'native-1'", job.reconcile)
    again = stage.desk.asked.count("submit") - sent
    stage.expect("one-submission", again == 0, "nothing is sent", f"it is sent {again} times")
    stage.expect("doubt-is-reconciled", job.history != (), "the step submit", job.state.name)


SCENARIOS = (
    ("status-polls", every_look_has_the_news_of_its_moment),
    ("may-tells", may_is_of_its_moment),
    ("deadline-is-kept", a_second_wait_waits),
    ("doubt-is-reconciled", doubt_may_come_twice),
)
#: Those about the hooks of the class itself.
OWN_SCENARIOS = (
    ("status-polls", its_own_poll_has_the_news_of_its_moment),
    ("doubt-is-reconciled", its_own_find_may_be_asked_twice),
)
