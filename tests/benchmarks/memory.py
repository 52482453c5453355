"""Rows about memory: one job with everything it owns, and a million of them."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from reporting import Goal, Result, release, thousands
from rivals import Model, PerJob, futures, models, shared_machine
from subjects import PlainJob, idle

__all__ = ["footprint", "million"]

TRANSITIONS = release("transitions")
SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)

Make = Callable[[int], list[Any]]
Move = Callable[[list[Any]], None]


def footprint(*, quick: bool) -> list[Result]:
    """Bytes of a job, idle and after three transitions, its id included."""
    count = 10_000 if quick else 50_000
    machine = shared_machine(history=True)
    triggers = [machine.events[name].trigger for name in ("submit", "start", "finish")]

    def step_models(jobs: list[Any]) -> None:
        for job in jobs:
            for trigger in triggers:
                trigger(job, job)

    def step_futures(jobs: list[Any]) -> None:
        for future in jobs:
            future.set_running_or_notify_cancel()
            future.set_result(None)

    def per_job(number: int) -> list[Any]:
        return [PerJob(f"job-{n:07d}") for n in range(number)]

    ours = _weigh(lambda number: idle(PlainJob, number), _command, count)
    by_triggers = _weigh(lambda number: idle(PlainJob, number), _trigger, count)
    rivals = {
        f"{TRANSITIONS}: model of a shared machine, RLock, list": _weigh(
            lambda number: models(Model, "INITIALIZING", number), step_models, count
        ),
        "concurrent.futures.Future": _weigh(futures, step_futures, count),
        f"{TRANSITIONS}: a Machine per job, no auto transitions": _weigh(per_job, _command, 1_000),
    }
    results = []
    for key, when, limit in (
        ("idle", "idle", 600),
        ("after", "after submit(), start(), finish()", 1_000),
    ):
        what = f"memory of a job, {when}"
        weights = {"ours": ours, "ours by triggers alone": by_triggers}
        results.append(Result(what, ours[key], "B", goal=Goal(limit, limit=True), raw=weights))
        for name, theirs in rivals.items():
            ratio = theirs[key] / ours[key]
            results.append(
                Result(
                    what,
                    ours[key],
                    "B",
                    rival=name,
                    theirs=theirs[key],
                    ratio=ratio,
                    raw={"theirs": theirs},
                )
            )
    results.append(
        Result("memory of a job, after three triggers and no command", by_triggers["after"], "B")
    )
    return results


def million(*, quick: bool) -> list[Result]:
    """A million jobs, three transitions each, in a process of their own."""
    count = 50_000 if quick else 1_000_000
    # Ours before and after: the speed of a shared machine drifts while the rival takes its time.
    first = _crowd("sojourn", count, "off")
    theirs = _crowd("transitions", count, "off")
    second = _crowd("sojourn", count, "off")
    collected = _crowd("sojourn", count, "on")
    seconds = statistics.mean(run["create"] + run["move"] for run in (first, second))
    rival_seconds = theirs["create"] + theirs["move"]
    peak = max(first["peak"], second["peak"])
    what = f"{thousands(count)} jobs, three transitions each"
    rival = f"{TRANSITIONS}: plain shared machine, no lock, no history"
    raw = {"ours": [first, second], "theirs": [theirs], "collector on": collected, "jobs": count}
    return [
        Result(
            f"{what}: CPU time",
            seconds * 1e9,
            "ns",
            rival=rival,
            theirs=rival_seconds * 1e9,
            ratio=rival_seconds / seconds,
            goal=Goal(6, reach=10),
            raw=raw,
        ),
        Result(
            f"{what}: CPU time, with the collector on",
            (collected["create"] + collected["move"]) * 1e9,
            "ns",
        ),
        Result(
            f"{what}: peak of the process",
            peak,
            "B",
            rival=rival,
            theirs=theirs["peak"],
            ratio=theirs["peak"] / peak,
            # The interpreter itself weighs too much in a smaller crowd to judge by that.
            goal=None if quick else Goal(1e9, limit=True),
        ),
    ]


def _crowd(who: str, count: int, collector: str) -> dict[str, float]:
    script = Path(__file__).with_name("crowd.py")
    done = subprocess.run(
        [sys.executable, str(script), who, str(count), collector],
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _command(jobs: list[Any]) -> None:
    for job in jobs:
        job.submit()
        job.start()
        job.finish()


def _trigger(jobs: list[Any]) -> None:
    for job in jobs:
        job.trigger("submit")
        job.start()
        job.finish()


def _weigh(make: Make, move: Move, count: int) -> dict[str, float]:
    """Count the bytes of a job in two ways, and keep the larger.

    What the allocator handed out sees locks and everything else in C; what can be reached by references sees
    objects that were recycled instead of allocated.
    """
    warm = make(100)
    move(warm)
    del warm
    jobs: list[Any] = []
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        jobs = make(count)
        gc.collect()
        # The list that holds the jobs is the caller's.
        before += sys.getsizeof(jobs)
        idle_allocated = (tracemalloc.get_traced_memory()[0] - before) / count
        idle_reached = _reach(jobs)
        move(jobs)
        gc.collect()
        after_allocated = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    after_reached = _reach(jobs)
    return {
        "idle": max(idle_allocated, idle_reached),
        "after": max(after_allocated, after_reached),
        "idle allocated": idle_allocated,
        "idle reached": idle_reached,
        "after allocated": after_allocated,
        "after reached": after_reached,
    }


def _reach(jobs: list[Any], sample: int = 200) -> float:
    """Sum what each of some jobs reaches and no other of them does."""
    owners: Counter[int] = Counter()
    sizes: dict[int, int] = {}
    for job in jobs[:sample]:
        seen: set[int] = set()
        pending = [job]
        while pending:
            thing = pending.pop()
            if id(thing) in seen or isinstance(thing, SHARED):
                continue
            seen.add(id(thing))
            sizes[id(thing)] = sys.getsizeof(thing)
            pending += gc.get_referents(thing)
        owners.update(seen)
    return sum(sizes[thing] for thing, count in owners.items() if count == 1) / min(
        sample, len(jobs)
    )
