"""Threads that call one job at the same time, under schedules that are explored and not hoped for.

Every thread runs until the explorer lets another one go on, at any line of the core and at any lock.
What comes out must be what some order of the same calls gives when they are made one after the
other (`job_model` says what that is), and that order must be the job's history.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sojourn
from job_oracle import BASE, BASE_WAYS
from sojourn import (
    BaseJob,
    JobStatus,
    Transition,
    _clock,
    _machine,
    _triggers,
)
from sojourn.errors import SojournError
from sojourn.testing._calls import HOOKS, SENT, Call, Desk, assert_sound, hooked, taken
from sojourn.testing._generation import for_slow_examples
from sojourn.testing._linearizing import Made, explained
from sojourn.testing._model import Model, World
from sojourn.testing._sketches import FINALS, Sketch

if sys.version_info >= (3, 12):
    import interleave_test as explorer
    from interleave_test import _scheduler

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12),
    reason="interleave-test, which explores schedules, needs Python 3.12",
)

CORE = Path(sojourn.__file__).parent
SKETCH = Sketch.by_hand({**BASE, ("RUNNING", "requeue"): "QUEUED"}, {})


#: The classes that are raced with, and the hooks of each.
HAS: dict[str, tuple[str, ...]] = {"pushed": (), "hooked": ("submit", "cancel"), "all hooks": HOOKS}


def _owned(lock: Any) -> bool:
    return lock._owner is _scheduler.current_scheduler().me()


@contextmanager
def explorable() -> Iterator[None]:
    """Let the explorer see generated code, let no time pass, and keep the log small."""
    patch = pytest.MonkeyPatch()
    for module in (_triggers, _machine):
        patch.setattr(module, "_compiled", _compiler(str(module.__file__)))
    patch.setattr(_clock, "monotonic", lambda: 0.0)
    # A sleep that only its end would end is a lost wake-up, and here it is a deadlock.
    patch.setattr(_clock, "wait", lambda waiter, seconds: bool(waiter.acquire()))
    # `Condition` asks an RLock for this, and so does the core; the explorer's own has none (0.1.0).
    patch.setattr(explorer.RLock, "_is_owned", _owned, raising=False)
    patch.setattr(logging.getLogger("sojourn"), "disabled", True)
    try:
        yield
    finally:
        patch.undo()


def _compiler(filename: str) -> Callable[[str], Any]:
    return lambda source: compile(source, filename, "exec")


@pytest.fixture(autouse=True, scope="module")
def _explorable() -> Iterator[None]:
    with explorable():
        yield


@pytest.fixture(scope="module")
def classes(_explorable: None) -> dict[str, type[Any]]:
    return classes_to_race_with()


def classes_to_race_with() -> dict[str, type[Any]]:
    """Make classes of which whatever is worked out once has been worked out already.

    An exploration must meet the same lines of code every time.
    """

    class Pushed(BaseJob[Any]):
        requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    made = {kind: hooked(Pushed, hooks) for kind, hooks in HAS.items()}
    for cls in made.values():
        for way in BASE_WAYS.values():
            for call in (*CALLS, *(Call("observe", (status, 2)) for status in JobStatus)):
                desk = Desk()
                job = cls(desk, "j-1")
                for trigger in way:
                    job.trigger(trigger)
                if call.verb not in ("wait", "listen"):
                    call.make(job, desk)
    return made


def explore(
    model: Callable[[], None], strategy: str = "pct", schedules: int = 8, **options: Any
) -> Any:
    """Run a model under many schedules; an exception or a deadlock under any of them is raised."""
    options = {
        "granularity": "line",
        "seed": 1,
        "include": [CORE],
        "exclude": [CORE / "testing"],
        "timeout": 10,
        **options,
    }
    return explorer.explore(model, strategy=strategy, iterations=schedules, **options)


def exhaust(model: Callable[[], None], **options: Any) -> bool:
    """Run a model under every schedule that takes the turn from a thread once; tell if it did."""
    return bool(explore(model, "dfs", 5_000, max_preemptions=1, **options).exhausted)


# Programs, and what they may give.

CALLS = [
    *(Call("trigger", (name,)) for name in ("submit", "start", "finish", "fail", "requeue")),
    Call("trigger", ("cancel",)),
    *(Call("submit", (sent,)) for sent in SENT),
    Call("cancel"),
    *(Call("observe", (status,)) for status in JobStatus if status != "INITIALIZING"),
    Call("observe", (JobStatus.RUNNING, 2)),
    *(Call(verb) for verb in ("look", "history", "listen", "wait")),
]


class Program(NamedTuple):
    """What a few threads do with one job.

    Attributes:
        state: Where the job is before.
        threads: The calls of each thread.
        stops: What the backend answers when it is asked to stop the job.
    """

    state: str
    threads: list[list[Call]]
    stops: bool | None = True


class Run:
    """One run of a program under one schedule."""

    def __init__(self, cls: type[Any], program: Program) -> None:
        self.desk = Desk()
        self.desk.stops = program.stops
        self.job = cls(self.desk, "j-1")
        self.ticks = count()
        self.made: list[list[Made]] = [[] for _ in (*program.threads, "the end")]
        self.told: list[tuple[list[Any], int, int]] = []
        with explorer.no_interleave():
            for trigger in BASE_WAYS[program.state]:
                self.job.trigger(trigger)
        self.start = World(program.state, length=len(self.job.history))
        tasks = [explorer.spawn(self.make, *each) for each in enumerate(program.threads)]
        waits = [Call("wait") in calls for calls in program.threads]
        self._join(task for task, waiting in zip(tasks, waits, strict=True) if not waiting)
        if self.job.state.name not in FINALS:  # or the others would wait for ever
            self.make(-1, [Call("trigger", ("fail",))])
        self._join(tasks)

    @staticmethod
    def _join(tasks: Iterable[Any]) -> None:
        for task in tasks:
            task.join()

    def make(self, number: int, calls: list[Call]) -> None:
        """Make the calls of one thread."""
        for call in calls:
            began = next(self.ticks)
            if call.verb == "listen":
                told: list[Any] = []
                self.job.add_callback(lambda _, entry, told=told: told.append(entry))
                self.told.append((told, number, len(self.made[number])))
                answer = None
            else:
                answer = call.make(self.job, self.desk)
            self.made[number].append(Made(call, began, next(self.ticks), answer))

    def check(self, model: Model) -> None:
        """Check everything that must hold whatever the schedule was."""
        history = self.job.history
        assert_sound(self.job, model.sketch)
        assert self.desk.asked.count("submit") <= 1
        for told, number, place in self.told:
            since = told[0].number - 1 if told else len(history)
            assert tuple(told) == history[since:]
            self.made[number][place] = self.made[number][place]._replace(answer=since)
        steps = taken(history)[self.start.length :]
        assert explained(model, self.start, self.made, steps), (
            f"no order of {self.made} gives {[entry.trigger for entry in history]}"
        )


PROGRAMS = st.builds(
    Program,
    st.sampled_from(["INITIALIZING", "INITIALIZING", "QUEUED", "RUNNING"]),
    st.lists(st.lists(st.sampled_from(CALLS), min_size=1, max_size=3), min_size=2, max_size=3),
    st.sampled_from([True, None, False]),
)


@pytest.mark.parametrize("kind", HAS)
def test_whatever_threads_do_at_once_could_have_been_done_in_some_order(
    kind: str, classes: dict[str, type[Any]]
) -> None:
    @for_slow_examples(30)
    @given(program=PROGRAMS)
    def holds(program: Program) -> None:
        model = Model(SKETCH, HAS[kind], stops=program.stops)
        sent = [call.args for calls in program.threads for call in calls if call.verb == "submit"]
        program = program._replace(threads=[_alike(calls, sent[:1]) for calls in program.threads])
        explore(lambda: Run(classes[kind], program).check(model))

    holds()


def _alike(calls: list[Call], sent: list[Any]) -> list[Call]:
    """Let all submissions of a program meet the same backend."""
    return [Call("submit", sent[0]) if call.verb == "submit" else call for call in calls]


# One race after the other, each until no schedule is left.


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls in as many threads; return their answers, or the names of what they raised."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except SojournError as error:
            return type(error).__name__

    tasks = [explorer.spawn(run, call) for call in calls]
    for task in tasks:
        task.join()
    return [task.result() for task in tasks]


def at(cls: type[Any], state: str, desk: Desk | None = None) -> Any:
    """Return a job that triggers have brought to a state."""
    with explorer.no_interleave():
        job = cls(desk, "j-1")
        for trigger in BASE_WAYS[state]:
            job.trigger(trigger)
    return job


@pytest.mark.parametrize("granularity", ["line", "opcode"])
def test_of_finish_and_cancel_one_wins_under_every_schedule(
    granularity: str, classes: dict[str, type[Any]]
) -> None:
    def model() -> None:
        job = at(classes["pushed"], "RUNNING")

        answers = race(lambda: job.finish(result=7), lambda: job.trigger("cancel"))

        assert sorted(answers, key=str) == ["IllegalTransitionError", True]
        assert job.state.name == ("DONE" if answers[0] is True else "CANCELLED")
        assert len(job.history) == 3

    assert exhaust(model, granularity=granularity)


@pytest.mark.parametrize("threads", [2, 3])
def test_of_several_submissions_one_reaches_the_backend(
    threads: int, classes: dict[str, type[Any]]
) -> None:
    def model() -> None:
        desk = Desk()
        job = at(classes["hooked"], "INITIALIZING", desk)

        answers = race(*[job.submit] * threads)

        assert desk.asked == ["submit"]
        assert sorted(answers, key=str) == [*["IllegalTransitionError"] * (threads - 1), None]
        assert [entry.trigger for entry in job.history] == ["submit"]

    assert exhaust(model) if threads == 2 else explore(model, schedules=60).ok


@pytest.mark.parametrize("listening", [False, True], ids=["alone", "beside an outsider"])
def test_no_wake_up_is_lost(listening: bool, classes: dict[str, type[Any]]) -> None:
    def model() -> None:
        job, told = at(classes["pushed"], "QUEUED"), []
        if listening:
            job.add_callback(lambda _, entry: told.append(entry.number))

        def end() -> None:
            job.start()
            job.finish(result=7)

        # A wake-up that is lost is a deadlock here, where no sleep ends by itself.
        assert race(job.result, end) == [7, None]
        assert told == ([2, 3] if listening else [])

    assert explore(model, schedules=150).ok if listening else exhaust(model)


def test_all_outsiders_are_told_the_same_in_the_same_order(classes: dict[str, type[Any]]) -> None:
    def model() -> None:
        job = at(classes["pushed"], "RUNNING")
        first: list[Any] = []
        second: list[Any] = []
        job.add_callback(lambda _, entry: first.append(entry))
        job.add_callback(lambda _, entry: second.append(entry))

        race(job.requeue, job.start, job.requeue, job.finish)

        assert tuple(first) == tuple(second) == job.history[2:]

    explore(model, "pct", 60)
    explore(model, "random", 10, granularity="opcode")


def test_an_outsider_that_comes_is_told_exactly_what_follows(
    classes: dict[str, type[Any]],
) -> None:
    def model() -> None:
        job = at(classes["pushed"], "QUEUED")
        stays: list[Any] = []
        comes: list[Any] = []
        before: list[int] = []
        job.add_callback(lambda _, entry: stays.append(entry))

        def come() -> None:
            before.append(len(job.history))
            job.add_callback(lambda _, entry: comes.append(entry))
            before.append(len(job.history))

        race(job.start, come)
        job.trigger("fail")

        assert tuple(stays) == job.history[1:]
        since = comes[0].number - 1
        assert before[0] <= since <= before[1]
        assert tuple(comes) == job.history[since:]

    assert exhaust(model)


def test_an_outsider_that_leaves_is_told_nothing_more_and_takes_nobody_with_it(
    classes: dict[str, type[Any]],
) -> None:
    def model() -> None:
        job = at(classes["pushed"], "QUEUED")
        stays: list[int] = []
        leaves: list[int] = []
        job.add_callback(lambda _, entry: stays.append(entry.number))
        remove = job.add_callback(lambda _, entry: leaves.append(entry.number))
        left: list[int] = []

        def leave() -> None:
            remove()
            left.append(len(leaves))

        race(job.start, leave)
        job.trigger("fail")

        assert stays == [2, 3]
        assert leaves in ([], [2])
        assert 3 not in leaves

    assert exhaust(model)


# What the lock is not held for.


HOOKED_CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "submit": ("INITIALIZING", lambda job: job.submit()),
    "cancel": ("QUEUED", lambda job: job.cancel()),
    "poll": ("QUEUED", lambda job: job.status()),
    "fetch_result": ("DONE", lambda job: job.result()),
}


@pytest.mark.parametrize("question", HOOKED_CALLS)
def test_others_may_do_anything_while_a_hook_is_asked(
    question: str, classes: dict[str, type[Any]]
) -> None:
    state, call = HOOKED_CALLS[question]

    def model() -> None:
        desk = Slow(question)
        job = at(classes["all hooks"], state, desk)

        def meanwhile() -> None:
            desk.arrived.wait()
            job.observe("ERROR")
            job.add_callback(print)()
            assert len(job.history) >= 1
            desk.done.set()

        race(lambda: call(job), meanwhile)  # where the lock is held, both wait for ever

        assert desk.asked == [question]
        assert job.state.name == ("DONE" if question == "fetch_result" else "ERROR")

    explore(model, "pct", 20)


class Slow(Desk):
    """A backend that takes its time over one question.

    Attributes:
        arrived: Set when the question has come.
        done: What it waits for before it answers.
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question
        self.arrived, self.done = explorer.Event(), explorer.Event()

    def ask(self, question: str, job: Any) -> Any:
        if question == self.question:
            self.arrived.set()
            self.done.wait()
        return super().ask(question, job)


