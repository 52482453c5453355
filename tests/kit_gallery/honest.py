"""Odd classes that keep every promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from kit_gallery.planting import Client
from sojourn import BaseJob, Entry, JobStatus, Observation, State, Transition
from sojourn._records import NOT_GIVEN
from sojourn.errors import JobTimeoutError
from sojourn.history import Outcome
from sojourn.testing import ScriptedJob


class Honest(NamedTuple):
    """An odd class that keeps every promise, and how a job of it is made."""

    cls: type[BaseJob[Any]]
    factory: Callable[[], Any] | None = None


class Empty(BaseJob[Any]):
    """Adds nothing."""


class Slotted(BaseJob[Any]):
    """Has no dictionary."""

    __slots__ = ()


class CountsCalls(BaseJob[Any]):
    """Overrides every method, and changes nothing."""

    calls = 0

    def _count(self) -> None:
        self.calls += 1

    def submit(self) -> None:
        self._count()
        super().submit()

    def status(self) -> JobStatus:
        self._count()
        return super().status()

    def cancel(self) -> bool:
        self._count()
        return super().cancel()

    def result(self, timeout: float | None = None) -> Any:
        self._count()
        return super().result(timeout)

    def trigger(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        self._count()
        return super().trigger(trigger, *args, **kwargs)

    def observe(self, raw: object, **more: Any) -> Outcome:
        self._count()
        return super().observe(raw, **more)

    def finish(self, result: Any = NOT_GIVEN) -> bool:  # type: ignore[override]
        self._count()
        return super().finish(result)

    @property
    def state(self) -> State:
        return super().state


class RemembersTheEnd(BaseJob[Any]):
    """Answers a final status from a cache of its own."""

    _status: JobStatus | None = None

    def status(self) -> JobStatus:
        if self._status is None:
            status = super().status()
            if status.is_final:
                self._status = status
            return status
        return self._status


class ParsesItsResult(BaseJob[Any]):
    """Makes something of the result that it fetches."""

    def result(self, timeout: float | None = None) -> Any:
        return ("parsed", super().result(timeout))


class Guarded(BaseJob[Any]):
    """Has conditions and branches."""

    HELD = State(JobStatus.QUEUED, on_enter="_note", on_exit="_note")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.notes: list[str] = []

    def _open(self, event: Any) -> bool:
        return len(self.notes) < 3

    def _never(self, event: Any) -> bool:
        return False

    def _note(self, event: Any) -> None:
        self.notes.append(event.transition.dest)

    hold = Transition(JobStatus.QUEUED, HELD, conditions="_open", after="_note")
    start = Transition(HELD, JobStatus.RUNNING, unless="_open") | BaseJob.start
    resume = Transition(HELD, JobStatus.QUEUED, conditions="_never") | Transition(
        HELD, JobStatus.RUNNING
    )


class Precheck(BaseJob[Any]):
    """Takes a detour before it is submitted, and has other names for everything."""

    CHECKED = State(JobStatus.INITIALIZING)
    check = Transition(JobStatus.INITIALIZING, CHECKED)
    handed_over = Transition([JobStatus.INITIALIZING, CHECKED], JobStatus.QUEUED, trigger="submit")
    start = None
    begin = Transition(JobStatus.QUEUED, JobStatus.RUNNING, trigger="go_on")
    status_map = {0: JobStatus.QUEUED, ("r", 1): JobStatus.RUNNING, b"!": "DONE", None: "ERROR"}


class Restarts(BaseJob[Any]):
    """Starts new attempts from anywhere, and stays where it is with one of them."""

    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)
    again = Transition(JobStatus.RUNNING, JobStatus.RUNNING, new_attempt=True)
    look = Transition(JobStatus.RUNNING, JobStatus.RUNNING)


class NeedsMore(BaseJob[Any]):
    """Is made with more than a backend and an id."""

    def __init__(self, client: Any, job_id: str, circuit: str, *, shots: int) -> None:
        super().__init__(client, job_id, metadata={"shots": shots})
        self.circuit = circuit

    def _submit(self) -> Any:
        return self.backend().run(self.circuit)


class AddsNotes(BaseJob[Any]):
    """Writes notes of its own, some at birth and some on the way."""

    def __init__(self, backend: Any, job_id: str, metadata: Any = None) -> None:
        super().__init__(backend, job_id, metadata={"by": "me", **(metadata or {})})

    def _note(self, event: Any) -> None:
        self.metadata[f"came to {event.transition.dest}"] = True

    start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_note")


class ChecksItsNotes(BaseJob[Any]):
    """Takes no notes but its own."""

    def __init__(self, *args: Any, metadata: Any = None, **options: Any) -> None:
        if metadata and "circuit" not in metadata:
            raise ValueError("metadata must name the circuit")
        super().__init__(*args, metadata=metadata, **options)


class HasNoNotes(BaseJob[Any]):
    """Takes nothing but a backend and an id."""

    def __init__(self, backend: Any, job_id: str) -> None:
        super().__init__(backend, job_id)


class AwaitsInAThread(BaseJob[Any]):
    """Waits in another thread, a second at a time, so that none is left when nobody awaits it."""

    def __await__(self) -> Generator[Any, None, Any]:
        while not (yield from asyncio.to_thread(self._is_over).__await__()):
            pass
        return (yield from asyncio.to_thread(self.result).__await__())

    def _is_over(self) -> bool:
        with suppress(JobTimeoutError):
            self.wait_for_final_state(timeout=1)
        return self.state.is_final


class FollowsByCallback(BaseJob[Any]):
    """Is told of what happens, and does not look; who follows it need not close what they leave."""

    async def changes(self) -> AsyncIterator[Entry]:
        news: asyncio.Queue[Entry] = asyncio.Queue()
        loop, told = asyncio.get_running_loop(), 0
        leave = self.add_callback(
            lambda _, entry: loop.call_soon_threadsafe(news.put_nowait, entry)
        )
        try:
            for entry in self.history:
                told = entry.number
                yield entry
            while not (told == len(self.history) and self.state.is_final):
                try:
                    entry = await asyncio.wait_for(news.get(), 1)
                except TimeoutError:
                    await asyncio.to_thread(self.status)
                    continue
                if entry.number > told:
                    told = entry.number
                    yield entry
        finally:
            leave()


class Equal(BaseJob[Any]):
    """Is equal to jobs of the same id, and so has no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and other.job_id() == self.job_id()

    __hash__ = None  # type: ignore[assignment]


