"""How a job makes sense of what backends say: evidence in, outcome out.

A report is never an order. It is weighed against where the job stands and what its class
declares; `Rules.weigh` is the pure part of that, this file takes the steps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sojourn import _clock
from sojourn._firing import Firing
from sojourn._handle import describe, firing, logger
from sojourn._records import INFERRED, NOT_GIVEN, More, Record, attempt_of
from sojourn._rules import Evidence, Path
from sojourn.errors import JobError, JournalConflictError
from sojourn.history import Anomaly, Observation, Outcome
from sojourn.lifecycle import JobStatus, State

__all__ = ["Reconciling"]

#: Kept of one job; a backend that contradicts itself in more ways is known by then.
MOST_ANOMALIES = 100


class Reconciling(Firing):
    """The part of a job that takes observations."""

    __slots__ = ()

    def observe(
        self,
        raw: object,
        *,
        at: datetime | None = None,
        attempt: int | None = None,
        reason: str | BaseException | None = None,
    ) -> Outcome:
        """Take a report about this job and make the best of it.

        A backend, a callback of its client or a poll calls this. The report may be late, early,
        repeated, wrong or about another attempt; the outcome says what became of it, and a job
        that is final stays what it is. Conditions are not asked, because they guard triggers and
        not facts; declared callbacks run, and their event tells whether the step is inferred. If
        one of them moves the job itself, the report is weighed again where it left it.

        Args:
            raw: A `State`, a `JobStatus`, or a raw word that ``status_map`` knows; or an
                `Observation` that carries the rest as well.
            at: When the backend says that it happened; aware. ``None`` means now.
            attempt: Which run of the job it speaks of, from 1. ``None`` means the present one.
            reason: Why, as a text or an exception; what `error` returns if this fails the job.

        Raises:
            UnknownStatusError: The word is in no ``status_map``; nothing has changed.
            TypeError: ``at``, ``attempt`` or ``reason`` is of a wrong type.
            ValueError: ``at`` is naive, or ``attempt`` is below 1.
            ReentrantTransitionError: A declared callback may not do this.
        """
        if isinstance(raw, Observation):
            if (at, attempt, reason) != (None, None, None):
                raise TypeError("an Observation says at, attempt and reason itself")
            raw, at, attempt, reason = raw
        evidence = self._sj_rules.read(raw, self._sj_id, self._sj_last[0])
        plain = at is None and attempt is None and reason is None and not firing
        if plain and self._sj_last[0] in evidence.steps and self._sj_observe_step(evidence, raw):
            return Outcome.ADVANCED
        return self._sj_observe(evidence, raw, at, attempt, reason)

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """Reports that contradicted what was known, in order of their first coming."""
        facts = self._sj_facts
        return () if facts is None else tuple(facts.anomalies.values())

    def error(self) -> BaseException | None:
        """Return why the job is in ERROR, or ``None`` if it is not; from memory.

        Returns:
            The exception given to `fail` or reported as the reason; a text becomes a `JobError`.
        """
        state, _, _, _, more = self._sj_last
        error = None if more is None else more[3]
        return error if state == "ERROR" and isinstance(error, BaseException) else None

    def _sj_observe_step(self, evidence: Evidence, raw: object) -> bool:
        """Take the step of a plain report quickly if it is one that calls nothing; tell whether it is."""
        now, more = _clock.wall(), evidence.more
        if type(raw) is not JobStatus:
            more = ("observation", False, _detail(raw, None), NOT_GIVEN, 0)
        try:
            with self._sj_lock:
                last, watch = self._sj_last, self._sj_watch
                step = evidence.steps.get(last[0])
                if step is None or (watch is not None and (watch.book is not None or watch.sealed)):
                    return False
                self._sj_last = (step[0], now, step[1], last, more)
                return True
        finally:
            if self._sj_watch is not None:
                self._sj_tell()

    def _sj_observe(
        self,
        evidence: Evidence,
        raw: object,
        at: datetime | None,
        attempt: int | None,
        reason: str | BaseException | None,
        since: Record | None = None,
        *,
        quiet: bool = False,
    ) -> Outcome:
        """Weigh evidence under the lock and take the steps that follow from it.

        Args:
            evidence: What the report speaks of.
            raw: The report itself, for the records.
            at: As for `observe`.
            attempt: As for `observe`.
            reason: As for `observe`.
            since: The record the job had when the question was sent that this answers.
            quiet: Leave it to the caller to tell those who want to know.
        """
        if firing:
            self._sj_refuse_inside("observe")
        seconds = _clock.wall() if at is None else _seconds(at)
        if attempt is not None:
            _check_attempt(attempt)
        detail = _detail(raw, reason)
        try:
            with self._sj_lock:
                while True:
                    try:
                        return self._sj_judge(
                            evidence, raw, seconds, attempt, reason, since, detail
                        )
                    except JournalConflictError:
                        self._sj_reread()
        finally:
            if self._sj_watch is not None and not quiet:
                self._sj_tell()

    def _sj_judge(
        self,
        evidence: Evidence,
        raw: object,
        seconds: float,
        attempt: int | None,
        reason: str | BaseException | None,
        since: Record | None,
        detail: str,
    ) -> Outcome:
        """Do what evidence asks for as things stand now, under the lock."""
        if sealed := self._sj_sealed():
            raise self._sj_denial("observe", sealed)
        verdict, began = self._sj_weigh(evidence, attempt, since), self._sj_last
        moved = not isinstance(verdict, Outcome)
        while not isinstance(verdict, Outcome):
            payload: object = NOT_GIVEN
            if "ERROR" in evidence.goals:
                payload = (
                    reason if isinstance(reason, BaseException) else JobError(reason or detail)
                )
            if self._sj_follow(verdict, seconds, ("observation", False, detail, payload, 0)):
                return Outcome.ADVANCED
            # A callback has moved the job, and the rest of the way does not begin where it is now.
            verdict = self._sj_weigh_again(evidence, attempt or attempt_of(began), began)
        if verdict is Outcome.CONFLICT:
            self._sj_note_anomaly(evidence, raw, attempt, detail)
            return verdict
        return Outcome.ADVANCED if moved else verdict

    def _sj_weigh(
        self, evidence: Evidence, attempt: int | None, since: Record | None
    ) -> Path | Outcome:
        rules, last = self._sj_rules, self._sj_last
        state = last[0]
        if attempt is None and since is None:
            return rules.weigh(evidence, state)
        moved = since is not None and since is not last
        if since is not None and moved and attempt is None:
            attempt = attempt_of(since)  # it answers a question about that attempt
        now = attempt_of(last)
        if attempt is not None and attempt < now:
            return Outcome.STALE
        if attempt is not None and attempt > now:
            if state in rules.finals:
                return Outcome.UNCHANGED if state in evidence.goals else Outcome.CONFLICT
            return rules.path(evidence, state, attempt - now) or Outcome.CONFLICT
        verdict = rules.weigh(evidence, state)
        if moved and not isinstance(verdict, Outcome) and rules.may_have_left(evidence, state):
            # The question was asked before the latest change, and the answer fits the time
            # before it: news or not, the next poll will tell.
            return Outcome.STALE
        return verdict

    def _sj_weigh_again(self, evidence: Evidence, attempt: int, began: Record) -> Path | Outcome:
        """Weigh evidence where a callback left the job; stale if it has been there since it ``began``."""
        now = self._sj_last
        before = now[3]
        while before is not None and before is not began:
            if before[0] == now[0]:
                return Outcome.STALE  # a callback that always leads back would go on for ever
            before = before[3]
        return self._sj_weigh(evidence, attempt, None)

    def _sj_follow(self, path: Path, at: float, more: More) -> bool:
        """Take every step of a path, under the lock, until a callback leads away from it.

        Only the last step was seen.

        Returns:
            Whether all were taken.
        """
        for number, plan in enumerate(path, 1):
            seen = number == len(path)
            at_step, more_step = (at, more) if seen else (None, INFERRED)
            watch = self._sj_watch
            if plan.bare and (watch is None or watch.book is None):
                self._sj_last = (plan.dest, at_step, plan.trigger, self._sj_last, more_step)
            else:
                before = self._sj_last
                self._sj_step(plan, at_step, more_step)
                if not seen and self._sj_last[3] is not before:
                    return False
        return True

    def _sj_note_anomaly(
        self, evidence: Evidence, raw: object, attempt: int | None, detail: str
    ) -> None:
        state, now = self._sj_last[0], attempt_of(self._sj_last)
        facts = self._sj_known()
        said = f"reported {detail!r}" + ("" if attempt is None else f" in attempt {attempt}")
        reason = f"{said}, which no legal path explains while {state} in attempt {now}"
        same: object = (evidence.name, attempt, state, now)
        old = facts.anomalies.get(same)
        if old is None and (old := self._sj_restored_anomaly(reason)) is not None:
            same = ("kept", old.reason, old.at)
        if old is not None:
            again = Anomaly(old.raw, state, now, old.reason, old.at, old.count + 1)
            self._sj_keep_anomaly(again)
            facts.anomalies[same] = again
            return
        if len(facts.anomalies) >= MOST_ANOMALIES:
            return
        instant = _clock.instant(_clock.wall())
        assert instant is not None  # a time gives an instant
        anomaly = Anomaly(raw, state, now, reason, instant, 1)
        self._sj_keep_anomaly(anomaly)
        facts.anomalies[same] = anomaly
        logger.warning("job %r: %s; the report is dropped", self._sj_id, reason)


def _detail(raw: object, reason: str | BaseException | None) -> str:
    if isinstance(raw, JobStatus):
        word = raw._value_
    elif isinstance(raw, State):
        word = raw.name
    else:
        word = raw if isinstance(raw, str) else repr(raw)
    return word if reason is None else f"{word}: {describe(reason)}"


def _seconds(at: Any) -> float:
    if not isinstance(at, datetime):
        raise TypeError(f"at must be an aware datetime, not {at!r:.80}")
    if at.utcoffset() is None:
        raise ValueError(f"at must be aware, not {at.isoformat()}; give it a time zone such as UTC")
    try:
        seconds = at.astimezone(UTC).timestamp()
        _clock.instant(seconds)  # the last instants of year 9999 are rounded up to the next
    except (OverflowError, ValueError, OSError) as error:
        raise ValueError(f"at must lie in the years 1 to 9999, not {at.isoformat()}") from error
    return seconds


def _check_attempt(attempt: Any) -> None:
    if not isinstance(attempt, int) or isinstance(attempt, bool):
        raise TypeError(f"an attempt must be an int, not {attempt!r:.80}")
    if attempt < 1:
        raise ValueError(f"an attempt must be 1 or more, not {attempt}")
