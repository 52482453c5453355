"""The job classes of ours that the benchmarks time, and how they are brought to where the timing starts."""

from __future__ import annotations

from typing import Any

from sojourn import BaseJob, JobStatus, State, Transition

__all__ = ["CarefulJob", "PlainJob", "ShopJob", "StoppableJob", "idle", "queued", "running"]


class PlainJob(BaseJob[Any]):
    """The base lifecycle and nothing else."""


class ShopJob(BaseJob[Any]):
    """One state of its own, so that three named triggers lead from QUEUED to DONE."""

    SETUP = State(JobStatus.QUEUED, "being set up")

    mount = Transition(JobStatus.QUEUED, SETUP)
    start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)


class CarefulJob(BaseJob[Any]):
    """Its start asks a condition and runs two callbacks."""

    start = Transition(
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        conditions="_is_ready",
        before="_prepare",
        after="_announce",
    )

    def _is_ready(self, event: Any) -> bool:
        return True

    def _prepare(self, event: Any) -> None:
        pass

    def _announce(self, event: Any) -> None:
        pass


class StoppableJob(BaseJob[Any]):
    """Its backend stops it at once whenever it is asked to."""

    def _cancel(self) -> bool:
        return True


def idle(cls: type[BaseJob[Any]], count: int) -> list[Any]:
    """Make jobs that nobody has submitted."""
    return [cls(None, f"job-{number:07d}") for number in range(count)]


def queued(cls: type[BaseJob[Any]], count: int) -> list[Any]:
    """Make jobs in QUEUED."""
    jobs = idle(cls, count)
    for job in jobs:
        job.submit()
    return jobs


def running(cls: type[BaseJob[Any]], count: int) -> list[Any]:
    """Make jobs in RUNNING."""
    jobs = queued(cls, count)
    for job in jobs:
        job.start()
    return jobs
