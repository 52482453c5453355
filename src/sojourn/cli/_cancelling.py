"""How jobs of a journal are cancelled from another process than the one that runs them."""

from __future__ import annotations

import time

from sojourn._book import name_of_class
from sojourn.backends import CommandJob
from sojourn.cli import _kept, _resuming, _running
from sojourn.cli._batches import BATCH
from sojourn.cli._terminal import RefusalError, inert, say
from sojourn.history import KeptJob
from sojourn.journals.sqlite import SQLiteJournal

#: Seconds that a command and whoever looks after it get to answer, beyond the grace of the command.
PATIENCE = 10.0

_PAUSE = 0.05


def meant(journal: SQLiteJournal, name: str) -> KeptJob:
    """Return a job that can be cancelled from here.

    Raises:
        RefusalError: It is no command and no batch, or there is none of this name.
    """
    job = _kept.find(journal, name).job
    if not _is_command(job) and job.backend != BATCH:
        raise RefusalError(
            f"{inert(job.job_id)} is a job of {inert(job.backend)}, which sojourn cannot ask; "
            "only the program that runs it can cancel it"
        )
    return job


def _is_command(job: KeptJob) -> bool:
    return job.class_name == name_of_class(CommandJob)


def cancel(journal: SQLiteJournal, job: KeptJob) -> bool:
    """Cancel a job and tell what became of it; return whether it is cancelled or was asked to stop."""
    command = _is_command(job)
    if job.status not in _running.FINALS:
        (_resuming.cancel_command if command else _resuming.cancel_batch)(journal, job)
        job = _await_end(journal, job)
    over = job.status in _running.FINALS
    asked = "" if over else "; it was asked to stop, and is not over yet"
    say(f"{inert(job.job_id)}  {job.status}{asked}\n")
    return not over or job.status == "CANCELLED"


def _await_end(journal: SQLiteJournal, job: KeptJob) -> KeptJob:
    deadline = time.monotonic() + _running.GRACE + PATIENCE
    while job.status not in _running.FINALS and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        story = journal.read(job.job_id)
        assert story is not None  # a journal forgets nothing
        job = story.job
    return job
