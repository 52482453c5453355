"""What the contract of a journal is played with: its jobs, what is written past them, and what the store says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sojourn.history import Birth, Change, Entry
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, Transition
from sojourn.testing._unskippable import keep_unskipped

__all__ = [
    "NASTY",
    "NOW",
    "JournalStage",
    "Plain",
    "Sent",
    "StoredEntry",
    "StoredJob",
    "birth",
    "born",
    "step",
]


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


def step(number: int, source: str, dest: str) -> Entry:
    return Entry(number, NOW, "step", source, dest, 1, False, "trigger", None)


def birth() -> Birth:
    return Birth("a:B", "c", "INITIALIZING", "token", "{}", "{}", NOW)


def born(journal: Any, job_id: str, *states: str) -> None:
    """Write a job that has gone through states."""
    journal.write(Change(job_id, 0, "INITIALIZING", birth=birth()))
    before = "INITIALIZING"
    for number, state in enumerate(states, 1):
        entry = step(number, before, state)
        journal.write(Change(job_id, number - 1, before, entry=entry, status=state))
        before = state


class JournalStage:
    """How a journal is made, and how its store is looked into past it."""

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
