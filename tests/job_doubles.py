"""What stands in for the world in the tests of jobs: a backend, a journal, threads, a clock."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Any

import pytest

from machine_shop import Controller, MachineShop, MachineShopJob, Program
from sojourn import BaseJob, Entry, _clock

__all__ = [
    "PATIENCE",
    "Backend",
    "Background",
    "Gate",
    "ManualClock",
    "Pushed",
    "Remote",
    "Rows",
    "brought_to",
    "meet",
    "part",
]

#: Seconds after which something that must happen will not happen any more.
PATIENCE = 10.0


class Pushed(BaseJob[Any]):
    """A job with no hooks: its states are pushed."""


class Backend:
    """A backend that gives the answers on its lists; the last one of a list is repeated.

    An exception among the answers is raised, and a callable is called with the job.

    Attributes:
        asked: The questions so far, in order.
        askers: The threads that asked them.
    """

    def __init__(
        self,
        *,
        submit: Sequence[Any] = ("native-1",),
        poll: Sequence[Any] = (None,),
        cancel: Sequence[Any] = (True,),
        fetch: Sequence[Any] = ("the result",),
        find: Sequence[Any] = (None,),
    ) -> None:
        given = {"submit": submit, "poll": poll, "cancel": cancel, "fetch": fetch, "find": find}
        # No lock, which a fork might copy while it is held: taking the next one is one step.
        self._answers = {
            question: chain(answers, repeat(answers[-1])) for question, answers in given.items()
        }
        self.asked: list[str] = []
        self.askers: list[threading.Thread] = []

    def ask(self, question: str, job: Any) -> Any:
        self.asked.append(question)
        self.askers.append(threading.current_thread())
        answer = next(self._answers[question])
        if isinstance(answer, BaseException):
            raise answer
        return answer(job) if callable(answer) else answer


class Remote(BaseJob[Any]):
    """A job with every hook; each is one question to its `Backend`."""

    def _submit(self) -> Any:
        return self.backend().ask("submit", self)

    def _poll(self) -> Any:
        return self.backend().ask("poll", self)

    def _cancel(self) -> Any:
        return self.backend().ask("cancel", self)

    def _fetch_result(self) -> Any:
        return self.backend().ask("fetch", self)

    def _find(self) -> Any:
        return self.backend().ask("find", self)


class Gate:
    """An answer that is on its way until the test lets it arrive."""

    def __init__(self, answer: Any = None) -> None:
        self._answer = answer
        self._asked = threading.Event()
        self._open = threading.Event()

    def __call__(self, *_: Any) -> Any:
        self._asked.set()
        assert self._open.wait(PATIENCE), "the test never opened the gate"
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    def wait_until_asked(self) -> None:
        assert self._asked.wait(PATIENCE), "nobody asked"

    def open(self) -> None:
        self._open.set()


class Rows:
    """A journal that keeps entries in memory, as the protocol asks.

    Attributes:
        kept: The entries, in order.
        trouble: Raised instead of keeping an entry, while there is one.
        witness: Called with each entry, before it is kept.
    """

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.ids: list[str] = []
        self.trouble: BaseException | None = None
        self.witness: Callable[[Entry], object] | None = None

    def append(self, job_id: str, entry: Entry) -> None:
        if self.trouble is not None:
            raise self.trouble
        if self.witness is not None:
            self.witness(entry)
        self.ids.append(job_id)
        self.kept.append(entry)


def part(job_id: str = "p-1", **options: Any) -> MachineShopJob:
    """Make a part of the documentation's machine shop."""
    return MachineShopJob(MachineShop(Controller()), job_id, Program("bracket"), **options)


def brought_to(job: Any, ways: dict[str, tuple[str, ...]], state: str) -> Any:
    """Fire the triggers that lead a new job to ``state``, and return the job."""
    for trigger in ways[state]:
        job.trigger(trigger)
    assert job.state.name == state
    return job


class Background:
    """A call in a thread of its own, that must come to an end."""

    def __init__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._outcome: tuple[bool, Any] | None = None

        def run() -> None:
            try:
                self._outcome = True, call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  # handed to whoever asks
                self._outcome = False, error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    @property
    def over(self) -> bool:
        return not self.thread.is_alive()

    def outcome(self) -> Any:
        """Return what the call returned, or the exception that it raised."""
        self.thread.join(PATIENCE)
        assert self._outcome is not None, "the call hangs"
        return self._outcome[1]

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        outcome = self.outcome()
        assert self._outcome is not None
        if not self._outcome[0]:
            raise outcome
        return outcome


def meet(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls in as many threads at the same time; return their outcomes, errors included."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE)
        return call()

    threads = [Background(run, call) for call in calls]
    return [thread.outcome() for thread in threads]


class ManualClock:
    """A clock that moves only while somebody waits, and then to what happens next.

    Attributes:
        now: Seconds, by the monotonic clock.
        naps: How long each wait was meant to last.
        waiters: The locks that were waited for, as far as they are still there.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.naps: list[float | None] = []
        self.waiters: list[weakref.ref[Any]] = []
        self._plans: list[tuple[float, Callable[[], object]]] = []
        patch.setattr(_clock, "monotonic", lambda: self.now)
        patch.setattr(_clock, "wall", lambda: 1_700_000_000.0 + self.now)
        patch.setattr(_clock, "wait", self._wait)

    def after(self, seconds: float, happens: Callable[[], object]) -> None:
        """Let something happen, seconds from now, if somebody waits that long."""
        self._plans.append((self.now + seconds, happens))
        self._plans.sort(key=lambda plan: plan[0])

    def _wait(self, waiter: threading.Lock, seconds: float | None) -> bool:
        self.naps.append(seconds)
        self.waiters.append(weakref.ref(waiter))
        end = math.inf if seconds is None else self.now + max(seconds, 0.0)
        while not waiter.acquire(blocking=False):
            if self._plans and self._plans[0][0] <= end:
                due, happens = self._plans.pop(0)
                self.now = max(self.now, due)
                happens()
                continue
            assert end < math.inf, "nothing will ever end this wait"
            self.now = end
            return False
        return True
