"""What Ctrl-C means while something runs: news, not an exception."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Ctrl-C, a polite end, and a terminal that was closed.
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def told_to(tell: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call ``tell`` with every signal that asks for an end; one that is ignored, as under `nohup`, stays so."""
    before = {number: signal.getsignal(number) for number in ENDINGS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: tell(signal.Signals(number)))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
