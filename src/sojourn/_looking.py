"""How a job is looked at: one poll, shared by all threads that ask at the same time."""

from __future__ import annotations

import math

from sojourn import _clock
from sojourn._asking import overrides
from sojourn._handle import firing, logger
from sojourn._records import Record
from sojourn._submitting import Submitting
from sojourn.errors import BackendError
from sojourn.history import Observation, Outcome
from sojourn.lifecycle import JobStatus

__all__ = ["Looking", "Rhythm", "duration"]

#: The first pause between two polls, in seconds, and how much longer each next one is: a job of
#: 0.1 s is noticed within a third of its own time, a job of an hour costs a few hundred polls.
FIRST_PAUSE = 0.01
LONGER = 1.3


class Rhythm:
    """When to poll: quickly at first, then less and less often.

    Attributes:
        longest: Seconds between two looks at most.
    """

    def __init__(self, longest: float) -> None:
        """Start with a poll that is due at once."""
        self.longest = max(longest, FIRST_PAUSE)
        self._longest = longest
        self._pause = FIRST_PAUSE / LONGER
        self._polled_at = -math.inf

    def due(self) -> float:
        """Return when the next poll is due, by the monotonic clock."""
        return self._polled_at + min(self._pause, self._longest)

    def beat(self) -> None:
        """Note that a poll has ended."""
        self._polled_at = _clock.monotonic()
        self._pause *= LONGER


class Looking(Submitting):
    """The part of a job that looks."""

    __slots__ = ()

    def _poll(self) -> object:
        """Ask the backend where the job is; called without the job's lock.

        Returns:
            A raw word, a status, a state, an `Observation`, or ``None`` for no news.
        """
        return None

    # Looking.

    def status(self) -> JobStatus:
        """Return the status now.

        A job that is final or not submitted is answered from memory; any other is looked up with
        `_poll`, if the class has it. Threads that ask at the same time share one poll. Never
        raises because the *job* failed.

        Raises:
            BackendError: The backend could not be asked; the job is as it was.
            UnknownStatusError: The backend used a word that ``status_map`` does not know.
            ReentrantTransitionError: A declared callback may not poll.
        """
        return self._sj_refresh()

    def done(self) -> bool:
        """Tell whether the job **succeeded**; for "is it over", ask `in_final_state`."""
        return self._sj_refresh() is JobStatus.DONE

    def running(self) -> bool:
        """Tell whether the job is RUNNING, looked up as by `status`."""
        return self._sj_refresh() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Tell whether the job is CANCELLED, looked up as by `status`."""
        return self._sj_refresh() is JobStatus.CANCELLED

    def in_final_state(self) -> bool:
        """Tell whether the job is over: DONE, ERROR or CANCELLED, looked up as by `status`."""
        return self._sj_refresh().is_final

    def _sj_refresh(self) -> JobStatus:
        """Look once; what `status` and all the others build on."""
        if self._sj_pollable():
            self._sj_poll(None)
        return self.state.status

    def _sj_pollable(self) -> bool:
        """Whether a backend has the job and can be asked about it."""
        if not overrides(self._poll, Looking._poll):
            return False
        state = self.state
        if state.is_final:
            return False
        claim = self._sj_claimed().kind
        if claim in ("sending", "uncertain", "elsewhere") or self._sj_sealed():
            return False
        return bool(claim) or state.status is not JobStatus.INITIALIZING

    def _sj_poll(self, deadline: float | None, *, patient: bool = True) -> Outcome:
        """Ask the backend once, or share the question that another thread asks already.

        Args:
            deadline: When to stop waiting for another thread's answer.
            patient: Wait for it at all; one who waits for the job is woken by what it brings.
        """
        if firing:
            self._sj_refuse_inside("status", always=True)
        try:
            flight = self._sj_share("look", self._sj_ask_where, deadline, patient=patient)
        finally:
            # Told when the question is over: an outsider may ask the next one.
            if self._sj_watch is not None:
                self._sj_tell()
        return Outcome.UNCHANGED if flight is None else flight.outcome

    def _sj_ask_where(self, asked: Record) -> Outcome:
        try:
            outcome = self._sj_hear(self._sj_ask(self._poll, "be looked at"), asked)
        except Exception as error:
            self._sj_note_failure(error)
            raise
        self._sj_known().failing = False
        return outcome

    def _sj_hear(self, raw: object, asked: Record) -> Outcome:
        """Take the answer of a poll; what it says is no younger than the question."""
        if raw is None:
            return Outcome.UNCHANGED
        told = raw if isinstance(raw, Observation) else Observation(raw)
        evidence = self._sj_rules.read(told.raw, self._sj_id, self._sj_last[0])
        try:
            return self._sj_observe(
                evidence, told.raw, told.at, told.attempt, told.reason, asked, quiet=True
            )
        except (TypeError, ValueError) as error:
            raise BackendError(
                f"job {self._sj_id!r} cannot take what its _poll() says: {error}; it is as it was"
            ) from error

    def _sj_try_poll(self, deadline: float | None) -> Exception | None:
        """Poll; return a failure that may pass, raise any other."""
        try:
            self._sj_poll(deadline, patient=False)
        except BackendError as error:
            if not error.transient:
                raise
            return error
        return None

    def _sj_note_failure(self, error: Exception) -> None:
        facts = self._sj_known()
        if not facts.failing:
            facts.failing = True
            logger.warning("job %r: polls fail: %r", self._sj_id, error)


def duration(name: str, seconds: object, *, past: bool = False) -> float:
    """Return a number of seconds that makes sense.

    Args:
        name: What it is called.
        seconds: What was given.
        past: Whether it may be below 0.

    Raises:
        TypeError: It is no number.
        ValueError: It is below 0, or not a number of anything.
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise TypeError(f"{name} must be a number of seconds, not {seconds!r:.80}")
    try:
        number = float(seconds)
    except OverflowError:
        number = math.inf if seconds > 0 else -math.inf
    if math.isnan(number) or (number < 0 and not past):
        raise ValueError(f"{name} must be a number of seconds, 0 or more, not {seconds!r:.80}")
    return number
