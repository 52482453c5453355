"""The compiled tables do what plain `transitions` does with the same machine.

`Class.lifecycle.machine` is the source of truth, and the tables of the jobs are derived from it. Here
the machine itself is driven with a plain object that has the same callbacks, step by step beside a
job, and both must do the same: accept or refuse, call the same callbacks in the same order with the
same event, raise the same exceptions, and end in the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions import MachineError

from job_doubles import Rows
from sojourn import BaseJob, IllegalTransitionError, JobStatus, State, Transition
from sojourn.testing._generation import for_slow_examples, sketches
from sojourn.testing._sketches import Sketch, declare

SOME = for_slow_examples(60)


class PlantedError(Exception):
    """What a callback raises."""


class PlantedInterrupt(BaseException):
    """What a callback raises that is no `Exception`."""


class Deed(NamedTuple):
    """What one callback does when it is called.

    Attributes:
        verb: ``answer``, ``raise``, ``fire`` (and let what that raises pass) or ``try``.
        what: The answer, the exception or the trigger.
    """

    verb: str
    what: Any


@dataclass
class Script:
    """What callbacks do, and what they were called with.

    Attributes:
        fire: Fires a trigger of the model.
        where: Tells the state of the model.
        deeds: What the callback of each label does; those without one answer `True`.
        nested: How many more triggers callbacks may fire, so that every run ends.
        calls: Label and event of every call, in order.
    """

    fire: Callable[[str], bool]
    where: Callable[[], str]
    deeds: dict[str, Deed] = field(default_factory=dict)
    nested: int = 0
    calls: list[Any] = field(default_factory=list)

    def play(self, label: str, event: Any) -> Any:
        """Note a call, and do what its label says."""
        self.calls.append((label, self.where(), event and self._seen(event)))
        deed = self.deeds.get(label, Deed("answer", True))
        match deed.verb:
            case "raise":
                raise deed.what(label)
            case "fire" | "try" if self.nested > 0:
                self.nested -= 1
                return self._fire(deed)
        return deed.what

    def _seen(self, event: Any) -> tuple[Any, ...]:
        return (
            event.event.name,
            event.state.name,
            (event.transition.source, event.transition.dest),
            (tuple(event.args), dict(event.kwargs)),
            (event.error, event.result),
            event.machine,
        )

    def _fire(self, deed: Deed) -> Any:
        try:
            return self.fire(deed.what)
        except (PlantedError, IllegalTransitionError, MachineError) as error:
            self.calls.append(outcome_of(error))
            if deed.verb == "fire":
                raise
            return False


def outcome_of(error: BaseException) -> tuple[Any, ...]:
    """Describe an exception so that both sides' refusals are the same."""
    if isinstance(error, IllegalTransitionError | MachineError):
        return ("refused",)
    return (type(error), error.args)


class Caller:
    """A callback that is an object with ``__call__``."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __call__(self, event: Any) -> Any:
        return event.model.script.play(self.label, event)


def plain(label: str) -> Callable[[Any], Any]:
    """Make a callback that is a function."""
    return lambda event: event.model.script.play(label, event)


def callbacks_of_every_kind(role: str) -> tuple[dict[str, Any], list[Any]]:
    """Return the class attributes of a set of callbacks, and how declarations name them."""

    def method(self: Any, event: Any) -> Any:
        return self.script.play(f"{role} method", event)

    def replaced(self: Any, event: Any) -> Any:
        raise AssertionError("a subclass and an instance have replaced this")

    def get(self: Any) -> Any:
        return self.script.play(f"{role} property", None)

    def get_function(self: Any) -> Any:
        return partial(self.script.play, f"{role} property function")

    attributes = {
        f"{role}_method": method,
        f"{role}_inherited": replaced,
        f"{role}_own": replaced,
        f"{role}_static": staticmethod(plain(f"{role} static")),
        f"{role}_of_class": classmethod(lambda cls, event: plain(f"{role} of class")(event)),
        f"{role}_property": property(get),
        f"{role}_property_function": property(get_function),
        f"{role}_object": Caller(f"{role} object by name"),
    }
    return attributes, [*attributes, plain(f"{role} function"), Caller(f"{role} object")]


ROLES = {role: callbacks_of_every_kind(role) for role in ("condition", "guard", "follower")}
LABELS = {
    role: [
        f"{role} {kind}"
        for kind in (
            *("method", "inherited", "own", "static", "of class", "property", "property function"),
            *("object by name", "function", "object"),
        )
    ]
    for role in ROLES
}

#: The callbacks that job classes and plain models have in common.
Callbacks = type("Callbacks", (), {k: v for each, _ in ROLES.values() for k, v in each.items()})


def _inherited(role: str) -> Callable[[Any, Any], Any]:
    return lambda self, event: self.script.play(f"{role} inherited", event)


#: A subclass's own version of some of them.
Replacing = type("Replacing", (Callbacks,), {f"{r}_inherited": _inherited(r) for r in ROLES})


class Anything:
    """An answer that equals whatever it is compared with, as some mocks do."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "anything"


