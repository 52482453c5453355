"""Waits that take no time, and are given up where they would never end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sojourn.testing._manual_clock import ManualClock

__all__ = ["BoundedClock", "no_time_passes"]

#: Pauses after which a wait that must end is called endless; a day is some seventeen thousand.
ENDLESS: Final = 20_000


class BoundedClock(ManualClock):
    """A manual clock that gives up where a job would be waited for, or polled, for ever."""

    _most = ENDLESS

    def _wait(self, waiter: threading.Lock, seconds: float | None) -> bool:
        self.check()
        return super()._wait(waiter, seconds)

    def check(self) -> None:
        """Give up, if it has been too long."""
        if len(self.naps) > self._most:
            raise AssertionError("nothing will ever end this wait")

    def sleep(self, seconds: Any) -> None:
        """Take the place of `time.sleep`."""
        self.check()
        self.naps.append(seconds)
        self.now += seconds


@contextmanager
def no_time_passes(clock: BoundedClock | None = None) -> Iterator[ManualClock]:
    """Put a manual clock in place, which `time.sleep` moves, too.

    Args:
        clock: The clock; a new one, if none is given.
    """
    real = time.sleep
    with clock or BoundedClock() as ours:
        time.sleep = ours.sleep
        try:
            yield ours
        finally:
            time.sleep = real
