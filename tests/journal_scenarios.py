"""What processes do to a journal while they are killed, or while the disk fails.

Each step that is acknowledged is told on stdout, at once, so that whoever reads it knows what must be in the journal.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sojourn import BaseJob, recover
from sojourn.backends import CommandBackend
from sojourn.errors import JournalError, SubmitUncertainError
from sojourn.journals._writer import Writer
from sojourn.journals.sqlite import SQLiteJournal

__all__ = [
    "Sent",
    "append",
    "aside",
    "create",
    "leave",
    "prepare",
    "submit",
    "take_up",
    "take_up_commands",
    "together",
]


#: What is left of a killed owner: the first has run since, the others have not begun.
COMMANDS = ("first", "second", "third")


class Sent(BaseJob[Any]):
    """A job whose backend is told of on stdout."""

    def _submit(self) -> str:
        tell("sent", self.submission_token)
        return "native-1"

    def _find(self) -> str | None:
        tell("asked", self.submission_token)
        return None if self.job_id() == "unheard" else "native-2"


def tell(*words: str) -> None:
    os.write(1, (" ".join(words) + "\n").encode())


def prepare(path: str) -> None:
    """Make a journal with a job that is QUEUED, and two whose submission is uncertain."""
    with SQLiteJournal(path) as journal:
        Sent(None, "old", journal=journal).observe("QUEUED")
        for name in ("heard", "unheard"):
            job: Any = Sent(None, name, journal=journal)
            job._submit = lost
            with suppress(SubmitUncertainError):
                job.submit()


def lost() -> None:
    raise TimeoutError("no answer")


def append(path: str, durability: Any = "full") -> None:
    with SQLiteJournal(path, durability) as journal:
        job = Sent.attach(None, "old", journal=journal)
        step(job, job.start)
        step(job, lambda: job.finish(b"x" * 100_000))


def aside(path: str, durability: Any = "full") -> None:
    """Append in a thread that nobody interrupts, and that therefore writes itself."""

    def start(writer: Writer) -> None:
        raise AssertionError("it was left to the writer's thread")

    Writer._start = start  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(append, path, durability).result()


def together(path: str) -> None:
    """Have three jobs born in one commit, and take a step of each in another."""
    with SQLiteJournal(path) as journal, ThreadPoolExecutor(4) as pool:
        jobs = [Sent(None, f"new-{number}", journal=journal) for number in range(4)]
        for word in ("QUEUED", "RUNNING"):
            in_one_commit(journal, pool, jobs, word)


def in_one_commit(
    journal: SQLiteJournal, pool: ThreadPoolExecutor, jobs: list[Any], word: str
) -> None:
    """Observe all jobs; the first in the commit that the others wait for."""
    writer, begun = journal._writer, threading.Event()
    write_all = writer._write_all

    def tell_first(batch: Any) -> None:
        begun.set()
        write_all(batch)

    writer._write_all = tell_first  # type: ignore[method-assign]
    with writer._pen:
        done = [pool.submit(step, jobs[0], lambda: jobs[0].observe(word))]
        assert begun.wait(30)
        done += [pool.submit(step, job, lambda job=job: job.observe(word)) for job in jobs[1:]]
        while writer._queue.qsize() < len(jobs) - 1:
            threading.Event().wait(0.001)
    for each in done:
        each.result()


def submit(path: str) -> None:
    with SQLiteJournal(path) as journal:
        job = Sent(None, "new", journal=journal)
        # Once the backend has it, what is left to do is to write that down.
        step(job, lambda: job.reconcile() if job.native_id else job.submit())
        step(job, lambda: job.cancel() or job.fail("x"))


def create(path: str) -> None:
    with SQLiteJournal(path) as journal:
        job = Sent(None, "new", journal=journal)
        step(job, lambda: job.observe("DONE"))


def take_up(path: str) -> None:
    with SQLiteJournal(path) as journal:
        for job in recover(journal, {Sent: None}).jobs:
            step(job, job.reconcile)
            step(job, lambda job=job: job.observe("RUNNING"))


def leave(path: str) -> None:
    """Be killed while one command runs, which ends as soon as it may, and two wait."""
    folder = Path(path).parent
    with SQLiteJournal(path) as journal:
        backend = CommandBackend(1, folder=folder / "output", journal=journal)
        for name in COMMANDS:
            line = f"echo $$ >> {name}.ran; while [ ! -e go ]; do sleep 0.01; done"
            backend.run(["/bin/sh", "-c", line], name=name, cwd=folder)
        while not (folder / f"{COMMANDS[0]}.ran").exists():
            threading.Event().wait(0.005)
        os.kill(os.getpid(), signal.SIGKILL)


def take_up_commands(path: str) -> None:
    with (
        SQLiteJournal(path) as journal,
        CommandBackend(1, folder=Path(path).parent / "output", journal=journal) as backend,
    ):
        jobs = recover(journal, [backend]).jobs
        for job in jobs:
            step(job, job.reconcile)
        for job in jobs:
            job.wait_for_final_state(30)
            tell("kept", job.job_id(), str(len(job.history)))


def step(job: Any, deed: Any) -> None:
    """Do something, twice if the disk fails the first time, and tell how far the job has come."""
    for _ in range(2):
        before, state = job.history, job.state
        try:
            deed()
        except JournalError as error:
            assert (job.history[: len(before)], job.state.is_final) == (before, state.is_final)
            tell("failed", type(error).__name__, str(error).replace("\n", " "))
        else:
            break
    tell("kept", job.job_id(), str(len(job.history)))
