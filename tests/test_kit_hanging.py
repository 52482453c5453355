"""A call that never returns ends the kit with a report that says which it was, and where it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from kit_gallery.honest import Empty
from sojourn import BaseJob, JobStatus, Outcome, Transition, _clock
from sojourn.testing import (
    FactoryError,
    JobConformance,
    ScriptedBackend,
    ScriptedJob,
    _checking,
    _walking,
    _watching,
    check_job_class,
)
from sojourn.testing._watching import HangError, watched

_REAL_WAIT = _clock.wait


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after half a second."""
    monkeypatch.setattr(_watching, "PAUSE", 0.025)


hangs = pytest.mark.usefixtures("soon")


class Loops(BaseJob[Any]):
    def status(self) -> JobStatus:
        turns = 0
        while not self.state.is_final:
            turns += 1
        return super().status()


class WaitsForItself(BaseJob[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.own = threading.Lock()

    def cancel(self) -> bool:
        with self.own:
            return self._cancelled()

    def _cancelled(self) -> bool:
        with self.own:
            return super().cancel()


class AsksForEver(ScriptedJob):
    def _poll(self) -> Any:
        word = None
        while word is None:
            word = super()._poll()
        return word


class LoopsInATrigger(BaseJob[Any]):
    def trigger(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        while trigger == "finish" and self.state.name == "RUNNING":
            pass
        return super().trigger(trigger, *args, **kwargs)


class LoopsInTheFourthAttempt(BaseJob[Any]):
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    def observe(self, raw: object, **more: Any) -> Outcome:
        while self.attempt > 3:
            pass
        return super().observe(raw, **more)


HANGING: list[tuple[type[BaseJob[Any]], Callable[[], Any] | None, str, str]] = [
    (Loops, None, "status", "status()"),
    (WaitsForItself, None, "cancel", "cancel()"),
    (LoopsInATrigger, None, "trigger", "trigger('finish')"),
    (AsksForEver, lambda: AsksForEver(ScriptedBackend(), "j-1"), "status", "status()"),
]


@hangs
@pytest.mark.parametrize("hanging", HANGING, ids=lambda each: each[0].__name__)
def test_a_call_that_never_returns_is_an_error_with_its_stack_and_no_pass(
    hanging: tuple[type[BaseJob[Any]], Callable[[], Any] | None, str, str],
) -> None:
    cls, factory, call, last = hanging

    report = check_job_class(cls, factory=factory)

    assert not report.ok
    assert report.findings == ()
    (problem,) = report.errors
    assert isinstance(problem.error, HangError)
    assert str(problem.error) == f"{call}() has not returned after 0.5 s, and was given up"
    assert problem.path[-1] == last
    assert problem.place == problem.stack[-1]
    assert any(line.endswith(f" in {call}") for line in problem.stack)
    assert __file__ in problem.place
    assert f"  stands at    {problem.place}\n" in str(problem)
    assert "the rest is not looked at" in report.notes[-1]


@hangs
def test_what_a_call_hangs_in_is_told_line_by_line() -> None:
    (problem,) = check_job_class(WaitsForItself).errors

    assert [line.split(" in ")[-1] for line in problem.stack] == ["cancel", "_cancelled"]
    assert "_cancelled\n  called at    " in str(problem)


@hangs
def test_the_clocks_run_again_when_a_call_hangs_where_no_time_passes() -> None:
    sleep = time.sleep

    check_job_class(WaitsForItself)

    assert time.sleep is sleep
    assert _clock.wait is _REAL_WAIT


@hangs
def test_a_walk_that_hangs_is_told_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def walks(subject: Any, _: str) -> list[Any]:
        return [("walks", partial(_walking.walk, subject))]

    monkeypatch.setattr(_checking, "parts", walks)

    report = check_job_class(LoopsInTheFourthAttempt, tier="ci")

    (problem,) = report.errors
    assert str(problem.error).startswith("observe() has not returned")
    assert problem.path[-1].startswith("observe(")
    assert len(problem.path) > 3


@hangs
def test_a_factory_that_hangs_is_told_as_one() -> None:
    def make() -> Any:
        while True:
            pass

    with pytest.raises(FactoryError, match=r"no job can be made: make\(\) has not returned after"):
        check_job_class(Empty, factory=make)


@hangs
def test_no_test_of_a_conformance_class_passes_that_was_not_looked_at() -> None:
    class Conformance(JobConformance):
        job_class = Loops

    for promise in ("cancel-asks", "no-copies"):
        with pytest.raises(pytest.fail.Exception, match=f"{promise}: the rest is not looked at"):
            Conformance().test_promise(promise)
    with pytest.raises(pytest.fail.Exception, match="HangError: status"):
        Conformance().test_no_error_on_the_way()


def test_an_interrupt_ends_the_work_and_comes_to_whoever_asked_for_it() -> None:
    ended, begun = threading.Event(), threading.Event()

    def work(tell: Callable[[str], object]) -> None:
        tell("looping")
        begun.set()
        try:
            while True:
                pass
        finally:
            ended.set()

    def progress(_: str) -> None:
        assert begun.wait(30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(work, progress)

    assert ended.wait(30)


def test_what_is_done_is_told_in_order_in_the_thread_of_the_caller() -> None:
    told: list[tuple[str, int]] = []

    check_job_class(Empty, progress=lambda part: told.append((part, threading.get_ident())))

    assert told[0][0] == "every move"
    assert told[-1][0] == "two threads"
    assert {who for _, who in told} == {threading.get_ident()}


def test_a_person_in_a_debugger_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over, looks = threading.Event(), count(1)

    def debugged(_: object) -> bool:
        if next(looks) > 2 * _watching.LOOKS:
            over.set()
        return True

    monkeypatch.setattr(_watching, "PAUSE", 0.01)
    monkeypatch.setattr(_watching, "is_debugged", debugged)

    class Slow(BaseJob[Any]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            assert over.wait(30)

    assert check_job_class(Slow).ok
