"""What a journal tells of many jobs: as lines, as numbers, as a picture."""

from __future__ import annotations

import json
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sojourn._records import record_of
from sojourn._snapshots import _restore
from sojourn.cli._batches import batch_of, is_command, short_name
from sojourn.cli._classes import find_class
from sojourn.cli._kept import jobs, read, tell_of_damaged
from sojourn.cli._since import shown
from sojourn.cli._terminal import RefusalError, in_one_line, inert, say, table, width_of
from sojourn.drawing import statistics
from sojourn.drawing._measure import shorten
from sojourn.errors import JournalDamageError, SojournError
from sojourn.history import KeptJob, Story
from sojourn.job import BaseJob
from sojourn.journals.sqlite import SQLiteJournal


def listed(found: Sequence[KeptJob]) -> Iterator[str]:
    """Return a line for every job, the latest last, where people look first."""
    if not found:
        return
    rows = [("job", "status", "since", "what")]
    rows += [
        (inert(job.job_id), _standing(job), shown(job.changed_at), what_it_is(job))
        for job in reversed(found)
    ]
    width = width_of(sys.stdout) if sys.stdout.isatty() else None
    for line in table(rows):
        yield line if width is None else shorten(line, width)


def _standing(job: KeptJob) -> str:
    asked = job.facts["cancel_requested_at"] is not None and not _is_over(job)
    state = job.status if job.state == job.status else f"{inert(job.state)} ({job.status})"
    return f"{state}, to be cancelled" if asked else state


def _is_over(job: KeptJob) -> bool:
    return job.status in {"DONE", "ERROR", "CANCELLED"}


def what_it_is(job: KeptJob) -> str:
    """Return the command of a job, or what class it has."""
    command = job.metadata.get("shown")
    if is_command(job) and not isinstance(command, str):
        command = shlex.join(map(str, job.arguments.get("command") or ()))
    return in_one_line(command if isinstance(command, str) else job.class_name)


def facts_of(job: KeptJob) -> dict[str, Any]:
    """Return what a journal says of a job, as JSON has it."""
    asked = job.facts["cancel_requested_at"]
    return {
        "id": job.job_id,
        "name": short_name(job),
        "batch": batch_of(job) or None,
        "status": job.status,
        "state": job.state,
        "attempt": job.attempt,
        "class": job.class_name,
        "backend": job.backend,
        "native_id": job.facts["native_id"],
        "created_at": job.created_at.isoformat(),
        "changed_at": job.changed_at.isoformat(),
        "cancel_requested_at": asked and asked.isoformat(),
        "metadata": job.metadata,
    }


def story_as_json(story: Story) -> dict[str, Any]:
    """Return all that a journal says of a job, as JSON has it."""
    return {
        **facts_of(story.job),
        "history": [entry._asdict() for entry in story.entries],
        "anomalies": [asdict(anomaly) for anomaly in story.anomalies],
    }


