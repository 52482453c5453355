"""Triggers are strict: legal here, or an error that changes nothing and shows the way out."""

from __future__ import annotations

import inspect
import pickle
import threading
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from job_doubles import Backend, Background, Pushed, Remote, Rows, brought_to, meet, part
from job_oracle import BASE, BASE_WAYS, FINALS, SHOP, SHOP_WAYS, assert_consistent
from machine_shop import MachineShopJob
from sojourn import ACTIVE, BaseJob, IllegalTransitionError, JobStatus, Outcome, State, Transition
from sojourn.errors import JobError, JobFailedError, ReentrantTransitionError, SojournError

I, Q, R, D, E = (  # noqa: E741  # the states, as in the tables
    JobStatus.INITIALIZING,
    JobStatus.QUEUED,
    JobStatus.RUNNING,
    JobStatus.DONE,
    JobStatus.ERROR,
)

Maker = Callable[..., Any]

#: Every (state, trigger) pair of two classes, from their lifecycles; where it leads, by hand.
PAIRS = [
    pytest.param(make, ways, table, state.name, trigger, id=f"{name}-{state.name}-{trigger}")
    for name, cls, make, ways, table in [
        ("plain", Pushed, lambda **options: Pushed(None, "j-1", **options), BASE_WAYS, BASE),
        ("shop", MachineShopJob, lambda **options: part("j-1", **options), SHOP_WAYS, SHOP),
    ]
    for state, trigger in product(
        cls.lifecycle.states, dict.fromkeys(edge.trigger for edge in cls.lifecycle.transitions)
    )
]

#: The same without the commands, whose methods do more than to fire.
METHODS = [pair for pair in PAIRS if pair.values[-1] not in ("submit", "cancel")]


class TestEveryPair:
    @pytest.mark.parametrize(("make", "ways", "table", "state", "trigger"), PAIRS)
    def test_a_trigger_is_legal_exactly_where_the_table_says_so(
        self, make: Maker, ways: Any, table: Any, state: str, trigger: str
    ) -> None:
        job = brought_to(make(), ways, state)
        before = job.history
        dest = table.get((state, trigger))

        if dest is None:
            with pytest.raises(IllegalTransitionError):
                job.trigger(trigger)
            assert (job.state.name, job.history) == (state, before)
        else:
            assert job.trigger(trigger) is True
            (entry,) = job.history[len(before) :]
            assert (entry.trigger, entry.source, entry.dest) == (trigger, state, dest)
            assert (entry.origin, entry.inferred) == ("trigger", False)
            assert entry.at is not None
        assert_consistent(job, table)

    @pytest.mark.parametrize(("make", "ways", "table", "state", "trigger"), METHODS)
    def test_the_method_of_that_name_does_the_same(
        self, make: Maker, ways: Any, table: Any, state: str, trigger: str
    ) -> None:
        job = brought_to(make(), ways, state)
        before = job.history

        if (state, trigger) in table:
            assert getattr(job, trigger)() is True
            assert job.state.name == table[state, trigger]
        else:
            with pytest.raises(IllegalTransitionError):
                getattr(job, trigger)()
            assert (job.state.name, job.history) == (state, before)

    def test_the_method_has_the_name_of_its_class_and_says_where_it_leads(self) -> None:
        assert part().mount.__qualname__ == "MachineShopJob.mount"
        assert part().start.__qualname__ == "MachineShopJob.start"
        assert part().mount.__doc__ == "Fire 'mount': QUEUED -> SETUP."

    @pytest.mark.parametrize(("make", "ways", "table", "state", "trigger"), PAIRS)
    def test_what_is_legal_is_what_the_job_says_is_legal(
        self, make: Maker, ways: Any, table: Any, state: str, trigger: str
    ) -> None:
        job = brought_to(make(), ways, state)

        assert job.may(trigger) is ((state, trigger) in table)
        assert (trigger in job.triggers()) is ((state, trigger) in table)

    @pytest.mark.parametrize(("make", "ways", "table", "state", "trigger"), PAIRS)
    def test_nobody_hears_of_what_is_refused_and_everybody_of_what_is_not(
        self, make: Maker, ways: Any, table: Any, state: str, trigger: str
    ) -> None:
        rows, told = Rows(), []
        job = brought_to(make(journal=rows), ways, state)
        before = len(rows.kept)
        job.add_callback(lambda _, entry: told.append(entry))

        if (state, trigger) in table:
            job.trigger(trigger)
        else:
            with pytest.raises(IllegalTransitionError):
                job.trigger(trigger)

        assert len(told) == ((state, trigger) in table)
        assert rows.kept[before:] == told
        assert tuple(rows.kept) == job.history
        assert_consistent(job, table)


