"""What a job is made of: who it is, where it stands, its lock, and what else is known of it.

The state and the history of a job are one immutable record in one slot, so that a single store
publishes both: readers need no lock, and an interrupt cannot land between them.
"""

from __future__ import annotations

import _thread
import logging
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from sojourn import _clock
from sojourn._book import Book, pack
from sojourn._records import NOT_GIVEN, Record, attempt_of, entries_of
from sojourn.errors import IllegalTransitionError
from sojourn.history import Entry, Journal
from sojourn.lifecycle import Lifecycle, State

if TYPE_CHECKING:
    from sojourn._rules import Rules

__all__ = [
    "SENT",
    "UNCLAIMED",
    "Claim",
    "Facts",
    "Handle",
    "Watch",
    "describe",
    "firing",
    "is_free",
    "logger",
]

logger = logging.getLogger("sojourn")

# `threading.RLock` is a Python function around this class, and takes twice as long. It is passed
# by only while it is the genuine one: tools that explore thread schedules put theirs in its place.
_FACTORY = threading.RLock
_CLock = _thread.RLock

#: Who is inside a declared callback: the thread, its job, and whether that job has changed yet.
#: Almost always empty, and the generated triggers ask only for that.
firing: dict[int, tuple[Handle, bool]] = {}


class Watch:
    """Why a transition of a job has to take the longer way: somebody wants to know of it.

    Attributes:
        book: The place in a journal, where entries become durable before they are seen.
        sealed: Why the job changes no more (it is a snapshot), or ``""``.
        waiters: Whose ``release()`` is called at the next change: locks of threads that sleep.
        enders: The same, for those who want to know of the end only.
        registrations: Outsiders to be called, in order of registration.
        told: The latest record that was announced to them, its number and its attempt.
        drain: Held by the thread that announces; a lock as soon as there are outsiders.
        busy: Whether that thread is in the middle of it.
    """

    __slots__ = (
        "book",
        "busy",
        "drain",
        "enders",
        "registrations",
        "sealed",
        "told",
        "waiters",
    )

    told: tuple[Record, int, int]

    def __init__(self) -> None:
        """Start with nobody; `told` is set with the first registration."""
        self.book: Book | None = None
        self.sealed = ""
        self.waiters: list[Any] = []
        self.enders: list[Any] = []
        self.registrations: tuple[Any, ...] = ()
        self.drain: Any = None
        self.busy = False

    @property
    def idle(self) -> bool:
        """Whether nobody wants to know any more."""
        return self.book is None and not (
            self.sealed or self.waiters or self.enders or self.registrations
        )


class Claim(NamedTuple):
    """How far a submission went; one value, so that one store changes all of it.

    Attributes:
        kind: ``""``, sending, sent, uncertain, refused, withdrawn, attached, or elsewhere:
            another process is sending.
        claimant: Lock that the call which sends holds; free while sending, it was interrupted.
        doubt: Why it is uncertain or was refused.
    """

    kind: str = ""
    claimant: Any = None
    doubt: str = ""


UNCLAIMED = Claim()
SENT = Claim("sent")


class Facts:
    """What is known of a job beside its record; most jobs in a large batch never need one.

    Attributes:
        native_id: The backend's own id.
        claim: How far a submission went; `Handle._sj_claimed` is the way to ask.
        cancel_requested: Whether a cancel request was taken and not answered yet.
        result: What `_fetch_result` gave.
        look: The poll in flight.
        fetch: The fetch in flight.
        failing: Whether the latest poll failed.
        anomalies: Reports that contradict, by what makes them the same.
        token: Names the submission at the backend, once somebody has asked for it.
    """

    __slots__ = (
        "anomalies",
        "cancel_requested",
        "claim",
        "failing",
        "fetch",
        "look",
        "native_id",
        "result",
        "token",
    )

    def __init__(self) -> None:
        """Start with nothing known."""
        self.native_id: str | None = None
        self.claim = UNCLAIMED
        self.cancel_requested = False
        self.result: object = NOT_GIVEN
        self.look: Any = None
        self.fetch: Any = None
        self.failing = False
        self.anomalies: dict[Any, Any] = {}
        self.token = ""


