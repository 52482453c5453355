"""What is chosen for those who do not say: how many at a time, who is told, where output goes."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from sojourn.cli._json import Json
from sojourn.cli._plain import Plain
from sojourn.cli._running import View
from sojourn.cli._terminal import RefusalError, is_terminal


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def views(*, as_json: bool) -> list[View]:
    """Return who is told of a batch: people, on a terminal live; or a machine, and people where that does no harm."""
    # Asked for even where nobody looks, so that it is not found missing later, on a terminal.
    from sojourn.cli._live import Live  # noqa: PLC0415

    stream = sys.stderr if as_json else sys.stdout
    people = Live(stream) if is_terminal(stream) else Plain(stream)
    if not as_json:
        return [people]
    machine: View = Json(sys.stdout)
    return [machine, people] if _is_out_of_sight(sys.stdout, sys.stderr) else [machine]


def _is_out_of_sight(stream: TextIO, other: TextIO) -> bool:
    """Tell whether a stream goes to a file, and the other one somewhere else."""
    mine, others = os.fstat(stream.fileno()), os.fstat(other.fileno())
    return stat.S_ISREG(mine.st_mode) and not os.path.samestat(mine, others)


def folder(wanted: str | None) -> Path:
    """Return an empty folder for the output of commands.

    Raises:
        RefusalError: There is none at that place.
    """
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="sojourn-"))
    path = Path(wanted).absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise RefusalError(f"cannot write into {wanted!r}: it is not empty; name a new folder")
    except OSError as error:
        raise RefusalError(f"cannot write into {wanted!r}: {error.strerror or error}") from error
    return path
