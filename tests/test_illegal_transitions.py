"""No illegal transition is possible: for the base class, the examples, and classes that nobody wrote.

First without chance: every world a job can be in, by a shortest way to it, and there every call.
Then with chance: walks that go somewhere on purpose before they try anything. What must come of a
call is said by `job_model`, which knows the tables that were written by hand and nothing of sojourn.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import test_observations
from batch_job import ChecksumJob
from job_doubles import Pushed, Remote
from job_oracle import BASE, SHOP
from machine_shop import MachineShopJob
from sojourn import (
    BaseJob,
    Entry,
    IllegalTransitionError,
    JobStatus,
    State,
    Transition,
    _clock,
)
from sojourn.errors import LifecycleError, ReentrantTransitionError
from sojourn.testing._calls import HOOKS, SENT, Call, Desk, assert_sound, hooked, taken
from sojourn.testing._generation import for_slow_examples, nasty_ids, sketches, unknown_words
from sojourn.testing._model import REFUSED, Model, World
from sojourn.testing._sketches import FINALS, ORDER, Sketch, Step, declare

SOME = for_slow_examples(25)

#: The service of the documentation: the base class and one step.
CHECKSUM = {**BASE, ("RUNNING", "requeue"): "QUEUED"}

SHOP_WORDS = {
    "waiting": "QUEUED",
    "mounting": "SETUP",
    "milling": "RUNNING",
    "probing": "INSPECTING",
    "ok": "DONE",
    "scrap": "ERROR",
    "stopped": "CANCELLED",
}
CHECKSUM_WORDS = {
    "PENDING": "QUEUED",
    "ACTIVE": "RUNNING",
    "COMPLETED": "DONE",
    "FAILED": "ERROR",
    "CANCELED": "CANCELLED",
}


class Case(NamedTuple):
    """A class, how to make a job of it, and the oracle."""

    make: Callable[[Desk], Any]
    model: Model

    @property
    def sketch(self) -> Sketch:
        return self.model.sketch


def _made(cls: type[Any], *arguments: Any) -> Callable[[Desk], Any]:
    return lambda desk: cls(desk, "j-1", *arguments)


def _case(cls: type[Any], sketch: Sketch, hooks: bool, *arguments: Any) -> Case:
    made = hooked(cls) if hooks else cls
    return Case(_made(made, *arguments), Model(sketch, HOOKS if hooks else ()))


BASE_SKETCH = Sketch.by_hand(BASE, {})
SHOP_SKETCH = Sketch.by_hand(SHOP, {"SETUP": "QUEUED", "INSPECTING": "RUNNING"}, SHOP_WORDS)
CHECKSUM_SKETCH = Sketch.by_hand(CHECKSUM, {}, CHECKSUM_WORDS)

CASES = {
    "a class that adds nothing": _case(Pushed, BASE_SKETCH, False),
    "the same with hooks": _case(Pushed, BASE_SKETCH, True),
    "the machine shop": _case(MachineShopJob, SHOP_SKETCH, True, "program"),
    "the batch service": _case(ChecksumJob, CHECKSUM_SKETCH, True, "file"),
}


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Keep the log of thousands of contradictions small."""
    logger = logging.getLogger("sojourn")
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.NOTSET)


def check(case: Case, job: Any, desk: Desk, world: World, call: Call) -> World:
    """Make a call, compare it with what the model allows, and return the new world."""
    allowed = call.allowed(case.model, world)
    before, asked, odd = job.history, len(desk.asked), _contradictions(job)
    ran = len(getattr(job, "ran", ()))

    answer = call.make(job, desk)

    after = job.history
    assert after[: len(before)] == before
    seen = answer, taken(after[len(before) :]), tuple(desk.asked[asked:])
    matching = [turn for turn in allowed if (turn.answer, turn.steps, turn.asked) == seen]
    assert matching, f"{call} in {world} gave {seen}, and may give {[t[1:4] for t in allowed]}"
    assert_sound(job, case.sketch)
    if call.verb == "observe":
        assert _contradictions(job) - odd == (answer == "CONFLICT")
    if answer == REFUSED:
        assert len(getattr(job, "ran", ())) == ran
    return matching[0].world


