"""A timeline as a value: who was where, from when to when, on one scale."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from sojourn.drawing._statistics import Statistics, statistics_of
from sojourn.drawing._stories import Stay, Story, stays_of
from sojourn.lifecycle import JobStatus

if TYPE_CHECKING:
    from datetime import datetime

#: How many jobs a timeline shows; the statistics are always those of all.
MOST_ROWS = 300

_MOST_TICKS = 9
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stay in a state, in seconds from the beginning of the chart.

    Attributes:
        state: The state's name.
        status: The status it stands for; empty where that is not known.
        begin: When it began.
        end: When it ended.
        uncertain: Whether nobody saw its begin or its end, so that they are only shown somewhere between.
    """

    state: str
    status: str
    begin: float
    end: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One job: its name, its bars, and the state it is in, with the status that stands for."""

    name: str
    bars: tuple[Bar, ...]
    state: str
    status: str
    end: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Many jobs on one scale.

    Attributes:
        rows: The jobs, by the time they were created.
        length: How many seconds the scale covers.
        ticks: Where the scale is marked, in seconds.
        begin: Where the scale begins; None where no time is known.
        statistics: What all jobs together did.
        hidden: How many jobs are not shown.
    """

    rows: tuple[Row, ...]
    length: float
    ticks: tuple[float, ...]
    begin: datetime | None
    statistics: Statistics
    hidden: int

    @property
    def scale(self) -> str:
        """What the scale begins with, for the lines under the picture; empty where no time is known."""
        if self.begin is None:
            return ""
        return f"The scale begins at {self.begin.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."


def chart_of(stories: list[Story], now: datetime) -> Chart:
    """Return the timeline of jobs; those that are not over go on until now."""
    shown = [(story, _times(stays_of(story), story, now)) for story in stories]
    shown.sort(key=lambda pair: (pair[1] is None, pair[1][0].timestamp() if pair[1] else 0.0))
    known = [times for _, times in shown if times]
    begin = min((times[0] for times in known), default=None)
    rows = tuple(_row(story, times, begin) for story, times in shown[:MOST_ROWS])
    length = max((row.end for row in rows), default=0.0) or 1.0
    found = statistics_of(stories, now)
    return Chart(rows, length, _ticks(length), begin, found, len(stories) - len(rows))


def _times(stays: list[Stay], story: Story, now: datetime) -> list[datetime] | None:
    """Return when every stay began, and when the last one ended; None where no time is known at all.

    Where nobody saw it, the time is put evenly between its neighbours.  The clock may have been set back, so no time
    is before the one before it.
    """
    given = [stay.begin for stay in stays]
    if not any(given):
        return None
    given.append(None if story.over else now)
    known = [i for i, at in enumerate(given) if at is not None]
    times: list[datetime] = []
    for i, seen in enumerate(given):
        at = _between(given, known, i) if seen is None else seen
        times.append(max(at, times[-1]) if times else at)
    return times


def _between(given: list[datetime | None], known: list[int], place: int) -> datetime:
    """Return a time put evenly between its known neighbours."""
    following = bisect_left(known, place)
    before, after = known[max(following - 1, 0)], known[min(following, len(known) - 1)]
    low, high = given[before], given[after]
    assert low is not None
    assert high is not None
    return low + (high - low) * ((place - before) / max(after - before, 1))


def _row(story: Story, times: list[datetime] | None, begin: datetime | None) -> Row:
    status = _status(story, story.state)
    if times is None or begin is None:
        return Row(story.name, (), story.state, status, 0.0)
    stays = stays_of(story)
    at = [(time - begin).total_seconds() for time in times]
    bars: list[Bar] = []
    for i, stay in enumerate(stays):
        last = i == len(stays) - 1
        if last and story.over:
            continue
        unseen = stay.begin is None or (not last and stay.end is None)
        bars.append(Bar(stay.state, _status(story, stay.state), at[i], at[i + 1], unseen))
    return Row(
        story.name, tuple(bar for bar in bars if bar.end > bar.begin), story.state, status, at[-1]
    )


def _status(story: Story, state: str) -> str:
    """Return the status that a state stands for, as far as that is known."""
    if story.lifecycle is not None:
        return story.lifecycle.state(state).status.value
    return state if state in JobStatus.__members__ else ""


def _ticks(length: float) -> tuple[float, ...]:
    step = _step(length / (_MOST_TICKS - 1))
    count = int(length / step + 1e-9)
    return tuple(i * step for i in range(count + 1))


def _step(least: float) -> float:
    """Return the roundest step that is no shorter."""
    for step in _STEPS:
        if 0.5 < least <= step:
            return float(step)
    unit = 86400.0 if least > _STEPS[-1] else 1e-9
    while unit * 10 < least:
        unit *= 10
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= least)
