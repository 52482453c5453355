"""How a backend is asked: one question, without the job's lock, shared by all threads that ask it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any, ClassVar

from sojourn import _clock
from sojourn._handle import describe, is_free
from sojourn._reconciling import Reconciling
from sojourn._records import Record
from sojourn.errors import BackendError
from sojourn.history import Outcome

__all__ = ["Asking", "Flight", "overrides"]

#: Threads that are inside a hook which asks where a job is, or for its result.
_asking: set[int] = set()


class Flight:
    """One question to a backend that several threads share the answer of.

    The thread that asks holds ``lock`` by a ``with`` statement, which no interrupt can keep from
    releasing it; so a flight whose lock is free is over, answered or not.

    Attributes:
        lock: Held by the thread that asks.
        error: What it raised.
        outcome: What became of its report.
        answered: Whether there is an answer.
    """

    __slots__ = ("answered", "error", "lock", "outcome")

    outcome: Outcome

    def __init__(self) -> None:
        """Prepare one, without an outcome."""
        self.lock = threading.RLock()
        self.error: Exception | None = None
        self.answered = False

    def over(self) -> bool:
        """Whether nobody is asking any more."""
        return self.answered or is_free(self.lock)

    def share(self, seconds: float) -> None:
        """Wait until the thread that asks is through with it, or time is over; under no lock."""
        lock = self.lock
        try:
            _clock.wait(lock, seconds)
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # time was over, or an interrupt came first


class Asking(Reconciling):
    """The part of a job that calls the hooks which ask."""

    __slots__ = ()

    transient_errors: ClassVar[tuple[type[BaseException], ...]] = ()
    """Errors of a hook, besides ``OSError``, after which asking again may help."""

    def _sj_ask(self, hook: Any, what: str) -> Any:
        """Call a hook outside the lock; what it raises becomes a `BackendError`."""
        try:
            return hook()
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(
                f"job {self._sj_id!r} cannot {what}: {describe(error)}; it is as it was, ask again",
                self._sj_transient(error),
            ) from error

    def _sj_transient(self, error: BaseException) -> bool:
        """Whether asking again may help."""
        return isinstance(error, (OSError, *self.transient_errors))

    def _sj_share(
        self,
        slot: str,
        ask: Callable[[Record], Outcome],
        deadline: float | None,
        *,
        patient: bool = True,
    ) -> Flight | None:
        """Ask, or share the question of this kind that another thread asks already.

        Returns:
            The answered flight; ``None`` at the deadline, or if the hook itself has asked.
        """
        while True:
            mine = Flight()
            with mine.lock:
                flight, asked = self._sj_board(slot, mine)
                if flight is mine:
                    return self._sj_fly(slot, mine, ask, asked)
            if flight.lock._is_owned():  # type: ignore[attr-defined]  # as `Condition` asks it
                return None  # the hook asks; it gets what is known
            left = math.inf if deadline is None else deadline - _clock.monotonic()
            if left <= 0 or not patient or get_ident() in _asking:
                return None  # hooks that look at each other's jobs must not wait for each other
            flight.share(left)
            if flight.error is not None:
                raise flight.error
            if flight.answered:
                return flight

    def _sj_board(self, slot: str, mine: Flight) -> tuple[Flight, Record]:
        """Return the flight of this kind that is under way, and the record now."""
        with self._sj_lock:
            facts = self._sj_known()
            flight: Flight | None = getattr(facts, slot)
            if flight is None or flight.over():
                setattr(facts, slot, mine)
                flight = mine
            return flight, self._sj_last

    def _sj_fly(
        self, slot: str, flight: Flight, ask: Callable[[Record], Outcome], asked: Record
    ) -> Flight:
        # An interrupt leaves no answer behind: those who share ask for themselves.
        ident = get_ident()
        outermost = ident not in _asking
        try:
            _asking.add(ident)
            flight.outcome = ask(asked)
        except Exception as error:
            flight.error = error
            raise
        finally:
            if outermost:
                _asking.discard(ident)
            setattr(self._sj_facts, slot, None)
        flight.answered = True
        return flight


def overrides(bound: Any, default: Any) -> bool:
    """Tell whether a hook is the author's own; one set on a single job counts too."""
    return getattr(bound, "__func__", None) is not default
