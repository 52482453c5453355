"""A journal that version 1 of the format wrote is read for ever.

`python tests/test_journal_golden.py FOLDER` writes such a journal, and what is in it as JSON; the files in
``tests/golden`` were written so once, and are never written again.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from sojourn import BaseJob, JobStatus, State, Transition, recover
from sojourn.errors import JournalError
from sojourn.history import replay
from sojourn.journals.sqlite import SQLiteJournal

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(path.stem for path in GOLDEN.glob("*.json"))


class Golden(BaseJob[Any]):
    """A job class as it was when the journal was written."""

    PAUSED = State(JobStatus.RUNNING, "somebody has paused it")
    pause = Transition(JobStatus.RUNNING, PAUSED)
    finish = BaseJob.finish | Transition(PAUSED, JobStatus.DONE)
    requeue = Transition([JobStatus.RUNNING, PAUSED], JobStatus.QUEUED, new_attempt=True)

    def _submit(self) -> str:
        if self.job_id() == "doubt":
            raise TimeoutError("no answer")
        return f"native {self.job_id()}"

    def _cancel(self) -> None:
        return None


def write(folder: Path) -> None:
    with SQLiteJournal(folder / "journal-1.sqlite") as journal:

        def make(job_id: str, **metadata: Any) -> Golden:
            job = Golden("the lab", job_id, metadata=metadata, journal=journal)
            try:
                job.submit()
            except Exception:  # noqa: BLE001  # one is in doubt
                return job
            return job

        make("doubt")
        make("queued", note="ż☃", list=[1, None, 2.5])
        make("asked").cancel()
        job = make("'; DROP TABLE job; --")
        job.start()
        job.pause()
        job.requeue()
        job.observe("DONE", reason="all well")
        job.observe("ERROR")
        job.observe("ERROR")
        make("failed").fail(ValueError("out of milk"))
        job = make("small")
        job.start()
        job.finish({"answer": 42, "half": 0.5, "text": "ż"})
        job = make("large")
        job.start()
        job.finish(bytes(range(256)) * 10)
        (folder / "journal-1.json").write_text(json.dumps(told(journal), indent=1))


def told(journal: SQLiteJournal) -> Any:
    """Everything that a journal says, as JSON."""
    lives = {}
    for kept in reversed(journal.jobs()):
        result = journal.result(kept.job_id)
        story = journal.read(kept.job_id)
        assert story is not None
        lives[kept.job_id] = {
            "job": kept._asdict(),
            "entries": [entry._asdict() for entry in story.entries],
            "anomalies": [asdict(anomaly) for anomaly in story.anomalies],
            "result": result and [result.kind, result.data.hex()],
        }
    return json.loads(json.dumps(lives, default=str))


@pytest.fixture(params=VERSIONS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SQLiteJournal, Any]]:
    name = request.param
    shutil.copy(GOLDEN / f"{name}.sqlite", tmp_path)
    shutil.copytree(GOLDEN / f"{name}.sqlite-results", tmp_path / f"{name}.sqlite-results")
    (tmp_path / f"{name}.sqlite").chmod(0o600)
    (tmp_path / f"{name}.sqlite-results").chmod(0o700)
    with SQLiteJournal(tmp_path / f"{name}.sqlite") as journal:
        yield journal, json.loads((GOLDEN / f"{name}.json").read_text())


def test_there_is_one_of_every_version() -> None:
    assert VERSIONS == ["journal-1"]


def test_it_is_whole(golden: tuple[SQLiteJournal, Any]) -> None:
    assert golden[0].check() == ()


def test_it_says_what_it_said_then(golden: tuple[SQLiteJournal, Any]) -> None:
    journal, then = golden

    assert told(journal) == then


def test_its_lives_replay(golden: tuple[SQLiteJournal, Any]) -> None:
    journal, _ = golden

    for kept in journal.jobs():
        assert replay(Golden.lifecycle, journal.history(kept.job_id)).name == kept.state


def test_its_jobs_go_on(golden: tuple[SQLiteJournal, Any]) -> None:
    journal, _ = golden

    jobs, orphans = recover(journal, {_renamed(journal): "the lab"}, finals=True)

    assert orphans == ()
    assert len(jobs) == 7
    for job in jobs:
        if not job.state.is_final:
            assert job.fail("the end") is True
            assert journal.history(job.job_id()) == job.history
    results = {job.job_id(): job for job in jobs}
    assert results["small"].result() == {"answer": 42, "half": 0.5, "text": "ż"}
    assert results["large"].result() == bytes(range(256)) * 10
    assert journal.check() == ()


def _renamed(journal: SQLiteJournal) -> type[Golden]:
    """Return the class under the name that it had as a script."""
    (name,) = {kept.class_name for kept in journal.jobs()}

    class Old(Golden):
        __module__, __qualname__ = name.split(":")

    return Old


def test_a_job_of_another_class_is_refused(golden: tuple[SQLiteJournal, Any]) -> None:
    class Other(BaseJob[Any]):
        """Has never heard of a pause."""

    with pytest.raises(JournalError, match="belongs to another class"):
        Other.attach("the lab", "'; DROP TABLE job; --", journal=golden[0])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
