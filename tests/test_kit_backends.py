"""The contract of a backend: what it asks for, what it does without, and whom it refuses."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from kit_backends import PLANTED, OfWorkshops, Planted
from sojourn import BaseJob, JobStatus
from sojourn.testing import BACKEND_PROMISES, BackendConformance, FactoryError, Requirements
from sojourn.testing._requirements import needs_of, promise_of

#: The tests of the core; these names are an API, and releases only add to them.
CORE = {
    "test_what_succeeds_is_done_and_keeps_its_result",
    "test_what_fails_is_in_error_and_says_why",
    "test_one_that_fails_harms_no_other",
    "test_a_history_leads_from_its_submission_to_its_end",
    "test_a_second_submission_is_refused",
    "test_one_that_is_over_is_not_cancelled",
    "test_one_that_is_asked_to_stop_comes_to_an_end",
    "test_a_wait_that_ends_at_its_deadline_changes_nothing",
    "test_ids_are_unique_across_backends",
    "test_snapshots_tell_the_same",
    "test_it_can_be_awaited",
}
#: Those of backends that have more.
MORE = {
    "test_one_that_runs_is_cancelled_when_it_has_stopped",
    "test_its_history_has_every_step_at_a_time_that_somebody_saw",
    "test_no_more_run_than_there_are_slots",
    "test_a_number_of_slots_below_one_is_refused",
    "test_a_number_of_slots_that_is_none_is_refused",
    "test_one_that_waits_is_cancelled_at_once_and_never_starts",
    "test_all_that_are_cancelled_at_random_moments_come_to_an_end",
    "test_it_lists_the_jobs_that_are_not_over",
    "test_leaving_the_block_waits_for_all",
    "test_leaving_the_block_by_an_exception_cancels_all",
    "test_closing_cancels_what_waits_and_waits_for_what_runs",
    "test_a_closed_one_runs_no_more_and_can_be_closed_again",
    "test_nothing_is_left",
    "test_a_forked_child_leaves_it_alone",
}


#: The planted bugs that were found.
caught: list[Planted] = []


class Printer:
    """A service far away, whose jobs are polled; it never stops what it prints."""

    numbers = iter(range(1, 1_000))

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}

    def word(self, number: str) -> str:
        """Say how far it is; with each look it goes on, unless it is held."""
        words = self.words[number]
        return words.pop(0) if len(words) > 1 else words[0]

    def run(self, *words: str) -> PrintJob:
        job = PrintJob(self, f"print-{next(self.numbers)}")
        self.words[job.job_id()] = list(words)
        job.submit()
        return job


class PrintJob(BaseJob[str]):
    def _submit(self) -> str:
        return self.job_id()

    def _poll(self) -> Any:
        return self.backend().word(self.native_id)

    def _cancel(self) -> bool:
        return False

    def _fetch_result(self) -> str:
        return f"page {self.native_id}"


ONE_JOB = Printer().run("DONE")


class OfAPrinter(Requirements):
    @property
    def stops(self) -> bool:
        return False

    @property
    def sees_every_step(self) -> bool:
        return False

    @property
    def queues(self) -> bool:
        return False

    @property
    def lists(self) -> bool:
        return False

    @property
    def closes(self) -> bool:
        return False

    @property
    def forks(self) -> bool:
        return False


class TestPrinter(BackendConformance):
    """A fake: has_started and let_go take the place of files."""

    requirements = OfAPrinter()

    def make_backend(self, slots: int) -> Any:
        return Printer()

    def succeed(self, backend: Any) -> BaseJob[Any]:
        return backend.run("QUEUED", "DONE")

    def fail(self, backend: Any) -> BaseJob[Any]:
        return backend.run("ERROR")

    def hold(self, backend: Any, folder: Path) -> BaseJob[Any]:
        return backend.run("RUNNING")

    def has_started(self, job: BaseJob[Any], folder: Path) -> bool:
        return job.status() is JobStatus.RUNNING

    def let_go(self, job: Any, folder: Path) -> None:
        job.backend().words[job.job_id()] = ["DONE"]


class TestWorkshop(OfWorkshops):
    """Our own small backend, which has everything."""


def broken(conformance: Any, promise: str, folder: Path) -> list[BaseException]:
    """Run the tests that hold a promise, as pytest would, and return what they raise."""
    found: list[BaseException] = []
    for name in sorted(named(conformance)):
        test = getattr(conformance, name)
        if promise_of(test) != promise:
            continue
        given = set(signature(test).parameters)
        for slots in _slots(test):
            stage = conformance()
            backend = stage.make_backend(2) if "backend" in given else None
            (here := folder / f"{name}-{slots}").mkdir()
            known = {"backend": backend, "tmp_path": here, "slots": slots}
            try:
                test(stage, **{name: value for name, value in known.items() if name in given})
            except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # and looked at
                found.append(error)
            finally:
                for file in here.rglob("ready"):
                    (file.parent / "go").touch()
                if backend is not None:
                    stage.close(backend)
    return found


def _slots(test: Any) -> list[Any]:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return list(marks[0].args[1]) if marks else [None]


@pytest.mark.once
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.cls.__name__)
def test_a_planted_bug_of_a_backend_is_found_by_the_name_of_its_promise(
    planted: Planted, tmp_path: Path
) -> None:
    class Theirs(OfWorkshops):
        patience = 2.0

        def make_backend(self, slots: int) -> Any:
            return planted.cls(slots)

    found: list[BaseException] = []
    for chance in "abc":  # where threads have to be quick to show it, they may be late
        if not found:
            (tmp_path / chance).mkdir()
            found = broken(Theirs, planted.promise, tmp_path / chance)

    assert found
    told = f"broken  {planted.promise}: {BACKEND_PROMISES[planted.promise]}"
    assert {note for error in found for note in error.__notes__} == {told}
    caught.append(planted)


@pytest.mark.once
def test_every_promise_of_a_backend_is_broken_by_somebody_and_all_of_them_are_caught(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with capsys.disabled():
        print(f"\nplanted bugs of {len(PLANTED)} backends caught: {len(caught)}")
    assert {planted.promise for planted in PLANTED} == set(BACKEND_PROMISES)


def named(cls: type) -> set[str]:
    return {name for name in dir(cls) if name.startswith("test_") and getattr(cls, name)}


def test_the_names_of_the_tests_are_an_api() -> None:
    assert named(BackendConformance) == CORE | MORE
    for name in CORE | MORE:
        assert bool(needs_of(getattr(BackendConformance, name))) == (name in MORE)


def test_every_promise_of_a_backend_has_a_test_and_every_test_a_promise() -> None:
    held = {promise_of(getattr(BackendConformance, name)) for name in CORE | MORE}

    assert held == set(BACKEND_PROMISES)


def test_what_a_backend_lacks_is_not_tested_and_the_core_always_is() -> None:
    assert named(TestPrinter) == CORE


def test_one_that_can_do_more_than_the_one_it_derives_from_is_tested_for_more() -> None:
    class TestBetter(TestPrinter):
        requirements = Requirements()

    assert named(TestBetter) == CORE | MORE


def test_the_core_cannot_be_taken_away() -> None:
    with pytest.raises(TypeError, match="does without test_it_can_be_awaited, which every backend"):

        class TestLazy(TestPrinter):
            test_it_can_be_awaited = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="let it run, or say with requirements"):

        class TestLate(TestPrinter):
            pytestmark = pytest.mark.skip("later")

    with pytest.raises(TypeError, match="TestLater is marked to be skipped, or to fail; its tests"):

        @pytest.mark.xfail
        class TestLater(TestPrinter):
            pass


@pytest.mark.parametrize("name", ["make_backend", "succeed", "fail", "hold"])
def test_what_is_missing_is_said(name: str) -> None:
    class TestNothing(BackendConformance):
        pass

    arguments = {"make_backend": (2,), "hold": ("backend", Path())}.get(name, ("backend",))
    with pytest.raises(NotImplementedError, match=rf"write def {name}\(self, .*which returns"):
        getattr(TestNothing(), name)(*arguments)


ONE = Printer()


@pytest.mark.parametrize(
    ("name", "method", "words"),
    [
        ("make_backend", lambda self, slots: None, "returned None; it must return a new backend"),
        ("make_backend", lambda self, slots: ONE, "the same twice; it must return a new backend"),
        ("make_backend", lambda self, slots: 1 / 0, "failed: ZeroDivisionError: division by zero"),
        ("succeed", lambda self, backend: "a job", "returned 'a job'; it must return the job"),
        ("succeed", lambda self, backend: backend.run("DONE").history, "it must return the job"),
        ("succeed", lambda self, backend: ONE_JOB, "the same twice; it must return the job of"),
    ],
)
def test_a_factory_that_fails_or_makes_nothing_new_is_no_broken_promise(
    name: str, method: Any, words: str
) -> None:
    method.__name__ = name
    wrong: Any = type("TestWrong", (TestPrinter,), {name: method})()

    with pytest.raises(FactoryError, match=words) as raised:
        wrong.test_ids_are_unique_across_backends(wrong.make_backend(2))

    assert not hasattr(raised.value, "__notes__")
    assert str(raised.value).startswith(f"TestWrong.{name} ")


def test_a_test_that_fails_names_its_promise() -> None:
    class TestWrong(TestPrinter):
        def succeed(self, backend: Any) -> BaseJob[Any]:
            return self.fail(backend)

    wrong = TestWrong()
    with pytest.raises(Exception, match="ERROR") as raised:
        wrong.test_what_succeeds_is_done_and_keeps_its_result(wrong.make_backend(2))

    assert raised.value.__notes__ == [
        "broken  success-is-done: what succeeds is DONE, and its result is the same every time"
    ]
