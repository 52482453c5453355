"""A batch as lines: what happens when it happens, and in the end what went wrong."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TextIO

from sojourn.cli._running import Batch, Running
from sojourn.cli._terminal import inert, pad, say
from sojourn.drawing._canvas import columns
from sojourn.drawing._durations import duration
from sojourn.drawing._measure import shorten
from sojourn.history import Entry
from sojourn.lifecycle import JobStatus

#: What is shown of failures at the end; all of it is in the files.
MOST_FAILURES = 50
MOST_LINES = 10
WIDEST_NAME = 32
_SHOWN = {each.value for each in JobStatus if each is JobStatus.RUNNING or each.is_final}


class Plain:
    """Writes a line for every job that starts or ends."""

    def __init__(self, stream: TextIO) -> None:
        """Take where to write."""
        self._stream = stream
        self._width = 0

    def begin(self, batch: Batch) -> None:
        """Say what is going to run, and where its output goes."""
        self.batch = batch
        widest = max((columns(inert(each.task.name)) for each in batch.all), default=0)
        self._width = min(widest, WIDEST_NAME)
        self.line(beginning(batch))
        for note in renamed(batch):
            self.line(note)

    def change(self, running: Running, entry: Entry) -> None:
        """Say that a job started or ended."""
        if entry.dest in _SHOWN:
            self.line(told(running, entry.dest, self._width))

    def refresh(self) -> None:
        """Say nothing; lines do not grow older."""

    def stopping(self, number: signal.Signals) -> None:
        """Say that everything is being stopped."""
        self.line(f"{number.name}: stopping what runs; once more kills it")

    def end(self) -> None:
        """Say what failed, and sum up."""
        for line in summary(self.batch):
            self.line(line)

    def line(self, text: str) -> None:
        """Write a line."""
        say(f"{text}\n", self._stream)


def beginning(batch: Batch) -> str:
    """Return what is said before anything is said of a job."""
    over = f"{batch.over} of them over, " if batch.over else ""
    which = f"batch {batch.kept.batch_id}: " if batch.kept is not None else ""
    return (
        f"{which}{counted(len(batch.all), 'command')}, {over}"
        f"{batch.slots} at a time; output in {inert(str(batch.folder))}"
    )


def renamed(batch: Batch) -> Iterator[str]:
    """Return what is said of names that were given twice."""
    for each in batch.all:
        task = each.task
        if task.asked and task.asked != task.name:
            yield f"line {task.line}: the name {task.asked} is taken, so this one is {task.name}"


def told(running: Running, state: str, width: int) -> str:
    """Return a line about a job, with its name in so many columns."""
    name = pad(shorten(inert(running.task.name), width), width)
    if state == JobStatus.RUNNING:
        return f"{name}  RUNNING"
    seconds = running.seconds
    time = "" if seconds is None else duration(seconds)
    return f"{name}  {state:9}  {time:>8}  {inert(running.reason)}".rstrip()


def summary(batch: Batch) -> Iterator[str]:
    """Return the lines at the end: every failure with its last words, and how many jobs ended where."""
    failed = [each for each in batch.all if each.status is JobStatus.ERROR]
    if failed:
        yield ""
        yield f"{counted(len(failed), 'command')} failed:"
    for each in failed[:MOST_FAILURES]:
        yield from _failure(each)
    if len(failed) > MOST_FAILURES:
        yield f"… and {len(failed) - MOST_FAILURES} more"
    yield ""
    yield f"{totals(batch)} in {duration(batch.seconds)}"


def totals(batch: Batch) -> str:
    """Return how many jobs are where, in the order of a life."""
    counts = batch.counts()
    return ", ".join(f"{counts[status]} {status}" for status in JobStatus if counts[status])


def _failure(running: Running) -> Iterator[str]:
    task, job = running.task, running.job
    place = "" if task.line is None else f" (line {task.line})"
    yield f"  {inert(task.name)}{place}: {inert(running.reason)}"
    yield f"    $ {shorten(inert(task.shown), 160)}"
    tail = running.error.stderr_tail.splitlines() if running.error else []
    for line in tail[-MOST_LINES:]:
        yield f"    | {shorten(inert(line), 160)}"
    yield f"    {inert(str(job.stderr_path if tail else job.folder))}"


def counted(number: int, thing: str) -> str:
    """Return a number of things in words."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
