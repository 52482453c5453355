"""What mypy strict and pyright both accept. It runs, too: types that lie would show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar, assert_type

from sojourn import (
    ACTIVE,
    BaseJob,
    Entry,
    IllegalTransitionError,
    JobStatus,
    Lifecycle,
    Observation,
    Outcome,
    State,
    Transition,
)
from sojourn.backends import (
    CommandBackend,
    CommandJob,
    CommandResult,
    FunctionJob,
    ProcessBackend,
    ThreadBackend,
    current_job,
)


@dataclass(frozen=True)
class Report:
    """What the measuring table says."""

    microns: float


class Controller:
    """A backend that knows one job."""

    def enqueue(self) -> str:
        """Take the part."""
        return "part-7"

    def where(self, native_id: str | None) -> str:
        """Say where it is."""
        return f"milling {native_id}"[:7]

    def stop(self, native_id: str | None) -> bool:
        """Stop the spindle."""
        return native_id is not None


# Declarations.


class MachineShopJob(BaseJob[Report]):
    """The example of the design, and everything else that a declaration may say."""

    SETUP = State(JobStatus.QUEUED, "tool and fixture are being mounted")
    INSPECTING = State(JobStatus.RUNNING, on_enter="_photograph", on_exit=["_photograph", bool])

    mount = Transition(JobStatus.QUEUED, SETUP)
    start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)
    inspect = Transition(
        "RUNNING",
        "INSPECTING",
        conditions=["_is_cool", lambda event: event.model.attempt > 0],
        unless="_is_jammed",
        before="_photograph",
        after=("_photograph",),
        description="onto the measuring table",
    )
    finish = Transition(INSPECTING, JobStatus.DONE)
    requeue = Transition([JobStatus.RUNNING, INSPECTING], JobStatus.QUEUED, new_attempt=True)
    accepted = Transition(BaseJob.INITIALIZING, BaseJob.QUEUED, trigger="submit")
    abandon = Transition(["SETUP"], "CANCELLED", unless="_is_cool") | Transition(ACTIVE, "ERROR")

    status_map = {"milling": JobStatus.RUNNING, "probing": INSPECTING, 7: "DONE"}
    uncertain_errors = (OSError, TimeoutError)
    transient_errors = (ConnectionError,)

    def _submit(self) -> str:
        native_id: str = self.backend().enqueue()
        return native_id

    def _poll(self) -> Observation:
        return Observation(self.backend().where(self.native_id), reason="asked")

    def _cancel(self) -> bool:
        stopped: bool = self.backend().stop(self.native_id)
        return stopped

    def _find(self) -> str | None:
        return None

    def _fetch_result(self) -> Report:
        return Report(0.5)

    def _is_cool(self, event: Any) -> bool:
        return bool(event.model is self)

    def _is_jammed(self, event: Any) -> bool:
        return False

    def _photograph(self, event: Any) -> None:
        pass


class Empty(BaseJob):
    """An empty body is enough; its results are of any type."""


class Coated(MachineShopJob):
    """A class derived from one that is derived: extended, replaced, given arguments."""

    COATING = State(JobStatus.RUNNING)
    coat = Transition(MachineShopJob.INSPECTING, COATING)
    finish = MachineShopJob.finish | Transition(COATING, JobStatus.DONE)
    inspect = Transition(JobStatus.RUNNING, MachineShopJob.INSPECTING)


class Hasty(MachineShopJob):
    """Removing a trigger takes away what users of the base class may call; mypy wants to be told."""

    requeue = None  # type: ignore[assignment]


class Inspection(Protocol):
    """Authors may say what a trigger of their own takes."""

    def __call__(self, *, microscope: str) -> bool:
        """Take the name of a microscope."""
        ...


class Lab(BaseJob[float]):
    """A trigger with a type of its own."""

    LOOKING = State(JobStatus.RUNNING)
    look: Transition[Inspection] = Transition(JobStatus.RUNNING, LOOKING, after="_note")
    think: Transition[Callable[[], bool]] = Transition(LOOKING, JobStatus.RUNNING)
    notes: str = ""

    def _note(self, event: Any) -> None:
        self.notes = event.kwargs["microscope"]


T = TypeVar("T")


class Anything(BaseJob[T]):
    """A job class may itself be generic."""

    begin = Transition(JobStatus.QUEUED, JobStatus.RUNNING)
    finish = BaseJob.finish | Transition(JobStatus.QUEUED, JobStatus.DONE)


class Pausing:
    """A mixin that is no job class may carry declarations."""

    PAUSED = State(JobStatus.RUNNING)
    pause = Transition(JobStatus.RUNNING, PAUSED)
    resume = Transition(PAUSED, JobStatus.RUNNING)
    finish = Transition([JobStatus.RUNNING, PAUSED], JobStatus.DONE)


class Playing(Pausing, BaseJob[str]):
    """The class that joins it."""


# A trigger of a job fires; of a class, it is the declaration.


def triggers_answer_whether_the_step_was_taken() -> None:
    """Payloads: a result, an error, a text, or none."""
    job = MachineShopJob(Controller(), "p-1", metadata={"alloy": "brass"})
    assert_type(job.submit(), None)
    assert_type(job.mount(), bool)
    assert_type(job.start(), bool)
    assert_type(job.inspect(), bool)
    assert_type(job.requeue(), bool)
    assert_type(job.fail("the tool broke"), bool)

    given = Plain("backend", "r-1")
    given.submit()
    assert_type(given.start(), bool)
    assert_type(given.finish(result=Report(0.1)), bool)
    assert given.result() == Report(0.1)
    kept = Plain("backend", "r-2")
    kept.submit()
    kept.start()
    assert_type(kept.finish(Report(0.2)), bool)
    silent = Plain("backend", "r-3")
    silent.submit()
    silent.start()
    assert_type(silent.finish(), bool)
    nothing = Anything[None]("backend", "r-4")
    nothing.submit()
    nothing.finish(None)
    for number, error in enumerate([OSError("disk"), "text", None]):
        failed = Plain("backend", f"f-{number}")
        assert_type(failed.fail(error), bool)
        assert_type(failed.error(), BaseException | None)
    Plain("backend", "f-3").fail()
    Plain("backend", "f-4").fail(error="text")

    coated = Coated(Controller(), "c-1")
    coated.submit()
    coated.start()
    coated.inspect()
    coated.coat()
    coated.finish(result=Report(0.3))
    assert coated.result() == Report(0.3)

    assert "requeue" not in Hasty.lifecycle.triggers("RUNNING")

    lab = Lab("backend", "l-1")
    lab.submit()
    lab.start()
    assert_type(lab.look(microscope="old"), bool)
    assert_type(lab.think(), bool)
    assert lab.notes == "old"

    playing = Playing("backend", "d-1")
    playing.submit()
    playing.start()
    assert_type(playing.pause(), bool)
    playing.finish()


class Plain(BaseJob[Report]):
    """A job whose states are pushed."""


def the_class_gives_the_declaration() -> None:
    """Both forms of every declaration, and the lifecycle."""
    assert_type(MachineShopJob.mount, Transition)
    joined: Transition = MachineShopJob.start | Transition("SETUP", "DONE", conditions="_is_cool")
    assert joined.branches
    assert_type(BaseJob.finish.dest, State | JobStatus | str)
    assert_type(MachineShopJob.mount.trigger, str | None)
    assert_type(MachineShopJob.mount.new_attempt, bool)
    assert_type(MachineShopJob.SETUP, State)
    assert_type(MachineShopJob.QUEUED.status, JobStatus)
    assert_type(MachineShopJob.SETUP.name, str)
    assert_type(MachineShopJob.SETUP.is_final, bool)

    lifecycle = MachineShopJob.lifecycle
    assert_type(lifecycle, Lifecycle)
    assert_type(lifecycle.states, tuple[State, ...])
    assert_type(lifecycle.initial, State)
    assert_type(lifecycle.finals, tuple[State, ...])
    assert_type(lifecycle.triggers(JobStatus.QUEUED), tuple[str, ...])
    path = lifecycle.path("QUEUED", MachineShopJob.DONE)
    assert path is not None
    assert_type(path[0].source, State)
    assert_type(path[0].dest, State)
    assert_type(path[0].trigger, str)
    assert_type(lifecycle == BaseJob.lifecycle, bool)
    assert_type(hash(lifecycle), int)


# A result has the type that its class names.


def results_have_the_type_of_their_class() -> None:
    """Through a base, a generic function, a subclass, and a class without a parameter."""

    def fetch(job: BaseJob[T]) -> T:
        return job.result(timeout=0)

    job: BaseJob[Report] = MachineShopJob.attach(Controller(), "p-2", "part-7")
    job.observe(JobStatus.DONE)
    assert_type(job.result(), Report)
    assert_type(fetch(job), Report)
    assert_type(job.result(timeout=0.5).microns, float)
    coated = Coated.attach(Controller(), "p-3")
    assert_type(coated, Coated)
    coated.observe(7)
    assert_type(fetch(coated), Report)
    assert_type(Playing.attach("backend", "p-4"), Playing)
    counting: BaseJob[int] = Anything[int]("backend", "p-5")
    counting.submit()
    counting.trigger("finish", 3)
    assert_type(counting.result(), int)
    empty = Empty("backend", "p-6")
    empty.submit()
    empty.start()
    empty.finish(["anything"])
    assert_type(empty.result(), Any)


# What the state machine adds.


def everything_else_has_its_type(seen: list[str]) -> None:
    """The rest of a job's surface."""
    job = MachineShopJob(Controller(), "p-7")

    def listen(job: MachineShopJob, entry: Entry) -> None:
        seen.append(f"{job.job_id()} {entry.dest}")

    def look(job_id: str, status: JobStatus, job: BaseJob[Report]) -> None:
        seen.append(f"{job_id} {status}")

    assert_type(job.add_callback(listen), Callable[[], None])
    remove = job.add_callback(lambda job, entry: seen.append(entry.trigger))
    remove()
    job.submit()
    assert_type(job.status(), JobStatus)
    assert_type(job.job_id(), str)
    assert_type(job.done(), bool)
    assert_type(job.running(), bool)
    assert_type(job.cancelled(), bool)
    assert_type(job.in_final_state(), bool)
    assert_type(job.state, State)
    assert_type(job.attempt, int)
    assert_type(job.native_id, str | None)
    assert_type(job.metadata, dict[str, Any])
    assert_type(job.created_at, datetime)
    assert_type(job.cancel_requested, bool)
    assert_type(job.triggers(), tuple[str, ...])
    assert_type(job.may("finish"), bool)
    assert_type(job.trigger("inspect"), bool)
    assert_type(job.observe("probing", attempt=1, reason=None), Outcome)
    assert_type(job.observe(JobStatus.RUNNING), Outcome)
    assert_type(job.observe(MachineShopJob.INSPECTING, reason="seen"), Outcome)
    assert_type(job.reconcile(), Outcome)
    assert_type(job.history, tuple[Entry, ...])
    assert_type(job.history[0].at, datetime | None)
    assert_type(job.history[0].detail, str | None)
    assert_type(len(job.anomalies), int)
    assert_type(job.lifecycle, Lifecycle)
    assert_type(job.cancel(), bool)
    assert_type(job.wait_for_final_state(timeout=1, wait=0.1, callback=look), None)
    assert_type(job.error(), BaseException | None)
    try:
        job.start()
    except IllegalTransitionError as error:
        assert_type(error.allowed, tuple[str, ...])
        assert_type(error.job_id, str)


