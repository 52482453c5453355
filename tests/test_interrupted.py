"""Ctrl-C at the beginning of every function that one change calls, one after the other.

Python looks for signals when a function begins, so an interrupt can come at each of these places; a
real one, at a random moment, is in `test_signals`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import sojourn
from job_doubles import Background, Pushed, Rows
from job_oracle import assert_consistent
from sojourn import BaseJob, Entry, JobStatus, Transition

HERE = str(Path(sojourn.__file__).parent)


class Followed(BaseJob[Any]):
    """Has a callback that is called on the way."""

    start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_note")

    def _note(self, event: Any) -> None:
        pass


#: An interrupt in one of these is made good for. Later ones, between noting that an entry is told
#: and telling it, may cost an announcement, which is never repeated.
MADE_GOOD = {"_sj_tell", "_sj_wake", "_sj_announce", "_sj_deliver"}


def interrupted_at(number: int, deed: Callable[[], Any]) -> str:
    """Do something, interrupted where the function of this number begins; return its name."""
    left, name = number, ""

    def on_call(frame: Any, event: str, _: Any) -> None:
        nonlocal left, name
        if frame.f_code.co_filename.startswith(HERE):
            left -= 1
            if left == 0:
                name = frame.f_code.co_name
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        with suppress(KeyboardInterrupt):
            deed()
    finally:
        sys.settrace(before)
    return name


def submitted(cls: type[Any], **options: Any) -> Any:
    job = cls(None, "j-1", **options)
    job.trigger("submit")
    return job


SCENARIOS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "a trigger": (lambda: submitted(Pushed), lambda job: job.start()),
    "a trigger with a callback": (lambda: submitted(Followed), lambda job: job.start()),
    "a failure": (lambda: submitted(Pushed), lambda job: job.fail("text")),
    "a trigger with a journal": (
        lambda: submitted(Followed, journal=Rows()),
        lambda job: job.start(),
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whoever_listens_hears_of_what_has_happened_wherever_the_interrupt_was(
    scenario: str,
) -> None:
    make, deed = SCENARIOS[scenario]
    places: list[str] = []
    while "" not in places:
        job, heard, waiter = make(), list[Entry](), threading.Lock()
        waiter.acquire()
        job.add_callback(lambda _, entry, heard=heard: heard.append(entry))
        job._sj_await_change(job._sj_last, waiter, end=False)

        places.append(interrupted_at(len(places) + 1, lambda job=job: deed(job)))

        lost = places[-1] not in MADE_GOOD and not heard
        assert lost or tuple(heard) == job.history[1:]
        assert len(job.history) == 1 or not waiter.locked()  # one may be woken for nothing
        assert Background(job._sj_lock.acquire, False).result() is True
        assert_consistent(job)
    assert "_sj_tell" in places
    assert len(job.history) == 2
