"""Rows about real threads: who wins a race, and how soon a waiter wakes."""

from __future__ import annotations

import os
import statistics
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns, sleep
from typing import Any

from reporting import Goal, Result, release, thousands
from rivals import BareModel, models, shared_machine
from subjects import PlainJob, StoppableJob, running
from transitions import MachineError

from sojourn import IllegalTransitionError

__all__ = ["race", "waking"]

#: Jobs that exist at the same time in a race.
BATCH = 10_000

Call = Callable[[Any], bool]

#: Says in which state a job ended. Where there are two, the second takes long, and is asked about every race
#: that met head on and about each hundredth of the others.
Teller = Callable[[Any], str]


@dataclass
class Tally:
    """How many races there were and how they ended.

    Attributes:
        races: Jobs that both threads tried to end.
        one: Races that exactly one thread won, and whose job agrees with it.
        both: Races that both threads won.
        none: Races that nobody won.
        odd: Races that one thread won, and whose job tells another story.
        met: Races that one thread entered while the other was inside its call for the same job.
        leads: How often the next race was won by the other thread.
    """

    races: int = 0
    one: int = 0
    both: int = 0
    none: int = 0
    odd: int = 0
    met: int = 0
    leads: int = 0


class Racer:
    """One of two threads that run along the same jobs, each trying to end every one of them its own way.

    The interpreter changes threads far less often than jobs end. So whenever a racer has the word, it goes
    straight to the job that the other one was interrupted in, and on from there; what it has left out it tries
    at the end, when it must lose. As it often finds that job locked, and so stays behind, every other time it
    overtakes and goes to the job after that.
    """

    def __init__(self, call: Call, refusal: type[Exception]) -> None:
        """Remember the call that ends a job, and how it is refused."""
        self.call = call
        self.refusal = refusal
        self.at = 0
        self.met: list[int] = []
        self.won: list[int] = []

    def run(self, jobs: list[Any], other: Racer) -> None:
        """Try to end every job."""
        self.won = []
        self.met = []
        skipped: list[range] = []
        overtakes = False
        at = 0
        while at < len(jobs):
            self.at = at
            self._try(jobs, at)
            ahead = other.at
            if ahead <= at:
                at += 1
                continue
            if overtakes:
                ahead += 1
            else:
                self.met.append(ahead)
            overtakes = not overtakes
            skipped.append(range(at + 1, ahead))
            at = ahead
        for gap in skipped:
            for at in gap:
                self._try(jobs, at)

    def _try(self, jobs: list[Any], at: int) -> None:
        try:
            won = self.call(jobs[at])
        except self.refusal:
            return
        if won:
            self.won.append(at)


def race(*, quick: bool) -> list[Result]:
    """Let one thread finish and another cancel the same jobs: exactly one of them may win each."""
    races, fewer = (100_000, 20_000) if quick else (1_000_000, 200_000)
    machine = shared_machine()
    finish, cancel = machine.events["finish"].trigger, machine.events["cancel"].trigger

    def state(job: Any) -> str:
        return str(job.state.name)

    def last(job: Any) -> str:
        return str(job.history[-1].dest) if len(job.history) == 3 else "a history that is too long"

    triggers = _race(
        races,
        Racer(lambda job: bool(job.finish()), IllegalTransitionError),
        Racer(lambda job: bool(job.trigger("cancel")), IllegalTransitionError),
        lambda count: running(PlainJob, count),
        (state, last),
    )
    commands = _race(
        fewer,
        Racer(lambda job: bool(job.finish()), IllegalTransitionError),
        Racer(lambda job: bool(job.cancel()), IllegalTransitionError),
        lambda count: running(StoppableJob, count),
        (state, last),
    )
    control = _race(
        fewer,
        Racer(lambda job: bool(finish(job)), MachineError),
        Racer(lambda job: bool(cancel(job)), MachineError),
        lambda count: models(BareModel, "RUNNING", count),
        (lambda job: str(job.state),),
    )
    name = "race of finish against "
    rival = f"{release('transitions')}: plain shared machine, {thousands(control.races)} of the same races"
    return [
        _outcome(f"{name}the trigger cancel", triggers),
        _outcome(f"{name}the command cancel()", commands),
        Result(
            f"{name}cancel: both won ({thousands(control.met)} met head on)",
            triggers.both + commands.both,
            "times",
            rival=rival,
            theirs=control.both,
            raw={"theirs": vars(control)},
        ),
    ]


