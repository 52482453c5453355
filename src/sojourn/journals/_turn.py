"""Whose turn it is to write, among the processes that share a journal.

SQLite lets whoever asks at the right moment write, and four busy processes make one of them wait
for seconds. Here they queue: who waits holds the turnstile, and who has just written cannot pass it
again before the one that waits there.
"""

from __future__ import annotations

import os
from types import TracebackType

from sojourn.journals._files import open_beside

try:
    import fcntl
except ImportError:  # pragma: no cover  # a system without it has SQLite's own lock only
    fcntl = None  # type: ignore[assignment]

_QUEUES = fcntl is not None

__all__ = ["Turn"]


class Turn:
    """A lock between processes that starves nobody; a context manager for one thread."""

    def __init__(self, path: str) -> None:
        """Name the two lock files beside the journal, and open none."""
        self._path = path
        self._gate = self._lock = -1

    def open(self) -> None:
        """Open the files, if they are not.

        Raises:
            JournalFileError: One is not a file of ours.
        """
        if _QUEUES and self._lock < 0:
            self._gate = open_beside(f"{self._path}-turn")
            self._lock = open_beside(f"{self._path}-lock")

    def __enter__(self) -> None:
        """Wait for the turn."""
        if _QUEUES:
            self.open()
            fcntl.flock(self._gate, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            finally:
                fcntl.flock(self._gate, fcntl.LOCK_UN)

    def take(self) -> bool:
        """Take the turn if nobody else has it or waits for it; tell whether it was taken."""
        if not _QUEUES:
            return True
        self.open()
        try:
            fcntl.flock(self._gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        return True

    def give_back(self) -> None:
        """Let the next one in."""
        if _QUEUES:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the next one in."""
        self.give_back()

    def close(self) -> None:
        """Close the files; a forked child does the same, or it would hold its parent's lock."""
        descriptors = self._gate, self._lock
        self._gate = self._lock = -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)