def _contradictions(job: Any) -> int:
    return sum(anomaly.count for anomaly in job.anomalies)


# Without chance.


def everything(case: Case) -> list[Call]:
    """Return everything that can be done to a job."""
    sketch, job_class = case.sketch, type(case.make(Desk()))
    states = [getattr(job_class, name) for name in sketch.status]
    words = [*(ORDER if sketch.words is None else sketch.words)]
    unknown = ["Done", "milling ", 0, None, ["DONE"]]
    return [
        *(Call("trigger", (name,)) for name in (*sketch.triggers, "no_such_trigger")),
        *(Call("observe", (raw, attempt)) for raw in (*JobStatus, *states) for attempt in (1, 2)),
        *(Call("observe", (raw,)) for raw in (*JobStatus, *states, *words, *unknown)),
        *(Call("submit", (sent,)) for sent in SENT),
        Call("cancel"),
        *(Call("look", (raw,)) for raw in (None, *JobStatus, *words[:1], "Done")),
        Call("reconcile", ("native-1",)),
        *(Call("reconcile", (None, sent)) for sent in SENT),
        # And everything again while the backend is being asked.
        *(
            Call(verb, args, inner)
            for verb, args in (*(("submit", (sent,)) for sent in SENT), ("cancel", ()))
            for inner in (
                *(Call("trigger", (name,)) for name in sketch.triggers),
                *(Call("observe", (status,)) for status in JobStatus),
                *(Call("submit"), Call("cancel"), Call("look")),
            )
            if case.model.hooks
        ),
    ]


def exhaust(case: Case, watched: bool) -> tuple[int, int]:
    """Try every call in every world, breadth first, each on a new job brought there.

    Returns:
        How many worlds and how many calls that were.
    """
    stimuli = everything(case)
    ways: dict[World, tuple[Call, ...]] = {World(): ()}
    waiting = deque(ways)
    done = 0
    while waiting:
        world = waiting.popleft()
        for call in stimuli:
            # With nothing to reconcile, it is a look or a refusal.
            if call.verb == "reconcile" and world.claim != "uncertain":
                continue
            if call.meanwhile and not _asks(case, world, call):
                continue
            there = _essence(_try(case, world, ways[world], call, watched))
            done += 1
            if there not in ways and there.attempt <= 2:
                ways[there] = (*ways[world], call)
                waiting.append(there)
    return len(ways), done


def _try(case: Case, world: World, way: tuple[Call, ...], call: Call, watched: bool) -> World:
    desk = Desk()
    job = case.make(desk)
    told: list[Entry] = []
    if watched:
        job.add_callback(_raise)
        job.add_callback(lambda _, entry: told.append(entry))
    for each in way:  # all of these were tried before
        each.make(job, desk)
    there = check(case, job, desk, world, call)
    assert tuple(told) == (job.history if watched else ())
    return there


def _asks(case: Case, world: World, call: Call) -> bool:
    turns = getattr(case.model, call.verb)(world, *call.args)
    return any(turn.asked for turn in turns)


def _essence(world: World) -> World:
    """Leave out what makes no difference: how it came there, once it is over."""
    over = world.state in FINALS
    return World(world.state, world.attempt) if over else world._replace(length=0)


def _raise(job: object, entry: object) -> None:
    raise RuntimeError("an outsider's own trouble")


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "watched"])
@pytest.mark.parametrize("name", CASES)
def test_no_call_in_any_world_does_anything_illegal(name: str, watched: bool) -> None:
    reached, done = exhaust(CASES[name], watched)

    print(f"{name}: {done} calls in {reached} worlds")
    assert reached >= len(CASES[name].sketch.status)
    assert done >= reached * len(CASES[name].sketch.triggers)


@pytest.mark.parametrize("stops", [None, False], ids=["asked", "refused"])
def test_no_call_does_anything_illegal_where_a_cancel_is_not_a_stop(stops: bool | None) -> None:
    make = CASES["the same with hooks"].make
    case = Case(lambda desk: _with(make(desk), desk, stops), Model(BASE_SKETCH, HOOKS, stops=stops))

    reached, _ = exhaust(case, watched=False)

    assert reached > len(ORDER)


def _with(job: Any, desk: Desk, stops: bool | None) -> Any:
    desk.stops = stops
    return job


