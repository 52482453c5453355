"""How one change is made in a transaction that is open: compare, set, and add the entry."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sojourn.errors import JournalConflictError
from sojourn.history import Change
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


def apply(cursor: sqlite3.Cursor, change: Change, kept: Kept | None = None) -> None:
    """Make a change.

    Args:
        cursor: On a connection where a transaction is open that writes.
        change: The change.
        kept: Where its result is, if it has one.

    Raises:
        JournalConflictError: The job is not where the writer thinks; nothing has changed.
    """
    now = time.time_ns() // 1000
    aside = change.facts or change.claims is not None or kept is not None
    if change.birth is not None:
        _be_born(cursor, change, now)
    if aside:
        _set_facts(cursor, change, kept, now)
    if change.entry is not None:
        _step(cursor, change, now)
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
        *(None, "", 0, "", None, None, None),
        *("", None, None, None),
    )
    made = cursor.execute(_BIRTH, (birth.state, now, *row, seal(*row), change.job_id))
    if not made.rowcount:
        raise _conflict(change)


def _step(cursor: sqlite3.Cursor, change: Change, now: int) -> None:
    entry = change.entry
    assert entry is not None  # asked by the caller
    made = cursor.execute(
        _STEP,
        (
            entry.dest,
            change.status,
            entry.number,
            entry.attempt,
            now,
            change.job_id,
            entry.number - 1,
            entry.source,
        ),
    )
    if not made.rowcount:
        raise _conflict(change)
    cursor.execute(_ENTRY, (change.job_id, *entry_row(change.job_id, entry)))


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
