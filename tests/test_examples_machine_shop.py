"""The job class of the design page, against a controller that cannot be trusted."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from itertools import product

import pytest

from machine_shop import (
    Controller,
    MachineShop,
    MachineShopJob,
    Mood,
    Program,
    Report,
    Telegram,
    main,
)
from sojourn import JobStatus, Outcome
from sojourn.errors import (
    IllegalTransitionError,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobSubmitError,
    SubmitUncertainError,
    UnknownStatusError,
)

BRACKET = Program("bracket")

#: Where each state of a part stands on its way; written by hand, not taken from the lifecycle.
WAY = {
    "INITIALIZING": 0,
    "QUEUED": 1,
    "SETUP": 2,
    "RUNNING": 3,
    "INSPECTING": 4,
    "DONE": 5,
    "ERROR": 5,
    "CANCELLED": 5,
}
VERDICTS = {"ok": "DONE", "scrap": "ERROR", "stopped": "CANCELLED"}


def make(
    *moods: Mood, program: Program = BRACKET, job_id: str = "p-1"
) -> tuple[MachineShopJob, Controller]:
    controller = Controller(moods)
    return MachineShopJob(MachineShop(controller), job_id, program), controller


def steps(job: MachineShopJob) -> list[str]:
    return [f"{entry.trigger} {entry.dest}" for entry in job.history]


def look_until(job: MachineShopJob, state: str) -> None:
    """Ask the controller until a part has come to a state; each look lets one step pass."""
    for _ in range(30):
        if job.state.name == state:
            return
        job.status()
    raise AssertionError(f"{job} never came to {state}")


ALL_STEPS = ["submit QUEUED", "mount SETUP", "start RUNNING", "inspect INSPECTING", "finish DONE"]


class TestAnHonestController:
    def test_a_part_goes_through_every_state(self) -> None:
        job, _ = make()
        job.submit()

        job.wait_for_final_state(timeout=10, wait=0.01)

        assert job.result() == Report("bracket", 0.01, 1)
        assert steps(job) == ALL_STEPS
        assert not any(entry.inferred for entry in job.history)
        assert job.photographs == ["bracket, attempt 1"]

    def test_every_caller_sees_one_of_the_six_statuses(self) -> None:
        job, _ = make()
        seen = [(job.state.name, job.status())]
        job.submit()

        while not job.state.is_final:
            status = job.status()
            seen.append((job.state.name, status))

        assert seen == [
            ("INITIALIZING", JobStatus.INITIALIZING),
            ("QUEUED", JobStatus.QUEUED),
            ("SETUP", JobStatus.QUEUED),
            ("RUNNING", JobStatus.RUNNING),
            ("INSPECTING", JobStatus.RUNNING),
            ("DONE", JobStatus.DONE),
        ]

    def test_scrap_fails_with_what_was_measured(self) -> None:
        job, _ = make(program=Program("bracket", deviation=0.31))
        job.submit()

        job.wait_for_final_state(timeout=10, wait=0.01)

        with pytest.raises(JobFailedError) as failed:
            job.result()
        assert isinstance(failed.value.__cause__, JobError)
        assert str(failed.value.__cause__) == str(job.error()) == "0.31 mm off, 0.05 mm allowed"

    def test_a_program_that_nobody_can_mill_is_refused(self) -> None:
        job, controller = make(program=Program("mirror", tolerance=0.0))

        with pytest.raises(JobSubmitError) as refused:
            job.submit()

        assert isinstance(refused.value.__cause__, ValueError)
        assert job.error() is refused.value.__cause__
        assert controller.orders() == []
        with pytest.raises(JobFailedError, match="allows no tolerance"):
            job.result()

    def test_a_trigger_out_of_turn_is_refused_and_shows_the_way(self) -> None:
        job, _ = make()
        job.submit()

        with pytest.raises(IllegalTransitionError) as refused:
            job.finish()

        assert str(refused.value) == (
            "job 'p-1' cannot 'finish' while QUEUED; allowed here: cancel, fail, mount, start "
            "(finish comes after: start, inspect)"
        )
        assert steps(job) == ["submit QUEUED"]

    def test_the_story_fits_in_a_line(self) -> None:
        job, _ = make()
        job.submit()
        look_until(job, "SETUP")

        assert str(job).startswith("<MachineShopJob 'p-1' SETUP (QUEUED) for ")
        assert str(job).endswith(" s, attempt 1>")


class TestLostAnswers:
    def test_a_part_whose_acceptance_was_lost_is_found_and_not_milled_twice(self) -> None:
        job, controller = make(Mood.LOST)

        with pytest.raises(SubmitUncertainError) as uncertain:
            job.submit()

        assert isinstance(uncertain.value.__cause__, TimeoutError)
        assert job.status() is JobStatus.INITIALIZING
        assert job.reconcile() is Outcome.ADVANCED
        assert job.native_id == "part-1"
        job.wait_for_final_state(timeout=10, wait=0.01)
        assert job.done()
        assert controller.orders() == ["p-1"]

    def test_no_news_changes_nothing(self) -> None:
        job, _ = make(Mood.HONEST, *[Mood.LOST] * 3)
        job.submit()

        assert [job.status() for _ in range(3)] == [JobStatus.QUEUED] * 3

        assert steps(job) == ["submit QUEUED"]

    def test_steps_that_nobody_saw_are_inferred_and_not_photographed(self) -> None:
        job, _ = make(Mood.HONEST, *[Mood.LOST] * 4)
        job.submit()

        job.wait_for_final_state(timeout=10, wait=0.01)

        # `start` leads from QUEUED to RUNNING too, so the shortest way leaves the mounting out.
        assert [(entry.trigger, entry.inferred, entry.at is None) for entry in job.history] == [
            ("submit", False, False),
            ("start", True, True),
            ("inspect", True, True),
            ("finish", False, False),
        ]
        assert job.photographs == []


class TestLateRepeatedAndWrongAnswers:
    def test_a_repeated_answer_changes_nothing(self) -> None:
        job, controller = make(Mood.HONEST, *[Mood.TWICE] * 10)
        job.submit()
        outcomes: list[Outcome] = []
        controller.listen("p-1", lambda telegram: outcomes.append(job.hear(telegram)))

        for _ in range(5):
            controller.tick()

        once = [Outcome.ADVANCED, Outcome.UNCHANGED]
        assert outcomes == once * 4 + [Outcome.UNCHANGED] * 2
        assert steps(job) == ALL_STEPS
        assert job.anomalies == ()

    def test_a_late_answer_is_stale(self) -> None:
        job, controller = make(Mood.HONEST, Mood.HONEST, Mood.HONEST, Mood.HONEST, Mood.LATE)
        job.submit()
        outcomes: list[Outcome] = []
        controller.listen("p-1", lambda telegram: outcomes.append(job.hear(telegram)))

        for _ in range(3):  # mounting, milling, probing
            controller.tick()
        late = job.hear(Telegram("mounting", 1))
        controller.tick()  # the part is ok, and the answer is still "probing"

        assert outcomes == [Outcome.ADVANCED] * 3 + [Outcome.UNCHANGED]
        assert late is Outcome.STALE
        assert job.state is MachineShopJob.INSPECTING
        assert job.anomalies == ()

    def test_the_other_verdict_is_an_anomaly_and_the_first_one_stands(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        job, controller = make(*[Mood.HONEST] * 5, Mood.WRONG, Mood.WRONG)
        job.submit()
        outcomes: list[Outcome] = []
        controller.listen("p-1", lambda telegram: outcomes.append(job.hear(telegram)))

        for _ in range(6):
            controller.tick()

        assert outcomes[3:] == [Outcome.ADVANCED, Outcome.CONFLICT, Outcome.CONFLICT]
        assert job.result() == Report("bracket", 0.01, 1)
        assert [(odd.raw, odd.state, odd.count) for odd in job.anomalies] == [("scrap", "DONE", 2)]
        assert {record.levelname for record in caplog.records} == {"WARNING"}

    def test_a_word_that_the_class_does_not_know_is_taken_for_nothing(self) -> None:
        job, _ = make()
        job.submit()

        with pytest.raises(UnknownStatusError, match="polishing"):
            job.hear(Telegram("polishing", 1))

        assert job.state is MachineShopJob.QUEUED
        assert job.anomalies == ()

    @pytest.mark.parametrize("seed", range(60))
    def test_no_telegram_ever_leads_to_an_illegal_history(self, seed: int) -> None:
        controller = Controller.moody(seed, answers=40)
        deviation = 0.01 if seed % 3 else 0.2
        job = MachineShopJob(MachineShop(controller), "p-1", Program("arm", 2, 0.05, deviation))
        try:
            job.submit()
        except SubmitUncertainError:
            job.reconcile()
        heard: list[tuple[Telegram, Outcome]] = []
        controller.listen("p-1", lambda telegram: heard.append((telegram, job.hear(telegram))))

        for tick in range(25):
            controller.tick()
            if tick == seed % 7 + 1 and job.state.name in ("RUNNING", "INSPECTING"):
                controller.break_tool("part-1")

        # An oracle of its own: the first verdict wins, every other one is counted against it.
        verdicts = [telegram.word for telegram, _ in heard if telegram.word in VERDICTS]
        assert job.state.name == VERDICTS[verdicts[0]]
        others = Counter(word for word in verdicts if word != verdicts[0])
        assert Counter({odd.raw: odd.count for odd in job.anomalies}) == others
        assert sum(outcome is Outcome.CONFLICT for _, outcome in heard) == others.total()
        places = [(entry.attempt, WAY[entry.dest]) for entry in job.history]
        assert places == sorted(set(places))
        assert [entry.number for entry in job.history] == list(range(1, len(places) + 1))
        assert sum(entry.dest in VERDICTS.values() for entry in job.history) == 1
        assert job.attempt == max(telegram.attempt for telegram, _ in heard)

    def test_a_script_and_a_seed_always_give_the_same_answers(self) -> None:
        def answers(controller: Controller) -> list[Telegram | None]:
            with suppress(TimeoutError):
                controller.enqueue(BRACKET, "p-1")
            return [controller.where("part-1") for _ in range(20)]

        assert answers(Controller.moody(7)) == answers(Controller.moody(7))
        assert answers(Controller.moody(7)) != answers(Controller.moody(8))
        assert answers(Controller([Mood.HONEST, Mood.LOST]))[0] is None

    @pytest.mark.parametrize("moods", list(product([Mood.LOST, Mood.LATE, Mood.TWICE], repeat=4)))
    def test_polling_ends_at_the_truth_whatever_is_lost_late_or_repeated(
        self, moods: tuple[Mood, ...]
    ) -> None:
        job, _ = make(Mood.HONEST, *moods)
        job.submit()

        look_until(job, "DONE")

        assert job.anomalies == ()
        assert steps(job)[-1] == "finish DONE"


class TestCancelling:
    def test_a_part_that_is_not_on_the_mill_is_taken_away(self) -> None:
        job, _ = make()
        job.submit()

        assert job.cancel() is True

        assert job.state is MachineShopJob.CANCELLED
        with pytest.raises(JobCancelledError):
            job.result()

    def test_a_part_on_the_mill_is_stopped_before_its_next_cut(self) -> None:
        job, _ = make(program=Program("bracket", cuts=3))
        job.submit()
        look_until(job, "RUNNING")

        assert job.cancel() is True

        assert job.state is MachineShopJob.RUNNING
        assert job.cancel_requested
        job.wait_for_final_state(timeout=10, wait=0.01)
        assert job.cancelled()

    def test_a_cancel_during_the_last_cut_loses_the_race(self) -> None:
        job, controller = make()
        job.submit()
        controller.tick()
        controller.tick()
        job.observe("milling")

        assert job.cancel() is True
        job.wait_for_final_state(timeout=10, wait=0.01)

        assert job.cancel_requested
        assert job.done()
        assert not job.cancelled()
        assert job.result() == Report("bracket", 0.01, 1)

    def test_a_part_on_the_measuring_table_cannot_be_cancelled(self) -> None:
        job, controller = make()
        job.submit()
        for _ in range(3):
            controller.tick()
        job.observe("probing")

        assert job.cancel() is False

        assert not job.cancel_requested
        assert job.result(timeout=10) == Report("bracket", 0.01, 1)


class TestSecondAttempts:
    def test_a_broken_tool_starts_a_second_attempt(self) -> None:
        job, controller = make(program=Program("bracket", cuts=2))
        job.submit()
        look_until(job, "RUNNING")

        controller.break_tool("part-1")
        look_until(job, "DONE")

        assert job.attempt == 2
        assert [(entry.trigger, entry.attempt) for entry in job.history] == [
            ("submit", 1),
            ("mount", 1),
            ("start", 1),
            ("requeue", 2),
            ("mount", 2),
            ("start", 2),
            ("inspect", 2),
            ("finish", 2),
        ]
        assert job.history[3].source == "RUNNING"
        assert job.photographs == ["bracket, attempt 2"]
        assert job.result() == Report("bracket", 0.01, 2)

    def test_what_is_said_about_an_earlier_attempt_is_stale(self) -> None:
        job, controller = make()
        job.submit()
        look_until(job, "RUNNING")
        controller.break_tool("part-1")

        assert job.hear(Telegram("waiting", 2, "the tool broke")) is Outcome.ADVANCED

        assert job.hear(Telegram("milling", 1)) is Outcome.STALE
        assert job.state is MachineShopJob.QUEUED
        assert job.attempt == 2

    def test_an_operator_may_requeue_by_hand(self) -> None:
        job, _ = make()
        job.submit()
        look_until(job, "INSPECTING")

        assert job.requeue() is True

        assert (job.state, job.attempt) == (MachineShopJob.QUEUED, 2)

    def test_a_part_that_waits_cannot_be_requeued(self) -> None:
        job, _ = make()
        job.submit()

        assert not job.may("requeue")
        with pytest.raises(IllegalTransitionError):
            job.requeue()
        assert (job.state, job.attempt) == (MachineShopJob.QUEUED, 1)

    def test_an_attempt_that_nobody_saw_is_inferred(self) -> None:
        job, _ = make()
        job.submit()

        assert job.hear(Telegram("mounting", 2)) is Outcome.ADVANCED

        assert [(entry.trigger, entry.inferred, entry.attempt) for entry in job.history] == [
            ("submit", False, 1),
            ("start", True, 1),
            ("requeue", True, 2),
            ("mount", False, 2),
        ]


def test_the_example_runs_as_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    main()

    *lines, story, report = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines] == [
        "mounting: ADVANCED",
        "mounting: UNCHANGED",
        "probing: ADVANCED",
        "probing: UNCHANGED",
        "ok: ADVANCED",
        "scrap: CONFLICT",
        "1 submit QUEUED",
        "2 mount SETUP",
        "3 start RUNNING (inferred)",
        "4 inspect INSPECTING",
        "5 finish DONE",
    ]
    assert story.startswith("<MachineShopJob 'p-1' DONE for ")
    assert report == "Report(program='bracket', deviation=0.01, attempt=1)"
