"""Since when: what people type for an instant, and how an instant is shown to them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sojourn.cli._terminal import RefusalError

_AGO = re.compile(r"(\d+)\s*(s|min|h|d|w)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS = {"today": 0, "yesterday": 1}


def instant(text: str) -> datetime:
    """Return the instant that is meant: `90min` ago, `yesterday`, or a date with or without a time.

    Raises:
        RefusalError: It is none.
    """
    wanted = text.strip().lower()
    now = datetime.now().astimezone()
    ago = _AGO.fullmatch(wanted)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if wanted in _DAYS:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
            return (midnight - timedelta(days=_DAYS[wanted])).astimezone()
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as error:
        raise RefusalError(
            f"{text!r} is no instant; give how long ago (90min, 36h, 7d), today, yesterday, "
            "or a time such as 2026-11-28 or 2026-11-28T17:30"
        ) from error


def shown(at: datetime, *, exactly: bool = False) -> str:
    """Return an instant as the clock on the wall shows it here."""
    try:
        at = at.astimezone()
    except (OverflowError, OSError, ValueError):
        pass  # a backend that does not know may say the year 1, which has no hours before it
    return at.replace(tzinfo=None).isoformat(" ", "milliseconds" if exactly else "seconds")
