"""Scenarios about the hooks of the class itself: trouble that a client has is no news of the job."""

from __future__ import annotations

from sojourn.errors import BackendError, SubmitUncertainError
from sojourn.testing._stage import Stage, raised

__all__ = ["SCENARIOS"]


def its_own_poll_takes_no_trouble_for_news(stage: Stage) -> None:
    """A line that is down says nothing about the job."""
    for state in stage.live if "poll" in stage.subject.own_hooks else ():
        job = stage.at(state, own=True, poll=[ConnectionError("the line is down")])
        before = job.history
        stage.outcome("status() while the line is down", job.status)
        stage.expect_unchanged("backend-error-changes-nothing", before)


def its_own_cancel_takes_no_trouble_for_a_yes(stage: Stage) -> None:
    """Who could not be asked has not stopped the job, and has not taken the request."""
    for state in stage.live if "cancel" in stage.subject.own_hooks else ():
        job = stage.at(state, own=True, cancel=[ConnectionError("the line is down")])
        before = job.history
        answer = stage.outcome("cancel() while the line is down", job.cancel)
        stage.expect_unchanged("cancel-asks", before)
        stage.expect("cancel-answers", answer is not True, "False or a BackendError", answer)


def its_own_fetch_makes_no_result_of_trouble(stage: Stage) -> None:
    """A result that could not be fetched is an error, and not None."""
    if "fetch_result" in stage.subject.own_hooks:
        job = stage.at("DONE", own=True, fetch_result=[ConnectionError("the line is down")])
        answer = stage.outcome("result() while the line is down", job.result)
        stage.expect("result-is-kept", raised(answer, Exception), "a BackendError", answer)


def its_own_find_takes_no_trouble_for_a_no(stage: Stage) -> None:
    """Who could not be asked may have the job, and it is not sent a second time."""
    if not {"submit", "find"} <= stage.subject.own_hooks:
        return
    promise, doubt = "doubt-is-reconciled", SubmitUncertainError("no answer")
    job = stage.new(
        own=True, submit=[doubt], find=[ConnectionError("the line is down"), "native-1"]
    )
    stage.outcome("submit() and the backend does not answer", job.submit)
    if job.state.name != "INITIALIZING":
        return  # its own _submit() makes something of it, which another scenario sees
    sent = stage.desk.asked.count("submit")
    answer = stage.outcome("reconcile() while the line is down", job.reconcile)
    again = stage.desk.asked.count("submit") - sent
    stage.expect("one-submission", again == 0, "nothing is sent", f"it is sent {again} times")
    stage.expect(promise, raised(answer, BackendError), "a BackendError", answer)
    stage.expect_unchanged(promise, ())
    stage.outcome("reconcile() and the backend finds 'native-1'", job.reconcile)
    seen = job.native_id
    stage.expect(promise, job.history != (), "the step submit", f"{job.state.name}, {seen!r}")


SCENARIOS = (
    ("backend-error-changes-nothing", its_own_poll_takes_no_trouble_for_news),
    ("cancel-asks", its_own_cancel_takes_no_trouble_for_a_yes),
    ("doubt-is-reconciled", its_own_find_takes_no_trouble_for_a_no),
    ("result-is-kept", its_own_fetch_makes_no_result_of_trouble),
)
