"""Guided walks reach everything, find what is deep, and can be extended."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from job_oracle import BASE, SHOP
from kit_gallery.asking import AsksNoMoreAfterALostAnswer, LooksOnlyOnce
from kit_gallery.honest import CountsCalls, Honest, Precheck, Restarts
from machine_shop import Controller, MachineShop, MachineShopJob, Program
from sojourn import BaseJob, JobStatus, State, Transition
from sojourn.testing import ScriptedBackend, ScriptedJob, machine_for
from sojourn.testing._checking import quiet
from sojourn.testing._lying import lie
from sojourn.testing._report import Ledger
from sojourn.testing._subject import Subject
from sojourn.testing._walking import JobMachine, quickly, walk


def new_part() -> MachineShopJob:
    return MachineShopJob(MachineShop(Controller()), "p-1", Program("bracket"))


TestWalksOfTheMachineShop = machine_for(MachineShopJob, factory=new_part, expected=SHOP).TestCase
TestWalksOfTheMachineShop.settings = settings(max_examples=30, deadline=None)


pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _quietly() -> Any:
    with quiet():
        yield


def test_walks_come_to_every_state_and_take_nearly_every_transition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: set[tuple[str, str, str]] = set()
    do, ledger = JobMachine._sj_do, Ledger()

    def watched(self: Any, call: Any) -> None:
        do(self, call)
        taken.update((entry.trigger, entry.source, entry.dest) for entry in self.job.history)

    monkeypatch.setattr(JobMachine, "_sj_do", watched)
    walk(Subject(MachineShopJob, new_part), ledger)

    assert not ledger.findings
    assert not ledger.errors
    assert {dest for _, _, dest in taken} == set(SHOP.values())
    # Which of them it is depends on the dice, and these on every line of the walk's.
    assert len(taken) >= 0.9 * len(SHOP)


def test_a_bug_in_a_deep_state_is_found_and_told_by_a_path() -> None:
    names = [f"STEP_{number}" for number in range(12)]
    body: dict[str, Any] = {name: State(JobStatus.RUNNING) for name in names}
    for number, (source, dest) in enumerate(zip(["RUNNING", *names], names, strict=False)):
        body[f"step_{number}"] = Transition(source, dest)
    body["finish"] = Transition(names[-1], JobStatus.DONE)

    def trigger(self: Any, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        if (self.state.name, trigger) == ("STEP_11", "step_3"):
            return BaseJob.trigger(self, "fail")
        return BaseJob.trigger(self, trigger, *args, **kwargs)

    cls = type(BaseJob)("Deep", (BaseJob,), {**body, "trigger": trigger})
    ledger = Ledger()

    walk(Subject(cls), ledger)

    (finding,) = ledger.findings.values()
    assert finding.promise == "trigger-is-strict"
    assert finding.path[-1] == "trigger('step_3')"
    assert "fail: STEP_11 -> ERROR" in finding.happened


def test_an_edge_that_the_table_does_not_have_fails_the_walk() -> None:
    class Shortcut(BaseJob[Any]):
        skip = Transition(JobStatus.QUEUED, JobStatus.DONE)

    machine = machine_for(Shortcut, expected=BASE)

    with pytest.raises(AssertionError, match="may-tells"):
        run_state_machine_as_test(machine, settings=quickly(30))


def test_rules_of_one_s_own_may_do_to_the_job_what_they_like() -> None:
    seen: set[str] = set()

    class Ours(machine_for(Restarts)):  # type: ignore[misc]
        @rule()
        def push(self) -> None:
            if not self.job.state.is_final:
                self.job.observe("RUNNING", attempt=self.job.attempt)

        @rule()
        def give_up(self) -> None:
            if not self.job.state.is_final:
                self.job.fail("too late")

        @invariant()
        def remember(self) -> None:
            seen.add(self.job.state.name)
            assert self.path is not None

    run_state_machine_as_test(Ours, settings=quickly(30))

    assert seen == set(JobStatus)


def test_an_invariant_of_one_s_own_fails_the_walk() -> None:
    class Ours(machine_for(CountsCalls)):  # type: ignore[misc]
        @invariant()
        def is_never_over(self) -> None:
            assert self.job.state.name != "ERROR"

    with pytest.raises(AssertionError, match="ERROR"):
        run_state_machine_as_test(Ours, settings=quickly(30))


def test_what_is_done_again_and_changes_nothing_is_told_once() -> None:
    walker = machine_for(ScriptedJob)()
    walker.begin(0)

    walker.ask_for_the_impossible(0)
    walker.ask_for_the_impossible(0)

    assert walker.path == ["every trigger that is refused there"]


def test_a_machine_has_the_name_of_its_class() -> None:
    machine = machine_for(ScriptedJob)

    assert issubclass(machine, JobMachine)
    assert machine.__name__ == "ScriptedJobMachine"
    with pytest.raises(TypeError, match=r"class dict\(BaseJob\)"):
        machine_for(dict)  # type: ignore[arg-type]


def test_the_author_s_own_errors_end_a_walk_as_errors() -> None:
    class Broken(BaseJob[Any]):
        start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_divide")

        def _divide(self, event: Any) -> None:
            raise ZeroDivisionError("in the author's code")

    for play in (walk, lie):
        ledger = Ledger()
        play(Subject(Broken), ledger)

        assert not ledger.findings
        (problem,) = ledger.errors.values()
        assert "_divide" in str(problem)


SCRIPTED = Honest(ScriptedJob, lambda: ScriptedJob(ScriptedBackend(), "j-1"))


@pytest.mark.parametrize("honest", [SCRIPTED, Honest(Precheck), Honest(Restarts)])
def test_no_backend_leads_an_honest_class_astray(honest: Honest) -> None:
    ledger = Ledger()

    lie(Subject(honest.cls, honest.factory), ledger, plays=500)

    assert [str(found) for found in (*ledger.findings.values(), *ledger.errors.values())] == []
    assert ledger.jobs >= 500


def test_walks_look_for_jobs_with_hooks_of_the_class_s_own() -> None:
    ledger = Ledger()

    walk(Subject(LooksOnlyOnce, lambda: LooksOnlyOnce(ScriptedBackend(), "j-1")), ledger)

    (finding,) = ledger.findings.values()
    assert finding.promise == "one-submission"
    assert finding.path[-1] == "reconcile() and the backend finds 'native-1'"


def test_one_that_a_lost_answer_puts_off_is_found() -> None:
    ledger = Ledger()

    lie(Subject(AsksNoMoreAfterALostAnswer), ledger)

    (finding,) = ledger.findings.values()
    assert finding.promise == "status-polls"
    assert any("poll lost" in step for step in finding.path)
