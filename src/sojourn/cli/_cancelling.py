"""How jobs of a journal are cancelled from another process than the one that runs them."""

from __future__ import annotations

import time

from sojourn.cli import _kept, _resuming, _running
from sojourn.cli._batches import BATCH, is_command
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
    if not is_command(job) and job.backend != BATCH:
        raise RefusalError(
            f"{inert(job.job_id)} is a job of {inert(job.backend)}, which sojourn cannot ask; "
            "only the program that runs it can cancel it"
        )
    return job


def cancel(journal: SQLiteJournal, job: KeptJob) -> bool:
    """Cancel a job and tell what became of it; return whether it is cancelled or was asked to stop."""
    asked = True
    if job.status not in _running.FINALS:
        asked = (_resuming.cancel_command if is_command(job) else _resuming.cancel_batch)(
            journal, job
        )
        job = _await_end(journal, job) if asked else _kept.find(journal, job.job_id).job
    over = job.status in _running.FINALS
    why = "; it was asked to stop, and is not over yet" if asked else "; it could not be stopped"
    why = "" if over else why + _resuming.hint(journal, job)
    say(f"{inert(job.job_id)}  {job.status}{why}\n")
    return job.status == "CANCELLED" or (asked and not over)


def _await_end(journal: SQLiteJournal, job: KeptJob) -> KeptJob:
    deadline = time.monotonic() + _running.GRACE + PATIENCE
    while job.status not in _running.FINALS and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        story = journal.read(job.job_id)
        assert story is not None  # a journal forgets nothing
        job = story.job
    return job
