"""A journal in a file, on SQLite: for one machine, and as many processes of it as you like."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from sojourn.errors import JournalDamageError, JournalError, JournalFileError
from sojourn.history import Change, Entry, KeptJob, PackedResult, Story
from sojourn.journals._checking import problems
from sojourn.journals._damage import (
    check_numbers,
    is_damage,
    may_be_of_one_page,
    names,
    one_by_one,
    sort_out,
    without_gaps,
)
from sojourn.journals._files import connect, prepare
from sojourn.journals._filters import FINAL, statuses_of
from sojourn.journals._forks import inside, survive
from sojourn.journals._results import Results
from sojourn.journals._schema import COLUMNS, OPEN, anomaly_of, entry_of, job_of, micros
from sojourn.journals._turn import Turn
from sojourn.journals._writer import Writer
from sojourn.lifecycle import JobStatus

__all__ = ["SQLiteJournal"]

_STATUSES = f"({', '.join(repr(each.value) for each in JobStatus)})"
#: Where the status is damaged, as far as its row tells.
_NO_STATUS = (
    f"status NOT IN {_STATUSES} OR typeof(status) <> 'text' "
    f"OR (state <> status AND (state IN {_STATUSES} OR NOT ({OPEN})))"
)
_ENTRIES = (
    'SELECT version, attempt, "trigger", source, destination, at, origin, inferred, detail, '
    'checksum FROM "transition" WHERE job = (SELECT number FROM job WHERE id = ?) '
    "AND version > ? ORDER BY version"
)
_ANOMALIES = (
    "SELECT at, raw, state, attempt, why, count, checksum FROM anomaly "
    "WHERE job = (SELECT number FROM job WHERE id = ?) ORDER BY number"
)


class SQLiteJournal:
    """Keeps the histories of jobs in a file, so that they outlive the process.

    A context manager. Any thread may use it, and any number of processes of one machine may use
    the same file; the file must be on a disk of that machine. It is made with mode 0600 if it is
    not there. What it holds is described by its own tables, which any SQLite program can read.

    One that nobody refers to any more, jobs included, lets go of its thread and its files, and
    loses nothing that was acknowledged; only `close` says when that is.

    Attributes:
        path: The file, as an absolute path.
        durability: What an acknowledged change survives: ``"full"``, a power cut; ``"normal"``,
            the end of the process, however it comes.

    Example:
        >>> import tempfile
        >>> from sojourn.journals.sqlite import SQLiteJournal
        >>> class PrintJob(BaseJob): ...
        >>> folder = tempfile.TemporaryDirectory()
        >>> with SQLiteJournal(f"{folder.name}/print.journal") as journal:
        ...     job = PrintJob("printer", "cup-1", journal=journal)
        ...     job.submit()
        ...     [entry.trigger for entry in journal.history("cup-1")]
        ['submit']
        >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Literal["full", "normal"] = "full",
        *,
        patience: float = 30.0,
    ) -> None:
        """Open a journal, or make one.

        Args:
            path: The file; its folder must be there.
            durability: What an acknowledged change survives.
            patience: Seconds that a change waits for other processes before it is given up.

        Raises:
            JournalFileError: The file is no journal, or of a newer version, or a symbolic link, or
                others may read it; it was left as it is.
            ValueError: There is no such durability.
        """
        if durability not in ("full", "normal"):
            raise ValueError(f"durability must be 'full' or 'normal', not {durability!r}")
        self.path: Path = Path(path).absolute()
        self.durability: str = durability
        self._patience = patience
        self._closed = False
        self._gate = threading.RLock()
        self._readers: list[sqlite3.Connection] = []
        self._results = Results(self.path)
        self._file = prepare(self.path)
        self._open()
        survive(self)

    def _open(self) -> None:
        self._turn = Turn(str(self.path))
        self._make_writer()
        self._turn.open()
        with self._reading() as connection:
            connection.execute(f"SELECT {COLUMNS} FROM job LIMIT 0")
            # Whether the tables are there; what is in them may be damaged, and be read in part.
            connection.execute(f"{_ENTRIES} LIMIT 0", ("", 0))
            connection.execute(f"{_ANOMALIES} LIMIT 0", ("",))

    def _begin_anew(self) -> None:
        """Open everything for a forked child; the writer and the connections are its parent's."""
        self._end.detach()
        _inherited.extend((self._readers, self._writer))
        self._gate = threading.RLock()
        if self._closed:
            return
        self._turn.close()  # or this process would hold its parent's turn
        self._readers = []
        self._turn = Turn(str(self.path))
        self._make_writer()

    def _make_writer(self) -> None:
        # It knows nothing of the journal: its thread would keep that alive for ever.
        connect = partial(_connect_to_write, self.path, self.durability, self._patience)
        self._writer = Writer(str(self.path), self._file, connect, self._turn, self._patience)
        self._end = weakref.finalize(self, _let_go, self._writer, self._readers)
        self._end.atexit = False  # what is done at exit may still write to it

    def __repr__(self) -> str:
        """Name the file."""
        return f"SQLiteJournal({str(self.path)!r}, {self.durability!r})"

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Write what was asked for and close the file; may be called again.

        What cannot be written for as long as the journal's patience lasts, because another process
        holds it up, is given up.
        """
        with self._gate:
            if self._closed:
                return
            self._closed = True
        self._writer.close()
        self._turn.close()
        with self._gate:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        self._end.detach()

    # Writing.

    def write(self, change: Change) -> None:
        """Make a change; return only when it is durable.

        Changes of many threads share one commit.

        Raises:
            JournalConflictError: The job is not where the writer thinks, or is there already.
            JournalUncertainError: Nobody knows whether the change was made; read it again.
            JournalError: The change was not made.
        """
        # A file takes its time, which nobody else should wait for.
        kept = None if change.result is None else self._results.keep(change.result)
        self._writer.write(change, kept)

    # Reading.

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection on which everything is read at one moment."""
        with self._gate:
            if self._closed:
                raise JournalError(f"journal {str(self.path)!r} is closed; open it again")
            connection = self._readers.pop() if self._readers else None
        try:
            with inside:
                if connection is None:
                    connection = connect(self.path)
                    connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                yield connection
                with suppress(sqlite3.DatabaseError):  # it fails where damage was met, and ends it
                    connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise JournalFileError(str(self.path), f"it could not be read: {error}") from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        with self._gate:
            if self._closed or connection.in_transaction:
                connection.close()
            else:
                self._readers.append(connection)

    def read(self, job_id: str, after: int = 0) -> Story | None:
        """Return a job with its entries numbered above ``after``; ``None`` if it is not there.

        Raises:
            JournalUncertainError: A change of the job is still being made, after all this time.
            JournalDamageError: It is damaged.
            JournalFileError: It could not be read.
        """
        self._writer.check_settled(job_id)
        with self._reading() as connection:
            try:
                found = connection.execute(f"SELECT {COLUMNS} FROM job WHERE id = ?", (job_id,))
                row = found.fetchone()
                if row is None:
                    return None
                entries = connection.execute(_ENTRIES, (job_id, after)).fetchall()
                anomalies = connection.execute(_ANOMALIES, (job_id,)).fetchall()
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    raise JournalDamageError(str(self.path), (job_id,), ()) from error
                raise
        return Story(
            self._whole(job_of(row), job_id),
            tuple(self._whole(entry_of(job_id, each), job_id) for each in entries),
            tuple(self._whole(anomaly_of(job_id, each), job_id) for each in anomalies),
        )

    def history(self, job_id: str) -> tuple[Entry, ...]:
        """Return the entries of a job, in order.

        Raises:
            JournalError: The journal has no such job.
            JournalFileError: It could not be read, or is damaged.
        """
        story = self.read(job_id)
        if story is None:
            raise JournalError(
                f"journal {str(self.path)!r} has no job {job_id!r}; jobs() lists those it has"
            )
        return story.entries

    def jobs(
        self,
        *,
        status: str | Iterable[str] | None = None,
        backend: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[KeptJob, ...]:
        """Return the jobs, the latest made first.

        None is left out in silence because its row is damaged: nobody can tell of such a one
        whether it is asked for, so the error names it in any case, as far as rows were looked at.
        What the row does not cover, the entries and when it changed, is not looked at.

        Args:
            status: A status, or several of them.
            backend: What their backend is called.
            since: Only those that have changed since; aware.
            limit: How many at most.

        Raises:
            JournalDamageError: Some are damaged; the error has the others.
            JournalFileError: They could not be read.
            ValueError: The question makes no sense: a status that is none, a negative limit, a time
                without its zone.
        """
        statuses = statuses_of(status, since, limit)

        def wanted(job: KeptJob) -> bool:
            return (
                (statuses is None or job.status in statuses)
                and (backend is None or job.backend == backend)
                and (since is None or job.changed_at >= since)
            )

        where, values = _filter(statuses, since)
        question = f"SELECT number, {COLUMNS} FROM job WHERE {where} ORDER BY number DESC"
        with self._reading() as connection:
            try:
                with closing(connection.execute(question, values)) as rows:
                    everybody = rows if values else without_gaps(rows)
                    whole, damaged = sort_out(everybody, wanted, limit)
                if values and not _are_open(statuses):
                    check_numbers(connection)
            except sqlite3.DatabaseError as error:
                if not may_be_of_one_page(error):
                    raise
                whole, damaged = sort_out(one_by_one(connection), wanted, limit)
            if damaged:
                ids = names(connection, damaged)
                raise JournalDamageError(str(self.path), ids, tuple(whole))
        return tuple(whole)

    def result(self, job_id: str) -> PackedResult | None:
        """Return the result of a job, if it is kept.

        Raises:
            JournalFileError: It could not be read, or is damaged.
        """
        with self._reading() as connection:
            row = connection.execute(
                "SELECT result_kind, result, result_file, result_digest FROM job WHERE id = ?",
                (job_id,),
            ).fetchone()
        if row is None or not row[0]:
            return None
        return self._results.take(*row)

    def cancel_requests(self) -> tuple[str, ...]:
        """Return the ids of jobs that somebody has asked to cancel, and that are not over.

        Raises:
            JournalFileError: They could not be read.
        """
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT id FROM job WHERE {OPEN} AND cancel_requested_at IS NOT NULL"
            ).fetchall()
        return tuple(row[0] for row in rows)

    def check(self) -> tuple[str, ...]:
        """Verify everything, repair nothing, and return a sentence for each thing that is wrong."""
        with self._reading() as connection:
            return tuple(problems(connection, self._results))

    def _whole(self, found: Any, job_id: str) -> Any:
        if found is None:
            raise JournalDamageError(str(self.path), (job_id,), ())
        return found


