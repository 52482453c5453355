"""How tests wait for processes, and see whether they are gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

__all__ = ["PATIENCE", "alive", "number_in", "until"]

#: Seconds after which something that must happen will not happen any more.
PATIENCE = 30.0


def until(condition: Callable[[], Any]) -> Any:
    """Look again and again, until there is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.005)
    return found


def number_in(path: Path) -> int:
    """Return the number that somebody writes to a file as a line, once it is there."""
    text: str = until(
        lambda: path.exists() and path.read_text().endswith("\n") and path.read_text()
    )
    return int(text)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
