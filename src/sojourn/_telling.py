"""Who is told of a change: threads that wait for it, and callbacks of outsiders.

Nobody is told under the job's lock. Waiters are woken and look for themselves. Announcements are
not queued but read off the record: whoever announces tells all that was not told yet, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

from sojourn._handle import Handle, Watch, firing, logger
from sojourn.history import Entry, attempt_of, chain, entry_of

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
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {callback!r}")
        with self._sj_lock:
            watch, last = self._sj_watching(), self._sj_last
            since = len(chain(last))
            if not watch.registrations:
                watch.told = (last, since, attempt_of(last))
            registration = _Registration(callback, since)
            watch.registrations += (registration,)
        return lambda: self._sj_unregister(registration)

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
        while watch.registrations and watch.told[0] is not self._sj_last:
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
