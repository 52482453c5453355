"""What backends report is evidence: weighed against where the job stands, never taken as an order."""

from __future__ import annotations

import logging
import pickle
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from job_doubles import Backend, Background, Pushed, Remote, brought_to, meet, part
from job_oracle import BASE, BASE_WAYS, FINALS, SHOP, SHOP_WAYS, assert_consistent
from machine_shop import MachineShopJob
from sojourn import BaseJob, JobStatus, Observation, Outcome, State, Transition, _clock
from sojourn.errors import (
    IllegalTransitionError,
    JobError,
    ReentrantTransitionError,
    UnknownStatusError,
)
from sojourn.journals.memory import MemoryJournal

UNCHANGED, STALE, CONFLICT = "UNCHANGED", "STALE", "CONFLICT"

#: state → evidence → the triggers that it leads to, or what else becomes of it.
Table = dict[str, dict[str, str | list[str]]]

AFTER_THE_END: Table = {
    "DONE": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "RUNNING": STALE,
        "DONE": UNCHANGED,
        "ERROR": CONFLICT,
        "CANCELLED": CONFLICT,
    },
    "ERROR": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "RUNNING": STALE,
        "DONE": CONFLICT,
        "ERROR": UNCHANGED,
        "CANCELLED": CONFLICT,
    },
    "CANCELLED": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "RUNNING": STALE,
        "DONE": CONFLICT,
        "ERROR": CONFLICT,
        "CANCELLED": UNCHANGED,
    },
}

