"""What can be typed about jobs that are in a journal; like `_commands`, it parses, calls and prints."""

from __future__ import annotations

import sys

import click

from sojourn.cli import (
    _cancelling,
    _choices,
    _kept,
    _past,
    _pictures,
    _resuming,
    _since,
    _story,
    _terminal,
)
from sojourn.errors import JournalError
from sojourn.lifecycle import JobStatus

_journal = click.option(
    "--journal", metavar="PATH", default="", help="Which journal; by default your own."
)
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON, an object a line.")
_status = click.option(
    "--status",
    "statuses",
    type=click.Choice([each.value for each in JobStatus], case_sensitive=False),
    multiple=True,
    help="Only jobs that stand there; may be given more than once.",
)
_backend = click.option("--backend", metavar="NAME", help="Only jobs of this backend.")
_since_when = click.option(
    "--since",
    metavar="WHEN",
    help="Only jobs that have changed since: 90min, 7d, yesterday, a date.",
)


@click.command()
@_journal
@_status
@_backend
@_since_when
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="How many at most.")
@_json
def jobs(
    journal: str,
    statuses: tuple[str, ...],
    backend: str | None,
    since: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    """List the jobs of a journal, the latest last.

    Batches are jobs, too; they are listed with --backend 'sojourn run'. A job that the journal has damaged is named on
    the standard error, whether or not it is asked for, and as {"id": ..., "damaged": true} with --json; the exit code
    is 1 then.
    """
    at = None if since is None else _since.instant(since)
    with _kept.read(journal) as kept:
        found, damaged = _kept.jobs(kept, status=statuses, backend=backend, since=at, limit=limit)
    lines = (
        map(_past.as_json, _past.listed_as_json(found, damaged))
        if as_json
        else (f"{line}\n" for line in _past.listed(found))
    )
    _terminal.say("".join(lines))
    return int(_kept.tell_of_damaged(damaged))


@click.command()
@click.argument("job_id", metavar="ID")
@_journal
@_json
def show(job_id: str, journal: str, as_json: bool) -> None:
    """Tell the story of one job: its history, its result, the last lines of its output.

    ID is the id of a job, its name in its batch, or the beginning of its id. An ID that several jobs may be meant by
    is refused, and they are listed.
    """
    with _kept.read(journal) as kept:
        story = _kept.find(kept, job_id)
        if as_json:
            _terminal.say(_past.as_json(_past.story_as_json(story)))
        else:
            _terminal.say("".join(f"{line}\n" for line in _story.told(kept, story)))


@click.command()
@_journal
@_backend
@_since_when
@_json
def stats(journal: str, backend: str | None, since: str | None, as_json: bool) -> int:
    """Show how many jobs of a journal are where, and how long they stayed there, for each class.

    A job that the journal has damaged is not counted, and named on the standard error, and as
    {"id": ..., "damaged": true} with --json; the exit code is 1 then.
    """
    at = None if since is None else _since.instant(since)
    with _kept.read(journal) as kept:
        found, damaged = _kept.jobs(kept, backend=backend, since=at)
        past = _past.Past(kept, damaged)
        groups = past.by_class(reversed(found))
    if as_json:
        _terminal.say("".join(map(_past.as_json, _past.numbers_as_json(groups, past.damaged))))
    else:
        _terminal.say("".join(f"{line}\n" for line in _past.numbers(groups)))
    return int(not past.tell_what_is_lost())


@click.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@_journal
def cancel(job_ids: tuple[str, ...], journal: str) -> int:
    """Cancel commands and whole batches, also those that another process runs.

    ID is what sojourn show takes. A command that waits is never started. One that runs is told to stop, with all of
    its process group, and killed if it takes too long; it may be DONE before. The exit code is 0 if every one is
    cancelled or was asked to stop, and 1 if one was over already.
    """
    with _kept.read(journal) as kept:
        found = [_cancelling.meant(kept, each) for each in job_ids]  # all, before anything is done
        cancelled = [_cancelling.cancel(kept, job) for job in found]
    return int(not all(cancelled))


@click.command()
@click.argument("name", metavar="[BATCH]", required=False)
@_journal
@click.option(
    "-j",
    "--jobs",
    "slots",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many run at the same time; by default as many as before.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="Take BATCH from an owner in another container, which you know to be gone.",
)
@_json
@click.option("--graph", metavar="FILE", help="Draw how often jobs went where, and how long.")
@click.option("--timeline", metavar="FILE", help="Draw when jobs were where.")
def resume(
    name: str | None,
    journal: str,
    slots: int | None,
    take_over: bool,
    as_json: bool,
    graph: str | None,
    timeline: str | None,
) -> int:
    """Finish batches whose sojourn run was killed; by default all of them, one after the other.

    What is over stays as it is. What still runs is followed to its end, what waited is run, and nothing is run twice.
    A batch that another process looks after is left to it, and so is one whose owner cannot be seen because it is in
    another container: only with --take-over it goes on, and what that owner had started and not ended is then in ERROR.
    Somebody has to know that it is gone, or commands run twice.

    The exit code is that of sojourn run, and not 0 where the journal is damaged or a batch cannot go on.
    """
    if take_over and name is None:
        raise click.UsageError("name the BATCH that is to be taken over")
    pictures = _pictures.Wanted(graph, timeline)
    jobs: list[object] = []
    with _kept.read(journal) as kept:
        batches, complete = _resuming.left(kept, name, take_over=take_over)
        code = int(not complete)
        if not batches and not as_json:
            _terminal.say("there is nothing to resume\n")
        for each in batches:
            try:
                batch = _resuming.go_on(each, slots, _choices.views(as_json=as_json))
            except (JournalError, _terminal.RefusalError) as error:
                if len(batches) == 1:
                    raise
                _resuming.tell_of_one(each.batch_id, error)
                code = 1
                continue
            jobs += batch.jobs
            code = batch.exit_code or code or int(bool(each.damaged))
            if batch.interrupted is not None:
                break
    pictures.draw(jobs, None if as_json else sys.stdout)
    return code