class Handle:
    """The lowest part of a job: its identity, and what anybody may read without I/O."""

    # Names that no provider's class uses: they keep _status, _result, _job_id and _backend for
    # themselves.
    __slots__ = (
        "__weakref__",
        "_sj_backend",
        "_sj_born",
        "_sj_facts",
        "_sj_id",
        "_sj_last",
        "_sj_lock",
        "_sj_metadata",
        "_sj_watch",
    )

    _sj_rules: ClassVar[Rules]
    lifecycle: ClassVar[Lifecycle]
    """The frozen declaration of this class."""

    def __init__(
        self,
        backend: Any,
        job_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Make a job that nobody has submitted yet; no I/O.

        Args:
            backend: Where it will run; kept and given back by `backend`, never looked into.
            job_id: Its name: 1 to 255 printable characters.
            metadata: Notes of yours; copied.
            journal: Where its entries are kept so that they outlive the process.

        Raises:
            TypeError: The id is not a string, or the class is the abstract `BaseJob` itself.
            ValueError: The id is empty, too long, or has characters that cannot be printed.
            JournalError: It has a journal, and metadata that are not JSON.
        """
        if not (isinstance(job_id, str) and 0 < len(job_id) < 256 and job_id.isprintable()):
            _refuse_id(job_id)
        birth = self._sj_rules.birth
        if birth is None:
            raise TypeError("BaseJob is abstract; subclass it, an empty body is enough")
        make = threading.RLock
        self._sj_backend = backend
        self._sj_id = job_id
        self._sj_born = _clock.wall()
        self._sj_lock = _CLock() if make is _FACTORY else make()
        self._sj_last: Record = birth
        self._sj_metadata = {} if metadata is None else dict(metadata)
        self._sj_facts: Facts | None = None
        self._sj_watch: Watch | None = None
        if journal is not None:
            self._sj_keep_in(journal)

    def backend(self) -> Any:
        """Return the backend that was given; ``None`` for a snapshot."""
        return self._sj_backend

    def job_id(self) -> str:
        """Return the id that was given."""
        return self._sj_id

    @property
    def state(self) -> State:
        """The state now, from memory."""
        return self._sj_rules.states[self._sj_last[0]]

    @property
    def history(self) -> tuple[Entry, ...]:
        """All entries so far; always a path in the lifecycle."""
        return tuple(entries_of(self._sj_last))

    @property
    def attempt(self) -> int:
        """Which run of the job this is, counted from 1."""
        return attempt_of(self._sj_last)

    @property
    def created_at(self) -> datetime:
        """When the job object was made; aware UTC."""
        at = _clock.instant(self._sj_born)
        assert at is not None  # every job is born
        return at

    @property
    def metadata(self) -> dict[str, Any]:
        """Notes of yours; sojourn keeps them and never looks into them."""
        return self._sj_metadata

    @property
    def native_id(self) -> str | None:
        """The backend's own id for this job; ``None`` until it is known."""
        facts = self._sj_facts
        return None if facts is None else facts.native_id

    @property
    def cancel_requested(self) -> bool:
        """Whether a request to cancel was taken; the job may still finish first."""
        facts = self._sj_facts
        return facts is not None and facts.cancel_requested

    def __repr__(self) -> str:
        """Tell the job's story in one line."""
        record = self._sj_last
        state = self._sj_rules.states[record[0]]
        stands = "" if state.name == state.status.value else f" ({state.status})"
        since = self._sj_born if record[3] is None else record[1]
        lasted = "" if since is None else f" for {max(0.0, _clock.wall() - since):.1f} s"
        kind = type(self).__name__
        return f"<{kind} {self._sj_id!r} {state.name}{stands}{lasted}, attempt {self.attempt}>"

    # For the other parts of a job.

    def _sj_denial(self, what: str, reason: str) -> IllegalTransitionError:
        """Return the error for something that is refused though the state would allow it."""
        return self._sj_rules.denial(self._sj_id, what, self._sj_last[0], reason)

    def _sj_sealed(self) -> str:
        """Return why this job changes no more, or ``""``."""
        watch = self._sj_watch
        return "" if watch is None else watch.sealed

    def _sj_known(self) -> Facts:
        """Return the facts beside the record, made when first needed; under the lock."""
        if self._sj_facts is None:
            self._sj_facts = Facts()
        return self._sj_facts

    def _sj_claimed(self) -> Claim:
        """Return how far a submission went; one whose call was interrupted is uncertain."""
        facts = self._sj_facts
        if facts is None:
            return UNCLAIMED
        if facts.claim.kind == "sending":
            with self._sj_lock:  # in a forked child, it settles what the parent was about to do
                if facts.claim.kind == "sending" and is_free(facts.claim.claimant):
                    facts.claim = Claim("uncertain", doubt="it was interrupted")
        return facts.claim

    def _sj_keep_in(self, journal: Journal) -> None:
        """Have every change kept in a journal from now on."""
        if isinstance(journal, str | os.PathLike):
            raise TypeError(
                f"journal must be a journal, such as SQLiteJournal({str(journal)!r}), not a path"
            )
        pack(str(self._sj_id), "metadata", self._sj_metadata)  # now, and not when it is too late
        self._sj_watching().book = Book(journal)

    def _sj_watching(self) -> Watch:
        """Return the watch, made when first needed; under the lock."""
        if self._sj_watch is None:
            self._sj_watch = Watch()
        return self._sj_watch


def is_free(lock: Any) -> bool:
    """Tell whether no thread holds an `threading.RLock`; a `with` statement never leaks one."""
    if lock._is_owned():
        return False
    try:
        return bool(lock.acquire(blocking=False))
    finally:
        try:
            lock.release()
        except RuntimeError:
            pass  # another thread holds it


def _refuse_id(job_id: object) -> None:
    if not isinstance(job_id, str):
        raise TypeError(f"a job id must be a str, not {type(job_id).__name__} {job_id!r:.80}")
    raise ValueError(
        f"a job id must be 1 to 255 printable characters, not {len(job_id)}: {job_id!r:.80}"
    )


def describe(error: object) -> str:
    """Return the text of a reason, such as what a job failed with.

    Raises:
        TypeError: It is neither a text nor an exception.
    """
    if isinstance(error, str):
        return error
    if isinstance(error, BaseException):
        try:
            text = str(error)
        except Exception:  # noqa: BLE001  # whatever an author's __str__ raises
            text = ""
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    raise TypeError(f"a reason is a text or an exception, not {error!r:.80}")
