"""What may happen: declarations, what they mean for jobs, and the frozen lifecycle of a class."""

from __future__ import annotations

import abc
import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from enum import StrEnum
from typing import Any, Generic, TypeVar

import pytest
from transitions import Machine

from lifecycle_oracle import (
    BASE_EDGES,
    BASE_STATES,
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
    JobStatus,
    Lifecycle,
    LifecycleError,
    State,
    Transition,
)
from sojourn.errors import UnknownStatusError

INITIALIZING, QUEUED, RUNNING, DONE, ERROR, CANCELLED = JobStatus


class TestJobStatus:
    def test_it_has_exactly_six_members(self) -> None:
        assert [status.name for status in JobStatus] == BASE_STATES

    @pytest.mark.parametrize("name", BASE_STATES)
    def test_a_member_is_the_string_of_its_name(self, name: str) -> None:
        status = JobStatus[name]

        assert isinstance(status, StrEnum)
        assert status == name
        assert str(status) == f"{status}" == name
        assert JobStatus(name) is status

    @pytest.mark.parametrize(
        ("name", "final"),
        [
            ("INITIALIZING", False),
            ("QUEUED", False),
            ("RUNNING", False),
            ("DONE", True),
            ("ERROR", True),
            ("CANCELLED", True),
        ],
    )
    def test_three_members_are_final(self, name: str, final: bool) -> None:
        assert JobStatus[name].is_final is final

    def test_the_status_of_a_job_equals_its_name(self) -> None:
        job = running(Plain)

        job.finish()

        assert job.status() == "DONE"
        assert job.status() is JobStatus.DONE


class TestState:
    @pytest.mark.parametrize("name", BASE_STATES)
    def test_the_base_class_has_a_state_for_every_status(self, name: str) -> None:
        state = getattr(BaseJob, name)

        assert isinstance(state, State)
        assert state.name == name
        assert state.status is JobStatus[name]
        assert state.is_final is JobStatus[name].is_final

    def test_its_name_is_the_name_of_its_attribute(self) -> None:
        assert Shop.SETUP.name == "SETUP"
        assert Shop.SETUP.status is JobStatus.QUEUED
        assert Shop.SETUP.description == "tool and fixture are being mounted"

    def test_what_is_not_given_is_empty(self) -> None:
        state = State(JobStatus.RUNNING)

        assert state.description == ""
        assert state.on_enter == ()
        assert state.on_exit == ()

    def test_one_callback_is_the_same_as_a_list_of_one(self) -> None:
        one = State(JobStatus.RUNNING, on_enter="_light", on_exit=print)
        listed = State(JobStatus.RUNNING, on_enter=["_light"], on_exit=(print,))

        assert one.on_enter == listed.on_enter == ("_light",)
        assert one.on_exit == listed.on_exit == (print,)
        assert one == listed

    def test_states_are_equal_by_value(self) -> None:
        state = State(JobStatus.RUNNING, "words", on_enter="_light")

        assert state == State(JobStatus.RUNNING, "words", on_enter="_light")
        assert hash(state) == hash(State(JobStatus.RUNNING, "words", on_enter="_light"))
        assert state != State(JobStatus.QUEUED, "words", on_enter="_light")
        assert state != State(JobStatus.RUNNING, "other words", on_enter="_light")
        assert state != State(JobStatus.RUNNING, "words")
        assert Shop.SETUP != BaseJob.QUEUED

    @pytest.mark.parametrize("field", ["name", "status", "description", "on_enter", "on_exit"])
    def test_a_state_is_frozen(self, field: str) -> None:
        before = copy.copy(Shop.SETUP)

        with pytest.raises(FrozenInstanceError):
            setattr(Shop.SETUP, field, getattr(BaseJob.DONE, field))

        assert before == Shop.SETUP

    def test_only_status_and_description_are_positional(self) -> None:
        parameters = inspect.signature(State).parameters.values()

        assert [(each.name, each.kind is each.KEYWORD_ONLY) for each in parameters] == [
            ("status", False),
            ("description", False),
            ("on_enter", True),
            ("on_exit", True),
        ]

    def test_a_job_shows_the_status_that_its_state_stands_for(self) -> None:
        job = queued(Shop)

        job.mount()

        assert job.state == Shop.SETUP
        assert job.status() is JobStatus.QUEUED

    def test_a_base_state_may_be_declared_again_with_words_and_callbacks(self) -> None:
        class Bell(BaseJob[Any]):
            RUNNING = State(JobStatus.RUNNING, "the bell has rung", on_enter="_ring")

            def _ring(self, event: Any) -> None:
                self.rang = event.state.name

        job = running(Bell)

        assert job.rang == "RUNNING"
        assert job.state.description == "the bell has rung"
        assert edges(Bell) == BASE_EDGES

    def test_an_inherited_state_may_be_declared_again(self) -> None:
        class Careful(Shop):
            SETUP = State(JobStatus.QUEUED, "mounted twice", on_exit="_leave")

            def _leave(self, event: Any) -> None:
                self.left = event.transition.source

        job = queued(Careful)
        job.mount()
        job.start()

        assert job.left == "SETUP"
        assert edges(Careful) == SHOP_EDGES
        assert [
            state.description for state in Careful.lifecycle.states if state.name == "SETUP"
        ] == ["mounted twice"]
        assert Shop.SETUP.description == "tool and fixture are being mounted"


