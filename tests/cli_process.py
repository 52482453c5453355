"""The command line as people meet it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

#: What a lonely process needs; no test depends on the terminal in which it was started.
QUIET = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}


class Told(NamedTuple):
    """What a command line answered."""

    returncode: int
    stdout: str
    stderr: str


#: A command line that runs in this process, which is faster where nothing but words is at stake.
Typed = Callable[..., Told]


def sojourn(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `sojourn` with its output caught, and nothing to read."""
    return subprocess.run(
        [sys.executable, "-m", "sojourn", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env={**QUIET, "TERM": "xterm-256color", **environment},
        check=False,
    )
