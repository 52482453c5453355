"""Durations for people to read."""

from __future__ import annotations

_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def duration(seconds: float) -> str:
    """Return a duration in the one or two units that fit it, such as `3.2 s` or `1 min 12 s`.

    A negative one, which a clock that was set back gives, is shown as it is.
    """
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.9995:
        return _small(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    for size, unit, smaller, small_unit in _UNITS:
        if seconds >= size - smaller / 2:
            whole, rest = divmod(round(seconds / smaller), size // smaller)
            return f"{whole} {unit}" + (f" {rest} {small_unit}" if rest and whole < 100 else "")
    raise AssertionError(seconds)


def _small(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    if seconds < 9.5e-7:
        return "under 1 µs"
    if seconds < 9.995e-4:
        return f"{seconds * 1e6:.0f} µs"
    milliseconds = seconds * 1e3
    return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else f"{milliseconds:.0f} ms"
