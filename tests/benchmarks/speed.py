"""Rows about time per operation: transitions, refusals, creation, observations, callbacks."""

from __future__ import annotations

from typing import Any

from measuring import Contender, compare
from reporting import Goal, Result, release
from rivals import (
    BareModel,
    ByHand,
    Core,
    Model,
    automat_factory,
    charts,
    futures,
    machine_per_job,
    models,
    shared_machine,
)
from subjects import CarefulJob, PlainJob, ShopJob, idle, queued
from transitions import MachineError

from sojourn import IllegalTransitionError

__all__ = ["callbacks", "creation", "observation", "outsider", "refusal", "transition"]

TRANSITIONS = release("transitions")
AUTOMAT = release("automat")


def transition(*, quick: bool) -> list[Result]:
    """Three legal transitions by named method, with lock and history."""
    ours = _shop()
    rounds = 2 if quick else 8
    few = {"jobs": 500 if quick else 1_000, "rounds": 1 if quick else 3}
    many = {"jobs": 5_000, "rounds": rounds}
    what = "legal transition, lock and history"
    rivals: list[tuple[Contender, Goal | None, dict[str, int]]] = [
        (_shared_with_history(), Goal(20, reach=30), many),
        (_shared_plain(), None, many),
        (_automat("the same lifecycle, no lock, no history", whole=True), Goal(5), many),
        (_automat("three edges in all, no lock, no history", whole=False), None, many),
        (_automat_with_history(), None, many),
        (_future_steps(), Goal(1), many),
        (_by_hand(), None, many),
        (_chart(), None, few),
    ]
    results = [_versus(what, ours, rival, goal, **size) for rival, goal, size in rivals]
    submit = Contender("submit()", lambda count: idle(PlainJob, count), (_submit,), _is("QUEUED"))
    results.append(
        _versus("the command submit(), no backend", submit, _shared_plain_start(), None, **many)
    )
    return results


def callbacks(*, quick: bool) -> list[Result]:
    """One transition with a condition and two callbacks."""
    start = shared_machine(history=True, callbacks=True).events["start"].trigger

    def begin(jobs: list[Any]) -> None:
        for job in jobs:
            with job.lock:
                start(job, job)

    ours = Contender(
        "sojourn", lambda count: queued(CarefulJob, count), (_start,), _is("RUNNING", 2)
    )
    theirs = Contender(
        f"{TRANSITIONS}: shared machine with the same, RLock, list",
        lambda count: models(Model, "QUEUED", count),
        (begin,),
        lambda job: job.state == "RUNNING" and len(job.history) == 1,
    )
    what = "transition, condition and two callbacks"
    return [_versus(what, ours, theirs, Goal(5, reach=10), jobs=5_000, rounds=2 if quick else 8)]


def refusal(*, quick: bool) -> list[Result]:
    """An illegal trigger, its message built."""
    finish = shared_machine(history=True).events["finish"].trigger

    def refused(jobs: list[Any]) -> list[str]:
        messages = []
        for job in jobs:
            try:
                job.finish()
            except IllegalTransitionError as error:
                messages.append(str(error))
        return _all_of(messages, jobs)

    def refused_there(jobs: list[Any]) -> list[str]:
        messages = []
        for job in jobs:
            try:
                with job.lock:
                    finish(job, job)
            except MachineError as error:
                messages.append(str(error))
        return _all_of(messages, jobs)

    ours = Contender("sojourn", lambda count: queued(PlainJob, count), (refused,), _is("QUEUED", 1))
    theirs = Contender(
        f"{TRANSITIONS}: shared machine, RLock",
        lambda count: models(Model, "QUEUED", count),
        (refused_there,),
        lambda job: job.state == "QUEUED",
    )
    what = "illegal trigger refused, message built"
    return [_versus(what, ours, theirs, Goal(4), jobs=5_000, rounds=2 if quick else 8)]


