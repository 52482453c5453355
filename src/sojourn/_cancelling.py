"""How a job is cancelled: the backend is asked, and what it confirms counts."""

from __future__ import annotations

from sojourn import _clock
from sojourn._asking import Asking
from sojourn._handle import firing, logger
from sojourn._records import COMMAND
from sojourn.errors import IllegalTransitionError
from sojourn.lifecycle import JobStatus

__all__ = ["Cancelling"]


class Cancelling(Asking):
    """The part of a job that asks its backend to stop it."""

    __slots__ = ()

    def _cancel(self) -> bool | None:
        """Ask the backend to stop the job; called without the job's lock.

        Returns:
            ``True``: it is stopped. ``None``: it was asked, and will report. ``False``: refused.
        """
        return False

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
            if facts is not None and claim in ("sending", "uncertain", "elsewhere"):
                self._sj_request_cancel(True)
                return True
            if claim or self.state.status is not JobStatus.INITIALIZING:
                return None
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