def listed_as_json(found: Sequence[KeptJob], damaged: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Return the same for machines, and then those that are damaged."""
    yield from map(facts_of, reversed(found))
    yield from map(_damaged_as_json, damaged)


def _damaged_as_json(job_id: str) -> dict[str, Any]:
    return {"id": job_id, "damaged": True}


def as_json(facts: dict[str, Any]) -> str:
    """Return facts as a line."""
    return json.dumps(facts, default=lambda at: at.isoformat()) + "\n"


def tell_what_is_damaged(path: str) -> int:
    """Say for each thing in a journal that is wrong what it is; return 1 if there is any.

    Raises:
        RefusalError: There is no such journal.
        JournalFileError: It is not a journal that may be used.
    """
    with read(path) as journal:
        found = journal.check()
        count = 0 if found else len(journal.jobs())
    for each in found:
        say(f"{in_one_line(each)}\n")
    if not found:
        say(f"sound: {count:,} job{'' if count == 1 else 's'}, batches among them\n")
    return int(bool(found))


def lives(path: str, class_name: str | None) -> tuple[list[object], bool]:
    """Return the lives of the jobs in a journal, those of one class if it is named, and whether there are all of them.

    Those that are damaged are not among them, and stderr is told.

    Raises:
        RefusalError: There is no such journal, or no job of that class in it.
        JournalFileError: It is not a journal that may be used.
    """
    with read(path) as journal:
        everybody, damaged = jobs(journal)
        found = [job for job in reversed(everybody) if class_name in {None, job.class_name}]
        if class_name is not None and not found:
            tell_of_damaged(damaged)
            names = sorted({job.class_name for job in everybody})
            raise RefusalError(
                f"there is no job of {class_name} in the journal; "
                f"it has {', '.join(names) or 'none at all'}"
            )
        past = Past(journal, damaged)
        drawn = past.lives(found)
    return drawn, past.tell_what_is_lost()


class Past:
    """What jobs of a journal have been through, as jobs of their classes where these are to be found.

    Attributes:
        damaged: The ids of jobs that are left out, because the journal is damaged there.
    """

    def __init__(self, journal: SQLiteJournal, damaged: Iterable[str]) -> None:
        """Start with no class looked for."""
        self.damaged = [*damaged]
        self._journal = journal
        self._classes: dict[str, type[BaseJob[Any]] | None] = {}
        self._lost: defaultdict[str, int] = defaultdict(int)
        self._why: dict[str, str] = {}

    def lives(self, found: Iterable[KeptJob]) -> list[object]:
        """Return a snapshot of every job, or its history if its class is not to be found."""
        return [life for job in found if (life := self._life(job)) is not None]

    def by_class(self, found: Iterable[KeptJob]) -> dict[str, list[object]]:
        """Return the same, apart by class, those of most jobs first."""
        groups: defaultdict[str, list[object]] = defaultdict(list)
        for job in found:
            if (life := self._life(job)) is not None:
                groups[job.class_name].append(life)
        return dict(sorted(groups.items(), key=lambda each: -len(each[1])))

    def tell_what_is_lost(self) -> bool:
        """Say which classes are not to be found, and which jobs are damaged; tell whether none is."""
        for name, count in self._lost.items():
            who = "1 job of it is" if count == 1 else f"{count:,} jobs of it are"
            say(
                f"sojourn: {inert(self._why[name])}; {who} shown by what the journal alone knows\n",
                sys.stderr,
            )
        return not tell_of_damaged(self.damaged)

    def _life(self, job: KeptJob) -> object | None:
        try:
            story = self._journal.read(job.job_id)
        except JournalDamageError:
            self.damaged.append(job.job_id)
            return None
        assert story is not None  # a journal forgets nothing
        cls = self._class_of(job.class_name)
        if cls is not None:
            try:
                return snapshot(cls, story)
            except SojournError as error:
                self._why.setdefault(job.class_name, str(error))
        self._lost[job.class_name] += 1
        return story.entries

    def _class_of(self, name: str) -> type[BaseJob[Any]] | None:
        if name not in self._classes:
            try:
                self._classes[name] = find_class(name)
            except SojournError as error:
                self._classes[name] = None
                self._why[name] = in_one_line(str(error))
        return self._classes[name]


def snapshot(cls: type[BaseJob[Any]], story: Story) -> object:
    """Return a job that can be read and drawn, and not changed; its constructor is not called.

    Raises:
        JobError: The class has a state no more that the job was in.
    """
    job, steps = story.job, []
    attempt = 1
    for entry in story.entries:
        state, at, trigger, _, more = record_of(entry, ("", None, "", None, None), attempt)
        steps.append((state, at, trigger, more))
        attempt = entry.attempt
    core = (job.job_id, job.created_at.timestamp(), job.metadata, steps, None)
    return _restore(cls, core)


def numbers(groups: dict[str, list[object]]) -> Iterator[str]:
    """Return a table for every class: how many of its jobs are where, and how long they stayed."""
    for name, lives in groups.items():
        count = "1 job" if len(lives) == 1 else f"{len(lives):,} jobs"
        yield f"{inert(name)}: {count}"
        yield from (f"  {line}" for line in str(statistics(lives)).splitlines())
        yield ""


def numbers_as_json(
    groups: dict[str, list[object]], damaged: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Return the same for machines, an object for each class, and then one for each job that is damaged."""
    for name, lives in groups.items():
        yield {"class": name, **asdict(statistics(lives))}
    yield from map(_damaged_as_json, damaged)