class TestARefusal:
    @pytest.mark.parametrize(
        ("make", "ways", "state", "trigger", "way_out"),
        [
            (
                part,
                SHOP_WAYS,
                "QUEUED",
                "finish",
                "allowed here: cancel, fail, mount, start (finish comes after: start, inspect)",
            ),
            (
                part,
                SHOP_WAYS,
                "SETUP",
                "requeue",
                "allowed here: cancel, fail, start (requeue comes after: start)",
            ),
            (
                lambda: Pushed(None, "p-1"),
                BASE_WAYS,
                "INITIALIZING",
                "finish",
                "allowed here: cancel, fail, submit (finish comes after: submit, start)",
            ),
            (
                lambda: Pushed(None, "p-1"),
                BASE_WAYS,
                "RUNNING",
                "start",
                "allowed here: cancel, fail, finish",
            ),
        ],
        ids=["on the way", "a detour", "from the beginning", "too late"],
    )
    def test_says_who_what_where_and_the_way(
        self, make: Maker, ways: Any, state: str, trigger: str, way_out: str
    ) -> None:
        job = brought_to(make(), ways, state)

        with pytest.raises(IllegalTransitionError) as refused:
            job.trigger(trigger)

        assert str(refused.value) == f"job 'p-1' cannot {trigger!r} while {state}; {way_out}"

    @pytest.mark.parametrize("state", FINALS)
    def test_of_a_final_job_says_that_it_is_final(self, state: str) -> None:
        job = brought_to(Pushed(None, "p-1"), BASE_WAYS, state)

        with pytest.raises(IllegalTransitionError) as refused:
            job.start()

        message = str(refused.value)
        assert message.startswith(f"job 'p-1' cannot 'start' while {state}; ")
        assert "final" in message
        assert refused.value.allowed == ()

    def test_has_its_facts_as_attributes(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "QUEUED")

        with pytest.raises(IllegalTransitionError) as refused:
            job.finish()

        error = refused.value
        assert isinstance(error, SojournError)
        assert (error.job_id, error.trigger, error.state) == ("p-1", "finish", "QUEUED")
        assert error.allowed == ("cancel", "fail", "mount", "start")
        assert error.after == ("start", "inspect")

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_survives_pickling(self, protocol: int) -> None:
        job = brought_to(part(), SHOP_WAYS, "QUEUED")
        with pytest.raises(IllegalTransitionError) as refused:
            job.finish()

        copy = pickle.loads(pickle.dumps(refused.value, protocol))

        assert type(copy) is IllegalTransitionError
        assert str(copy) == str(refused.value)
        assert (copy.job_id, copy.trigger, copy.state) == ("p-1", "finish", "QUEUED")
        assert (copy.allowed, copy.after) == (refused.value.allowed, refused.value.after)

    @pytest.mark.parametrize("name", ["strat", "", "to_DONE", "RUNNING", "status", "__init__"])
    def test_of_a_name_that_is_no_trigger_is_an_illegal_transition_too(self, name: str) -> None:
        job = Pushed(None, "j-1")

        with pytest.raises(IllegalTransitionError) as refused:
            job.trigger(name)

        assert refused.value.trigger == name
        assert job.may(name) is False
        assert job.history == ()

    def test_of_a_misspelt_trigger_names_the_nearest_one(self) -> None:
        with pytest.raises(IllegalTransitionError, match="did you mean start"):
            Pushed(None, "j-1").trigger("strat")

    def test_costs_nothing_but_itself(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "QUEUED")
        for _ in range(1000):
            with pytest.raises(IllegalTransitionError):
                job.finish()

        assert job.may("start")
        assert len(job.history) == 1
        assert Background(job.start).result() is True


class TestWhatCannotBeAssigned:
    @pytest.mark.parametrize("name", ["state", "history", "attempt", "native_id", "anomalies"])
    def test_a_job_moves_by_its_triggers_only(self, name: str) -> None:
        job = Pushed(None, "j-1")

        with pytest.raises(AttributeError):
            setattr(job, name, "DONE")

        assert job.state is BaseJob.INITIALIZING

    @pytest.mark.parametrize("name", ["to_DONE", "is_DONE", "may_start"])
    def test_no_automatic_triggers_of_transitions_are_there(self, name: str) -> None:
        assert not hasattr(Pushed(None, "j-1"), name)


class Gated(BaseJob[Any]):
    """Conditions of every kind; each answer is an attribute of the job."""

    warm = False
    blocked = False

    NEAR = State(JobStatus.RUNNING)

    start = Transition(Q, R, conditions="_is_warm", unless="_is_blocked", before="_note")
    choose = Transition(R, NEAR, conditions=lambda event: event.kwargs.get("near", False)) | (
        Transition(R, D)
    )
    finish = BaseJob.finish | Transition(NEAR, D)

    def __init__(self) -> None:
        super().__init__(None, "g-1")
        self.notes: list[str] = []

    def _is_warm(self, event: Any) -> bool:
        return self.warm

    def _is_blocked(self, event: Any) -> bool:
        return self.blocked

    def _note(self, event: Any) -> None:
        self.notes.append(event.transition.dest)


