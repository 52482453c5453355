"""How the benchmarks measure: two contenders in turn, on fresh jobs, with the garbage collector off.

The machines that run this are shared and their speed changes by the second, so a figure taken alone says
little. Two figures taken within the same few milliseconds say a lot: every ratio here is the median of many
such pairs.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time_ns
from typing import Any

__all__ = ["Contender", "Pairs", "compare"]

Step = Callable[[list[Any]], object]

#: Jobs per timed chunk: long enough for the clock, short enough to share its few milliseconds with the rival.
CHUNK = 250


@dataclass(frozen=True)
class Contender:
    """One way to do a thing, ready to be timed.

    Attributes:
        name: Who this is, in which form.
        make: Makes that many fresh jobs, outside the timing.
        steps: What is timed, in order; each one does its work on every job it is given. What it returns is
            kept until the clock has stopped, so that freeing it is not timed.
        check: Whether a job looks as it must after all steps; guards against timing nothing.
        operations: How many operations a job has gone through after all steps.
    """

    name: str
    make: Callable[[int], list[Any]]
    steps: tuple[Step, ...]
    check: Callable[[Any], bool]
    operations: int = 1


@dataclass
class Pairs:
    """CPU nanoseconds per operation, measured in pairs."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """How many times as long as ours the rival took, pair by pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """First and third quartile of the ratios."""
        first, _, third = statistics.quantiles(self.ratios, n=4)
        return first, third


def compare(ours: Contender, theirs: Contender, *, jobs: int, rounds: int) -> Pairs:
    """Time two contenders on the same number of jobs, chunk by chunk in turn.

    All jobs of a round exist before the clock starts, so their memory is as cold as that of one job among
    many. Who goes first changes from chunk to chunk.

    Args:
        ours: The subject.
        theirs: The rival.
        jobs: Fresh jobs per contender and round.
        rounds: How often the whole is repeated.

    Returns:
        One pair of figures per chunk.
    """
    _play(ours, theirs, jobs=2 * CHUNK)
    pairs = Pairs()
    for _ in range(rounds):
        played = _play(ours, theirs, jobs=jobs)
        pairs.ours += played.ours
        pairs.theirs += played.theirs
    return pairs


def _play(ours: Contender, theirs: Contender, *, jobs: int) -> Pairs:
    crowds = {contender.name: contender.make(jobs) for contender in (ours, theirs)}
    times: dict[str, list[float]] = {name: [] for name in crowds}
    gc.collect()
    gc.disable()
    try:
        for number, start in enumerate(range(0, jobs, CHUNK)):
            turn = (ours, theirs) if number % 2 else (theirs, ours)
            for contender in turn:
                chunk = crowds[contender.name][start : start + CHUNK]
                times[contender.name].append(
                    _time(contender.steps, chunk) / len(chunk) / contender.operations
                )
    finally:
        gc.enable()
    for contender in (ours, theirs):
        for job in crowds[contender.name]:
            if not contender.check(job):
                raise RuntimeError(f"{contender.name} did not do its work on {job!r}")
    return Pairs(times[ours.name], times[theirs.name])


def _time(steps: Sequence[Step], chunk: list[Any]) -> int:
    elapsed = 0
    kept = []
    for step in steps:
        start = process_time_ns()
        outcome = step(chunk)
        elapsed += process_time_ns() - start
        kept.append(outcome)
    return elapsed
