"""The testing kit finds what is planted, passes what is honest, and refuses what it cannot test."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from functools import partial
from itertools import count, pairwise
from typing import Any

import pytest

from batch_job import ChecksumJob
from job_oracle import BASE, SHOP
from kit_classes import CHECKSUM, command, function, part
from kit_gallery import HONEST, PLANTED, Honest, Planted
from kit_gallery.honest import Empty
from machine_shop import MachineShopJob
from sojourn import BaseJob, IllegalTransitionError, JobStatus, Outcome, State, Transition
from sojourn.backends import CommandJob, FunctionJob
from sojourn.journals.memory import MemoryJournal
from sojourn.testing import (
    PROMISES,
    FactoryError,
    JobConformance,
    ScriptedBackend,
    ScriptedJob,
    _asking,
    _in_asyncio,
    _looping,
    check_job_class,
    shortest_paths,
    transition_cover,
)
from sojourn.testing._checking import parts, play, quiet
from sojourn.testing._exhaustive import exhaust, moves
from sojourn.testing._report import Ledger
from sojourn.testing._subject import Setup, Subject

caught: Counter[str] = Counter()


class TestEmpty(JobConformance):
    job_class = Empty
    expected = BASE


class TestMachineShopJob(JobConformance):
    job_class = MachineShopJob
    expected = SHOP

    def make_job(self) -> BaseJob[Any]:
        return part()


class TestChecksumJob(JobConformance):
    job_class = ChecksumJob
    expected = CHECKSUM

    def make_job(self) -> BaseJob[Any]:
        return ChecksumJob(None, "c-1", "hello.txt")  # type: ignore[arg-type]


class TestFunctionJob(JobConformance):
    job_class = FunctionJob
    expected = BASE

    def make_job(self) -> BaseJob[Any]:
        return function()


class TestCommandJob(JobConformance):
    job_class = CommandJob
    expected = BASE

    def make_job(self) -> BaseJob[Any]:
        return command()


def marked(planted: Planted) -> Any:
    """Ask every interpreter about threads only, which are what differs there."""
    threads = planted.promise in ("calls-are-linearizable", "hooks-run-unlocked")
    return pytest.param(planted, marks=() if threads else pytest.mark.once, id=planted.cls.__name__)


@pytest.mark.parametrize("planted", [marked(each) for each in PLANTED])
def test_a_planted_bug_is_found_by_the_name_of_its_promise(planted: Planted) -> None:
    ledger = Ledger()

    with quiet():
        for _, part in parts(Subject(planted.cls, planted.factory), planted.tier):  # type: ignore[arg-type]
            part(ledger)
            if found := [f for f in ledger.findings.values() if f.promise == planted.promise]:
                break

    assert found, [str(each) for each in ledger.findings.values()]
    assert PROMISES[planted.promise] in str(found[0])
    assert found[0].path
    caught[planted.tier] += 1


@pytest.mark.once
def test_the_gallery_is_large_and_every_bug_of_it_is_caught(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quick, both = caught["quick"], caught["quick"] + caught["ci"]
    with capsys.disabled():  # it is for whoever reads what the suite prints
        print(f"\nplanted bugs of {len(PLANTED)} caught: quick tier {quick}, ci tier {both}")
    assert len(PLANTED) >= 25
    assert len({planted.promise for planted in PLANTED}) >= 25


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: honest.cls.__name__)
def test_an_honest_class_passes_however_odd_it_is(honest: Honest) -> None:
    report = check_job_class(honest.cls, factory=honest.factory)

    assert report.ok, str(report)
    assert report.findings == report.errors == ()
    assert report.calls > 500
    assert str(report).startswith(f"{honest.cls.__name__}: no promise is broken (quick: ")


def test_a_finding_reads_as_a_path() -> None:
    class Hasty(BaseJob[Any]):
        def cancel(self) -> bool:
            return self.trigger("cancel")

    report = check_job_class(Hasty)

    assert not report.ok
    finding = next(each for each in report.findings if each.promise == "cancel-asks")
    assert "submit()" in finding.path[0]
    assert finding.path[-1].startswith("cancel()")
    lines = [line.split()[0] for line in str(finding).splitlines()]
    assert lines[:5] == ["cancel-asks:", "from", "do", "expected", "happened"]
    race = next(each for each in report.findings if each.promise == "calls-are-linearizable")
    assert "submit() and the backend takes it in one thread, stopped at _" in race.path[-1]
    assert race.happened.startswith("raises IllegalTransitionError and meanwhile returns True; ")


def test_a_finding_is_told_without_the_calls_that_did_nothing_before_it() -> None:
    class Refuses(BaseJob[Any]):
        def trigger(self, trigger: str, **kwargs: Any) -> bool:
            if trigger == "start" and self.state is BaseJob.QUEUED:
                return False
            return super().trigger(trigger, **kwargs)

    finding = check_job_class(Refuses).findings[0]

    assert finding.path == ("trigger('submit')", "trigger('start')")


def test_what_takes_more_than_one_call_on_a_job_is_told_with_all_of_them() -> None:
    class Tires(BaseJob[Any]):
        refused = 0

        def trigger(self, trigger: str, **kwargs: Any) -> bool:
            try:
                return super().trigger(trigger, **kwargs)
            except IllegalTransitionError:
                self.refused += 1
                if self.refused > 1:
                    return False
                raise

    finding = check_job_class(Tires).findings[0]

    assert finding.promise == "trigger-is-strict"
    assert finding.path[:2] == ("trigger('start')", "trigger('finish')")
    assert finding.times > 1


def test_an_edge_that_the_table_does_not_have_is_found() -> None:
    class Shortcut(BaseJob[Any]):
        skip = Transition(JobStatus.QUEUED, JobStatus.DONE)

    assert check_job_class(Shortcut).ok
    report = check_job_class(Shortcut, expected=BASE)

    assert not report.ok
    assert "skip" in str(report)


def test_an_error_of_the_author_s_code_is_no_finding_and_no_pass() -> None:
    class Broken(BaseJob[Any]):
        start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_divide")

        def _divide(self, event: Any) -> None:
            raise ZeroDivisionError("in the author's code")

    report = check_job_class(Broken)

    assert not report.ok
    assert any("ZeroDivisionError: in the author's code" in str(each) for each in report.errors)
    assert "_divide" in str(report.errors[0])


@pytest.mark.once
@pytest.mark.parametrize("how", ["itself", "by a state"])
def test_a_callback_that_raises_breaks_no_promise(how: str) -> None:
    def divide(job: Any, event: Any = None) -> None:
        raise ZeroDivisionError("in the author's code")

    class Broken(BaseJob[Any]):
        WARM = State(JobStatus.RUNNING, on_enter="_divide" if how == "by a state" else ())
        warm = Transition(
            JobStatus.RUNNING, WARM, after=partial(divide, None) if how == "itself" else ()
        )
        finish = Transition(WARM, JobStatus.DONE)
        _divide = divide

    report = check_job_class(Broken)

    assert report.findings == ()
    assert {type(problem.error) for problem in report.errors} == {ZeroDivisionError}
    assert {problem.place.split(" in ")[1] for problem in report.errors} == {"divide"}


def test_an_error_on_the_way_of_every_kind_is_told_with_its_place() -> None:
    class Fragile(BaseJob[Any]):
        looks = 0

        def may(self, trigger: str, *args: Any, **kwargs: Any) -> bool:
            if self.state.name == "RUNNING":
                raise LookupError("may() is broken")
            return super().may(trigger, *args, **kwargs)

        def status(self) -> JobStatus:
            raise ArithmeticError("status() is broken")

    report = check_job_class(Fragile)

    assert not report.ok
    told = "\n".join(map(str, report.errors))
    assert "LookupError: may() is broken\n  raised at    " in told
    assert "ArithmeticError: status() is broken" in told
    assert "in may\n  while        " in told
    assert str(report).startswith("Fragile: ")


def test_a_lock_of_the_class_s_own_is_found_and_hangs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Locks(BaseJob[Any]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.own = threading.Lock()

        def status(self) -> JobStatus:
            with self.own:
                return super().status()

        def cancel(self) -> bool:
            with self.own:
                return super().cancel()

    monkeypatch.setattr(_asking, "OWN_LOCK", 0.2)
    report = check_job_class(Locks)

    assert [finding.promise for finding in report.findings] == ["hooks-run-unlocked"]
    told = "the other thread waits for a lock of the class's own, at "
    assert report.findings[0].happened.startswith(told)
    assert report.findings[0].happened.endswith("in cancel")
    assert "the rest is not looked at" in report.notes[0]


def test_a_loop_that_hangs_is_found_with_the_line_at_which_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Joins(BaseJob[Any]):
        def __await__(self) -> Generator[Any, None, Any]:
            thread = threading.Thread(target=self.wait_for_final_state, daemon=True)
            thread.start()
            thread.join()
            yield
            return self.result()

    monkeypatch.setattr(_looping, "SIGN", 0.2)
    ledger, subject = Ledger(), Subject(Joins)
    play(subject, ledger, "loop-goes-on", _in_asyncio.a_task_that_is_cancelled_cancels_no_job)

    (finding,) = ledger.findings.values()
    assert finding.promise == "loop-goes-on"
    assert "the loop's own thread hangs, at " in finding.happened
    assert finding.happened.endswith("in __await__")


def test_a_class_is_proven_where_a_loop_runs_already() -> None:
    async def prove() -> bool:
        return check_job_class(Empty).ok

    assert asyncio.run(prove())


def test_hooks_that_ask_a_real_client_do_not_run_and_break_no_promise() -> None:
    ran: list[str] = []

    class Real(BaseJob[Any]):
        def _submit(self) -> str:
            ran.append("a job that costs money")
            return str(self.backend().enqueue(self.job_id()))

    for factory in (None, lambda: Real(object(), "j-1")):
        report = check_job_class(Real, factory=factory)

        assert report.ok, str(report)
        assert "its own _submit() did not run; a factory whose backend" in str(report)
    assert ran == []


def test_a_way_that_does_not_lead_there_again_is_noted() -> None:
    class Moody(BaseJob[Any]):
        reports = count()

        def observe(self, raw: object, **more: Any) -> Any:
            if next(self.reports) > 60:
                return Outcome.UNCHANGED
            return super().observe(raw, **more)

    report = check_job_class(Moody)

    assert any("does not always lead to " in note for note in report.notes), report


def test_a_promise_that_is_broken_fails_its_test_and_no_other() -> None:
    class Hasty(BaseJob[Any]):
        def done(self) -> bool:
            return self.in_final_state()

    class Conformance(JobConformance):
        job_class = Hasty

    Conformance().test_promise("cancel-asks")
    Conformance().test_no_error_on_the_way()
    with pytest.raises(pytest.fail.Exception, match=r"(?s)status-agrees: done.*compared.*from   "):
        Conformance().test_promise("status-agrees")


def test_an_error_fails_the_test_that_there_is_none() -> None:
    class Broken(BaseJob[Any]):
        def _divide(self, event: Any) -> None:
            raise ZeroDivisionError("in the author's code")

        start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_divide")

    class Conformance(JobConformance):
        job_class = Broken

    with pytest.raises(pytest.fail.Exception, match="ZeroDivisionError: in the author's code"):
        Conformance().test_no_error_on_the_way()


ONE = Empty("backend", "j-1")
MEMORY = MemoryJournal()
SCRIPT = ScriptedBackend()


def _fail() -> Any:
    raise ConnectionError("no network")


BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no class": (lambda: check_job_class(ONE), TypeError, "give it Empty"),  # type: ignore[arg-type]
    "another class": (lambda: check_job_class(dict), TypeError, r"class dict\(BaseJob\)"),  # type: ignore[arg-type]
    "the root": (lambda: check_job_class(BaseJob), TypeError, "derives from it"),
    "a factory that fails": (
        lambda: check_job_class(Empty, factory=_fail),
        FactoryError,
        "failed: ConnectionError: no network; it must make a new job",
    ),
    "the same job twice": (
        lambda: check_job_class(Empty, factory=lambda: ONE),
        FactoryError,
        "the same job twice; make a new job with every call",
    ),
    "a factory of something else": (
        lambda: check_job_class(Empty, factory=lambda: "a job"),  # type: ignore[arg-type, return-value]
        FactoryError,
        "must return a new Empty",
    ),
    "no factory where one is needed": (
        lambda: check_job_class(ChecksumJob),
        FactoryError,
        "give factory=lambda: ChecksumJob",
    ),
    "unknown states": (
        lambda: check_job_class(Empty, expected={**BASE, ("QUEUED", "hold"): "HELD"}),
        ValueError,
        "expected names HELD, and Empty has no such state; its states are CANCELLED",
    ),
    "no table": (
        lambda: check_job_class(Empty, expected=[("QUEUED", "RUNNING")]),  # type: ignore[arg-type]
        TypeError,
        "is no such table",
    ),
    "an empty table": (
        lambda: check_job_class(Empty, expected={}),
        ValueError,
        r"expected lacks \('INITIALIZING', 'cancel'\), .*so write that down, too",
    ),
    "a table of nowhere": (
        lambda: check_job_class(Empty, expected={**BASE, ("QUEUED", "start"): None}),
        TypeError,
        "leads from .* to None; give the name of a state",
    ),
    "one place in a journal": (
        lambda: check_job_class(Empty, factory=partial(Empty, None, "j", journal=MEMORY)),
        FactoryError,
        "two jobs under one id in the same journal; give each job",
    ),
    "one script for all": (
        lambda: check_job_class(ScriptedJob, factory=partial(ScriptedJob, SCRIPT, "j")),
        FactoryError,
        "gives two jobs the same ScriptedBackend, .*; make a new backend for every job",
    ),
    "no such tier": (lambda: check_job_class(Empty, tier="slow"), ValueError, "'quick' or 'ci'"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_tested_is_an_error_that_says_what_to_write(case: str) -> None:
    call, kind, words = BAD[case]

    with pytest.raises(kind, match=words):
        call()


def test_a_conformance_class_runs_all_of_its_tests_or_says_what_it_lacks() -> None:
    class TestOfNothing(JobConformance):
        pass

    with pytest.raises(TypeError, match="TestOfNothing has no job_class; write job_class = Your"):
        TestOfNothing().test_promise("cancel-asks")
    with pytest.raises(TypeError, match="TestLate does without test_promise, which every class"):

        class TestLate(JobConformance):
            job_class = Empty
            pytestmark = pytest.mark.skip("later")

    with pytest.raises(TypeError, match="TestLater is marked to be skipped, or to fail; its tests"):

        @pytest.mark.skip("later")
        class TestLater(JobConformance):
            job_class = Empty

    @pytest.mark.once
    class TestOnce(JobConformance):
        job_class = Empty

    with pytest.raises(TypeError, match="does without test_no_error_on_the_way"):

        class TestLazy(JobConformance):
            test_no_error_on_the_way = None  # type: ignore[assignment]


def test_a_job_that_is_not_new_is_refused() -> None:
    def used() -> Any:
        job = Empty("backend", "j-1")
        job.submit()
        return job

    with pytest.raises(FactoryError, match="QUEUED already"):
        check_job_class(Empty, factory=used)


@pytest.mark.once
def test_a_class_of_forty_states_is_exhausted() -> None:
    names = [f"STEP_{number}" for number in range(34)]
    body: dict[str, Any] = {name: State(JobStatus.RUNNING) for name in names}
    way = ["RUNNING", *names, "DONE"]
    for number, (source, dest) in enumerate(pairwise(way)):
        name = "finish" if dest == "DONE" else f"step_{number}"
        body[name] = Transition(source, dest)
    cls = type(BaseJob)("Long", (BaseJob,), body)
    ledger = Ledger()

    subject = Subject(cls)
    setup = Setup(subject, "moves", ())
    exhaust(setup, moves(setup), ledger)

    print(f"{ledger.calls} calls on {ledger.jobs} jobs in {ledger.worlds} situations")
    assert not ledger.findings
    assert ledger.states == {*names, *JobStatus}


def test_every_transition_is_covered_by_few_paths() -> None:
    cover = transition_cover(MachineShopJob)

    assert {edge for path in cover for edge in path} == set(MachineShopJob.lifecycle.transitions)
    for path in cover:
        assert path[0].source == MachineShopJob.INITIALIZING
        assert all(one.dest == two.source for one, two in pairwise(path))
    assert len(cover) <= len(MachineShopJob.lifecycle.transitions)
    paths = shortest_paths(MachineShopJob.lifecycle)
    assert [edge.trigger for edge in paths["INSPECTING"]] == ["submit", "start", "inspect"]


def test_a_backend_is_asked_only_what_it_knows() -> None:
    with pytest.raises(TypeError, match="the questions are submit, poll"):
        ScriptedBackend().script(where=["QUEUED"])
    with pytest.raises(ValueError, match="give at least one answer"):
        ScriptedBackend(poll=[])


@pytest.mark.once
def test_the_kit_needs_hypothesis_and_pytest_only_where_it_uses_them() -> None:
    code = """
import sys
sys.modules["hypothesis"] = sys.modules["pytest"] = None
from sojourn.testing import ScriptedJob, check_job_class
assert check_job_class(ScriptedJob).ok
for name in ("job_classes", "JobConformance"):
    try:
        getattr(sys.modules["sojourn.testing"], name)
    except ModuleNotFoundError as error:
        assert 'pip install "sojourn[testing]"' in str(error), error
    else:
        raise SystemExit(name)
"""

    subprocess.run([sys.executable, "-c", code], check=True)
