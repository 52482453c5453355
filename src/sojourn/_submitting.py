"""How a job is submitted: at most one submission ever reaches the backend.

Decide under the lock who sends it, send it outside, and decide again what came of it.
"""

from __future__ import annotations

import os
import threading
from typing import Any, ClassVar, Self

from sojourn import _clock
from sojourn._asking import overrides
from sojourn._cancelling import Cancelling
from sojourn._handle import SENT, UNCLAIMED, Claim, Facts, describe, firing, logger
from sojourn._machine import Event, Plan
from sojourn._records import COMMAND, More, chain
from sojourn.errors import (
    BackendError,
    JobSubmitError,
    SubmitInterruptedError,
    SubmitUncertainError,
)
from sojourn.history import Journal

__all__ = ["Submitting"]


class Submitting(Cancelling):
    """The part of a job that hands it to its backend."""

    __slots__ = ()

    uncertain_errors: ClassVar[tuple[type[BaseException], ...]] = (OSError,)
    """Errors of `_submit` after which nobody knows whether the backend took the job."""

    def _submit(self) -> str | None:
        """Hand the work to the backend.

        Called once, without the job's lock, and again only by `reconcile` when the backend has
        answered that it has no such job. Raise to refuse; raise one of ``uncertain_errors``
        or `SubmitUncertainError` where the backend may have taken the job all the same.

        Returns:
            The backend's own id, kept as ``native_id``, or ``None`` if it has none.
        """
        return None

    @property
    def submission_token(self) -> str:
        """Names this job's submission, for `_submit` to send along and `_find` to search by.

        32 hexadecimal digits, the same for the job's whole life. With a journal it is durable before
        `_submit` is called, so that whoever takes the job up after a crash searches by the same.
        """
        with self._sj_lock:
            book, facts = self._sj_book(), self._sj_known()
            if book is not None:
                return book.token
            facts.token = facts.token or os.urandom(16).hex()
            return facts.token

    @classmethod
    def attach(
        cls,
        backend: Any,
        job_id: str,
        native_id: str | None = None,
        *,
        journal: Journal | None = None,
        **arguments: Any,
    ) -> Self:
        """Make a handle for a job that was submitted elsewhere; no backend is asked.

        Its state is INITIALIZING until the first look or report; `submit` is refused. If it is in the
        ``journal``, it is where the journal says, with all that it has been through; a job that
        nobody had submitted may be submitted then.

        Args:
            backend: As for the constructor.
            job_id: As for the constructor.
            native_id: The backend's own id.
            journal: Where its entries are kept; it is read.
            arguments: Further arguments of the class's constructor; those that the journal has
                need not be given.

        Raises:
            JournalError: The journal could not be read, or what it has is no life of this class.
        """
        story = None if journal is None else journal.read(job_id)
        if journal is not None and story is not None:
            return cls._sj_restored(backend, story, journal, arguments)
        job = cls(backend, job_id, **arguments)
        with job._sj_lock:
            facts = job._sj_known()
            facts.native_id, facts.claim = native_id, Claim("attached")
            if journal is not None:
                job._sj_keep_in(journal)
                job._sj_stage(native_id=native_id, claim="attached")
        return job

    def submit(self) -> None:
        """Submit the job; at most one submission ever reaches the backend.

        Safe from any thread. What conditions the step ``submit`` has are asked before anything is
        sent. Reports that arrive while the answer is under way count: the job never falls back.

        Raises:
            IllegalTransitionError: It was submitted already, or may not be now; nothing was sent.
            JobSubmitError: The backend refused; the job is in ERROR.
            SubmitUncertainError: Nobody knows whether the backend took it; the job stays as it
                is, and only `reconcile` may go on. After Ctrl-C it is a ``KeyboardInterrupt`` too.
            ReentrantTransitionError: A declared callback may not do this.
        """
        if firing:
            self._sj_refuse_inside("submit", always=True)
        if self._sj_facts is not None or overrides(self._submit, Submitting._submit):
            self._sj_send(UNCLAIMED)
        elif not self._sj_rules.commands["submit"](self):
            raise self._sj_denial("submit", "its conditions say no")

    def _sj_send(self, held: Claim) -> None:
        """Claim the submission, send it, and settle what came of it.

        Args:
            held: The claim that this call may take over: none, or one that is uncertain.
        """
        with (claimant := threading.RLock()):
            try:
                plan = self._sj_claim(Claim("sending", claimant), held)
                hooked = overrides(self._submit, Submitting._submit)
                self._sj_accept(plan, self._submit() if hooked else None)
            except BaseException as error:
                if not self._sj_lose_claim(claimant, error):
                    raise  # it was not ours to send, or a callback raised when it was sent
                self._sj_settle_loss(error)
        if self.cancel_requested:
            self._sj_cancel_late()

    def _sj_claim(self, claim: Claim, held: Claim) -> Plan:
        """Take the right to submit, and choose the branch that a success will take."""

        def decide() -> Plan:
            facts = self._sj_known()
            self._sj_check_claim(facts, held)
            plans = self._sj_rules.tables.get("submit", {}).get(self._sj_last[0])
            if plans is None:
                raise self._sj_rules.refusal(self._sj_id, "submit", self._sj_last[0])
            plan: Plan | None = plans[0]
            if plans[0].condition is not None:
                plan = self._sj_choose(plans, Event(self, (), {}))
            if plan is None:
                raise self._sj_denial("submit", "its conditions say no; nothing was sent")
            self._sj_keep_claim("sending")
            facts.claim = claim
            return plan

        with self._sj_lock:
            return self._sj_decide(decide)

    def _sj_check_claim(self, facts: Facts, held: Claim) -> None:
        if sealed := self._sj_sealed():
            raise self._sj_denial("submit", sealed)
        claim = self._sj_claimed()
        # The very doubt that was asked about: an answer may be older than the next submission.
        if claim is held:
            return
        reasons = {
            "sending": "it is being submitted; wait for that",
            "elsewhere": "another process is submitting it; wait for that",
            "sent": f"it was submitted already, as {facts.native_id!r}",
            "uncertain": f"a submission is uncertain ({claim.doubt}); call reconcile() to go on",
            "attached": "it was submitted elsewhere; this is a handle that was attached to it",
            "refused": f"the backend refused it ({claim.doubt}); make a new job",
            "withdrawn": "it was cancelled before the backend had it; make a new job",
        }
        raise self._sj_denial("submit", reasons[claim.kind])

    def _sj_accept(self, plan: Plan, native_id: str | None) -> None:
        """Take the step, unless reports or triggers have moved the job meanwhile."""

        def accept() -> None:
            if self._sj_last[0] == plan.source:
                self._sj_step(plan, _clock.wall(), COMMAND)
            else:
                self._sj_keep_staged()

        try:
            with self._sj_lock:
                facts = self._sj_known()
                facts.native_id = native_id
                facts.claim = SENT
                self._sj_stage(claim="sent", native_id=native_id, doubt="")
                self._sj_decide(accept)
        finally:
            if self._sj_watch is not None:
                self._sj_tell()

    def _sj_lose_claim(self, claimant: object, error: BaseException) -> bool:
        """Leave the claim refused or in doubt; tell whether it was this caller's."""
        doubtful, text = self._sj_uncertain(error), describe(error)
        try:
            with self._sj_lock:
                facts = self._sj_known()
                if facts.claim.claimant is not claimant:
                    return False
                if doubtful:
                    # Reports say that the backend has it; its id is still to be found out.
                    self._sj_stage(claim="uncertain", doubt=text)
                    facts.claim = Claim("uncertain", doubt=text)
                elif self._sj_reported():
                    self._sj_stage(claim="sent")
                    facts.claim = SENT  # whom the backend reports, it has taken
                else:
                    self._sj_stage(claim="refused", doubt=text)
                    self._sj_decide(lambda: self._sj_refuse(error, text))
                    facts.claim = Claim("refused", doubt=text)
                self._sj_try_to_keep_staged()
                return True
        finally:
            if self._sj_watch is not None:
                self._sj_tell()

    def _sj_refuse(self, error: BaseException, text: str) -> None:
        """Fail the job, under the lock."""
        plans = self._sj_rules.tables["fail"].get(self._sj_last[0])
        if plans is not None:
            more: More = ("command", False, text, error, 0)
            self._sj_step(plans[0], _clock.wall(), more, (error,))

    def _sj_settle_loss(self, error: BaseException) -> None:
        """Raise what an uncertain or refused submission raises; reports overtake a refusal."""
        text = describe(error)
        if isinstance(error, KeyboardInterrupt):
            raise SubmitInterruptedError(text, self._sj_id) from error
        if self._sj_uncertain(error):
            raise SubmitUncertainError(text, self._sj_id) from error
        if self._sj_known().claim is not SENT:
            raise JobSubmitError(text, self._sj_id) from error
        logger.warning(
            "job %r: the backend refused it (%s) and reports it all the same; the reports count",
            self._sj_id,
            repr(text),
        )

    def _sj_uncertain(self, error: BaseException) -> bool:
        doubtful = (*self.uncertain_errors, SubmitUncertainError)
        if isinstance(error, BackendError) and error.transient:
            return True  # a hook's own word for a lost connection
        return isinstance(error, doubtful) or not isinstance(error, Exception)

    def _sj_reported(self) -> bool:
        """Whether any step so far was observed."""
        return any(record[4] and record[4][0] == "observation" for record in chain(self._sj_last))