class DoubtsEverything(BaseJob[Any]):
    """Takes no error for a refusal, and every error of a poll for one that may pass."""

    uncertain_errors = (Exception,)
    transient_errors = (Exception,)


class DoubtsNothing(BaseJob[Any]):
    """Has errors that say no although they are timeouts."""

    uncertain_errors = ()


class SpeaksItsOwnLanguage(BaseJob[Any]):
    """Has hooks of its own, which ask a client."""

    def _submit(self) -> Any:
        return self.backend().enqueue(self.job_id())["id"]

    def _poll(self) -> Any:
        answer = self.backend().where(self.native_id)
        return None if answer is None else Observation(answer["word"], reason="so it says")


class Keeps(SpeaksItsOwnLanguage):
    """Keeps what it cannot pickle, and a class under it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.words: Iterator[str] = (word for word in ())


HONEST = [
    Honest(Empty),
    Honest(Slotted),
    Honest(CountsCalls),
    Honest(RemembersTheEnd),
    Honest(ParsesItsResult),
    Honest(Guarded),
    Honest(Precheck),
    Honest(Restarts),
    Honest(NeedsMore, lambda: NeedsMore(object(), "job-1", "bell", shots=100)),
    Honest(AwaitsInAThread),
    Honest(FollowsByCallback),
    Honest(AddsNotes),
    Honest(ChecksItsNotes),
    Honest(HasNoNotes),
    Honest(Equal),
    Honest(DoubtsEverything),
    Honest(DoubtsNothing),
    Honest(SpeaksItsOwnLanguage, lambda: SpeaksItsOwnLanguage(Client(), "job-1")),
    Honest(Keeps, lambda: Keeps(Client(), "job-1")),
    Honest(ScriptedJob),
]