class TestConditions:
    @pytest.mark.parametrize("warm", [False, True])
    @pytest.mark.parametrize("blocked", [False, True])
    def test_one_that_says_no_makes_the_trigger_return_false(
        self, warm: bool, blocked: bool
    ) -> None:
        job = Gated()
        job.submit()
        job.warm, job.blocked = warm, blocked
        legal = warm and not blocked

        assert job.may("start") is legal
        assert job.start() is legal

        assert job.state.name == ("RUNNING" if legal else "QUEUED")
        assert len(job.history) == 1 + legal
        assert job.notes == ["RUNNING"] * legal
        assert "start" in job.triggers() or legal

    def test_a_trigger_whose_condition_says_no_is_still_named(self) -> None:
        job = Gated()
        job.submit()

        assert "start" in job.triggers()
        assert job.trigger("start") is False

    def test_conditions_do_not_make_an_illegal_trigger_possible(self) -> None:
        job = Gated()
        job.warm = True

        with pytest.raises(IllegalTransitionError):
            job.start()

    @pytest.mark.parametrize(("near", "dest"), [(True, "NEAR"), (False, "DONE")])
    def test_the_first_branch_whose_conditions_hold_is_taken(self, near: bool, dest: str) -> None:
        job = Gated()
        job.submit()
        job.warm = True
        job.start()

        assert job.choose(near=near) is True

        assert job.state.name == dest

    def test_may_passes_arguments_to_the_conditions(self) -> None:
        class Fussy(BaseJob[Any]):
            start = Transition(Q, R, conditions=lambda event: event.args == ("please",))

        job = Fussy(None, "f-1")
        job.submit()

        assert job.may("start") is False
        assert job.may("start", "please") is True
        assert job.start("please") is True

    def test_one_that_raises_is_a_refusal_with_its_own_error(self) -> None:
        class Broken(BaseJob[Any]):
            start = Transition(Q, R, conditions="_ask")

            def _ask(self, event: Any) -> bool:
                raise ZeroDivisionError("division by zero")

        job = Broken(None, "b-1")
        job.submit()

        with pytest.raises(ZeroDivisionError):
            job.start()

        assert job.state is BaseJob.QUEUED
        assert Background(job.trigger, "cancel").result() is True


class Ending(BaseJob[Any]):
    """Triggers of other names that lead to DONE and ERROR; payloads belong to the destination."""

    complete = Transition(R, D)
    abort = Transition(ACTIVE, E)
    judge = Transition(R, D, conditions=lambda event: event.model.good) | Transition(R, E)
    stamp = Transition(R, D, after="_stamp")

    good = True
    stamped: Any = None

    def _stamp(self, event: Any) -> None:
        self.stamped = (event.args, event.kwargs)


def running(cls: type[BaseJob[Any]], **options: Any) -> Any:
    return brought_to(cls(None, "j-1", **options), BASE_WAYS, "RUNNING")


def fire(job: Any, trigger: str, by_name: bool, args: Any, kwargs: Any) -> bool:
    """Fire by the method of that name, or by `trigger`."""
    if by_name:
        return job.trigger(trigger, *args, **kwargs)
    return getattr(job, trigger)(*args, **kwargs)


