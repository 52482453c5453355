"""What did happen: entries, observations and their outcomes, replay, and where entries are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from sojourn import _clock
from sojourn.errors import JournalError
from sojourn.lifecycle import Lifecycle, State

__all__ = ["Anomaly", "Entry", "Journal", "Observation", "Origin", "Outcome", "replay"]

Origin = Literal["trigger", "command", "observation", "recovery"]


class Outcome(StrEnum):
    """What became of an observation.

    Example:
        >>> class PrintJob(BaseJob): ...
        >>> job = PrintJob("printer", "cup-1")
        >>> [str(job.observe(word)) for word in ("RUNNING", "RUNNING", "QUEUED", "DONE", "ERROR")]
        ['ADVANCED', 'UNCHANGED', 'STALE', 'ADVANCED', 'CONFLICT']
    """

    UNCHANGED = "UNCHANGED"
    """It says what was known already."""
    ADVANCED = "ADVANCED"
    """The job moved on to what it says."""
    STALE = "STALE"
    """It is late; dropped."""
    CONFLICT = "CONFLICT"
    """It contradicts what is known; dropped, and kept among the anomalies."""


class Observation(NamedTuple):
    """What a backend says about a job: evidence, not an order.

    Attributes:
        raw: A state, a status, or a raw word that ``status_map`` knows.
        at: When the backend says that it happened; aware. ``None`` means now.
        attempt: Which run of the job it speaks of. ``None`` means the present one.
        reason: Why, in the backend's words, or as an exception.

    Example:
        >>> Observation("scrap", reason="the tool broke").reason
        'the tool broke'
    """

    raw: object
    at: datetime | None = None
    attempt: int | None = None
    reason: str | BaseException | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded transition of one job.

    Attributes:
        number: 1, 2, … without gaps; the order of entries is the order of their numbers.
        at: Wall clock, aware UTC; never used for order, and ``None`` where it was inferred.
        trigger: Name of the trigger.
        source: Name of the state that was left.
        dest: Name of the state that was entered.
        attempt: Which run of the job the entered state belongs to; 1, 2, …
        inferred: Whether nobody saw the step, and it follows from what was seen later.
        origin: Who caused it.
        detail: The raw word of the backend, or the reason.

    Example:
        >>> class PrintJob(BaseJob): ...
        >>> job = PrintJob("printer", "cup-1")
        >>> job.observe("RUNNING")
        <Outcome.ADVANCED: 'ADVANCED'>
        >>> [(entry.number, entry.trigger, entry.inferred) for entry in job.history]
        [(1, 'submit', True), (2, 'start', False)]
    """

    number: int
    at: datetime | None
    trigger: str
    source: str
    dest: str
    attempt: int
    inferred: bool
    origin: Origin
    detail: str | None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A report that contradicted what was known about a job.

    Attributes:
        raw: What was reported.
        state: Name of the state in which it found the job.
        attempt: The attempt it found the job in.
        reason: Why it was dropped.
        at: When it came first; aware UTC.
        count: How often it came.
    """

    raw: object
    state: str
    attempt: int
    reason: str
    at: datetime
    count: int


class Journal(Protocol):
    """Where entries are kept so that they outlive the process."""

    def append(self, job_id: str, entry: Entry) -> None:
        """Keep ``entry``; return only when it is durable.

        Called under the job's lock, after the callbacks that may refuse the transition and before
        anybody sees it; it must not call the job.

        Raises:
            JournalError: It could not be kept. The transition then does not happen.
        """


# A job holds its latest record; a record holds the one before it, down to the one that the job
# was born with. One store therefore publishes state and history together. Plain tuples of
# strings and floats cost 30 ns, and the garbage collector stops looking at them.
#
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


def entry_of(record: Record, number: int, attempt: int) -> Entry:
    """Make the entry of a record, given its number and its attempt."""
    at, previous, more = _clock.instant(record[1]), record[3], record[4]
    source = previous[0] if previous is not None else record[0]
    if more is None:
        return Entry(number, at, record[2], source, record[0], attempt, False, "trigger", None)
    return Entry(number, at, record[2], source, record[0], attempt, more[1], more[0], more[2])


def entries_of(last: Record) -> Iterator[Entry]:
    """Make the entries of a job from its latest record, oldest first."""
    attempt = 1
    for number, record in enumerate(chain(last), 1):
        more = record[4]
        attempt = (more and more[4]) or attempt
        yield entry_of(record, number, attempt)


def replay(lifecycle: Lifecycle, entries: Iterable[Entry]) -> State:
    """Return the state to which ``entries`` lead from the beginning.

    Raises:
        JournalError: The entries are no path in ``lifecycle``: a gap in the numbers, a step that
            no transition declares, or a wrong attempt.
    """
    state, attempt = lifecycle.initial, 1
    steps = {
        (edge.trigger, edge.source.name, edge.dest.name, edge.new_attempt): edge.dest
        for edge in lifecycle.transitions
    }
    for number, entry in enumerate(entries, 1):
        again = entry.attempt == attempt + 1
        dest = steps.get((entry.trigger, entry.source, entry.dest, again))
        known = again or entry.attempt == attempt
        if entry.number != number or entry.source != state.name or dest is None or not known:
            raise JournalError(
                f"entry {entry.number} cannot follow {state.name} in attempt {attempt} as number "
                f"{number}: {entry.trigger} from {entry.source} to {entry.dest} in attempt "
                f"{entry.attempt}; the history is damaged or belongs to another class"
            )
        state, attempt = dest, entry.attempt
    return state
