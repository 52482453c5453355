"""How a job changes: strict triggers, and the one step that all changes are made of.

Every change goes through `Firing._sj_step`, or through the few lines that `_triggers` generates
for the case in which nothing has to be called and nobody is waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import get_ident
from typing import Any

from sojourn import _clock
from sojourn._handle import describe, firing
from sojourn._keeping import Keeping
from sojourn._machine import Event, Plan
from sojourn._records import NOT_GIVEN, More, Record, attempt_of
from sojourn.errors import JobError, JournalConflictError
from sojourn.history import Origin

__all__ = ["Firing"]


class Firing(Keeping):
    """The part of a job that fires."""

    __slots__ = ()

    # Strict triggers.

    def triggers(self) -> tuple[str, ...]:
        """Return the triggers with a transition out of the state now, conditions not asked."""
        return () if self._sj_sealed() else self._sj_rules.lifecycle.triggers(self._sj_last[0])

    def may(self, trigger: str, *args: Any, **kwargs: Any) -> bool:
        """Tell whether ``trigger`` would be accepted now, its conditions asked.

        The answer may be out of date as soon as it is there; to act on it, fire and look at what
        comes back. A name that the class does not know is ``False``.
        """
        if firing:
            self._sj_refuse_inside(f"may {trigger}")
        with self._sj_lock:
            plans = self._sj_rules.tables.get(trigger, {}).get(self._sj_last[0], ())
            if not plans or self._sj_sealed():
                return False
            return self._sj_choose(plans, Event(self, args, kwargs)) is not None

    def trigger(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        """Fire a trigger by its name, as the method of that name does.

        ``submit`` and ``cancel`` take their step and ask no backend.

        Returns:
            Whether the step was taken; ``False`` if a condition said no.

        Raises:
            IllegalTransitionError: It is not possible in this state; nothing has changed.
            ReentrantTransitionError: A declared callback may not do this.
        """
        fire = self._sj_rules.fast.get(trigger)
        if fire is None:
            raise self._sj_rules.refusal(self._sj_id, trigger, self._sj_last[0])
        return fire(self, *args, **kwargs)

    # The longer way of a transition. Everything below is called by the other parts of a job.

    def _sj_fire(
        self,
        trigger: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        origin: Origin = "trigger",
    ) -> bool:
        """Fire ``trigger`` under the lock; then tell those who want to know."""
        if firing:
            self._sj_refuse_inside(trigger)
        try:
            with self._sj_lock:
                # As `_sj_decide`; making a function for it would cost every trigger that has callbacks.
                while True:
                    try:
                        return self._sj_take(trigger, args, kwargs, origin)
                    except JournalConflictError:
                        self._sj_reread()
        finally:
            if self._sj_watch is not None:
                try:
                    self._sj_tell()
                except BaseException:
                    # An interrupt may have come before it told anybody of a last entry.
                    self._sj_tell()
                    raise

    def _sj_take(
        self, trigger: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], origin: Origin
    ) -> bool:
        """Take the step of ``trigger`` if it is legal now; under the lock."""
        rules, state = self._sj_rules, self._sj_last[0]
        plans = rules.tables.get(trigger, {}).get(state)
        if self._sj_watch is not None and self._sj_watch.sealed:
            raise self._sj_denial(trigger, self._sj_watch.sealed)
        if plans is None:
            raise rules.refusal(self._sj_id, trigger, state)
        if plans[0].calls:  # every branch but the last has conditions
            return self._sj_try(plans, Event(self, args, kwargs, origin))
        self._sj_commit(plans[0], _clock.wall(), self._sj_more(plans[0], args, kwargs, origin))
        return True

    def _sj_more(
        self, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any], origin: Origin
    ) -> More | None:
        """Return what the record has to say beyond the step: who caused it, and the payload."""
        payload: object = NOT_GIVEN
        detail = None
        taken = {"DONE": "result", "ERROR": "error"}.get(plan.dest)
        if args or kwargs:
            surplus = taken is None or len(args) + len(kwargs) > 1 or kwargs.keys() - {taken}
            if surplus and plan.trigger not in self._sj_rules.calling:
                raise TypeError(f"{plan.trigger!r} from {plan.source} takes no such arguments")
            if taken is not None:
                payload = kwargs.get(taken, args[0] if args else NOT_GIVEN)
        if taken == "error":
            given = payload is not NOT_GIVEN and payload is not None
            detail = describe(payload) if given else None
            if not isinstance(payload, BaseException):
                payload = JobError(detail or "no reason was given")
        if payload is NOT_GIVEN:
            return None if origin == "trigger" else (origin, False, None, NOT_GIVEN, 0)
        return (origin, False, detail, payload, 0)

    def _sj_choose(self, plans: tuple[Plan, ...], event: Event) -> Plan | None:
        """Return the first branch whose conditions hold, and take no step."""
        ident = get_ident()
        outer = firing.get(ident)
        try:
            firing[ident] = (self, False)
            return _first(plans, event)
        finally:  # its first call is the one that counts: an interrupt may come right after it
            if outer is None:
                firing.pop(ident, None)
            else:
                firing[ident] = outer

    def _sj_try(self, plans: tuple[Plan, ...], event: Event) -> bool:
        """Take the first branch whose conditions hold, under the lock; tell whether one did."""
        ident = get_ident()
        outer = firing.get(ident)
        try:
            firing[ident] = (self, False)
            return _take_first(self, plans, event)
        finally:
            if outer is None:
                firing.pop(ident, None)
            else:
                firing[ident] = outer

    def _sj_step(
        self,
        plan: Plan,
        at: float | None,
        more: More | None,
        args: tuple[Any, ...] = (),
    ) -> None:
        """Take one step that is a fact, its conditions not asked; under the lock."""
        if not plan.calls:
            self._sj_commit(plan, at, more)
            return
        event = Event(self, args, {})
        event.plan = plan
        event.fact = (at, more)
        event.inferred = more is not None and more[1]
        ident = get_ident()
        outer = firing.get(ident)
        try:
            firing[ident] = (self, False)
            plan.walk(self, event)
        finally:
            if outer is None:
                firing.pop(ident, None)
            else:
                firing[ident] = outer

    def _sj_settle(self, event: Event) -> None:
        """Make the change; the compiled branches call this between what may refuse and the rest."""
        if event.fact is not None:
            at, more = event.fact
        else:
            at, more = _clock.wall(), None
            fatal = event.plan.dest == "ERROR"
            if fatal or event.args or event.kwargs or event.origin != "trigger":
                more = self._sj_more(event.plan, tuple(event.args), event.kwargs, event.origin)
        self._sj_commit(event.plan, at, more)
        event.changed = True
        firing[get_ident()] = (self, True)

    def _sj_commit(self, plan: Plan, at: float | None, more: More | None) -> None:
        """Keep the step where that outlives us, then publish it with a single store."""
        last = self._sj_last
        if plan.new_attempt:
            said = ("trigger", False, None, NOT_GIVEN) if more is None else more[:4]
            more = (*said, attempt_of(last) + 1)
        record: Record = (plan.dest, at, plan.trigger, last, more)
        watch = self._sj_watch
        if watch is not None and watch.book is not None:
            self._sj_keep(watch.book, record)
            return
        self._sj_last = record

    def _sj_refuse_inside(self, what: str, *, always: bool = False) -> None:
        """Refuse what could deadlock inside a declared callback of this thread.

        Args:
            what: The trigger or command that was asked for.
            always: Refuse it even for a job that has changed already: commands and waiting.
        """
        if not always:
            self._sj_refuse_elsewhere(what)
        inside = firing.get(get_ident())
        if inside is None or (inside[1] and not always):
            return
        if always:
            reason = (
                "a declared callback may not command, poll or wait; use add_callback() for that"
            )
        else:
            reason = "it is in a callback before its own change; fire from an after callback"
        raise self._sj_rules.reentry(self._sj_id, what, self._sj_last[0], reason)


def _first(plans: tuple[Plan, ...], event: Event) -> Plan | None:
    for plan in plans:
        event.plan = plan
        if plan.condition is None or plan.condition(event.model, event):
            return plan
    return None


# In a function of its own, like `_first`: the backward jump of a loop is outside of the `try` around
# it on some versions, and an interrupt that hits it would pass the `finally` by.
def _take_first(job: Firing, plans: tuple[Plan, ...], event: Event) -> bool:
    for plan in plans:
        event.plan = plan
        if plan.take(job, event):
            return True
    return False
