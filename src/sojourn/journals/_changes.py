"""How changes are made in a transaction that is open: compare, set, and add the entry."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from sojourn.errors import JournalConflictError, JournalError
from sojourn.history import Change, first_facts
from sojourn.journals._results import Kept
from sojourn.journals._schema import (
    FACTS,
    SEALED,
    anomaly_row,
    entry_row,
    micros,
    seal,
)

__all__ = ["apply"]

_STEP = (
    "UPDATE job SET state = ?, status = ?, version = ?, attempt = ?, changed_at = ? "
    "WHERE id = ? AND version = ? AND state = ?"
)
_ENTRY = (
    'INSERT INTO "transition" VALUES ((SELECT number FROM job WHERE id = ?)'
    ", ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BIRTH = (
    "INSERT INTO job (state, status, version, attempt, changed_at, "
    f"{SEALED}, checksum) SELECT ?, 'INITIALIZING', 0, 1, ?{', ?' * 18}, ? "
    "WHERE NOT EXISTS (SELECT 1 FROM job WHERE id = ?)"
)
_SEALED = f"SELECT version, state, {SEALED} FROM job WHERE id = ?"
_FACTS = (
    f"UPDATE job SET {' = ?, '.join(FACTS)} = ?, result_kind = ?, result = ?, result_file = ?, "
    "result_digest = ?, checksum = ?, changed_at = ? WHERE id = ?"
)


def apply(
    cursor: sqlite3.Cursor, changes: Sequence[tuple[Change, Kept | None]]
) -> list[JournalError | None]:
    """Make changes; return for each why it was refused, ``None`` if it was made.

    Args:
        cursor: On a connection where a transaction is open that writes.
        changes: The changes, and where the result of each is, if it has one.

    Raises:
        sqlite3.Error: One of them cannot be made; some of the others are.
    """
    if len(changes) > 1 and all(map(_is_step, changes)) and _step_together(cursor, changes):
        return [None] * len(changes)
    answers: list[JournalError | None] = []
    for change, kept in changes:
        try:
            _apply_one(cursor, change, kept)
            answers.append(None)
        except JournalError as refusal:
            answers.append(refusal)
    return answers


def _is_step(each: tuple[Change, Kept | None]) -> bool:
    """Tell whether a change is an entry, and nothing beside it."""
    change, kept = each
    beside = change.facts or kept or change.birth or change.claims is not None or change.anomaly
    return not beside and change.entry is not None


def _step_together(cursor: sqlite3.Cursor, changes: Sequence[tuple[Change, Kept | None]]) -> bool:
    """Take a step of each job, in a sixth less time than one by one; tell whether all fitted."""
    now = time.time_ns() // 1000
    cursor.execute("SAVEPOINT steps")
    cursor.executemany(_STEP, [_move(change, now) for change, _ in changes])
    if cursor.rowcount != len(changes):
        cursor.execute("ROLLBACK TO steps")
        return False
    cursor.executemany(_ENTRY, [_added(each) for each, _ in changes])
    return True


def _apply_one(cursor: sqlite3.Cursor, change: Change, kept: Kept | None) -> None:
    """Make a change.

    Raises:
        JournalConflictError: The job is not where the writer thinks; nothing has changed.
    """
    now = time.time_ns() // 1000
    if change.birth is not None:
        _be_born(cursor, change, now)
    if change.facts or change.claims is not None or kept is not None:
        _set_facts(cursor, change, kept, now)
    if change.entry is not None:
        if not cursor.execute(_STEP, _move(change, now)).rowcount:
            raise _conflict(change)
        cursor.execute(_ENTRY, _added(change))
    if change.anomaly is not None:
        _note(cursor, change)


def _conflict(change: Change) -> JournalConflictError:
    return JournalConflictError(change.job_id, f"{change.state} after entry {change.version}")


def _be_born(cursor: sqlite3.Cursor, change: Change, now: int) -> None:
    birth = change.birth
    assert birth is not None  # asked by the caller
    row: tuple[Any, ...] = (
        change.job_id,
        birth.class_name,
        birth.backend,
        birth.token,
        birth.metadata,
        birth.arguments,
        micros(birth.created_at),
        *first_facts().values(),
        *("", None, None, None),
    )
    made = cursor.execute(_BIRTH, (birth.state, now, *row, seal(*row), change.job_id))
    if not made.rowcount:
        raise _conflict(change)


def _move(change: Change, now: int) -> tuple[Any, ...]:
    entry = change.entry
    assert entry is not None  # asked by the caller
    number, attempt = entry.number, entry.attempt
    job = (change.job_id, number - 1, entry.source)
    return (entry.dest, change.status, number, attempt, now, *job)


def _added(change: Change) -> tuple[Any, ...]:
    entry = change.entry
    assert entry is not None  # asked by the caller
    return entry_row(change.job_id, entry)


def _set_facts(cursor: sqlite3.Cursor, change: Change, kept: Kept | None, now: int) -> None:
    row = cursor.execute(_SEALED, (change.job_id,)).fetchone()
    if row is None:
        raise _conflict(change)
    version, state, *sealed = row
    born, facts, result = sealed[:7], dict(zip(FACTS, sealed[7:14], strict=True)), sealed[14:]
    moved = change.version is not None and (version, state) != (change.version, change.state)
    if moved or (change.claims is not None and facts["claims"] != change.claims):
        raise _conflict(change)
    facts.update(change.facts)
    if "cancel_requested_at" in change.facts:
        facts["cancel_requested_at"] = micros(change.facts["cancel_requested_at"])
    values = (*facts.values(), *(result if kept is None else kept))
    cursor.execute(_FACTS, (*values, seal(*born, *values), now, change.job_id))


def _note(cursor: sqlite3.Cursor, change: Change) -> None:
    anomaly = change.anomaly
    assert anomaly is not None  # asked by the caller
    found = cursor.execute("SELECT number FROM job WHERE id = ?", (change.job_id,)).fetchone()
    if found is None:
        raise _conflict(change)
    at, raw, state, attempt, why, count, checksum = anomaly_row(change.job_id, anomaly)
    again = cursor.execute(
        "UPDATE anomaly SET count = ?, checksum = ? "
        "WHERE job = ? AND at = ? AND raw = ? AND state = ? AND attempt = ? AND why = ?",
        (count, checksum, found[0], at, raw, state, attempt, why),
    )
    if not again.rowcount:
        cursor.execute(
            "INSERT INTO anomaly SELECT ?, 1 + coalesce(max(number), 0), ?, ?, ?, ?, ?, ?, ? "
            "FROM anomaly WHERE job = ?",
            (found[0], at, raw, state, attempt, why, count, checksum, found[0]),
        )
