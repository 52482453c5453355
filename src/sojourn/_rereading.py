"""How a job is read from its journal: made from it, and brought up to it when others have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from sojourn._book import Book
from sojourn._handle import SENT, UNCLAIMED, Claim
from sojourn._records import chain, record_of
from sojourn._telling import Telling
from sojourn.errors import JournalError
from sojourn.history import Entry, Journal, KeptFacts, Story, replay

__all__ = ["Rereading"]


class Rereading(Telling):
    """The part of a job that reads its journal."""

    __slots__ = ()

    def _sj_book(self) -> Book | None:
        watch = self._sj_watch
        return None if watch is None else watch.book

    @classmethod
    def _made_again(cls, backend: Any, job_id: str, arguments: Mapping[str, Any]) -> Self:
        return cls(backend, job_id, **arguments)

    @classmethod
    def _sj_restored(
        cls, backend: Any, story: Story, journal: Journal, arguments: Mapping[str, Any]
    ) -> Self:
        """Make a handle of a job that is in a journal, as it stands there.

        Raises:
            JournalError: Its history is no life of this class.
        """
        kept = story.job
        replay(cls.lifecycle, story.entries)
        job = cls._made_again(backend, kept.job_id, {**kept.arguments, **arguments})
        with job._sj_lock:
            job._sj_metadata = dict(kept.metadata)
            job._sj_born = kept.created_at.timestamp()
            job._sj_keep_in(journal)
            book = job._sj_book()
            assert book is not None  # it was made in the line before
            book.token = kept.token
            job._sj_adopt(book, story)
        return job

    def _sj_reread(self) -> None:
        """Catch up with the journal, under the lock.

        Raises:
            JournalError: It cannot be read, or it contradicts what this job has been through; the
                job does not change until it can be.
        """
        book = self._sj_book()
        if book is None:
            raise JournalError(
                f"job {self._sj_id!r} has no journal; a callback raised an error of journals"
            )
        known = len(chain(self._sj_last))
        story = book.journal.read(self._sj_id, known)
        if story is None:
            self._sj_check_gone(book)
        else:
            self._sj_check_story(book, story, known)
            self._sj_adopt(book, story)
        book.lost = book.unsure = False

    def _sj_check_gone(self, book: Book) -> None:
        if book.written or book.lost:
            raise JournalError(
                f"job {self._sj_id!r} is not in its journal any more; "
                "somebody has put another file in its place, and this job changes no more"
            )

    def _sj_check_story(self, book: Book, story: Story, known: int) -> None:
        if not book.written and self._sj_claimed().kind == "attached":
            book.token = story.job.token  # two handles of one job that neither had written yet
        if story.job.token != book.token:
            raise JournalError(
                f"job {self._sj_id!r} is in the journal already, as {story.job.status}; "
                "take it up with attach() or recover(), or choose another id"
            )
        if story.job.version < known:
            raise JournalError(
                f"job {self._sj_id!r} has {known} entries and its journal only "
                f"{story.job.version}; the file is older than this job, which changes no more"
            )
        news = story.entries or story.job.facts["claims"] != book.claims or not book.written
        if book.lost and not news:
            raise JournalError(
                f"job {self._sj_id!r} is refused by its journal, which knows nothing newer; "
                "check() tells whether it is damaged"
            )

    def _sj_adopt(self, book: Book, story: Story) -> None:
        """Take over what others have written, under the lock."""
        last, attempt, number = self._sj_last, book.attempt, story.job.version - len(story.entries)
        for number, entry in enumerate(story.entries, number + 1):  # noqa: B020  # it goes on counting
            if entry.source != last[0] or entry.number != number or not self._sj_knows(entry):
                raise JournalError(
                    f"job {self._sj_id!r} cannot take entry {number} from its journal: "
                    f"{entry.trigger} from {entry.source} to {entry.dest} while {last[0]}; "
                    "the history is damaged or belongs to another class"
                )
            last = record_of(entry, last, attempt)
            attempt = entry.attempt
        self._sj_adopt_facts(book, story)
        self._sj_last = last
        book.written, book.version, book.attempt = True, number, attempt
        book.claims = story.job.facts["claims"]
        book.has_result = bool(story.job.result_kind)
        book.holder = story.job.facts["owner"] or ""
        book.worker = story.job.facts["worker"] or ""

    def _sj_adopt_facts(self, book: Book, story: Story) -> None:
        kept = story.job.facts
        if kept["claims"] != book.claims:
            book.staged = {}  # whoever has claimed the job since knows better
        facts = self._sj_known()
        facts.native_id = kept["native_id"] or facts.native_id
        facts.cancel_requested = kept["cancel_requested_at"] is not None
        if "claim" not in book.staged:
            facts.claim = _claim_of(kept, facts.claim, book)
        for anomaly in story.anomalies:
            known = (each.reason for each in facts.anomalies.values())
            if anomaly.reason not in known:
                facts.anomalies["kept", anomaly.reason, anomaly.at] = anomaly

    def _sj_knows(self, entry: Entry) -> bool:
        return entry.dest in self._sj_rules.states


def _claim_of(kept: KeptFacts, known: Claim, book: Book) -> Claim:
    """Return how far a submission went, as the journal knows it.

    Args:
        kept: What the journal knows.
        known: What this handle knows.
        book: This handle's place in the journal.
    """
    kind, owner = kept["claim"], kept["owner"] or ""
    if kind == "sent":
        return SENT
    if kind == "sending":
        if owner == book.owner():
            return known  # it is in this handle's hands, even if it was not told so
        if owner and book.takes_for_alive(owner):
            return Claim("elsewhere")
        return Claim("uncertain", doubt="the process that submitted it has ended")
    if kind == known.kind:
        return known
    return Claim(kind, doubt=kept["doubt"]) if kind else UNCLAIMED
