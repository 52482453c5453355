"""A journal in memory: it keeps what a real one keeps, to the end of the process."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sojourn.errors import JournalConflictError, JournalError
from sojourn.history import (
    Anomaly,
    Birth,
    Change,
    Entry,
    KeptFacts,
    KeptJob,
    PackedResult,
    Story,
    first_facts,
)
from sojourn.journals._filters import FINAL, statuses_of

__all__ = ["MemoryJournal"]


class _Shelf:
    """What is kept of one job."""

    def __init__(self, job: KeptJob) -> None:
        self.job = job
        self.entries: tuple[Entry, ...] = ()
        self.anomalies: dict[tuple[object, ...], Anomaly] = {}
        self.result: PackedResult | None = None


class MemoryJournal:
    """Keeps the histories of jobs in memory, for tests and for trying things out.

    It keeps every promise of a journal but the one that matters: nothing outlives the process.

    Example:
        >>> from sojourn.journals.memory import MemoryJournal
        >>> class PrintJob(BaseJob): ...
        >>> with MemoryJournal() as journal:
        ...     job = PrintJob("printer", "cup-1", journal=journal)
        ...     job.submit()
        ...     [(kept.job_id, kept.status) for kept in journal.jobs()]
        [('cup-1', 'QUEUED')]
    """

    def __init__(self) -> None:
        """Start empty."""
        self._shelves: dict[str, _Shelf] = {}
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def _locked(self) -> threading.RLock:
        if os.getpid() != self._pid:
            # A forked child: the thread that may hold the lock is not here.
            self._lock, self._pid = threading.RLock(), os.getpid()
        return self._lock

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing; what is kept may still be read."""

    def write(self, change: Change) -> None:
        """Make a change.

        Raises:
            JournalConflictError: The job is not where the writer thinks, or is there already.
        """
        with self._locked():
            shelf = self._shelf(change)
            self._shelves[change.job_id] = _changed(shelf, change)

    def _shelf(self, change: Change) -> _Shelf:
        found = self._shelves.get(change.job_id)
        if change.birth is not None and found is None:
            return _Shelf(_born(change.job_id, change.birth))
        conflict = JournalConflictError(
            change.job_id, f"{change.state} after entry {change.version}"
        )
        if found is None or change.birth is not None:
            raise conflict
        known = (change.version, change.state)
        if change.version is not None and known != (found.job.version, found.job.state):
            raise conflict
        if change.claims is not None and change.claims != found.job.facts["claims"]:
            raise conflict
        return found

    def read(self, job_id: str, after: int = 0) -> Story | None:
        """Return a job with its entries numbered above ``after``; ``None`` if it is not there."""
        with self._locked():
            shelf = self._shelves.get(job_id)
            if shelf is None:
                return None
            return Story(shelf.job, shelf.entries[after:], tuple(shelf.anomalies.values()))

    def result(self, job_id: str) -> PackedResult | None:
        """Return the result of a job, if it is kept."""
        with self._locked():
            shelf = self._shelves.get(job_id)
            return None if shelf is None else shelf.result

    def jobs(
        self,
        *,
        status: str | Iterable[str] | None = None,
        backend: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[KeptJob, ...]:
        """Return the jobs, the latest made first.

        Args:
            status: A status, or several of them.
            backend: What their backend is called.
            since: Only those that have changed since; aware.
            limit: How many at most.

        Raises:
            ValueError: The question makes no sense: a status that is none, a negative limit, a time
                without its zone.
        """
        statuses = statuses_of(status, since, limit)
        with self._locked():
            found = [
                shelf.job
                for shelf in reversed(self._shelves.values())
                if (statuses is None or shelf.job.status in statuses)
                and (backend is None or shelf.job.backend == backend)
                and (since is None or shelf.job.changed_at >= since)
            ]
        return tuple(found[:limit])

    def history(self, job_id: str) -> tuple[Entry, ...]:
        """Return the entries of a job, in order.

        Raises:
            JournalError: The journal has no such job.
        """
        story = self.read(job_id)
        if story is None:
            raise JournalError(f"the journal has no job {job_id!r}; jobs() lists those it has")
        return story.entries

    def cancel_requests(self) -> tuple[str, ...]:
        """Return the ids of jobs that somebody has asked to cancel, and that are not over."""
        return tuple(
            job.job_id
            for job in self.jobs(status=("INITIALIZING", "QUEUED", "RUNNING"))
            if job.facts["cancel_requested_at"] is not None
        )

    def check(self) -> tuple[str, ...]:
        """Find nothing wrong: memory is not damaged by halves."""
        return ()


def _born(job_id: str, birth: Birth) -> KeptJob:
    return KeptJob(
        job_id,
        birth.class_name,
        birth.backend,
        birth.state,
        "INITIALIZING",
        0,
        1,
        birth.token,
        json.loads(birth.metadata),
        json.loads(birth.arguments),
        birth.created_at,
        birth.created_at,
        first_facts(),
    )


def _changed(old: _Shelf, change: Change) -> _Shelf:
    """Return what is kept after a change; what was there before is not touched."""
    new = _Shelf(old.job)
    new.entries, new.result = old.entries, change.result or old.result
    new.anomalies = dict(old.anomalies)
    facts: KeptFacts = {**old.job.facts, **change.facts}
    new.job = old.job._replace(facts=facts, changed_at=datetime.now(UTC))
    if change.result is not None:
        new.job = new.job._replace(result_kind=change.result.kind)
    if change.entry is not None:
        entry = change.entry
        if entry.source in FINAL:
            raise JournalError(
                f"job {change.job_id!r} is {entry.source} in the journal, and final is final"
            )
        if entry.number != old.job.version + 1 or entry.source != old.job.state:
            raise JournalConflictError(change.job_id, f"{entry.source} before {entry.number}")
        new.entries += (entry,)
        new.job = new.job._replace(
            state=entry.dest,
            status=change.status,
            version=entry.number,
            attempt=entry.attempt,
        )
    if change.anomaly is not None:
        each = change.anomaly
        raw = each.raw if isinstance(each.raw, str) else repr(each.raw)
        new.anomalies[raw, each.state, each.attempt, each.reason, each.at] = each
    return new
