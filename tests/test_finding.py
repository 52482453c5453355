"""What reconciling finds out is recorded, kept and told, and settles a doubt for good."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from job_doubles import Backend, Pushed, Remote, Rows
from sojourn import (
    BaseJob,
    Entry,
    IllegalTransitionError,
    JobStatus,
    Observation,
    Outcome,
    State,
    Transition,
)
from sojourn.errors import BackendError, JobTimeoutError, SubmitUncertainError

LOST = TimeoutError("no answer")
INITIALIZING, QUEUED, RUNNING = JobStatus.INITIALIZING, JobStatus.QUEUED, JobStatus.RUNNING


def in_doubt(cls: type[Remote] = Remote, **answers: Any) -> tuple[Any, Rows, list[Entry]]:
    """Make a job whose submission got no answer; return what is kept and told of it as well."""
    job = cls(Backend(**{"submit": [LOST], **answers}), "j-1", journal=(rows := Rows()))
    heard: list[Entry] = []
    job.add_callback(lambda _, entry: heard.append(entry))
    with pytest.raises(SubmitUncertainError):
        job.submit()
    return job, rows, heard


def facts(rows: Rows) -> Any:
    kept = rows.read("j-1")
    assert kept is not None
    return kept.job.facts


def test_what_was_found_is_recorded_kept_and_told() -> None:
    job, rows, heard = in_doubt(find=["native-9"])

    assert job.reconcile() is Outcome.ADVANCED

    (entry,) = job.history
    assert (entry.trigger, entry.origin, entry.inferred) == ("submit", "recovery", False)
    assert entry.detail == "found as native-9"
    assert heard == [entry]
    assert (facts(rows)["claim"], facts(rows)["native_id"]) == ("sent", "native-9")
    assert not facts(rows)["doubt"]


def test_what_was_found_of_a_job_that_was_reported_is_kept() -> None:
    job, rows, _ = in_doubt(find=["native-9"])
    job.observe("RUNNING")

    assert job.reconcile() is Outcome.UNCHANGED

    assert (facts(rows)["claim"], facts(rows)["native_id"]) == ("sent", "native-9")


def test_that_a_job_was_reported_and_is_not_found_ends_the_doubt_in_the_journal_too() -> None:
    job, rows, _ = in_doubt(find=[None])
    job.observe("RUNNING")

    assert job.reconcile() is Outcome.UNCHANGED

    assert facts(rows)["claim"] == "sent"


def test_that_there_is_no_such_job_cancels_one_that_was_to_be_cancelled() -> None:
    job, rows, heard = in_doubt(find=[None])
    job.cancel()

    assert job.reconcile() is Outcome.ADVANCED

    assert [entry.dest for entry in heard] == ["CANCELLED"]
    assert facts(rows)["claim"] == "withdrawn"
    with pytest.raises(IllegalTransitionError, match="cancelled before the backend had it"):
        job.submit()


def test_that_there_is_no_such_job_cancels_nothing_that_was_found_meanwhile() -> None:
    def found_meanwhile(job: Any) -> None:
        job.reconcile()

    job, _, _ = in_doubt(find=[found_meanwhile, "native-9"], cancel=[None])
    job.cancel()

    assert job.reconcile() is Outcome.ADVANCED

    assert (job.state, job.native_id) == (BaseJob.QUEUED, "native-9")


def test_an_empty_name_is_no_answer() -> None:
    job, _, _ = in_doubt(find=[""])

    with pytest.raises(TypeError, match=r"_find\(\) of job 'j-1' answers a native id or None"):
        job.reconcile()

    assert job.history == ()


def test_conditions_choose_where_a_job_that_was_found_stands_and_cannot_deny_it() -> None:
    class Checked(Remote):
        WAITING = State(QUEUED)
        early, late = True, False
        accepted = Transition(
            INITIALIZING, WAITING, trigger="submit", conditions=lambda event: event.model.early
        ) | Transition(
            INITIALIZING, QUEUED, trigger="submit", conditions=lambda event: event.model.late
        )
        start = BaseJob.start | Transition(WAITING, RUNNING)

    chosen, _, _ = in_doubt(Checked, find=["native-9"])
    denied, _, _ = in_doubt(Checked, find=["native-9"])
    denied.early = False

    assert chosen.reconcile() is denied.reconcile() is Outcome.ADVANCED

    assert (chosen.state.name, denied.state.name) == ("WAITING", "QUEUED")


def test_a_job_stays_in_its_attempt_whoever_moves_it() -> None:
    class Renewed(Remote):
        renew = Transition(INITIALIZING, INITIALIZING, new_attempt=True)

    def renewed(**answers: Any) -> Any:
        job = Renewed(Backend(**answers), "j-1")
        job.renew()
        return job

    found = renewed(submit=[LOST], find=["native-9"])
    refused = renewed(submit=[ValueError("no")])
    accepted, cancelled, reported, failed, finished, told, again = (renewed() for _ in range(7))
    for job in (found, refused):
        with pytest.raises(Exception, match="no"):
            job.submit()
    found.reconcile()
    accepted.submit()
    cancelled.cancel()
    reported.observe("ERROR")
    failed.fail("text")
    finished.observe("RUNNING")
    finished.finish(result=42)
    for job in (told, again):  # the second takes what the first has worked out
        job.trigger("submit")
        job.observe("RUNNING")

    for job in (found, refused, accepted, cancelled, reported, failed, finished, told, again):
        assert job.attempt == 2
        assert {entry.attempt for entry in job.history} == {2}


def test_a_job_that_was_pushed_on_without_a_submission_is_looked_at() -> None:
    job = Remote(Backend(poll=["RUNNING"]), "j-1")
    job.trigger("submit")

    assert job.reconcile() is Outcome.ADVANCED
    assert job.state is BaseJob.RUNNING

    pushed = Pushed(None, "j-2")
    pushed.trigger("submit")
    assert pushed.reconcile() is Outcome.UNCHANGED


class Sent(BaseJob[Any]):
    """Its submission gets no answer."""

    def _submit(self) -> str:
        raise LOST


class Found(Sent):
    """It can be looked up, and not be polled."""

    def _find(self) -> str | None:
        return "n-1"


class Polled(Sent):
    """It can be polled, and not be looked up."""

    def _poll(self) -> Any:
        return None


@pytest.mark.parametrize("reported", [False, True], ids=["unknown", "reported"])
@pytest.mark.parametrize("cls", [Sent, Found, Polled])
def test_only_reports_of_a_job_that_can_just_be_told_let_others_wait_for_it(
    cls: type[Any], reported: bool
) -> None:
    job = cls(None, "j-1")
    with pytest.raises(SubmitUncertainError):
        job.submit()
    if reported:
        job.observe("RUNNING")

    kind = JobTimeoutError if cls is Sent and reported else SubmitUncertainError
    with pytest.raises(kind):
        job.wait_for_final_state(timeout=0)


def test_a_job_that_was_reported_before_its_answer_keeps_what_was_answered() -> None:
    def overtaken(job: Any) -> str:
        job.observe("RUNNING")
        return "n-1"

    job = Remote(Backend(submit=[overtaken]), "j-1", journal=(rows := Rows()))

    job.submit()

    assert (facts(rows)["claim"], facts(rows)["native_id"]) == ("sent", "n-1")


def test_what_goes_wrong_beside_a_submission_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def contradicted(job: Any) -> str:
        job.observe("RUNNING")
        raise ValueError("no credit")

    def cancelled(job: Any) -> str:
        job.cancel()
        return "n-1"

    for answers in (
        {"submit": [contradicted]},
        {"submit": [cancelled], "cancel": [False]},
        {"submit": [cancelled], "cancel": [OSError("no route")]},
    ):
        Remote(Backend(**answers), "j-1").submit()

    told = [record.getMessage().removeprefix("job 'j-1': ") for record in caplog.records]
    assert len(told) == 3
    assert told[0].startswith("the backend refused it (")
    assert told[1] == "the backend refused to cancel it"
    assert told[2].startswith("its cancel request failed: ")


class Surplus(BaseJob[Any]):
    """Says something that cannot be taken, and counts its submissions."""

    sent: list[str] = []  # shared by a job and its snapshot

    def _submit(self) -> str:
        self.sent.append(self.job_id())
        return "n-1"

    def _poll(self) -> Any:
        return Observation("RUNNING", at="noon")  # type: ignore[arg-type]


def test_an_answer_that_cannot_be_taken_is_the_backend_s_mistake() -> None:
    job = Surplus(None, "j-1")
    job.submit()

    with pytest.raises(BackendError, match=r"cannot take what its _poll\(\) says"):
        job.status()

    assert job.state is BaseJob.QUEUED


def test_a_snapshot_sends_nothing() -> None:
    snapshot = pickle.loads(pickle.dumps(Surplus(None, "j-2")))

    with pytest.raises(IllegalTransitionError, match="snapshot"):
        snapshot.submit()

    assert "j-2" not in Surplus.sent


def test_a_wait_that_was_in_vain_says_what_went_wrong_last() -> None:
    trouble = OSError("no route")
    job = Remote(Backend(poll=[trouble]), "j-1")
    job.submit()

    with pytest.raises(JobTimeoutError) as late:
        job.wait_for_final_state(timeout=0)

    assert isinstance(late.value.__cause__, BackendError)
    assert late.value.__cause__.__cause__ is trouble


def test_what_may_not_be_submitted_just_now_stays_in_doubt() -> None:
    class Guarded(Remote):
        accepted = Transition(INITIALIZING, QUEUED, trigger="submit", conditions="_may")
        open = True

        def _may(self, event: Any) -> bool:
            return self.open

    job, rows, heard = in_doubt(Guarded, find=[None, None], submit=[LOST, "native-2"])
    job.open = False

    with pytest.raises(IllegalTransitionError, match="its conditions say no; nothing was sent"):
        job.reconcile()

    assert job.backend().asked == ["submit", "find"]
    assert (job.state, heard, facts(rows)["claim"]) == (BaseJob.INITIALIZING, [], "uncertain")
    job.open = True
    job.reconcile()
    assert (job.state, job.native_id) == (BaseJob.QUEUED, "native-2")


def test_each_right_to_submit_is_counted() -> None:
    job, rows, _ = in_doubt(submit=[LOST, "native-2"], find=[None])
    assert facts(rows)["claims"] == 1

    job.reconcile()

    assert facts(rows)["claims"] == 2
