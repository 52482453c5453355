"""The contract of a journal, as tests to inherit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sojourn.errors import (
    IllegalTransitionError,
    JobSubmitError,
    JournalConflictError,
    JournalError,
    SubmitUncertainError,
)
from sojourn.history import Anomaly, Birth, Change, Entry, PackedResult, replay
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, Transition
from sojourn.testing._doubles import Background
from sojourn.testing._unskippable import keep_unskipped

__all__ = ["JournalConformance", "StoredEntry", "StoredJob"]


class StoredEntry(NamedTuple):
    """An entry as it stands in the store, read past the journal.

    Attributes:
        number: Its number.
        trigger: Name of its trigger.
        source: Name of the state that was left.
        dest: Name of the state that was entered.
        attempt: Its attempt.
        detail: What is said of it.
    """

    number: int
    trigger: str
    source: str
    dest: str
    attempt: int
    detail: str | None


class StoredJob(NamedTuple):
    """A job as it stands in the store, read past the journal.

    Attributes:
        job_id: Its id.
        state: Name of its state.
        status: Name of its status.
        version: How many entries it has.
        token: Its token.
        claim: How far its submission went.
        native_id: The backend's own id.
        cancel_requested: Whether somebody has asked to cancel it.
    """

    job_id: str
    state: str
    status: str
    version: int
    token: str
    claim: str
    native_id: str | None
    cancel_requested: bool


class Plain(BaseJob[Any]):
    """A job whose states are pushed, and that may be run again."""

    again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)


class Sent(BaseJob[Any]):
    """A job whose backend is a function."""

    def _submit(self) -> str | None:
        answer: str | None = self.backend()(self)
        return answer

    def _cancel(self) -> bool | None:
        return None


NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NASTY = ("'; DROP TABLE job; --", "../../etc/passwd", "<b>&amp;", "%s {} \\x00", "ż☃🙂")


def _step(number: int, source: str, dest: str) -> Entry:
    return Entry(number, NOW, "step", source, dest, 1, False, "trigger", None)


def _birth() -> Birth:
    return Birth("a:B", "c", "INITIALIZING", "token", "{}", "{}", NOW)


def _born(journal: Any, job_id: str, *states: str) -> None:
    """Write a job that has gone through states."""
    journal.write(Change(job_id, 0, "INITIALIZING", birth=_birth()))
    before = "INITIALIZING"
    for number, state in enumerate(states, 1):
        entry = _step(number, before, state)
        journal.write(Change(job_id, number - 1, before, entry=entry, status=state))
        before = state


class JournalConformance:
    """What every journal promises; derive a test class from it, and name yours.

    Write `make_journal`, and `stored_entries` and `stored_jobs`, which look into the store past the
    journal: with plain SQL, say. A journal that outlives its object sets ``durable``. The names
    of the tests are an API: a release adds some, and never renames one. None of them skips.

    Attributes:
        durable: Whether a journal that is opened again has what was written.

    Example:
        >>> from sojourn.testing import JournalConformance
        >>> class TestMine(JournalConformance):
        ...     def make_journal(self, folder): ...
        ...     def stored_entries(self, journal, job_id): ...
        ...     def stored_jobs(self, journal): ...
    """

    durable = True

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """See to it that none is skipped; pytest calls this before it runs them."""
        keep_unskipped(metafunc.config)

    def make_journal(self, folder: Path) -> Any:
        """Return a journal that keeps what it keeps in ``folder``; the same one if asked again."""
        raise NotImplementedError

    def stored_entries(self, journal: Any, job_id: str) -> list[StoredEntry]:
        """Return the entries of a job as they stand in the store, in the order of their numbers."""
        raise NotImplementedError

    def stored_jobs(self, journal: Any) -> list[StoredJob]:
        """Return the jobs as they stand in the store, in the order in which they were made."""
        raise NotImplementedError

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Any]:
        """Lend a new journal."""
        with self.make_journal(tmp_path) as journal:
            yield journal
            assert journal.check() == ()

    def _stored(self, journal: Any, job_id: str = "j-1") -> StoredJob:
        return next(each for each in self.stored_jobs(journal) if each.job_id == job_id)

    # What is kept of a job.

    def test_every_entry_is_stored_before_it_is_seen(self, journal: Any) -> None:
        """Store each entry before the job shows it or tells anybody of it."""
        job = Plain("shop", "j-1", journal=journal)
        told: list[int] = []
        job.add_callback(lambda job, entry: told.append(len(self.stored_entries(journal, "j-1"))))

        job.submit()
        job.start()
        job.again()
        job.observe("DONE")

        kept = self.stored_entries(journal, "j-1")
        assert [(each.number, each.dest, each.attempt) for each in kept] == [
            (1, "QUEUED", 1),
            (2, "RUNNING", 1),
            (3, "QUEUED", 2),
            (4, "RUNNING", 2),
            (5, "DONE", 2),
        ]
        assert told == [1, 2, 3, 5, 5]

    def test_the_store_tells_what_the_job_tells(self, journal: Any) -> None:
        """Keep every part of every entry."""
        job = Plain("shop", "j-1", journal=journal)
        job.observe("RUNNING", reason="\udcff half a character", at=NOW)
        job.fail(ValueError("ż\n☃"))

        assert journal.history("j-1") == job.history
        assert [tuple(each) for each in self.stored_entries(journal, "j-1")] == [
            (e.number, e.trigger, e.source, e.dest, e.attempt, e.detail) for e in job.history
        ]
        assert replay(Plain.lifecycle, journal.history("j-1")) is job.state

    @pytest.mark.parametrize("job_id", NASTY)
    def test_an_id_is_kept_verbatim(self, journal: Any, job_id: str) -> None:
        """Take an id for what it is, whatever it looks like."""
        job = Plain("shop", job_id, metadata={job_id: job_id}, journal=journal)

        job.submit()
        job.fail(job_id)

        assert [each.job_id for each in self.stored_jobs(journal)] == [job_id]
        assert journal.history(job_id) == job.history
        assert journal.jobs()[0].metadata == {job_id: job_id}

    def test_a_job_stands_where_its_last_entry_leads(self, journal: Any) -> None:
        """Keep state and status with the entry."""
        job = Plain("shop", "j-1", journal=journal)
        job.submit()
        job.start()

        stored = self._stored(journal)

        assert stored[1:4] == ("RUNNING", "RUNNING", 2)
        kept = journal.jobs()[0]
        assert (kept.job_id, kept.state, kept.version, kept.attempt) == ("j-1", "RUNNING", 2, 1)
        assert kept.created_at == job.created_at

    def test_nothing_is_written_of_a_job_that_did_nothing(self, journal: Any) -> None:
        """Leave a job alone that nothing has happened to."""
        job = Plain("shop", "j-1", journal=journal)

        with pytest.raises(IllegalTransitionError):
            job.finish()

        assert self.stored_jobs(journal) == []

    # Submissions.

    def test_claim_and_token_are_stored_before_submit_runs(self, journal: Any) -> None:
        """Write ahead what somebody has to know who takes the job up after a crash."""
        seen: list[StoredJob] = []

        def backend(job: Sent) -> str:
            seen.append(self._stored(journal))
            return "native-7"

        job = Sent(backend, "j-1", journal=journal)
        job.submit()

        assert [(each.claim, each.version) for each in seen] == [("sending", 0)]
        assert seen[0].token == job.submission_token
        stored = self._stored(journal)
        assert (stored.claim, stored.native_id, stored.version) == ("sent", "native-7", 1)

    def test_a_refusal_is_stored(self, journal: Any) -> None:
        """Keep why a backend has refused a job."""

        def backend(job: Sent) -> str:
            raise ValueError("no such program")

        job = Sent(backend, "j-1", journal=journal)
        with pytest.raises(JobSubmitError):
            job.submit()

        assert self._stored(journal).claim == "refused"
        assert [each.detail for each in self.stored_entries(journal, "j-1")] == [
            "ValueError: no such program"
        ]

    def test_a_doubt_is_stored(self, journal: Any) -> None:
        """Keep that nobody knows whether the backend has a job."""

        def backend(job: Sent) -> str:
            raise TimeoutError("no answer")

        job = Sent(backend, "j-1", journal=journal)
        with pytest.raises(SubmitUncertainError):
            job.submit()

        assert self._stored(journal).claim == "uncertain"
        assert self.stored_entries(journal, "j-1") == []

    def test_a_request_to_cancel_is_stored(self, journal: Any) -> None:
        """Keep that somebody has asked."""
        job = Sent(lambda job: "native-7", "j-1", journal=journal)
        job.submit()

        assert journal.cancel_requests() == ()
        assert job.cancel() is True

        assert self._stored(journal).cancel_requested
        assert journal.cancel_requests() == ("j-1",)
        job.observe("DONE")
        assert journal.cancel_requests() == ()

    def test_a_second_job_of_the_same_id_is_refused(self, journal: Any) -> None:
        """Send nothing for a job that the journal has already."""
        sent: list[str] = []
        Sent(lambda job: sent.append("first"), "j-1", journal=journal).submit()
        second = Sent(lambda job: sent.append("second"), "j-1", journal=journal)

        with pytest.raises(JournalError, match="already"):
            second.submit()

        assert sent == ["first"]
        assert second.history == ()

    # Several who write.

    def test_who_knows_an_older_version_loses(self, journal: Any) -> None:
        """Compare before setting, and change nothing for the loser."""
        _born(journal, "j-1", "QUEUED")

        for version, state in ((0, "INITIALIZING"), (1, "RUNNING"), (2, "QUEUED")):
            entry = _step(version + 1, state, "CANCELLED")
            with pytest.raises(JournalConflictError):
                journal.write(Change("j-1", version, state, entry=entry, status="CANCELLED"))

        assert self._stored(journal)[1:4] == ("QUEUED", "QUEUED", 1)
        assert len(self.stored_entries(journal, "j-1")) == 1

    def test_who_knows_an_older_claim_loses(self, journal: Any) -> None:
        """Let one of two take the right to submit."""
        _born(journal, "j-1")
        claim = Change("j-1", 0, "INITIALIZING", facts={"claim": "sending", "claims": 1}, claims=0)
        journal.write(claim)

        with pytest.raises(JournalConflictError):
            journal.write(claim)

        assert self._stored(journal).claim == "sending"

    def test_a_job_is_born_once(self, journal: Any) -> None:
        """Refuse a birth of a job that is there, and a change of one that is not."""
        _born(journal, "j-1", "QUEUED")

        with pytest.raises(JournalConflictError):
            journal.write(Change("j-1", 0, "INITIALIZING", birth=_birth()))
        with pytest.raises(JournalConflictError):
            journal.write(Change("j-2", 0, "INITIALIZING", facts={"native_id": "n"}))

        assert [each.job_id for each in self.stored_jobs(journal)] == ["j-1"]

    @pytest.mark.parametrize("final", ["DONE", "ERROR", "CANCELLED"])
    def test_final_is_final(self, journal: Any, final: str) -> None:
        """Refuse to leave a final state, whoever asks."""
        _born(journal, "j-1", "QUEUED", "RUNNING", final)

        for dest in ("RUNNING", "DONE", "ERROR"):
            with pytest.raises(JournalError):
                journal.write(Change("j-1", 3, final, entry=_step(4, final, dest), status=dest))

        assert self._stored(journal)[1:4] == (final, final, 3)
        assert len(self.stored_entries(journal, "j-1")) == 3

    def test_one_of_many_threads_ends_a_job(self, journal: Any) -> None:
        """Let one of many that write at the same time win."""
        for number in range(10):
            job_id = f"j-{number}"
            _born(journal, job_id, "QUEUED", "RUNNING")
            start = threading.Barrier(4)
            threads = [
                Background(_end, journal, job_id, start, final)
                for final in ("DONE", "ERROR", "CANCELLED", "DONE")
            ]
            assert sorted(thread.result() for thread in threads) == [False, False, False, True]
            assert len(self.stored_entries(journal, job_id)) == 3

    def test_many_threads_keep_many_jobs(self, journal: Any) -> None:
        """Lose nothing and mix nothing up."""

        def live(name: str) -> list[Plain]:
            jobs = [Plain("shop", f"{name}-{number}", journal=journal) for number in range(10)]
            for job in jobs:
                job.submit()
                job.start()
                job.finish()
            return jobs

        threads = [Background(live, f"t{number}") for number in range(8)]
        jobs = [job for thread in threads for job in thread.result()]

        assert len(self.stored_jobs(journal)) == len(jobs) == 80
        for job in jobs:
            assert journal.history(job.job_id()) == job.history

    # Anomalies, results.

    def test_a_contradiction_is_kept_and_counted(self, journal: Any) -> None:
        """Keep what contradicts once, and how often it came."""
        job = Plain("shop", "j-1", journal=journal)
        job.observe("DONE")

        job.observe("ERROR")
        job.observe("ERROR")
        job.observe("CANCELLED")

        assert journal.read("j-1").anomalies == job.anomalies
        assert [(each.raw, each.count) for each in job.anomalies] == [
            ("ERROR", 2),
            ("CANCELLED", 1),
        ]

    @pytest.mark.parametrize("size", [0, 3, 70_000])
    @pytest.mark.parametrize("kind", ["json", "bytes"])
    def test_a_result_is_kept(self, journal: Any, kind: Any, size: int) -> None:
        """Give a result back as it was, small or large."""
        _born(journal, "j-1", "QUEUED", "RUNNING")
        result = PackedResult(kind, b'"' + b"x" * size + b'"')

        entry = _step(3, "RUNNING", "DONE")
        journal.write(Change("j-1", 2, "RUNNING", entry=entry, status="DONE", result=result))

        assert journal.result("j-1") == result
        assert journal.jobs()[0].result_kind == kind

    def test_a_job_without_a_result_has_none(self, journal: Any) -> None:
        """Tell a result that is not there from an empty one."""
        _born(journal, "j-1", "QUEUED", "RUNNING", "DONE")

        assert journal.result("j-1") is None
        assert journal.jobs()[0].result_kind == ""

    # Questions.

    def test_jobs_are_found_by_what_they_are(self, journal: Any) -> None:
        """Answer by status, by backend and by time, the latest first."""
        for number, backend in enumerate(("shop", "shop", "lab")):
            job = Plain(backend, f"j-{number}", journal=journal)
            job.submit()
            if number != 1:
                job.start()

        def found(**question: Any) -> list[str]:
            return [kept.job_id for kept in journal.jobs(**question)]

        assert found() == ["j-2", "j-1", "j-0"]
        assert found(status="RUNNING") == ["j-2", "j-0"]
        assert found(status=[JobStatus.QUEUED, JobStatus.DONE]) == ["j-1"]
        assert found(status=JobStatus.DONE) == []
        assert found(backend="shop", status=JobStatus.RUNNING) == ["j-0"]
        assert found(limit=2) == ["j-2", "j-1"]
        assert found(limit=0) == []
        assert found(since=NOW) == ["j-2", "j-1", "j-0"]
        assert found(since=datetime.now(UTC) + timedelta(hours=1)) == []

    def test_a_question_that_makes_no_sense_is_refused(self, journal: Any) -> None:
        """Say so, instead of finding nothing, or too much."""
        Plain("shop", "j-1", journal=journal).submit()

        naive = datetime.now(UTC).replace(tzinfo=None)
        for question in ({"status": "queued"}, {"limit": -1}, {"since": naive}):
            with pytest.raises(ValueError, match=next(iter(question))):
                journal.jobs(**question)

    def test_a_job_that_is_not_there_is_said_to_be_missing(self, journal: Any) -> None:
        """Say so, instead of answering nothing."""
        assert journal.read("nobody") is None
        assert journal.result("nobody") is None
        with pytest.raises(JournalError, match="nobody"):
            journal.history("nobody")

    def test_what_is_read_is_from_one_moment(self, journal: Any) -> None:
        """Never show a job without the entry that brought it where it is."""
        over = threading.Event()

        def write() -> None:
            job = Plain("shop", "j-1", journal=journal)
            job.submit()
            for _ in range(50):
                job.start()
                job.again()
            over.set()

        writing = Background(write)
        while not over.is_set():
            story = journal.read("j-1")
            if story is not None and story.entries:
                assert story.entries[-1].number == story.job.version
                assert story.entries[-1].dest == story.job.state
        writing.result()

    def test_opened_again_it_has_everything(self, tmp_path: Path) -> None:
        """Outlive the object."""
        with self.make_journal(tmp_path) as journal:
            job = Plain("shop", "j-1", metadata={"n": [1, None, "x"]}, journal=journal)
            job.submit()
            job.fail("broken")

        with self.make_journal(tmp_path) if self.durable else journal as again:
            assert again.history("j-1") == job.history
            assert again.jobs()[0].metadata == {"n": [1, None, "x"]}
            assert again.check() == ()

    def test_a_count_replaces_only_its_own_anomaly(self, journal: Any) -> None:
        """Keep two contradictions apart."""
        _born(journal, "j-1")
        one = Anomaly("a", "INITIALIZING", 1, "why", NOW, 1)
        other = Anomaly("b", "INITIALIZING", 1, "why", NOW, 1)
        for anomaly in (one, other, Anomaly("a", "INITIALIZING", 1, "why", NOW, 2)):
            journal.write(Change("j-1", None, "INITIALIZING", anomaly=anomaly))

        assert [(each.raw, each.count) for each in journal.read("j-1").anomalies] == [
            ("a", 2),
            ("b", 1),
        ]


def _end(journal: Any, job_id: str, start: threading.Barrier, final: str) -> bool:
    start.wait()
    entry = _step(3, "RUNNING", final)
    try:
        journal.write(Change(job_id, 2, "RUNNING", entry=entry, status=final))
    except JournalConflictError:
        return False
    return True
