"""A thread of a backend that does what has to be done at a certain time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sojourn import _clock

__all__ = ["Keeper"]

Call = Callable[[], object]


class Keeper:
    """Makes calls when their time has come; one thread for a whole backend."""

    def __init__(self) -> None:
        """Start with nothing to call, and without the thread."""
        self._news = threading.Condition()
        self._due: dict[Call, float] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Start the thread; it must be there when the interpreter exits, which starts no more."""
        with self._news:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep, name="sojourn-keeper", daemon=True
                )
                self._thread.start()

    def remind(self, call: Call, seconds: float) -> None:
        """Make a call once, so many seconds from now, and not when it was to be made before."""
        with self._news:
            self._due[call] = _clock.monotonic() + seconds
            self._news.notify()

    def forget(self, call: Call) -> None:
        """Do not make it, unless it is being made already."""
        if call in self._due:
            with self._news:
                self._due.pop(call, None)

    def close(self) -> None:
        """End the thread."""
        with self._news:
            self._closed = True
            self._news.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _keep(self) -> None:
        while (late := self._wait()) is not None:
            for call in late:
                call()

    def _wait(self) -> list[Call] | None:
        """Return the calls whose time has come, as soon as there are any; ``None`` at the end."""
        with self._news:
            while not self._closed:
                now = _clock.monotonic()
                late = [call for call, due in self._due.items() if due <= now]
                for call in late:
                    del self._due[call]
                if late:
                    return late
                nearest = min(self._due.values(), default=None)
                wait = None if nearest is None else min(nearest - now, threading.TIMEOUT_MAX)
                self._news.wait(wait)
            return None
