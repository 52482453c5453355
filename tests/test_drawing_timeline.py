"""Timelines and statistics: when, how long, how often."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawing_stories import (
    BORN,
    DONE,
    TWICE,
    UNSEEN,
    PastJob,
    ShopJob,
    Step,
    batch,
    history,
)
from sojourn.drawing import (
    StateStatistics,
    TransitionStatistics,
    statistics,
    terminal_timeline,
    timeline,
)
from sojourn.drawing._chart import MOST_ROWS, Bar, Chart, chart_of
from sojourn.drawing._chart_text import chart_text
from sojourn.drawing._durations import duration
from sojourn.drawing._statistics import statistics_of
from sojourn.drawing._stories import stories_of

pytestmark = pytest.mark.once

SVG = "{http://www.w3.org/2000/svg}"


def chart(*jobs: object, after: float = 100) -> Chart:
    return chart_of(stories_of(jobs), BORN + timedelta(seconds=after))


def bars(job: object, after: float = 100) -> list[tuple[str, float, float]]:
    return [(bar.state, bar.begin, bar.end) for bar in chart(job, after=after).rows[0].bars]


def test_every_stay_is_a_bar():
    assert bars(PastJob(DONE)) == [("INITIALIZING", 0, 2), ("QUEUED", 2, 12), ("RUNNING", 12, 42)]


def test_times_that_nobody_saw_lie_evenly_between_those_that_are_known():
    row = chart(PastJob(UNSEEN)).rows[0]

    assert row.bars == (
        Bar("INITIALIZING", "INITIALIZING", 0, 2, uncertain=False),
        Bar("QUEUED", "QUEUED", 2, 22, uncertain=True),
        Bar("RUNNING", "RUNNING", 22, 42, uncertain=True),
    )


def test_a_picture_with_times_that_nobody_saw_says_what_they_look_like():
    assert "nobody saw when" in timeline(PastJob(UNSEEN))
    assert "nobody saw when" not in timeline(PastJob(DONE))


def test_many_times_that_nobody_saw_lie_between_the_known_ones_around_them():
    unseen: list[Step] = [("start", "RUNNING", None), ("requeue", "QUEUED", None)]
    job = PastJob(
        [("submit", "QUEUED", 4), *unseen, ("start", "RUNNING", 9), *unseen[1:]], like=ShopJob
    )

    assert bars(job, after=25) == [
        ("INITIALIZING", 0, 4),
        ("QUEUED", 4, 7),
        ("RUNNING", 7, 10),
        ("QUEUED", 10, 13),
        ("RUNNING", 13, 19),
        ("QUEUED", 19, 25),
    ]


def test_a_job_that_is_not_over_reaches_until_now():
    row = chart(PastJob(DONE[:2]), after=50).rows[0]

    assert row.bars[-1] == Bar("RUNNING", "RUNNING", 12, 50, uncertain=False)
    assert (row.state, row.end) == ("RUNNING", 50)


def test_jobs_stand_in_the_order_in_which_they_were_made():
    jobs = [PastJob(DONE, name=str(i), born=BORN + timedelta(seconds=i)) for i in (3, 1, 2)]

    assert [row.name for row in chart(*jobs).rows] == ["1", "2", "3"]
    assert [row.bars[0].begin for row in chart(*jobs).rows] == [0, 1, 2]


def test_a_clock_that_was_set_back_gives_no_bar_that_ends_before_it_begins():
    assert bars(
        PastJob([("submit", "QUEUED", 5), ("start", "RUNNING", -4), ("finish", "DONE", 9)])
    ) == [
        ("INITIALIZING", 0, 5),
        ("RUNNING", 5, 10),
    ]


def test_a_history_without_a_job_begins_where_its_first_time_is_known():
    assert bars(history(DONE)) == [("QUEUED", 0, 10), ("RUNNING", 10, 40)]


steps: st.SearchStrategy[list[Step]] = st.tuples(
    st.lists(st.none() | st.floats(-5, 1e6), min_size=3, max_size=3), st.integers(0, 3)
).map(
    lambda drawn: [
        (trigger, dest, seconds) for (trigger, dest, _), seconds in zip(DONE, drawn[0], strict=True)
    ][: drawn[1]]
)


@given(st.lists(steps, max_size=6))
@settings(max_examples=60, deadline=None)
def test_bars_lie_one_after_the_other_inside_the_chart(lives: list[list[Step]]):
    drawn = chart(*(PastJob(life) for life in lives), after=2e7)

    for row in drawn.rows:
        ends = [edge for bar in row.bars for edge in (bar.begin, bar.end)]
        assert ends == sorted(ends)
        assert all(-1e-6 <= edge <= drawn.length + 1e-6 for edge in ends)
    assert 1 <= len(drawn.ticks) <= 10
    assert drawn.ticks[-1] <= drawn.length * (1 + 1e-9)


@pytest.mark.parametrize("length", [1e-5, 0.003, 0.9, 1, 42, 95, 3601, 86_400, 4e6, 3e9])
def test_the_scale_has_a_handful_of_round_marks(length: float):
    ticks = chart(PastJob([("submit", "QUEUED", length), ("cancel", "CANCELLED", 0)])).ticks

    assert 3 <= len(ticks) <= 10
    assert len({duration(tick) for tick in ticks}) == len(ticks)


def test_the_picture_says_when_its_scale_begins():
    begin = BORN.astimezone(timezone(timedelta(hours=5)))

    for chosen in ("svg", "text"):
        assert "The scale begins at 2026-11-20 09:00:00 UTC." in timeline(
            PastJob(DONE, born=begin), format=chosen
        )
        assert "begins" not in timeline([], format=chosen)


def test_the_picture_names_every_job_and_every_bar():
    root = ET.fromstring(
        timeline([PastJob(DONE, name="<a>&b"), PastJob(UNSEEN), PastJob(TWICE, like=ShopJob)])
    )

    jobs = [g.get("data-job") for g in root.iter(f"{SVG}g") if g.get("data-job")]
    assert sorted(jobs) == ["<a>&b", "j-1", "j-1"]
    classes = [r.get("class") for r in root.iter(f"{SVG}rect")]
    assert sum("sj-uncertain" in c for c in classes) == 2
    assert root.get("role") == "img"
    assert "QUEUED: 4 visits" in root.find(f"{SVG}desc").text


def test_a_timeline_in_a_terminal():
    shown = chart_text(chart(PastJob(DONE, name="job-1"), PastJob(UNSEEN, name="job-2")), width=60)

    assert shown.splitlines() == [
        "       0 s        10 s      20 s       30 s       40 s",
        "job-1  ··░░░░░░░░░░░████████████████████████████████ ◎ DONE",
        "job-2  ··~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ ◎ DONE",
        "",
        "       · INITIALIZING  ░ QUEUED  █ RUNNING  ~ nobody saw when",
        "       The scale begins at 2026-11-20 09:00:00 UTC.",
        "",
        "state         n  now  median    p90    max  share of time",
        "INITIALIZING  2    0   2.0 s  2.0 s  2.0 s             9%",
        "QUEUED        2    0    10 s   10 s   10 s            23%",
        "RUNNING       2    0    30 s   30 s   30 s            68%",
        "DONE          2    2       –      –      –",
        "ERROR         0    0       –      –      –",
        "CANCELLED     0    0       –      –      –",
    ]


def test_long_stays_in_states_of_a_subclass_carry_their_name():
    long: list[Step] = [
        ("submit", "QUEUED", 1),
        ("start", "RUNNING", 1),
        ("inspect", "INSPECTING", 1),
        ("finish", "DONE", 90),
    ]

    assert '<text class="sj-inside"' in timeline(PastJob(long, like=ShopJob))


def test_colours_change_no_character_of_a_timeline():
    plain, coloured = terminal_timeline(batch(5)), terminal_timeline(batch(5), colour=True)

    assert plain != coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize("thing", [3, None, "RUNNING", [3]])
def test_what_has_no_history_has_no_timeline(thing: object):
    for tell in (timeline, statistics):
        with pytest.raises(TypeError, match="give a job or a history"):
            tell(thing)


def test_no_jobs_are_said_to_be_none():
    assert "No jobs yet." in timeline([])
    assert timeline([], format="text") == "No jobs yet.\n"


def test_one_job_and_one_history_have_timelines_too():
    assert 'data-job="j-1"' in timeline(PastJob(DONE))
    assert 'data-job="job 1"' in timeline(history(DONE))


def test_of_very_many_jobs_the_first_are_shown_and_the_rest_counted():
    shown = timeline([PastJob(DONE)] * (MOST_ROWS + 7))

    assert shown.count("data-job=") == MOST_ROWS
    assert "… and 7 jobs more" in shown


def test_a_timeline_as_png():
    pytest.importorskip("resvg_py", reason="the extra [png] is not installed")

    assert timeline(batch(3), format="png").startswith(b"\x89PNG")


# ---- statistics


def test_statistics_are_counted_by_hand():
    waits = [10, 20, 30, 40, 50]
    jobs = [
        PastJob([("submit", "QUEUED", 0), ("start", "RUNNING", w), ("finish", "DONE", 10)])
        for w in waits
    ]

    found = statistics_of(stories_of([*jobs, PastJob(UNSEEN), PastJob([])]), BORN)

    assert found.jobs == 7
    assert {state.state: state for state in found.states}["QUEUED"] == StateStatistics(
        "QUEUED", count=6, now=0, median=30, p90=46, maximum=50, total=150, share=150 / 202
    )
    assert found.states[0] == StateStatistics(
        "INITIALIZING", count=7, now=1, median=0, p90=1.0, maximum=2, total=2, share=2 / 202
    )
    assert found.transitions == (
        TransitionStatistics("submit", "INITIALIZING", "QUEUED", 6, 0),
        TransitionStatistics("start", "QUEUED", "RUNNING", 6, 1),
        TransitionStatistics("finish", "RUNNING", "DONE", 6, 0),
    )


def test_where_jobs_are_stuck_most_of_the_time_is_spent():
    jobs = [PastJob(DONE), *[PastJob(DONE[:1])] * 3, history(DONE[:1])]

    states = statistics_of(stories_of(jobs), BORN + timedelta(seconds=102)).states

    queued = next(state for state in states if state.state == "QUEUED")
    assert (queued.median, queued.p90, queued.maximum) == (10, 10, 10)
    assert queued.total == 10 + 4 * 100
    assert queued.share == pytest.approx(410 / (410 + 30 + 4 * 2))


def test_states_that_nobody_reached_are_listed():
    assert [(s.state, s.count) for s in statistics([PastJob(DONE)]).states][-2:] == [
        ("ERROR", 0),
        ("CANCELLED", 0),
    ]


def test_statistics_of_nothing_are_empty():
    found = statistics([])

    assert (found.jobs, found.states, found.transitions) == (0, (), ())


def test_statistics_of_one_job_and_of_one_history_are_those_of_a_batch_of_one():
    assert statistics(PastJob(DONE)) == statistics([PastJob(DONE)])
    assert statistics(history(DONE)) == statistics(iter([history(DONE)]))


def test_shares_add_up():
    assert sum(state.share for state in statistics(batch(50)).states) == pytest.approx(1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (4e-8, "under 1 µs"), (0.00042, "420 µs"), (0.0031, "3.1 ms"), (0.42, "420 ms"),
        (0.9999, "1.0 s"), (3.21, "3.2 s"), (9.97, "10 s"), (59.4, "59 s"), (59.7, "1 min"), (72, "1 min 12 s"),
        (3599.8, "1 h"), (3720, "1 h 2 min"), (86399, "1 d"), (273_600, "3 d 4 h"), (-3, "-3.0 s"),
    ],
)  # fmt: skip
def test_durations_are_short(seconds: float, text: str):
    assert duration(seconds) == text
