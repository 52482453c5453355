"""Watch over what the kit does, so that a call that never returns ends with a report.

The kit calls an author's code in a thread of its own, and the thread that asked for it looks from
time to time at where that one stands. A call that is still the same after all these looks will not
return; it is given up, and told with its stack.
"""

from __future__ import annotations

import contextvars
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Final

from sojourn import _clock
from sojourn._handle import logger
from sojourn.testing._doubles import Background
from sojourn.testing._stacks import called_by_the_kit, is_debugged, stack_of, stands_in_the_kit

__all__ = ["LOOKS", "PAUSE", "HangError", "interrupt", "watched"]

Tell = Callable[[str], object]

#: Seconds between two looks.
PAUSE = 0.5
#: At how many looks a call is still the same, when it is given up. Looks are counted and not
#: seconds, because a machine may be asleep.
LOOKS = 20
#: Seconds that a thread has to leave what it was interrupted in.
LEAVING: Final = 1.0


class HangError(Exception):
    """A call of an author's code does not return.

    Attributes:
        call: Name of the function that the kit has called.
        stack: Where its thread stands, innermost last, as ``file:line in function``.
    """

    def __init__(self, call: str, stack: tuple[str, ...]) -> None:
        """Keep the facts."""
        super().__init__(call, stack)
        self.call = call
        self.stack = stack

    def __str__(self) -> str:
        """Say what never returned."""
        return f"{self.call}() has not returned after {PAUSE * LOOKS:g} s, and was given up"


class _GivenUpError(BaseException):
    """Raised in a thread whose call was given up; no ``except Exception`` is to hold it back."""


def watched(work: Callable[[Tell], object], progress: Tell) -> None:
    """Do something that calls an author's code, unless that never returns.

    Args:
        work: What is done; it is given a function that tells what it is at.
        progress: Told of that, in the thread of the caller.

    Raises:
        HangError: It does not.
    """
    news: SimpleQueue[str | None] = SimpleQueue()

    def run() -> None:
        try:
            work(news.put)
        finally:
            news.put(None)

    with _as_it_was():
        worker = Background(contextvars.copy_context().run, run)
        try:
            _look_after(worker.thread, news, progress)
        except BaseException:
            interrupt(worker.thread)
            raise
    worker.result()


def _look_after(thread: threading.Thread, news: SimpleQueue[str | None], progress: Tell) -> None:
    """Pass on what a thread tells until it has come to its end."""
    seen: FrameType | None = None
    looks = 0
    while True:
        try:
            told = news.get(timeout=PAUSE)
        except Empty:
            pass
        else:
            if told is None:
                return
            progress(told)
            continue
        frame = sys._current_frames().get(thread.ident or 0)
        call = called_by_the_kit(frame)
        if call is None or call is not seen:
            seen, looks = call, 0
        elif not stands_in_the_kit(frame) and not is_debugged(frame):
            looks += 1
        if looks >= LOOKS:
            assert call is not None
            raise HangError(call.f_code.co_name, stack_of(frame, call))


def interrupt(thread: threading.Thread) -> None:
    """Have a thread leave what it is in, if that is possible; one that waits for a lock stays."""
    with suppress(AttributeError, TypeError):  # only CPython can do that
        raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
        raise_in(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_GivenUpError))
        thread.join(LEAVING)


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Put back what the kit puts doubles in the place of, which a thread that hangs would not do."""
    places: list[tuple[Any, str]] = [
        (time, "sleep"),
        *((_clock, hand) for hand in ("monotonic", "wall", "wait")),
        (threading.Thread, "start"),
    ]
    level = logger.level
    kept = [getattr(owner, name) for owner, name in places]
    try:
        yield
    finally:
        for (owner, name), value in zip(places, kept, strict=True):
            if getattr(owner, name) is not value:
                setattr(owner, name, value)
        if logger.level != level:
            logger.setLevel(level)
