"""What stands in for the world in the tests of jobs, beside what the testing kit has for everybody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from machine_shop import Controller, MachineShop, MachineShopJob, Program
from sojourn import BaseJob, Entry, _clock
from sojourn.history import Change
from sojourn.journals.memory import MemoryJournal
from sojourn.testing import Background, Gate, ManualClock, ScriptedBackend
from sojourn.testing import ScriptedJob as Remote

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
    "manual_clock",
    "meet",
    "part",
]

#: Seconds after which something that must happen will not happen any more.
PATIENCE = 10.0


class Pushed(BaseJob[Any]):
    """A job with no hooks: its states are pushed."""


class Backend(ScriptedBackend):
    """A backend that knows who asked.

    Attributes:
        askers: The threads that asked its questions.
    """

    def __init__(self, **answers: Any) -> None:
        super().__init__(**answers)
        self.askers: list[threading.Thread] = []

    def ask(self, question: str, job: Any = None) -> Any:
        self.askers.append(threading.current_thread())
        return super().ask(question, job)


class Rows(MemoryJournal):
    """A journal in memory that may have trouble.

    Attributes:
        kept: The entries, in order.
        ids: The job of each.
        trouble: Raised instead of keeping an entry, while there is one.
        witness: Called with each entry, before it is kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Entry] = []
        self.ids: list[str] = []
        self.trouble: BaseException | None = None
        self.witness: Callable[[Entry], object] | None = None

    def write(self, change: Change) -> None:
        if change.entry is not None:
            if self.trouble is not None:
                raise self.trouble
            if self.witness is not None:
                self.witness(change.entry)
        super().write(change)
        if change.entry is not None:
            self.ids.append(change.job_id)
            self.kept.append(change.entry)


def part(job_id: str = "p-1", **options: Any) -> MachineShopJob:
    """Make a part of the documentation's machine shop."""
    return MachineShopJob(MachineShop(Controller()), job_id, Program("bracket"), **options)


def brought_to(job: Any, ways: dict[str, tuple[str, ...]], state: str) -> Any:
    """Fire the triggers that lead a new job to ``state``, and return the job."""
    for trigger in ways[state]:
        job.trigger(trigger)
    assert job.state.name == state
    return job


def meet(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls in as many threads at the same time; return their outcomes, errors included."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE)
        return call()

    threads = [Background(run, call) for call in calls]
    return [thread.outcome() for thread in threads]


def manual_clock(patch: pytest.MonkeyPatch) -> ManualClock:
    """Put a manual clock in place until the end of the test."""
    for hand in ("monotonic", "wall", "wait"):
        patch.setattr(_clock, hand, getattr(_clock, hand))
    return ManualClock().__enter__()
