"""How a job class extends, replaces and removes what it inherits, and what its callbacks see."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from lifecycle_oracle import (
    BASE_EDGES,
    SHOP_EDGES,
    Pausing,
    Plain,
    Shop,
    edges,
    queued,
    running,
)
from sojourn import (
    ACTIVE,
    BaseJob,
    IllegalTransitionError,
    JobError,
    JobFailedError,
    JobStatus,
    LifecycleError,
    State,
    Transition,
)
from sojourn.errors import UnknownStatusError

INITIALIZING, QUEUED, RUNNING, DONE, ERROR, CANCELLED = JobStatus


class TestPayload:
    def test_finish_takes_the_result(self) -> None:
        by_place, by_name = running(Plain), running(Plain)

        by_place.finish("report")
        by_name.finish(result="report")

        assert by_place.result() == by_name.result() == "report"

    def test_not_giving_a_result_is_not_giving_none(self) -> None:
        given, silent = running(Plain), running(Plain)

        given.finish(result=None)
        silent.finish()

        assert given.result() is None
        with pytest.raises(JobError):
            silent.result()

    def test_fail_takes_an_exception(self) -> None:
        fault = OSError("the tool broke")
        job = running(Plain)

        job.fail(fault)

        assert job.error() is fault
        with pytest.raises(JobFailedError) as refused:
            job.result()
        assert refused.value.__cause__ is fault

    def test_fail_takes_a_text(self) -> None:
        job = running(Plain)

        job.fail("the tool broke")

        assert type(job.error()) is JobError
        assert str(job.error()) == "the tool broke"

    def test_fail_takes_nothing(self) -> None:
        job = running(Plain)

        job.fail()

        assert isinstance(job.error(), JobError)

    def test_a_redeclared_trigger_keeps_its_payload(self) -> None:
        class Strict(Shop):
            finish = Transition(Shop.INSPECTING, JobStatus.DONE, before="_weigh")
            fail = Transition(ACTIVE, JobStatus.ERROR, after="_weigh")

            def _weigh(self, event: Any) -> None:
                pass

        good, bad = running(Strict), running(Strict)
        good.inspect()

        good.finish(result=7)
        bad.fail("broken")

        assert good.result() == 7
        assert str(bad.error()) == "broken"

    def test_the_payload_belongs_to_the_destination(self) -> None:
        class Shipped(BaseJob[Any]):
            ship = Transition(JobStatus.RUNNING, JobStatus.DONE)
            scrap = Transition(JobStatus.RUNNING, JobStatus.ERROR)

        good, bad = running(Shipped), running(Shipped)

        good.ship(result=7)
        bad.scrap("broken")

        assert good.result() == 7
        assert str(bad.error()) == "broken"

    @pytest.mark.parametrize("arguments", [("a",), ("a", "b")], ids=len)
    def test_a_trigger_by_its_name_takes_the_same(self, arguments: tuple[str, ...]) -> None:
        job = running(Plain)

        if len(arguments) == 1:
            job.trigger("finish", *arguments)
            assert job.result() == "a"
        else:
            with pytest.raises(TypeError):
                job.trigger("finish", *arguments)
            assert job.state == BaseJob.RUNNING


class TestJoining:
    class Sorted(BaseJob[Any]):
        SMALL = State(JobStatus.RUNNING)
        LARGE = State(JobStatus.RUNNING)

        sort = (
            Transition(JobStatus.RUNNING, SMALL, conditions="_is_small")
            | Transition(JobStatus.RUNNING, LARGE, unless=["_is_small", "_is_odd"])
            | Transition(JobStatus.RUNNING, JobStatus.DONE)
        )
        finish = BaseJob.finish | Transition([SMALL, LARGE], JobStatus.DONE)

        small = odd = False

        def _is_small(self, event: Any) -> bool:
            return self.small

        def _is_odd(self, event: Any) -> bool:
            return self.odd

    @pytest.mark.parametrize(
        ("small", "odd", "dest"),
        [
            (True, False, "SMALL"),
            (True, True, "SMALL"),
            (False, False, "LARGE"),
            (False, True, "DONE"),
        ],
    )
    def test_the_first_branch_whose_conditions_hold_is_taken(
        self, small: bool, odd: bool, dest: str
    ) -> None:
        job = running(self.Sorted)
        job.small, job.odd = small, odd

        assert job.sort() is True
        assert job.state.name == dest

    def test_no_branch_means_false_and_no_change(self) -> None:
        class Guarded(BaseJob[Any]):
            finish = Transition(
                JobStatus.RUNNING, JobStatus.DONE, conditions=lambda event: event.args
            ) | Transition(JobStatus.RUNNING, JobStatus.DONE, conditions="_is_idle", after="_idle")
            _is_idle = staticmethod(lambda event: False)

            def _idle(self, event: Any) -> None:
                raise AssertionError("nothing was taken")

        job = running(Guarded)
        before = job.history

        assert job.finish() is False
        assert job.state == BaseJob.RUNNING
        assert job.history == before

    def test_branches_keep_their_order(self) -> None:
        assert edges(self.Sorted, "sort") == [
            ("sort", "RUNNING", "SMALL"),
            ("sort", "RUNNING", "LARGE"),
            ("sort", "RUNNING", "DONE"),
        ]
        assert [branch.dest for branch in self.Sorted.sort.branches] == [
            self.Sorted.SMALL,
            self.Sorted.LARGE,
            JobStatus.DONE,
        ]

    def test_each_branch_has_callbacks_of_its_own(self) -> None:
        class Noted(BaseJob[Any]):
            start = Transition(
                JobStatus.QUEUED, JobStatus.RUNNING, conditions="_is_fast", after="_fast"
            ) | Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_slow")
            fast = True

            def _is_fast(self, event: Any) -> bool:
                return self.fast

            def _fast(self, event: Any) -> None:
                self.taken = "fast"

            def _slow(self, event: Any) -> None:
                self.taken = "slow"

        quick, slow = queued(Noted), queued(Noted)
        slow.fast = False
        quick.start()
        slow.start()

        assert (quick.taken, slow.taken) == ("fast", "slow")

    def test_joining_leaves_its_parts_alone(self) -> None:
        first, second = Transition("QUEUED", "RUNNING"), Transition("RUNNING", "DONE")

        joined = first | second

        assert joined.branches == (first, second)
        assert first.branches == (first,)
        assert second.branches == (second,)

    def test_an_inherited_trigger_is_extended(self) -> None:
        assert edges(Shop, "start") == [
            ("start", "QUEUED", "RUNNING"),
            ("start", "SETUP", "RUNNING"),
        ]
        assert edges(Plain, "start") == [("start", "QUEUED", "RUNNING")]

    def test_an_extended_trigger_is_extended_again(self) -> None:
        class Warm(Shop):
            HOT = State(JobStatus.QUEUED)
            heat = Transition(Shop.SETUP, HOT)
            start = Shop.start | Transition(HOT, JobStatus.RUNNING)

        assert edges(Warm, "start") == [
            ("start", "QUEUED", "RUNNING"),
            ("start", "SETUP", "RUNNING"),
            ("start", "HOT", "RUNNING"),
        ]

    @pytest.mark.parametrize("other", ["START", JobStatus.QUEUED, BaseJob.QUEUED, None])
    def test_only_transitions_can_be_joined(self, other: Any) -> None:
        with pytest.raises(TypeError):
            Shop.mount | other


class TestReplacing:
    def test_a_declaration_replaces_the_inherited_one(self) -> None:
        assert edges(Shop, "finish") == [("finish", "INSPECTING", "DONE")]
        assert not running(Shop).may("finish")

    def test_it_replaces_it_whatever_its_attribute_is_called(self) -> None:
        class Begun(Shop):
            begin = Transition(Shop.SETUP, JobStatus.RUNNING, trigger="start")

        job = queued(Begun)

        assert edges(Begun, "start") == [("start", "SETUP", "RUNNING")]
        with pytest.raises(IllegalTransitionError):
            job.begin()
        with pytest.raises(IllegalTransitionError):
            job.start()
        job.mount()
        assert job.start() is True

    def test_it_replaces_every_inherited_declaration(self) -> None:
        class Both(BaseJob[Any]):
            early = Transition(JobStatus.QUEUED, JobStatus.DONE, trigger="finish")
            late = Transition(JobStatus.RUNNING, JobStatus.DONE, trigger="finish")

        class Late(Both):
            finish = Transition(JobStatus.RUNNING, JobStatus.DONE)

        assert edges(Late, "finish") == [("finish", "RUNNING", "DONE")]
        with pytest.raises(IllegalTransitionError):
            queued(Late).early()

    def test_an_attribute_may_be_given_another_trigger(self) -> None:
        class Renamed(Shop):
            mount = Transition(JobStatus.QUEUED, Shop.SETUP, trigger="fix")

        job = queued(Renamed)

        assert job.mount() is True
        assert [entry.trigger for entry in job.history] == ["submit", "fix"]

    def test_super_keeps_to_the_rules_of_the_class_of_the_job(self) -> None:
        class Careful(Shop):
            start = Transition(Shop.SETUP, JobStatus.RUNNING)

            def hurry(self) -> bool:
                return super().start()

        job = queued(Careful)

        with pytest.raises(IllegalTransitionError):
            job.hurry()
        job.mount()
        assert job.hurry() is True

    def test_a_trigger_may_be_wrapped_by_a_method(self) -> None:
        class Counted(BaseJob[Any]):
            calls = 0

            def finish(self, result: Any = None) -> bool:
                self.calls += 1
                return super().finish(result)

        job = running(Counted)

        assert job.finish(7) is True
        assert (job.result(), job.calls) == (7, 1)
        assert edges(Counted) == BASE_EDGES


class TestRemoving:
    class Bare(Shop):
        requeue = None

    def test_none_removes_an_inherited_trigger(self) -> None:
        kept = [edge for edge in SHOP_EDGES if edge[0] != "requeue"]

        assert edges(self.Bare) == kept
        assert edges(Shop) == SHOP_EDGES

    def test_a_removed_trigger_is_no_attribute(self) -> None:
        job = running(self.Bare)

        assert not hasattr(job, "requeue")
        assert not hasattr(self.Bare, "requeue")
        with pytest.raises(AttributeError, match="requeue"):
            job.requeue()

    def test_a_removed_trigger_is_unknown(self) -> None:
        job = running(self.Bare)

        with pytest.raises(IllegalTransitionError):
            job.trigger("requeue")
        assert job.may("requeue") is False
        assert "requeue" not in job.triggers()

    def test_a_subclass_of_it_does_not_have_it_either(self) -> None:
        class Barer(self.Bare):  # type: ignore[name-defined]
            pass

        assert not hasattr(Barer, "requeue")
        assert edges(Barer) == edges(self.Bare)

    def test_a_subclass_may_declare_it_again(self) -> None:
        class Again(self.Bare):  # type: ignore[name-defined]
            requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

        assert edges(Again, "requeue") == [("requeue", "RUNNING", "QUEUED")]
        assert running(Again).requeue() is True

    def test_a_trigger_is_removed_with_every_attribute_of_it(self) -> None:
        class Both(BaseJob[Any]):
            early = Transition(JobStatus.QUEUED, JobStatus.ERROR, trigger="scrap")
            late = Transition(JobStatus.RUNNING, JobStatus.ERROR, trigger="scrap")

        class Neither(Both):
            scrap = None

        assert edges(Neither) == BASE_EDGES
        assert not hasattr(Neither, "early")
        assert not hasattr(queued(Neither), "late")

    def test_a_removed_state_is_no_attribute(self) -> None:
        class Unmounted(Shop):
            SETUP = None
            mount = None
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING)

        assert not hasattr(Unmounted, "SETUP")
        with pytest.raises(AttributeError, match="Unmounted has removed 'SETUP'"):
            queued(Unmounted).SETUP  # noqa: B018
        assert "SETUP" not in [state.name for state in Unmounted.lifecycle.states]

    def test_none_is_an_ordinary_value_for_any_other_attribute(self) -> None:
        class Coloured(BaseJob[Any]):
            colour = None

        assert Coloured.colour is None
        assert queued(Coloured).colour is None
        assert edges(Coloured) == BASE_EDGES


class TestMixins:
    @pytest.mark.parametrize(
        "bases", [(Pausing, BaseJob), (BaseJob, Pausing)], ids=["first", "last"]
    )
    def test_a_mixin_may_carry_declarations(self, bases: tuple[type, ...]) -> None:
        Paused: Any = type(BaseJob)("Paused", bases, {})

        job = running(Paused)
        job.pause()

        assert job.state.name == "PAUSED"
        assert job.noted == "Paused"
        assert ("fail", "PAUSED", "ERROR") in edges(Paused)
        assert job.resume() is True

    def test_a_mixin_stays_what_it_is(self) -> None:
        class Paused(Pausing, BaseJob[Any]):
            pass

        running(Paused).pause()

        assert isinstance(Pausing.__dict__["pause"], Transition)
        assert isinstance(Paused.pause, Transition)
        assert not hasattr(Pausing, "lifecycle")

    def test_a_mixin_may_replace_what_the_job_class_declares(self) -> None:
        class Short:
            finish = Transition([JobStatus.QUEUED, JobStatus.RUNNING], JobStatus.DONE)

        class Front(Short, BaseJob[Any]):
            pass

        class Back(BaseJob[Any], Short):
            pass

        assert edges(Front, "finish") == [
            ("finish", "QUEUED", "DONE"),
            ("finish", "RUNNING", "DONE"),
        ]
        assert edges(Back, "finish") == [("finish", "RUNNING", "DONE")]

    def test_classes_with_one_mixin_share_nothing_else(self) -> None:
        class Once(Pausing, BaseJob[Any]):
            pass

        class Twice(Pausing, BaseJob[Any]):
            pause = Transition(JobStatus.QUEUED, Pausing.PAUSED)

        once, twice = queued(Once), queued(Twice)

        assert twice.pause() is True
        with pytest.raises(IllegalTransitionError):
            once.pause()
        assert edges(Once, "pause") == [("pause", "RUNNING", "PAUSED")]

    def test_several_mixins_may_be_joined(self) -> None:
        class Heating:
            HOT = State(JobStatus.QUEUED)
            heat = Transition(JobStatus.QUEUED, HOT)
            start = BaseJob.start | Transition(HOT, JobStatus.RUNNING)

        class Both(Heating, Pausing, BaseJob[Any]):
            pass

        job = queued(Both)
        for trigger in ("heat", "start", "pause", "resume", "finish"):
            assert job.trigger(trigger) is True

        assert job.status() is JobStatus.DONE

    def test_a_mixin_may_be_joined_later(self) -> None:
        class Later(Pausing, Shop):
            pass

        assert ("pause", "RUNNING", "PAUSED") in edges(Later)
        assert edges(Shop) == SHOP_EDGES

    def test_a_mixin_of_a_mixin_counts(self) -> None:
        class Deep(Pausing):
            doze = Transition(JobStatus.RUNNING, "PAUSED")

        class Sleepy(Deep, BaseJob[Any]):
            pass

        assert ("doze", "RUNNING", "PAUSED") in edges(Sleepy)
        assert ("pause", "RUNNING", "PAUSED") in edges(Sleepy)

    def test_a_broken_mixin_is_refused_when_it_is_joined(self) -> None:
        class Trap:
            STUCK = State(JobStatus.RUNNING)
            stick = Transition(JobStatus.RUNNING, STUCK)

        with pytest.raises(LifecycleError, match="STUCK"):

            class Stuck(Trap, BaseJob[Any]):
                pass

    def test_two_job_classes_may_be_joined(self) -> None:
        class Paused(Pausing, BaseJob[Any]):
            pass

        class Both(Paused, Shop):
            pass

        job = queued(Both)
        for trigger in ("mount", "start", "pause", "resume", "inspect", "finish"):
            assert job.trigger(trigger) is True


class TestSiblings:
    def test_siblings_share_nothing(self) -> None:
        class Heated(BaseJob[Any]):
            HOT = State(JobStatus.QUEUED)
            heat = Transition(JobStatus.QUEUED, HOT)
            start = Transition(HOT, JobStatus.RUNNING)
            status_map = {"warm": HOT}

        class Cooled(BaseJob[Any]):
            pass

        heated, cooled = queued(Heated), queued(Cooled)

        assert edges(Cooled) == edges(BaseJob) == BASE_EDGES
        assert not hasattr(Cooled, "HOT")
        assert not hasattr(cooled, "heat")
        assert cooled.start() is True
        with pytest.raises(IllegalTransitionError):
            heated.start()
        with pytest.raises(UnknownStatusError):
            cooled.observe("warm")

    def test_states_of_one_name_do_not_meet(self) -> None:
        class Early(BaseJob[Any]):
            SETUP = State(JobStatus.QUEUED)
            mount = Transition(JobStatus.QUEUED, SETUP)
            start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)

        class Late(BaseJob[Any]):
            SETUP = State(JobStatus.RUNNING)
            mount = Transition(JobStatus.RUNNING, SETUP)
            finish = BaseJob.finish | Transition(SETUP, JobStatus.DONE)

        early, late = queued(Early), running(Late)
        early.mount()
        late.mount()

        assert (early.status(), late.status()) == ("QUEUED", "RUNNING")

    def test_one_state_object_has_the_name_that_each_class_gives_it(self) -> None:
        shared = State(JobStatus.QUEUED, "in the hall")

        class Early(BaseJob[Any]):
            WAITING = shared
            wait = Transition(JobStatus.QUEUED, shared)
            start = Transition(shared, JobStatus.RUNNING)

        class Late(BaseJob[Any]):
            PARKED = shared
            wait = Transition(JobStatus.QUEUED, shared)
            start = Transition(shared, JobStatus.RUNNING)

        early, late = queued(Early), queued(Late)
        early.wait()
        late.wait()

        assert (early.state.name, late.state.name) == ("WAITING", "PARKED")
        assert early.state == Early.WAITING
        assert late.state == Late.PARKED

    def test_a_sibling_does_not_undo_what_another_removed(self) -> None:
        class Bare(Shop):
            requeue = None

        class Full(Shop):
            pass

        assert not hasattr(Bare, "requeue")
        assert running(Full).requeue() is True


def note(label: str, answer: object = None) -> Callable[[Any], object]:
    """Make a callback that writes down that it was called, and what the job showed meanwhile."""

    def callback(event: Any) -> object:
        event.model.told.append((label, event.model.state.name))
        event.model.events.append(event)
        return event.model.answers.get(label, answer)

    return callback


class Recorded(BaseJob[Any]):
    """Has every kind of callback on the way from QUEUED to RUNNING, two of each."""

    QUEUED = State(
        JobStatus.QUEUED,
        on_enter=note("enter QUEUED"),
        on_exit=[note("exit 1"), note("exit 2")],
    )
    RUNNING = State(
        JobStatus.RUNNING,
        on_enter=[note("enter 1"), note("enter 2")],
        on_exit=note("exit RUNNING"),
    )

    start = Transition(
        QUEUED,
        RUNNING,
        conditions=[note("condition 1", True), note("condition 2", True)],
        unless=[note("unless 1", False), note("unless 2", False)],
        before=[note("before 1"), note("before 2")],
        after=[note("after 1"), note("after 2")],
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.told: list[tuple[str, str]] = []
        self.events: list[Any] = []
        self.answers: dict[str, object] = {}


@pytest.fixture
def recorded() -> Recorded:
    job: Recorded = queued(Recorded)
    job.told.clear()
    job.events.clear()
    return job


class TestCallbacks:
    def test_they_run_in_the_order_of_transitions(self, recorded: Recorded) -> None:
        assert recorded.start() is True

        assert recorded.told == [
            ("condition 1", "QUEUED"),
            ("condition 2", "QUEUED"),
            ("unless 1", "QUEUED"),
            ("unless 2", "QUEUED"),
            ("before 1", "QUEUED"),
            ("before 2", "QUEUED"),
            ("exit 1", "QUEUED"),
            ("exit 2", "QUEUED"),
            ("enter 1", "RUNNING"),
            ("enter 2", "RUNNING"),
            ("after 1", "RUNNING"),
            ("after 2", "RUNNING"),
        ]

    @pytest.mark.parametrize(
        ("label", "answer", "asked"),
        [
            ("condition 1", False, 1),
            ("condition 2", False, 2),
            ("unless 1", True, 3),
            ("unless 2", True, 4),
        ],
    )
    def test_the_first_that_says_no_ends_it(
        self, recorded: Recorded, label: str, answer: bool, asked: int
    ) -> None:
        recorded.answers[label] = answer
        before = recorded.history

        assert recorded.start() is False

        assert recorded.told[-1] == (label, "QUEUED")
        assert len(recorded.told) == asked
        assert recorded.history == before
        assert recorded.state.name == "QUEUED"

    def test_a_callback_of_a_base_state_serves_every_way_into_it(self) -> None:
        job = Recorded("backend", "j-1")

        job.submit()

        assert job.told == [("enter QUEUED", "QUEUED")]

    def test_may_asks_conditions_and_calls_nothing_else(self, recorded: Recorded) -> None:
        assert recorded.may("start") is True

        assert [label for label, _ in recorded.told] == [
            "condition 1",
            "condition 2",
            "unless 1",
            "unless 2",
        ]
        assert recorded.state.name == "QUEUED"

    def test_the_event_is_that_of_transitions(self, recorded: Recorded) -> None:
        recorded.start("a", tool="b")

        for event in recorded.events:
            assert event.model is recorded
            assert tuple(event.args) == ("a",)
            assert event.kwargs == {"tool": "b"}
            assert (event.transition.source, event.transition.dest) == ("QUEUED", "RUNNING")
            assert event.event.name == "start"
            assert event.machine is Recorded.lifecycle.machine
            assert event.inferred is False

    def test_the_event_tells_that_a_step_is_inferred(self, recorded: Recorded) -> None:
        recorded.observe(JobStatus.DONE)

        inferred = {
            label: event.inferred
            for (label, _), event in zip(recorded.told, recorded.events, strict=True)
        }
        assert inferred == {
            **dict.fromkeys(["before 1", "before 2", "exit 1", "exit 2"], True),
            **dict.fromkeys(["enter 1", "enter 2", "after 1", "after 2"], True),
            "exit RUNNING": False,
        }

    def test_a_callback_is_a_method_name_or_a_callable(self) -> None:
        def function(event: Any) -> None:
            event.model.told.append("function")

        class Callable_:
            def __call__(self, event: Any) -> None:
                event.model.told.append("object")

        def tell(word: str, event: Any) -> None:
            event.model.told.append(word)

        class Mixed(BaseJob[Any]):
            start = Transition(
                JobStatus.QUEUED,
                JobStatus.RUNNING,
                after=[
                    "_method",
                    "_static",
                    "_class",
                    function,
                    lambda event: event.model.told.append("lambda"),
                    Callable_(),
                    functools.partial(tell, "partial"),
                ],
            )
            told: list[str]

            def _method(self, event: Any) -> None:
                self.told = ["method"]

            @staticmethod
            def _static(event: Any) -> None:
                event.model.told.append("static")

            @classmethod
            def _class(cls, event: Any) -> None:
                event.model.told.append(cls.__name__)

        job = queued(Mixed)
        job.start()

        assert job.told == ["method", "static", "Mixed", "function", "lambda", "object", "partial"]

    def test_a_name_means_the_method_of_the_class_of_the_job(self) -> None:
        class Careful(Shop):
            def _photograph(self, event: Any) -> None:
                self.photographed = "twice"

        plain, careful = running(Shop), running(Careful)
        plain.inspect()
        careful.inspect()

        assert plain.photographed is True
        assert careful.photographed == "twice"

    def test_a_callback_up_to_the_change_can_refuse_it(self, recorded: Recorded) -> None:
        def refuse(event: Any) -> None:
            raise PermissionError("not today")

        class Refused(BaseJob[Any]):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, before=refuse)

        job = queued(Refused)
        before = job.history

        with pytest.raises(PermissionError):
            job.start()

        assert job.history == before
        assert job.state == BaseJob.QUEUED

    def test_an_exception_after_the_change_leaves_it_standing(self) -> None:
        def complain(event: Any) -> None:
            raise PermissionError("too late")

        class Late(BaseJob[Any]):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after=complain)

        job = queued(Late)

        with pytest.raises(PermissionError):
            job.start()

        assert job.state == BaseJob.RUNNING
        assert job.history[-1].trigger == "start"
