"""How a job changes: its record, its lock, its callbacks, and who is told.

The state and the history of a job are one immutable record in one slot, so that a single store
publishes both: readers need no lock, and an interrupt cannot land between them. Every change
goes through `Firing._sj_step`, or through the few lines that `_triggers` generates for the case
in which nothing has to be called and nobody is waiting.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sojourn import _clock
from sojourn._machine import Event, Plan
from sojourn.errors import IllegalTransitionError
from sojourn.history import (
    COMMAND,
    NOT_GIVEN,
    Entry,
    Journal,
    More,
    Origin,
    Record,
    attempt_of,
    chain,
    entries_of,
    entry_of,
)
from sojourn.lifecycle import JobStatus, Lifecycle, State

if TYPE_CHECKING:
    from sojourn._rules import Rules

__all__ = ["Facts", "Firing", "firing", "logger"]

logger = logging.getLogger("sojourn")

Listener = Callable[[Any, Entry], object]

#: Who is inside a declared callback: the thread, its job, and whether that job has changed yet.
#: Almost always empty, and the generated triggers ask only for that.
firing: dict[int, tuple[Firing, bool]] = {}


class _Registration:
    """One `add_callback`: the function, the last entry before it, and whether it still counts."""

    __slots__ = ("active", "listener", "since")

    def __init__(self, listener: Listener, since: int) -> None:
        self.listener = listener
        self.since = since
        self.active = True


class Watch:
    """Why a transition of a job has to take the longer way: somebody wants to know of it.

    Attributes:
        journal: Where entries become durable before they are seen.
        sealed: Why the job changes no more (it is a snapshot), or ``""``.
        waiters: Locks of threads that sleep until the next change.
        registrations: Outsiders to be called, in order of registration.
        seen: The latest record that was announced to them.
        number: Its number.
        attempt: Its attempt.
        drain: Held by the thread that announces.
        busy: Whether that thread is in the middle of it.
    """

    __slots__ = (
        "attempt",
        "busy",
        "drain",
        "journal",
        "number",
        "registrations",
        "sealed",
        "seen",
        "waiters",
    )

    def __init__(self) -> None:
        """Start with nobody."""
        self.journal: Journal | None = None
        self.sealed = ""
        self.waiters: list[threading.Lock] = []
        self.registrations: tuple[_Registration, ...] = ()
        self.seen: Record | None = None
        self.number = 0
        self.attempt = 1
        self.drain = threading.RLock()
        self.busy = False

    @property
    def idle(self) -> bool:
        """Whether nobody wants to know any more."""
        return not (self.journal or self.sealed or self.waiters or self.registrations)


class Facts:
    """What is known of a job beside its record; most jobs in a large batch never need one.

    Attributes:
        native_id: The backend's own id.
        claim: How far a submission went: ``""``, sending, sent, uncertain, attached.
        claimant: Identity of the call that sends.
        doubt: Why a submission is uncertain.
        cancel_requested: Whether a cancel request was taken and not answered yet.
        result: What `_fetch_result` gave.
        look: The poll in flight.
        fetch: The fetch in flight.
        failing: Whether the latest poll failed.
        anomalies: Reports that contradict, by what makes them the same.
    """

    __slots__ = (
        "anomalies",
        "cancel_requested",
        "claim",
        "claimant",
        "doubt",
        "failing",
        "fetch",
        "look",
        "native_id",
        "result",
    )

    def __init__(self) -> None:
        """Start with nothing known."""
        self.native_id: str | None = None
        self.claim = ""
        self.claimant: object = None
        self.doubt = ""
        self.cancel_requested = False
        self.result: object = NOT_GIVEN
        self.look: Any = None
        self.fetch: Any = None
        self.failing = False
        self.anomalies: dict[object, Any] = {}


class Firing:
    """The lowest part of a job: identity, record, lock, strict triggers, callbacks."""

    # Names that no provider's class uses: they keep _status, _result, _job_id and _backend for
    # themselves.
    __slots__ = (
        "__weakref__",
        "_sj_backend",
        "_sj_born",
        "_sj_facts",
        "_sj_id",
        "_sj_last",
        "_sj_lock",
        "_sj_metadata",
        "_sj_watch",
    )

    _sj_rules: ClassVar[Rules]
    lifecycle: ClassVar[Lifecycle]
    """The frozen declaration of this class."""

    def __init__(
        self,
        backend: Any,
        job_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Make a job that nobody has submitted yet; no I/O.

        Args:
            backend: Where it will run; kept and given back by `backend`, never looked into.
            job_id: Its name: 1 to 255 printable characters.
            metadata: Notes of yours; copied.
            journal: Where its entries are kept so that they outlive the process.

        Raises:
            TypeError: The id is not a string, or the class is the abstract `BaseJob` itself.
            ValueError: The id is empty, too long, or has characters that cannot be printed.
        """
        if not (isinstance(job_id, str) and 0 < len(job_id) < 256 and job_id.isprintable()):
            _refuse_id(job_id)
        self._sj_backend = backend
        self._sj_id = job_id
        self._sj_born = _clock.wall()
        self._sj_lock = threading.RLock()
        self._sj_last: Record = self._sj_rules.birth
        self._sj_metadata = None if metadata is None else dict(metadata)
        self._sj_facts: Facts | None = None
        self._sj_watch: Watch | None = None
        if journal is not None:
            self._sj_watching().journal = journal

    # What anybody may read, without a lock and without I/O.

    def backend(self) -> Any:
        """Return the backend that was given; ``None`` for a snapshot."""
        return self._sj_backend

    def job_id(self) -> str:
        """Return the id that was given."""
        return self._sj_id

    @property
    def state(self) -> State:
        """The state now, from memory."""
        return self._sj_rules.states[self._sj_last[0]]

    @property
    def history(self) -> tuple[Entry, ...]:
        """All entries so far; always a path in the lifecycle."""
        return tuple(entries_of(self._sj_last))

    @property
    def attempt(self) -> int:
        """Which run of the job this is: 1, 2, …"""
        return attempt_of(self._sj_last)

    @property
    def created_at(self) -> datetime:
        """When the job object was made; aware UTC."""
        at = _clock.instant(self._sj_born)
        assert at is not None  # every job is born
        return at

    @property
    def metadata(self) -> dict[str, Any]:
        """Notes of yours; sojourn keeps them and never looks into them."""
        if self._sj_metadata is None:
            with self._sj_lock:
                self._sj_metadata = self._sj_metadata or {}
        return self._sj_metadata

    @property
    def native_id(self) -> str | None:
        """The backend's own id for this job; ``None`` until it is known."""
        facts = self._sj_facts
        return None if facts is None else facts.native_id

    @property
    def cancel_requested(self) -> bool:
        """Whether a request to cancel was taken; the job may still finish first."""
        facts = self._sj_facts
        return facts is not None and facts.cancel_requested

    def __repr__(self) -> str:
        """Tell the job's story in one line."""
        record = self._sj_last
        state = self._sj_rules.states[record[0]]
        stands = "" if state.name == state.status.value else f" ({state.status})"
        since = self._sj_born if record[3] is None else record[1]
        lasted = "" if since is None else f" for {max(0.0, _clock.wall() - since):.1f} s"
        kind = type(self).__name__
        return f"<{kind} {self._sj_id!r} {state.name}{stands}{lasted}, attempt {self.attempt}>"

    # Strict triggers.

    def triggers(self) -> tuple[str, ...]:
        """Return the triggers with a transition out of the state now, conditions not asked."""
        return self._sj_rules.lifecycle.triggers(self._sj_last[0])

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
            return self._sj_choose(plans, Event(self, args, kwargs, False)) is not None

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

    def add_callback(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback(job, entry)`` for every later entry.

        Once per entry, in order, without the job's lock, perhaps in another thread that fires,
        and perhaps just after a trigger has returned there. What it raises is logged.

        Returns:
            A function that removes it again.
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {callback!r}")
        with self._sj_lock:
            watch, last = self._sj_watching(), self._sj_last
            if not watch.registrations:
                watch.seen, watch.number, watch.attempt = last, len(chain(last)), attempt_of(last)
            since = watch.number + len(chain(last, watch.seen))
            registration = _Registration(callback, since)
            watch.registrations += (registration,)
        return lambda: self._sj_unregister(registration)

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
                rules, state = self._sj_rules, self._sj_last[0]
                plans = rules.tables.get(trigger, {}).get(state)
                if self._sj_sealed():
                    raise self._sj_denial(trigger, self._sj_sealed())
                if plans is None:
                    raise rules.refusal(self._sj_id, trigger, state)
                event = Event(self, args, kwargs, False)
                plan: Plan | None = plans[0]
                if len(plans) > 1 or plans[0].condition is not None:
                    plan = self._sj_choose(plans, event)
                if plan is None:
                    return False
                more = self._sj_more(plan, args, kwargs, origin)
                self._sj_step(plan, event, _clock.wall(), more)
                return True
        finally:
            if self._sj_watch is not None:
                self._sj_tell()

    def _sj_more(
        self, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any], origin: Origin
    ) -> More | None:
        """Return what the record has to say beyond the step: who caused it, and the payload."""
        payload: object = NOT_GIVEN
        detail = None
        taken = {"DONE": "result", "ERROR": "error"}.get(plan.dest)
        if args or kwargs:
            if not plan.calls and (taken is None or len(args) + len(kwargs) > 1 or kwargs.keys() - {taken}):
                raise TypeError(f"{plan.trigger!r} from {plan.source} takes no such arguments")
            if taken is not None:
                payload = kwargs.get(taken, args[0] if args else NOT_GIVEN)
        if taken == "error":
            payload = NOT_GIVEN if payload is None else payload
            detail = None if payload is NOT_GIVEN else describe(payload)
        if payload is NOT_GIVEN:
            return None if origin == "trigger" else (origin, False, None, NOT_GIVEN, 0)
        return (origin, False, detail, payload, 0)

    def _sj_choose(self, plans: tuple[Plan, ...], event: Event) -> Plan | None:
        """Return the first branch whose conditions hold."""
        for plan in plans:
            event.plan = plan
            if plan.condition is None or self._sj_call(plan.condition, event, False):
                return plan
        return None

    def _sj_step(self, plan: Plan, event: Event, at: float | None, more: More | None) -> None:
        """Take one step, under the lock: refuse, keep, publish, follow up, in this order."""
        event.plan = plan
        event.changed = False
        last = self._sj_last
        if plan.before is not None:
            self._sj_call(plan.before, event, False)
        if plan.new_attempt:
            more = more or ("trigger", False, None, NOT_GIVEN, 0)
            more = (*more[:4], attempt_of(last) + 1)
        record: Record = (plan.dest, at, plan.trigger, last, more)
        watch = self._sj_watch
        if watch is not None and watch.journal is not None:
            entry = entry_of(record, len(chain(record)), attempt_of(record))
            watch.journal.append(self._sj_id, entry)
        self._sj_last = record
        if plan.after is not None:
            event.changed = True
            self._sj_call(plan.after, event, True)

    def _sj_call(self, runner: Callable[[Any, Event], Any], event: Event, changed: bool) -> Any:
        """Run declared callbacks, and remember meanwhile that this thread is inside them."""
        ident = get_ident()
        outer = firing.get(ident)
        try:
            firing[ident] = (self, changed)
            return runner(self, event)
        finally:
            if outer is None:
                firing.pop(ident, None)
            else:
                firing[ident] = outer

    def _sj_refuse_inside(self, what: str, *, always: bool = False) -> None:
        """Refuse what could deadlock inside a declared callback of this thread.

        Args:
            what: The trigger or command that was asked for.
            always: Refuse it even for a job that has changed already: commands and waiting.
        """
        inside = firing.get(get_ident())
        if inside is None:
            return
        job, changed = inside
        if job is self and changed and not always:
            return
        if always:
            reason = "a declared callback may not command, poll or wait; use add_callback() for that"
        elif job is self:
            reason = "it is in a callback before its own change; fire from an after callback"
        else:
            reason = (
                f"it is asked for by a declared callback of job {job._sj_id!r}, and two jobs that "
                "fire each other would deadlock; use add_callback() for that"
            )
        raise self._sj_rules.reentry(self._sj_id, what, self._sj_last[0], reason)

    def _sj_denial(self, what: str, reason: str) -> IllegalTransitionError:
        """Return the error for something that is refused though the state would allow it."""
        return self._sj_rules.denial(self._sj_id, what, self._sj_last[0], reason)

    def _sj_sealed(self) -> str:
        """Return why this job changes no more, or ``""``."""
        watch = self._sj_watch
        return "" if watch is None else watch.sealed

    def _sj_known(self) -> Facts:
        """Return the facts beside the record, made when first needed; under the lock."""
        if self._sj_facts is None:
            self._sj_facts = Facts()
        return self._sj_facts

    # Who is told.

    def _sj_watching(self) -> Watch:
        """Return the watch, made when first needed; under the lock."""
        if self._sj_watch is None:
            self._sj_watch = Watch()
        return self._sj_watch

    def _sj_unregister(self, registration: _Registration) -> None:
        registration.active = False
        with self._sj_lock:
            watch = self._sj_watch
            if watch is not None:
                watch.registrations = tuple(r for r in watch.registrations if r is not registration)
                self._sj_unwatch(watch)

    def _sj_unwatch(self, watch: Watch) -> None:
        """Take the short way again if nobody wants to know any more; under the lock."""
        if watch.idle:
            self._sj_watch = None

    def _sj_tell(self) -> None:
        """Wake the waiters and call the outsiders, without the lock."""
        if get_ident() in firing:
            return  # nested in a declared callback, under the lock: the outer transition tells
        watch = self._sj_watch
        if watch is None:
            return
        self._sj_wake(watch)
        while watch.registrations and watch.seen is not self._sj_last:
            if not self._sj_announce(watch):
                return  # another thread is at it, and will see this entry too

    def _sj_wake(self, watch: Watch) -> None:
        while watch.waiters:
            try:
                watch.waiters.pop().release()
            except (IndexError, RuntimeError):
                pass  # another thread has woken it

    def _sj_announce(self, watch: Watch) -> bool:
        mine = False
        try:
            if watch.drain.acquire(blocking=False) and not watch.busy:
                mine = watch.busy = True
                self._sj_deliver(watch)
        finally:
            if mine:
                watch.busy = False
            try:
                watch.drain.release()
            except RuntimeError:
                pass  # it was not acquired
        return mine

    def _sj_deliver(self, watch: Watch) -> None:
        interrupt: BaseException | None = None
        for record in chain(self._sj_last, watch.seen):
            more = record[4]
            begun = 0 if more is None else more[4]
            # No call between these stores: an interrupt finds them all done, or none.
            watch.number += 1
            watch.attempt = begun or watch.attempt
            watch.seen = record
            entry = entry_of(record, watch.number, watch.attempt)
            for registration in watch.registrations:
                if registration.since < entry.number and registration.active:
                    try:
                        registration.listener(self, entry)
                    except Exception:
                        logger.exception("job %r: a callback raised at %r", self._sj_id, entry)
                    except BaseException as error:
                        interrupt = error
        if interrupt is not None:
            raise interrupt