#: A class that adds nothing; a state and the status of its name say the same.
BASE_TABLE: Table = {
    "INITIALIZING": {
        "INITIALIZING": UNCHANGED,
        "QUEUED": ["submit"],
        "RUNNING": ["submit", "start"],
        "DONE": ["submit", "start", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "QUEUED": {
        "INITIALIZING": STALE,
        "QUEUED": UNCHANGED,
        "RUNNING": ["start"],
        "DONE": ["start", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "RUNNING": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "RUNNING": UNCHANGED,
        "DONE": ["finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    **AFTER_THE_END,
}

#: The machine shop, told a status: any state that stands for it agrees.
SHOP_STATUSES: Table = {
    "INITIALIZING": {
        "INITIALIZING": UNCHANGED,
        "QUEUED": ["submit"],
        "RUNNING": ["submit", "start"],
        "DONE": ["submit", "start", "inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "QUEUED": {
        "INITIALIZING": STALE,
        "QUEUED": UNCHANGED,
        "RUNNING": ["start"],
        "DONE": ["start", "inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "SETUP": {
        "INITIALIZING": STALE,
        "QUEUED": UNCHANGED,
        "RUNNING": ["start"],
        "DONE": ["start", "inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "RUNNING": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "RUNNING": UNCHANGED,
        "DONE": ["inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "INSPECTING": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "RUNNING": UNCHANGED,
        "DONE": ["finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    **AFTER_THE_END,
}

#: The machine shop, told a state: it means exactly that state.
SHOP_STATES: Table = {
    "INITIALIZING": {
        "INITIALIZING": UNCHANGED,
        "QUEUED": ["submit"],
        "SETUP": ["submit", "mount"],
        "RUNNING": ["submit", "start"],
        "INSPECTING": ["submit", "start", "inspect"],
        "DONE": ["submit", "start", "inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "QUEUED": {
        "INITIALIZING": STALE,
        "QUEUED": UNCHANGED,
        "SETUP": ["mount"],
        "RUNNING": ["start"],
        "INSPECTING": ["start", "inspect"],
        "DONE": ["start", "inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "SETUP": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "SETUP": UNCHANGED,
        "RUNNING": ["start"],
        "INSPECTING": ["start", "inspect"],
        "DONE": ["start", "inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "RUNNING": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "SETUP": STALE,
        "RUNNING": UNCHANGED,
        "INSPECTING": ["inspect"],
        "DONE": ["inspect", "finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    "INSPECTING": {
        "INITIALIZING": STALE,
        "QUEUED": STALE,
        "SETUP": STALE,
        "RUNNING": STALE,
        "INSPECTING": UNCHANGED,
        "DONE": ["finish"],
        "ERROR": ["fail"],
        "CANCELLED": ["cancel"],
    },
    **{state: {**row, "SETUP": STALE, "INSPECTING": STALE} for state, row in AFTER_THE_END.items()},
}

#: What the controller's words mean, as the class of the documentation says.
SHOP_WORDS = {
    "waiting": "QUEUED",
    "milling": "RUNNING",
    "ok": "DONE",
    "scrap": "ERROR",
    "stopped": "CANCELLED",
}
SHOP_WORDS_OF_ITS_OWN = {"mounting": "SETUP", "probing": "INSPECTING"}


def cells(table: Table) -> list[Any]:
    return [
        pytest.param(state, told, expected, id=f"{state}-told-{told}")
        for state, row in table.items()
        for told, expected in row.items()
    ]


def check(job: Any, evidence: Any, expected: str | list[str], rules: Any = SHOP) -> None:
    """Report ``evidence`` and compare what becomes of the job with a cell of a table."""
    before, state = job.history, job.state
    outcome = job.observe(evidence)
    new = job.history[len(before) :]

    assert_consistent(job, rules)
    assert job.history[: len(before)] == before
    if isinstance(expected, str):
        assert outcome is Outcome(expected)
        assert (new, job.state) == ((), state)
    else:
        assert outcome is Outcome.ADVANCED
        assert [entry.trigger for entry in new] == expected
        assert [entry.inferred for entry in new] == [True] * (len(new) - 1) + [False]
        assert [entry.at is None for entry in new] == [entry.inferred for entry in new]
        assert {entry.origin for entry in new} == {"observation"}
    assert len(job.anomalies) == (expected == CONFLICT)


class TestTheTable:
    @pytest.mark.parametrize(("state", "told", "expected"), cells(BASE_TABLE))
    def test_a_status_about_a_plain_job(self, state: str, told: str, expected: Any) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        check(job, JobStatus[told], expected, BASE)

    @pytest.mark.parametrize(("state", "told", "expected"), cells(BASE_TABLE))
    def test_a_state_of_a_plain_job(self, state: str, told: str, expected: Any) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        check(job, getattr(BaseJob, told), expected, BASE)

    @pytest.mark.parametrize(("state", "told", "expected"), cells(BASE_TABLE))
    def test_the_name_of_a_status_is_a_word_where_no_map_says_otherwise(
        self, state: str, told: str, expected: Any
    ) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        check(job, str(told), expected, BASE)

    @pytest.mark.parametrize(("state", "told", "expected"), cells(SHOP_STATUSES))
    def test_a_status_about_a_part_in_the_shop(self, state: str, told: str, expected: Any) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        check(job, JobStatus[told], expected)

    @pytest.mark.parametrize(("state", "told", "expected"), cells(SHOP_STATES))
    def test_a_state_of_a_part_in_the_shop(self, state: str, told: str, expected: Any) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        check(job, getattr(MachineShopJob, told), expected)

    @pytest.mark.parametrize("state", SHOP_WAYS)
    @pytest.mark.parametrize("word", SHOP_WORDS)
    def test_a_word_that_stands_for_a_status(self, state: str, word: str) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        check(job, word, SHOP_STATUSES[state][SHOP_WORDS[word]])

    @pytest.mark.parametrize("state", SHOP_WAYS)
    @pytest.mark.parametrize("word", SHOP_WORDS_OF_ITS_OWN)
    def test_a_word_that_stands_for_a_state(self, state: str, word: str) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        check(job, word, SHOP_STATES[state][SHOP_WORDS_OF_ITS_OWN[word]])

    def test_the_tables_above_leave_nothing_out(self) -> None:
        states = [state.name for state in MachineShopJob.lifecycle.states]

        assert sorted(SHOP_STATES) == sorted(SHOP_STATUSES) == sorted(states)
        assert all(sorted(row) == sorted(states) for row in SHOP_STATES.values())
        assert all(sorted(row) == sorted(JobStatus) for row in SHOP_STATUSES.values())
        assert all(sorted(row) == sorted(JobStatus) for row in BASE_TABLE.values())
        words = SHOP_WORDS | SHOP_WORDS_OF_ITS_OWN
        assert sorted(words) == sorted(MachineShopJob.status_map)


class Crossing(BaseJob[Any]):
    """Two ways of one length, the right one declared first; a third state lies beside them."""

    RIGHT = State(JobStatus.QUEUED)
    LEFT = State(JobStatus.QUEUED)
    ASIDE = State(JobStatus.RUNNING)

    go_right = Transition(JobStatus.QUEUED, RIGHT)
    go_left = Transition(JobStatus.QUEUED, LEFT)
    start = Transition([LEFT, RIGHT], JobStatus.RUNNING)
    step_aside = Transition(LEFT, ASIDE)
    finish = Transition([JobStatus.RUNNING, ASIDE], JobStatus.DONE)


class TestPaths:
    def test_among_ways_of_one_length_the_one_declared_first_is_taken(self) -> None:
        job = Crossing(None, "c-1")

        job.observe("RUNNING")

        assert [entry.trigger for entry in job.history] == ["submit", "go_right", "start"]

    def test_a_state_beside_the_way_is_a_conflict(self) -> None:
        job = Crossing(None, "c-1")
        job.observe(Crossing.RIGHT)

        assert job.observe(Crossing.LEFT) is Outcome.CONFLICT
        assert job.observe(Crossing.ASIDE) is Outcome.CONFLICT

        assert job.state is Crossing.RIGHT
        assert [odd.raw for odd in job.anomalies] == [Crossing.LEFT, Crossing.ASIDE]

    def test_a_job_that_nobody_submitted_here_may_be_reported_all_the_same(self) -> None:
        backend = Backend()
        job = Remote(backend, "j-1")

        assert job.observe("RUNNING") is Outcome.ADVANCED

        assert backend.asked == []
        assert job.state is BaseJob.RUNNING

    def test_a_report_takes_over_where_triggers_left_off(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "SETUP")

        job.observe("ok")
        trail = [(entry.trigger, entry.origin, entry.inferred) for entry in job.history]

        assert trail == [
            ("submit", "trigger", False),
            ("mount", "trigger", False),
            ("start", "observation", True),
            ("inspect", "observation", True),
            ("finish", "observation", False),
        ]


class Moving(BaseJob[Any]):
    """Its callback does something on the way of a report."""

    WARM = State(JobStatus.RUNNING)
    HOT = State(JobStatus.RUNNING)
    warm = Transition(JobStatus.RUNNING, WARM, after="_act")
    heat = Transition(WARM, HOT)
    cool = Transition([WARM, HOT], JobStatus.RUNNING)
    finish = Transition(HOT, JobStatus.DONE)
    requeue = Transition([JobStatus.RUNNING, WARM, HOT], JobStatus.QUEUED, new_attempt=True)
    does = "heat"

    def _act(self, event: Any) -> None:
        self.trigger(self.does)


class TestACallbackThatMovesTheJobOnTheWay:
    @pytest.mark.parametrize(
        ("does", "outcome", "way"),
        [
            ("heat", "ADVANCED", ["submit", "start", "warm", "heat", "finish"]),
            ("fail", CONFLICT, ["submit", "start", "warm", "fail"]),
            ("cancel", CONFLICT, ["submit", "start", "warm", "cancel"]),
            ("requeue", "ADVANCED", ["submit", "start", "warm", "requeue"]),
            ("cool", "ADVANCED", ["submit", "start", "warm", "cool"]),  # and not for ever
        ],
    )
    @pytest.mark.parametrize("attempt", [None, 1])
    def test_has_the_report_weighed_again_where_it_left_it(
        self, does: str, outcome: str, way: list[str], attempt: int | None
    ) -> None:
        for journal in (None, MemoryJournal()):
            job = Moving(None, "j-1", journal=journal)
            job.does = does

            told = job.observe("DONE", attempt=attempt)

            assert told == outcome
            assert [entry.trigger for entry in job.history] == way
            assert all(one.dest == two.source for one, two in pairwise(job.history))
            assert len(job.anomalies) == (outcome == CONFLICT)

    def test_is_followed_by_what_a_poll_said(self) -> None:
        class Asked(Moving):
            def _poll(self) -> str:
                return "DONE"

        job = Asked(None, "j-1")
        job.submit()

        assert job.done()
        assert [entry.inferred for entry in job.history] == [False, True, True, False, False]

    def test_in_a_later_attempt_has_it_weighed_in_that_attempt(self) -> None:
        job = Moving(None, "j-1")
        job.submit()

        told = job.observe("DONE", attempt=2)

        assert told == "ADVANCED"
        assert [entry.attempt for entry in job.history] == [1, 1, 2, 2, 2, 2, 2]
        assert job.history[-1].dest == "DONE"


class TestWhatIsRecorded:
    def test_the_raw_word_is_kept_with_the_step_that_was_seen(self) -> None:
        job = part()

        job.observe("probing")

        assert job.history[-1].detail == "probing"
        assert [entry.at for entry in job.history[:-1]] == [None, None]

    @pytest.mark.parametrize(
        ("raw", "detail"),
        [
            (JobStatus.RUNNING, "RUNNING"),
            (BaseJob.RUNNING, "RUNNING"),
            ("RUNNING", "RUNNING"),
            ("milling", "milling"),
            (7, "7"),
        ],
        ids=["a status", "a state", "its name", "a word", "a number"],
    )
    def test_the_same_report_is_recorded_alike_for_every_job(self, raw: Any, detail: str) -> None:
        class Milled(BaseJob[Any]):
            status_map = {"milling": JobStatus.RUNNING, 7: "RUNNING", "RUNNING": "RUNNING"}

        # What one job's report leads to is remembered for the next one of the class.
        jobs = [Milled(None, "j-1"), Milled(None, "j-2"), Milled(None, "j-3")]
        heard: list[Any] = []
        jobs[2].add_callback(lambda job, entry: heard.append(entry))
        for job in jobs:
            job.trigger("submit")

            assert job.observe(raw) is Outcome.ADVANCED

            entry = job.history[-1]
            assert (entry.trigger, entry.source, entry.dest) == ("start", "QUEUED", "RUNNING")
            assert (entry.origin, entry.detail, entry.inferred) == ("observation", detail, False)
            assert entry.at is not None
            assert job.observe(raw) is Outcome.UNCHANGED
            assert len(job.history) == 2
        assert heard == list(jobs[2].history)

    def test_a_snapshot_is_told_nothing_whatever_other_jobs_were_told(self) -> None:
        job = Pushed(None, "j-1")
        job.trigger("submit")
        copy = pickle.loads(pickle.dumps(job))
        assert job.observe(JobStatus.RUNNING) is Outcome.ADVANCED

        with pytest.raises(IllegalTransitionError, match="snapshot"):
            copy.observe(JobStatus.RUNNING)

        assert copy.state.name == "QUEUED"

    def test_the_reason_is_kept_too(self) -> None:
        job = part()

        job.observe("scrap", reason="the tool broke")

        detail = job.history[-1].detail
        assert detail is not None
        assert "scrap" in detail
        assert "the tool broke" in detail

    def test_a_reason_given_as_text_is_the_error_of_a_job_that_failed(self) -> None:
        job = part()

        job.observe("scrap", reason="the tool broke")

        error = job.error()
        assert type(error) is JobError
        assert str(error) == "the tool broke"

    def test_a_reason_given_as_an_exception_is_the_error_itself(self) -> None:
        job, broken = part(), RuntimeError("the tool broke")

        job.observe("scrap", reason=broken)

        assert job.error() is broken

    def test_a_failure_without_a_reason_is_an_error_still(self) -> None:
        job = part()

        job.observe("scrap")

        assert isinstance(job.error(), JobError)

    @pytest.mark.parametrize("word", ["waiting", "ok", "stopped"])
    def test_a_reason_makes_no_error_of_another_state(self, word: str) -> None:
        job = part()

        job.observe(word, reason="because")

        assert job.error() is None

    def test_an_instant_given_by_the_backend_is_kept_in_utc(self) -> None:
        job = part()
        there = datetime(2026, 3, 1, 14, 30, 5, 123457, tzinfo=timezone(timedelta(hours=2)))

        job.observe("milling", at=there)

        kept = job.history[-1].at
        assert kept == there
        assert kept is not None
        assert kept.utcoffset() == timedelta(0)

    def test_an_instant_before_the_last_one_does_not_change_the_order(self) -> None:
        job = part()
        job.observe("milling", at=datetime(2026, 3, 1, 12, tzinfo=UTC))

        assert job.observe("probing", at=datetime(2026, 3, 1, 11, tzinfo=UTC)) is Outcome.ADVANCED

        assert [entry.number for entry in job.history] == [1, 2, 3]
        assert job.history[-1].at == datetime(2026, 3, 1, 11, tzinfo=UTC)

    def test_without_an_instant_it_is_now(self) -> None:
        job, before = part(), datetime.now(UTC)

        job.observe("milling")

        at = job.history[-1].at
        assert at is not None
        assert before - timedelta(seconds=1) <= at <= datetime.now(UTC) + timedelta(seconds=1)

    @pytest.mark.parametrize(
        "end", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)], ids=str
    )
    @pytest.mark.parametrize("hours", [-14, 0, 14])
    def test_the_ends_of_time_are_refused_or_kept_but_never_spoil_the_history(
        self, end: datetime, hours: int
    ) -> None:
        job = part()
        instant = end.replace(tzinfo=timezone(timedelta(hours=hours)))

        try:
            job.observe("milling", at=instant)
        except ValueError:
            assert job.history == ()
        else:
            assert [entry.trigger for entry in job.history] == ["submit", "start"]
            assert str(job).startswith("<MachineShopJob 'p-1' RUNNING")

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            ({"at": datetime(2026, 3, 1)}, ValueError),  # noqa: DTZ001  # naive is the point
            ({"at": "2026-03-01T00:00:00Z"}, TypeError),
            ({"at": 1_700_000_000.0}, TypeError),
            ({"attempt": 0}, ValueError),
            ({"attempt": -1}, ValueError),
            ({"attempt": "2"}, TypeError),
            ({"attempt": 1.0}, TypeError),
            ({"attempt": True}, TypeError),
            ({"reason": 17}, TypeError),
            ({"reason": b"the tool broke"}, TypeError),
        ],
        ids=repr,
    )
    def test_wrong_facts_are_refused_and_nothing_changes(
        self, wrong: dict[str, Any], error: type[Exception]
    ) -> None:
        job = part()
        job.submit()

        with pytest.raises(error):
            job.observe("milling", **wrong)

        assert job.state is BaseJob.QUEUED
        assert len(job.history) == 1
        assert job.anomalies == ()
        assert job.observe("milling") is Outcome.ADVANCED


class TestAnObservation:
    """The same that a poll may return can be reported by whoever hears of it."""

    def test_carries_everything(self) -> None:
        job, at = part(), datetime(2026, 3, 1, tzinfo=UTC)

        assert job.observe(Observation("scrap", at, 1, "the tool broke")) is Outcome.ADVANCED

        assert job.history[-1].at == at
        assert str(job.error()) == "the tool broke"

    @pytest.mark.parametrize(
        "more", [{"at": datetime(2026, 3, 1, tzinfo=UTC)}, {"attempt": 1}, {"reason": "x"}], ids=str
    )
    def test_is_not_said_twice(self, more: dict[str, Any]) -> None:
        job = part()

        with pytest.raises(TypeError):
            job.observe(Observation("scrap"), **more)

        assert job.history == ()


class TestUnknownWords:
    @pytest.mark.parametrize("state", SHOP_WAYS)
    def test_an_unknown_word_is_never_coerced_to_anything(self, state: str) -> None:
        job = brought_to(part(), SHOP_WAYS, state)
        before = job.history

        with pytest.raises(UnknownStatusError) as unknown:
            job.observe("polishing")

        assert unknown.value.raw == "polishing"
        assert "p-1" in str(unknown.value)
        assert "'polishing'" in str(unknown.value)
        assert (job.state.name, job.history, job.anomalies) == (state, before, ())

    def test_the_nearest_known_word_is_named(self) -> None:
        with pytest.raises(UnknownStatusError, match="milling"):
            part().observe("miling")

    @pytest.mark.parametrize(
        "raw",
        ["queued", "Queued", " QUEUED", "QUEUED ", "", None, 0, 1, b"QUEUED", [], {}, object],
        ids=repr,
    )
    def test_nothing_but_the_exact_word_is_known(self, raw: object) -> None:
        job = Pushed(None, "j-1")

        with pytest.raises(UnknownStatusError):
            job.observe(raw)

        assert job.history == ()

    def test_a_map_of_its_own_replaces_the_six_names(self) -> None:
        job = part()

        with pytest.raises(UnknownStatusError):
            job.observe("DONE")

        assert job.observe(JobStatus.DONE) is Outcome.ADVANCED

    def test_a_word_that_looks_like_a_status_is_still_a_word(self) -> None:
        class Misleading(BaseJob[Any]):
            status_map = {"DONE": JobStatus.RUNNING, "RUNNING": JobStatus.QUEUED}

        by_word, by_status = Misleading(None, "w"), Misleading(None, "s")

        by_word.observe("DONE")
        by_status.observe(JobStatus.DONE)

        assert by_word.state is BaseJob.RUNNING
        assert by_status.state is BaseJob.DONE

    def test_words_need_not_be_strings(self) -> None:
        class Numbers(BaseJob[Any]):
            status_map = {17: JobStatus.RUNNING, (1, "x"): JobStatus.DONE, None: JobStatus.ERROR}

        job = Numbers(None, "n-1")

        assert job.observe(17) is Outcome.ADVANCED
        assert job.observe((1, "x")) is Outcome.ADVANCED
        assert job.state is BaseJob.DONE
        assert job.history[-1].detail == "(1, 'x')"

    def test_a_state_of_another_class_is_not_known(self) -> None:
        job = Pushed(None, "j-1")

        with pytest.raises(
            UnknownStatusError, match=r"SETUP.*; Pushed has no such state; known are"
        ):
            job.observe(MachineShopJob.SETUP)

        assert job.history == ()

    def test_the_error_survives_pickling(self) -> None:
        with pytest.raises(UnknownStatusError) as unknown:
            part().observe("polishing")

        copy = pickle.loads(pickle.dumps(unknown.value))

        assert str(copy) == str(unknown.value)
        assert (copy.job_id, copy.raw, copy.state) == ("p-1", "polishing", "INITIALIZING")


class TestAttempts:
    def test_a_requeue_by_trigger_starts_the_next_attempt(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")

        job.requeue()

        assert (job.state, job.attempt) == (BaseJob.QUEUED, 2)
        assert [entry.attempt for entry in job.history] == [1, 1, 1, 2]

    @pytest.mark.parametrize(
        ("state", "word", "expected"),
        [
            ("RUNNING", "waiting", ["requeue"]),
            ("RUNNING", "mounting", ["requeue", "mount"]),
            ("RUNNING", "milling", ["requeue", "start"]),
            ("INSPECTING", "probing", ["requeue", "start", "inspect"]),
            ("INSPECTING", "ok", ["requeue", "start", "inspect", "finish"]),
            ("RUNNING", "scrap", ["requeue", "fail"]),
            # No requeue leads out of these, so the way to one is taken first.
            ("QUEUED", "waiting", ["start", "requeue"]),
            ("SETUP", "mounting", ["start", "requeue", "mount"]),
        ],
    )
    def test_a_higher_attempt_takes_the_declared_transition_first(
        self, state: str, word: str, expected: list[str]
    ) -> None:
        job = brought_to(part(), SHOP_WAYS, state)
        before = len(job.history)

        assert job.observe(word, attempt=2) is Outcome.ADVANCED

        new = job.history[before:]
        assert [entry.trigger for entry in new] == expected
        assert [entry.inferred for entry in new] == [True] * (len(new) - 1) + [False]
        assert job.attempt == 2
        assert_consistent(job, SHOP)

    def test_two_attempts_that_nobody_saw_are_caught_up_with(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")

        assert job.observe("milling", attempt=3) is Outcome.ADVANCED

        assert (job.state, job.attempt) == (BaseJob.RUNNING, 3)
        assert_consistent(job, SHOP)

    @pytest.mark.parametrize("state", ["INITIALIZING", "QUEUED", "RUNNING"])
    def test_a_higher_attempt_of_a_class_that_has_none_is_a_conflict(self, state: str) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        assert job.observe("RUNNING", attempt=2) is Outcome.CONFLICT

        assert (job.state.name, job.attempt) == (state, 1)
        assert len(job.anomalies) == 1

    @pytest.mark.parametrize("word", ["waiting", "mounting", "milling", "probing"])
    def test_what_is_said_about_an_earlier_attempt_is_stale(self, word: str) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")
        job.requeue()

        assert job.observe(word, attempt=1) is Outcome.STALE

        assert (job.state, job.attempt, job.anomalies) == (BaseJob.QUEUED, 2, ())

    def test_the_present_attempt_may_be_named(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")
        job.requeue()

        assert job.observe("milling", attempt=2) is Outcome.ADVANCED

        assert (job.state, job.attempt) == (BaseJob.RUNNING, 2)

    def test_without_an_attempt_a_report_never_starts_a_new_one(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "INSPECTING")

        assert job.observe("waiting") is Outcome.STALE

        assert (job.state, job.attempt) == (MachineShopJob.INSPECTING, 1)

    @pytest.mark.parametrize("state", FINALS)
    @pytest.mark.parametrize("word", ["waiting", "milling", "probing"])
    def test_no_attempt_leads_out_of_a_final_state(self, state: str, word: str) -> None:
        job = brought_to(part(), SHOP_WAYS, state)
        before = job.history

        assert job.observe(word, attempt=2) is Outcome.CONFLICT

        assert (job.state.name, job.attempt, job.history) == (state, 1, before)

    @pytest.mark.parametrize("state", FINALS)
    def test_the_same_end_of_a_later_attempt_agrees(self, state: str) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        assert job.observe(JobStatus(state), attempt=2) is Outcome.UNCHANGED

        assert job.attempt == 1
        assert job.anomalies == ()

    def test_a_thousand_attempts_are_caught_up_with_and_no_more(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")

        assert job.observe("milling", attempt=1_002) is Outcome.CONFLICT
        assert job.observe("milling", attempt=1_001) is Outcome.ADVANCED

        assert (job.state, job.attempt) == (BaseJob.RUNNING, 1_001)

    def test_an_absurd_attempt_costs_nothing(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")

        assert job.observe("milling", attempt=10**9) is Outcome.CONFLICT

        assert (job.state, job.attempt) == (BaseJob.RUNNING, 1)


class TestAnomalies:
    def test_a_contradiction_is_kept_and_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")
        before = datetime.now(UTC)

        assert job.observe("scrap", reason="0.3 mm off") is Outcome.CONFLICT

        (odd,) = job.anomalies
        assert (odd.raw, odd.state, odd.attempt, odd.count) == ("scrap", "DONE", 1, 1)
        assert odd.reason
        assert odd.at.utcoffset() == timedelta(0)
        assert odd.at >= before - timedelta(seconds=1)
        (record,) = caplog.records
        assert (record.name.split(".")[0], record.levelno) == ("sojourn", logging.WARNING)
        assert "p-1" in record.getMessage()
        assert "scrap" in record.getMessage()
        assert "in attempt None" not in record.getMessage()

    def test_repeats_are_counted_and_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        outcomes = [job.observe("scrap") for _ in range(5)]

        assert outcomes == [Outcome.CONFLICT] * 5
        assert [odd.count for odd in job.anomalies] == [5]
        assert len(caplog.records) == 1

    def test_contradictions_of_two_kinds_are_kept_apart(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        for word in ["scrap", "stopped", "scrap"]:
            job.observe(word)

        assert [(odd.raw, odd.count) for odd in job.anomalies] == [("scrap", 2), ("stopped", 1)]

    def test_a_flood_of_contradictions_stays_small(self, caplog: pytest.LogCaptureFixture) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        for number in range(10_000):
            job.observe("scrap", reason=f"report {number}")

        assert sum(odd.count for odd in job.anomalies) == 10_000
        assert len(job.anomalies) < 100
        assert len(caplog.records) < 100

    def test_a_hundred_kinds_are_kept_and_no_more(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        for attempt in range(2, 112):
            assert job.observe("scrap", attempt=attempt) is Outcome.CONFLICT

        assert len(job.anomalies) == 100

    @pytest.mark.parametrize(
        ("state", "told"), [("DONE", "waiting"), ("RUNNING", "waiting"), ("RUNNING", "milling")]
    )
    def test_what_is_late_or_repeated_is_no_anomaly(
        self, state: str, told: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        job.observe(told)

        assert job.anomalies == ()
        assert caplog.records == []


class Guarded(BaseJob[Any]):
    """Callbacks on every step, a condition that always says no, and faults on demand."""

    def __init__(self, faults: dict[str, BaseException] | None = None) -> None:
        super().__init__(None, "g-1")
        self.faults = faults or {}
        self.seen: list[tuple[str, bool]] = []

    start = Transition(
        JobStatus.QUEUED, JobStatus.RUNNING, conditions="_never", before="_before", after="_after"
    )
    finish = Transition(JobStatus.RUNNING, JobStatus.DONE, before="_before", after="_after")

    def _never(self, event: Any) -> bool:
        raise AssertionError("a condition was asked about a fact")

    def _before(self, event: Any) -> None:
        self._call(f"before {event.transition.dest}", event)

    def _after(self, event: Any) -> None:
        self._call(f"after {event.transition.dest}", event)

    def _call(self, place: str, event: Any) -> None:
        self.seen.append((place, event.inferred))
        if place in self.faults:
            raise self.faults[place]


class TestCallbacks:
    def test_conditions_are_not_asked_and_callbacks_are_told_what_is_inferred(self) -> None:
        job = Guarded()

        assert job.observe("DONE") is Outcome.ADVANCED

        assert [entry.trigger for entry in job.history] == ["submit", "start", "finish"]
        assert job.seen == [
            ("before RUNNING", True),
            ("after RUNNING", True),
            ("before DONE", False),
            ("after DONE", False),
        ]

    def test_one_that_raises_before_its_change_prevents_it(self) -> None:
        fault = ValueError("no")
        job = Guarded({"before RUNNING": fault})
        job.submit()

        with pytest.raises(ValueError, match="no") as raised:
            job.observe("RUNNING")

        assert raised.value is fault
        assert job.state is BaseJob.QUEUED
        assert len(job.history) == 1

    def test_one_that_raises_on_the_way_leaves_a_job_that_can_go_on(self) -> None:
        job = Guarded({"before DONE": ValueError("not yet")})

        with pytest.raises(ValueError, match="not yet"):
            job.observe("DONE")

        assert_consistent(job, BASE)
        assert job.state is BaseJob.RUNNING
        job.faults.clear()
        assert job.observe("DONE") is Outcome.ADVANCED
        assert job.state is BaseJob.DONE

    def test_one_that_raises_after_its_change_leaves_the_change(self) -> None:
        job = Guarded({"after RUNNING": ValueError("too late")})

        with pytest.raises(ValueError, match="too late"):
            job.observe("RUNNING")

        assert job.state is BaseJob.RUNNING
        assert_consistent(job, BASE)
        assert Background(job.observe, "DONE").result() is Outcome.ADVANCED

    def test_one_may_not_report_another_job(self) -> None:
        other = Pushed(None, "other")

        class Nosy(BaseJob[Any]):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_tell")

            def _tell(self, event: Any) -> None:
                other.observe("RUNNING")

        job = Nosy(None, "n-1")

        with pytest.raises(ReentrantTransitionError):
            job.observe("RUNNING")

        assert job.state is BaseJob.RUNNING
        assert other.history == ()
        assert other.observe("RUNNING") is Outcome.ADVANCED


class TestPolls:
    def test_an_observation_carries_everything(self) -> None:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        told = Observation("FAILED", at=at, reason="out of memory")

        class Batch(Remote):
            status_map = {"FAILED": JobStatus.ERROR}

        job = Batch(Backend(poll=[told]), "b-1")
        job.submit()

        assert job.status() is JobStatus.ERROR

        assert job.history[-1].at == at
        assert str(job.error()) == "out of memory"

    def test_an_answer_that_was_overtaken_by_a_push_is_stale(self) -> None:
        def late(job: Any) -> str:
            job.observe("DONE")
            return "RUNNING"

        job = Remote(Backend(poll=[late]), "j-1")
        job.submit()

        assert job.status() is JobStatus.DONE

        assert job.anomalies == ()
        assert_consistent(job)

    def test_an_answer_about_the_attempt_before_does_not_move_the_next_one(self) -> None:
        # The question was sent in attempt 1; the part was requeued before the answer came.
        class Requeued(MachineShopJob):
            def _poll(self) -> Any:
                self.requeue()
                return "probing"

        shop = part()
        job = Requeued(shop.backend(), "p-1", shop.program)
        brought_to(job, SHOP_WAYS, "RUNNING")

        assert job.status() is JobStatus.QUEUED

        assert (job.state, job.attempt) == (BaseJob.QUEUED, 2)
        assert_consistent(job, SHOP)

    def test_an_answer_from_before_a_pause_does_not_end_the_pause(self) -> None:
        # RUNNING can be reached again from PAUSED, but the question was sent before the pause.
        class Pausing(BaseJob[Any]):
            PAUSED = State(JobStatus.RUNNING)
            pause = Transition(JobStatus.RUNNING, PAUSED)
            resume = Transition(PAUSED, JobStatus.RUNNING)
            status_map = {"busy": BaseJob.RUNNING}
            pausing = True

            def _poll(self) -> str:
                if self.pausing:
                    self.observe(Pausing.PAUSED)
                    self.pausing = False
                return "busy"

        job = Pausing(None, "p-1")
        job.observe(BaseJob.RUNNING)

        job.status()
        assert job.state is Pausing.PAUSED

        job.status()
        assert job.state is BaseJob.RUNNING


class TestThreads:
    @pytest.mark.parametrize("round_", range(50))
    def test_of_three_final_reports_at_once_one_wins_and_two_are_conflicts(
        self, round_: int
    ) -> None:
        job = brought_to(part(), SHOP_WAYS, "INSPECTING")
        words = ["ok", "scrap", "stopped"]

        outcomes = meet(*[lambda word=word: job.observe(word) for word in words])

        assert sorted(outcomes) == ["ADVANCED", "CONFLICT", "CONFLICT"]
        winner = words[outcomes.index(Outcome.ADVANCED)]
        assert job.state.name == SHOP_WORDS[winner]
        assert sorted(odd.raw for odd in job.anomalies) == sorted({*words} - {winner})
        assert_consistent(job, SHOP)

    def test_repeats_from_many_threads_are_all_counted(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        meet(*[lambda: [job.observe("scrap") for _ in range(200)]] * 4)

        assert [odd.count for odd in job.anomalies] == [800]

    def test_a_report_that_another_thread_overtakes_is_weighed_anew(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, job = (brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED") for _ in range(2))
        assert first.observe("RUNNING") is Outcome.ADVANCED
        genuine = _clock.wall

        def wall() -> float:
            monkeypatch.setattr(_clock, "wall", genuine)
            assert Background(job.start).result() is True
            return genuine()

        monkeypatch.setattr(_clock, "wall", wall)

        assert job.observe("RUNNING") is Outcome.UNCHANGED
        assert [entry.trigger for entry in job.history] == ["submit", "start"]
