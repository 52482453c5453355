"""What somebody would write by hand: the same two statements, the same group commit, plain `sqlite3`.

It has no triggers, no checksums and no jobs: a caller gives a change, and sleeps until it is durable.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["PlainJournal"]

_SCHEMA = """
CREATE TABLE job (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    status TEXT NOT NULL, version INTEGER NOT NULL, attempt INTEGER NOT NULL, changed_at INTEGER NOT NULL);
CREATE TABLE "transition" (job INTEGER NOT NULL, version INTEGER NOT NULL, attempt INTEGER NOT NULL,
    "trigger" TEXT NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL, at INTEGER, origin TEXT NOT NULL,
    inferred INTEGER NOT NULL, detail TEXT, PRIMARY KEY (job, version)) WITHOUT ROWID;
CREATE INDEX job_open ON job (number) WHERE status NOT IN ('DONE', 'ERROR', 'CANCELLED');
"""
_SET = (
    "UPDATE job SET state = ?, status = ?, version = ?, attempt = 1, changed_at = ? "
    "WHERE id = ? AND version = ? AND state = ?"
)
_ADD = (
    "INSERT INTO \"transition\" SELECT number, ?, 1, ?, ?, ?, ?, 'trigger', 0, NULL "
    "FROM job WHERE id = ?"
)


class PlainJournal:
    """One writer thread with group commit."""

    def __init__(self, path: Path, durability: str) -> None:
        self._queue: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {durability.upper()}")
        self._connection.executescript(_SCHEMA)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def create(self, ids: list[str]) -> None:
        """Make jobs that are QUEUED."""
        self._connection.execute("BEGIN IMMEDIATE")
        for job_id in ids:
            self._connection.execute(
                "INSERT INTO job (id, state, status, version, attempt, changed_at) "
                "VALUES (?, 'QUEUED', 'QUEUED', 1, 1, 0)",
                (job_id,),
            )
        self._connection.execute("COMMIT")

    def move(self, job_id: str, version: int, trigger: str, source: str, dest: str) -> None:
        """Make one transition; return when it is durable."""
        ready = threading.Lock()
        ready.acquire()
        answer: list[bool] = []
        now = time.time_ns() // 1000
        self._queue.put((ready, answer, job_id, version, trigger, source, dest, now))
        ready.acquire()
        if not answer[0]:
            raise RuntimeError(f"{job_id} was somewhere else")

    def close(self) -> None:
        """Write what was asked for, and end."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < 500:
                try:
                    more = self._queue.get_nowait()
                except Empty:
                    break
                if more is None:
                    self._queue.put(None)
                    break
                batch.append(more)
            self._commit(batch)

    def _commit(self, batch: list[tuple[Any, ...]]) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        made = []
        for _, _, job_id, version, trigger, source, dest, now in batch:
            done = execute(_SET, (dest, dest, version + 1, now, job_id, version, source))
            made.append(bool(done.rowcount))
            if done.rowcount:
                execute(_ADD, (version + 1, trigger, source, dest, now, job_id))
        execute("COMMIT")
        for (ready, answer, *_), ok in zip(batch, made, strict=True):
            answer.append(ok)
            ready.release()