ANSWERS = [True, False, 1, 0, None, "yes", [], 2, Anything()]


class Plain(Replacing):
    """A plain model for `transitions`."""

    def __init__(self, machine: Any) -> None:
        self.state = machine.initial
        self.machine = machine
        self.script = Script(self.fire, lambda: str(self.state))

    def fire(self, trigger: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self.machine.events[trigger].trigger(self, *args, **kwargs))


def pair(job_class: type[Any]) -> tuple[Any, Plain]:
    """Make a job and a plain model that follow the same machine and have the same callbacks."""
    job = job_class("backend", "twin")
    job.script = Script(lambda trigger: bool(job.trigger(trigger)), lambda: str(job.state.name))
    model = Plain(job_class.lifecycle.machine)
    for each in (job, model):
        for role in ROLES:
            setattr(each, f"{role}_own", partial(each.script.play, f"{role} own"))
    return job, model


LABEL_OF = {
    callback: label
    for role, (_, callbacks) in ROLES.items()
    for callback, label in zip(callbacks, LABELS[role], strict=True)
}


def deeds(sketch: Sketch) -> st.SearchStrategy[dict[str, Deed]]:
    """Draw what the callbacks of a class do: conditions answer, any may raise, followers may fire."""
    trouble = [Deed("raise", PlantedError), Deed("raise", PlantedInterrupt)]
    fires = [Deed(verb, trigger) for verb in ("fire", "try") for trigger in sketch.triggers]
    answers = [Deed("answer", answer) for answer in (True, True, False, *ANSWERS)]
    possible = {"condition": answers + trouble, "guard": trouble, "follower": trouble + fires}
    used = {
        LABEL_OF[callback]
        for declared in (*sketch.nodes, *sketch.own)
        for callbacks in declared
        if isinstance(callbacks, tuple)
        for callback in callbacks
    }
    pairs = [(label, deed) for label in sorted(used) for deed in possible[label.split()[0]]]
    return st.lists(st.sampled_from(pairs), max_size=4).map(dict) if pairs else st.just({})


#: What a trigger is called with; the payloads of `finish` and `fail` travel the same way.
ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((), {}), ((), {}), ((1,), {"key": 2})]


def arguments(sketch: Sketch, state: str, trigger: str) -> st.SearchStrategy[Any]:
    """Draw arguments that both sides take: a trigger that calls nothing takes none."""
    nodes = {node.name: node for node in sketch.nodes}
    branches = sketch.branches(state, trigger)
    listening = [
        step.guarded or step.before or step.after or (source and source.on_exit)
        for step in branches
        for source in [nodes.get(step.source)]
    ]
    if {step.dest for step in branches} & {"DONE", "ERROR"}:
        payload = "ERROR" in {step.dest for step in branches}
        return st.sampled_from([((), {}), (("no tool",) if payload else (5,), {})])
    return st.sampled_from(ARGUMENTS if listening and all(listening) else ARGUMENTS[:1])


def run(fire: Callable[[], bool]) -> Any:
    """Fire, and tell what came of it."""
    try:
        return bool(fire())
    except (PlantedError, PlantedInterrupt, IllegalTransitionError, MachineError) as error:
        return outcome_of(error)


def assert_same(job: Any, model: Plain, fire: Callable[[], bool], *call: Any, **plan: Any) -> None:
    """Fire the same on both sides and compare everything that can be seen of it."""
    for each in (job, model):
        each.script.deeds, each.script.nested = plan["deeds"], 3
        each.script.calls.clear()
    trigger, args, kwargs = call

    here, there = run(fire), run(lambda: model.fire(trigger, *args, **kwargs))

    assert here == there
    assert job.script.calls == model.script.calls
    assert job.state.name == model.state


