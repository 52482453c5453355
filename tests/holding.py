"""A function that runs until it is let go, or asked to stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from sojourn.backends import StopRequested, current_job

__all__ = ["hold"]


def hold(folder: Path) -> str:
    """Say that it runs, and run until there is the file ``go``, for a minute at most."""
    (folder / "ready").touch()
    deadline = time.monotonic() + 60
    while not (folder / "go").exists() and time.monotonic() < deadline:
        if current_job().cancel_requested:
            raise StopRequested
        threading.Event().wait(0.005)
    return "let go"
