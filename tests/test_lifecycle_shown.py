"""How declarations show themselves to people, and what they remember for them."""

from __future__ import annotations

from typing import Any

import pytest

from lifecycle_oracle import Plain, Shop, queued
from sojourn import ACTIVE, BaseJob, JobStatus, State, Transition
from sojourn.drawing import mimebundle
from sojourn.lifecycle import Edge

QUEUED, RUNNING = JobStatus.QUEUED, JobStatus.RUNNING


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        (Transition(QUEUED, RUNNING), "Transition(QUEUED -> RUNNING)"),
        (Transition(ACTIVE, "ERROR"), "Transition(ACTIVE -> ERROR)"),
        (Transition(Shop.SETUP, Shop.INSPECTING), "Transition(SETUP -> INSPECTING)"),
        (Transition([Shop.SETUP, "QUEUED"], "DONE"), "Transition([SETUP, QUEUED] -> DONE)"),
        (Transition(QUEUED, RUNNING, trigger=""), "Transition(QUEUED -> RUNNING, trigger='')"),
        (
            Transition(QUEUED, RUNNING, trigger="go", unless="_late", new_attempt=True),
            "Transition(QUEUED -> RUNNING, trigger='go', unless=('_late',), new_attempt=True)",
        ),
        (
            Transition(QUEUED, RUNNING) | Transition("SETUP", RUNNING),
            "Transition(QUEUED -> RUNNING) | Transition(SETUP -> RUNNING)",
        ),
    ],
)
def test_a_transition_shows_where_it_leads_and_what_was_given(
    declared: Transition[Any], shown: str
) -> None:
    assert repr(declared) == shown


def test_the_word_for_every_active_state_is_shown_as_it_is_written() -> None:
    assert repr(ACTIVE) == str(ACTIVE) == "ACTIVE"


def test_an_edge_shows_its_step() -> None:
    assert repr(Shop.lifecycle.path("QUEUED", "SETUP")) == "(<Edge mount: QUEUED -> SETUP>,)"


def test_an_edge_that_is_given_no_more_is_an_ordinary_step() -> None:
    edge = Edge("start", BaseJob.QUEUED, BaseJob.RUNNING)

    assert edge.new_attempt is False
    assert edge.conditional is False
    assert edge in Plain.lifecycle.transitions


def test_an_event_shows_its_step_and_its_job() -> None:
    seen: list[str] = []

    class Noting(BaseJob[Any]):
        start = Transition(QUEUED, RUNNING, before=lambda event: seen.append(repr(event)))

        def __repr__(self) -> str:
            return "<the job>"

    queued(Noting).start()

    assert seen == ["<Event 'start' QUEUED -> RUNNING of <the job>>"]


def test_a_lifecycle_shows_its_states_and_transitions_and_no_index_of_its_own() -> None:
    lifecycle = Plain.lifecycle

    assert repr(lifecycle) == (
        f"Lifecycle(states={lifecycle.states!r}, transitions={lifecycle.transitions!r})"
    )


@pytest.mark.parametrize("shown", [Shop.lifecycle, queued(Shop)], ids=["lifecycle", "job"])
def test_a_notebook_is_given_the_picture(shown: Any) -> None:
    bundle = shown._repr_mimebundle_()

    assert "SETUP" in bundle["text/plain"]
    assert list(bundle) == list(mimebundle(shown))


def test_a_transition_remembers_the_first_attribute_that_it_was_declared_under() -> None:
    step = Transition(QUEUED, RUNNING, trigger="start")

    class Begun(BaseJob[Any]):
        HEATING = State(QUEUED)
        heat = Transition(QUEUED, HEATING)
        begin = step | Transition(HEATING, RUNNING)

    class Mixin:
        go = begin_again = Transition(QUEUED, RUNNING)

    assert BaseJob.start.attribute == "start"
    assert Begun.begin.attribute == "begin"
    assert [part.attribute for part in Begun.begin.branches] == ["", ""]
    assert Mixin.begin_again.attribute == "go"


def test_transitions_are_equal_whatever_attributes_they_were_declared_under() -> None:
    class Mixin:
        go = Transition(QUEUED, RUNNING)
        walk = Transition(QUEUED, RUNNING)

    assert Mixin.go == Mixin.walk == Transition(QUEUED, RUNNING)
    assert hash(Mixin.go) == hash(Mixin.walk)