class Deciding:
    """Conditions that answer what is laid down for them, and callbacks that meddle.

    Attributes:
        holds: What the conditions answer.
        ran: The callbacks that ran.
        crimes: What a callback was allowed to do and must not be.
    """

    def __init__(self, backend: Any, job_id: str) -> None:
        super().__init__(backend, job_id)  # type: ignore[call-arg]
        self.holds = {"first": True, "second": True}
        self.ran: list[str] = []
        self.crimes: list[str] = []

    def first(self, event: Any) -> bool:
        return self.holds["first"]

    def second(self, event: Any) -> bool:
        return self.holds["second"]

    def guard(self, event: Any) -> None:
        self.ran.append("guard")
        self._meddle(OUTSIDE | FIRING)

    def follow(self, event: Any) -> None:
        self.ran.append("follow")
        self._meddle(OUTSIDE)

    def _meddle(self, deeds: dict[str, Callable[[Any], object]]) -> None:
        for name, deed in deeds.items():
            try:
                deed(self)
            except ReentrantTransitionError:
                continue
            self.crimes.append(name)


#: What no declared callback may do to any job, and what it may not do before its own change.
OUTSIDE: dict[str, Callable[[Any], object]] = {
    "fire another job": lambda job: Pushed("backend", "other").trigger("submit"),
    "submit": lambda job: job.submit(),
    "cancel": lambda job: job.cancel(),
    "wait": lambda job: job.wait_for_final_state(timeout=0),
    "report another job": lambda job: Pushed("backend", "other").observe("QUEUED"),
}
FIRING: dict[str, Callable[[Any], object]] = {
    "fire": lambda job: job.trigger("fail"),
    "report": lambda job: job.observe(JobStatus.ERROR),
}

DECIDED = sketches(conditions=["first", "second"], guards=["guard"], followers=["follow"])


def generated(sketch: Sketch, hooks: bool, holds: tuple[bool, bool]) -> Case:
    """Make the case of a class that was drawn."""
    body = {f"_{name}": Remote.__dict__[f"_{name}"] for name in HOOKS} if hooks else {}
    cls = declare(sketch, Deciding, **body)
    answers = dict(zip(("first", "second"), holds, strict=True))

    def make(desk: Desk) -> Any:
        job = cls(desk, "j-1")
        job.holds = answers
        return job

    return Case(make, Model(sketch, HOOKS if hooks else (), answers))


@SOME
@given(sketch=DECIDED, hooks=st.booleans(), holds=st.tuples(st.booleans(), st.booleans()))
def test_no_trigger_in_any_state_of_a_generated_class_does_anything_illegal(
    sketch: Sketch, hooks: bool, holds: tuple[bool, bool]
) -> None:
    case = generated(sketch, hooks, holds)
    job_class = type(case.make(Desk()))
    states = {name: getattr(job_class, name) for name in sketch.status}

    for name in sketch.status:
        ways = sketch.way("INITIALIZING", {name}, None)
        assert ways is not None
        attempts = [1]
        for step in ways:
            attempts.append(attempts[-1] + step.new_attempt)
        way = [
            Call("observe", (states[step.dest], attempt))
            for step, attempt in zip(ways, attempts[1:], strict=True)
        ]
        for call in (
            *(Call("trigger", (trigger,)) for trigger in sketch.triggers),
            *(Call("observe", (place,)) for place in (*JobStatus, *states.values())),
            *(Call("observe", (place, attempts[-1] + 1)) for place in states.values()),
            *(Call("submit"), Call("cancel"), Call("look")),
        ):
            desk = Desk()
            job, world = case.make(desk), World()
            for each in (*way, call):
                world = check(case, job, desk, world, each)
            assert job.crimes == []


# Mutants: a suite that does not notice one changed edge would not notice an illegal one.