def creation(*, quick: bool) -> list[Result]:
    """One new job."""

    def ids(count: int) -> list[str]:
        return [f"job-{number:07d}" for number in range(count)]

    def make(job_ids: list[str]) -> list[PlainJob]:
        return [PlainJob(None, job_id) for job_id in job_ids]

    def alive(job_id: str) -> bool:
        return job_id.startswith("job-")

    ours = Contender("sojourn", ids, (make,), alive)
    machines = Contender(
        f"{TRANSITIONS}: a Machine per job, no auto transitions", ids, (machine_per_job,), alive
    )
    plain = Contender(
        "concurrent.futures.Future", ids, (lambda job_ids: futures(len(job_ids)),), alive
    )
    hand = Contender(
        "by hand: Enum, table, RLock, list", ids, (lambda ids: [ByHand(job) for job in ids],), alive
    )
    few = {"jobs": 1_000, "rounds": 2 if quick else 8}
    many = {"jobs": 5_000, "rounds": 4 if quick else 16}
    return [
        _versus("creating a job", ours, machines, Goal(100), **few),
        _versus("creating a job", ours, plain, Goal(1), **many),
        _versus("creating a job", ours, hand, None, **many),
    ]


def observation(*, quick: bool) -> list[Result]:
    """One observation that takes three steps, against one plain transition."""

    def observe(jobs: list[Any]) -> None:
        for job in jobs:
            job.observe("DONE")

    ours = Contender("sojourn", lambda count: idle(PlainJob, count), (observe,), _is("DONE", 3))
    what = "observe() over three steps"
    return [
        _versus(what, ours, _shared_plain_start(), Goal(1), jobs=5_000, rounds=2 if quick else 8)
    ]


def outsider(*, quick: bool) -> list[Result]:
    """Transitions of a job that one outside callback watches."""
    seen: list[Any] = []

    def watch(job: Any, entry: Any) -> None:
        pass

    def watched(count: int) -> list[Any]:
        jobs = queued(ShopJob, count)
        for job in jobs:
            job.add_callback(watch)
        return jobs

    probe = queued(ShopJob, 1)[0]
    probe.add_callback(lambda job, entry: seen.append(entry))
    probe.mount()
    if len(seen) != 1:
        raise RuntimeError(f"an outside callback saw {len(seen)} entries instead of one")
    ours = Contender("sojourn", watched, _shop().steps, _is("DONE", 4), operations=3)
    what = "transition, one outside callback"
    return [_versus(what, ours, _shared_plain(), Goal(1), jobs=5_000, rounds=2 if quick else 8)]


def _versus(
    what: str, ours: Contender, theirs: Contender, goal: Goal | None, *, jobs: int, rounds: int
) -> Result:
    pairs = compare(ours, theirs, jobs=jobs, rounds=rounds)
    return Result.of_pairs(what, theirs.name, pairs, goal)


def _is(state: str, entries: int = 1) -> Any:
    return lambda job: job.state.name == state and len(job.history) == entries


def _all_of(messages: list[str], jobs: list[Any]) -> list[str]:
    if len(messages) != len(jobs):
        raise RuntimeError(f"{len(jobs) - len(messages)} illegal triggers were not refused")
    return messages


def _submit(jobs: list[Any]) -> None:
    for job in jobs:
        job.submit()


def _mount(jobs: list[Any]) -> None:
    for job in jobs:
        job.mount()


def _start(jobs: list[Any]) -> None:
    for job in jobs:
        job.start()


def _finish(jobs: list[Any]) -> None:
    for job in jobs:
        job.finish()


def _shop() -> Contender:
    return Contender(
        "sojourn",
        lambda count: queued(ShopJob, count),
        (_mount, _start, _finish),
        _is("DONE", 4),
        operations=3,
    )


def _by_hand() -> Contender:
    return Contender(
        "by hand: Enum, table, RLock, list",
        lambda count: [ByHand(f"job-{number:07d}") for number in range(count)],
        (_mount, _start, _finish),
        lambda job: len(job.history) == 3,
        operations=3,
    )