class TestTransition:
    def test_only_source_and_dest_are_positional(self) -> None:
        parameters = inspect.signature(Transition).parameters.values()

        assert [(each.name, each.kind is each.KEYWORD_ONLY) for each in parameters] == [
            ("source", False),
            ("dest", False),
            ("trigger", True),
            ("conditions", True),
            ("unless", True),
            ("before", True),
            ("after", True),
            ("new_attempt", True),
            ("description", True),
        ]

    def test_a_job_fires_it_and_answers_true(self) -> None:
        job = queued(Shop)

        fired = job.mount()

        assert fired is True
        assert job.state == Shop.SETUP

    def test_the_class_gives_the_declaration(self) -> None:
        declared = Shop.requeue

        assert isinstance(declared, Transition)
        assert declared.source == (JobStatus.RUNNING, Shop.INSPECTING)
        assert declared.dest is JobStatus.QUEUED
        assert declared.new_attempt is True
        assert Shop.inspect.after == ("_photograph",)

    def test_the_class_gives_the_very_object_that_was_declared(self) -> None:
        step = Transition(JobStatus.QUEUED, JobStatus.RUNNING)

        class Begun(BaseJob[Any]):
            begin = step

        class Later(Begun):
            pass

        assert Begun.begin is step
        assert Later.begin is step

    @pytest.mark.parametrize(
        "source", [JobStatus.RUNNING, "RUNNING", BaseJob.RUNNING], ids=["status", "name", "state"]
    )
    @pytest.mark.parametrize(
        "dest", [JobStatus.DONE, "DONE", BaseJob.DONE], ids=["status", "name", "state"]
    )
    def test_states_may_be_named_in_three_ways(self, source: Any, dest: Any) -> None:
        class Short(BaseJob[Any]):
            finish = Transition(source, dest)

        assert edges(Short, "finish") == [("finish", "RUNNING", "DONE")]

    def test_a_name_may_be_of_a_state_that_comes_later(self) -> None:
        class Ahead(BaseJob[Any]):
            inspect = Transition("RUNNING", "INSPECTING")
            finish = Transition("INSPECTING", "DONE")
            INSPECTING = State(JobStatus.RUNNING)

        assert edges(Ahead, "inspect") == [("inspect", "RUNNING", "INSPECTING")]

    @pytest.mark.parametrize(
        "sources",
        [
            ["QUEUED", "RUNNING"],
            (JobStatus.QUEUED, JobStatus.RUNNING),
            [BaseJob.QUEUED, "RUNNING", BaseJob.QUEUED],
        ],
        ids=["list", "tuple", "twice"],
    )
    def test_it_may_have_several_sources(self, sources: Any) -> None:
        class Short(BaseJob[Any]):
            finish = Transition(sources, JobStatus.DONE)

        assert edges(Short, "finish") == [
            ("finish", "QUEUED", "DONE"),
            ("finish", "RUNNING", "DONE"),
        ]

    def test_the_sources_may_come_from_a_generator(self) -> None:
        class Short(BaseJob[Any]):
            finish = Transition((status for status in (QUEUED, RUNNING)), JobStatus.DONE)

        assert queued(Short).finish()
        assert running(Short).finish()

    def test_its_trigger_is_called_as_its_attribute(self) -> None:
        job = queued(Shop)

        assert job.trigger("mount")
        assert job.history[-1].trigger == "mount"

    def test_its_trigger_may_be_called_something_else(self) -> None:
        class Begun(BaseJob[Any]):
            begin = Transition(JobStatus.QUEUED, JobStatus.RUNNING, trigger="start")

        job = queued(Begun)
        fired = job.begin()

        assert fired is True
        assert job.history[-1].trigger == "start"
        assert "begin" not in Begun.lifecycle.triggers("QUEUED")
        with pytest.raises(IllegalTransitionError):
            job.trigger("begin")

    def test_the_step_of_submit_may_lead_elsewhere(self) -> None:
        class Validated(BaseJob[Any]):
            VALIDATING = State(JobStatus.INITIALIZING)
            accepted = Transition(JobStatus.INITIALIZING, VALIDATING, trigger="submit")
            queue = Transition(VALIDATING, JobStatus.QUEUED)

        job = Validated("backend", "j-1")
        job.submit()

        assert job.state == Validated.VALIDATING
        assert [(e.trigger, e.dest) for e in job.history] == [("submit", "VALIDATING")]
        assert edges(Validated, "submit") == [("submit", "INITIALIZING", "VALIDATING")]

    def test_the_step_of_cancel_may_have_callbacks(self) -> None:
        class Swept(BaseJob[Any]):
            stopped = Transition(ACTIVE, JobStatus.CANCELLED, trigger="cancel", after="_sweep")
            swept = 0

            def _sweep(self, event: Any) -> None:
                self.swept += 1

        job = Swept("backend", "j-1")

        assert job.cancel() is True
        assert job.swept == 1
        assert [entry.trigger for entry in job.history] == ["cancel"]

    def test_two_attributes_may_share_a_trigger(self) -> None:
        class Short(BaseJob[Any]):
            early = Transition(JobStatus.QUEUED, JobStatus.DONE, trigger="finish")
            late = Transition(JobStatus.RUNNING, JobStatus.DONE, trigger="finish")

        assert edges(Short, "finish") == [
            ("finish", "QUEUED", "DONE"),
            ("finish", "RUNNING", "DONE"),
        ]
        assert queued(Short).late()
        assert running(Short).early()

    @pytest.mark.parametrize(
        "field",
        ["source", "dest", "trigger", "conditions", "unless", "before", "after", "new_attempt"],
    )
    def test_a_transition_is_frozen(self, field: str) -> None:
        with pytest.raises(FrozenInstanceError):
            setattr(Shop.mount, field, getattr(Shop.finish, field))

    def test_transitions_are_equal_by_value(self) -> None:
        first, second = (Transition("A", "B", conditions=["_x"], after=print) for _ in range(2))

        assert first == second
        assert hash(first) == hash(second)
        assert first != Transition("A", "B", conditions=["_x"])
        assert first | second != first
        assert first | second == second | first

    def test_a_new_attempt_is_counted(self) -> None:
        job = running(Shop)

        assert job.attempt == 1
        job.requeue()

        assert job.attempt == 2
        assert [entry.attempt for entry in job.history] == [1, 1, 2]

    def test_a_state_may_lead_to_itself(self) -> None:
        class Retooled(BaseJob[Any]):
            RUNNING = State(JobStatus.RUNNING, on_enter="_note", on_exit="_note")
            retool = Transition(RUNNING, RUNNING)
            notes = 0

            def _note(self, event: Any) -> None:
                self.notes += 1

        job = running(Retooled)
        job.retool()

        assert [entry.dest for entry in job.history] == ["QUEUED", "RUNNING", "RUNNING"]
        assert job.notes == 3

    def test_arguments_that_nothing_takes_are_refused(self) -> None:
        job = queued(Shop)

        with pytest.raises(TypeError):
            job.mount("tool 7")

        assert job.state == BaseJob.QUEUED

    def test_a_misspelt_trigger_of_a_job_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError):
            queued(Shop).mout()


