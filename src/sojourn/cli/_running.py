"""How a batch runs to its end, whatever comes in between."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

from sojourn.backends import CommandBackend, CommandJob
from sojourn.cli._batch import Task
from sojourn.cli._batches import Kept, cancel, go_on_with
from sojourn.cli._interrupts import told_to
from sojourn.cli._terminal import BrokenOffError, OutputLostError, RefusalError
from sojourn.errors import CommandError, JournalError
from sojourn.history import Entry
from sojourn.lifecycle import JobStatus

#: Seconds between telling a command to stop and killing it.
GRACE = 5.0

#: Names of the statuses with no way out.
FINALS = frozenset(status.value for status in JobStatus if status.is_final)

#: Seconds between two looks at whether somebody else has asked to cancel a batch that is kept.
LISTENING = 0.5

#: How a journal says why a command failed.
_TOLD = re.compile(r"(?:ERROR: )?CommandError: command (?:'.*'|\".*\") (.*)")

#: Seconds between two looks at what only grows older. It is short because a signal that comes just before a thread
#: falls asleep does not wake it: its handler runs when the thread wakes.
PULSE = 0.1


class Running:
    """One task with its job.

    Attributes:
        task: What was asked for.
        job: What became of it.
        told: How many of its entries were shown.
    """

    def __init__(self, task: Task, job: CommandJob) -> None:
        """Start with nothing shown but what was over before; a command that runs shall be seen to."""
        self.task = task
        self.job = job
        self.told = len(job.history) - (job.state.status is JobStatus.RUNNING)

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        return self.job.state.status

    @property
    def seconds(self) -> float | None:
        """How long it has run, or ran; ``None`` if it never did."""
        at = {entry.dest: entry.at for entry in self.job.history}
        began = at.get(JobStatus.RUNNING.value)
        if began is None:
            return None
        ended = at.get(self.status.value) if self.status.is_final else datetime.now(UTC)
        return max(0.0, ((ended or began) - began).total_seconds())

    @property
    def error(self) -> CommandError | None:
        """Why it failed, if a command can tell."""
        error = self.job.error()
        return error if isinstance(error, CommandError) else None

    @property
    def reason(self) -> str:
        """Why it did not succeed, in words; ``""`` if it did."""
        if self.status is JobStatus.CANCELLED:
            return "stopped" if self.seconds is not None else "never started"
        error = self.job.error()
        return "" if error is None else self.error.reason if self.error else told_before(str(error))


def told_before(detail: str) -> str:
    """Return why a command failed that an earlier process has seen; the journal has it in words."""
    told = detail.partition("\n")[0].partition("; its stderr ends with")[0]
    found = _TOLD.fullmatch(told.removesuffix("; it wrote nothing to stderr"))
    return found[1] if found else told


class View(Protocol):
    """Who is told what happens."""

    def begin(self, batch: Batch) -> None:
        """Show that it begins."""

    def change(self, running: Running, entry: Entry) -> None:
        """Show a transition."""

    def refresh(self) -> None:
        """Show what has grown older."""

    def stopping(self, number: signal.Signals) -> None:
        """Show that everything is told to stop."""

    def end(self) -> None:
        """Show how it ended."""


class Batch:
    """Tasks that run as jobs, and who is told.

    Attributes:
        source: Where the tasks were written; ``""`` for one that was typed.
        slots: How many run at the same time.
        folder: Where the output of the commands is.
        kept: Its place in a journal, if it has one.
        all: The tasks with their jobs, in order.
        over: How many of them were over before it began.
        seconds: How long it took, once it is over.
        interrupted: The signal that asked for an end.
    """

    def __init__(
        self,
        source: str,
        slots: int,
        folder: Path,
        views: Sequence[View],
        *,
        kept: Kept | None = None,
    ) -> None:
        """Prepare one, and start nothing."""
        self.source = source
        self.slots = slots
        self.folder = folder
        self.kept = kept
        self.all: list[Running] = []
        self.over = 0
        self.seconds = 0.0
        self.interrupted: signal.Signals | None = None
        self._views = views
        self._lost: OutputLostError | None = None
        self._news: SimpleQueue[Running | signal.Signals] = SimpleQueue()
        self._backend = CommandBackend(slots, folder=folder, grace=GRACE)
        self._open: set[Running] = set()
        self._listened = 0.0
        self._stopped = False

    @property
    def jobs(self) -> list[CommandJob]:
        """The jobs, in order."""
        return [each.job for each in self.all]

    def counts(self) -> Counter[JobStatus]:
        """Return how many jobs stand where."""
        return Counter(each.status for each in self.all)

    @property
    def exit_code(self) -> int:
        """0 if every job is DONE."""
        if self.interrupted is not None:
            return 128 + self.interrupted
        return int(any(each.status is not JobStatus.DONE for each in self.all))

    def run(self, tasks: Iterable[Task], *, timeout: float | None = None) -> None:
        """Run the tasks to their end, and tell the view; those that are kept and over are not run again.

        Raises:
            OutputLostError: Nobody could be told any more; everything was stopped.
            CannotRunError: A command is not there; nothing was started.
            RefusalError: A command or the timeout makes no sense, or another process looks after
                the batch; nothing was started.
            BrokenOffError: What happens cannot be kept any more; what runs was left running.
            JournalError: The batch cannot be kept; nothing was started.
        """
        began = time.monotonic()
        with self._backend, told_to(self._news.put):
            self.all = [Running(task, self._job(task, timeout)) for task in tasks]
            self.over = sum(each.status.is_final for each in self.all)
            if self.kept is not None:
                self.kept.begin()
                self._stopped = self.kept.is_to_be_cancelled()
            with self._keeping():
                self._go()
        with self._keeping():
            self._end()
        self.seconds = time.monotonic() - began
        self._show(lambda view: view.end())
        if self._lost is not None:
            raise self._lost

    def _go(self) -> None:
        for running in self.all:
            self._submit(running)
        self._show(lambda view: view.begin(self))
        for running in self.all:
            self._follow(running)
        while self._open:
            self._hear()

    def _end(self) -> None:
        if self.kept is not None:
            stopped = self._stopped or self.interrupted is not None or self._lost is not None
            self.kept.end(self.counts(), stopped=stopped)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Break off where the journal fails, with a word on how it can go on."""
        try:
            yield
        except JournalError as error:
            # Nobody could be told that it was stopped; so this is as if we had been killed.
            self._backend._abandon()
            raise BrokenOffError(
                f"{error}; what runs is left running, and as soon as the journal can be written, "
                f"it is taken up with: sojourn resume {self.kept and self.kept.batch_id}"
            ) from error

    def _submit(self, running: Running) -> None:
        """Have a job run, or go on with one that an earlier process has left."""
        job = running.job
        if job.state.is_final:
            return
        job.add_callback(lambda *_: self._news.put(running))
        self._open.add(running)
        if self._stopped:
            cancel(job)
        elif self.kept is not None and self.kept.has(running.task):
            go_on_with(job)
        else:
            job.submit()

    def _job(self, task: Task, timeout: float | None) -> CommandJob:
        kept, name = self.kept, task.name
        try:
            if kept is None:
                return CommandJob(self._backend, name, task.words, name=name, timeout=timeout)
            if kept.has(task):
                job_id = kept.id_of(task)
                return CommandJob.attach(self._backend, job_id, journal=kept.journal)
            return CommandJob(
                self._backend,
                kept.id_of(task),
                task.words,
                name=name,
                timeout=timeout,
                cwd=kept.cwd,
                folder=kept.folder_of(task),
                metadata=kept.note_on(task),
                journal=kept.journal,
            )
        except ValueError as error:
            raise RefusalError(str(error)) from error

    def _hear(self) -> None:
        self._listen()
        try:
            news = self._news.get(timeout=PULSE)
        except Empty:
            self._look_for_the_lost()
            self._show(lambda view: view.refresh())
            return
        if isinstance(news, Running):
            self._follow(news)
        else:
            self._stop(news)

    def _look_for_the_lost(self) -> None:
        """See to jobs that the backend is done with and that are not over.

        Either the journal could not be told of their end, which is tried once more, or another process has
        them for a moment to cancel them.

        Raises:
            JournalError: It still cannot be told.
        """
        if self.kept is None:
            return
        for job in [running.job for running in self._open]:
            if not self._backend._has(job) and not job.state.is_final:
                job.reconcile()

    def _listen(self) -> None:
        """Hear whether another process has asked to cancel the batch."""
        now = time.monotonic()
        if self.kept is None or self._stopped or now - self._listened < LISTENING:
            return
        self._listened = now
        if self.kept.is_to_be_cancelled():
            self._stopped = True
            self._cancel()

    def _follow(self, running: Running) -> None:
        """Show what is new about a job."""
        for entry in running.job.history[running.told :]:
            running.told += 1
            self._show(partial(_show_change, running, entry))
            if entry.dest in JobStatus.__members__ and JobStatus(entry.dest).is_final:
                self._open.discard(running)

    def _stop(self, number: signal.Signals) -> None:
        """Tell everything to stop; asked again, end it by force."""
        if self.interrupted is not None or self._lost is not None:
            # A terminal that goes is told of twice, and means once.
            if number is not signal.SIGHUP:
                self._backend._kill()
            return
        self.interrupted = number
        self._show(lambda view: view.stopping(number))
        self._cancel()

    def _cancel(self) -> None:
        # The youngest first: what is queued must not take the place of what is stopped.
        for job in reversed(self._backend.jobs):
            job.cancel()

    def _show(self, show: Callable[[View], None]) -> None:
        if self._lost is not None:
            return
        try:
            for view in self._views:
                show(view)
        except OutputLostError as lost:
            self._lost = lost
            self._cancel()


def _show_change(running: Running, entry: Entry, view: View) -> None:
    view.change(running, entry)
