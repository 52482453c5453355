"""Guided walks: a hypothesis state machine that does anything to jobs of a class, and compares.

A plain random walk hardly leaves the shallow states, because final ones absorb it. These drive the
shortest way to a state that was drawn, and do something there, legal or not; a job that is over
makes way for a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus
from sojourn.testing._calls import HOOKS, Call, unsound
from sojourn.testing._exhaustive import commands, judge, moves, said
from sojourn.testing._model import World
from sojourn.testing._report import Finding, FoundError, Ledger
from sojourn.testing._sketches import FINALS, Step
from sojourn.testing._subject import Expected, Setup, Subject

__all__ = ["JobMachine", "machine_for", "quickly", "walk"]

REFUSED_THERE: Final = "every trigger that is refused there"
#: What may be pushed while somebody waits, after how long, and for how long they wait.
PUSHES = [(status, after, 5.0) for status in JobStatus for after in (2.0, 9.0)]


class JobMachine(RuleBasedStateMachine):
    """What `machine_for` derives from: rules that do anything to jobs of one class.

    Each rule compares what came of it with what the class declares, or with the ``expected`` table.
    Derive a class from what `machine_for` returns to add rules and invariants of your own; a rule
    of yours may do to ``self.job`` what it likes.

    Attributes:
        job: The job that is walked with now.
        backend: The `ScriptedBackend` that its hooks ask.
        path: What was done to it, for people.
    """

    _sj_setups: ClassVar[Sequence[Setup]]
    _sj_counts: ClassVar[Ledger]
    _sj_calls: ClassVar[dict[Setup, tuple[list[Call], list[Call]]]]
    job: Any
    backend: Any
    path: list[str]

    @initialize(number=st.integers(0, 1_000))
    def begin(self, number: int) -> None:
        """Take a new job, with a backend that stops jobs, or does not, or with no hooks at all."""
        self._sj_setup = self._sj_setups[number % len(self._sj_setups)]
        self._sj_renew()

    def _sj_renew(self) -> None:
        self.job, self.backend = self._sj_setup.make()
        self.path = []
        self._sj_world = World()
        self._sj_counts.jobs += 1

    @rule(number=st.integers(0, 100_000))
    def ask_for_the_impossible(self, number: int) -> None:
        """Go to a state by the shortest way, and fire every trigger that it does not have."""
        sketch = self._sj_setup.subject.sketch
        live = [*sketch.live, *sketch.live, *sketch.status]
        self._sj_go(sketch.way(self._sj_now().state, {live[number % len(live)]}, None) or ())
        before = len(self.path)
        for trigger in sketch.triggers:
            if trigger not in sketch.allowed(self._sj_now().state):
                self._sj_do(Call("trigger", (trigger,)))
        said_before = self.path[before - 1 : before] == [REFUSED_THERE]
        self.path[before:] = [] if said_before else [REFUSED_THERE]

    @rule(number=st.integers(0, 100_000))
    def take_a_step(self, number: int) -> None:
        """Go to where a declared step begins, by the shortest way, and take it."""
        sketch = self._sj_setup.subject.sketch
        onward = [step for step in sketch.steps if step.dest not in FINALS]
        # Steps to an end are many, and end the walk; so the others are drawn more often.
        steps = [*sketch.steps, *onward, *onward]
        chosen = steps[number % len(steps)]
        self._sj_go((*(sketch.way(self._sj_now().state, {chosen.source}, None) or ()), chosen))

    @precondition(lambda self: any(step.new_attempt for step in self._sj_steps()))
    @rule(number=st.integers(0, 100_000), times=st.integers(1, 3))
    def start_again(self, number: int, times: int) -> None:
        """Go to where a new attempt may begin, and begin it, again and again."""
        again = [step for step in self._sj_steps() if step.new_attempt]
        chosen = again[number % len(again)]
        for _ in range(times):
            sketch = self._sj_setup.subject.sketch
            self._sj_go((*(sketch.way(self._sj_now().state, {chosen.source}, None) or ()), chosen))

    def _sj_steps(self) -> tuple[Step, ...]:
        return self._sj_setup.subject.sketch.steps

    def _sj_go(self, way: Iterable[Step]) -> None:
        """Take steps as long as they are possible; a condition may lead elsewhere."""
        for step in way:
            if step.trigger not in self._sj_setup.subject.sketch.allowed(self._sj_now().state):
                return
            if step.trigger == "submit" and self._sj_world.claim == "":
                self._sj_do(Call("submit"))
            else:
                self._sj_do(Call("trigger", (step.trigger,)))

    @rule(number=st.integers(0, 100_000))
    def make_a_move(self, number: int) -> None:
        """Fire any trigger, or report anything."""
        self._sj_any(self._sj_setup_calls()[0], number)

    @rule(number=st.integers(0, 100_000))
    def give_a_command(self, number: int) -> None:
        """Submit, cancel, look or reconcile, whatever the backend says and others do meanwhile."""
        self._sj_any(self._sj_setup_calls()[1], number)

    @precondition(lambda self: {"submit", "find"} <= self._sj_setup.hooks and self._sj_is_idle())
    @rule(losses=st.integers(0, 3), found=st.booleans())
    def lose_an_answer(self, losses: int, found: bool) -> None:
        """Submit, lose the answer, and find out what became of it, again and again."""
        if self.job.state.name in FINALS:
            self._sj_renew()
        if self._sj_now().claim == "":
            self._sj_do(Call("submit", ("lost",)))
        for _ in range(losses):
            self._sj_find(Call("reconcile", (None, "lost")))
        self._sj_find(Call("reconcile", ("native-1",) if found else (None, "ok")))

    def _sj_is_idle(self) -> bool:
        return not self.job.history or self.job.state.name in FINALS

    def _sj_find(self, call: Call) -> None:
        if self._sj_now().claim == "uncertain":
            self._sj_do(call)

    @rule(told=st.sampled_from([None, *JobStatus, "no such word"]))
    def look_once(self, told: Any) -> None:
        """Wait for no time at all."""
        self._sj_do(Call("wait_once", (told,)))

    @precondition(lambda self: "poll" not in self._sj_setup.hooks)
    @rule(push=st.sampled_from(PUSHES))
    def wait(self, push: tuple[Any, float, float]) -> None:
        """Wait, and something is pushed meanwhile, or too late."""
        self._sj_do(Call("wait_for", push))

    @precondition(lambda self: self.job.state.name in FINALS)
    @rule()
    def take_a_new_job(self) -> None:
        """Leave a job that is over."""
        self._sj_renew()

    @invariant()
    def is_sound(self) -> None:
        """Hold the job against all that holds at any time."""
        wrong = unsound(self.job, self._sj_setup.subject.sketch)
        if wrong is not None:
            raise FoundError(Finding(wrong[0], tuple(self.path), *wrong[1:]))

    def _sj_do(self, call: Call) -> None:
        """Make a call, and compare."""
        world, ledger = self._sj_now(), Ledger()
        path = self._sj_counts.doing = (*self.path, said(call))
        turn = judge(self._sj_setup, ledger, self.job, self.backend, world, call, path)
        self._sj_counts.calls += 1
        self._sj_counts.states.add(self.job.state.name)
        for finding in ledger.findings.values():
            raise FoundError(finding)
        for problem in ledger.errors.values():
            raise problem.error
        if turn is not None:
            self.path.append(said(call))
            self._sj_world = turn.world

    def _sj_any(self, calls: Sequence[Call], number: int) -> None:
        """Make one of those calls that make sense now."""
        world = self._sj_now()
        sensible = [call for call in calls if self._sj_makes_sense(world, call)]
        self._sj_do(sensible[number % len(sensible)])

    def _sj_makes_sense(self, world: World, call: Call) -> bool:
        if call.verb == "reconcile":
            return world.claim == "uncertain"
        if call.meanwhile is None:
            return True
        turns = getattr(self._sj_setup.model, call.verb)(world, *call.args)
        return any(turn.asked for turn in turns)

    def _sj_setup_calls(self) -> tuple[list[Call], list[Call]]:
        setup = self._sj_setup
        if setup not in self._sj_calls:
            self._sj_calls[setup] = moves(setup), commands(setup)
        return self._sj_calls[setup]

    def _sj_now(self) -> World:
        """Return the world, read again if a rule of the author's has moved the job."""
        job, world = self.job, self._sj_world
        if len(job.history) != world.length:
            self.path.append(f"whatever led to {job.state.name}")
            self._sj_world = World(
                job.state.name,
                job.attempt,
                job._sj_claimed().kind,
                job.cancel_requested,
                job._sj_reported(),
                len(job.history),
            )
        return self._sj_world