def measure(length: float, *, unit: str = "mm") -> str:
    """Stand for a function of a user's."""
    return f"{length} {unit}"


def what_runs_has_the_type_of_what_it_gives() -> None:
    """``run`` takes the arguments of its function, and gives a job of its result."""
    with ThreadBackend(1) as threads:
        assert_type(threads, ThreadBackend)
        assert_type(threads.run(measure, 1.5, unit="in"), FunctionJob[str])
        assert_type(threads.run(measure, length=2).result(), str)
        assert_type(threads.run(Report, 3.0).result(timeout=10), Report)
        assert_type(threads.jobs, tuple[FunctionJob[Any], ...])
        job: BaseJob[str] = threads.run(measure, 1)
        assert_type(job.backend(), Any)


def what_runs_elsewhere_has_the_same_types(
    processes: ProcessBackend, commands: CommandBackend
) -> None:
    """Nothing is started here."""
    assert_type(processes.run(measure, 1.5).result(), str)
    assert_type(processes.run(max, 1, 2), FunctionJob[int])
    command = commands.run(["ls", Path("a")], cwd="b", env={}, timeout=1, name="c")
    assert_type(command, CommandJob)
    assert_type(command.result(), CommandResult)
    assert_type(command.result().stdout, Path)
    assert_type(command.pid, int | None)
    assert_type(current_job().cancel_requested, bool)
    assert_type(commands.close(cancel=True), None)


async def a_job_can_be_awaited() -> None:
    """``await`` gives the result; ``changes()`` gives entries."""
    job = Plain("backend", "p-8")
    job.submit()
    job.start()
    job.finish(Report(1.0))
    assert_type(await job, Report)
    changes: AsyncIterator[Entry] = job.changes()
    async for entry in changes:
        assert_type(entry, Entry)
    async for entry in job.changes():
        assert_type(entry.number, int)


def a_map_may_be_any_mapping(words: Mapping[str, JobStatus]) -> type[BaseJob[Any]]:
    """A class made in a function, with a map that came from elsewhere."""

    class Mapped(BaseJob[Any]):
        status_map = words

    return Mapped


def main() -> None:
    """Run it all."""
    triggers_answer_whether_the_step_was_taken()
    the_class_gives_the_declaration()
    results_have_the_type_of_their_class()
    everything_else_has_its_type([])
    what_runs_has_the_type_of_what_it_gives()
    asyncio.run(a_job_can_be_awaited())
    a_map_may_be_any_mapping({"ok": JobStatus.DONE})("backend", "p-9")


if __name__ == "__main__":
    main()