class TestPayloads:
    @pytest.mark.parametrize("watched", [False, True], ids=["alone", "watched"])
    @pytest.mark.parametrize(
        ("result", "kept"),
        # A journal keeps what JSON gives back as it is.
        [*product([42, None, [], "text"], [False, True]), (NotImplemented, False)],
    )
    def test_the_result_given_to_finish_is_the_result(
        self, result: Any, watched: bool, kept: bool
    ) -> None:
        job = running(Pushed, journal=Rows() if kept else None)
        if watched:
            job.add_callback(lambda *_: None)

        assert job.finish(result=result) is True

        assert job.result() is result
        assert job.result() is result

    @pytest.mark.parametrize("trigger", ["finish", "complete", "stamp", "judge"])
    @pytest.mark.parametrize("by_name", [False, True], ids=["method", "trigger"])
    @pytest.mark.parametrize(
        ("args", "kwargs"), [((7,), {}), ((), {"result": 7})], ids=["position", "keyword"]
    )
    def test_a_result_belongs_to_done_whatever_the_trigger_is_called(
        self, trigger: str, by_name: bool, args: Any, kwargs: Any
    ) -> None:
        job = running(Ending)

        assert fire(job, trigger, by_name, args, kwargs) is True

        assert job.result() == 7

    @pytest.mark.parametrize("trigger", ["finish", "complete", "stamp"])
    def test_not_giving_a_result_is_not_the_same_as_giving_none(self, trigger: str) -> None:
        given, not_given = running(Ending), running(Ending)
        given.trigger(trigger, result=None)
        not_given.trigger(trigger)

        assert given.result() is None
        with pytest.raises(JobError):
            not_given.result()

    @pytest.mark.parametrize("state", ["INITIALIZING", "QUEUED", "RUNNING"])
    @pytest.mark.parametrize("trigger", ["fail", "abort"])
    @pytest.mark.parametrize("by_name", [False, True], ids=["method", "trigger"])
    @pytest.mark.parametrize("by_keyword", [False, True], ids=["position", "keyword"])
    def test_the_error_given_to_fail_is_the_error(
        self, state: str, trigger: str, by_name: bool, by_keyword: bool
    ) -> None:
        job, error = brought_to(Ending(None, "j-1"), BASE_WAYS, state), ValueError("bad input")
        args, kwargs = ((), {"error": error}) if by_keyword else ((error,), {})

        assert fire(job, trigger, by_name, args, kwargs) is True

        assert job.error() is error
        assert "bad input" in (job.history[-1].detail or "")
        with pytest.raises(JobFailedError, match="bad input") as failed:
            job.result()
        assert failed.value.__cause__ is error

    def test_a_text_may_be_the_error(self) -> None:
        job = running(Pushed)

        job.fail("out of memory")

        error = job.error()
        assert type(error) is JobError
        assert str(error) == "out of memory"
        assert job.history[-1].detail == "out of memory"

    @pytest.mark.parametrize("by_name", [False, True], ids=["method", "trigger"])
    def test_a_failure_without_a_reason_has_an_error_still(self, by_name: bool) -> None:
        job = running(Pushed)

        fire(job, "fail", by_name, (), {})

        assert isinstance(job.error(), JobError)
        with pytest.raises(JobFailedError):
            job.result()

    def test_a_branch_that_leads_to_error_takes_an_error(self) -> None:
        job = running(Ending)
        job.good = False

        job.judge("0.3 mm off")

        assert str(job.error()) == "0.3 mm off"

    def test_a_redeclared_trigger_keeps_its_payload(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "INSPECTING")

        job.finish(result="a report")

        assert job.state is MachineShopJob.DONE

    @pytest.mark.parametrize("error", [17, b"text", ["text"], ValueError])
    def test_what_is_neither_a_text_nor_an_exception_is_refused_as_an_error(
        self, error: Any
    ) -> None:
        job = running(Pushed)

        with pytest.raises(TypeError):
            job.fail(error)

        assert job.state is BaseJob.RUNNING
        assert Background(job.finish).result() is True

    @pytest.mark.parametrize("watched", [False, True], ids=["alone", "watched"])
    @pytest.mark.parametrize("by_name", [False, True], ids=["method", "trigger"])
    @pytest.mark.parametrize(
        ("trigger", "args", "kwargs"),
        [
            ("start", (1,), {}),
            ("start", (), {"result": 1}),
            ("start", (), {"error": "text"}),
            ("fail", ("text", "more"), {}),
            ("fail", (), {"result": 1}),
            ("fail", ("text",), {"error": "text"}),
        ],
        ids=repr,
    )
    def test_an_argument_that_nobody_takes_is_a_mistake(
        self, trigger: str, args: Any, kwargs: Any, by_name: bool, watched: bool
    ) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")
        if watched:
            job.add_callback(lambda *_: None)
        before = job.history

        with pytest.raises(TypeError):
            fire(job, trigger, by_name, args, kwargs)

        assert job.history == before

    @pytest.mark.parametrize(
        ("state", "args", "kwargs"),
        [
            ("QUEUED", (1,), {}),
            ("QUEUED", (), {"result": 1}),
            ("RUNNING", (1, 2), {}),
            ("RUNNING", (1,), {"result": 2}),
            ("RUNNING", (), {"error": "text"}),
        ],
        ids=repr,
    )
    def test_so_it_is_where_a_trigger_leads_to_done_and_elsewhere(
        self, state: str, args: Any, kwargs: Any
    ) -> None:
        class Settling(BaseJob[Any]):
            settle = Transition(Q, R) | Transition(R, D)

        job = brought_to(Settling(None, "j-1"), BASE_WAYS, state)
        before = job.history

        with pytest.raises(TypeError, match=f"'settle' from {state} takes no such arguments"):
            job.settle(*args, **kwargs)

        assert job.history == before
        assert job.settle() is True

    def test_a_method_shows_what_it_takes_and_where_it_is_from(self) -> None:
        job = Ending(None, "j-1")
        shown = {
            name: inspect.signature(getattr(job, name)) for name in ("start", "finish", "fail")
        }

        assert {name: [*each.parameters] for name, each in shown.items()} == {
            "start": [],
            "finish": ["result"],
            "fail": ["error"],
        }
        assert str(shown["finish"]).startswith("(result=NOT_GIVEN)")
        assert job.complete.__name__ == "complete"
        assert job.complete.__qualname__ == "Ending.complete"
        assert job.complete.__module__ == __name__
        assert job.complete.__doc__ == "Fire 'complete': RUNNING -> DONE."

    def test_a_job_that_is_not_in_error_has_none(self) -> None:
        job = running(Pushed)

        assert job.error() is None
        job.finish(result=ValueError("a result may be an exception"))
        assert job.error() is None
        assert isinstance(job.result(), ValueError)


