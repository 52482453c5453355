"""A clock that moves only when a test lets it, so that no test sleeps."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from sojourn import _clock

__all__ = ["ManualClock"]

#: What the wall shows when the monotonic clock shows 0.
_WALL: Final = 1_700_000_000.0
_HANDS: Final = ("monotonic", "wall", "wait")


class ManualClock:
    """A clock that moves only while somebody waits, and then to what happens next.

    A context manager: inside, every job measures and waits by it, in all threads, so one at a
    time. A wait ends when its lock is released or its time is over, and takes no time at all.

    Attributes:
        now: Seconds, by the monotonic clock.
        naps: How long each wait was meant to last.
        waiters: The locks that were waited for, as far as they are still there.

    Example:
        >>> from sojourn.testing import ManualClock, ScriptedBackend, ScriptedJob
        >>> job = ScriptedJob(ScriptedBackend(poll=["RUNNING"]), "j-1")
        >>> job.submit()
        >>> with ManualClock() as clock:
        ...     clock.after(3600, lambda: job.finish("late"))
        ...     job.result()
        'late'
    """

    def __init__(self) -> None:
        """Set it to 1000 seconds."""
        self.now: float = 1000.0
        self.naps: list[float | None] = []
        self.waiters: list[weakref.ref[Any]] = []
        self._plans: list[tuple[float, Callable[[], object]]] = []
        self._kept: tuple[Any, ...] | None = None

    def __enter__(self) -> Self:
        """Put it in the place of the real clocks."""
        if self._kept is not None:
            raise RuntimeError("this clock is in place already; make another one")
        self._kept = tuple(getattr(_clock, hand) for hand in _HANDS)
        ours = (lambda: self.now, lambda: _WALL + self.now, self._wait)
        for hand, mine in zip(_HANDS, ours, strict=True):
            setattr(_clock, hand, mine)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the real clocks back."""
        for hand, real in zip(_HANDS, self._kept or (), strict=True):
            setattr(_clock, hand, real)
        self._kept = None

    def after(self, seconds: float, happens: Callable[[], object]) -> None:
        """Let something happen, seconds from now, if somebody waits that long."""
        self._plans.append((self.now + seconds, happens))
        self._plans.sort(key=lambda plan: plan[0])

    def _wait(self, waiter: threading.Lock, seconds: float | None) -> bool:
        self.naps.append(seconds)
        self.waiters.append(weakref.ref(waiter))
        end = math.inf if seconds is None else self.now + max(seconds, 0.0)
        while not waiter.acquire(blocking=False):
            if self._plans and self._due() <= end:
                self._carry_out()
                continue
            if end == math.inf:
                raise AssertionError("nothing will ever end this wait")
            self.now = end
            return False
        return True

    def _due(self) -> float:
        """Return when something happens next."""
        return self._plans[0][0] if self._plans else math.inf

    def _carry_out(self) -> None:
        """Let it happen."""
        due, happens = self._plans.pop(0)
        self.now = max(self.now, due)
        happens()
