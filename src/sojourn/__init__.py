"""sojourn gives every asynchronous job one explicit life.

Declared as a finite-state machine, checked before it runs, recorded as it happens, drawn when
someone wants to look.
"""

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
]