class Told(BaseJob[Any]):
    """Every kind of callback there is, each writing down when it ran; faults on demand."""

    WARM = State(Q, on_enter="_enter_warm", on_exit=["_exit_warm", "_exit_warm_again"])
    BUSY = State(R, on_enter="_enter_busy")

    warm_up = Transition(Q, WARM, after="_after_warm_up")
    start = BaseJob.start | Transition(WARM, R)
    go = Transition(
        WARM,
        BUSY,
        conditions="_first_condition",
        unless="_first_unless",
        before=["_first_before", "_second_before"],
        after=["_first_after", "_second_after"],
    )
    finish = BaseJob.finish | Transition(BUSY, D)

    def __init__(self, **options: Any) -> None:
        super().__init__(None, "t-1", **options)
        self.notes: list[tuple[str, str]] = []
        self.events: list[Any] = []
        self.faults: dict[str, BaseException] = {}

    def note(self, name: str, event: Any) -> None:
        self.notes.append((name, self.state.name))
        self.events.append(event)
        if name in self.faults:
            raise self.faults[name]

    def _first_condition(self, event: Any) -> bool:
        self.note("condition", event)
        return True

    def _first_unless(self, event: Any) -> bool:
        self.note("unless", event)
        return False

    def _first_before(self, event: Any) -> None:
        self.note("before", event)

    def _second_before(self, event: Any) -> None:
        self.note("before 2", event)

    def _exit_warm(self, event: Any) -> None:
        self.note("exit", event)

    def _exit_warm_again(self, event: Any) -> None:
        self.note("exit 2", event)

    def _enter_warm(self, event: Any) -> None:
        self.note("enter WARM", event)

    def _after_warm_up(self, event: Any) -> None:
        self.note("after warm_up", event)

    def _enter_busy(self, event: Any) -> None:
        self.note("enter", event)

    def _first_after(self, event: Any) -> None:
        self.note("after", event)

    def _second_after(self, event: Any) -> None:
        self.note("after 2", event)


def warm(**options: Any) -> Told:
    job = Told(**options)
    job.submit()
    job.warm_up()
    job.notes.clear()
    job.events.clear()
    return job


BEFORE_THE_CHANGE = ["condition", "unless", "before", "before 2", "exit", "exit 2"]
AFTER_THE_CHANGE = ["enter", "after", "after 2"]


class TestCallbacks:
    def test_run_in_the_order_of_transitions_and_see_the_state_that_holds(self) -> None:
        job = warm()

        assert job.go() is True

        assert job.notes == [(name, "WARM") for name in BEFORE_THE_CHANGE] + [
            (name, "BUSY") for name in AFTER_THE_CHANGE
        ]

    def test_receive_the_event_as_transitions_has_it(self) -> None:
        job = warm()

        job.go(1, two=2)

        for event in job.events:
            assert event.model is job
            assert tuple(event.args) == (1,)
            assert dict(event.kwargs) == {"two": 2}
            assert event.event.name == "go"
            assert (event.transition.source, event.transition.dest) == ("WARM", "BUSY")
            assert event.machine is Told.lifecycle.machine
            assert event.inferred is False

    def test_run_in_the_thread_that_fires(self) -> None:
        threads: list[threading.Thread] = []

        class Here(BaseJob[Any]):
            start = Transition(Q, R, after=lambda _: threads.append(threading.current_thread()))

        job = Here(None, "h-1")
        job.submit()
        firing = Background(job.start)
        firing.result()

        assert threads == [firing.thread]

    @pytest.mark.parametrize("name", BEFORE_THE_CHANGE)
    @pytest.mark.parametrize(
        "fault", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)], ids=repr
    )
    def test_one_that_raises_before_the_change_refuses_it(
        self, name: str, fault: BaseException
    ) -> None:
        rows, told = Rows(), []
        job = warm(journal=rows)
        job.add_callback(lambda _, entry: told.append(entry))
        before = job.history
        job.faults[name] = fault

        with pytest.raises(type(fault)) as raised:
            job.go()

        assert raised.value is fault
        assert (job.state, job.history) == (Told.WARM, before)
        assert (tuple(rows.kept), told) == (before, [])
        assert [note for note, _ in job.notes] == BEFORE_THE_CHANGE[
            : BEFORE_THE_CHANGE.index(name) + 1
        ]
        job.faults.clear()
        assert Background(job.go).result() is True
        assert tuple(rows.kept) == job.history

    @pytest.mark.parametrize("name", AFTER_THE_CHANGE)
    @pytest.mark.parametrize(
        "fault", [ValueError("late"), KeyboardInterrupt(), SystemExit(3)], ids=repr
    )
    def test_one_that_raises_after_the_change_leaves_it_standing(
        self, name: str, fault: BaseException
    ) -> None:
        rows, told = Rows(), []
        job = warm(journal=rows)
        job.add_callback(lambda _, entry: told.append(entry.dest))
        job.faults[name] = fault

        with pytest.raises(type(fault)) as raised:
            job.go()

        assert raised.value is fault
        assert job.state is Told.BUSY
        assert job.history[-1].dest == "BUSY"
        assert tuple(rows.kept) == job.history
        assert told == ["BUSY"]
        assert Background(job.finish).result() is True
        assert told == ["BUSY", "DONE"]

    def test_one_that_raises_after_the_change_does_not_strand_a_waiter(self) -> None:
        class Loud(BaseJob[Any]):
            finish = Transition(R, D, after="_shout")

            def _shout(self, event: Any) -> None:
                raise ValueError("done!")

        job, looked = running(Loud), threading.Event()
        waiting = Background(job.wait_for_final_state, callback=lambda *_: looked.set())
        assert looked.wait(10)

        with pytest.raises(ValueError, match="done!"):
            job.finish()

        assert waiting.result() is None

    def test_those_of_a_subclass_s_own_method_are_the_ones_that_run(self) -> None:
        class Louder(Told):
            def _enter_busy(self, event: Any) -> None:
                self.note("louder", event)

        job = Louder()
        job.submit()
        job.warm_up()
        job.go()

        assert "louder" in dict(job.notes)
        assert "enter" not in dict(job.notes)

    def test_may_be_callables_of_any_kind(self) -> None:
        class Listener:
            def __init__(self) -> None:
                self.heard: list[Any] = []

            def hear(self, event: Any) -> None:
                self.heard.append(event.model)

            __call__ = hear

        by_object, by_method = Listener(), Listener()

        class Heard(BaseJob[Any]):
            start = Transition(Q, R, before=by_object, after=[by_method.hear, lambda _: None])

        job = Heard(None, "h-1")
        job.submit()
        job.start()

        assert by_object.heard == by_method.heard == [job]

    def test_those_of_a_trigger_do_not_run_when_another_one_takes_the_step(self) -> None:
        job = warm()

        job.start()

        assert [name for name, _ in job.notes] == ["exit", "exit 2"]


