"""The part of a journal's contract about what it answers: reports that contradict, results, and questions."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn.errors import JournalError
from sojourn.history import Anomaly, Change, PackedResult
from sojourn.lifecycle import JobStatus
from sojourn.testing._doubles import Background
from sojourn.testing._journal_stage import NOW, JournalStage, Plain, born, step

__all__ = ["JournalAnswers"]


class JournalAnswers(JournalStage):
    """What every journal answers."""

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
        born(journal, "j-1", "QUEUED", "RUNNING")
        result = PackedResult(kind, b'"' + b"x" * size + b'"')

        entry = step(3, "RUNNING", "DONE")
        journal.write(Change("j-1", 2, "RUNNING", entry=entry, status="DONE", result=result))

        assert journal.result("j-1") == result
        assert journal.jobs()[0].result_kind == kind

    def test_a_job_without_a_result_has_none(self, journal: Any) -> None:
        """Tell a result that is not there from an empty one."""
        born(journal, "j-1", "QUEUED", "RUNNING", "DONE")

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
        born(journal, "j-1")
        one = Anomaly("a", "INITIALIZING", 1, "why", NOW, 1)
        other = Anomaly("b", "INITIALIZING", 1, "why", NOW, 1)
        for anomaly in (one, other, Anomaly("a", "INITIALIZING", 1, "why", NOW, 2)):
            journal.write(Change("j-1", None, "INITIALIZING", anomaly=anomaly))

        assert [(each.raw, each.count) for each in journal.read("j-1").anomalies] == [
            ("a", 2),
            ("b", 1),
        ]
