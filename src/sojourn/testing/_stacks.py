"""Where a thread stands, for people."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

__all__ = ["called_by_the_kit", "is_debugged", "place_of", "stack_of", "stands_in_the_kit"]

KIT: Final = str(Path(__file__).parent)
CORE: Final = str(Path(__file__).parents[1])
STANDARD: Final = sysconfig.get_paths()["stdlib"]
#: Code that no file has: the core's triggers, and what Python itself brings.
GENERATED: Final = ("<trigger>", "<transition>", "<frozen")
#: The modules of debuggers, in which a person may stay as long as they like.
DEBUGGERS: Final = ("bdb.py", "pdb.py", "pydevd", "debugpy")


def place_of(frame: FrameType | None) -> str:
    """Return the innermost line of somebody's own code that a frame is in, as ``at file:line in name``."""
    frames = list(_outward(frame))
    own = next((each for each in frames if _is_somebodys(each)), next(iter(frames), None))
    return "nobody knows where" if own is None else f"at {_line(own)}"


def stack_of(frame: FrameType | None, since: FrameType) -> tuple[str, ...]:
    """Return the lines that lead from one frame inward to another, but for those of libraries."""
    lines: list[str] = []
    for each in _outward(frame):
        if _is_somebodys(each) or each is since:
            lines.append(_line(each))
        if each is since:
            break
    return tuple(reversed(lines))


def called_by_the_kit(frame: FrameType | None) -> FrameType | None:
    """Return the outermost frame that is not the kit's own, nor what it works with: a call that it made."""
    found = None
    for each in _outward(frame):
        if not (_is_kits(each) or _is_library(each)):
            found = each
    return found


def stands_in_the_kit(frame: FrameType | None) -> bool:
    """Whether the innermost code that is no library's is the kit's: it waits, and not the author."""
    inner = next((each for each in _outward(frame) if not _is_library(each)), None)
    return inner is not None and _is_kits(inner)


def is_debugged(frame: FrameType | None) -> bool:
    """Whether a person looks at it in a debugger."""
    return any(name in each.f_code.co_filename for each in _outward(frame) for name in DEBUGGERS)


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_kits(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(KIT)


def _is_library(frame: FrameType) -> bool:
    """Whether it is of the standard library, of hypothesis, or generated."""
    name = frame.f_code.co_filename
    if "site-packages" in name:
        return f"{os.sep}hypothesis{os.sep}" in name
    return name.startswith((STANDARD, *GENERATED))


def _is_somebodys(frame: FrameType) -> bool:
    return not (_is_library(frame) or frame.f_code.co_filename.startswith(CORE))


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