def steps(data: st.DataObject, sketch: Sketch, job: Any) -> Iterator[str]:
    """Yield triggers, mostly legal ones, until the job is over and a few after that."""
    surplus = 2
    for _ in range(12):
        allowed = sorted(sketch.allowed(job.state.name))
        surplus -= not allowed
        if surplus < 0:
            return
        often = [trigger for trigger in allowed if trigger not in ("fail", "cancel")] * 3
        yield data.draw(st.sampled_from([*often, *allowed, *sketch.triggers]), label="trigger")


@SOME
@given(
    sketch=sketches(
        conditions=ROLES["condition"][1], guards=ROLES["guard"][1], followers=ROLES["follower"][1]
    ),
    observed=st.sampled_from(["nobody", "an outsider", "a journal"]),
    data=st.data(),
)
def test_the_compiled_tables_do_what_transitions_does_with_the_same_machine(
    sketch: Sketch, observed: str, data: st.DataObject
) -> None:
    job, model = pair(declare(sketch, Replacing))
    rows, told = Rows(), []
    if observed == "an outsider":
        job.add_callback(lambda job, entry: told.append(entry))
    elif observed == "a journal":
        job, model = pair(declare(sketch, Replacing, __init__=with_journal(rows)))

    possible = deeds(sketch)
    for trigger in steps(data, sketch, job):
        args, kwargs = data.draw(arguments(sketch, job.state.name, trigger), label="arguments")
        plan = data.draw(possible, label="deeds")
        named = trigger not in ("submit", "cancel") and data.draw(st.booleans(), label="named")
        fire = getattr(job, trigger) if named else partial(job.trigger, trigger)
        assert_same(job, model, partial(fire, *args, **kwargs), trigger, args, kwargs, deeds=plan)

    assert tuple(told) == (job.history if observed == "an outsider" else ())
    assert tuple(rows.kept) == (job.history if observed == "a journal" else ())


def with_journal(rows: Rows) -> Callable[..., None]:
    """Return the constructor of a class whose jobs keep their entries in ``rows``."""

    def __init__(self: Any, backend: Any, job_id: str) -> None:
        BaseJob.__init__(self, backend, job_id, journal=rows)

    return __init__


@SOME
@given(
    sketch=sketches(conditions=ROLES["condition"][1], followers=ROLES["follower"][1]),
    data=st.data(),
)
def test_may_asks_the_conditions_that_transitions_asks(sketch: Sketch, data: st.DataObject) -> None:
    job, model = pair(declare(sketch, Replacing))
    goal = data.draw(st.sampled_from(sorted(sketch.status)), label="state")
    for step in sketch.way("INITIALIZING", {goal}, None) or ():
        job.observe(getattr(type(job), step.dest), attempt=job.attempt + step.new_attempt)
    model.state = job.state.name

    plan = data.draw(deeds(sketch), label="deeds")
    for trigger in sketch.triggers:
        for each in (job, model):
            each.script.deeds, each.script.nested = plan, 0
            each.script.calls.clear()

        here = run(partial(job.may, trigger))
        there = run(partial(model.machine._can_trigger, model, trigger))

        assert here == there
        assert [call[:2] for call in job.script.calls] == [c[:2] for c in model.script.calls]
    assert job.may("no such trigger") is False


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_an_answer_is_compared_and_not_asked_for_its_truth(answer: Any) -> None:
    class Asking(Replacing, BaseJob[Any]):
        hold = Transition("QUEUED", "QUEUED", conditions="condition_method")
        park = Transition("QUEUED", "QUEUED", unless="condition_method")

    for trigger in ("hold", "park"):
        job, model = pair(Asking)
        job.trigger("submit")
        model.state = "QUEUED"
        plan = {"condition method": Deed("answer", answer)}
        assert_same(job, model, partial(job.trigger, trigger), trigger, (), {}, deeds=plan)


