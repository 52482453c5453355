"""What every job whose status was read must show."""

from __future__ import annotations

from typing import Any

from sojourn.history import replay

__all__ = ["assert_legal"]


def assert_legal(job: Any, told: Any = None) -> None:
    """Its history is a path in its lifecycle, and ends in the status that it tells, or has told."""
    told = told or job.status()

    state = replay(type(job).lifecycle, job.history)

    assert state is job.state
    assert told.name == (state.name if state.name == "VALIDATING" else state.status.name)
