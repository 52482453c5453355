"""What happened to jobs, in the shape that pictures need: who, which states, from when to when.

Jobs are read through the attributes that every job promises, not through their class, because drawing lies below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeGuard, cast

from sojourn.history import Entry
from sojourn.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn.lifecycle import State


class Job(Protocol):
    """What drawing asks of a job."""

    @property
    def lifecycle(self) -> Lifecycle:
        """Its declaration."""
        ...

    @property
    def state(self) -> State:
        """Its state now."""
        ...

    @property
    def history(self) -> tuple[Entry, ...]:
        """Its entries."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        ...

    def job_id(self) -> str:
        """Return its id."""
        ...


@dataclass(frozen=True, slots=True)
class Story:
    """One job's life.

    Attributes:
        name: The job's id, or a number where only its history is known.
        owner: The name of its class; empty where only its history is known.
        entries: What happened.
        born: When it was created; None where only its history is known.
        state: The name of its state now.
        lifecycle: What may happen; None where only its history is known.
    """

    name: str
    owner: str
    entries: Sequence[Entry]
    born: datetime | None
    state: str
    lifecycle: Lifecycle | None

    @property
    def over(self) -> bool:
        """Whether nothing more can happen."""
        return self.state in {"DONE", "ERROR", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay in one state.

    Attributes:
        state: The state's name.
        attempt: The attempt it belongs to.
        begin: When it began; None where nobody saw it.
        end: When it ended; None where nobody saw it, and for the last one.
    """

    state: str
    attempt: int
    begin: datetime | None
    end: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it lasted; None where an end of it is not known."""
        if self.begin is None or self.end is None:
            return None
        return (self.end - self.begin).total_seconds()


def is_job(thing: object) -> TypeGuard[Job]:
    """Return whether a thing is a job: it has a lifecycle and an id, and is no class."""
    # Not its history: a job makes that anew for everyone who asks, which takes time where jobs are many.
    return (
        not isinstance(thing, type)
        and isinstance(getattr(thing, "lifecycle", None), Lifecycle)
        and callable(getattr(thing, "job_id", None))
    )


def story_of(thing: object, number: int = 1) -> Story:
    """Return the story of a job, or of a history, which gets a number for a name.

    Raises:
        TypeError: It is neither.
    """
    kind = type(thing).__name__
    if is_job(thing):
        entries = thing.history
        state = entries[-1].dest if entries else thing.state.name
        return Story(thing.job_id(), kind, entries, thing.created_at, state, thing.lifecycle)
    if isinstance(thing, Iterable) and not isinstance(thing, str | bytes):
        given = tuple(cast("Iterable[object]", thing))
        found = tuple(entry for entry in given if isinstance(entry, Entry))
        if len(found) == len(given):
            state = found[-1].dest if found else "INITIALIZING"
            return Story(f"job {number}", "", found, None, state, None)
    raise TypeError(
        f"cannot tell what happened to {thing!r:.200} of type {kind}; give a job or a history of entries"
    )


def stories_of(things: object) -> list[Story]:
    """Return the stories of jobs or histories, or of a single one of them.

    Raises:
        TypeError: Something is neither.
    """
    if is_job(things) or not isinstance(things, Iterable) or isinstance(things, str | bytes):
        return [story_of(things)]
    given = list(cast("Iterable[object]", things))
    if given and isinstance(given[0], Entry):
        return [story_of(given)]
    return [story_of(thing, number) for number, thing in enumerate(given, 1)]


def stays_of(story: Story) -> list[Stay]:
    """Return every stay of a job, the present one last."""
    entries = story.entries
    begin, attempt = story.born, 1
    stays: list[Stay] = []
    for entry in entries:
        stays.append(Stay(entry.source, attempt, begin, entry.at))
        begin, attempt = entry.at, entry.attempt
    stays.append(Stay(story.state, attempt, begin, None))
    return stays


def now() -> datetime:
    """Return the wall clock, aware and in UTC."""
    return datetime.now(UTC)
