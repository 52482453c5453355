"""What is in a journal file: tables, the rules that the database itself holds, and checksums.

The rules are triggers, so they hold whoever writes. A checksum of its own in each row finds what
`PRAGMA integrity_check` does not see: bytes that were flipped in a value.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zlib import crc32

from sojourn.history import Anomaly, Entry, KeptFacts, KeptJob, Origin

__all__ = [
    "APPLICATION_ID",
    "COLUMNS",
    "FACTS",
    "OPEN",
    "SCHEMA",
    "SEALED",
    "VERSION",
    "anomaly_of",
    "anomaly_row",
    "entry_of",
    "entry_row",
    "job_of",
    "micros",
    "seal",
]

#: "sjrn", so that `file` and everybody else can tell a journal from another database.
APPLICATION_ID = 0x736A726E
VERSION = 1

#: What holds for a job that is not over. `NOT IN` would cost thrice as much: SQLite makes a table for it at
#: each use.
OPEN = "status <> 'DONE' AND status <> 'ERROR' AND status <> 'CANCELLED'"


def _over(column: str) -> str:
    return f"({column} = 'DONE' OR {column} = 'ERROR' OR {column} = 'CANCELLED')"


SCHEMA = f"""
CREATE TABLE job (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    class TEXT NOT NULL,
    backend TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    token TEXT NOT NULL,
    metadata TEXT NOT NULL,
    arguments TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    native_id TEXT,
    claim TEXT NOT NULL DEFAULT '',
    claims INTEGER NOT NULL DEFAULT 0,
    doubt TEXT NOT NULL DEFAULT '',
    owner TEXT,
    cancel_requested_at INTEGER,
    worker TEXT,
    result_kind TEXT NOT NULL DEFAULT '',
    result BLOB,
    result_file TEXT,
    result_digest TEXT,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE "transition" (
    job INTEGER NOT NULL REFERENCES job (number),
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    "trigger" TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    at INTEGER,
    origin TEXT NOT NULL,
    inferred INTEGER NOT NULL,
    detail TEXT,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (job, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE anomaly (
    job INTEGER NOT NULL REFERENCES job (number),
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    raw TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    why TEXT NOT NULL,
    count INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_open ON job (number) WHERE {OPEN};
CREATE TRIGGER job_moves BEFORE UPDATE OF state, status, version, attempt ON job
WHEN NEW.version <> OLD.version + 1 OR {_over("OLD.status")}
BEGIN SELECT RAISE(ABORT, 'final is final, and the numbering has no gaps'); END;
CREATE TRIGGER job_born BEFORE INSERT ON job WHEN NEW.version <> 0
    OR EXISTS (SELECT 1 FROM job WHERE id = NEW.id OR number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'a job is born once, without entries'); END;
CREATE TRIGGER job_named BEFORE UPDATE OF number, id, class, backend, token, created_at ON job
BEGIN SELECT RAISE(ABORT, 'a job stays the one that was born'); END;
CREATE TRIGGER job_stays BEFORE DELETE ON job
BEGIN SELECT RAISE(ABORT, 'a journal forgets nothing'); END;
CREATE TRIGGER transition_next BEFORE INSERT ON "transition"
WHEN {_over("NEW.source")} OR CASE NEW.version
    WHEN 1 THEN EXISTS (SELECT 1 FROM "transition" WHERE job = NEW.job)
    ELSE (NEW.version, NEW.source) IS NOT (SELECT version + 1, destination FROM "transition"
        WHERE job = NEW.job ORDER BY version DESC LIMIT 1) END
BEGIN SELECT RAISE(ABORT, 'a history is a path without gaps, and ends at a final state'); END;
CREATE TRIGGER transition_kept BEFORE UPDATE ON "transition"
BEGIN SELECT RAISE(ABORT, 'what has happened is not changed'); END;
CREATE TRIGGER transition_stays BEFORE DELETE ON "transition"
BEGIN SELECT RAISE(ABORT, 'a journal forgets nothing'); END;
CREATE TRIGGER anomaly_stays BEFORE DELETE ON anomaly
BEGIN SELECT RAISE(ABORT, 'a journal forgets nothing'); END;
"""

#: What may change of a job beside its state, in the order of its row.
FACTS = (
    "native_id",
    "claim",
    "claims",
    "doubt",
    "owner",
    "cancel_requested_at",
    "worker",
)
_BORN = ("id", "class", "backend", "token", "metadata", "arguments", "created_at")
_RESULT = ("result_kind", "result", "result_file", "result_digest")
#: What the checksum of a job covers. Where it stands is covered by its last transition.
SEALED = ", ".join((*_BORN, *FACTS, *_RESULT))
#: What makes a `KeptJob`.
COLUMNS = f"state, status, version, attempt, changed_at, {SEALED}, checksum"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime | None) -> int | None:
    """Return an instant as whole microseconds, which lose nothing."""
    if at is None:
        return None
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _instant(at: int | None) -> datetime | None:
    return None if at is None else _EPOCH + timedelta(microseconds=at)


def seal(*values: object) -> int:
    """Return the checksum of a row's values.

    It finds every change of up to 32 neighbouring bits, and all but one in four thousand million
    of any others.
    """
    # Written out by rules of our own: what `repr` makes of a text depends on Python's version.
    told = "\x1f".join(
        ["" if v is None else f"={v.hex()}" if type(v) is bytes else f"={v}" for v in values]
    )
    return crc32(told.encode())


def entry_row(job_id: str, entry: Entry) -> tuple[Any, ...]:
    """Return the id of a job and the columns of its entry, the checksum last.

    That is what `seal` gives, in a third of the time.
    """
    number, when, trigger, source, dest, attempt, inferred, origin, detail = entry
    at, flag = micros(when), +inferred
    told = (
        f"={job_id}\x1f={number}\x1f={attempt}\x1f={trigger}\x1f={source}\x1f={dest}\x1f"
        f"{'' if at is None else f'={at}'}\x1f={origin}\x1f={flag}\x1f"
        f"{'' if detail is None else f'={detail}'}"
    )
    row = (job_id, number, attempt, trigger, source, dest, at, origin, flag, detail)
    return (*row, crc32(told.encode()))


def entry_of(job_id: str, row: tuple[Any, ...]) -> Entry | None:
    """Return the entry of a row; ``None`` if its checksum is wrong."""
    number, attempt, trigger, source, dest, at, origin, inferred, detail, checksum = row
    if seal(job_id, *row[:-1]) != checksum:
        return None
    return Entry(
        number,
        _instant(at),
        trigger,
        source,
        dest,
        attempt,
        bool(inferred),
        cast("Origin", origin),
        detail,
    )


def anomaly_row(job_id: str, anomaly: Anomaly) -> tuple[Any, ...]:
    """Return the columns of an anomaly but its number, its checksum last."""
    raw = anomaly.raw if isinstance(anomaly.raw, str) else repr(anomaly.raw)
    row = (
        micros(anomaly.at),
        _clean(raw),
        anomaly.state,
        anomaly.attempt,
        _clean(anomaly.reason),
        anomaly.count,
    )
    return (*row, seal(job_id, *row))


def anomaly_of(job_id: str, row: tuple[Any, ...]) -> Anomaly | None:
    """Return the anomaly of a row; ``None`` if its checksum is wrong."""
    at, raw, state, attempt, why, count, checksum = row
    if seal(job_id, *row[:-1]) != checksum:
        return None
    return Anomaly(raw, state, attempt, why, _EPOCH + timedelta(microseconds=at), count)


def job_of(row: tuple[Any, ...]) -> KeptJob | None:
    """Return the job of a row of `COLUMNS`; ``None`` if its checksum is wrong."""
    if seal(*row[5:-1]) != row[-1]:
        return None
    # All at once: thousands of them are listed, and slices and loops cost a third more.
    # fmt: off
    (
        state, status, version, attempt, changed_at,
        job_id, class_name, backend, token, metadata, arguments, created_at,
        native_id, claim, claims, doubt, owner, asked, worker,
        result_kind, _, _, _, _,
    ) = row
    # fmt: on
    facts: KeptFacts = {
        "native_id": native_id,
        "claim": claim,
        "claims": claims,
        "doubt": doubt,
        "owner": owner,
        "cancel_requested_at": _instant(asked),
        "worker": worker,
    }
    return KeptJob(
        job_id,
        class_name,
        backend,
        state,
        status,
        version,
        attempt,
        token,
        {} if metadata == "{}" else json.loads(metadata),  # as it mostly is
        {} if arguments == "{}" else json.loads(arguments),
        _EPOCH + timedelta(microseconds=created_at),
        _EPOCH + timedelta(microseconds=changed_at),
        facts,
        result_kind,
    )


def _clean(text: str) -> str:
    """Return a text that can be stored: file names may bring halves of characters along."""
    return text.encode(errors="backslashreplace").decode()
