"""The row about import time: CPU time, in fresh interpreters."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from tempfile import TemporaryDirectory

from reporting import Goal, Result, release

__all__ = ["import_time"]

CLOCKED = """
from time import process_time_ns
start = process_time_ns()
from {module} import {name}
print(process_time_ns() - start)
"""


def import_time(*, quick: bool) -> list[Result]:
    """What ``import sojourn`` costs beyond the ``import transitions`` that is in it."""
    ours: list[int] = []
    theirs: list[int] = []
    turns = [(ours, "sojourn", "BaseJob"), (theirs, "transitions", "Machine")]
    with TemporaryDirectory() as cache:
        for _ in range(12 if quick else 42):
            for figures, module, name in turns:
                figures.append(_clock(module, name, cache))
            turns.reverse()
    # The first round wrote the bytecode of both.
    del ours[0], theirs[0]
    extra = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    raw = {"ours": ours, "theirs": theirs, "extra": extra}
    return [
        Result(
            "import sojourn, beyond import transitions",
            statistics.median(extra),
            "ns",
            goal=Goal(30e6, limit=True),
            raw=raw,
        ),
        Result(
            "import sojourn, in all",
            statistics.median(ours),
            "ns",
            rival=f"{release('transitions')}: its import",
            theirs=statistics.median(theirs),
            ratio=statistics.median(theirs) / statistics.median(ours),
            raw=raw,
        ),
    ]


def _clock(module: str, name: str, cache: str) -> int:
    # Both are loaded from bytecode of their own making, also where the surroundings forbid to write any.
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", CLOCKED.format(module=module, name=name)],
        check=True,
        capture_output=True,
        text=True,
        env=surroundings,
    )
    return int(done.stdout)