def _refuse_id(job_id: object) -> None:
    if not isinstance(job_id, str):
        raise TypeError(f"a job id must be a str, not {type(job_id).__name__} {job_id!r:.80}")
    raise ValueError(
        f"a job id must be 1 to 255 printable characters, not {len(job_id)}: {job_id!r:.80}"
    )


def describe(error: object) -> str:
    """Return the text of what a job failed with.

    Raises:
        TypeError: It is neither a text nor an exception.
    """
    if isinstance(error, str):
        return error
    if isinstance(error, BaseException):
        text = str(error)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    raise TypeError(f"a job fails with a text or an exception, not with {error!r:.80}")


# A fork copies locks that other threads hold, and those threads are not in the child. There the
# slot of the lock is overlaid by a descriptor that gives every job a new lock the first time it
# is asked for one, so a process that never forks pays nothing.


class _LockAfterFork:
    def __init__(self, slot: Any, generation: int) -> None:
        self.slot = slot
        self.generation = generation
        self.renewing = threading.Lock()

    def __get__(self, job: Firing | None, owner: type | None = None) -> Any:
        if job is None:
            return self
        held = self.slot.__get__(job)
        if isinstance(held, tuple) and held[0] == self.generation:
            return held[1]
        with self.renewing:
            held = self.slot.__get__(job)
            if not (isinstance(held, tuple) and held[0] == self.generation):
                held = (self.generation, threading.RLock())
                _forget_threads(job)
                self.slot.__set__(job, held)
        return held[1]

    def __set__(self, job: Firing, lock: Any) -> None:
        self.slot.__set__(job, (self.generation, lock))


def _forget_threads(job: Firing) -> None:
    """Forget what threads of the parent process were about to do with ``job``."""
    watch, facts = job._sj_watch, job._sj_facts
    if watch is not None:
        watch.waiters, watch.drain, watch.busy = [], threading.RLock(), False
    if facts is not None:
        facts.look = facts.fetch = None
        if facts.claim == "sending":
            facts.claim = "uncertain"
            facts.doubt = "the process was forked while it was being submitted"


def _after_fork_in_child() -> None:
    mine = firing.get(get_ident())
    firing.clear()
    if mine is not None:
        firing[get_ident()] = mine
    overlay = Firing.__dict__["_sj_lock"]
    slot = getattr(overlay, "slot", overlay)
    generation = getattr(overlay, "generation", 0) + 1
    Firing._sj_lock = _LockAfterFork(slot, generation)  # type: ignore[assignment]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