class TestActive:
    def test_it_means_every_state_that_is_not_final(self) -> None:
        assert edges(Shop, "fail") == [edge for edge in SHOP_EDGES if edge[0] == "fail"]
        assert edges(Shop, "cancel") == [edge for edge in SHOP_EDGES if edge[0] == "cancel"]

    @pytest.mark.parametrize(
        ("trigger", "status"), [("fail", JobStatus.ERROR), ("cancel", JobStatus.CANCELLED)]
    )
    def test_a_state_of_a_subclass_can_fail_and_be_cancelled(
        self, trigger: str, status: JobStatus
    ) -> None:
        job = queued(Shop)
        job.mount()

        job.trigger(trigger)

        assert job.status() is status

    def test_it_means_the_states_of_the_subclass_that_inherits_it(self) -> None:
        class Coated(Shop):
            COATING = State(JobStatus.RUNNING)
            coat = Transition(JobStatus.RUNNING, COATING)
            finish = Shop.finish | Transition(COATING, JobStatus.DONE)

        assert ("fail", "COATING", "ERROR") in edges(Coated)
        assert ("fail", "COATING", "ERROR") not in edges(Shop)

    def test_the_destination_is_excluded(self) -> None:
        class Paused(BaseJob[Any]):
            PAUSED = State(JobStatus.RUNNING)
            OTHER = State(JobStatus.RUNNING)
            pause = Transition(ACTIVE, PAUSED)
            resume = Transition(PAUSED, OTHER)
            finish = Transition(OTHER, JobStatus.DONE)

        assert edges(Paused, "pause") == [
            ("pause", "INITIALIZING", "PAUSED"),
            ("pause", "QUEUED", "PAUSED"),
            ("pause", "RUNNING", "PAUSED"),
            ("pause", "OTHER", "PAUSED"),
        ]

    def test_it_may_stand_in_a_list(self) -> None:
        class Broken(BaseJob[Any]):
            abort = Transition([ACTIVE], JobStatus.ERROR)

        assert edges(Broken, "abort") == [
            ("abort", "INITIALIZING", "ERROR"),
            ("abort", "QUEUED", "ERROR"),
            ("abort", "RUNNING", "ERROR"),
        ]