class Reentrant(BaseJob[Any]):
    """Lets a test do something inside each kind of callback."""

    deeds: dict[str, Callable[[Any], Any]]

    PREPARED = State(Q, on_exit="_exit")
    prepare = Transition(Q, PREPARED)
    start = Transition(Q, R) | Transition(
        PREPARED,
        R,
        conditions="_condition",
        before="_before",
        after="_after",
    )
    tick = Transition(R, Q, new_attempt=True)

    def __init__(self) -> None:
        super().__init__(None, "r-1")
        self.deeds = {}
        self.outcomes: list[Any] = []
        self.submit()
        self.prepare()

    def _do(self, place: str) -> None:
        if place in self.deeds:
            deed = self.deeds.pop(place)
            try:
                self.outcomes.append(deed(self))
            except ReentrantTransitionError as error:
                self.outcomes.append(error)

    def _condition(self, event: Any) -> bool:
        self._do("condition")
        return True

    def _before(self, event: Any) -> None:
        self._do("before")

    def _exit(self, event: Any) -> None:
        self._do("exit")

    def _after(self, event: Any) -> None:
        self._do("after")


EARLY = ["condition", "before", "exit"]
PLACES = [*EARLY, "after"]

#: What a declared callback may not do to any job, not even after its own change.
WAITING = {
    "submit": lambda job: job.submit(),
    "cancel": lambda job: job.cancel(),
    "reconcile": lambda job: job.reconcile(),
    "wait": lambda job: job.wait_for_final_state(timeout=0),
    "result": lambda job: job.result(timeout=0),
    "status": lambda job: job.status(),
    "done": lambda job: job.done(),
}

#: What it may not do to another job, because the two could fire each other.
FIRING = {
    "start": lambda job: job.start(),
    "trigger": lambda job: job.trigger("fail"),
    "fail": lambda job: job.fail("text"),
    "observe": lambda job: job.observe("DONE"),
    "may": lambda job: job.may("start"),
}


