"""Rows about the local backends: a call that does nothing, and ten thousand of them."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns, process_time_ns

from local_crowd import COMMAND, run_command
from measuring import Pairs
from reporting import Goal, Result, thousands

from sojourn.backends import CommandBackend, ProcessBackend, ThreadBackend

__all__ = ["noop", "ten_thousand"]

#: Who runs the crowd of jobs, and whom they are compared with.
CROWDS = {
    "ThreadBackend": "ThreadPoolExecutor",
    "ProcessBackend": "ProcessPoolExecutor",
    "CommandBackend": "subprocess.run in a ThreadPoolExecutor",
}


def noop(*, quick: bool) -> list[Result]:
    """One call that does nothing, from submission to result, on a backend that is warm."""
    rounds = 10 if quick else 40
    with (
        ThreadBackend(1) as threads,
        ThreadPoolExecutor(1) as thread_pool,
        ProcessBackend(1) as processes,
        ProcessPoolExecutor(1) as process_pool,
        CommandBackend(1) as commands,
    ):
        return [
            _versus(
                "a no-op through ThreadBackend",
                "ThreadPoolExecutor.submit(…).result()",
                lambda: threads.run(int).result(),
                lambda: thread_pool.submit(int).result(),
                (process_time_ns, 500, rounds),
                Goal(0.5, reach=1 / 1.3),
            ),
            _versus(
                "the same, 500 submitted before any is asked for",
                "ThreadPoolExecutor",
                lambda: [job.result() for job in [threads.run(int) for _ in range(500)]],
                lambda: [job.result() for job in [thread_pool.submit(int) for _ in range(500)]],
                (process_time_ns, 1, rounds),
                Goal(0.5, reach=1 / 1.3),
                each=500,
            ),
            _versus(
                "a no-op through ProcessBackend, wall",
                "ProcessPoolExecutor.submit(…).result()",
                lambda: processes.run(int).result(),
                lambda: process_pool.submit(int).result(),
                (perf_counter_ns, 100, rounds),
            ),
            _versus(
                "the command `true`, wall",
                "subprocess.run, its output in memory",
                lambda: commands.run(COMMAND).result(),
                run_command,
                (perf_counter_ns, 5, rounds),
            ),
        ]


def ten_thousand(*, quick: bool) -> list[Result]:
    """Ten thousand jobs that do nothing, all submitted at once, and the memory that it takes."""
    count = 1_000 if quick else 10_000
    results = []
    for who, rival in CROWDS.items():
        ours, theirs = _crowd(who, count), _crowd(rival, count)
        what = f"{thousands(count)} jobs through {who}"
        raw = {"ours": ours, "theirs": theirs}
        for figure, unit, name in (("wall", "ns", "wall"), ("peak", "B", "peak of the process")):
            mine, other = ours[figure], theirs[figure]
            ratio = other / mine
            results.append(
                Result(f"{what}: {name}", mine, unit, rival, other, ratio=ratio, raw=raw)
            )
    return results


def _versus(
    what: str,
    rival: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    effort: tuple[Callable[[], int], int, int],
    goal: Goal | None = None,
    *,
    each: int = 1,
) -> Result:
    """Time two calls in turn.

    Args:
        what: What is measured.
        rival: Who the rival is.
        ours: The subject.
        theirs: The same by the rival.
        effort: A clock, how many calls between two looks at it, and how many looks.
        goal: What the design asks.
        each: How many jobs one call runs.
    """
    clock, calls, rounds = effort
    pairs = Pairs()
    for number in range(rounds + 1):
        gc.collect()
        gc.disable()
        try:
            turn = [(ours, pairs.ours), (theirs, pairs.theirs)]
            for call, times in turn if number % 2 else reversed(turn):
                start = clock()
                for _ in range(calls):
                    call()
                times.append((clock() - start) / calls / each)
        finally:
            gc.enable()
    # The first round starts threads and processes.
    del pairs.ours[0], pairs.theirs[0]
    return Result.of_pairs(what, rival, pairs, goal)


def _crowd(who: str, count: int) -> dict[str, float]:
    script = Path(__file__).with_name("local_crowd.py")
    done = subprocess.run(
        [sys.executable, str(script), who, str(count)], check=True, capture_output=True, text=True
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
