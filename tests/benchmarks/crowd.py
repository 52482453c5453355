"""Make very many jobs, move each three times, and print what it took; run as a process of its own.

    python crowd.py sojourn|transitions COUNT on|off

The last word is the garbage collector's.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from time import perf_counter, process_time
from typing import Any

__all__: list[str] = []


def ours(count: int) -> tuple[float, list[Any]]:
    """Make our jobs and move them; return the CPU time at which they existed, and the jobs."""
    from subjects import PlainJob

    jobs = [PlainJob(None, f"job-{number:07d}") for number in range(count)]
    made = process_time()
    for job in jobs:
        job.submit()
    for job in jobs:
        job.start()
    for job in jobs:
        job.finish()
    return made, jobs


def theirs(count: int) -> tuple[float, list[Any]]:
    """Do the same with models of one plain `transitions` machine."""
    from rivals import BareModel, shared_machine

    machine = shared_machine()
    submit, start, finish = (machine.events[name].trigger for name in ("submit", "start", "finish"))
    jobs = [BareModel(f"job-{number:07d}", "INITIALIZING") for number in range(count)]
    made = process_time()
    for job in jobs:
        submit(job)
    for job in jobs:
        start(job)
    for job in jobs:
        finish(job)
    return made, jobs


def peak() -> int:
    """Return the most memory that this process has had at a time, in bytes."""
    # Kilobytes, except on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Read the arguments, measure, print JSON."""
    who, count, collector = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    run = {"sojourn": ours, "transitions": theirs}[who]
    run(100)
    gc.collect()
    if collector == "off":
        gc.disable()
    wall, start = perf_counter(), process_time()
    made, jobs = run(count)
    end = process_time()
    wall = perf_counter() - wall
    states = {getattr(job.state, "name", job.state) for job in jobs}
    if states != {"DONE"}:
        raise RuntimeError(f"not every job is DONE: {states}")
    figures = {"create": made - start, "move": end - made, "wall": wall, "peak": peak()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
