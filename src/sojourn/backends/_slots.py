"""What all local backends share: a queue of jobs, a few threads that serve it, and an end.

A job is taken up by exactly one thread, or cancelled before that, and whoever takes its id out of
``_waiting`` has decided which. Everything else follows from this one step, which is atomic.
"""

from __future__ import annotations

import atexit
import math
import os
import secrets
import threading
import time
import weakref
from itertools import count
from queue import SimpleQueue
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from sojourn import _clock
from sojourn._handle import SENT, logger
from sojourn._waiting import T
from sojourn.backends._hearing import listen
from sojourn.backends._holdings import Holdings
from sojourn.backends._keeper import Keeper
from sojourn.backends._taking_up import TakenUp, claim
from sojourn.errors import CannotRunError
from sojourn.history import Journal
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus

__all__ = ["LocalJob", "Slot", "Slots"]

J = TypeVar("J", bound=BaseJob[Any])
C_contra = TypeVar("C_contra", bound=BaseJob[Any], contravariant=True)

#: Seconds that a wait sleeps at most. A signal that comes just before a thread falls asleep does not wake it, and
#: Ctrl-C is heard when it wakes.
NAP = 0.1


class LocalJob(TakenUp[T], BaseJob[T]):
    """A job of a local backend: its hooks ask the backend, its result is in memory."""

    __slots__ = ()

    def _submit(self) -> None:
        self.backend()._take(self)

    def _find(self) -> str | None:
        found: str | None = self.backend()._find(self)
        return found

    def _cancel(self) -> bool | None:
        if self.in_other_hands:
            return None  # its owner reads the request in the journal
        if self._sj_book() is not None and not self.backend()._has(self):
            self.backend()._take_up(self)
        stopped: bool | None = self.backend()._stop(self)
        return stopped

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Reduce the job to a snapshot that has its result."""
        if self.state.name == "DONE":
            self.result()  # from now on the job itself keeps it
        return super().__reduce_ex__(protocol)


class Slot(Protocol[C_contra]):
    """One of the places in which jobs run, one at a time; a thread of its own serves it."""

    def expect(self, job: C_contra | None) -> None:
        """Be ready to be asked to stop this job, which is taken up next; ``None``: hold on to none."""

    def work(self, job: C_contra) -> None:
        """Run a job to its end and report what happens to it."""

    def stop(self, job: C_contra) -> bool | None:
        """Ask a job to stop if it is the one that runs here; another thread calls this."""

    def close(self) -> None:
        """Let go of what the slot holds; it serves no more."""


class Slots(Generic[J]):
    """The part of a backend that queues jobs and gives them to slots.

    Attributes:
        kind: What the backend is called in messages.
    """

    kind = "backend"
    job_classes: ClassVar[tuple[type[BaseJob[Any]], ...]] = ()
    """The classes of its jobs, for `sojourn.recover`."""
    #: Seconds that an interpreter which exits waits for what it has told to stop, whatever its grace.
    _patience = 5.0

    def __init__(self, slots: int, journal: Journal | None = None) -> None:
        """Start with no thread; they come with the jobs, and never more than there are slots."""
        self._journal = journal
        self._count = slots
        self._pid = os.getpid()
        self._queue: SimpleQueue[J | None] = SimpleQueue()
        self._open: dict[str, J] = {}
        self._waiting: dict[str, J] = {}
        self._running: dict[str, Slot[J]] = {}
        self._threads: list[threading.Thread] = []
        self._gate = threading.RLock()
        self._closed = False
        self._stamp = f"{int(time.time()):x}-{secrets.token_hex(5)}"
        self._numbers = count(1)
        # Threads hold the queue and not the backend: one that is dropped lets them go.
        self._holdings = Holdings()
        self._let_go = weakref.finalize(self, _let_go, self._queue, self._holdings)
        self._let_go.atexit = False
        self._keeper = Keeper()
        self._holdings.on_leaving(self._keeper.close)
        self._listening = False
        _alive.add(self)

    @property
    def jobs(self) -> tuple[J, ...]:
        """The jobs that are not over, oldest first."""
        return tuple(job for job in tuple(self._open.values()) if not job.state.is_final)

    def close(self, *, cancel: bool = False) -> None:
        """Cancel what is queued, wait for what runs, and leave no thread and no process behind.

        May be called again, and from any thread. An interrupt ends the wait; with ``cancel`` it
        also kills at once what still runs.

        Args:
            cancel: Stop what runs, too, instead of waiting for its own end.
        """
        if self._elsewhere():
            return
        self._shut()
        self._withdraw_all(cancel=cancel)
        try:
            self._join(None)
        except BaseException:
            if cancel:
                self._kill()
            raise

    def __enter__(self) -> Self:
        """Return the backend itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for every job and close; if the block was left by an exception, cancel them all."""
        if kind is not None:
            self.close(cancel=True)
        elif not self._elsewhere():
            self._shut()
            try:
                self._join(None)
            except BaseException:
                self.close(cancel=True)
                raise

    # For jobs.

    def _name_job(self) -> str:
        """Return an id that no other job has, in no other process and at no other time."""
        return f"{self._stamp}-{next(self._numbers)}"

    def _launch(self, job: J) -> None:
        """Submit a job that nobody else has yet, so that little of the care of `submit` is needed."""
        if job._sj_book() is not None:
            self._check_open(job.job_id())  # before anything of it is kept
            job.submit()
            return
        job._sj_known().claim = SENT
        job._sj_rules.commands["submit"](job)
        self._take(job)

    def _take(self, job: J) -> None:
        """Queue a job; what its ``_submit`` does."""
        job_id = job.job_id()
        with self._gate:
            self._check_open(job_id)
            if len(self._threads) < self._count and len(self._threads) <= len(self._open):
                self._start(job_id)
            self._open[job_id] = job
            self._waiting[job_id] = job
            self._queue.put(job)
        if job._sj_book() is not None and not self._listening:
            self._listening = True
            listen(weakref.ref(self), self._keeper)

    def _check_open(self, job_id: str) -> None:
        """Refuse a job of this name if it cannot be taken."""
        if self._elsewhere():
            why = f"the {self.kind} belongs to the process that forked this one; make one here"
        elif self._closed:
            why = f"the {self.kind} is closed; make a new one"
        elif job_id in self._open:
            why = "another job here has this id; choose one"
        else:
            return
        raise CannotRunError(f"job {job_id!r}", why)

    def _find(self, job: J) -> str | None:
        """Tell whether a job was taken whose submission was interrupted."""
        job_id = job.job_id()
        if self._open.get(job_id) is not job:
            return None
        self._queue.put(job)  # the interrupt may have come before that, and twice does no harm
        return job_id

    def _withdraw(self, job_id: str) -> bool:
        """Keep a job from being started; whoever takes it out of there has decided."""
        return self._waiting.pop(job_id, None) is not None

    def _stop(self, job: J) -> bool | None:
        """Stop a job; what its ``_cancel`` does."""
        job_id = job.job_id()
        if self._withdraw(job_id):
            return True  # it never starts
        slot = self._running.get(job_id)
        if slot is not None:
            return slot.stop(job)
        # Still here and not running: an earlier cancel() took it out and was interrupted.
        return self._open.get(job_id) is job

    # For jobs that have a journal.

    def _abandon(self) -> None:
        """Leave what runs to whoever takes it up; to be called right before this process ends."""
        self._pid = -1  # from now on it belongs to another process, which closes nothing

    def _has(self, job: J) -> bool:
        """Whether a backend of this process is at a job, perhaps for another handle of it."""
        job_id = job.job_id()
        return any(
            job_id in each._open and each._open[job_id]._sj_book() is not None
            for each in list(_alive)
        )

    def _take_up(self, job: J) -> None:
        """Take up a job whose owner has ended, if nobody else is faster."""
        if claim(job) and self._is_still_to_do(job):
            self._take(job)

    def _is_still_to_do(self, job: J) -> bool:
        """Settle a job that was just taken up, if there is nothing more to be done."""
        raise NotImplementedError

    # For backends.

    def _slot(self) -> Slot[J]:
        """Make a slot; called in its thread."""
        raise NotImplementedError

    def _kill(self) -> None:
        """End by force what runs, now."""

    # Threads.

    def _elsewhere(self) -> bool:
        """Whether this is a forked child; the threads and processes are those of its parent."""
        return os.getpid() != self._pid

    def _start(self, job_id: str) -> None:
        name = f"sojourn-{self.kind.split()[0]}-{len(self._threads) + 1}"
        served = (self._queue, self._holdings)
        thread = threading.Thread(target=_serve, args=served, name=name, daemon=True)
        self._holdings.join()
        try:
            thread.start()
        except RuntimeError as error:
            self._holdings.leave()
            if not self._threads:
                raise CannotRunError(
                    f"job {job_id!r}", f"no thread can be started: {error}"
                ) from error
            return  # the others will get to it
        self._threads.append(thread)

    def _shut(self) -> None:
        with self._gate:
            self._closed = True
            self._queue.put(None)

    def _withdraw_all(self, *, cancel: bool) -> None:
        # The youngest first: what waits must not take the place of what is stopped.
        for job in reversed(self.jobs):
            if self._withdraw(job.job_id()):
                _end(job, f"the {self.kind} was closed")
            elif cancel:
                _cancel(job)

    def _join(self, seconds: float | None) -> None:
        until = math.inf if seconds is None else _clock.monotonic() + seconds
        for thread in self._threads:
            while (
                thread is not threading.current_thread()
                and thread.is_alive()
                and (left := until - _clock.monotonic()) > 0
            ):
                thread.join(min(left, NAP))
        if not any(thread.is_alive() for thread in self._threads):
            for job in self.jobs:  # an interrupt took it out of the queue and told nobody
                _end(job, f"the {self.kind} was closed")
            self._open.clear()
            self._let_go()

    def _exit(self) -> None:
        """End everything because the interpreter exits, and do not wait for ever."""
        if self._elsewhere():
            return
        self._shut()
        self._withdraw_all(cancel=True)
        self._join(self._patience)
        self._kill()

    def _serve_one(self, job: J, slot: Slot[J]) -> None:
        """Run a job in a slot, unless it was cancelled; in the slot's thread."""
        job_id = job.job_id()
        over = self._open.get(job_id) is not job
        if over or self._running.setdefault(job_id, slot) is not slot:
            return  # it was queued twice
        try:
            slot.expect(job)
            if self._waiting.pop(job_id, None) is not None:
                if job.state.status is JobStatus.INITIALIZING:
                    job.observe(JobStatus.QUEUED)  # submit() has not returned yet
                slot.work(job)
            else:
                _end(job)  # cancel() took it out, and may not have come to say so
        finally:
            slot.expect(None)
            self._open.pop(job_id, None)
            self._running.pop(job_id, None)


