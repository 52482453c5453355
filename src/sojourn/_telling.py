"""Who is told of a change: threads that wait for it, and callbacks of outsiders.

Nobody is told under the job's lock. Waiters are woken and look for themselves. Announcements are
not queued but read off the record: whoever announces tells all that was not told yet, in order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any

from sojourn._handle import Handle, Watch, firing, logger
from sojourn._records import Record, attempt_of, chain, entry_of
from sojourn.history import Entry

__all__ = ["Telling"]

Listener = Callable[[Any, Entry], object]


class _Registration:
    """One `add_callback`: the function, the last entry before it, and whether it still counts."""

    __slots__ = ("active", "listener", "since")

    def __init__(self, listener: Listener, since: int) -> None:
        self.listener = listener
        self.since = since
        self.active = True


class Telling(Handle):
    """The part of a job that tells others."""

    __slots__ = ()

    def add_callback(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback(job, entry)`` for every later entry.

        Once per entry, in order, without the job's lock, perhaps in another thread that fires,
        and perhaps just after a trigger has returned there. What it raises is logged.

        Returns:
            A function that removes it again.

        Raises:
            TypeError: It cannot be called.
            ReentrantTransitionError: A declared callback of another job may not do this.
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {callback!r}")
        if firing:
            self._sj_refuse_elsewhere("add_callback")
        with self._sj_lock:
            watch, last = self._sj_watching(), self._sj_last
            since = len(chain(last))
            if not watch.registrations:
                watch.told = (last, since, attempt_of(last))
                watch.drain = watch.drain or threading.RLock()
            registration = _Registration(callback, since)
            watch.registrations += (registration,)
        return lambda: self._sj_unregister(registration)

    def _sj_unregister(self, registration: _Registration) -> None:
        registration.active = False
        if get_ident() in firing:
            return  # it is called no more; another job's lock is not for a declared callback
        with self._sj_lock:
            watch = self._sj_watch
            if watch is not None:
                watch.registrations = tuple(r for r in watch.registrations if r is not registration)
                self._sj_unwatch(watch)

    def _sj_refuse_elsewhere(self, what: str) -> None:
        """Refuse what takes the lock of this job inside a declared callback of another."""
        inside = firing.get(get_ident())
        if inside is not None and inside[0] is not self:
            reason = (
                f"it is asked for by a declared callback of job {inside[0]._sj_id!r}, and two jobs "
                "that wait for each other would deadlock; do it outside, in an add_callback() of that job"
            )
            raise self._sj_rules.reentry(self._sj_id, what, self._sj_last[0], reason)

    def _sj_await_change(self, seen: Record, waiter: Any, *, end: bool) -> bool:
        """Have ``waiter.release()`` called at the next change; ``False`` if there was one already.

        Args:
            seen: The record that the caller has seen.
            waiter: A lock, or what behaves like one.
            end: Wait for the change that ends the job, and sleep through all others.
        """
        with self._sj_lock:
            if self._sj_last is not seen:
                return False
            watch = self._sj_watching()
            (watch.enders if end else watch.waiters).append(waiter)
            return True

    def _sj_await_no_more(self, waiter: Any) -> None:
        with self._sj_lock:
            watch = self._sj_watch
            if watch is not None:
                # No loop here: its backward jump is outside of the `with` on some versions, and an
                # interrupt that hits it would leave the lock behind.
                if watch.waiters:
                    _forget(watch.waiters, waiter)
                if watch.enders:
                    _forget(watch.enders, waiter)
                self._sj_unwatch(watch)

    def _sj_unwatch(self, watch: Watch) -> None:
        """Take the short way again if nobody wants to know any more; under the lock."""
        if watch.idle:
            self._sj_watch = None

    def _sj_tell(self) -> None:
        """Wake the waiters and call the outsiders, without the lock."""
        if firing and get_ident() in firing:
            return  # nested in a declared callback, under the lock: the outer transition tells
        watch = self._sj_watch
        if watch is None:
            return
        if watch.waiters or watch.enders:
            self._sj_wake(watch)
        interrupt: BaseException | None = None
        while watch.registrations and watch.told[0] is not self._sj_last:
            try:
                if not self._sj_announce(watch):
                    break  # another thread is at it, and will see this entry too
            except BaseException as error:  # noqa: BLE001  # raised below, when all is told
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _sj_wake(self, watch: Watch) -> None:
        if watch.waiters:
            _wake(watch.waiters)
        if watch.enders and self._sj_last[0] in self._sj_rules.finals:
            _wake(watch.enders)

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
        seen, number, attempt = watch.told
        for record in chain(self._sj_last, seen):
            more = record[4]
            number, attempt = number + 1, (more and more[4]) or attempt
            # Told before it is: an interrupt may cost an announcement and never repeats one.
            watch.told = (record, number, attempt)
            entry = entry_of(record, number, attempt)
            for registration in watch.registrations:
                if registration.since < entry.number and registration.active:
                    try:
                        registration.listener(self, entry)
                    except Exception:  # noqa: BLE001  # an outsider's mistake harms nobody else
                        logger.exception("job %r: a callback raised at %r", self._sj_id, entry)
                    except BaseException as error:  # noqa: BLE001  # raised again below
                        interrupt = error
        if interrupt is not None:
            raise interrupt


def _wake(waiters: list[Any]) -> None:
    # Released before it is removed: an interrupt in between wakes it twice, and not never.
    for waiter in tuple(waiters):
        try:
            waiter.release()
        except RuntimeError:
            pass  # another thread has woken it
        _forget(waiters, waiter)


def _forget(waiters: list[Any], waiter: Any) -> None:
    """Remove a waiter that may be gone, or be removed by another thread right now."""
    try:
        waiters.remove(waiter)
    except ValueError:
        pass