def mutants() -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Yield the machine shop's steps with one of them dropped, redirected or added."""
    own = [step for step in SHOP_SKETCH.steps if step.trigger not in ("fail", "cancel", "submit")]
    places = list(SHOP_SKETCH.status)
    for number, step in enumerate(own):
        rest = [*own[:number], *own[number + 1 :]]
        yield f"{step.trigger} from {step.source} dropped", tuple(rest)
        for dest in places:
            if dest != step.dest:
                changed = [*own[:number], step._replace(dest=dest), *own[number + 1 :]]
                yield f"{step.trigger} from {step.source} to {dest}", tuple(changed)
        again = [*own[:number], step._replace(new_attempt=not step.new_attempt)]
        yield f"{step.trigger} from {step.source} counted otherwise", (*again, *own[number + 1 :])
    taken = {(step.trigger, step.source) for step in own}
    for number, trigger in enumerate(dict.fromkeys(step.trigger for step in own)):
        for source in SHOP_SKETCH.live:
            dest = places[(number + places.index(source) + 1) % len(places)]
            if (trigger, source) not in taken:
                yield f"{trigger} from {source} added", (*own, Step(trigger, source, dest))


def test_every_mutant_of_the_shop_is_noticed() -> None:
    survivors, refused, noticed = [], 0, 0

    for name, steps in mutants():
        mutant = Sketch(SHOP_SKETCH.nodes, tuple(sorted(steps)), words=SHOP_WORDS)
        try:
            cls = declare(mutant)
        except LifecycleError:
            refused += 1
            continue
        case = Case(_made(cls), Model(SHOP_SKETCH))
        try:
            every_trigger(case)
        except AssertionError:
            noticed += 1
        else:
            survivors.append(name)

    print(f"{noticed} mutants noticed, {refused} refused when declared")
    assert survivors == []
    assert noticed >= 30
    assert refused >= 10


def every_trigger(case: Case) -> None:
    """Fire every trigger in every state, each brought about by triggers alone."""
    ways: dict[str, tuple[Call, ...]] = {"INITIALIZING": ()}
    waiting = deque(ways)
    while waiting:
        here = waiting.popleft()
        for trigger in case.sketch.triggers:
            desk = Desk()
            job, world = case.make(desk), World()
            way = (*ways[here], Call("trigger", (trigger,)))
            for call in way:
                world = check(case, job, desk, world, call)
            if world.state not in ways:
                ways[world.state] = way
                waiting.append(world.state)
    assert ways.keys() == case.sketch.status.keys()


def test_the_shop_itself_is_no_mutant() -> None:
    steps = [step for step in SHOP_SKETCH.steps if step.trigger not in ("fail", "cancel", "submit")]
    mutant = declare(Sketch(SHOP_SKETCH.nodes, tuple(sorted(steps)), words=SHOP_WORDS))

    every_trigger(Case(_made(mutant), Model(SHOP_SKETCH)))


# With chance.


class Listener:
    """An outsider: what it was told, and what it should have been told."""

    def __init__(self, job: Any, raises: bool) -> None:
        self.since = len(job.history)
        self.until: int | None = None
        self.told: list[Entry] = []
        self.raises = raises
        self.job = job
        self.remove = job.add_callback(self)

    def __call__(self, job: Any, entry: Entry) -> None:
        assert job is self.job
        self.told.append(entry)
        if self.raises:
            raise RuntimeError("an outsider's own trouble")