def _serve(queue: SimpleQueue[Any], holdings: Holdings) -> None:
    """Serve a queue to its end; the life of a thread."""
    slot: Slot[Any] | None = None
    while (job := queue.get()) is not None:
        try:
            if slot is None:
                slot = job.backend()._slot()
            job.backend()._serve_one(job, slot)
        except BaseException as error:  # noqa: BLE001  # what harms one job harms no other
            logger.exception("job %r: what becomes of it cannot be reported", job.job_id())
            if job._sj_book() is None and not job.state.is_final:
                _end(job, error, JobStatus.ERROR)  # one with a journal is taken up again
        del job  # or it would be kept until the next one comes
    queue.put(None)
    if slot is not None:
        slot.close()
    holdings.leave()


def _let_go(queue: SimpleQueue[Any], holdings: Holdings) -> None:
    queue.put(None)
    holdings.leave()


def _end(
    job: BaseJob[Any],
    reason: str | BaseException | None = None,
    status: JobStatus = JobStatus.CANCELLED,
) -> None:
    """End a job that has no other end: it never starts, or a callback of its class forbids it."""
    try:
        job.observe(status, reason=reason)
    except Exception:  # noqa: BLE001  # the other jobs have an end, too
        logger.exception("job %r: its end could not be reported", job.job_id())


def _cancel(job: BaseJob[Any]) -> None:
    try:
        job.cancel()
    except Exception:  # noqa: BLE001  # the other jobs have an end, too
        logger.exception("job %r: it could not be cancelled", job.job_id())


_alive: weakref.WeakSet[Slots[Any]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for backend in list(_alive):
        backend._exit()