def machine_for(
    cls: type[BaseJob[Any]],
    *,
    factory: Callable[[], BaseJob[Any]] | None = None,
    expected: Expected | None = None,
) -> type[JobMachine]:
    """Return a hypothesis state machine that walks with jobs of a class.

    Its ``TestCase`` is a test for pytest and unittest. Derive from it to add rules and invariants:
    ``self.job`` is the job that is walked with now, which a rule of yours may move as it likes,
    ``self.backend`` the `ScriptedBackend` that its hooks ask, and ``self.path`` what was done so far.

    Args:
        cls: The class.
        factory: Makes a new job with every call; without it, ``cls(ScriptedBackend(), "job-1")``.
        expected: ``{(state, trigger): dest}``, by hand; without it, the declared edges.

    Raises:
        TypeError: ``cls`` is not a job class, or ``factory`` cannot be called.
        ValueError: ``expected`` names states that the class does not have.
        FactoryError: The factory fails, or does not make new jobs.

    Example:
        >>> from hypothesis.stateful import invariant
        >>> from sojourn import BaseJob
        >>> from sojourn.testing import machine_for
        >>> class PrintJob(BaseJob): ...
        >>> class PrintWalk(machine_for(PrintJob)):
        ...     @invariant()
        ...     def is_never_in_two_places(self):
        ...         assert not (self.job.done() and self.job.running())
        >>> TestPrintWalk = PrintWalk.TestCase
    """
    return _machine(Subject(cls, factory, expected), Ledger())