class TestStatusMap:
    @pytest.mark.parametrize("name", BASE_STATES)
    def test_it_defaults_to_the_six_names(self, name: str) -> None:
        job = Plain.attach("backend", "j-1")

        job.observe(name)

        assert job.status() == name

    def test_it_replaces_the_inherited_one(self) -> None:
        class Mapped(BaseJob[Any]):
            status_map = {"ok": JobStatus.DONE}

        class Remapped(Mapped):
            status_map = {"fine": "DONE"}

        with pytest.raises(UnknownStatusError):
            queued(Mapped).observe("DONE")
        with pytest.raises(UnknownStatusError):
            queued(Remapped).observe("ok")
        job = queued(Remapped)
        job.observe("fine")
        assert job.status() is JobStatus.DONE

    def test_it_is_inherited(self) -> None:
        class Mapped(BaseJob[Any]):
            status_map = {"ok": JobStatus.DONE}

        class Same(Mapped):
            pass

        job = queued(Same)
        job.observe("ok")

        assert job.status() is JobStatus.DONE

    def test_a_word_may_mean_a_state_of_the_subclass(self) -> None:
        class Mapped(Shop):
            status_map = {"by state": Shop.SETUP, "by name": "SETUP", 7: JobStatus.RUNNING}

        by_state, by_name, by_number = queued(Mapped), queued(Mapped), queued(Mapped)
        by_state.observe("by state")
        by_name.observe("by name")
        by_number.observe(7)

        assert by_state.state == by_name.state == Shop.SETUP
        assert by_number.state == BaseJob.RUNNING

    def test_it_cannot_be_changed_once_the_class_is_made(self) -> None:
        words: dict[str, Any] = {"waiting": QUEUED}

        class Asked(BaseJob[Any]):
            status_map = words

        words["later"] = RUNNING
        with pytest.raises(TypeError):
            Asked.status_map["later"] = RUNNING

        assert Asked.status_map == {"waiting": QUEUED}
        with pytest.raises(UnknownStatusError):
            queued(Asked).observe("later")