@SOME
@given(sketch=sketches(conditions=ROLES["condition"][1], guards=ROLES["guard"][1]))
def test_the_declaration_the_machine_and_the_lifecycle_have_the_same_steps(sketch: Sketch) -> None:
    job_class = declare(sketch, Replacing)

    declared: dict[tuple[str, str], list[tuple[str, bool, int]]] = {}
    for step in sketch.steps:
        told_apart = len(step.conditions) + len(step.unless)
        declared.setdefault((step.trigger, step.source), []).append(
            (step.dest, step.new_attempt, told_apart)
        )
    shown: dict[tuple[str, str], list[tuple[str, bool, int]]] = {}
    for edge in job_class.lifecycle.transitions:
        told_apart = len(edge.conditions) + len(edge.unless)
        shown.setdefault((edge.trigger, edge.source.name), []).append(
            (edge.dest.name, edge.new_attempt, told_apart)
        )
    built = {
        (trigger, source): [(edge.dest, edge.new_attempt, len(edge.conditions)) for edge in edges]
        for trigger, event in job_class.lifecycle.machine.events.items()
        for source, edges in event.transitions.items()
    }

    assert shown == declared
    assert built == declared
    assert {s.name: s.status.value for s in job_class.lifecycle.states} == sketch.status
    assert set(job_class.lifecycle.machine.states) == set(sketch.status)


def test_the_machine_has_no_model_and_takes_no_change() -> None:
    class OwnJob(BaseJob[Any]):
        HELD = State(JobStatus.QUEUED)
        hold = Transition(JobStatus.QUEUED, HELD)
        start = BaseJob.start | Transition(HELD, JobStatus.RUNNING)

    machine = OwnJob.lifecycle.machine
    job = OwnJob("backend", "j-1")
    job.trigger("submit")

    assert machine.models == []
    with pytest.raises(TypeError, match="declare it in"):
        machine.add_transition("jump", "QUEUED", "DONE")
    with pytest.raises(TypeError, match="declare it in"):
        machine.add_model(job)
    assert not [trigger for trigger in machine.events if trigger.startswith("to_")]
    branches = machine.events["hold"].transitions["QUEUED"]
    assert {type(each) for each in (branches[0].before, branches[0].conditions)} == {tuple}
    assert type(machine.states["HELD"].on_enter) is tuple


def test_looking_a_state_up_in_the_machine_makes_no_trigger_legal() -> None:
    class Empty(BaseJob[Any]):
        pass

    event = Empty.lifecycle.machine.events["start"]
    with pytest.raises(KeyError):
        event.transitions["DONE"]
    model = Plain(Empty.lifecycle.machine)

    with pytest.raises(MachineError):
        model.fire("start")
    with pytest.raises(IllegalTransitionError):
        Empty("backend", "j-1").start()


def test_a_bigger_lifecycle_is_walked_in_every_state_with_every_trigger() -> None:
    """Breadth first, without chance: every state, every trigger, every answer of its conditions."""

    class Winding(Replacing, BaseJob[Any]):
        HELD = State(JobStatus.QUEUED, on_enter="follower_static", on_exit="guard_of_class")
        MOUNTED = State(JobStatus.QUEUED, on_exit=["guard_method", "guard_property"])
        PROBING = State(JobStatus.RUNNING, on_enter=["follower_own", "follower_inherited"])
        hold = Transition(
            ["QUEUED", MOUNTED], HELD, conditions="condition_property", before="guard_static"
        )
        start = (
            Transition("QUEUED", PROBING, conditions="condition_method", unless="condition_own")
            | Transition("QUEUED", MOUNTED, unless=["condition_static", "condition_object"])
            | Transition(HELD, JobStatus.RUNNING, after="follower_method")
            | Transition(MOUNTED, JobStatus.RUNNING, before="guard_own", after="follower_of_class")
            | BaseJob.start
        )
        probe = Transition(
            JobStatus.RUNNING, PROBING, after=["follower_property", "follower_object"]
        )
        again = Transition([JobStatus.RUNNING, PROBING], "QUEUED", new_attempt=True)
        finish = BaseJob.finish | Transition(PROBING, "DONE", conditions="condition_inherited")

    machine = Winding.lifecycle.machine
    asked = [
        *("condition property", "condition method", "condition own", "condition static"),
        *("condition object by name", "condition inherited"),
    ]
    seen = 0
    for state in machine.states:
        for trigger in machine.events:
            for answers in range(2 ** len(asked)):
                job, model = pair(Winding)
                for edge in Winding.lifecycle.path("INITIALIZING", state) or ():
                    job.observe(edge.dest)
                model.state = job.state.name
                plan = {
                    label: Deed("answer", bool(answers >> bit & 1))
                    for bit, label in enumerate(asked)
                }
                fire = partial(job.trigger, trigger)
                assert_same(job, model, fire, trigger, (), {}, deeds=plan)
                seen += 1

    assert seen == 9 * 8 * 64
