"""How a journal survives a fork: nobody is inside SQLite at that moment.

A fork copies locks that other threads hold, SQLite's own among them, and those threads are not in the
child. So a fork waits until every thread has come out of SQLite, and the child opens the file anew.
"""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Protocol

__all__ = ["inside", "survive"]

#: Seconds that a fork waits. A thread that was interrupted on its way out must not stop it for ever.
PATIENCE = 5.0


class _Survivor(Protocol):
    def _begin_anew(self) -> None: ...


class _Inside:
    """Counts the threads that are inside SQLite; a context manager."""

    def __init__(self) -> None:
        # Reentrant, because the garbage collector may close a journal that somebody has dropped in
        # a thread that is just here.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._count = 0
        self._forking = False

    def __enter__(self) -> None:
        with self._lock:
            if self._forking:
                self._changed.wait_for(lambda: not self._forking, PATIENCE)
            self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._count -= 1
            if self._forking:
                self._changed.notify_all()

    def before(self) -> None:
        with self._changed:
            self._forking = True
            self._changed.wait_for(lambda: self._count <= 0, PATIENCE)

    def after(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_in_child(self) -> None:
        self.__init__()  # type: ignore[misc]  # its lock may be held by a thread that is not here
        for survivor in list(_survivors):
            survivor._begin_anew()


inside = _Inside()
_survivors: weakref.WeakSet[_Survivor] = weakref.WeakSet()


def survive(journal: _Survivor) -> None:
    """Have a journal begin anew in every forked child."""
    _survivors.add(journal)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=inside.before, after_in_parent=inside.after, after_in_child=inside.after_in_child
    )
