"""Both journals keep the contract, and are looked at past their own code."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sojourn.journals.memory import MemoryJournal
from sojourn.journals.sqlite import SQLiteJournal
from sojourn.testing import JournalConformance, StoredEntry, StoredJob


class TestMemoryJournal(JournalConformance):
    durable = False

    def make_journal(self, folder: Path) -> MemoryJournal:
        return MemoryJournal()

    def stored_entries(self, journal: MemoryJournal, job_id: str) -> list[StoredEntry]:
        shelf = journal._shelves.get(job_id)
        return [
            StoredEntry(e.number, e.trigger, e.source, e.dest, e.attempt, e.detail)
            for e in (shelf.entries if shelf else ())
        ]

    def stored_jobs(self, journal: MemoryJournal) -> list[StoredJob]:
        return [
            StoredJob(
                job.job_id,
                job.state,
                job.status,
                job.version,
                job.token,
                job.facts["claim"],
                job.facts["native_id"],
                job.facts["cancel_requested_at"] is not None,
            )
            for job in (shelf.job for shelf in journal._shelves.values())
        ]


class OnSQLite(JournalConformance):
    durability: Any

    def make_journal(self, folder: Path) -> SQLiteJournal:
        return SQLiteJournal(folder / "jobs.journal", self.durability)

    def ask(self, journal: SQLiteJournal, question: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(journal.path)) as connection:
            return connection.execute(question, values).fetchall()

    def stored_entries(self, journal: SQLiteJournal, job_id: str) -> list[StoredEntry]:
        rows = self.ask(
            journal,
            'SELECT t.version, "trigger", source, destination, t.attempt, detail '
            'FROM "transition" AS t JOIN job ON job.number = t.job WHERE id = ? ORDER BY t.version',
            job_id,
        )
        return [StoredEntry(*row) for row in rows]

    def stored_jobs(self, journal: SQLiteJournal) -> list[StoredJob]:
        rows = self.ask(
            journal,
            "SELECT id, state, status, version, token, claim, native_id, "
            "cancel_requested_at IS NOT NULL FROM job ORDER BY number",
        )
        return [StoredJob(*row[:-1], bool(row[-1])) for row in rows]


class TestSQLiteJournal(OnSQLite):
    durability = "full"


class TestSQLiteJournalOfNormalDurability(OnSQLite):
    durability = "normal"


def test_a_durability_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'full' or 'normal'"):
        SQLiteJournal(tmp_path / "a", "fast")  # type: ignore[arg-type]

    assert list(tmp_path.iterdir()) == []
