"""How a journal is verified: everything that can be found out without the classes of its jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sojourn.errors import JournalFileError
from sojourn.journals._damage import any_text, can_stand_for, check_numbers, names, one_by_one
from sojourn.journals._filters import FINAL
from sojourn.journals._results import Results
from sojourn.journals._schema import COLUMNS, SCHEMA, anomaly_of, entry_of, job_of
from sojourn.lifecycle import JobStatus

__all__ = ["problems"]

_COLUMNS = ", ".join(f"job.{name}" for name in COLUMNS.split(", "))


def problems(connection: sqlite3.Connection, results: Results) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong."""
    said: set[str] = set()
    with any_text(connection):
        for part in (_file, _schema, partial(_jobs, results=results), _entries, _anomalies):
            for found in _to_its_end(part(connection)):
                if found not in said:
                    said.add(found)
                    yield found
        yield from _to_its_end(_gone(connection))


def _to_its_end(found: Iterator[str]) -> Iterator[str]:
    try:
        yield from found
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        yield f"the file cannot be read to its end: {error}"


def _gone(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        check_numbers(connection)
        for _ in connection.execute(f"SELECT {COLUMNS} FROM job NOT INDEXED"):
            pass
    except sqlite3.DatabaseError:
        lost = [number for number, *row in one_by_one(connection) if not row]
        for job_id in names(connection, lost):
            yield f"job {job_id!r} has a row that cannot be read"


def _file(connection: sqlite3.Connection) -> Iterator[str]:
    for (found,) in connection.execute("PRAGMA integrity_check(100)"):
        if found != "ok":
            yield f"SQLite finds the file damaged: {found}"


def _schema(connection: sqlite3.Connection) -> Iterator[str]:
    model = sqlite3.connect(":memory:")
    model.executescript(SCHEMA)
    question = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
    ours, theirs = (set(each.execute(question)) for each in (model, connection))
    model.close()
    for kind, name, _ in sorted(ours - theirs):
        yield f"the {kind} {name} is not what it was, or is gone; somebody has changed the tables"
    for kind, name, _ in sorted(theirs - ours):
        if name not in {each[1] for each in ours}:
            yield f"the {kind} {name} is none of a journal's; somebody has added it"


def _jobs(connection: sqlite3.Connection, results: Results) -> Iterator[str]:
    rows = connection.execute(
        f"SELECT {_COLUMNS}, (SELECT count(*) FROM 'transition' WHERE job = number), "
        "t.destination, t.attempt FROM job LEFT JOIN 'transition' AS t "
        "ON t.job = number AND t.version = job.version ORDER BY number"
    )
    for *row, entries, last, in_attempt in rows:
        job_id, (state, status, version, attempt), kept = row[5], row[:4], row[19:23]
        try:
            whole = job_of(tuple(row))
        except (TypeError, ValueError, OverflowError):
            whole = None
        if whole is None:
            yield f"job {job_id!r} has a row whose checksum is wrong"
        if entries != version or (version and last != state):
            yield (
                f"job {job_id!r} is {state} after {version} entries, and its {entries} entries "
                f"lead to {last}"
            )
        elif attempt != (in_attempt or 1):
            yield f"job {job_id!r} is in attempt {attempt}, and its last entry in {in_attempt or 1}"
        if status not in JobStatus.__members__:
            yield f"job {job_id!r} has the status {status!r}, which is none"
        elif last in (None, state) and not can_stand_for(state, status):
            yield f"job {job_id!r} is {state}, which cannot stand for {status}"
        if kept[0]:
            try:
                results.take(*kept)
            except JournalFileError as error:
                yield f"job {job_id!r} has lost its result: {error}"


def _entries(connection: sqlite3.Connection) -> Iterator[str]:
    before: tuple[object, ...] = (None, 0, "", 1)
    rows = connection.execute(
        'SELECT coalesce(id, t.job), t.version, t.attempt, "trigger", source, destination, at, '
        'origin, inferred, detail, t.checksum FROM "transition" AS t '
        "LEFT JOIN job ON job.number = t.job ORDER BY t.job, t.version"
    )
    for job_id, *row in rows:
        if before[0] != job_id:
            before = (job_id, 0, "", 1)
        number, attempt, _, source, dest = row[:5]
        where = f"entry {number} of job {job_id!r}"
        if not _is_whole(entry_of, job_id, row):
            yield f"{where} has a checksum that is wrong"
        if number != int(str(before[1])) + 1:
            yield f"{where} follows entry {before[1]}; those between are gone"
        elif before[1] and (source != before[2] or source in FINAL):
            yield f"{where} leads from {source}, and the one before to {before[2]}"
        if attempt not in (before[3], int(str(before[3])) + 1):
            yield f"{where} is of attempt {attempt}, and the one before of {before[3]}"
        before = (job_id, number, dest, attempt)


def _is_whole(make: Callable[[str, tuple[Any, ...]], object], job_id: Any, row: list[Any]) -> bool:
    try:
        return make(str(job_id), tuple(row)) is not None
    except UnicodeEncodeError:
        return False  # one of its texts is none


def _anomalies(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT coalesce(id, a.job), at, raw, a.state, a.attempt, why, count, a.checksum "
        "FROM anomaly AS a LEFT JOIN job ON job.number = a.job"
    )
    for job_id, *row in rows:
        if not _is_whole(anomaly_of, job_id, row):
            yield f"an anomaly of job {job_id!r} has a checksum that is wrong"