class Walk(RuleBasedStateMachine):
    """A job that goes somewhere on purpose before anything is tried with it."""

    #: The states in which something was tried.
    visited: set[str]
    kinds: st.SearchStrategy[Any]

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        kind = data.draw(self.kinds, label="kind")
        if isinstance(kind, Sketch):
            hooks = data.draw(st.booleans(), label="hooks")
            self.case = generated(kind, hooks, (True, True))
        else:
            self.case = CASES[kind]
        self.fresh()
        self.go(data=data)

    def fresh(self) -> None:
        self.desk = Desk()
        self.job = self.case.make(self.desk)
        self.job_class = type(self.job)
        self.world = World()
        self.listeners: list[Listener] = []
        self.sketch, self.model = self.case.sketch, self.case.model

    def do(self, verb: str, *args: Any) -> None:
        self.visited.add(self.world.state)
        self.world = check(self.case, self.job, self.desk, self.world, Call(verb, args))

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        """Take the shortest way to some state."""
        goal = data.draw(st.sampled_from(sorted(self.sketch.status)), label="goal")
        for step in self.sketch.way(self.world.state, {goal}, None) or ():
            turns = self.model.trigger(self.world, step.trigger)
            if any(turn.world.state == step.dest for turn in turns):
                self.do("trigger", step.trigger)
            else:
                place = getattr(self.job_class, step.dest)
                self.do("observe", place, self.world.attempt + step.new_attempt)

    @rule(data=st.data())
    def fire(self, data: st.DataObject) -> None:
        names = st.sampled_from([*self.sketch.triggers, "to_DONE", "status", ""])
        self.do("trigger", data.draw(names, label="trigger"))

    @rule(data=st.data(), ahead=st.none() | st.integers(-1, 2))
    def report(self, data: st.DataObject, ahead: int | None) -> None:
        states = [getattr(self.job_class, name) for name in self.sketch.status]
        places = [*JobStatus, *states, *(self.sketch.words or ORDER)]
        raw = data.draw(st.sampled_from(places), label="report")
        attempt = None if ahead is None else max(1, self.world.attempt + ahead)
        self.do("observe", raw, attempt)

    @rule(data=st.data())
    def report_nonsense(self, data: st.DataObject) -> None:
        self.do("observe", data.draw(unknown_words(self.job_class), label="report"))

    @rule(sent=st.sampled_from([*SENT, "ok"]))
    def submit(self, sent: str) -> None:
        self.do("submit", sent)

    @rule(stops=st.sampled_from([True, None, False]))
    def cancel(self, stops: bool | None) -> None:
        self.model.stops = self.desk.stops = stops
        self.do("cancel")

    @rule(told=st.none() | st.sampled_from(list(JobStatus)))
    def look(self, told: JobStatus | None) -> None:
        self.do("look", told)

    @precondition(lambda self: self.world.claim == "uncertain")
    @rule(found=st.sampled_from([None, "native-1"]), sent=st.sampled_from(list(SENT)))
    def reconcile(self, found: str | None, sent: str) -> None:
        self.do("reconcile", found, sent)

    @precondition(lambda self: hasattr(self.job, "holds"))
    @rule(first=st.booleans(), second=st.booleans())
    def decide(self, first: bool, second: bool) -> None:
        self.job.holds |= {"first": first, "second": second}

    @rule(raises=st.booleans())
    def listen(self, raises: bool) -> None:
        self.listeners.append(Listener(self.job, raises))

    @precondition(lambda self: self.listeners)
    @rule(data=st.data())
    def stop_listening(self, data: st.DataObject) -> None:
        listener = data.draw(st.sampled_from(self.listeners))
        listener.remove()
        if listener.until is None:
            listener.until = len(self.job.history)

    @precondition(lambda self: self.world.state in FINALS)
    @rule(data=st.data())
    def start_over(self, data: st.DataObject) -> None:
        self.fresh()
        self.go(data=data)

    @invariant()
    def everybody_was_told_everything_once_and_in_order(self) -> None:
        for listener in getattr(self, "listeners", ()):
            history = self.job.history
            assert tuple(listener.told) == history[listener.since : listener.until]

    @invariant()
    def may_agrees_with_the_model(self) -> None:
        if hasattr(self, "job"):
            for trigger in self.sketch.triggers:
                (turn,) = self.model.trigger(self.world, trigger)
                assert self.job.may(trigger) is (turn.answer is True)

    @invariant()
    def no_callback_got_away_with_anything(self) -> None:
        assert getattr(getattr(self, "job", None), "crimes", []) == []


KINDS: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.just(name) for name in CASES},
    "generated classes": DECIDED,
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_walk_leads_anywhere_illegal(kind: str) -> None:
    class Here(Walk):
        visited: set[str] = set()
        kinds = KINDS[kind]

    run_state_machine_as_test(Here, settings=for_slow_examples(40, stateful_step_count=20))

    # Which states those are is chance; that it is most of them is not.
    assert len(Here.visited) >= 5


# What the walks cannot draw.


@pytest.mark.parametrize("table", ["BASE_TABLE", "SHOP_STATES", "SHOP_STATUSES"])
def test_the_model_of_the_walks_agrees_with_the_tables_written_by_hand(table: str) -> None:
    sketch = BASE_SKETCH if table == "BASE_TABLE" else SHOP_SKETCH

    for state, row in getattr(test_observations, table).items():
        for told, expected in row.items():
            same = {name for name, status in sketch.status.items() if status == told}
            goals = same if table.endswith("STATUSES") else {told}
            if isinstance(expected, str):
                assert sketch.verdicts(state, 1, goals, None) == {expected}
            else:
                assert sketch.verdicts(state, 1, goals, None) == {"ADVANCED"}
                (way,) = sketch.ways(state, goals)
                assert [step.trigger for step in way] == expected


