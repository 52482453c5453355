"""sojourn gives every asynchronous job one explicit life.

Declared as a finite-state machine, checked before it runs, recorded as it happens, drawn when
someone wants to look.
"""

from typing import TYPE_CHECKING

from sojourn.errors import (
    IllegalTransitionError,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobTimeoutError,
    LifecycleError,
    SojournError,
)
from sojourn.history import Entry, Observation, Outcome
from sojourn.job import BaseJob
from sojourn.lifecycle import ACTIVE, JobStatus, Lifecycle, State, Transition
from sojourn.recovery import recover

if TYPE_CHECKING:
    from sojourn.drawing import draw, statistics, timeline

__all__ = [
    "ACTIVE",
    "BaseJob",
    "Entry",
    "IllegalTransitionError",
    "JobCancelledError",
    "JobError",
    "JobFailedError",
    "JobStatus",
    "JobTimeoutError",
    "Lifecycle",
    "LifecycleError",
    "Observation",
    "Outcome",
    "SojournError",
    "State",
    "Transition",
    "draw",
    "recover",
    "statistics",
    "timeline",
]

_DRAWING = frozenset({"draw", "statistics", "timeline"})


def __getattr__(name: str) -> object:
    # Most programs never draw, so drawing is loaded when somebody first asks for it.
    if name not in _DRAWING:
        raise AttributeError(f"module 'sojourn' has no attribute {name!r}")
    from sojourn import drawing  # noqa: PLC0415

    globals().update({each: getattr(drawing, each) for each in _DRAWING})
    return globals()[name]
