"""Jobs with a past of known times, for the drawing tests."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sojourn import BaseJob, Entry, JobStatus, State, Transition

if TYPE_CHECKING:
    from collections.abc import Sequence

#: When every job here was made, unless it says otherwise.
BORN = datetime(2026, 11, 20, 9, tzinfo=UTC)

#: A step: the trigger, where it leads, and after how many seconds; None where nobody saw when.
Step = tuple[str, str, float | None]


class PlainJob(BaseJob[str]):
    """A job with nothing of its own."""


class ShopJob(BaseJob[str]):
    """A part to be milled."""

    SETUP = State(JobStatus.QUEUED, "tool and fixture are being mounted")
    INSPECTING = State(JobStatus.RUNNING, "the part is on the measuring table")

    mount = Transition(JobStatus.QUEUED, SETUP)
    start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)
    inspect = Transition(JobStatus.RUNNING, INSPECTING, conditions="_has_table", unless="_is_late")
    finish = Transition(INSPECTING, JobStatus.DONE)
    requeue = Transition([JobStatus.RUNNING, INSPECTING], JobStatus.QUEUED, new_attempt=True)

    def _has_table(self, event: object) -> bool:
        return True

    def _is_late(self, event: object) -> bool:
        return False


def history(steps: Sequence[Step], born: datetime = BORN) -> tuple[Entry, ...]:
    """Return the entries of a job that took these steps; `requeue` begins a new attempt."""
    at, here, attempt = born, "INITIALIZING", 1
    entries = []
    for number, (trigger, dest, seconds) in enumerate(steps, 1):
        at += timedelta(seconds=seconds or 0)
        attempt += trigger == "requeue"
        unseen = seconds is None
        entries.append(
            Entry(
                number,
                None if unseen else at,
                trigger,
                here,
                dest,
                attempt,
                unseen,
                "trigger",
                None,
            )
        )
        here = dest
    return tuple(entries)


class PastJob:
    """Stands in for a job: the attributes that drawing reads, with times that the test chose."""

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        name: str = "j-1",
        born: datetime = BORN,
        like: type[BaseJob[Any]] = PlainJob,
    ) -> None:
        self.lifecycle = like.lifecycle
        self.history = history(steps, born)
        self.created_at = born
        self.state = self.lifecycle.state(self.history[-1].dest if steps else "INITIALIZING")
        self._name = name

    def job_id(self) -> str:
        return self._name


#: Seen throughout, and over.
DONE: list[Step] = [("submit", "QUEUED", 2), ("start", "RUNNING", 10), ("finish", "DONE", 30)]
#: Nobody saw it start.
UNSEEN: list[Step] = [("submit", "QUEUED", 2), ("start", "RUNNING", None), ("finish", "DONE", 40)]
#: Two attempts, still running.
TWICE: list[Step] = [
    ("submit", "QUEUED", 1),
    ("mount", "SETUP", 4),
    ("start", "RUNNING", 5),
    ("inspect", "INSPECTING", 6),
    ("requeue", "QUEUED", 7),
    ("start", "RUNNING", 8),
]


def batch(count: int, seed: int = 3) -> list[PastJob]:
    """Return jobs with lives drawn at random, the same ones every time."""
    dice = random.Random(seed)
    jobs = []
    for number in range(count):
        steps: list[Step] = [("submit", "QUEUED", dice.expovariate(1 / 2.5))]
        steps.append(
            ("start", "RUNNING", dice.expovariate(1 / 13) if dice.random() > 0.15 else None)
        )
        end = dice.choice(
            [("finish", "DONE"), ("finish", "DONE"), ("fail", "ERROR"), ("cancel", "CANCELLED")]
        )
        steps.append((*end, dice.expovariate(1 / 20)))
        born = BORN + timedelta(seconds=dice.uniform(0, 24))
        jobs.append(PastJob(steps, name=f"job-{number:02}", born=born))
    return jobs


#: A batch that can be named in a page of documentation.
JOBS = batch(3)
