"""Batches whose program has ended before they were over: which they are, how they go on, how they are given up."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sojourn.backends import CommandBackend, CommandJob
from sojourn.cli import _batches, _kept, _running
from sojourn.cli._batches import BATCH, Kept, batch_of
from sojourn.cli._kept import OurJournal
from sojourn.cli._running import View
from sojourn.cli._terminal import RefusalError, in_one_line, inert, say
from sojourn.errors import JournalError, SojournError
from sojourn.history import KeptJob
from sojourn.journals.sqlite import SQLiteJournal
from sojourn.lifecycle import JobStatus

_OPEN = [status.value for status in JobStatus if not status.is_final]


def left(
    journal: OurJournal, name: str | None, *, take_over: bool = False
) -> tuple[list[Kept], bool]:
    """Return the batches that nobody looks after, oldest first, or the one that is named, and whether all can be read.

    Args:
        journal: Where they are.
        name: Which is meant.
        take_over: Whether the owner of that is gone, if it cannot be seen from here.

    Raises:
        RefusalError: The one that is named is over, or looked after, or no batch.
    """
    if name is not None:
        return [_named(journal, name, take_over=take_over)], True
    found = _kept.ask(journal, status=_OPEN, backend=BATCH)
    complete = not _kept.tell_of_damaged(found.damaged)
    batches: list[Kept] = []
    for job in reversed(found.jobs):
        try:
            kept = Kept.old(journal, job.job_id)
            owner = kept.owner()
        except (JournalError, RefusalError) as error:
            tell_of_one(job.job_id, error)
            complete = False
            continue
        if owner is None:
            batches.append(kept)
        else:
            way = "" if owner.seen else f"; {_way_out(kept)}"
            say(f"sojourn: batch {kept.batch_id} is looked after by {owner}{way}\n", sys.stderr)
    return batches, complete


def _way_out(kept: Kept) -> str:
    return (
        "if docker ps, podman ps or whatever runs your containers shows it no more, "
        f"sojourn resume {kept.batch_id} --take-over goes on without it"
    )


def tell_of_one(batch_id: str, error: SojournError) -> None:
    """Say why a batch cannot go on, where others can."""
    say(f"sojourn: batch {inert(batch_id)}: {in_one_line(str(error))}\n", sys.stderr)


def _named(journal: OurJournal, name: str, *, take_over: bool) -> Kept:
    job = _kept.find(journal, name).job
    batch_id = batch_of(job)
    if not batch_id:
        raise RefusalError(
            f"{inert(job.job_id)} was not run by sojourn run; only its own program can take it up"
        )
    kept = Kept.old(journal, batch_id)
    if kept.job.state.is_final:
        raise RefusalError(f"batch {batch_id} is over, it is {kept.job.state.name}; run it again")
    owner = kept.owner()
    if owner is not None and not owner.seen and take_over:
        journal.give_up(owner.name)
        owner = kept.owner()
    if owner is not None:
        way = "let it, or stop that" if owner.seen else _way_out(kept)
        raise RefusalError(f"batch {batch_id} is looked after by {owner}; {way}")
    return kept


def hint(journal: SQLiteJournal, job: KeptJob) -> str:
    """Return what helps if whoever was asked to cancel a job does not answer; ``""`` if there is nothing."""
    batch_id = batch_of(job)
    if not batch_id:
        return ""
    kept = Kept.old(journal, batch_id)
    owner = kept.owner()
    return "" if owner is None or owner.seen else f"; {owner}, looks after it; {_way_out(kept)}"


def go_on(kept: Kept, slots: int | None, views: Sequence[View]) -> _running.Batch:
    """Run what is left of a batch, to its end; a command that is damaged in the journal is left as it is.

    Raises:
        RefusalError: Another process was faster, or the directory is gone that it ran in.
    """
    notes, tasks = kept.job.metadata, kept.tasks
    kept.find_known()
    _kept.tell_of_damaged(kept.damaged)
    tasks = [task for task in tasks if kept.id_of(task) not in kept.damaged]
    if kept.is_to_be_cancelled():  # what was never submitted needs no end
        tasks = [task for task in tasks if kept.has(task)]
    elif not kept.cwd.is_dir():
        raise RefusalError(
            f"batch {kept.batch_id} cannot go on: its directory {str(kept.cwd)!r} is not there; "
            f"make it, or give the batch up with: sojourn cancel {kept.batch_id}"
        )
    source = notes["source"] or ""
    batch = _running.Batch(source, slots or notes["slots"], kept.folder, views, kept=kept)
    batch.run(tasks, timeout=notes["timeout"])
    return batch


def cancel_batch(journal: SQLiteJournal, job: KeptJob) -> bool:
    """Cancel all of a batch, or ask its owner to do that; tell whether that was possible.

    Raises:
        RefusalError: Another process was faster.
    """
    kept = Kept.old(journal, job.job_id)
    kept.ask_to_cancel()
    if kept.owner() is None:
        go_on(kept, None, ())
    return True


def cancel_command(journal: SQLiteJournal, job: KeptJob) -> bool:
    """Cancel a command, or ask its owner to do that; tell whether that was possible.

    One that nobody looks after is waited for.
    """
    with CommandBackend(1, grace=_running.GRACE) as backend:
        return _batches.cancel(CommandJob.attach(backend, job.job_id, journal=journal))
