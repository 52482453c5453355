"""How long jobs stayed where, and which ways they went."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sojourn.drawing._durations import duration
from sojourn.drawing._measure import printable
from sojourn.drawing._stories import now, stories_of

if TYPE_CHECKING:
    from datetime import datetime

    from sojourn.drawing._stories import Story

_PERCENTILE = 0.9


@dataclass(frozen=True, slots=True)
class StateStatistics:
    """The time that jobs spent in one state.

    Stays whose begin or end nobody saw count as visits and not as times.  Those that go on would falsify the median, so
    only the total and the share have them, as far as they have come: where many jobs are stuck, that is seen.

    Attributes:
        state: The state's name.
        count: How many visits there were.
        now: How many jobs are there now.
        median: In seconds; None where no stay was timed to its end, as for the next two.
        p90: The 90th percentile, in seconds, interpolated.
        maximum: In seconds.
        total: All timed stays together, in seconds; those that go on are timed until now.
        share: What part of the total of all states that is, from 0 to 1.
    """

    state: str
    count: int
    now: int
    median: float | None
    p90: float | None
    maximum: float | None
    total: float
    share: float


@dataclass(frozen=True, slots=True)
class TransitionStatistics:
    """How often one transition was taken.

    Attributes:
        trigger: The trigger's name.
        source: The name of the state that was left.
        dest: The name of the state that was entered.
        count: How often.
        inferred: How many of these nobody saw.
    """

    trigger: str
    source: str
    dest: str
    count: int
    inferred: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What happened to many jobs, in numbers.

    Attributes:
        jobs: How many there are.
        states: Of every state, in the order of declaration; states that nobody reached included, where known.
        transitions: Of every transition that was taken, in the order in which each was first seen.
    """

    jobs: int
    states: tuple[StateStatistics, ...]
    transitions: tuple[TransitionStatistics, ...]

    def __str__(self) -> str:
        """Return the states as a table."""
        rows = [("state", "n", "now", "median", "p90", "max", "share of time")]
        rows += [
            (printable(s.state), f"{s.count:,}", f"{s.now:,}", *times(s), share(s))
            for s in self.states
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(7)]
        lines = [
            "  ".join(
                [
                    row[0].ljust(widths[0]),
                    *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
                ]
            )
            for row in rows
        ]
        return "\n".join(line.rstrip() for line in lines)


def times(state: StateStatistics) -> tuple[str, str, str]:
    """Return median, 90th percentile and maximum as text; a dash where there is none."""
    median, p90, maximum = (
        "–" if s is None else duration(s) for s in (state.median, state.p90, state.maximum)
    )
    return median, p90, maximum


def share(state: StateStatistics) -> str:
    """Return the share of time as text; nothing where there is none."""
    return f"{state.share:.0%}" if state.total else ""


def statistics(jobs: object) -> Statistics:
    """Count what happened to many jobs, and how long it took so far.

    Args:
        jobs: Jobs or histories, or one of them; each is read once.

    Raises:
        TypeError: Something is neither.

    Example:
        >>> statistics([]).jobs
        0
    """
    return statistics_of(stories_of(jobs), now())


def statistics_of(stories: list[Story], until: datetime) -> Statistics:
    """Return the statistics of stories; what goes on is timed until then."""
    known = {id(s.lifecycle): s.lifecycle for s in stories if s.lifecycle is not None}
    names = dict.fromkeys(state.name for lifecycle in known.values() for state in lifecycle.states)
    visits, here, going = Counter[str](), Counter[str](), defaultdict[str, float](float)
    spent: dict[str, list[float]] = defaultdict(list)
    taken, unseen = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for story in stories:
        begin = story.born
        for entry in story.entries:
            visits[entry.source] += 1
            taken[entry.trigger, entry.source, entry.dest] += 1
            if entry.inferred:
                unseen[entry.trigger, entry.source, entry.dest] += 1
            if begin is not None and entry.at is not None:
                # Somebody has set the clock back meanwhile, or two clocks were looked at.
                spent[entry.source].append(max((entry.at - begin).total_seconds(), 0.0))
            begin = entry.at
        visits[story.state] += 1
        here[story.state] += 1
        if begin is not None and not story.over:
            going[story.state] += max((until - begin).total_seconds(), 0.0)
    total = sum(sum(values) for values in spent.values()) + sum(going.values())
    return Statistics(
        len(stories),
        tuple(
            _of_state(name, visits[name], here[name], spent.get(name, []), (going[name], total))
            for name in names | dict.fromkeys(visits)
        ),
        tuple(TransitionStatistics(*key, count, unseen[key]) for key, count in taken.items()),
    )


def _of_state(
    name: str, count: int, here: int, spent: list[float], time: tuple[float, float]
) -> StateStatistics:
    """Return the statistics of a state; `time` is how long its stays have gone on, and the total of all states."""
    spent.sort()
    going, total = time
    own = sum(spent) + going
    return StateStatistics(
        name,
        count,
        here,
        _quantile(spent, 0.5),
        _quantile(spent, _PERCENTILE),
        spent[-1] if spent else None,
        own,
        own / total if total > 0 else 0.0,
    )


def _quantile(ordered: list[float], part: float) -> float | None:
    """Return a quantile of sorted values, interpolated between the two closest."""
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