class TestReentrance:
    @pytest.mark.parametrize("place", EARLY)
    @pytest.mark.parametrize("deed", FIRING)
    def test_firing_the_same_job_before_its_change_is_refused(self, place: str, deed: str) -> None:
        job = Reentrant()
        job.deeds[place] = FIRING[deed]

        assert job.start() is True

        assert [type(outcome) for outcome in job.outcomes] == [ReentrantTransitionError]
        assert "before its own change" in str(job.outcomes[0])
        assert [entry.trigger for entry in job.history] == ["submit", "prepare", "start"]

    @pytest.mark.parametrize(
        ("deed", "outcome", "triggers"),
        [
            (lambda job: job.finish(), True, ["start", "finish"]),
            (lambda job: job.fail("text"), True, ["start", "fail"]),
            (lambda job: job.trigger("cancel"), True, ["start", "cancel"]),
            (lambda job: job.observe("DONE"), Outcome.ADVANCED, ["start", "finish"]),
            (lambda job: job.tick(), True, ["start", "tick"]),
        ],
        ids=["finish", "fail", "cancel", "observe", "tick"],
    )
    def test_firing_the_same_job_after_its_change_is_the_next_step(
        self, deed: Callable[[Any], Any], outcome: Any, triggers: list[str]
    ) -> None:
        job, told = Reentrant(), []
        job.add_callback(lambda _, entry: told.append(entry.trigger))
        job.deeds["after"] = deed

        assert job.start() is True

        assert job.outcomes == [outcome]
        assert [entry.trigger for entry in job.history[2:]] == triggers
        assert told == triggers

    def test_asking_what_may_be_does_not_forbid_the_next_step(self) -> None:
        class Careful(BaseJob[Any]):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_go_on")
            finish = Transition(JobStatus.RUNNING, JobStatus.DONE, conditions="_always")

            def _always(self, event: Any) -> bool:
                return True

            def _go_on(self, event: Any) -> None:
                assert self.may("finish")
                self.finish()

        job = Careful(None, "j-1")
        job.submit()

        job.start()

        assert job.state is BaseJob.DONE

    def test_a_step_that_did_not_come_about_does_not_forbid_the_next_one(self) -> None:
        class Stubborn(BaseJob[Any]):
            start = Transition(Q, R, after="_go_on")
            skip = Transition(R, D, conditions="_never", before="_trip")
            finish = Transition(R, D, before="_trip")

            def _never(self, event: Any) -> bool:
                return False

            def _trip(self, event: Any) -> None:
                raise ValueError("tripped")

            def _go_on(self, event: Any) -> None:
                assert self.skip() is False
                for trip in (self.finish, lambda: self.observe("DONE")):
                    with pytest.raises(ValueError, match="tripped"):
                        trip()
                self.fail("text")

        job = Stubborn(None, "j-1")
        job.submit()

        assert job.start() is True

        assert [entry.dest for entry in job.history] == ["QUEUED", "RUNNING", "ERROR"]

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("deed", FIRING)
    def test_firing_another_job_is_refused_everywhere(self, place: str, deed: str) -> None:
        job, other = Reentrant(), Pushed(None, "other")
        other.submit()
        job.deeds[place] = lambda _: FIRING[deed](other)

        assert job.start() is True

        assert [type(outcome) for outcome in job.outcomes] == [ReentrantTransitionError]
        assert job.state is BaseJob.RUNNING
        assert len(other.history) == 1

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("deed", WAITING)
    @pytest.mark.parametrize("whose", ["its own", "another"])
    def test_waiting_polling_and_commanding_are_refused_everywhere(
        self, place: str, deed: str, whose: str
    ) -> None:
        backend = Backend(poll=["RUNNING"])

        class Both(Reentrant):
            def _poll(self) -> Any:
                return backend.ask("poll", self)

            def _cancel(self) -> Any:
                return backend.ask("cancel", self)

        job, other = Both(), Remote(backend, "other")
        if deed != "submit":
            other.submit()
        before = list(backend.asked)
        job.deeds[place] = lambda _: WAITING[deed](job if whose == "its own" else other)

        assert job.start() is True

        assert [type(outcome) for outcome in job.outcomes] == [ReentrantTransitionError]
        assert "may not command, poll or wait" in str(job.outcomes[0])
        assert job.state is BaseJob.RUNNING
        assert backend.asked == before
        assert not job.cancel_requested
        assert not other.cancel_requested

    @pytest.mark.parametrize("whose", ["its own", "another"])
    def test_fetching_a_result_is_refused_even_of_a_job_that_is_over(self, whose: str) -> None:
        backend, outcomes = Backend(fetch_result=["the result"]), list[Any]()
        other = Remote(backend, "other")
        other.observe("DONE")

        class Hasty(Remote):
            finish = Transition(R, D, after="_look")

            def _look(self, event: Any) -> None:
                with pytest.raises(ReentrantTransitionError, match="may not command") as refused:
                    (self if whose == "its own" else other).result()
                outcomes.append(refused.value)

        Hasty(backend, "j-1").observe("DONE")

        assert len(outcomes) == 1
        assert backend.asked == []

    @pytest.mark.parametrize("place", PLACES)
    def test_listening_to_another_job_is_refused_everywhere(self, place: str) -> None:
        job, other = Reentrant(), Pushed(None, "other")
        job.deeds[place] = lambda _: other.add_callback(print)

        assert job.start() is True

        assert [type(outcome) for outcome in job.outcomes] == [ReentrantTransitionError]
        assert "would deadlock" in str(job.outcomes[0])

    @pytest.mark.parametrize("place", PLACES)
    def test_reading_is_free_everywhere(self, place: str) -> None:
        over = brought_to(Pushed(None, "over"), BASE_WAYS, "DONE")
        job = Reentrant()
        job.deeds[place] = lambda job: (
            job.state,
            job.history,
            job.attempt,
            str(job),
            job.triggers(),
            over.state,
            over.status(),
            job.lifecycle,
        )

        job.start()

        ((state, history, attempt, story, triggers, _, status, lifecycle),) = job.outcomes
        assert state.name == ("RUNNING" if place == "after" else "PREPARED")
        assert len(history) == (3 if place == "after" else 2)
        assert (attempt, status, lifecycle) == (1, JobStatus.DONE, Reentrant.lifecycle)
        assert state.name in story
        assert "fail" in triggers

    @pytest.mark.parametrize("place", PLACES)
    def test_a_callback_that_does_not_catch_the_error_ends_with_it(self, place: str) -> None:
        class Careless(Reentrant):
            def _do(self, place: str) -> None:
                if place in self.deeds:
                    self.deeds.pop(place)(self)

        job, other = Careless(), Pushed(None, "other")
        other.submit()
        job.deeds[place] = lambda _: other.start()

        with pytest.raises(ReentrantTransitionError):
            job.start()

        assert job.state.name == ("RUNNING" if place == "after" else "PREPARED")
        # Neither the thread nor the job remembers it.
        assert other.start() is True
        assert Background(job.fail).result() is True

    def test_the_error_is_an_illegal_transition_that_names_the_job_and_pickles(self) -> None:
        job, other = Reentrant(), Pushed(None, "other")
        other.submit()
        job.deeds["before"] = lambda _: other.start()
        job.start()
        (error,) = job.outcomes

        copy = pickle.loads(pickle.dumps(error))

        assert isinstance(error, IllegalTransitionError)
        assert (error.job_id, error.trigger, error.state) == ("other", "start", "QUEUED")
        assert "add_callback" in str(error)
        assert type(copy) is ReentrantTransitionError
        assert str(copy) == str(error)

    def test_making_and_declaring_are_free(self) -> None:
        job = Reentrant()
        job.deeds["after"] = lambda _: Pushed(None, "new").state.name

        job.start()

        assert job.outcomes == ["INITIALIZING"]

    def test_other_threads_may_fire_other_jobs_meanwhile(self) -> None:
        job, other = Reentrant(), Pushed(None, "other")
        other.submit()
        job.deeds["after"] = lambda _: Background(other.start).result()

        job.start()

        assert job.outcomes == [True]

    def test_readers_in_other_threads_are_not_held_up_by_a_callback(self) -> None:
        job = Reentrant()
        job.deeds["before"] = lambda job: Background(
            lambda: (job.state.name, len(job.history), job.attempt, job.triggers() != ())
        ).result()

        job.start()

        assert job.outcomes == [("PREPARED", 2, 1, True)]

    def test_a_chain_of_callbacks_that_fire_their_own_job_is_one_order(self) -> None:
        class Chained(BaseJob[Any]):
            accepted = Transition(I, Q, trigger="submit", after=lambda event: event.model.start())
            start = Transition(Q, R, after=lambda event: event.model.finish(result=1))

        told: list[str] = []
        job = Chained(None, "c-1")
        job.add_callback(lambda _, entry: told.append(entry.trigger))

        job.submit()

        assert told == [entry.trigger for entry in job.history] == ["submit", "start", "finish"]
        assert job.result() == 1


