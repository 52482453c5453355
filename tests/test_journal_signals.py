"""Ctrl-C at any moment of a write: the journal and the job say the same as soon as somebody asks."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from job_doubles import Backend, Pushed, Remote
from sojourn import IllegalTransitionError
from sojourn.errors import SubmitUncertainError
from sojourn.journals.sqlite import SQLiteJournal
from test_signals import ROUNDS, Storm, storm, taken

__all__ = ["storm"]


def agree(journal: SQLiteJournal, job: Any) -> None:
    """Check that a job that was interrupted can be brought to its end, and its journal tells the same."""
    if not job.state.is_final:
        with suppress(IllegalTransitionError):  # its end was kept, and the interrupt came then
            job.fail("the end")
    assert job.state.is_final
    assert job.history == journal.history(job.job_id())
    other = type(job).attach(job.backend(), job.job_id(), journal=journal)
    assert other.history == job.history


class TestCtrlC:
    def test_leaves_a_job_that_agrees_with_its_journal(self, storm: Storm, tmp_path: Path) -> None:
        made: deque[Any] = deque(maxlen=3)
        numbers = count()
        with SQLiteJournal(tmp_path / "jobs", "normal") as journal:

            def live() -> None:
                job = Pushed(None, f"j-{next(numbers)}", journal=journal)
                made.append(job)
                job.submit()
                job.start()
                job.finish()

            for _ in range(ROUNDS):
                storm.interrupt(live)
                for job in taken(made):
                    storm.elsewhere(lambda job=job: agree(journal, job))
            assert journal.check() == ()

    def test_leaves_a_submission_that_is_made_once(self, storm: Storm, tmp_path: Path) -> None:
        made: deque[Any] = deque(maxlen=3)
        numbers = count()
        with SQLiteJournal(tmp_path / "jobs", "normal") as journal:

            def live() -> None:
                job = Remote(Backend(), f"j-{next(numbers)}", journal=journal)
                made.append(job)
                job.submit()

            def check(job: Any) -> None:
                with suppress(IllegalTransitionError, SubmitUncertainError):
                    job.submit()
                assert job.backend().asked.count("submit") <= 1
                agree(journal, job)

            for _ in range(ROUNDS):
                storm.interrupt(live)
                for job in taken(made):
                    storm.elsewhere(lambda job=job: check(job))
            assert journal.check() == ()