#: Names that are identifiers and hide nothing, but that generated code might use for itself.
NAMES = [
    *("fire", "now", "table", "owner", "firing", "lock", "last", "origin", "more", "run"),
    *("job", "event", "self", "args", "kwargs", "type", "time", "refusal", "plan", "walk"),
    *("NOT_GIVEN", "COMMAND", "f0", "ask", "names", "sources", "true", "größe", "进行", "_"),
]


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "watched"])
@pytest.mark.parametrize("called", ["by its attribute", "by trigger="])
@pytest.mark.parametrize("name", [*NAMES, "\ufb01x"])
def test_a_trigger_may_have_any_name_that_hides_nothing(
    name: str, called: str, watched: bool
) -> None:
    named = called == "by its attribute"
    step = Transition("QUEUED", "RUNNING", trigger=None if named else name)
    attribute = name if named else f"my_{NAMES.index(name) if name in NAMES else 0}"
    cls = type(BaseJob)("Named", (BaseJob,), {attribute: step})
    job, told = cls("backend", "j-1"), []
    if watched:
        job.add_callback(lambda _, entry: told.append(entry.trigger))

    with pytest.raises(IllegalTransitionError):
        getattr(job, attribute)()
    job.submit()
    assert getattr(job, attribute)() is True
    with pytest.raises(IllegalTransitionError):
        job.trigger(name)
    assert job.finish(result=7) is True

    assert [entry.trigger for entry in job.history] == ["submit", name, "finish"]
    assert told == (["submit", name, "finish"] if watched else [])
    assert job.result() == 7


def test_the_rules_are_those_of_the_job_s_own_class_even_through_super() -> None:
    class Plain(BaseJob[Any]):
        pass

    class Holding(Plain):
        HELD = State(JobStatus.QUEUED)
        hold = Transition(JobStatus.QUEUED, HELD)
        start = Transition(HELD, JobStatus.RUNNING)

    class Hasty(Holding):
        def start(self) -> bool:  # type: ignore[override]
            return super(Holding, self).start()

    job = Hasty("backend", "j-1")
    job.submit()

    with pytest.raises(IllegalTransitionError):
        job.start()

    assert [entry.dest for entry in job.history] == ["QUEUED"]
    job.hold()
    assert job.start() is True
    assert job.state == Holding.RUNNING


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "watched"])
def test_numbers_are_dense_and_in_order_whatever_the_clock_does(
    monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    jumps = cycle([3e9, 5.0, 0.0, 1.7e9, -1e6, 2e9])
    monkeypatch.setattr(_clock, "wall", lambda: next(jumps))
    monkeypatch.setattr(time, "time", lambda: next(jumps))

    class Looping(BaseJob[Any]):
        requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    job, told = Looping("backend", "j-1"), []
    if watched:
        job.add_callback(lambda _, entry: told.append(entry.number))
    job.submit()
    for _ in range(5):
        job.start()
        job.requeue()
    job.observe("DONE")

    assert [entry.number for entry in job.history] == list(range(1, 14))
    assert [entry.attempt for entry in job.history] == [1, 1, *(n // 2 for n in range(4, 13)), 6, 6]
    assert told == (list(range(1, 14)) if watched else [])
    assert "attempt 6" in repr(job)


@SOME
@given(job_id=nasty_ids(), state=st.sampled_from(list(BASE_SKETCH.status)))
def test_an_awkward_id_is_shown_as_it_is_in_every_refusal(job_id: str, state: str) -> None:
    job = Pushed("backend", job_id)
    job.observe(JobStatus[state])
    before = job.history

    with pytest.raises(IllegalTransitionError) as caught:
        job.trigger("no_such_trigger")

    assert caught.value.job_id == job_id
    assert repr(job_id) in str(caught.value)
    assert repr(job_id) in repr(job)
    assert job.history == before
