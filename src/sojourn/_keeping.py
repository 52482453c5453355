"""How a job is kept in its journal: written before anybody sees it, read again when in doubt.

Several handles, in several processes, may be of one job. Whoever writes first wins; the others
find out when they write, read what has happened, and decide anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from sojourn._book import (
    Book,
    clean,
    name_of_backend,
    name_of_class,
    pack,
    pack_result,
    unpack_result,
)
from sojourn._clock import instant
from sojourn._handle import describe, logger
from sojourn._records import NOT_GIVEN, Record, entry_of
from sojourn._rereading import Rereading
from sojourn.errors import (
    JournalConflictError,
    JournalError,
    JournalUncertainError,
)
from sojourn.history import (
    Anomaly,
    Birth,
    Change,
    Entry,
    KeptFacts,
    PackedResult,
    Story,
)

__all__ = ["Keeping"]

R = TypeVar("R")


class Keeping(Rereading):
    """The part of a job that writes its journal."""

    __slots__ = ()

    # Hooks, for jobs that are kept in a journal.

    def _arguments(self) -> Mapping[str, Any]:
        """Return what the constructor was given besides backend and id, as keyword arguments.

        They are kept with the job, as JSON, and given to the constructor when the job is taken up
        again.
        """
        return {}

    def _pack_result(self, result: Any) -> Any:
        """Return a result as bytes, or as what JSON has; called under the job's lock."""
        return result

    def _unpack_result(self, packed: Any) -> Any:
        """Return the result that `_pack_result` has packed."""
        return packed

    def _sj_decide(self, decide: Callable[[], R]) -> R:
        """Decide under the lock, and again each time that somebody else was faster."""
        while True:
            try:
                return decide()
            except JournalConflictError:
                self._sj_reread()

    def _sj_keep(self, book: Book, record: Record) -> None:
        """Write the entry of a record, and publish it when it is durable."""
        more = record[4]
        if more is not None and more[2] is not None:
            record = (*record[:4], (*more[:2], clean(more[2]), *more[3:]))
        attempt = more[4] if more is not None and more[4] else book.attempt
        entry = entry_of(record, book.version + 1, attempt)
        status = self._sj_rules.statuses[record[0]]
        packed = self._sj_packed(record) if status == "DONE" else None
        self._sj_write(book, entry, status, result=packed)
        self._sj_last = record
        # Until here an interrupt leaves the book unsure, so that it is read again.
        book.version, book.attempt, book.unsure = entry.number, attempt, False

    def _sj_packed(self, record: Record) -> PackedResult | None:
        """Return the result that a record brings, or that is here already, as it is kept."""
        more, facts = record[4], self._sj_facts
        result = NOT_GIVEN if more is None else more[3]
        if result is NOT_GIVEN and facts is not None:
            result = facts.result
        if result is NOT_GIVEN:
            return None
        try:
            packed = self._pack_result(result)
        except Exception as error:
            raise JournalError(
                f"job {self._sj_id!r} cannot pack its result: {describe(error)}; "
                "mend _pack_result()"
            ) from error
        return pack_result(self._sj_id, packed)

    def _sj_write_result(self) -> None:
        """Keep a result that was fetched, where it can be kept; the backend has it all the same."""
        book = self._sj_book()
        if book is None or book.has_result:
            return
        with self._sj_lock:
            try:
                packed = self._sj_packed(("DONE", None, "", None, None))
            except JournalError as error:
                logger.warning("%s; it stays with the backend", error)
                return
            self._sj_decide(lambda: self._sj_keep_result_of(book, packed))

    def _sj_keep_result_of(self, book: Book, packed: PackedResult | None) -> None:
        self._sj_write(book, result=packed, anywhere=True)
        book.unsure = False

    def _sj_has_kept_result(self) -> bool:
        book = self._sj_book()
        return book is not None and book.has_result

    def _sj_kept_result(self) -> Any:
        """Return the result that the journal has, or `NOT_GIVEN`; no lock, no backend."""
        book = self._sj_book()
        packed = book.journal.result(self._sj_id) if book is not None and book.has_result else None
        return NOT_GIVEN if packed is None else self._unpack_result(unpack_result(packed))

    def _sj_write(
        self,
        book: Book,
        entry: Entry | None = None,
        status: str = "",
        *,
        facts: KeptFacts | None = None,
        claims: int | None = None,
        anomaly: Anomaly | None = None,
        result: PackedResult | None = None,
        anywhere: bool = False,
    ) -> None:
        """Make a change durable; the book stays unsure until its caller has published it.

        Args:
            book: The job's place in its journal.
            entry: The next entry.
            status: Name of the status that the entry leads to.
            facts: What changes beside it, besides what is staged.
            claims: How many claims this handle knows, if it makes one.
            anomaly: A report that contradicts.
            result: The result.
            anywhere: Whether the change is right wherever the job has got to meanwhile.

        Raises:
            JournalConflictError: Somebody else was faster, or the book has to be read first.
            JournalUncertainError: Nobody knows what became of it, not even now.
            JournalError: It was not kept.
        """
        state = self._sj_last[0]
        if book.unsure:
            raise JournalConflictError(self._sj_id, f"{state} after entry {book.version}")
        version = None if anywhere else book.version
        birth = None if book.written else self._sj_birth(book)
        facts = book.staged if facts is None else {**book.staged, **facts}
        change = Change(
            self._sj_id, version, state, birth, entry, status, facts, claims, anomaly, result
        )
        book.unsure = True
        try:
            book.journal.write(change)
        except JournalUncertainError as doubt:
            self._sj_settle_doubt(book, change, doubt)
        except JournalConflictError:
            book.lost = True
            raise
        except JournalError:
            book.unsure = False
            raise
        book.written = True
        book.staged = {}

    def _sj_settle_doubt(self, book: Book, change: Change, doubt: JournalUncertainError) -> None:
        """Find out whether a change was kept; return if it was."""
        try:
            story = book.journal.read(self._sj_id, book.version)
        except JournalError:
            raise doubt from None
        if story is not None and story.job.token == book.token and _has(story, change):
            return
        if story is not None and (story.entries or story.job.token != book.token):
            raise JournalConflictError(self._sj_id, f"{change.state} after entry {change.version}")
        book.unsure = False
        raise JournalError(
            f"job {self._sj_id!r} could not be changed in its journal: {doubt.reason}; "
            "nothing has changed, try again"
        ) from doubt

    def _sj_birth(self, book: Book) -> Birth:
        birth, created_at = self._sj_rules.birth, instant(self._sj_born)
        assert birth is not None  # only BaseJob itself is never born
        assert created_at is not None  # every job is
        return Birth(
            name_of_class(type(self)),
            name_of_backend(self._sj_backend),
            birth[0],
            book.token,
            pack(self._sj_id, "metadata", self._sj_metadata),
            pack(self._sj_id, "arguments", self._arguments()),
            created_at,
        )

    # What is kept beside the entries.

    def _sj_stage(self, **facts: Any) -> None:
        """Have the next write take facts along; under the lock."""
        book = self._sj_book()
        if book is None:
            return
        for name in ("native_id", "doubt"):
            if facts.get(name) is not None:
                facts[name] = clean(str(facts[name]))
        book.staged = cast("KeptFacts", {**book.staged, **facts})

    def _sj_keep_staged(self) -> None:
        """Write staged facts if no entry has taken them along."""
        book = self._sj_book()
        if book is not None and book.staged:
            self._sj_keep_facts()

    def _sj_try_to_keep_staged(self) -> None:
        """Do the same where something else is about to be raised; the next write may do it."""
        try:
            self._sj_decide(self._sj_keep_staged)
        except JournalError as error:
            logger.warning("job %r: its journal cannot be written to: %s", self._sj_id, error)

    def _sj_keep_facts(self, **facts: Any) -> None:
        """Write facts, whatever others have written meanwhile; under the lock."""
        book = self._sj_book()
        if book is not None:
            self._sj_write(book, facts=cast("KeptFacts", facts), anywhere=True)
            book.unsure = False

    def _sj_keep_anomaly(self, anomaly: Anomaly) -> None:
        """Write a report that contradicts; under the lock."""
        book = self._sj_book()
        if book is not None:
            raw = anomaly.raw if isinstance(anomaly.raw, str) else repr(anomaly.raw)
            clear = replace(anomaly, raw=clean(raw), reason=clean(anomaly.reason))
            self._sj_write(book, anomaly=clear, anywhere=True)
            book.unsure = False

    def _sj_restored_anomaly(self, reason: str) -> Anomaly | None:
        """Return the anomaly of this reason that came from the journal, if there is one."""
        facts = self._sj_known()
        kept = (each for key, each in facts.anomalies.items() if key[0] == "kept")
        return next((each for each in kept if each.reason == reason), None)

    def _sj_keep_claim(self, kind: str) -> None:
        """Write that this process takes the right to submit or to run the job; under the lock."""
        book = self._sj_book()
        if book is None:
            return
        claims = book.claims + 1
        facts: KeptFacts = {"claim": kind, "claims": claims, "owner": book.owner()}
        self._sj_write(book, facts=facts, claims=book.claims)
        book.claims, book.holder, book.unsure = claims, book.owner(), False


def _has(story: Story, change: Change) -> bool:
    """Whether a change is in what was read after it."""
    if change.entry is not None and story.entries[:1] != (change.entry,):
        return False
    facts: dict[str, Any] = {**story.job.facts}
    return all(facts[name] == value for name, value in change.facts.items())
