"""A backend that cannot be trusted does each thing that it says."""

from __future__ import annotations

from typing import Any

import pytest

from job_oracle import FINALS
from sojourn import BaseJob, JobStatus
from sojourn.errors import (
    BackendError,
    JobSubmitError,
    SubmitUncertainError,
    UnknownStatusError,
)
from sojourn.testing import (
    Fault,
    FaultyBackend,
    ManualClock,
    ScriptedBackend,
    ScriptedJob,
)


def sent(backend: Any) -> ScriptedJob:
    job = ScriptedJob(backend, "j-1")
    job.submit()
    return job


def test_a_line_that_is_down_lets_nothing_arrive() -> None:
    backend = FaultyBackend(ScriptedBackend(poll=["RUNNING"]), {"poll": ["down"]})
    job = sent(backend)

    with pytest.raises(BackendError) as raised:
        job.status()

    assert isinstance(raised.value.__cause__, ConnectionError)
    assert (backend.asked, backend.reached) == (["submit", "poll"], ["submit"])
    assert job.running()


def test_an_answer_that_is_lost_was_given_all_the_same() -> None:
    backend = FaultyBackend(ScriptedBackend(submit=["n-7"], find=["n-7"]), ["lost"])
    job = ScriptedJob(backend, "j-1")

    with pytest.raises(SubmitUncertainError):
        job.submit()

    assert job.state.name == "INITIALIZING"
    job.reconcile()
    assert (job.state.name, job.native_id) == ("QUEUED", "n-7")
    assert backend.reached == ["submit", "find"]


def test_a_late_answer_tells_how_things_were() -> None:
    clock = ManualClock()
    backend = FaultyBackend(
        ScriptedBackend(poll=["QUEUED"]), {"poll": ["late"]}, clock=clock, delay=90
    )
    job = sent(backend)

    with clock:
        before = clock.now
        clock.after(30, lambda: job.observe("RUNNING"))
        status = job.status()

    assert clock.now == before + 90
    assert status is job.state.status is JobStatus.RUNNING


def test_a_repeated_answer_is_old_news() -> None:
    inner = ScriptedBackend(poll=["QUEUED", "RUNNING"])
    backend = FaultyBackend(inner, {"poll": [None, None, "repeated", None]})
    job = sent(backend)

    statuses = [str(job.status()) for _ in range(4)]

    assert statuses == ["QUEUED", "RUNNING", "RUNNING", "RUNNING"]
    assert inner.asked.count("poll") == 3
    assert backend.played == [("poll", Fault.REPEATED)]


def test_an_error_is_repeated_as_an_error() -> None:
    backend = FaultyBackend(ScriptedBackend(poll=["DONE"]), {"poll": ["down", "repeated"]})
    job = sent(backend)

    for _ in range(2):
        with pytest.raises(BackendError):
            job.status()

    assert job.done()


def test_answers_change_places_and_the_job_does_not_go_back() -> None:
    backend = FaultyBackend(ScriptedBackend(poll=["QUEUED", "RUNNING"]), {"poll": ["reordered"]})
    job = sent(backend)

    statuses = [str(job.status()) for _ in range(3)]

    answers = [answer for question, answer in backend.answers if question == "poll"]
    assert answers == [None, "RUNNING", "QUEUED"]
    assert statuses == ["QUEUED", "RUNNING", "RUNNING"]
    assert job.anomalies == ()


def test_a_contradiction_is_never_what_is_so() -> None:
    lies = {"poll": ["contradictory"] * 6}
    backend = FaultyBackend(ScriptedBackend(poll=["DONE"]), lies, lies=["DONE", "ERROR"])

    assert [backend.poll() for _ in range(7)] == ["ERROR"] * 6 + ["DONE"]


def test_the_first_final_state_wins_over_a_contradiction() -> None:
    backend = FaultyBackend(
        ScriptedBackend(poll=["DONE"]), {"poll": ["contradictory"]}, lies=FINALS
    )
    job = sent(backend)
    first = job.status()

    job.observe("DONE")

    assert first.is_final
    assert job.state.status is first
    assert [anomaly.count for anomaly in job.anomalies] == [1]


