"""The story of one job, as a journal has it, told to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sojourn.backends._output import last_lines
from sojourn.cli import _kept
from sojourn.cli._batches import BATCH, is_command
from sojourn.cli._past import what_it_is
from sojourn.cli._since import shown
from sojourn.cli._terminal import in_one_line, inert, table
from sojourn.drawing._durations import duration
from sojourn.drawing._measure import shorten
from sojourn.errors import JournalError
from sojourn.history import Anomaly, Entry, KeptJob, Story
from sojourn.journals.sqlite import SQLiteJournal
from sojourn.lifecycle import JobStatus

#: How much of an output file is shown.
TAIL_LINES = 10
WIDEST_LINE = 160


def told(journal: SQLiteJournal, story: Story) -> Iterator[str]:
    """Return the lines that tell it."""
    job = story.job
    stands = "" if job.state == job.status else f" ({job.status})"
    yield f"{inert(job.job_id)}  {inert(job.state)}{stands}"
    yield ""
    yield from table([(name, value) for name, value in _facts(job) if value])
    yield ""
    yield from _history(story)
    if story.anomalies:
        yield ""
        yield from _anomalies(story.anomalies)
    if job.backend == BATCH:
        yield from _members(journal, job)
    yield from _result(journal, job)
    yield from _outputs(job)


def _facts(job: KeptJob) -> Iterator[tuple[str, str]]:
    metadata, facts = job.metadata, job.facts
    if is_command(job):
        yield "command", what_it_is(job)
        yield "in", in_one_line(str(job.arguments.get("cwd") or ""))
    line = metadata.get("line")
    source = in_one_line(str(metadata.get("source") or ""))
    yield "from", f"{source}, line {line}" if source and line else source
    if metadata.get("batch"):
        yield "batch", in_one_line(str(metadata["batch"]))
    yield "class", inert(job.class_name)
    yield "backend", inert(job.backend)
    yield "attempt", str(job.attempt) if job.attempt > 1 else ""
    yield "native id", inert(facts["native_id"] or "")
    yield "made", shown(job.created_at)
    asked = facts["cancel_requested_at"]
    yield "cancel", f"asked for at {shown(asked)}" if asked else ""
    yield "in doubt", in_one_line(facts["doubt"])
    if job.backend != BATCH and not metadata.get("batch"):
        for name, value in metadata.items():
            yield inert(name), in_one_line(str(value))


def _history(story: Story) -> Iterator[str]:
    before: datetime | None = story.job.created_at
    rows = []
    for entry in story.entries:
        lasted = None
        if entry.at is not None and before is not None:
            lasted = max(0.0, (entry.at - before).total_seconds())
        rows.append(_step(entry, lasted))
        before = entry.at
    yield from table(rows) if rows else ["nothing has happened to it yet"]
    detail = story.entries[-1].detail if story.entries else None
    if detail and "\n" in detail:
        yield from _lines(detail.splitlines()[1:])


def _step(entry: Entry, lasted: float | None) -> Sequence[str]:
    detail = (entry.detail or "").partition("\n")[0]
    return (
        f"{entry.number:>3}",
        shown(entry.at, exactly=True) if entry.at else "nobody saw when",
        inert(entry.trigger),
        f"{inert(entry.source)} → {inert(entry.dest)}",
        "" if lasted is None else f"after {duration(lasted)}",
        shorten(inert(detail), WIDEST_LINE),
    )


def _anomalies(anomalies: Sequence[Anomaly]) -> Iterator[str]:
    yield "reports that contradicted"
    for each in anomalies:
        often = f", {each.count} times" if each.count > 1 else ""
        yield f"  {shown(each.at)}  {in_one_line(str(each.raw))}: {in_one_line(each.reason)}{often}"


def _members(journal: SQLiteJournal, batch: KeptJob) -> Iterator[str]:
    """Say how many of a batch's commands are where."""
    tasks = batch.metadata.get("tasks")
    if not isinstance(tasks, list):
        return  # it has the backend of a batch, and was made by somebody else
    total = len(tasks)
    changed, lost = _kept.ask(journal, since=batch.created_at)
    found = Counter(job.status for job in changed if job.metadata.get("batch") == batch.job_id)
    damaged = sum(each.startswith(f"{batch.job_id}.") for each in lost)
    waiting = total - sum(found.values()) - damaged
    parts = [f"{found[status]} {status}" for status in JobStatus if found[status]]
    parts += [f"{waiting} not submitted"] if waiting else []
    parts += [f"{damaged} damaged in the journal"] if damaged else []
    yield ""
    yield f"{total} command{'' if total == 1 else 's'}: {', '.join(parts)}"


def _result(journal: SQLiteJournal, job: KeptJob) -> Iterator[str]:
    if not job.result_kind or is_command(job):  # of a command it is what comes below
        return
    yield ""
    try:
        result = journal.result(job.job_id)
    except JournalError as error:
        yield f"result  {in_one_line(str(error))}"
        return
    assert result is not None  # the journal has just said that it keeps one
    if result.kind == "bytes":
        yield f"result  {len(result.data):,} bytes"
    else:
        yield f"result  {shorten(in_one_line(result.data.decode()), WIDEST_LINE)}"


def _outputs(job: KeptJob) -> Iterator[str]:
    """Return the last lines of what a command wrote."""
    folder = job.arguments.get("folder")
    if not is_command(job) or not isinstance(folder, str):
        return
    own = folder if job.attempt == 1 else f"{folder}~{job.attempt}"
    for name in ("stdout", "stderr"):
        path = Path(own) / name
        lines, size = last_lines(path, TAIL_LINES)
        if size is None:
            continue
        yield ""
        yield f"{inert(str(path))}  {size:,} bytes"
        yield from _lines(lines)


def _lines(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"  | {shorten(inert(line), WIDEST_LINE)}"