def test_others_may_do_anything_while_an_outsider_is_told(classes: dict[str, type[Any]]) -> None:
    def model() -> None:
        job = at(classes["pushed"], "QUEUED")
        arrived, done = explorer.Event(), explorer.Event()

        def outsider(job: Any, entry: Any) -> None:
            if entry.number == 2:
                arrived.set()
                done.wait()

        job.add_callback(outsider)

        def meanwhile() -> None:
            arrived.wait()
            assert job.finish() is True
            done.set()

        race(job.start, meanwhile)

        assert job.state.name == "DONE"

    explore(model, "pct", 20)


# Answers that come late.


def test_a_late_answer_never_takes_a_job_further_than_it_is(classes: dict[str, type[Any]]) -> None:
    def model() -> None:
        truth = ["RUNNING"]
        desk = Truthful(truth)
        job = at(classes["all hooks"], "RUNNING", desk)

        def backend_starts_again() -> None:
            truth[0] = "QUEUED"
            job.observe("QUEUED", attempt=2)

        answers = race(job.status, backend_starts_again)

        assert answers[0] in ("RUNNING", "QUEUED")
        assert (job.state.name, job.attempt) == ("QUEUED", 2)

    assert exhaust(model)


class Truthful(Desk):
    """A backend that tells the truth about a job as it is when it is asked."""

    def __init__(self, truth: list[str]) -> None:
        super().__init__()
        self.truth = truth

    def ask(self, question: str, job: Any) -> Any:
        super().ask(question, job)
        return self.truth[0]


