"""How a job is awaited and followed in asyncio, without blocking the event loop.

A pushed transition reaches the loop through a callback. A job that must be polled is polled in
another thread, one look at a time, so that a thousand awaited jobs do not hold a thousand threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sojourn import _clock
from sojourn._finding import Finding
from sojourn._handle import firing
from sojourn._looking import Rhythm
from sojourn._records import Record, entries_of
from sojourn.history import Entry

T = TypeVar("T")

__all__ = ["changes", "result"]

LONGEST_PAUSE = 5.0

#: Threads in which backends are asked on behalf of event loops. Not the loop's own: an application
#: may have filled those with calls that wait for the very jobs that nobody could then look at.
ASKING = 32


async def result(job: Finding, collect: Callable[[], T], must_fetch: Callable[[], bool]) -> T:
    """Wait for the end of ``job`` and return what ``collect`` gives, or raise what it raises.

    Args:
        job: The job.
        collect: Returns the result, and may block if ``must_fetch`` says so.
        must_fetch: Whether the backend has to be asked.
    """
    if firing:
        job._sj_refuse_inside("await", always=True)
    rhythm = Rhythm(LONGEST_PAUSE)
    while (seen := job._sj_last)[0] not in job._sj_rules.finals:
        job._sj_check_waitable()
        await _news(job, seen, rhythm)
    return await _apart(collect) if must_fetch() else collect()


async def changes(job: Finding) -> AsyncIterator[Entry]:
    """Yield all entries of ``job``, past and to come, up to the final one."""
    if firing:
        job._sj_refuse_inside("changes", always=True)
    told, rhythm = 0, Rhythm(LONGEST_PAUSE)
    while True:
        seen = job._sj_last
        history = tuple(entries_of(seen))
        for entry in history[told:]:
            yield entry
        told = len(history)
        if seen[0] in job._sj_rules.finals:
            return
        if job._sj_sealed():
            job._sj_check_waitable()
        await _news(job, seen, rhythm)


class _Bell:
    """Stands among the waiters of a job, and wakes an event loop instead of a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rung = asyncio.Event()

    def release(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody listens
            self.loop.call_soon_threadsafe(self.rung.set)


async def _news(job: Finding, seen: Record, rhythm: Rhythm) -> None:
    """Return when the record may no longer be ``seen``: pushed, or found by a poll."""
    bell = _Bell()
    if not job._sj_await_change(seen, bell, end=False):
        return
    try:
        # A job that cannot be polled rings; but an interrupt may have hit whoever should have.
        polled = job._sj_pollable()
        pause = max(0.0, rhythm.due() - _clock.monotonic()) if polled else LONGEST_PAUSE
        await asyncio.wait_for(bell.rung.wait(), pause)
    except TimeoutError:
        if polled:
            await _apart(job._sj_try_poll, None)
            rhythm.beat()
    finally:
        job._sj_await_no_more(bell)


_askers: list[ThreadPoolExecutor] = []


async def _apart(ask: Callable[..., T], *arguments: Any) -> T:
    """Call ``ask`` in a thread of ours."""
    if not _askers:
        _askers.append(ThreadPoolExecutor(ASKING, thread_name_prefix="sojourn-ask"))
    return await asyncio.get_running_loop().run_in_executor(_askers[0], ask, *arguments)


if hasattr(os, "register_at_fork"):
    # Its threads are not in the child.
    os.register_at_fork(after_in_child=_askers.clear)