def _connect_to_write(path: Path, durability: str, patience: float) -> sqlite3.Connection:
    connection = connect(path, wait=patience)
    connection.execute(f"PRAGMA synchronous = {durability.upper()}")
    return connection


def _let_go(writer: Writer, readers: list[sqlite3.Connection]) -> None:
    """End what is left of a journal that nobody refers to any more, wherever the collector is."""
    writer.let_go()
    with inside, suppress(sqlite3.Error):
        while readers:
            readers.pop().close()


def _are_open(statuses: tuple[str, ...] | None) -> bool:
    return statuses is not None and FINAL.isdisjoint(statuses)


def _filter(statuses: tuple[str, ...] | None, since: datetime | None) -> tuple[str, list[object]]:
    """Return which rows have to be looked at: those that may be meant, and those that are damaged.

    A backend is not asked for here: one that is damaged is found by the checksum of its row only.
    """
    terms, values = ["1"], list[object]()
    if statuses is not None:
        if _are_open(statuses):
            terms.append(OPEN)  # in these words, or SQLite would not use the index of open jobs
        asked = ", ".join("?" * len(statuses))
        terms.append(f"(status IN ({asked}) OR {_NO_STATUS})")
        values += statuses
    if since is not None:
        terms.append("(changed_at >= ? OR typeof(changed_at) <> 'integer')")
        values.append(micros(since))
    return " AND ".join(terms), values


#: Connections of a parent process. To close one in a child could spoil the file, so they are kept.
_inherited: list[object] = []