def waking(*, quick: bool) -> list[Result]:
    """From the call that ends a job to the return of another thread's wait for it."""
    count = 100 if quick else 500
    jobs = running(PlainJob, count)
    ours = _wake(jobs, lambda job: job.wait_for_final_state(timeout=60), lambda job: job.finish())
    futures: list[Any] = [Future() for _ in range(count)]
    theirs = _wake(
        futures, lambda future: future.result(60), lambda future: future.set_result(None)
    )
    mine, other = statistics.median(ours), statistics.median(theirs)
    return [
        Result(
            "waking a waiter after a pushed transition, wall",
            mine,
            "ns",
            rival="concurrent.futures.Future: result()",
            theirs=other,
            ratio=other / mine,
            goal=Goal(1e6, limit=True),
            raw={"ours": ours, "theirs": theirs},
        )
    ]


def _outcome(what: str, tally: Tally, note: str = "") -> Result:
    return Result(
        f"{what}: exactly one won ({thousands(tally.met)} met head on)",
        tally.one,
        f"of {thousands(tally.races)}",
        rival=note,
        passed=tally.one == tally.races,
        raw={"ours": vars(tally)},
    )


def _race(
    races: int,
    first: Racer,
    second: Racer,
    make: Callable[[int], list[Any]],
    tellers: tuple[Teller, ...],
) -> Tally:
    tally = Tally()
    batch = min(BATCH, races)
    with _hurried():
        for _ in range(races // batch):
            jobs = make(batch)
            _heat(jobs, first, second)
            _count(tally, jobs, first, second, tellers)
    return tally


def _heat(jobs: list[Any], first: Racer, second: Racer) -> None:
    gate = threading.Barrier(2)

    def go(racer: Racer, other: Racer, lane: int) -> None:
        _keep_to(lane)
        racer.at = 0
        gate.wait()
        racer.run(jobs, other)

    threads = [
        threading.Thread(target=go, args=pair) for pair in ((first, second, 0), (second, first, 1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _keep_to(lane: int) -> None:
    """Tie this thread to a processor of its own, where that is possible.

    On the same one, the thread that waits for the interpreter gets to ask for it only after the other's time
    slice, milliseconds later, and hardly any races meet.
    """
    if hasattr(os, "sched_setaffinity"):
        lanes = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {lanes[lane % len(lanes)]})


def _count(
    tally: Tally, jobs: list[Any], first: Racer, second: Racer, tellers: tuple[Teller, ...]
) -> None:
    finished, cancelled = set(first.won), set(second.won)
    met = {*first.met, *second.met}
    tally.met += len(met)
    leader = None
    for number, job in enumerate(jobs):
        won = (number in finished, number in cancelled)
        tally.races += 1
        if all(won):
            tally.both += 1
        elif not any(won):
            tally.none += 1
        else:
            asked = tellers if number in met or number % 100 == 0 else tellers[:1]
            agrees = {tell(job) for tell in asked} == {"DONE" if won[0] else "CANCELLED"}
            tally.one += agrees
            tally.odd += not agrees
        tally.leads += leader is not None and won != leader
        leader = won


@contextmanager
def _hurried() -> Iterator[None]:
    """Change threads as often as the interpreter can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _wake(
    things: list[Any], wait: Callable[[Any], object], push: Callable[[Any], object]
) -> list[int]:
    """Return nanoseconds from each push to the return of the wait for it, in another thread."""
    waits, woken = threading.Event(), threading.Event()
    returned: list[int] = []

    def sit() -> None:
        for thing in things:
            waits.set()
            wait(thing)
            returned.append(perf_counter_ns())
            woken.set()

    thread = threading.Thread(target=sit)
    thread.start()
    pushed: list[int] = []
    for thing in things:
        waits.wait()
        waits.clear()
        # Nothing tells from outside that the waiter has gone to sleep, so it is given ample time to.
        sleep(0.002)
        pushed.append(perf_counter_ns())
        push(thing)
        woken.wait()
        woken.clear()
    thread.join()
    return [end - start for start, end in zip(pushed, returned, strict=True)]
