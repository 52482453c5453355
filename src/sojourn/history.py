"""What did happen: entries, observations and their outcomes, replay, and where entries are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol, TypedDict

from sojourn.errors import JournalError
from sojourn.lifecycle import Lifecycle, State

__all__ = [
    "Anomaly",
    "Birth",
    "Change",
    "Entry",
    "Journal",
    "KeptFacts",
    "KeptJob",
    "Observation",
    "Origin",
    "Outcome",
    "PackedResult",
    "Story",
    "replay",
]

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


class Entry(NamedTuple):
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


class Birth(NamedTuple):
    """Who a job is; what a journal learns of it once, with the first change.

    Attributes:
        class_name: Its class, as ``module:qualified name``.
        backend: What its backend is called.
        state: Name of the state that it was born in.
        token: Names the job for ever, and its submission at the backend.
        metadata: The notes of its user, as JSON.
        arguments: What its constructor was given besides, as JSON.
        created_at: When it was made; aware UTC.
    """

    class_name: str
    backend: str
    state: str
    token: str
    metadata: str
    arguments: str
    created_at: datetime


class KeptFacts(TypedDict, total=False):
    """What a journal keeps of a job beside its entries; only what is given is changed.

    Attributes:
        native_id: The backend's own id.
        claim: How far its submission went: sending, sent, uncertain, refused, withdrawn, attached.
        claims: How often the right to submit or to run it was taken; the number that fences.
        doubt: Why the submission is uncertain or was refused.
        owner: The process that took that right, by the name that it has for ever.
        cancel_requested_at: When somebody asked to cancel it; ``None`` when that was answered.
        worker: The process that does the work, where that is one of this machine.
    """

    native_id: str | None
    claim: str
    claims: int
    doubt: str
    owner: str | None
    cancel_requested_at: datetime | None
    worker: str | None


class PackedResult(NamedTuple):
    """A result as it is kept.

    Attributes:
        kind: ``"json"`` or ``"bytes"``.
        data: JSON in UTF-8, or whatever the job class made of it.
    """

    kind: Literal["json", "bytes"]
    data: bytes


def first_facts() -> KeptFacts:
    """Return what is kept beside the entries of a job that was just born."""
    return {
        "native_id": None,
        "claim": "",
        "claims": 0,
        "doubt": "",
        "owner": None,
        "cancel_requested_at": None,
        "worker": None,
    }


class Change(NamedTuple):
    """One change of one job, which a journal makes as a whole or not at all.

    Attributes:
        job_id: Id of the job.
        version: How many entries the writer knows; ``None`` if that does not matter.
        state: Name of the state that the writer knows.
        birth: Who the job is, if the writer has not written it yet; it must not be there.
        entry: The next entry; its number is ``version + 1``.
        status: Name of the status that the entry's destination stands for.
        facts: What changes beside it.
        claims: How many claims the writer knows, if it makes one; compared as ``version`` is.
        anomaly: A report that contradicts; it takes the place of one that is the same but for
            its count.
        result: The result, for an entry that leads to DONE, or fetched later.
    """

    job_id: str
    version: int | None
    state: str
    birth: Birth | None = None
    entry: Entry | None = None
    status: str = ""
    facts: KeptFacts = {}
    claims: int | None = None
    anomaly: Anomaly | None = None
    result: PackedResult | None = None


class KeptJob(NamedTuple):
    """What a journal knows of one job.

    Attributes:
        job_id: Its id.
        class_name: Its class, as ``module:qualified name``.
        backend: What its backend is called.
        state: Name of its state.
        status: Name of the status that its state stands for.
        version: How many entries it has.
        attempt: Which run of the job this is.
        token: Names the job for ever, and its submission at the backend.
        metadata: The notes of its user.
        arguments: What its constructor was given besides.
        created_at: When it was made; aware UTC.
        changed_at: When the journal got its latest change; aware UTC.
        facts: What is kept beside the entries; all of them.
        result_kind: How its result is kept; ``""`` if none is.
    """

    job_id: str
    class_name: str
    backend: str
    state: str
    status: str
    version: int
    attempt: int
    token: str
    metadata: dict[str, Any]
    arguments: dict[str, Any]
    created_at: datetime
    changed_at: datetime
    facts: KeptFacts
    result_kind: str = ""


class Story(NamedTuple):
    """A job with all that a journal keeps of it, read at one moment.

    Attributes:
        job: The job.
        entries: Its entries, those that were asked for.
        anomalies: Reports that contradicted.
    """

    job: KeptJob
    entries: tuple[Entry, ...]
    anomalies: tuple[Anomaly, ...]


class Journal(Protocol):
    """Where entries are kept so that they outlive the process.

    Any method may be called from any thread, and several processes may use one journal. A journal
    never calls a job. It does not know the classes of its jobs, and never repairs what it finds.

    A journal of processes that cannot see one another, on several machines or in several containers,
    has one more method, ``is_alive(owner: str) -> bool | None``: whether the process of that name
    lives. ``None`` stands for yes, since nobody takes a job from an owner that may live. Without it
    this machine is asked: a process of another machine has ended, one of another container lives.
    """

    def write(self, change: Change) -> None:
        """Make a change; return only when it is durable.

        Called under the job's lock, after the callbacks that may refuse the transition and before
        anybody sees it.

        Raises:
            JournalConflictError: The job is not where the writer thinks, or is there already.
            JournalUncertainError: Nobody knows whether the change was made; read it again.
            JournalError: The change was not made.
        """

    def read(self, job_id: str, after: int = 0) -> Story | None:
        """Return a job with its entries numbered above ``after``; ``None`` if it is not there.

        Raises:
            JournalError: It could not be read, or is damaged.
        """

    def result(self, job_id: str) -> PackedResult | None:
        """Return the result of a job, if it is kept.

        Raises:
            JournalError: It could not be read, or is damaged.
        """

    def jobs(
        self,
        *,
        status: str | Iterable[str] | None = None,
        backend: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[KeptJob, ...]:
        """Return the jobs, the latest made first.

        None is left out in silence because it is damaged, even if nobody can tell any more whether it
        is one of those that are asked for. With a limit, only as many are looked at as it takes.

        Args:
            status: A status, or several of them.
            backend: What their backend is called.
            since: Only those that have changed since; aware.
            limit: How many at most.

        Raises:
            JournalDamageError: Some are damaged; the error has the others.
            JournalError: They could not be read.
            ValueError: The question makes no sense: a status that is none, a negative limit, a time
                without its zone.
        """

    def history(self, job_id: str) -> tuple[Entry, ...]:
        """Return the entries of a job, in order.

        Raises:
            JournalError: The journal has no such job, or it could not be read, or is damaged.
        """

    def cancel_requests(self) -> tuple[str, ...]:
        """Return the ids of jobs that somebody has asked to cancel, and that are not over.

        Raises:
            JournalError: They could not be read.
        """

    def check(self) -> tuple[str, ...]:
        """Verify everything, repair nothing, and return a sentence for each thing that is wrong."""


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
