"""The clocks: one to tell people when something happened, one to measure and to wait.

They are reached through this module's attributes, so that a test can put a clock of its own in
their place and needs no sleep.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

__all__ = ["instant", "monotonic", "wait", "wall"]

wall = time.time
monotonic = time.monotonic


def wait(waiter: Any, seconds: float | None) -> bool:
    """Block until another thread releases ``waiter``, a lock; tell whether it did in time.

    Args:
        waiter: The lock; acquired, if it was released in time.
        seconds: How long to wait at most; ``None`` for ever.
    """
    if seconds is None:
        return bool(waiter.acquire())
    return bool(waiter.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX)))


def instant(at: float | None) -> datetime | None:
    """Return seconds since the epoch as an aware UTC instant."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