def test_those_who_look_at_the_same_time_share_one_question(classes: dict[str, type[Any]]) -> None:
    asked: set[int] = set()

    def model() -> None:
        desk = Truthful(["RUNNING"])
        job = at(classes["all hooks"], "QUEUED", desk)

        assert race(job.status, job.status, job.status) == ["RUNNING"] * 3

        assert [entry.trigger for entry in job.history] == ["submit", "start"]
        asked.add(len(desk.asked))

    explore(model, "pct", 60)

    assert asked <= {1, 2, 3}
    assert min(asked) == 1


def test_a_result_is_fetched_once_however_many_ask(classes: dict[str, type[Any]]) -> None:
    def model() -> None:
        desk = Desk()
        result = object()
        desk.script(fetch_result=[result])
        job = at(classes["all hooks"], "DONE", desk)

        answers = race(job.result, job.result, job.result)

        assert all(answer is result for answer in answers)
        assert desk.asked == ["fetch_result"]

    explore(model, "pct", 60)


def test_jobs_do_not_wait_for_each_other(classes: dict[str, type[Any]]) -> None:
    def model() -> None:
        one, other = at(classes["pushed"], "RUNNING"), at(classes["pushed"], "RUNNING")
        one.add_callback(lambda _, entry: other.trigger("cancel") if entry.number == 3 else None)
        other.add_callback(lambda _, entry: one.trigger("cancel") if entry.number == 3 else None)

        race(lambda: one.finish(), lambda: other.finish())  # noqa: PLW0108  # looked up when called

        assert {one.state.name, other.state.name} <= {"DONE", "CANCELLED"}
        assert len(one.history) == len(other.history) == 3

    explore(model, "pct", 60)