class TestLifecycle:
    def test_the_base_lifecycle_is_that_of_the_design(self) -> None:
        assert [state.name for state in BaseJob.lifecycle.states] == BASE_STATES
        assert edges(BaseJob) == BASE_EDGES

    def test_states_stand_in_order_the_six_base_states_first(self) -> None:
        assert [state.name for state in Shop.lifecycle.states] == [
            *BASE_STATES,
            "SETUP",
            "INSPECTING",
        ]
        assert isinstance(Shop.lifecycle.states, tuple)

    def test_there_is_a_transition_for_every_source_and_branch_in_order(self) -> None:
        assert edges(Shop) == SHOP_EDGES
        assert isinstance(Shop.lifecycle.transitions, tuple)

    def test_transitions_are_resolved(self) -> None:
        class Guarded(Shop):
            inspect = Transition(
                "RUNNING",
                JobStatus.RUNNING,
                conditions="_photograph",
                unless=[print],
                before=len,
                after=("_photograph", print),
                new_attempt=True,
                description="looks again",
            )
            look = Shop.inspect

        (edge,) = (each for each in Guarded.lifecycle.transitions if each.trigger == "inspect")

        assert edge.source == edge.dest == Guarded.RUNNING
        assert edge.conditions == ("_photograph",)
        assert edge.unless == (print,)
        assert edge.before == (len,)
        assert edge.after == ("_photograph", print)
        assert edge.new_attempt is True
        assert edge.description == "looks again"

    def test_it_knows_its_ends(self) -> None:
        assert Shop.lifecycle.initial == BaseJob.INITIALIZING
        assert Shop.lifecycle.finals == (BaseJob.DONE, BaseJob.ERROR, BaseJob.CANCELLED)

    @pytest.mark.parametrize(
        ("state", "triggers"),
        [
            ("INITIALIZING", {"submit", "fail", "cancel"}),
            ("QUEUED", {"mount", "start", "fail", "cancel"}),
            ("SETUP", {"start", "fail", "cancel"}),
            ("RUNNING", {"inspect", "requeue", "fail", "cancel"}),
            ("INSPECTING", {"finish", "requeue", "fail", "cancel"}),
            ("DONE", set()),
            ("ERROR", set()),
            ("CANCELLED", set()),
        ],
    )
    def test_it_knows_the_triggers_of_every_state(self, state: str, triggers: set[str]) -> None:
        found = Shop.lifecycle.triggers(state)

        assert isinstance(found, tuple)
        assert set(found) == triggers
        assert len(found) == len(triggers)
        assert Shop.lifecycle.triggers(getattr(Shop, state)) == found

    @pytest.mark.parametrize("status", JobStatus)
    def test_a_status_names_the_base_state(self, status: JobStatus) -> None:
        assert Shop.lifecycle.triggers(status) == Shop.lifecycle.triggers(status.value)

    @pytest.mark.parametrize(
        ("source", "dest", "triggers"),
        [
            ("INITIALIZING", "DONE", ["submit", "start", "inspect", "finish"]),
            ("INITIALIZING", "SETUP", ["submit", "mount"]),
            ("QUEUED", "INSPECTING", ["start", "inspect"]),
            ("SETUP", "INSPECTING", ["start", "inspect"]),
            ("INSPECTING", "QUEUED", ["requeue"]),
            ("INSPECTING", "SETUP", ["requeue", "mount"]),
            ("RUNNING", "ERROR", ["fail"]),
            ("RUNNING", "RUNNING", []),
            ("DONE", "DONE", []),
            ("RUNNING", "INITIALIZING", None),
            ("DONE", "ERROR", None),
            ("ERROR", "QUEUED", None),
        ],
    )
    def test_it_finds_the_shortest_legal_path(
        self, source: str, dest: str, triggers: list[str] | None
    ) -> None:
        path = Shop.lifecycle.path(source, dest)

        assert (None if path is None else [edge.trigger for edge in path]) == triggers
        assert path is None or isinstance(path, tuple)
        assert Shop.lifecycle.path(getattr(Shop, source), getattr(Shop, dest)) == path

    def test_a_path_is_made_of_transitions_that_meet(self) -> None:
        path = Shop.lifecycle.path(JobStatus.INITIALIZING, JobStatus.DONE)

        assert path is not None
        assert [(edge.source.name, edge.dest.name) for edge in path] == [
            ("INITIALIZING", "QUEUED"),
            ("QUEUED", "RUNNING"),
            ("RUNNING", "INSPECTING"),
            ("INSPECTING", "DONE"),
        ]
        assert set(path) <= set(Shop.lifecycle.transitions)

    def test_among_equally_short_paths_the_first_declared_wins(self) -> None:
        class Forked(BaseJob[Any]):
            LEFT = State(JobStatus.RUNNING)
            RIGHT = State(JobStatus.RUNNING)
            go_right = Transition(JobStatus.RUNNING, RIGHT)
            go_left = Transition(JobStatus.RUNNING, LEFT)
            finish = Transition([LEFT, RIGHT], JobStatus.DONE)

        path = Forked.lifecycle.path("RUNNING", "DONE")

        assert path is not None
        assert [edge.trigger for edge in path] == ["go_right", "finish"]

    @pytest.mark.parametrize("place", ["SETTUP", "setup", "", Pausing.PAUSED])
    def test_it_does_not_know_other_states(self, place: Any) -> None:
        with pytest.raises(KeyError):
            Shop.lifecycle.triggers(place)
        with pytest.raises(KeyError):
            Shop.lifecycle.path("QUEUED", place)

    def test_a_job_has_the_lifecycle_of_its_class(self) -> None:
        assert queued(Shop).lifecycle is Shop.lifecycle

    def test_its_machine_is_a_machine_of_transitions(self) -> None:
        machine = Shop.lifecycle.machine

        assert isinstance(machine, Machine)
        assert set(machine.states) == {*BASE_STATES, "SETUP", "INSPECTING"}
        assert machine.initial == "INITIALIZING"
        assert machine.models == []
        found = [
            (name, edge.source, edge.dest)
            for name, event in machine.events.items()
            for edges_ in event.transitions.values()
            for edge in edges_
        ]
        assert sorted(found) == sorted(SHOP_EDGES)

    def test_no_job_is_registered_with_its_machine(self) -> None:
        job = running(Shop)

        assert Shop.lifecycle.machine.models == []
        assert job.lifecycle.machine is Shop.lifecycle.machine

    @pytest.mark.parametrize(
        "change",
        [
            lambda machine: machine.add_state("EXTRA"),
            lambda machine: machine.add_transition("hop", "QUEUED", "DONE"),
            lambda machine: machine.remove_transition("finish"),
            lambda machine: machine.add_model(object()),
        ],
        ids=["state", "transition", "removal", "model"],
    )
    def test_its_machine_cannot_be_changed(self, change: Callable[[Any], object]) -> None:
        with pytest.raises(TypeError):
            change(Shop.lifecycle.machine)

        assert len(Shop.lifecycle.machine.states) == 8

    def test_a_lifecycle_is_frozen(self) -> None:
        for field in ("states", "transitions", "initial", "finals"):
            with pytest.raises(AttributeError):
                setattr(Shop.lifecycle, field, ())

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("lifecycle", BaseJob.lifecycle),
            ("extra", Transition("QUEUED", "DONE")),
            ("EXTRA", State(JobStatus.RUNNING)),
            ("finish", None),
            ("SETUP", None),
            ("status_map", {}),
        ],
    )
    def test_a_class_cannot_be_declared_on_once_it_is_proven(self, name: str, value: Any) -> None:
        before = Shop.lifecycle

        with pytest.raises(LifecycleError, match=name):
            setattr(Shop, name, value)

        assert Shop.lifecycle is before
        assert not hasattr(Shop, "extra")
        assert running(Shop).inspect() is True

    @pytest.mark.parametrize("name", ["mount", "SETUP", "lifecycle"])
    def test_a_declaration_cannot_be_deleted(self, name: str) -> None:
        with pytest.raises(LifecycleError, match=name):
            delattr(Shop, name)

        assert queued(Shop).mount() is True

    def test_any_other_attribute_of_a_class_may_be_set(self) -> None:
        class Coloured(Shop):
            colour = "red"

        Coloured.colour = "blue"
        del Coloured.colour

        assert not hasattr(Coloured, "colour")


