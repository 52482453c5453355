"""A batch that is kept in a journal, where it is a job, too: over when all of its commands are.

What it consists of is durable in one step before anything starts, so that a batch whose program was killed
at any moment can be taken up and is whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, NamedTuple

from sojourn._book import name_of_class, whether_alive
from sojourn.backends._commands import CommandJob, folder_name
from sojourn.cli._batch import Task
from sojourn.cli._terminal import RefusalError, inert
from sojourn.errors import JournalConflictError, JournalDamageError
from sojourn.history import KeptJob
from sojourn.job import BaseJob
from sojourn.journals.sqlite import SQLiteJournal
from sojourn.lifecycle import JobStatus

#: What stands in a journal where other jobs have their backend.
BATCH = "sojourn run"

# Letters and digits that nobody takes for one another.
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_SIGNS = _LETTERS + "23456789"


class BatchJob(BaseJob[None]):
    """A batch of commands."""


def new_id() -> str:
    """Return a short name for a batch, which may be taken."""
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_SIGNS) for _ in range(4))


def batch_of(job: KeptJob) -> str:
    """Return the batch that a job belongs to, or is; ``""`` if it was not run by `sojourn run`."""
    batch = job.job_id if job.backend == BATCH else job.metadata.get("batch")
    return batch if isinstance(batch, str) else ""


def short_name(job: KeptJob) -> str:
    """Return what people call a job: its name in its batch, or that of its command; its id, if it has none."""
    batch = job.metadata.get("batch")
    if isinstance(batch, str):
        return job.job_id.removeprefix(f"{batch}.")
    name = job.arguments.get("name")
    return name if is_command(job) and isinstance(name, str) else job.job_id


def is_command(job: KeptJob) -> bool:
    """Tell whether a job is a command of this machine."""
    return job.class_name == name_of_class(CommandJob)


def go_on_with(job: CommandJob) -> None:
    """Go on with a command that an earlier process has left, wherever that was."""
    if job.cancel_requested:
        cancel(job)
    else:
        job.reconcile()


def cancel(job: CommandJob) -> bool:
    """Cancel a command, whoever looks after it; tell whether it is cancelled or will be asked to stop."""
    return _cancel_what_waits(job) or job.cancel()


def _cancel_what_waits(job: CommandJob) -> bool:
    """Cancel a command that has not started; tell whether nobody was faster.

    If its owner is about to start it, one of both writes to the journal first, and the other one loses.
    """

    def decide() -> bool:
        if job.state.status is JobStatus.RUNNING or job.state.is_final:
            return False
        return job._sj_take("cancel", (), {}, "command")

    try:
        with job._sj_lock:
            cancelled: bool = job._sj_decide(decide)
            return cancelled
    finally:
        job._sj_tell()


def _says_enough(notes: Mapping[str, Any]) -> bool:
    """Tell whether notes are those that `Kept.new` takes."""
    tasks = notes.get("tasks")
    return (
        {"source", "slots", "timeout"} <= notes.keys()
        and isinstance(notes.get("folder"), str)
        and isinstance(notes.get("cwd"), str)
        and isinstance(tasks, list)
        and all(isinstance(each, list) and len(each) == len(fields(Task)) for each in tasks)
    )


class Owner(NamedTuple):
    """The process that looks after a batch.

    Attributes:
        name: Its name in a journal.
        seen: Whether it is known to live; one in another container may live, and cannot be seen from here.
    """

    name: str
    seen: bool

    def __str__(self) -> str:
        """Say which, for people."""
        where = "" if self.seen else " of another container, which cannot be seen from here"
        return f"process {self.name.split('/')[2]}{where}"


class Kept:
    """A batch in a journal.

    Attributes:
        journal: Where it is kept.
        job: The batch as a job.
        folder: Where the output of its commands is.
        cwd: The directory they run in.
        damaged: The ids of those of whom the journal cannot tell any more what became of them.
    """

    def __init__(self, journal: SQLiteJournal, job: BatchJob) -> None:
        """Take a batch that is in the journal, or will be."""
        self.journal = journal
        self.job = job
        self.folder = Path(job.metadata["folder"])
        self.cwd = Path(job.metadata["cwd"])
        self.damaged: list[str] = []
        self._known: frozenset[str] = frozenset()

    @property
    def batch_id(self) -> str:
        """Its name."""
        return self.job.job_id()

    @property
    def tasks(self) -> list[Task]:
        """Its commands."""
        return [
            Task(name, tuple(words), shown, line, asked)
            for name, words, shown, line, asked in self.job.metadata["tasks"]
        ]

    @classmethod
    def new(cls, journal: SQLiteJournal, tasks: Sequence[Task], notes: Mapping[str, Any]) -> Kept:
        """Prepare a batch that is not in the journal yet.

        Args:
            journal: Where it will be.
            tasks: Its commands.
            notes: What else has to be known to run it again.

        Raises:
            RefusalError: There is no place for its output.
        """
        while journal.read(batch_id := new_id()) is not None:
            pass
        metadata = {
            **notes,
            "folder": notes["folder"] or f"{journal.path}-output/{batch_id}",
            "cwd": str(Path.cwd()),
            "tasks": [astuple(each) for each in tasks],
        }
        kept = cls(journal, BatchJob(BATCH, batch_id, metadata=metadata, journal=journal))
        kept._make_folders()
        return kept

    @classmethod
    def old(cls, journal: SQLiteJournal, batch_id: str) -> Kept:
        """Return a batch that is in the journal.

        Raises:
            RefusalError: It says too little of it.
        """
        job = BatchJob.attach(BATCH, batch_id, journal=journal)
        if not _says_enough(job.metadata):
            raise RefusalError(
                f"the journal says too little of batch {inert(batch_id)} for it to go on; "
                "sojourn run has not made it, or that of another version"
            )
        return cls(journal, job)

    def _make_folders(self) -> None:
        try:
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise RefusalError(
                f"cannot write into {str(self.folder)!r}: {error.strerror or error}"
            ) from error

    def owner(self) -> Owner | None:
        """Return which process looks after it; ``None`` if that has ended."""
        story = self.journal.read(self.batch_id)
        name = "" if story is None else story.job.facts["owner"] or ""
        lives = whether_alive(self.journal, name) if name else False
        return None if lives is False else Owner(name, seen=lives is True)

    def begin(self) -> None:
        """Write down all of it, and that this process looks after it.

        Raises:
            RefusalError: Another process was faster.
            JournalError: It could not be kept.
        """
        with self.job._sj_lock:
            try:
                self.job._sj_keep_claim("sent")
            except JournalConflictError:
                raise RefusalError(
                    f"batch {self.batch_id} is looked after by another process, "
                    f"which was faster; see it with: sojourn show {self.batch_id}"
                ) from None
        if self.job.state.status is JobStatus.INITIALIZING:
            self.job.trigger("submit")
        if self.job.state.status is JobStatus.QUEUED:
            self.job.start()

    def find_known(self) -> None:
        """Find out which of its commands are in the journal already, and which are damaged there."""
        known = set[str]()
        for task in self.tasks:
            try:
                if self.journal.read(self.id_of(task)) is not None:
                    known.add(task.name)
            except JournalDamageError:
                self.damaged.append(self.id_of(task))
        self._known = frozenset(known)

    def has(self, task: Task) -> bool:
        """Tell whether an earlier process has left one of its commands in the journal."""
        return task.name in self._known

    def is_to_be_cancelled(self) -> bool:
        """Tell whether somebody has asked for that."""
        story = self.journal.read(self.batch_id)
        return story is not None and story.job.facts["cancel_requested_at"] is not None

    def ask_to_cancel(self) -> None:
        """Ask its owner to cancel all of it; who takes it up later hears that, too.

        Raises:
            JournalError: It could not be kept.
        """
        job = self.job
        with job._sj_lock:
            job._sj_decide(lambda: job._sj_request_cancel(True))

    def end(self, counts: Mapping[JobStatus, int], *, stopped: bool) -> None:
        """Write down that it is over."""
        count = len(self.job.metadata["tasks"])
        missed = count - counts.get(JobStatus.DONE, 0)
        if not missed:
            self.job.finish()
        elif stopped:
            self.job.trigger("cancel")
        else:
            self.job.fail(f"{missed} of {count} commands are not DONE")

    def id_of(self, task: Task) -> str:
        """Return the id of one of its commands."""
        return f"{self.batch_id}.{task.name}"

    def folder_of(self, task: Task) -> Path:
        """Return where the output of one of its commands goes."""
        return self.folder / folder_name(task.name)

    def note_on(self, task: Task) -> dict[str, Any]:
        """Return the notes on one of its commands."""
        return {
            "batch": self.batch_id,
            "shown": task.shown,
            "source": self.job.metadata["source"],
            "line": task.line,
        }
