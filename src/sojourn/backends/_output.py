"""What a program has written to a file in the end."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["last_lines"]

#: What is read of a file that may be gigabytes long.
LAST_BYTES = 8192


def last_lines(path: Path, most: int) -> tuple[list[str], int | None]:
    """Return the last lines of a file, however long it is, and its size; ``None`` if it is not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - LAST_BYTES))
            lines = file.read(LAST_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return [], None
    if start and len(lines) > 1:
        del lines[0]  # it is only the end of one
    return lines[-most:], size