def _machine(subject: Subject, ledger: Ledger) -> type[JobMachine]:
    setups = [
        Setup(subject, "without hooks", ()),
        Setup(subject, "with a backend that stops jobs", HOOKS),
        Setup(subject, "with a backend that is asked to stop jobs", HOOKS, stops=None),
        Setup(subject, "with a backend that refuses to stop jobs", HOOKS, stops=False),
    ]
    if subject.scripted and subject.own_hooks:
        name, hooks = "with hooks of its own", subject.own_hooks
        setups += [
            Setup(subject, name, hooks, own=True, stops=stops) for stops in (True, None, False)
        ]
    body = {"_sj_setups": setups, "_sj_counts": ledger, "_sj_calls": {}}
    return type(f"{subject.cls.__name__}Machine", (JobMachine,), body)


def quickly(max_examples: int, steps: int = 50) -> settings:
    """Return settings that try the same every time, and say nothing by themselves."""
    return settings(
        max_examples=max_examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def walk(subject: Subject, ledger: Ledger, *, walks: int = 150, steps: int = 25) -> None:
    """Walk with jobs of a class, and note the first thing that is found, by a short way."""
    machine = _machine(subject, ledger)
    try:
        run_state_machine_as_test(machine, settings=quickly(walks, steps))
    except FoundError as found:
        ledger.found(found.finding)
    except Exception as error:  # noqa: BLE001  # whatever an author's code raises
        ledger.failed(("a walk",), error)
