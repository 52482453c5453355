"""Mistakes that mypy strict and pyright both reject, each where it is marked.

Nothing here runs. A mark that a checker does not need is an error for it, so `make check` notices a mistake that
slips through; `tests/test_typing.py` takes the marks away and compares.
"""

# What a mistake leaves unknown is no second mistake.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accepted import Lab, MachineShopJob, Plain, Report, measure

from sojourn import ACTIVE, BaseJob, Entry, JobStatus, Lifecycle, Outcome, State, Transition
from sojourn.backends import CommandBackend, ProcessBackend, ThreadBackend


def payloads(job: Plain, shop: MachineShopJob, lab: Lab) -> None:
    job.start("now")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.finish("a text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.finish(result=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.finish(result=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.finish(Report(1.0), Report(2.0))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.finish(outcome=Report(1.0))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.fail(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.fail(ValueError)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.fail(reason="text")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    lab.look()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    lab.look("old")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    lab.look(microscope=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    lab.think("hard")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    lab.finish("a text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def answers(job: Plain, shop: MachineShopJob) -> None:
    text: str = shop.mount()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    late: str = job.finish()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    number: int = job.result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    status: Report = job.status()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    error: str = job.error()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    entry: Entry = job.history  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    outcome: bool = job.observe("ok")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    native_id: str = job.native_id  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text, late, number, status, error, entry, outcome, native_id)


def names(job: Plain, shop: MachineShopJob) -> None:
    shop.mounted()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    job.mount()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    print(shop.SETTUP)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    print(JobStatus.CANCELED, Outcome.LATE)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def class_and_job(shop: MachineShopJob) -> None:
    MachineShopJob.mount()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
    MachineShopJob.finish(Report(1.0))  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
    print(shop.mount.source)  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    print(MachineShopJob.mount.states)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def frozen(shop: MachineShopJob, lifecycle: Lifecycle) -> None:
    shop.state = MachineShopJob.SETUP  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    shop.history = ()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    shop.attempt = 2  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    MachineShopJob.SETUP.name = "MOUNTING"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    MachineShopJob.mount.dest = "DONE"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    lifecycle.initial = MachineShopJob.SETUP  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    lifecycle.states.append(MachineShopJob.SETUP)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def lifecycles(lifecycle: Lifecycle) -> None:
    lifecycle.path("QUEUED")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    lifecycle.path(3, 4)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    lifecycle.triggers()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    print(lifecycle.initial.transitions)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    for edge in lifecycle.path("QUEUED", "DONE"):  # type: ignore[union-attr]  # pyright: ignore[reportOptionalIterable]
        print(edge)


def jobs(job: Plain) -> None:
    Plain("backend")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Plain("backend", 7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Plain("backend", "id", {"note": "metadata is a keyword"})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Plain.attach()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Plain.attach("backend", "id", 7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    other: BaseJob[str] = job  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(other)
    job.observe()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.observe("ok", None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.observe("ok", at="now")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.observe("ok", attempt="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.trigger()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.may(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.wait_for_final_state("soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.wait_for_final_state(callback=job.submit)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.add_callback(job.submit)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.add_callback("listen")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def runs(threads: ThreadBackend, processes: ProcessBackend, commands: CommandBackend) -> None:
    threads.run()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    threads.run(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    threads.run(measure)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    threads.run(measure, "long")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    threads.run(measure, 1.5, "in")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    threads.run(measure, 1.5, units="in")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    length: float = threads.run(measure, 1.5).result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    processes.run(measure, 1.5, timeout=7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job: BaseJob[int] = processes.run(measure, 1.5)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    print(length, job)
    commands.run(["ls", 7])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    commands.run(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    commands.run(["ls"], "folder")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    commands.run(["ls"], timeout="long")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    commands.run(["ls"], env={"A": 1})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    ThreadBackend("two")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ProcessBackend(2, 5.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def coroutines(job: Plain) -> None:
    text: str = await job  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text)
    for entry in job.changes():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        print(entry)
    await job.changes()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


class Declarations(BaseJob[Report]):
    UNSAID = State()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TEXTUAL = State("QUEUED")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    MOUNTED = State(JobStatus.QUEUED, 7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    MOVED = State(JobStatus.QUEUED, "a description", "_on_enter")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    CALLED = State(JobStatus.QUEUED, on_enter=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    leads_nowhere = Transition(JobStatus.QUEUED)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    leads_from_three = Transition(3, JobStatus.DONE)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    leads_to_two = Transition(JobStatus.QUEUED, [JobStatus.RUNNING, JobStatus.DONE])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    leads_to_active = Transition(JobStatus.QUEUED, ACTIVE)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    positional = Transition(JobStatus.QUEUED, JobStatus.RUNNING, "begin")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    misspelt = Transition(JobStatus.QUEUED, JobStatus.RUNNING, condition="_is_cool")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    uncallable = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    eventless = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after=lambda: None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    truthy = Transition(JobStatus.QUEUED, JobStatus.RUNNING, new_attempt="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    joined = BaseJob.start | "QUEUED"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    stately = BaseJob.start | BaseJob.QUEUED  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]


Answer = Callable[[], str]


class Typed(BaseJob[Report]):
    MEASURING = State(JobStatus.RUNNING)
    measure: Transition[Answer] = Transition(JobStatus.RUNNING, MEASURING)  # type: ignore[assignment, type-var]  # pyright: ignore[reportAssignmentType, reportInvalidTypeArguments]
    submit = Transition(JobStatus.INITIALIZING, JobStatus.QUEUED)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    done = State(JobStatus.RUNNING)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    status_map = {"ok": 7}  # type: ignore[dict-item]  # pyright: ignore[reportAssignmentType]


class Listed(BaseJob[Report]):
    status_map = ["ok", "scrap"]  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    uncertain_errors = ("OSError",)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class Hooked(BaseJob[Report]):
    def _submit(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return 7

    def _poll(self, fast: bool) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return "ok"

    def _cancel(self) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return "stopped"

    def _find(self) -> bool:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return True

    def _fetch_result(self) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return "a text"

    async def cancel(self) -> bool:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return True


def unknown(job: BaseJob[Any]) -> None:
    job.start(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    job.fail(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
