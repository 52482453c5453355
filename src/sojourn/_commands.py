"""What a user asks of the backend: submit, cancel, and finding out after a lost answer.

The rule of all of them: decide under the lock, ask the backend outside it, decide again.
"""

from __future__ import annotations

import os
import threading
from typing import Any, ClassVar, Self

from sojourn import _clock
from sojourn._handle import SENT, UNCLAIMED, Claim, Facts, describe, firing, logger
from sojourn._machine import Event, Plan
from sojourn._reconciling import Reconciling
from sojourn.errors import (
    BackendError,
    IllegalTransitionError,
    JobSubmitError,
    SubmitInterruptedError,
    SubmitUncertainError,
)
from sojourn.history import COMMAND, NOT_GIVEN, Journal, More, Outcome, Record, chain
from sojourn.lifecycle import JobStatus

__all__ = ["Commanding", "overrides"]


class Commanding(Reconciling):
    """The part of a job that commands its backend."""

    __slots__ = ()

    uncertain_errors: ClassVar[tuple[type[BaseException], ...]] = (OSError,)
    """Errors of `_submit` after which nobody knows whether the backend took the job."""

    # Hooks, all optional.

    def _submit(self) -> str | None:
        """Hand the work to the backend.

        Called once, without the job's lock, and again only by `reconcile` when the backend has
        answered that it has no such job. Raise to refuse; raise one of ``uncertain_errors``
        or `SubmitUncertainError` where the backend may have taken the job all the same.

        Returns:
            The backend's own id, kept as ``native_id``, or ``None`` if it has none.
        """
        return None

    def _cancel(self) -> bool | None:
        """Ask the backend to stop the job; called without the job's lock.

        Returns:
            ``True``: it is stopped. ``None``: it was asked, and will report. ``False``: refused.
        """
        return False

    def _find(self) -> str | None:
        """Look up at the backend a job that it may or may not have taken.

        Returns:
            Its native id; ``None`` means that the backend *answered* and has no such job. Raise
            where it could not be asked.
        """
        raise NotImplementedError

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

    # Submitting.

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
        if self._sj_facts is not None or overrides(self._submit, Commanding._submit):
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
                hooked = overrides(self._submit, Commanding._submit)
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

    # Finding out.

    def reconcile(self) -> Outcome:
        """Find out where the job really is, and go on from there.

        After an uncertain submission it asks `_find`: if the backend has the job, the job goes on
        as submitted; if the backend *answers* that it has none, it is submitted again, or is
        CANCELLED if somebody has asked for that meanwhile. Any other job that was submitted is
        looked at once, as `status` does.

        Returns:
            `ADVANCED` if the job has moved, else what became of the report.

        Raises:
            BackendError: The backend could not be asked; nothing has changed, ask again.
            SubmitUncertainError: The class has no `_find`, or the new submission is uncertain.
            JobSubmitError: The new submission was refused.
            IllegalTransitionError: The job was never submitted.
            ReentrantTransitionError: A declared callback may not do this.
        """
        if firing:
            self._sj_refuse_inside("reconcile", always=True)
        if sealed := self._sj_sealed():
            raise self._sj_denial("reconcile", sealed)
        before = self._sj_last
        self._sj_catch_up()
        claim, now = self._sj_claimed(), self._sj_last
        if now is not before and now[0] in self._sj_rules.finals:
            return Outcome.ADVANCED
        outcome = self._sj_ask_where_it_is(claim, now)
        return outcome if self._sj_last is before else Outcome.ADVANCED

    def _sj_ask_where_it_is(self, claim: Claim, before: Record) -> Outcome:
        if claim.kind == "uncertain":
            self._sj_find_out(claim)
        elif claim.kind == "elsewhere":
            return Outcome.UNCHANGED  # whoever submits it will say
        elif claim is SENT and before[0] in self._sj_rules.tables.get("submit", {}):
            # The backend has it, and then an interrupt or a callback kept the step from us.
            self._sj_found(claim, self.native_id, f"accepted as {self.native_id}")
        elif claim is SENT and self.native_id is None and overrides(self._find, Commanding._find):
            # It was reported before its id was known.
            self._sj_learn_native_id(self._sj_ask(self._find, "be looked up"))
            return self._sj_look_again()
        elif claim.kind or before[3] is not None:
            return self._sj_look_again()
        else:
            raise self._sj_denial("reconcile", "it was not submitted; call submit()")
        return Outcome.UNCHANGED if self._sj_last is before else Outcome.ADVANCED

    def _sj_catch_up(self) -> None:
        """Read what others have written, if there is a journal."""
        book = self._sj_book()
        if book is None or not (book.written or book.unsure):
            return
        try:
            with self._sj_lock:
                self._sj_reread()
        finally:
            self._sj_tell()

    def _sj_learn_native_id(self, native_id: str | None) -> None:
        with self._sj_lock:
            self._sj_known().native_id = native_id
            self._sj_stage(native_id=native_id)
            self._sj_decide(self._sj_keep_staged)

    def _sj_look_again(self) -> Outcome:
        """Poll once; the waiting part of a job knows how."""
        raise NotImplementedError

    def _sj_find_out(self, doubt: Claim) -> None:
        """Ask `_find` about an uncertain submission, and act on its answer."""
        if not overrides(self._find, Commanding._find):
            raise SubmitUncertainError(
                f"job {self._sj_id!r} may or may not have been taken by the backend: {doubt.doubt}; "
                f"{self._sj_rules.name} has no _find() to ask with, write it, or say with observe() "
                "or fail() what you know"
            )
        native_id = self._sj_ask(self._find, "be looked up")
        if native_id is not None and not native_id:
            raise TypeError(
                f"_find() of job {self._sj_id!r} answers a native id or None, not {native_id!r}"
            )
        if native_id is not None:
            self._sj_found(doubt, native_id, f"found as {native_id}")
        elif self.cancel_requested:
            self._sj_withdraw(doubt)
        elif self._sj_last[0] in self._sj_rules.tables.get("submit", {}):
            self._sj_send(doubt)
        else:
            # Reports or triggers have moved the job past the question; they are what counts.
            with self._sj_lock:
                self._sj_replace(doubt, SENT)
                self._sj_decide(self._sj_keep_staged)

    def _sj_replace(self, old: Claim, new: Claim) -> bool:
        """Put one claim in the place of another, if that is still the one that counts."""
        with self._sj_lock:
            facts = self._sj_known()
            if facts.claim is not old:
                return False
            self._sj_stage(claim=new.kind, doubt=new.doubt)
            facts.claim = new
            return True

    def _sj_found(self, claim: Claim, native_id: str | None, detail: str) -> None:
        """Go on as submitted."""
        more: More = ("recovery", False, detail, NOT_GIVEN, 0)

        def go_on() -> None:
            plans = self._sj_rules.tables.get("submit", {}).get(self._sj_last[0])
            if plans is not None:
                plan = self._sj_choose(plans, Event(self, (), {})) or plans[-1]
                self._sj_step(plan, _clock.wall(), more)
            else:
                self._sj_keep_staged()

        try:
            with self._sj_lock:
                facts = self._sj_known()
                if not self._sj_replace(claim, SENT):
                    return
                facts.native_id = native_id
                self._sj_stage(claim="sent", native_id=native_id, doubt="")
                self._sj_decide(go_on)
        finally:
            if self._sj_watch is not None:
                self._sj_tell()
        if self.cancel_requested:
            self._sj_cancel_late()

    def _sj_withdraw(self, doubt: Claim) -> None:
        """Cancel a job that the backend says it never got."""

        def withdraw() -> None:
            facts, plans = self._sj_known(), self._sj_rules.tables["cancel"]
            if facts.claim is doubt and self._sj_last[0] in plans:
                self._sj_stage(claim="withdrawn")
                self._sj_step(plans[self._sj_last[0]][0], _clock.wall(), COMMAND)
                facts.claim = Claim("withdrawn")

        try:
            with self._sj_lock:
                self._sj_decide(withdraw)
        finally:
            if self._sj_watch is not None:
                self._sj_tell()

    def _sj_ask(self, hook: Any, what: str) -> Any:
        """Call a hook outside the lock; what it raises becomes a `BackendError`."""
        try:
            return hook()
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(
                f"job {self._sj_id!r} cannot {what}: {describe(error)}; it is as it was, ask again",
                self._sj_transient(error),
            ) from error

    def _sj_transient(self, error: BaseException) -> bool:
        """Whether asking again may help; the waiting part of a job knows."""
        return isinstance(error, OSError)

    # Cancelling.

    def cancel(self) -> bool:
        """Ask the backend to stop this job.

        A job that nobody has submitted is CANCELLED at once. While it is being submitted, the
        request is remembered and carried out by the submitting thread. Otherwise `_cancel` asks
        the backend, and CANCELLED is what the backend confirms: until then ``cancel_requested``
        is true, and the job may still reach DONE or ERROR first. Safe from any thread, any number
        of times.

        Returns:
            Whether the job is cancelled or the request was taken. ``False`` if the backend
            refuses, if the class has no `_cancel`, and for a job that is DONE or in ERROR.

        Raises:
            BackendError: The backend could not be asked; the job is as it was.
            ReentrantTransitionError: A declared callback may not do this.
        """
        if firing:
            self._sj_refuse_inside("cancel", always=True)
        answer = self._sj_cancel_now()
        if answer is not None:
            return answer
        return self._sj_cancel_live()

    def _sj_cancel_now(self) -> bool | None:
        """Answer what needs no backend; ``None`` if the backend must be asked."""

        def decide() -> bool | None:
            if sealed := self._sj_sealed():
                raise self._sj_denial("cancel", sealed)
            state, facts = self._sj_last[0], self._sj_facts
            if state in self._sj_rules.finals:
                return state == "CANCELLED"
            claim = self._sj_claimed().kind
            hooked = overrides(self._cancel, Commanding._cancel)
            if facts is not None and claim in ("sending", "uncertain", "elsewhere"):
                self._sj_request_cancel(True)
                return True
            if claim or self.state.status is not JobStatus.INITIALIZING:
                return None if hooked else False
            plan = self._sj_rules.tables["cancel"][state][0]
            self._sj_step(plan, _clock.wall(), COMMAND)
            return True

        try:
            with self._sj_lock:
                return self._sj_decide(decide)
        finally:
            if self._sj_watch is not None:
                self._sj_tell()

    def _sj_cancel_live(self) -> bool:
        """Ask the backend, outside the lock."""
        answer = self._sj_ask(self._cancel, "be cancelled")
        if answer is True:
            return self._sj_take_cancel()
        if answer is False:
            return self._sj_last[0] == "CANCELLED"
        if answer is not None:
            raise TypeError(
                f"_cancel() of job {self._sj_id!r} answers True, None or False, not {answer!r}"
            )

        def note() -> None:
            if self._sj_last[0] not in self._sj_rules.finals:
                self._sj_request_cancel(True)

        with self._sj_lock:
            self._sj_decide(note)
            return self._sj_last[0] not in ("DONE", "ERROR")

    def _sj_request_cancel(self, asked: bool) -> None:
        """Keep whether somebody has asked to cancel the job; under the lock."""
        at = _clock.instant(_clock.wall()) if asked else None
        self._sj_keep_facts(cancel_requested_at=at)
        self._sj_known().cancel_requested = asked

    def _sj_take_cancel(self) -> bool:
        """Take the step; a final state that was reached meanwhile wins."""
        try:
            self._sj_rules.commands["cancel"](self)
        except IllegalTransitionError:
            if self._sj_last[0] not in self._sj_rules.finals:
                raise
        return self._sj_last[0] == "CANCELLED"

    def _sj_cancel_late(self) -> None:
        """Carry out a request that was taken while the submission was in flight."""
        try:
            if self._sj_last[0] not in self._sj_rules.finals and not self._sj_cancel_live():
                with self._sj_lock:
                    self._sj_decide(lambda: self._sj_request_cancel(False))
                logger.warning("job %r: the backend refused to cancel it", self._sj_id)
        except Exception as error:  # noqa: BLE001  # the submission succeeded all the same
            logger.warning("job %r: its cancel request failed: %r", self._sj_id, error)


def overrides(bound: Any, default: Any) -> bool:
    """Tell whether a hook is the author's own; one set on a single job counts too."""
    return getattr(bound, "__func__", None) is not default
