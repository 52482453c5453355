"""Waits that take no time, and are given up where they would never end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sojourn.testing._manual_clock import ManualClock

__all__ = ["no_time_passes"]

#: Pauses after which a wait that must end is called endless; a day is some seventeen thousand.
ENDLESS: Final = 20_000


class _Bounded(ManualClock):
    """A manual clock that gives up where a job would be waited for, or polled, for ever."""

    def _wait(self, waiter: threading.Lock, seconds: float | None) -> bool:
        self.check()
        return super()._wait(waiter, seconds)

    def check(self) -> None:
        """Give up, if it has been too long."""
        if len(self.naps) > ENDLESS:
            raise AssertionError("nothing will ever end this wait")


@contextmanager
def no_time_passes() -> Iterator[ManualClock]:
    """Put a manual clock in place, which `time.sleep` moves, too."""
    real = time.sleep
    with _Bounded() as clock:

        def sleep(seconds: Any) -> None:
            clock.check()
            clock.naps.append(seconds)
            clock.now += seconds

        time.sleep = sleep
        try:
            yield clock
        finally:
            time.sleep = real
