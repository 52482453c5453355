"""Which journal is meant, and which of its jobs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sojourn._owner import is_alive
from sojourn.cli import _choices
from sojourn.cli._batch import Task
from sojourn.cli._batches import BATCH, Kept, batch_of, short_name
from sojourn.cli._terminal import RefusalError, inert, say
from sojourn.errors import JournalDamageError, JournalFileError
from sojourn.history import KeptJob, Story
from sojourn.journals.sqlite import SQLiteJournal

_SHOWN = 8


class OurJournal(SQLiteJournal):
    """A journal whose owners this machine can see, but for those that its user knows to be gone.

    Attributes:
        gone: The names of their processes.
    """

    gone: frozenset[str] = frozenset()

    def is_alive(self, owner: str) -> bool | None:
        """Tell whether a process lives; ``None`` if that cannot be seen from here."""
        alive = is_alive(owner)
        return False if alive is None and _process(owner) in self.gone else alive

    def give_up(self, owner: str) -> None:
        """Take a process that cannot be seen for gone."""
        self.gone |= {_process(owner)}


def _process(owner: str) -> str:
    return "/".join(owner.split("/")[:4])


def default_path() -> Path:
    """Return where the journal of a user is who names none: below the folder for what programs remember."""
    named = os.environ.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored, says https://specifications.freedesktop.org/basedir-spec/.
    home = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return home / "sojourn" / "jobs.journal"


@contextmanager
def written(path: str) -> Iterator[SQLiteJournal]:
    """Open a journal to write to, made if it is missing; ``""`` stands for the user's own.

    Raises:
        RefusalError: Its folder cannot be made.
        JournalFileError: It is not a journal that may be used.
    """
    if not path:
        folder = default_path().parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RefusalError(
                f"cannot make {str(folder)!r}: {error.strerror or error}; "
                "name a journal: --journal PATH"
            ) from error
    with _opened(Path(path) if path else default_path()) as journal:
        yield journal


@contextmanager
def batch(
    path: str | None, tasks: Sequence[Task], output: str | None, notes: Mapping[str, Any]
) -> Iterator[tuple[Path, Kept | None]]:
    """Prepare where the output of a batch goes, and its place in a journal if there is to be one.

    Raises:
        RefusalError: There is no place for one or the other.
        JournalFileError: It is not a journal that may be used.
    """
    folder = None if output is None else _choices.folder(output)
    if path is None:
        yield folder or _choices.folder(None), None
        return
    with written(path) as journal:
        kept = Kept.new(journal, tasks, {**notes, "folder": folder and str(folder)})
        yield kept.folder, kept


@contextmanager
def read(path: str) -> Iterator[OurJournal]:
    """Open a journal that is there; ``""`` stands for the user's own.

    Raises:
        RefusalError: There is none.
        JournalFileError: It is not a journal that may be used.
    """
    where = Path(path) if path else default_path()
    if not os.path.lexists(where):
        raise RefusalError(
            f"there is no journal at {str(where)!r}; sojourn run FILE --journal"
            f"{f' {where}' if path else ''} makes one"
        )
    with _opened(where) as journal:
        yield journal


@contextmanager
def _opened(path: Path) -> Iterator[OurJournal]:
    try:
        journal = OurJournal(path)
    except ValueError as error:  # a NUL character, which no file has in its name
        raise JournalFileError(str(path), str(error)) from error
    with journal:
        yield journal


class Found(NamedTuple):
    """What a journal answers.

    Attributes:
        jobs: The jobs that are asked for, and whole.
        damaged: The ids of those that are damaged, so that nobody can tell whether they are asked for.
    """

    jobs: Sequence[KeptJob]
    damaged: tuple[str, ...] = ()


def ask(journal: SQLiteJournal, **question: Any) -> Found:
    """Ask a journal for jobs."""
    try:
        return Found(journal.jobs(**question))
    except JournalDamageError as error:
        return Found(error.whole, error.damaged)


def tell_of_damaged(damaged: Iterable[str]) -> bool:
    """Say which jobs are damaged; tell whether there are any."""
    lines = [f"sojourn: what the journal says of {inert(each)} is damaged\n" for each in damaged]
    if lines:
        lines.append("sojourn: sojourn check --journal finds all that is damaged\n")
        say("".join(lines), sys.stderr)
    return bool(lines)


def jobs(
    journal: SQLiteJournal,
    *,
    status: Iterable[str] = (),
    backend: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> Found:
    """Return jobs, the latest made first; batches only where they are asked for by their backend."""
    asked = limit
    while True:
        found = ask(journal, status=list(status) or None, backend=backend, since=since, limit=asked)
        wanted = [job for job in found.jobs if backend == BATCH or job.backend != BATCH][:limit]
        if asked is None or len(found.jobs) < asked or len(wanted) == limit:
            return Found(wanted, found.damaged)
        asked *= 2  # so many of them were batches


def find(journal: SQLiteJournal, name: str) -> Story:
    """Return the one job that is meant by its id, its name in its batch, or the beginning of its id.

    Raises:
        RefusalError: It is none, or it may be several.
    """
    story = journal.read(name)
    if story is not None:
        return story
    everybody, damaged = ask(journal) if name else Found(())
    tell_of_damaged(damaged)
    # A name is meant even where an id happens to begin like it.
    found = [job for job in everybody if short_name(job) == name]
    found = found or [job for job in everybody if job.job_id.startswith(name)]
    batches = [job for job in found if job.backend == BATCH]
    if len(batches) == 1 and all(batch_of(job) == batches[0].job_id for job in found):
        found = batches  # whoever begins to spell a batch does not mean one of its jobs
    if len(found) != 1:
        raise RefusalError(_not_one(name, found))
    story = journal.read(found[0].job_id)
    assert story is not None  # a journal forgets nothing
    return story


def _not_one(name: str, found: Sequence[KeptJob]) -> str:
    if not found:
        return f"there is no job {name!r} in the journal; sojourn jobs lists those it has"
    told = ", ".join(f"{inert(job.job_id)} ({job.status})" for job in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{name!r} may be any of {len(found)} jobs: {told}{more}; give more of its id"
