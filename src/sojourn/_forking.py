"""How a job survives a fork.

A fork copies locks that other threads hold, and those threads are not in the child. There the
slot of the lock is overlaid by a descriptor that gives every job a new lock the first time it
is asked for one, so a process that never forks pays nothing.
"""

from __future__ import annotations

import os
import threading
from threading import get_ident
from typing import Any

from sojourn._handle import Claim, Handle, firing

__all__: list[str] = []


class _LockAfterFork:
    def __init__(self, slot: Any, generation: int) -> None:
        self.slot = slot
        self.generation = generation
        self.renewing = threading.Lock()

    def __get__(self, job: Handle | None, owner: type | None = None) -> Any:
        if job is None:
            return self
        held = self.slot.__get__(job)
        if isinstance(held, tuple) and held[0] == self.generation:
            return held[1]
        with self.renewing:
            held = self.slot.__get__(job)
            if not (isinstance(held, tuple) and held[0] == self.generation):
                held = (self.generation, threading.RLock())
                _forget_threads(job)
                self.slot.__set__(job, held)
        return held[1]

    def __set__(self, job: Handle, lock: Any) -> None:
        self.slot.__set__(job, (self.generation, lock))


def _forget_threads(job: Handle) -> None:
    """Forget what threads of the parent process were about to do with ``job``."""
    watch, facts = job._sj_watch, job._sj_facts
    if watch is not None:
        watch.waiters, watch.enders = [], []
        watch.drain, watch.busy = threading.RLock(), False
    if facts is not None:
        facts.look = facts.fetch = None
        if facts.claim.kind == "sending" and not facts.claim.claimant._is_owned():
            doubt = "the process was forked while it was being submitted"
            facts.claim = Claim("uncertain", doubt=doubt)


def _after_fork_in_child() -> None:
    mine = firing.get(get_ident())
    firing.clear()
    if mine is not None:
        firing[get_ident()] = mine
    overlay = Handle.__dict__["_sj_lock"]
    slot = getattr(overlay, "slot", overlay)
    generation = getattr(overlay, "generation", 0) + 1
    Handle._sj_lock = _LockAfterFork(slot, generation)  # type: ignore[assignment, misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
