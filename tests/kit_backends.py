"""A small backend that keeps every promise, and others that each break one in one place.

`PLANTED` says which promise each breaks; the contract must find it, by that name.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from sojourn import BaseJob, Entry, JobStatus
from sojourn.errors import CannotRunError, IllegalTransitionError, JobTimeoutError
from sojourn.testing import BackendConformance

__all__ = ["PLANTED", "OfWorkshops", "Planted", "Workshop", "WorkshopJob"]

Work = Callable[[threading.Event], Any]


class WorkshopJob(BaseJob[Any]):
    """A job of a `Workshop`."""

    def _submit(self) -> None:
        self.backend().take(self)

    def _cancel(self) -> bool | None:
        return self.backend().stop(self)

    def _fetch_result(self) -> Any:
        return self.backend().values[self.job_id()]


class Workshop:
    """Calls functions in threads, so many at a time; each is given an event that asks it to stop."""

    job_class: type[BaseJob[Any]] = WorkshopJob

    def __init__(self, slots: int) -> None:
        self.slots = self.check_slots(slots)
        self.process = os.getpid()
        self.stamp = uuid.uuid4().hex
        self.numbers = count(1)
        self.turn = threading.Condition()
        self.queue: deque[Any] = deque()
        self.open: dict[str, Any] = {}
        self.calls: dict[str, tuple[Work, threading.Event]] = {}
        self.values: dict[str, Any] = {}
        self.threads: list[threading.Thread] = []
        self.closed = False

    def check_slots(self, slots: Any) -> int:
        if not isinstance(slots, int) or isinstance(slots, bool):
            raise TypeError(f"slots must be an int, not {slots!r}")
        if slots < 1:
            raise ValueError(f"slots must be 1 or more, not {slots}")
        return slots

    def name(self) -> str:
        return f"{self.stamp}-{next(self.numbers)}"

    @property
    def jobs(self) -> tuple[Any, ...]:
        return tuple(job for job in tuple(self.open.values()) if not job.state.is_final)

    def run(self, work: Work) -> Any:
        self.check_open()
        job = self.job_class(self, self.name())
        self.calls[job.job_id()] = work, threading.Event()
        job.submit()
        return job

    def check_open(self) -> None:
        if os.getpid() != self.process:
            raise CannotRunError("a function", "the workshop belongs to another process")
        if self.closed:
            raise CannotRunError("a function", "the workshop is closed")

    def take(self, job: Any) -> None:
        with self.turn:
            self.open[job.job_id()] = job
            self.queue.append(job)
            if len(self.threads) < self.slots:
                self.threads.append(threading.Thread(target=self.serve, daemon=True))
                self.threads[-1].start()
            self.turn.notify()

    def stop(self, job: Any) -> bool | None:
        with self.turn:
            if job in self.queue:
                self.queue.remove(job)
                return True
        self.calls[job.job_id()][1].set()
        return None

    def serve(self) -> None:
        while True:
            with self.turn:
                while not self.queue and not self.closed:
                    self.turn.wait()
                if not self.queue:
                    return
                job = self.queue.popleft()
            self.work(job)
            self.open.pop(job.job_id(), None)

    def work(self, job: Any) -> None:
        if job.state.status is JobStatus.INITIALIZING:
            job.observe(JobStatus.QUEUED)  # submit() has not returned yet
        self.begin(job)
        work, asked = self.calls[job.job_id()]
        try:
            self.values[job.job_id()] = work(asked)
        except InterruptedError:
            self.end(job, JobStatus.CANCELLED, None)
        except Exception as error:  # noqa: BLE001  # it is the job's, whatever it is
            self.end(job, JobStatus.ERROR, error)
        else:
            self.end(job, JobStatus.DONE, None)

    def begin(self, job: Any) -> None:
        job.observe(JobStatus.RUNNING)

    def end(self, job: Any, status: JobStatus, reason: Exception | None) -> None:
        job.observe(status, reason=reason)

    def close(self, *, cancel: bool = False) -> None:
        if os.getpid() != self.process:
            return
        self.shut()
        with self.turn:
            waiting = list(self.queue)
        for job in self.jobs if cancel else waiting:
            job.cancel()
        self.join()

    def shut(self) -> None:
        with self.turn:
            self.closed = True
            self.turn.notify_all()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.close(cancel=True)
        else:
            self.shut()
            self.join()


def succeed(asked: threading.Event) -> list[str]:
    asked.wait(0.01)
    return ["counts"]


def fail(asked: threading.Event) -> None:
    raise ValueError("no tool")


def hold(folder: Path) -> Work:
    """Say that it runs, and run until there is the file ``go``, for a minute at most."""

    def work(asked: threading.Event) -> str:
        (folder / "ready").touch()
        for _ in range(12_000):
            if (folder / "go").exists():
                break
            if asked.wait(0.005):
                raise InterruptedError
        return "let go"

    return work


class OfWorkshops(BackendConformance):
    def make_backend(self, slots: int) -> Any:
        return Workshop(slots)

    def succeed(self, backend: Any) -> BaseJob[Any]:
        return backend.run(succeed)

    def fail(self, backend: Any) -> BaseJob[Any]:
        return backend.run(fail)

    def hold(self, backend: Any, folder: Path) -> BaseJob[Any]:
        return backend.run(hold(folder))


class Planted(NamedTuple):
    """A backend that breaks a promise."""

    cls: type[Workshop]
    promise: str


PLANTED: list[Planted] = []


def breaks(promise: str) -> Callable[[Any], Any]:
    """Put a backend into the gallery."""

    def keep(cls: Any) -> Any:
        PLANTED.append(Planted(cls, promise))
        return cls

    return keep


@breaks("success-is-done")
class MakesItsResultAnew(Workshop):
    class job_class(WorkshopJob):
        def result(self, timeout: float | None = None) -> Any:
            return list(super().result(timeout))


@breaks("failure-says-why")
class TakesAReturnForASuccess(Workshop):
    def end(self, job: Any, status: JobStatus, reason: Exception | None) -> None:
        self.values.setdefault(job.job_id(), None)
        super().end(job, JobStatus.DONE if reason else status, None)


@breaks("failure-harms-no-other")
class OneFailureEndsAll(Workshop):
    def end(self, job: Any, status: JobStatus, reason: Exception | None) -> None:
        super().end(job, status, reason)
        if reason is not None:
            for other in self.jobs:
                other.fail(reason)


@breaks("history-is-whole")
class ReportsTwoEnds(Workshop):
    def end(self, job: Any, status: JobStatus, reason: Exception | None) -> None:
        other = JobStatus.ERROR if status is JobStatus.DONE else JobStatus.DONE
        job.add_callback(lambda job, entry: job.observe(other))
        super().end(job, status, reason)


@breaks("one-submission")
class SubmitsAgain(Workshop):
    class job_class(WorkshopJob):
        def submit(self) -> None:
            try:
                super().submit()
            except IllegalTransitionError:
                self._submit()


@breaks("over-is-over")
class CancelsWhatIsOver(Workshop):
    class job_class(WorkshopJob):
        def cancel(self) -> bool:
            return super().cancel() or self.done()


@breaks("cancel-comes-to-an-end")
class StopsAndSaysThatItDoesNot(Workshop):
    def stop(self, job: Any) -> bool | None:
        return super().stop(job) or False


@breaks("deadline-changes-nothing")
class CancelsWhenTimeIsUp(Workshop):
    class job_class(WorkshopJob):
        def result(self, timeout: float | None = None) -> Any:
            try:
                return super().result(timeout)
            except JobTimeoutError:
                self.trigger("cancel")
                raise


@breaks("ids-are-unique")
class CountsFromOne(Workshop):
    def name(self) -> str:
        return f"job-{next(self.numbers)}"


@breaks("snapshots-tell-the-same")
class PicklesAnotherHistory(Workshop):
    class job_class(WorkshopJob):
        @property
        def history(self) -> tuple[Entry, ...]:
            alive = self.backend() is not None
            return super().history if alive else super().history[:-1]

    # Where pickle looks for it.
    PicklesAnotherHistoryJob = job_class


@breaks("it-can-be-awaited")
class AwaitsSomethingElse(Workshop):
    class job_class(WorkshopJob):
        def __await__(self) -> Generator[Any, None, Any]:
            yield from super().__await__()
            return self


@breaks("stopped-is-cancelled")
class CancelsWhatGoesOn(Workshop):
    def stop(self, job: Any) -> bool | None:
        return super().stop(job) if job in self.queue else True


@breaks("steps-are-seen")
class ReportsTheEndOnly(Workshop):
    def begin(self, job: Any) -> None:
        pass


@breaks("slots-are-kept")
class RunsOneTooMany(Workshop):
    def check_slots(self, slots: Any) -> int:
        return super().check_slots(slots) + 1


@breaks("slots-are-kept")
class RunsNoneAfterACancel(Workshop):
    def work(self, job: Any) -> None:
        super().work(job)
        if job.state.name == "CANCELLED":
            threading.Event().wait(2.5)


@breaks("slots-are-checked")
class MakesSenseOfAnything(Workshop):
    def check_slots(self, slots: Any) -> int:
        return max(1, int(slots or 1))


@breaks("waiting-never-starts")
class StartsWhatWasCancelled(Workshop):
    def stop(self, job: Any) -> bool | None:
        return True if job in self.queue else super().stop(job)


@breaks("cancels-at-any-moment")
class FinishesEveryThirdThatItStops(Workshop):
    stopped = 0

    def end(self, job: Any, status: JobStatus, reason: Exception | None) -> None:
        self.stopped += status is JobStatus.CANCELLED
        super().end(job, status if self.stopped % 3 else JobStatus.DONE, reason)


@breaks("jobs-are-listed")
class ListsTheNewestFirst(Workshop):
    @property
    def jobs(self) -> tuple[Any, ...]:
        return super().jobs[::-1]


@breaks("leaving-waits")
class ForgetsWhatWaits(Workshop):
    def work(self, job: Any) -> None:
        while not self.closed:  # so that there is something that waits
            threading.Event().wait(0.001)
        super().work(job)

    def __exit__(self, *left_by: object) -> None:
        self.queue.clear()
        super().__exit__(*left_by)


@breaks("leaving-by-an-exception-cancels")
class LeavesThemAlone(Workshop):
    def __exit__(self, *left_by: object) -> None:
        if left_by[0] is None:
            super().__exit__(*left_by)
        self.shut()


@breaks("closing-waits-for-what-runs")
class StopsWhatRunsWhenItCloses(Workshop):
    def close(self, *, cancel: bool = False) -> None:
        super().close(cancel=True)


@breaks("closed-is-closed")
class RunsWhenItIsClosed(Workshop):
    def check_open(self) -> None:
        pass


@breaks("nothing-is-left")
class LeavesAThread(Workshop):
    def join(self) -> None:
        super().join()
        threading.Thread(target=threading.Event().wait, args=(2,), daemon=True).start()


@breaks("a-fork-is-foreign")
class WorksInAForkedChild(Workshop):
    def check_open(self) -> None:
        self.process = os.getpid()
        super().check_open()