def test_an_unknown_word_is_an_error_and_changes_nothing() -> None:
    job = sent(FaultyBackend(ScriptedBackend(), {"poll": ["unknown"]}, unknown="Fertig"))

    with pytest.raises(UnknownStatusError, match="Fertig"):
        job.status()

    assert job.state.name == "QUEUED"


def test_a_submission_that_takes_but_says_no_is_believed_until_it_is_reported() -> None:
    backend = FaultyBackend(ScriptedBackend(), ["denied"])
    job = ScriptedJob(backend, "j-1")

    with pytest.raises(JobSubmitError, match="the backend says no"):
        job.submit()

    assert backend.reached == ["submit"]
    assert job.state.name == "ERROR"
    job.observe("RUNNING")
    job.observe("DONE")
    assert job.state.name == "ERROR"
    assert len(job.anomalies) == 1


def test_a_submission_that_says_no_and_is_reported_meanwhile_counts_as_taken() -> None:
    inner = ScriptedBackend()
    job = ScriptedJob(FaultyBackend(inner, ["denied"]), "j-1")
    inner.meanwhile = lambda: job.observe("RUNNING")

    job.submit()

    assert job.state.name == "RUNNING"


@pytest.mark.parametrize("answer", [True, None, False])
def test_a_cancel_that_loses_the_race_leaves_the_job_done(answer: bool | None) -> None:
    backend = FaultyBackend(ScriptedBackend(cancel=[answer]), {"cancel": ["overtaken"]})
    job = sent(backend)

    assert job.cancel() is False

    assert job.state.name == "DONE"
    assert job.anomalies == ()


def test_a_fault_that_fits_no_question_does_nothing() -> None:
    backend = FaultyBackend(ScriptedBackend(poll=["DONE"]), ["overtaken", "denied"])
    job = sent(backend)

    assert job.done()
    assert backend.played == []


def test_a_client_that_speaks_its_own_language_is_wrapped_too() -> None:
    class Client(ScriptedBackend):
        name = "shop"

        def enqueue(self, part: str) -> dict[str, Any]:
            return {"id": self.ask("submit")}

        def where(self, native_id: str) -> dict[str, Any]:
            return {"word": self.ask("poll")}

    class PartJob(BaseJob[Any]):
        def _submit(self) -> Any:
            return self.backend().enqueue("part")["id"]

        def _poll(self) -> Any:
            return self.backend().where(self.native_id)["word"]

    client = FaultyBackend(
        Client(poll=["RUNNING"]),
        [None, "lost", "unknown"],
        questions={"enqueue": "submit", "where": "poll"},
        unknown={"word": "?"},
    )
    job = PartJob(client, "p-1")
    job.submit()

    with pytest.raises(BackendError):
        job.status()
    with pytest.raises(UnknownStatusError):
        job.status()
    assert job.running()
    assert client.name == "shop"


def test_a_backend_has_only_the_faults_and_questions_that_there_are() -> None:
    with pytest.raises(ValueError, match="no fault 'tired'; the faults are down, lost"):
        FaultyBackend(ScriptedBackend(), ["tired"])
    with pytest.raises(ValueError, match=r"write \['lost'\]"):
        FaultyBackend(ScriptedBackend(), "lost")
    with pytest.raises(TypeError, match="not asked 'where'; the questions are submit"):
        FaultyBackend(ScriptedBackend(), {"where": ["lost"]})
    with pytest.raises(TypeError, match="not asked 'where'"):
        FaultyBackend(ScriptedBackend(), questions={"look": "where"})
    with pytest.raises(ValueError, match="two or more"):
        FaultyBackend(ScriptedBackend(), lies=["DONE"])
    with pytest.raises(AttributeError, match="no_such_method"):
        _ = FaultyBackend(ScriptedBackend()).no_such_method
