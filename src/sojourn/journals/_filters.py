"""Which questions about jobs make sense, the same for every journal of ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sojourn.lifecycle import JobStatus

__all__ = ["FINAL", "statuses_of"]

FINAL = frozenset(status.value for status in JobStatus if status.is_final)


def statuses_of(
    status: str | Iterable[str] | None, since: datetime | None, limit: int | None
) -> tuple[str, ...] | None:
    """Return the names of the statuses that are asked for; ``None`` for any.

    Raises:
        ValueError: One is no status, or the limit is negative, or the time has no zone.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be 0 or more, not {limit}")
    if since is not None and since.tzinfo is None:
        raise ValueError(f"since must be aware, as datetime.now(UTC) is, not {since!r}")
    if status is None:
        return None
    statuses = tuple(map(str, (status,) if isinstance(status, str) else status))
    for each in statuses:
        if each not in JobStatus.__members__:
            raise ValueError(
                f"{each!r} is no status; there are: {', '.join(JobStatus.__members__)}"
            )
    return statuses
