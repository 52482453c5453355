"""Where a thread stands, for people."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

__all__ = ["place_of"]

CORE: Final = str(Path(__file__).parents[1])
STANDARD: Final = sysconfig.get_paths()["stdlib"]


def place_of(frame: FrameType | None) -> str:
    """Return the innermost line of somebody's own code that a frame is in, as ``at file:line in name``."""
    frames = list(_outward(frame))
    own = next((each for each in frames if _is_somebodys(each)), next(iter(frames), None))
    if own is None:
        return "nobody knows where"
    return f"at {own.f_code.co_filename}:{own.f_lineno} in {own.f_code.co_name}"


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_somebodys(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    standard = name.startswith((STANDARD, "<")) and "site-packages" not in name
    return not (standard or name.startswith(CORE))
