"""How jobs are taken up again that are in a journal, after a crash or on the next day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sojourn._book import name_of_backend, name_of_class
from sojourn._handle import describe
from sojourn.errors import JournalDamageError
from sojourn.history import Journal, KeptJob, first_facts
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus

__all__ = ["Orphan", "Recovery", "recover"]

_OPEN = tuple(status.value for status in JobStatus if not status.is_final)


class Orphan(NamedTuple):
    """A job in a journal that was not taken up.

    Attributes:
        job: What the journal knows of it; of one that is damaged, no more than its id.
        reason: Why it was not taken up, and the way out.
    """

    job: KeptJob
    reason: str


class Recovery(NamedTuple):
    """What `recover` found.

    Attributes:
        jobs: The jobs that were taken up, oldest first.
        orphans: Those that were not.
    """

    jobs: tuple[BaseJob[Any], ...]
    orphans: tuple[Orphan, ...]


def recover(
    journal: Journal,
    takers: Mapping[type[BaseJob[Any]], Any] | Iterable[Any],
    *,
    finals: bool = False,
) -> Recovery:
    """Take up the jobs of a journal that are not over.

    Each is where the journal says, with its history, attempt, metadata, anomalies, native id and
    requests. No remote backend is asked: `status` and `reconcile` do that. A job whose submission
    may have been lost with its process is uncertain; `reconcile` finds out. Nothing is raised
    because a job failed, or cannot be taken up: that one is an orphan, with the reason.

    Args:
        journal: Where they are kept.
        takers: Whose jobs to take up: ``{job class: backend}``, or an iterable of such pairs and of
            backends that know their job classes, as local ones do. A job goes to the class and
            the backend whose names the journal has.
        finals: Take up those that are over, too.

    Raises:
        JournalError: The journal could not be read.

    Example:
        >>> from sojourn import recover
        >>> from sojourn.journals.memory import MemoryJournal
        >>> class PrintJob(BaseJob): ...
        >>> journal = MemoryJournal()
        >>> PrintJob("printer", "cup-1", journal=journal).submit()
        >>> jobs, orphans = recover(journal, {PrintJob: "printer"})
        >>> jobs[0].start(), [entry.trigger for entry in jobs[0].history]
        (True, ['submit', 'start'])
    """
    known = dict(_pairs(takers))
    jobs: list[BaseJob[Any]] = []
    orphans: list[Orphan] = []
    try:
        found_jobs = journal.jobs(status=None if finals else _OPEN)
    except JournalDamageError as error:
        found_jobs = error.whole
        for job_id in error.damaged:
            alone = JournalDamageError(error.path, (job_id,), ())
            orphans.append(Orphan(_damaged(job_id), describe(alone)))
    for kept in reversed(found_jobs):
        found = known.get((kept.class_name, kept.backend))
        if found is None:
            orphans.append(Orphan(kept, _unknown(kept, known)))
            continue
        try:
            job = _take_up(journal, kept, *found)
        except Exception as error:  # noqa: BLE001  # one job must not keep the others from being found
            orphans.append(Orphan(kept, describe(error)))
        else:
            if job is not None:
                jobs.append(job)
    return Recovery(tuple(jobs), tuple(orphans))


def _pairs(takers: Any) -> Iterator[tuple[tuple[str, str], tuple[type[BaseJob[Any]], Any]]]:
    for taker in takers.items() if isinstance(takers, Mapping) else takers:
        classes: Any
        if isinstance(taker, tuple):
            classes, backend = (taker[0],), taker[1]
        else:
            classes, backend = getattr(taker, "job_classes", None), taker
        if not classes or not all(
            isinstance(cls, type) and issubclass(cls, BaseJob) for cls in classes
        ):
            raise TypeError(
                f"{taker!r:.80} does not say what its jobs are; give {{job class: backend}}"
            )
        for cls in classes:
            yield (name_of_class(cls), name_of_backend(backend)), (cls, backend)


def _take_up(
    journal: Journal, kept: KeptJob, cls: type[BaseJob[Any]], backend: Any
) -> BaseJob[Any] | None:
    story = journal.read(kept.job_id)
    assert story is not None  # a journal forgets nothing
    return cls._sj_restored(backend, story, journal, {})


def _damaged(job_id: str) -> KeptJob:
    """Return what is known of a job whose place in its journal is damaged."""
    never = datetime.fromtimestamp(0, UTC)
    return KeptJob(job_id, "", "", "", "", 0, 1, "", {}, {}, never, never, first_facts())


def _unknown(kept: KeptJob, known: Mapping[tuple[str, str], object]) -> str:
    if any(kept.class_name == name for name, _ in known):
        return f"its backend {kept.backend!r} was not given; give it with its class"
    return f"its class {kept.class_name!r} was not given; give {{that class: its backend}}"
