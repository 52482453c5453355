"""How it is found out where a job really is, after a lost answer or a crash."""

from __future__ import annotations

from sojourn import _clock
from sojourn._asking import overrides
from sojourn._handle import SENT, Claim, firing
from sojourn._looking import Looking
from sojourn._machine import Event
from sojourn._records import COMMAND, NOT_GIVEN, More, Record
from sojourn.errors import IllegalTransitionError, JobError, SubmitUncertainError
from sojourn.history import Outcome
from sojourn.lifecycle import JobStatus

__all__ = ["Finding"]


class Finding(Looking):
    """The part of a job that finds out."""

    __slots__ = ()

    def _find(self) -> str | None:
        """Look up at the backend a job that it may or may not have taken.

        Returns:
            Its native id; ``None`` means that the backend *answered* and has no such job. Raise
            where it could not be asked.
        """
        raise NotImplementedError

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
        """Ask; return what became of a report, where there was one."""
        if claim.kind == "uncertain":
            self._sj_find_out(claim)
        elif claim.kind == "elsewhere":
            pass  # whoever submits it will say
        elif claim is SENT and before[0] in self._sj_rules.tables.get("submit", {}):
            # The backend has it, and then an interrupt or a callback kept the step from us.
            self._sj_found(claim, self.native_id, f"accepted as {self.native_id}")
        elif claim is SENT and self.native_id is None and overrides(self._find, Finding._find):
            # It was reported before its id was known.
            self._sj_learn_native_id(self._sj_ask(self._find, "be looked up"))
            return self._sj_look_again()
        elif claim.kind or before[3] is not None:
            return self._sj_look_again()
        else:
            raise self._sj_denial("reconcile", "it was not submitted; call submit()")
        return Outcome.UNCHANGED

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
        return self._sj_poll(None) if self._sj_pollable() else Outcome.UNCHANGED

    def _sj_find_out(self, doubt: Claim) -> None:
        """Ask `_find` about an uncertain submission, and act on its answer."""
        if not overrides(self._find, Finding._find):
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
        else:
            self._sj_send_again(doubt)

    def _sj_send_again(self, doubt: Claim) -> None:
        """Submit what the backend says it never got, unless the job has moved past that."""
        try:
            self._sj_send(doubt)
        except IllegalTransitionError:
            if self._sj_last[0] in self._sj_rules.tables.get("submit", {}):
                raise  # its conditions say no, or somebody else is submitting it
            # Reports, triggers or another process have moved the job; they are what counts.
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
                self._sj_stage(native_id=native_id)
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

    def _sj_check_waitable(self) -> None:
        """Refuse to wait for what nobody has asked for, or nobody knows of."""
        if self._sj_sealed() and not self.state.is_final:
            raise JobError(f"job {self._sj_id!r} cannot be waited for; {self._sj_sealed()}")
        state, claim = self.state, self._sj_claimed()
        if claim.kind == "uncertain" and not state.is_final:
            # Reports answer the doubt for a class that can only be told; any other goes by
            # reconcile().
            hooked = overrides(self._poll, Looking._poll) or overrides(self._find, Finding._find)
            if hooked or not self._sj_reported():
                raise SubmitUncertainError(claim.doubt, self._sj_id)
        if state.status is JobStatus.INITIALIZING and not claim.kind:
            raise JobError(
                f"job {self._sj_id!r} cannot be waited for while {state.name}; "
                "nobody has submitted it, call submit() first"
            )