def _chart() -> Contender:
    def mounted(jobs: list[Any]) -> None:
        for mount, _, _ in jobs:
            mount()

    def started(jobs: list[Any]) -> None:
        for _, start, _ in jobs:
            start()

    def finished(jobs: list[Any]) -> None:
        for _, _, finish in jobs:
            finish()

    return Contender(
        f"{release('python-statemachine')}: bound events, no lock, no history",
        charts,
        (mounted, started, finished),
        lambda events: events[2]._sm.finished.is_active,
        operations=3,
    )


def _shared_with_history() -> Contender:
    machine = shared_machine(history=True)
    mount, start, finish = (machine.events[name].trigger for name in ("mount", "start", "finish"))

    def mounted(jobs: list[Any]) -> None:
        for job in jobs:
            with job.lock:
                mount(job, job)

    def started(jobs: list[Any]) -> None:
        for job in jobs:
            with job.lock:
                start(job, job)

    def finished(jobs: list[Any]) -> None:
        for job in jobs:
            with job.lock:
                finish(job, job)

    return Contender(
        f"{TRANSITIONS}: shared machine, bound triggers, RLock, list",
        lambda count: models(Model, "QUEUED", count),
        (mounted, started, finished),
        lambda job: job.state == "DONE" and len(job.history) == 3,
        operations=3,
    )


def _shared_plain() -> Contender:
    machine = shared_machine()
    mount, start, finish = (machine.events[name].trigger for name in ("mount", "start", "finish"))

    def mounted(jobs: list[Any]) -> None:
        for job in jobs:
            mount(job)

    def started(jobs: list[Any]) -> None:
        for job in jobs:
            start(job)

    def finished(jobs: list[Any]) -> None:
        for job in jobs:
            finish(job)

    return Contender(
        f"{TRANSITIONS}: plain shared machine, bound triggers",
        lambda count: models(BareModel, "QUEUED", count),
        (mounted, started, finished),
        lambda job: job.state == "DONE",
        operations=3,
    )


def _shared_plain_start() -> Contender:
    start = shared_machine().events["start"].trigger

    def started(jobs: list[Any]) -> None:
        for job in jobs:
            start(job)

    return Contender(
        f"{TRANSITIONS}: one plain transition, bound trigger",
        lambda count: models(BareModel, "QUEUED", count),
        (started,),
        lambda job: job.state == "RUNNING",
    )


def _automat(form: str, *, whole: bool) -> Contender:
    core = Core()

    def make(count: int) -> list[Any]:
        factory = automat_factory(whole=whole)
        return [factory(core) for _ in range(count)]

    return Contender(
        f"{AUTOMAT}: typed, {form}",
        make,
        (_mount, _start, _finish),
        lambda machine: machine.__automat_transitioner__._state.name == "DONE",
        operations=3,
    )


def _automat_with_history() -> Contender:
    def make(count: int) -> list[Any]:
        factory = automat_factory(whole=True, history=True)
        cores = [Core() for _ in range(count)]
        return [(factory(core), core) for core in cores]

    def mounted(jobs: list[Any]) -> None:
        for machine, core in jobs:
            with core.lock:
                machine.mount()

    def started(jobs: list[Any]) -> None:
        for machine, core in jobs:
            with core.lock:
                machine.start()

    def finished(jobs: list[Any]) -> None:
        for machine, core in jobs:
            with core.lock:
                machine.finish()

    return Contender(
        f"{AUTOMAT}: typed, the same lifecycle, RLock, list",
        make,
        (mounted, started, finished),
        lambda job: len(job[1].history) == 3,
        operations=3,
    )


def _future_steps() -> Contender:
    def begin(jobs: list[Any]) -> None:
        for future in jobs:
            future.set_running_or_notify_cancel()

    def end(jobs: list[Any]) -> None:
        for future in jobs:
            future.set_result(None)

    return Contender(
        "concurrent.futures.Future: running, then result",
        futures,
        (begin, end),
        lambda future: future.done(),
        operations=2,
    )
