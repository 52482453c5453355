"""How a job is waited for: to its end, for its result, and the same for asyncio."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic

from sojourn import _clock
from sojourn._asking import overrides
from sojourn._finding import Finding
from sojourn._handle import SENT, firing
from sojourn._looking import Looking, Rhythm, duration
from sojourn._records import NOT_GIVEN, Record
from sojourn.errors import (
    JobCancelledError,
    JobError,
    JobFailedError,
    JobTimeoutError,
)
from sojourn.history import Entry, Outcome
from sojourn.lifecycle import JobStatus

if TYPE_CHECKING:
    # A type variable with a default needs Python 3.13 or this package, which type checkers bring.
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["Waiting"]

#: Seconds between two looks by `result` at most.
LONGEST_SLEEP = 5.0


class Waiting(Finding, Generic[T]):
    """The part of a job that waits and fetches results."""

    __slots__ = ()

    def _fetch_result(self) -> T:
        """Fetch the result of a job that is DONE; called without the job's lock."""
        raise NotImplementedError

    # Waiting.

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[[str, JobStatus, Any], object] | None = None,
    ) -> None:
        """Return when the job is over.

        Wakes at once when a transition is pushed. Polls, if the class can, quickly at first and
        then less and less often. A poll that fails for a while does not end the wait.

        Args:
            timeout: Seconds to wait at most, by a monotonic clock; ``None`` for ever, 0 or less to
                look once.
            wait: Seconds between two polls at most.
            callback: Called as ``callback(job_id, status, job)`` after each look, the last one
                included; what it raises propagates.

        Raises:
            JobTimeoutError: The job was not over in time; it goes on.
            JobError: Nobody has submitted the job.
            SubmitUncertainError: Nobody knows whether the backend has it; call `reconcile`.
            BackendError: The backend could not be asked, and asking again will not help.
            UnknownStatusError: The backend used a word that ``status_map`` does not know.
            ReentrantTransitionError: A declared callback may not wait.
        """
        self._sj_wait(timeout, wait, callback)

    def _sj_wait(
        self,
        timeout: float | None,
        wait: float,
        callback: Callable[[str, JobStatus, Any], object] | None,
    ) -> None:
        if firing:
            self._sj_refuse_inside("wait_for_final_state", always=True)
        if callback is not None and not callable(callback):
            raise TypeError(f"a callback must be callable, not {callback!r:.80}")
        deadline = _deadline(timeout)
        rhythm = Rhythm(duration("wait", wait))
        fault: Exception | None = None
        while True:
            self._sj_check_waitable()
            if self._sj_pollable() and rhythm.due() <= _clock.monotonic():
                fault = self._sj_try_poll(deadline)
                rhythm.beat()
            seen = self._sj_last
            if callback is not None:
                callback(self._sj_id, self._sj_rules.states[seen[0]].status, self)
            if seen[0] in self._sj_rules.finals:
                return
            now = _clock.monotonic()
            if timeout is not None and deadline is not None and now >= deadline:
                raise JobTimeoutError(self._sj_id, seen[0], timeout) from fault
            due = rhythm.due() if self._sj_pollable() else now + rhythm.longest
            # Whoever cannot poll, and reports to nobody, need not look at what comes before the end.
            end = callback is None and not overrides(self._poll, Looking._poll)
            seconds = min(due, math.inf if deadline is None else deadline) - now
            self._sj_sleep(seen, seconds, end=end)

    def _sj_is_pushed(self) -> bool:
        """Whether its end comes by itself, and nothing else is to be seen to meanwhile."""
        return (
            self._sj_watch is None
            and not firing
            and self._sj_claimed() is SENT
            and not overrides(self._poll, Looking._poll)
        )

    def _sj_sleep(self, seen: Record, seconds: float, *, end: bool) -> None:
        """Sleep until the record is no longer ``seen``, or the job is over, or time is."""
        waiter = threading.Lock()
        waiter.acquire()
        try:
            if self._sj_await_change(seen, waiter, end=end):
                _clock.wait(waiter, seconds)
        finally:
            self._sj_await_no_more(waiter)

    # Results.

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end and return the result, the same one every time.

        Args:
            timeout: Seconds to wait at most; ``None`` for ever.

        Raises:
            JobFailedError: The job is in ERROR; chained to what `error` returns.
            JobCancelledError: The job is CANCELLED.
            JobTimeoutError: The job was not over in time; it goes on.
            JobError: Nobody has submitted the job, or it is DONE and was given no result.
            BackendError: The result could not be fetched; the job stays DONE, ask again.
            ReentrantTransitionError: A declared callback may not wait.
        """
        deadline = _deadline(timeout)
        state = self._sj_last[0]
        if state not in self._sj_rules.finals:
            if timeout is None and self._sj_is_pushed():
                self._sj_sleep(self._sj_last, LONGEST_SLEEP, end=True)
            if self._sj_last[0] not in self._sj_rules.finals:
                self._sj_wait(timeout, LONGEST_SLEEP, None)
            state = self._sj_last[0]
        if state == "ERROR":
            cause = self.error()
            raise JobFailedError(str(cause) or repr(cause), self._sj_id) from cause
        if state == "CANCELLED":
            more = self._sj_last[4]
            raise JobCancelledError((more and more[2]) or "", self._sj_id)
        result: T  # whatever finish() was given or _fetch_result() gave
        while (result := self._sj_result()) is NOT_GIVEN:
            self._sj_fetch(deadline, timeout)
        return result

    def _sj_result(self) -> Any:
        """Return the result if it is here."""
        more, facts = self._sj_last[4], self._sj_facts
        given = NOT_GIVEN if more is None else more[3]
        return given if given is not NOT_GIVEN or facts is None else facts.result

    def _sj_must_fetch(self) -> bool:
        """Whether `result` has to ask the backend."""
        return self._sj_last[0] == "DONE" and self._sj_result() is NOT_GIVEN

    def _sj_fetch(self, deadline: float | None, timeout: float | None) -> None:
        """Fetch the result once, or share the fetch that another thread is at."""
        if firing:
            self._sj_refuse_inside("result", always=True)
        hooked = overrides(self._fetch_result, Waiting._fetch_result)
        if self._sj_sealed() or not (hooked or self._sj_has_kept_result()):
            raise JobError(
                f"job {self._sj_id!r} has no result though it is DONE; "
                "give one with finish(result=…), or write _fetch_result()"
            )
        if self._sj_share("fetch", self._sj_ask_result, deadline) is None:
            raise JobTimeoutError(self._sj_id, self._sj_last[0], timeout or 0.0)

    def _sj_ask_result(self, _asked: Record) -> Outcome:
        if self._sj_result() is NOT_GIVEN:  # another thread may have fetched it since we looked
            facts = self._sj_known()
            kept = self._sj_kept_result()
            if kept is NOT_GIVEN:
                facts.result = self._sj_ask(self._fetch_result, "give its result")
                self._sj_write_result()
            else:
                facts.result = kept
        return Outcome.UNCHANGED

    # The same for asyncio.

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the result without blocking the event loop.

        Cancelling the task that awaits does not cancel the job.
        """
        from sojourn._async import result  # noqa: PLC0415  # asyncio costs every program 20 ms

        return result(self, self.result, self._sj_must_fetch).__await__()

    def changes(self) -> AsyncIterator[Entry]:
        """Follow the job: what happened so far, then what happens, to its final entry.

        A job that must be polled is polled meanwhile, in another thread.
        """
        from sojourn._async import changes  # noqa: PLC0415  # asyncio costs every program 20 ms

        return changes(self)


def _deadline(timeout: float | None) -> float | None:
    if timeout is None or (seconds := duration("timeout", timeout, past=True)) == math.inf:
        return None
    return _clock.monotonic() + max(seconds, 0.0)
