"""What a job holds of its history: its latest record, which holds the one before it.

The first one is the one that the job was born with, and is no entry. One store therefore
publishes state and history together. Plain tuples of strings and floats cost 30 ns, and the
garbage collector stops looking at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sojourn.errors import JobError
from sojourn.history import Entry, Origin

__all__ = [
    "COMMAND",
    "INFERRED",
    "NOT_GIVEN",
    "More",
    "NotGiven",
    "Record",
    "attempt_of",
    "birth",
    "chain",
    "entries_of",
    "entry_of",
    "record_of",
]

#   (state, seconds since the epoch or None, trigger, previous record, more or None)
#   more = (origin, inferred, detail, payload, attempt begun here or 0)
More = tuple[Origin, bool, str | None, object, int]
Record = tuple[str, float | None, str, "Record | None", More | None]


class NotGiven:
    """The payload of a transition that was given none; ``None`` is a payload."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __reduce__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()
COMMAND: More = ("command", False, None, NOT_GIVEN, 0)
INFERRED: More = ("observation", True, None, NOT_GIVEN, 0)


def birth(state: str) -> Record:
    """Return the record that a job is born with; it is no entry."""
    return (state, None, "", None, None)


def chain(last: Record, until: Record | None = None) -> list[Record]:
    """Return the records that are entries, oldest first, and only those after ``until``."""
    found: list[Record] = []
    record: Record | None = last
    while record is not None and record is not until and record[3] is not None:
        found.append(record)
        record = record[3]
    found.reverse()
    return found


def attempt_of(last: Record) -> int:
    """Return the attempt that a record belongs to."""
    record: Record | None = last
    while record is not None:
        more = record[4]
        if more is not None and more[4]:
            return more[4]
        record = record[3]
    return 1


_new = tuple.__new__


def entry_of(record: Record, number: int, attempt: int) -> Entry:
    """Make the entry of a record, given its number and its attempt."""
    dest, seconds, trigger, previous, more = record
    at = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    source = previous[0] if previous is not None else dest
    origin, inferred, detail = ("trigger", False, None) if more is None else more[:3]
    # A third of the time that `Entry(…)` takes, and there are as many as transitions.
    return _new(Entry, (number, at, trigger, source, dest, attempt, inferred, origin, detail))


def entries_of(last: Record) -> Iterator[Entry]:
    """Make the entries of a job from its latest record, oldest first."""
    attempt = 1
    for number, record in enumerate(chain(last), 1):
        more = record[4]
        attempt = (more and more[4]) or attempt
        yield entry_of(record, number, attempt)


def record_of(entry: Entry, previous: Record, attempt: int) -> Record:
    """Return the record of an entry that follows another record."""
    begun = entry.attempt if entry.attempt != attempt else 0
    payload: object = NOT_GIVEN
    if entry.dest == "ERROR":
        payload = JobError(entry.detail or "no reason was given")
    seconds = None if entry.at is None else entry.at.timestamp()
    plain = entry.origin == "trigger" and entry.detail is None and not (entry.inferred or begun)
    more = (entry.origin, entry.inferred, entry.detail, payload, begun)
    return (
        entry.dest,
        seconds,
        entry.trigger,
        previous,
        None if plain and payload is NOT_GIVEN else more,
    )
