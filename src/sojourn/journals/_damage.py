"""How a job that is damaged in its file is told from the others, and how the others are read in spite of it.

Most damage is a byte of one row that was flipped: a checksum finds it. Where a page of the file cannot
be read, or a text is none any more, SQLite gives up the whole answer; then every job is asked for by
its number. Numbers have no gaps, so that none is left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sojourn.history import KeptJob
from sojourn.journals._filters import FINAL
from sojourn.journals._schema import COLUMNS, job_of
from sojourn.lifecycle import JobStatus

__all__ = [
    "any_text",
    "can_stand_for",
    "check_numbers",
    "is_damage",
    "job_or_none",
    "may_be_of_one_page",
    "names",
    "one_by_one",
    "sort_out",
    "without_gaps",
]

_STATUSES = frozenset(status.value for status in JobStatus)
#: No row of a job is shorter, so no file has more jobs than this says, whatever stands in it.
_SHORTEST = 64
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class GapError(sqlite3.DatabaseError):
    """A row is not there that must be; SQLite has not noticed."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error is about what stands in the file."""
    code = getattr(error, "sqlite_errorcode", None)
    # The module itself gives none where a text is not UTF-8.
    return isinstance(error, sqlite3.OperationalError) if code is None else code & 0xFF in _DAMAGE


def may_be_of_one_page(error: sqlite3.Error) -> bool:
    """Tell whether what an error is about may be a part of the file only."""
    code = getattr(error, "sqlite_errorcode", 0)
    return is_damage(error) or code & 0xFF == sqlite3.SQLITE_IOERR


def can_stand_for(state: str, status: str) -> bool:
    """Tell whether some class may have such a state: those with the name of a status stand for that."""
    return state == status or (status not in FINAL and state not in _STATUSES)


def job_or_none(row: tuple[Any, ...]) -> KeptJob | None:
    """Return the job of a row; ``None`` if it is damaged."""
    state, status = row[:2]
    try:
        if status in _STATUSES and state.isidentifier() and can_stand_for(state, status):
            return job_of(row)
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass  # a value is of another kind than its column
    return None


def sort_out(
    rows: Iterable[tuple[Any, ...]], wanted: Callable[[KeptJob], bool], limit: int | None
) -> tuple[list[KeptJob], list[int]]:
    """Return the jobs that are wanted, and the numbers of those of which nobody can tell.

    Args:
        rows: Each begins with its number; of one that cannot be read there is nothing more.
        wanted: Tells whether a job is.
        limit: How many may be returned.
    """
    whole: list[KeptJob] = []
    damaged: list[int] = []
    if limit == 0:
        return whole, damaged
    for row in rows:
        job = job_or_none(row[1:]) if len(row) > 1 else None
        if job is None:
            damaged.append(row[0])
        elif wanted(job):
            whole.append(job)
            if len(whole) == limit:
                break
    return whole, damaged


def without_gaps(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Return rows that have to be those of all jobs, the latest made first.

    Raises:
        GapError: One is not there.
    """
    before = None
    for row in rows:
        if before is not None and row[0] != before - 1:
            raise GapError
        before = row[0]
        yield row
    if before not in {None, 1}:
        raise GapError


def check_numbers(connection: sqlite3.Connection) -> None:
    """See that every job has a row.

    Raises:
        GapError: One has none.
    """
    question = "SELECT count(*), max(number), total(number) FROM job NOT INDEXED"
    count, last, total = connection.execute(question).fetchone()
    if (last or 0) != count or total != count * (count + 1) / 2:
        raise GapError


def names(connection: sqlite3.Connection, numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the ids of jobs by their numbers, for people.

    They come from the index, which may be right where the row is not.
    """
    with any_text(connection):
        ids = _ids(connection)
        found = [ids.get(number) or _in_row(connection, number) for number in numbers]
    return tuple([_shown(each) for each in found])


def one_by_one(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Return the row of every job after its number, or nothing more, the latest made first.

    Raises:
        sqlite3.DatabaseError: Nothing can be read at all.
    """
    question = f"SELECT {COLUMNS} FROM job WHERE number = ?"
    with any_text(connection):
        ids = _ids(connection)
        for number in sorted({*ids, *range(1, _last(connection, ids) + 1)}, reverse=True):
            row = None
            with suppress(sqlite3.DatabaseError):
                row = connection.execute(question, (number,)).fetchone()
            yield (number, *(row or ()))


def _in_row(connection: sqlite3.Connection, number: int) -> str:
    with suppress(sqlite3.DatabaseError):
        row = connection.execute("SELECT id FROM job WHERE number = ?", (number,)).fetchone()
        if row and isinstance(row[0], str):
            return row[0]
    return f"(number {number})"


def _ids(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the ids by the numbers, from the index that keeps them apart from the rows."""
    ids: dict[int, str] = {}
    question = "SELECT number, id FROM job INDEXED BY sqlite_autoindex_job_1 ORDER BY id"
    for order in ("", " DESC"):  # from both ends, to where it cannot be read
        with suppress(sqlite3.DatabaseError):
            ids.update(connection.execute(question + order))
            break
    return ids


def _last(connection: sqlite3.Connection, ids: Mapping[int, str]) -> int:
    """Return the greatest number that a job has, which is the number of jobs."""
    size = connection.execute("PRAGMA page_count").fetchone()[0]
    most = size * connection.execute("PRAGMA page_size").fetchone()[0] // _SHORTEST
    last = [number for number in ids if number <= most]
    for question in (
        "SELECT max(number) FROM job NOT INDEXED",
        'SELECT max(job) FROM "transition"',
    ):
        with suppress(sqlite3.DatabaseError):
            last += [each for (each,) in connection.execute(question) if (each or 0) <= most]
    if not last:
        raise sqlite3.DatabaseError("neither its jobs nor their ids can be read")
    return max(each or 0 for each in last)


def _shown(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


@contextmanager
def any_text(connection: sqlite3.Connection) -> Iterator[None]:
    """Read texts that are not UTF-8, too, as something that no job can have written."""
    connection.text_factory = _decoded
    try:
        yield
    finally:
        connection.text_factory = str


def _decoded(data: bytes) -> str:
    return data.decode(errors="surrogateescape")
