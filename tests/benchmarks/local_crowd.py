"""Run very many jobs that do nothing, and print what it took; run as a process of its own.

python local_crowd.py WHO COUNT
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from time import perf_counter_ns
from typing import Any

from crowd import peak

from sojourn.backends import CommandBackend, ProcessBackend, ThreadBackend

__all__ = ["COMMAND", "run_command"]

COMMAND = ["true"]
SLOTS = 2


def run_command() -> object:
    """Run the command as one does without any backend."""
    return subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True, check=True)


#: What makes a backend, the call that submits to it, and its arguments.
WAYS: dict[str, tuple[Callable[[], Any], str, tuple[Any, ...]]] = {
    "ThreadBackend": (lambda: ThreadBackend(SLOTS), "run", (int,)),
    "ThreadPoolExecutor": (lambda: ThreadPoolExecutor(SLOTS), "submit", (int,)),
    "ProcessBackend": (lambda: ProcessBackend(SLOTS), "run", (int,)),
    "ProcessPoolExecutor": (lambda: ProcessPoolExecutor(SLOTS), "submit", (int,)),
    "CommandBackend": (lambda: CommandBackend(SLOTS), "run", (COMMAND,)),
    "subprocess.run in a ThreadPoolExecutor": (
        lambda: ThreadPoolExecutor(SLOTS),
        "submit",
        (run_command,),
    ),
}


def main() -> None:
    """Read the arguments, run, print JSON."""
    make, submit, arguments = WAYS[sys.argv[1]]
    count = int(sys.argv[2])
    start = perf_counter_ns()
    with make() as backend:
        run = getattr(backend, submit)
        jobs = [run(*arguments) for _ in range(count)]
        for job in jobs:
            job.result()
        wall = perf_counter_ns() - start
        most = peak()
    print(json.dumps({"wall": wall, "peak": most, "jobs": count}))


if __name__ == "__main__":
    main()