@pytest.fixture
def short_turns() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    import sys

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("short_turns")
class TestRaces:
    @pytest.mark.parametrize("cls", [Pushed, Ending, Told], ids=lambda cls: cls.__name__)
    def test_of_finish_and_cancel_at_once_one_wins(self, cls: type[Any]) -> None:
        for _ in range(100):
            job = Told() if cls is Told else cls(None, "j-1")
            brought_to(job, BASE_WAYS, "RUNNING")

            outcomes = meet(job.finish, lambda job=job: job.trigger("cancel"), job.fail)

            assert outcomes.count(True) == 1
            assert sum(isinstance(each, IllegalTransitionError) for each in outcomes) == 2
            assert len(job.history) == 3
            assert_consistent(job)

    def test_every_step_of_many_threads_is_counted_once(self) -> None:
        class Looping(BaseJob[Any]):
            again = Transition(R, Q, new_attempt=True)

        job = Looping(None, "l-1")
        job.submit()

        def push() -> int:
            fired = 0
            for _ in range(300):
                for trigger in ("start", "again"):
                    try:
                        fired += job.trigger(trigger)
                    except IllegalTransitionError:
                        continue
            return fired

        fired = sum(meet(*[push] * 4))

        assert len(job.history) == fired + 1
        assert [entry.number for entry in job.history] == list(range(1, fired + 2))
        states = [entry.dest for entry in job.history]
        assert set(states[0::2]) == {"QUEUED"}
        assert set(states[1::2]) <= {"RUNNING"}
        assert job.attempt == 1 + [entry.trigger for entry in job.history].count("again")
