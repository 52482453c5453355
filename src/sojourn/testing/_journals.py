"""The contract of a journal, as tests to inherit."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sojourn.errors import (
    IllegalTransitionError,
    JobSubmitError,
    JournalConflictError,
    JournalError,
    SubmitUncertainError,
)
from sojourn.history import Change, replay
from sojourn.testing._doubles import Background
from sojourn.testing._journal_answers import JournalAnswers
from sojourn.testing._journal_stage import NASTY, NOW, Plain, Sent, StoredJob, birth, born, step

__all__ = ["JournalConformance"]


class JournalConformance(JournalAnswers):
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
        born(journal, "j-1", "QUEUED")

        for version, state in ((0, "INITIALIZING"), (1, "RUNNING"), (2, "QUEUED")):
            entry = step(version + 1, state, "CANCELLED")
            with pytest.raises(JournalConflictError):
                journal.write(Change("j-1", version, state, entry=entry, status="CANCELLED"))

        assert self._stored(journal)[1:4] == ("QUEUED", "QUEUED", 1)
        assert len(self.stored_entries(journal, "j-1")) == 1

    def test_who_knows_an_older_claim_loses(self, journal: Any) -> None:
        """Let one of two take the right to submit."""
        born(journal, "j-1")
        claim = Change("j-1", 0, "INITIALIZING", facts={"claim": "sending", "claims": 1}, claims=0)
        journal.write(claim)

        with pytest.raises(JournalConflictError):
            journal.write(claim)

        assert self._stored(journal).claim == "sending"

    def test_a_job_is_born_once(self, journal: Any) -> None:
        """Refuse a birth of a job that is there, and a change of one that is not."""
        born(journal, "j-1", "QUEUED")

        with pytest.raises(JournalConflictError):
            journal.write(Change("j-1", 0, "INITIALIZING", birth=birth()))
        with pytest.raises(JournalConflictError):
            journal.write(Change("j-2", 0, "INITIALIZING", facts={"native_id": "n"}))

        assert [each.job_id for each in self.stored_jobs(journal)] == ["j-1"]

    @pytest.mark.parametrize("final", ["DONE", "ERROR", "CANCELLED"])
    def test_final_is_final(self, journal: Any, final: str) -> None:
        """Refuse to leave a final state, whoever asks."""
        born(journal, "j-1", "QUEUED", "RUNNING", final)

        for dest in ("RUNNING", "DONE", "ERROR"):
            with pytest.raises(JournalError):
                journal.write(Change("j-1", 3, final, entry=step(4, final, dest), status=dest))

        assert self._stored(journal)[1:4] == (final, final, 3)
        assert len(self.stored_entries(journal, "j-1")) == 3

    def test_one_of_many_threads_ends_a_job(self, journal: Any) -> None:
        """Let one of many that write at the same time win."""
        for number in range(10):
            job_id = f"j-{number}"
            born(journal, job_id, "QUEUED", "RUNNING")
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


def _end(journal: Any, job_id: str, start: threading.Barrier, final: str) -> bool:
    start.wait()
    entry = step(3, "RUNNING", final)
    try:
        journal.write(Change(job_id, 2, "RUNNING", entry=entry, status=final))
    except JournalConflictError:
        return False
    return True
