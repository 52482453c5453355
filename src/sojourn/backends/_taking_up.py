"""How a local backend takes up jobs whose owner has ended: fence them first, then look.

The owner of a job is the process that runs it. Each time a process takes a job its claim is counted
in the journal, and only one of several that try at the same time succeeds, so a job is never run
by two.
"""

from __future__ import annotations

from typing import Any

from sojourn import _clock
from sojourn._handle import SENT, Claim
from sojourn._owner import this_process
from sojourn._records import NOT_GIVEN, More, Record
from sojourn._waiting import T, Waiting
from sojourn.history import Outcome
from sojourn.lifecycle import JobStatus

__all__ = ["TakenUp", "claim", "give_up", "owner_of"]


def owner_of(job: Any) -> str:
    """Return the process that has a job and lives, ``""`` if there is none."""
    book = job._sj_book()
    holder: str = "" if book is None else book.holder
    if book is None or not holder or holder.startswith(f"{this_process()}/"):
        return ""  # the backends of this process know themselves which jobs they have
    return holder if book.takes_for_alive(holder) else ""


class TakenUp(Waiting[T]):
    """The part of a local job that knows who runs it."""

    __slots__ = ()

    @property
    def in_other_hands(self) -> bool:
        """Whether another process that lives runs this job, as far as was read of its journal."""
        return bool(owner_of(self))

    def _sj_ask_where_it_is(self, claim: Claim, before: Record) -> Outcome:
        waits = claim.kind == "uncertain" and self.state.status is JobStatus.INITIALIZING
        left = claim.kind in ("sent", "uncertain") and not waits
        if not left or self._sj_book() is None or self.backend()._has(self):
            return super()._sj_ask_where_it_is(claim, before)
        if not self.in_other_hands:
            self.backend()._take_up(self)
        return Outcome.UNCHANGED


def claim(job: Any) -> bool:
    """Make this process the owner of a job whose owner has ended; ``False`` if another was faster."""

    def decide() -> bool:
        if owner_of(job) or job.state.is_final:
            return False
        job._sj_keep_claim("sent")
        job._sj_known().claim = SENT
        return True

    with job._sj_lock:
        taken: bool = job._sj_decide(decide)
        return taken


def give_up(job: Any, reason: BaseException, *, repeatable: bool = True) -> bool:
    """Say that the work of a job was lost; tell whether its class has it run again.

    A class that wants its jobs run again declares a transition with ``new_attempt=True`` to a
    state that stands for QUEUED.

    Args:
        job: The job.
        reason: Why it is in ERROR, if it is not run again.
        repeatable: Whether it could be run again.
    """

    def decide() -> bool:
        state = job._sj_last[0]
        if state in job._sj_rules.finals:
            return False
        again = [
            plan
            for sources in job._sj_rules.tables.values()
            for plan in sources.get(state, ())
            if repeatable
            and plan.new_attempt
            and job._sj_rules.states[plan.dest].status is JobStatus.QUEUED
        ]
        text, payload = f"{type(reason).__name__}: {reason}", NOT_GIVEN if again else reason
        plan = again[0] if again else job._sj_rules.tables["fail"][state][0]
        more: More = ("recovery", False, text, payload, 0)
        job._sj_step(plan, _clock.wall(), more, () if again else (reason,))
        return bool(again)

    try:
        with job._sj_lock:
            requeued: bool = job._sj_decide(decide)
            return requeued
    finally:
        job._sj_tell()
