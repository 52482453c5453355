"""What the benchmarks found, judged against the targets, as a table and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from measuring import Pairs

__all__ = ["Goal", "Result", "environment", "release", "table", "thousands"]

#: Unit -> how a figure in it is shown: the steps between its multiples, and their names.
SCALES = {"ns": (1000.0, ("ns", "µs", "ms", "s")), "B": (1000.0, ("B", "kB", "MB", "GB"))}


@dataclass(frozen=True)
class Goal:
    """What the design asks of one figure.

    Attributes:
        target: How many times as long the rival must take; with ``limit``, what our own figure must stay under.
        reach: The same, wished for.
        limit: Whether ``target`` bounds our own figure and not the ratio.
    """

    target: float
    reach: float | None = None
    limit: bool = False

    def verdict(self, ours: float, ratio: float | None) -> str:
        """Judge a figure: ``reached``, ``met`` or ``MISSED``."""
        for bound, word in ((self.reach, "reached"), (self.target, "met")):
            if bound is None:
                continue
            if (self.limit and ours < bound) or (
                not self.limit and ratio is not None and ratio >= bound
            ):
                return word
        return "MISSED"


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        what: What was measured.
        ours: Our figure.
        unit: ``ns``, ``B``, or a word for what is counted.
        rival: Who the rival is: name, version, form.
        theirs: The rival's figure.
        ratio: How many times ours the rival's figure is.
        spread: First and third quartile of the ratio, where it comes from many pairs.
        goal: What the design asks; None for a line that is only for information.
        passed: For lines that are right or wrong, and not fast or slow: whether it was right.
        raw: Every figure behind this line.
    """

    what: str
    ours: float
    unit: str
    rival: str = ""
    theirs: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    goal: Goal | None = None
    passed: bool | None = None
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``reached``, ``met``, ``MISSED``, or nothing where nothing was asked."""
        if self.passed is not None:
            return "met" if self.passed else "MISSED"
        return self.goal.verdict(self.ours, self.ratio) if self.goal else ""

    def as_json(self) -> dict[str, Any]:
        """Return everything, verdict included, as plain values."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def of_pairs(cls, what: str, rival: str, pairs: Pairs, goal: Goal | None) -> Result:
        """Sum up paired measurements: medians of both figures and of their ratio."""
        return cls(
            what,
            statistics.median(pairs.ours),
            "ns",
            rival=rival,
            theirs=statistics.median(pairs.theirs),
            ratio=pairs.ratio,
            spread=pairs.spread,
            goal=goal,
            raw={"ours": pairs.ours, "theirs": pairs.theirs},
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Result:
        """Rebuild what :meth:`as_json` returned."""
        values = {name: value for name, value in values.items() if name != "verdict"}
        goal = values.pop("goal")
        return cls(**values, goal=Goal(**goal) if goal else None)


def release(distribution: str) -> str:
    """Return a distribution's name and version, for the table."""
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} (not installed)"


def thousands(count: float) -> str:
    """Write a whole number in groups of three digits."""
    return f"{count:,.0f}".replace(",", " ")


def environment() -> dict[str, Any]:
    """Describe the machine and the interpreter that the figures come from."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version,
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "releases": [
            release(name) for name in ("sojourn", "transitions", "automat", "python-statemachine")
        ],
    }


def table(results: list[Result]) -> str:
    """Draw the results as a table of plain text."""
    head = (
        "what",
        "sojourn",
        "rival",
        "ratio",
        "(quartiles)",
        "target",
        "reach",
        "verdict",
        "rival is",
    )
    rows = [head, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    right = {1, 2, 3, 4, 5, 6}
    lines = []
    for number, row in enumerate(rows):
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cells(result: Result) -> tuple[str, ...]:
    goal = result.goal
    return (
        result.what,
        _figure(result.ours, result.unit),
        "" if result.theirs is None else _figure(result.theirs, result.unit),
        "" if result.ratio is None else _times(result.ratio),
        "" if result.spread is None else " to ".join(f"{value:.3g}" for value in result.spread),
        "" if goal is None else _bound(goal, goal.target, result.unit),
        "" if goal is None or goal.reach is None else _bound(goal, goal.reach, result.unit),
        result.verdict,
        result.rival,
    )


def _bound(goal: Goal, value: float, unit: str) -> str:
    return f"< {_figure(value, unit)}" if goal.limit else f"≥ {_times(value)}"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def _figure(value: float, unit: str) -> str:
    if unit not in SCALES:
        return f"{thousands(value)} {unit}"
    step, names = SCALES[unit]
    for name in names:
        if abs(value) < step or name == names[-1]:
            break
        value /= step
    return f"{value:.3g} {name}" if abs(value) < step else f"{value:.0f} {name}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        "unknown",
    )