def shop_again(**changes: Any) -> Lifecycle:
    """Declare the states of a small shop once more, with one difference."""
    said: dict[str, Any] = {
        "SETUP": State(JobStatus.QUEUED, "mounting", on_enter=print),
        "mount": Transition(JobStatus.QUEUED, "SETUP", before=len, description="fix it"),
        "start": BaseJob.start | Transition("SETUP", JobStatus.RUNNING, conditions=bool),
        "stay": Transition("SETUP", "SETUP"),
    }
    lifecycle: Lifecycle = type(BaseJob)("Again", (BaseJob,), said | changes).lifecycle
    return lifecycle


class TestEquality:
    def test_lifecycles_are_equal_by_value(self) -> None:
        first, second = shop_again(), shop_again()

        assert first is not second
        assert first == second
        assert hash(first) == hash(second)
        assert len({first, second, BaseJob.lifecycle}) == 2

    def test_an_empty_body_makes_an_equal_lifecycle(self) -> None:
        assert Plain.lifecycle == BaseJob.lifecycle
        assert hash(Plain.lifecycle) == hash(BaseJob.lifecycle)

    @pytest.mark.parametrize(
        "changes",
        [
            {"SETUP": State(JobStatus.QUEUED, "other words", on_enter=print)},
            {"SETUP": State(JobStatus.QUEUED, "mounting")},
            {"mount": Transition(JobStatus.QUEUED, "SETUP", before=len)},
            {"mount": Transition(JobStatus.QUEUED, "SETUP", before=repr, description="fix it")},
            {"mount": Transition(JobStatus.QUEUED, "SETUP", trigger="fix", before=len)},
            {"stay": Transition("SETUP", "SETUP", new_attempt=True)},
            {"stay": Transition("SETUP", "RUNNING")},
            {"start": BaseJob.start | Transition("SETUP", JobStatus.RUNNING, unless=bool)},
            {
                "EXTRA": State(JobStatus.RUNNING),
                "go": Transition("QUEUED", "EXTRA"),
                "finish": Transition(["RUNNING", "EXTRA"], "DONE"),
            },
        ],
        ids=range(9),
    )
    def test_any_difference_makes_another(self, changes: dict[str, Any]) -> None:
        assert shop_again(**changes) != shop_again()

    @pytest.mark.parametrize("other", [None, "lifecycle", (), BaseJob])
    def test_a_lifecycle_equals_nothing_else(self, other: Any) -> None:
        assert BaseJob.lifecycle != other


