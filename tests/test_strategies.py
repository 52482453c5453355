"""The strategies draw what they promise: everything unusual turns up, and nothing unsound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from sojourn import BaseJob
from sojourn.errors import LifecycleError, UnknownStatusError
from sojourn.testing._generation import (
    for_slow_examples,
    ids_of_other_types,
    ids_that_cannot_be_read,
    job_classes,
    nasty_ids,
    observations,
    sketches,
    unknown_words,
)
from sojourn.testing._sketches import ANYWHERE, BASE_STEPS, ORDER, Sketch, Step, declare

FEW = for_slow_examples(25)
SEARCH = for_slow_examples(2_000, database=None)


class Empty(BaseJob[Any]):
    """A job class that adds nothing."""


FEATURES: dict[str, Callable[[Sketch], bool]] = {
    "a state of its own for every live status": lambda sketch: (
        {"INITIALIZING", "QUEUED", "RUNNING"} <= {node.status for node in sketch.nodes}
    ),
    "a step that stays": lambda sketch: any(step.source == step.dest for step in sketch.own),
    "a step that skips": lambda sketch: any(
        ORDER[sketch.status[step.dest]] > ORDER[sketch.status[step.source]] + 1
        for step in sketch.own
        if step.source != ANYWHERE
    ),
    "a requeue": lambda sketch: any(
        step.new_attempt and ORDER[sketch.status[step.dest]] < ORDER[sketch.status[step.source]]
        for step in sketch.own
    ),
    "a step from anywhere": lambda sketch: any(step.source == ANYWHERE for step in sketch.own),
    "an extended start": lambda sketch: "start" in sketch.extended,
    "a replaced finish": lambda sketch: (
        "finish" not in sketch.extended and any(step.trigger == "finish" for step in sketch.own)
    ),
    "a replaced submit": lambda sketch: (
        "submit" not in sketch.extended and any(step.trigger == "submit" for step in sketch.own)
    ),
    "branches to two places": lambda sketch: any(
        len({step.dest for step in sketch.branches(state, trigger)}) > 1
        for state in sketch.live
        for trigger in sketch.triggers
    ),
    "a base state with callbacks": lambda sketch: any(
        node.name in ORDER and (node.on_enter or node.on_exit) for node in sketch.nodes
    ),
    "a raw word that is no text": lambda sketch: any(
        not isinstance(word, str) for word in sketch.words or ()
    ),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_drawn_lifecycles_have_every_feature_now_and_then(feature: str) -> None:
    drawn = sketches(conditions=["asks"], guards=["guards"], followers=["follows"])

    assert find(drawn, FEATURES[feature], settings=SEARCH)


@FEW
@given(data=st.data(), job_class=job_classes())
def test_a_drawn_class_understands_the_reports_drawn_for_it_and_no_others(
    data: st.DataObject, job_class: type[BaseJob[Any]]
) -> None:
    job = job_class("backend", "j-1")

    for report in data.draw(st.lists(observations(job_class), max_size=4)):
        job.observe(report)
    with pytest.raises(UnknownStatusError):
        job.observe(data.draw(unknown_words(job_class)))


def test_a_sketch_written_by_hand_and_a_declared_one_agree() -> None:
    own = Step("hold", "QUEUED", "QUEUED", new_attempt=True)
    declared = Sketch(own=(own,), extended=frozenset({"start"}))

    assert declared.steps[:4] == (own, *BASE_STEPS)
    assert [(step.trigger, step.source, step.dest) for step in declared.steps[4:]] == [
        ("fail", "INITIALIZING", "ERROR"),
        ("fail", "QUEUED", "ERROR"),
        ("fail", "RUNNING", "ERROR"),
        ("cancel", "INITIALIZING", "CANCELLED"),
        ("cancel", "QUEUED", "CANCELLED"),
        ("cancel", "RUNNING", "CANCELLED"),
    ]


def test_a_sketch_that_is_not_sound_is_refused() -> None:
    with pytest.raises(LifecycleError):
        declare(Sketch(own=(Step("back", "RUNNING", "QUEUED"),)))


@FEW
@given(job_id=nasty_ids())
def test_an_awkward_id_is_kept_as_it_is(job_id: str) -> None:
    assert Empty("backend", job_id).job_id() == job_id


@FEW
@given(job_id=ids_that_cannot_be_read())
def test_an_id_that_cannot_be_read_is_refused(job_id: str) -> None:
    with pytest.raises(ValueError, match="a job id must be"):
        Empty("backend", job_id)


@FEW
@given(job_id=ids_of_other_types())
def test_an_id_of_another_type_is_refused(job_id: Any) -> None:
    with pytest.raises(TypeError, match="a job id must be a str"):
        Empty("backend", job_id)
