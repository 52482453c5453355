"""The command line as people meet it: in a process of its own."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from process_watching import PATIENCE

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


@contextmanager
def started(
    *arguments: str, program: tuple[str, ...] = ("-m", "sojourn")
) -> Iterator[subprocess.Popen[str]]:
    """Start `sojourn` as the leader of a process group, as a shell would.

    It is killed with the block, and what it has started may live on.
    """
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        process_group=0,
        env={**QUIET, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


#: Makes the terminal at stdin the one whose Ctrl-C is obeyed, and becomes `sojourn`.
_AT_A_TERMINAL = """
import os, sys
os.login_tty(0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """`sojourn` in a pseudo-terminal of its own, and who sits there."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        program: tuple[str, ...] = ("-m", "sojourn"),
        columns: int = 100,
    ) -> None:
        """Start it."""
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AT_A_TERMINAL, *program, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env={**QUIET, "TERM": "xterm-256color", "COLUMNS": f"{columns}", "LINES": "30"},
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def read_until(self, text: str | re.Pattern[str]) -> str:
        """Read until a text was shown, or what a pattern describes; return all that was."""
        wanted = re.compile(re.escape(text)) if isinstance(text, str) else text
        deadline = time.monotonic() + PATIENCE
        while not wanted.search(self.shown):
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown
        return self.shown

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def wait(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE)[0]:
            return False
        try:
            part = os.read(self._ours, 4096)
        except OSError:
            return False  # Linux ends a terminal whose last user is gone with an error
        self.shown += part.decode(errors="replace")
        return bool(part)
