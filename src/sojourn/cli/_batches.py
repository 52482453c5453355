"""A batch that is kept in a journal, where it is a job, too: over when all of its commands are.

What it consists of is durable in one step before anything starts, so that a batch whose program was killed
at any moment can be taken up and is whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sojourn.backends._commands import _safe
from sojourn.cli._batch import Task
from sojourn.cli._terminal import RefusalError
from sojourn.errors import JournalConflictError
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
    """Return what a job is called in its batch; its id, if it has none."""
    batch = job.metadata.get("batch")
    return job.job_id.removeprefix(f"{batch}.") if isinstance(batch, str) else job.job_id


class Kept:
    """A batch in a journal.

    Attributes:
        journal: Where it is kept.
        job: The batch as a job.
        folder: Where the output of its commands is.
        cwd: The directory they run in.
    """

    def __init__(self, journal: SQLiteJournal, job: BatchJob) -> None:
        """Take a batch that is in the journal."""
        self.journal = journal
        self.job = job
        self.folder = Path(job.metadata["folder"])
        self.cwd = Path(job.metadata["cwd"])

    @property
    def batch_id(self) -> str:
        """Its name."""
        return self.job.job_id()

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
        commands = [[each.name, each.words, each.shown, each.line, each.asked] for each in tasks]
        metadata = {
            **notes,
            "folder": notes["folder"] or f"{journal.path}-output/{batch_id}",
            "cwd": str(Path.cwd()),
            "tasks": commands,
        }
        kept = cls(journal, BatchJob(BATCH, batch_id, metadata=metadata, journal=journal))
        try:
            for folder in (kept.folder.parent, kept.folder):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise RefusalError(
                f"cannot write into {str(kept.folder)!r}: {error.strerror or error}"
            ) from error
        return kept

    def begin(self) -> None:
        """Write down all of it, and that this process looks after it.

        Raises:
            JournalError: It could not be kept.
        """
        self.claim()
        self.job.trigger("submit")
        self.job.start()

    def end(self, counts: Mapping[JobStatus, int], *, stopped: bool) -> None:
        """Write down that it is over."""
        missed = sum(counts.values()) - counts.get(JobStatus.DONE, 0)
        if not missed:
            self.job.finish()
        elif stopped:
            self.job.trigger("cancel")
        else:
            self.job.fail(f"{missed} of {sum(counts.values())} commands are not DONE")

    def claim(self) -> bool:
        """Take the right to look after it; tell whether it was not taken by another process meanwhile."""
        job = self.job
        with job._sj_lock:
            try:
                job._sj_keep_claim("sent")
            except JournalConflictError:
                return False
        return True

    def id_of(self, task: Task) -> str:
        """Return the id of one of its commands."""
        return f"{self.batch_id}.{task.name}"

    def folder_of(self, task: Task) -> Path:
        """Return where the output of one of its commands goes."""
        return self.folder / _safe(task.name)

    def note_on(self, task: Task) -> dict[str, Any]:
        """Return the notes on one of its commands."""
        source = self.job.metadata["source"]
        return {
            "batch": self.batch_id,
            "shown": task.shown,
            "source": source,
            "line": task.line,
            "folder": str(self.folder_of(task)),
        }