T = TypeVar("T")


class TestBaseJob:
    def test_it_is_abstract(self) -> None:
        assert isinstance(BaseJob, abc.ABCMeta)
        with pytest.raises(TypeError, match="BaseJob is abstract; subclass it"):
            BaseJob("backend", "j-1")
        with pytest.raises(TypeError, match="BaseJob is abstract; subclass it"):
            BaseJob.attach("backend", "j-1")

    def test_a_subclass_with_an_empty_body_is_not(self) -> None:
        job = Plain("backend", "j-1")

        assert job.state == BaseJob.INITIALIZING
        assert job.backend() == "backend"

    def test_it_can_be_given_the_type_of_the_result(self) -> None:
        class Typed(BaseJob[int]):
            pass

        class Open(BaseJob[T], Generic[T]):
            pass

        for job_class in (Typed, Open, Open[int]):
            job = job_class("backend", "j-1")
            assert job.triggers() == BaseJob.lifecycle.triggers("INITIALIZING")
        assert edges(Typed) == edges(Open) == BASE_EDGES

    def test_an_abstract_subclass_stays_abstract(self) -> None:
        class Half(Shop):
            @abc.abstractmethod
            def drawing(self) -> str:
                """Return the drawing."""

        class Whole(Half):
            def drawing(self) -> str:
                return "a cup"

        with pytest.raises(TypeError, match="drawing"):
            Half("backend", "j-1")
        assert Whole("backend", "j-1").drawing() == "a cup"
        assert edges(Half) == edges(Whole) == SHOP_EDGES

    def test_a_subclass_may_have_slots_and_class_arguments(self) -> None:
        class Slotted(BaseJob[Any]):
            __slots__ = ("colour",)

        class Registered(BaseJob[Any]):
            def __init_subclass__(cls, *, colour: str, **named: Any) -> None:
                super().__init_subclass__(**named)
                cls.colour = colour

        class Red(Registered, colour="red"):
            pass

        job = Slotted("backend", "j-1")
        job.colour = "blue"

        assert job.colour == "blue"
        assert Red("backend", "j-2").colour == "red"


class TestLifecycleError:
    def test_it_comes_from_the_class_statement(self) -> None:
        with pytest.raises(LifecycleError) as refused:

            class Broken(BaseJob[Any]):
                finish = Transition("RUNING", JobStatus.DONE)

        error = refused.value
        assert error.class_name == "Broken"
        assert error.problems == (
            "'finish' leads from RUNING, which is no state; did you mean RUNNING?",
        )
        assert str(error) == (
            "class Broken is not a sound lifecycle; 1 problem found:\n"
            "  - 'finish' leads from RUNING, which is no state; did you mean RUNNING?"
        )

    def test_it_pickles_with_its_facts(self) -> None:
        error = LifecycleError("Broken", ("first", "second"))

        again = pickle.loads(pickle.dumps(error))

        assert type(again) is LifecycleError
        assert again.class_name == "Broken"
        assert again.problems == ("first", "second")
        assert str(again) == str(error)
