"""The six rules that let any caller treat any job as a `BaseJob`: each has classes that break it.

Every case stands for one mistake and says all that is reported for it, so that a mistake which drags others along, or
hides them, fails here.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn import ACTIVE, BaseJob, JobStatus, LifecycleError, State, Transition

INITIALIZING, QUEUED, RUNNING, DONE, ERROR, CANCELLED = JobStatus

Declare = Callable[[], object]
BROKEN: list[Any] = []
SOUND: list[Any] = []

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "lifecycle-errors.md"
SIX = "known are CANCELLED, DONE, ERROR, INITIALIZING, QUEUED, RUNNING"


def breaks(rule: int, *problems: str) -> Callable[[Declare], Declare]:
    """Mark a function that declares a class which breaks a rule; this is all that it is told."""

    def note(declare: Declare) -> Declare:
        BROKEN.append(pytest.param(declare, problems, id=f"{rule}-{declare.__name__}"))
        return declare

    return note


def sound(declare: Declare) -> Declare:
    """Mark a function that declares an odd class which breaks no rule."""
    SOUND.append(pytest.param(declare, id=declare.__name__))
    return declare


@pytest.mark.parametrize(("declare", "problems"), BROKEN)
def test_a_broken_rule_is_reported_in_these_words(
    declare: Declare, problems: tuple[str, ...]
) -> None:
    with pytest.raises(LifecycleError) as refused:
        declare()

    assert refused.value.class_name == "Broken"
    assert refused.value.problems == problems


@pytest.mark.parametrize(("declare", "problems"), BROKEN)
def test_a_message_is_one_sentence_with_a_way_out(
    declare: Declare, problems: tuple[str, ...]
) -> None:
    for problem in problems:
        assert "; " in problem
        assert not problem.endswith(".")
        assert "\n" not in problem
        assert "0x" not in problem


def test_every_message_has_its_place_on_the_page_that_mends_it() -> None:
    told = re.findall(r"^  - (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    on_the_page = {pattern(problem) for problem in told}

    missing = {
        problem
        for case in BROKEN
        for problem in case.values[1]
        if pattern(problem) not in on_the_page
    }

    assert missing == set()


def pattern(problem: str) -> str:
    """Return what remains of a message without the names of one class."""
    for names, stand_in in {
        r"(did you mean|known are) .+": "(hint)",
        r"^(conditions|unless|before|after|on_enter|on_exit) of": "(callback) of",
        r"(from|to) [\w*]+, which is no state": "(place), which is no state",
        r"define it in \w+": "define it",
        r"\b(accepted|stopped) =": "(name) =",
        r"a (state|transition) is": "a (kind) is",
        r"\w+_errors is .+; write": "(name) is (value); write",
        r"'[^']*'|Transition\([^)]*\)|\b\w*[A-Z_]\w*\b|\d+|\*": "(name)",
        r"\(name\) and \(name\) with": "(name) with",
    }.items():
        problem = re.sub(names, stand_in, problem)
    return problem


@pytest.mark.parametrize("declare", SOUND)
def test_an_odd_class_that_breaks_no_rule_is_accepted(
    declare: Declare, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        declare()

    assert caplog.records == []


# Rule 1: the six base states exist and stand for their own statuses; every other stands for one.


@breaks(
    1,
    "QUEUED stands for RUNNING, but a base state stands for its own status; "
    "give your state another name",
)
def a_base_state_that_stands_for_another_status() -> None:
    class Broken(BaseJob[Any]):
        QUEUED = State(JobStatus.RUNNING)


@breaks(1, "the base state RUNNING is removed; every job keeps the six base states")
def a_base_state_that_is_removed() -> None:
    class Broken(BaseJob[Any]):
        RUNNING = None


@breaks(1, "the base state DONE is hidden by 'over'; every job keeps the six base states")
def a_base_state_that_is_hidden_by_a_value() -> None:
    class Broken(BaseJob[Any]):
        DONE = "over"


@breaks(
    1,
    "the base state RUNNING is hidden by Transition(QUEUED -> DONE); "
    "every job keeps the six base states",
)
def a_base_state_that_is_hidden_by_a_transition() -> None:
    class Broken(BaseJob[Any]):
        RUNNING = Transition(QUEUED, DONE)


@breaks(1, "the state SETUP is hidden by 'at noon'; give the attribute another name")
def an_inherited_state_that_is_hidden_by_a_value() -> None:
    class Sound(BaseJob[Any]):
        SETUP = State(QUEUED)
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)

    class Broken(Sound):
        SETUP = "at noon"


@breaks(1, "SETUP stands for 'queud', which is no JobStatus; did you mean QUEUED?")
def a_state_with_a_misspelt_status() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State("queud")
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)


@breaks(1, "SETUP stands for 'QUEUED', which is no JobStatus; did you mean QUEUED?")
def a_state_with_a_status_given_as_a_text() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State("QUEUED")
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)


@breaks(1, f"SETUP stands for 7, which is no JobStatus; {SIX}")
def a_state_that_stands_for_a_number() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State(7)
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)


@breaks(1, "SETUP and MOUNTING are one State object; write State(…) for each")
def a_state_with_two_names() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State(QUEUED)
        MOUNTING = SETUP
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)


@breaks(1, "QUEUED and WAITING are one State object; write State(…) for each")
def a_second_name_for_a_base_state() -> None:
    class Broken(BaseJob[Any]):
        WAITING = BaseJob.QUEUED


# Rule 2: a job only moves forward, except by a new attempt.


@breaks(
    2,
    "'release' leads back from RUNNING to QUEUED, but a job only moves forward; "
    "declare new_attempt=True if it is a requeue",
)
def a_step_back() -> None:
    class Broken(BaseJob[Any]):
        release = Transition(RUNNING, QUEUED)


@breaks(
    2,
    "'refit' leads back from RUNNING to SETUP, but a job only moves forward; "
    "declare new_attempt=True if it is a requeue",
    "'refit' leads back from INSPECTING to SETUP, but a job only moves forward; "
    "declare new_attempt=True if it is a requeue",
)
def a_step_back_between_states_of_ones_own() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State(QUEUED)
        INSPECTING = State(RUNNING)
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)
        inspect = Transition(RUNNING, INSPECTING)
        finish = Transition(INSPECTING, DONE)
        refit = Transition([RUNNING, INSPECTING], SETUP)


@breaks(
    2,
    "'reset' leads back from QUEUED to INITIALIZING, but a job only moves forward; "
    "declare new_attempt=True if it is a requeue",
)
def a_step_back_to_the_beginning() -> None:
    class Broken(BaseJob[Any]):
        reset = Transition(QUEUED, INITIALIZING)


@breaks(
    2,
    "'doubt' leads back from QUEUED to VALIDATING, but a job only moves forward; "
    "declare new_attempt=True if it is a requeue",
)
def a_step_back_to_a_state_that_stands_for_initializing() -> None:
    class Broken(BaseJob[Any]):
        VALIDATING = State(INITIALIZING)
        check = Transition(INITIALIZING, VALIDATING)
        doubt = Transition(QUEUED, VALIDATING)
        passed = Transition(VALIDATING, QUEUED)


@breaks(
    2,
    "'finish' starts a new attempt but leads to DONE, which is final; drop new_attempt=True",
)
def a_new_attempt_that_is_over_at_once() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, new_attempt=True)


# Rule 3: final is final.


@breaks(
    3,
    "'retry' leaves ERROR, but final is final; requeue before the job is over, or submit a new job",
)
def a_way_out_of_a_final_state() -> None:
    class Broken(BaseJob[Any]):
        retry = Transition(ERROR, QUEUED)


@breaks(
    3,
    "'retry' leaves ERROR, but final is final; requeue before the job is over, or submit a new job",
    "'retry' leaves CANCELLED, but final is final; "
    "requeue before the job is over, or submit a new job",
)
def a_new_attempt_out_of_final_states() -> None:
    class Broken(BaseJob[Any]):
        retry = Transition([ERROR, CANCELLED], QUEUED, new_attempt=True)


@breaks(
    3,
    "'touch' leaves DONE, but final is final; requeue before the job is over, or submit a new job",
)
def a_final_state_that_leads_to_itself() -> None:
    class Broken(BaseJob[Any]):
        touch = Transition(DONE, DONE)


@breaks(
    3,
    "SCRAPPED stands for ERROR, but ERROR is one state; "
    "let SCRAPPED stand for RUNNING, or use ERROR itself",
)
def a_second_state_that_is_final() -> None:
    class Broken(BaseJob[Any]):
        SCRAPPED = State(ERROR)
        scrap = Transition(RUNNING, SCRAPPED)


# Rule 4: everything can be reached, and fail and cancel are always possible.


@breaks(4, "SETUP can never be reached; declare a Transition that leads to it")
def a_state_that_cannot_be_reached() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State(QUEUED)
        start = BaseJob.start | Transition(SETUP, RUNNING)


@breaks(
    4,
    "DONE can never be reached from PAUSED; declare a way on, such as "
    "finish = BaseJob.finish | Transition(PAUSED, JobStatus.DONE)",
)
def a_state_without_a_way_on() -> None:
    class Broken(BaseJob[Any]):
        PAUSED = State(RUNNING)
        pause = Transition(RUNNING, PAUSED)


@breaks(
    4,
    "DONE can never be reached from HERE; declare a way on, such as "
    "finish = BaseJob.finish | Transition(HERE, JobStatus.DONE)",
    "DONE can never be reached from THERE; declare a way on, such as "
    "finish = BaseJob.finish | Transition(THERE, JobStatus.DONE)",
)
def a_circle_without_a_way_on() -> None:
    class Broken(BaseJob[Any]):
        HERE = State(RUNNING)
        THERE = State(RUNNING)
        enter = Transition(RUNNING, HERE)
        go = Transition(HERE, THERE)
        back = Transition(THERE, HERE)


@breaks(
    4,
    "HERE can never be reached; declare a Transition that leads to it",
    "THERE can never be reached; declare a Transition that leads to it",
)
def an_island() -> None:
    class Broken(BaseJob[Any]):
        HERE = State(RUNNING)
        THERE = State(RUNNING)
        go = Transition(HERE, THERE)
        back = Transition(THERE, HERE)
        finish = BaseJob.finish | Transition([HERE, THERE], DONE)


@breaks(
    4,
    "DONE can never be reached from INITIALIZING; declare a way on, such as "
    "finish = BaseJob.finish | Transition(INITIALIZING, JobStatus.DONE)",
    "DONE can never be reached from QUEUED; declare a way on, such as "
    "finish = BaseJob.finish | Transition(QUEUED, JobStatus.DONE)",
    "DONE can never be reached from RUNNING; declare a way on, such as "
    "finish = BaseJob.finish | Transition(RUNNING, JobStatus.DONE)",
    "DONE can never be reached; declare a Transition that leads to it",
)
def a_class_without_finish() -> None:
    class Broken(BaseJob[Any]):
        finish = None


@breaks(
    4,
    "'fail' is not possible in INITIALIZING, but it must lead to ERROR from every state that is "
    "not final; declare it with ACTIVE as its source",
    "'fail' is not possible in QUEUED, but it must lead to ERROR from every state that is "
    "not final; declare it with ACTIVE as its source",
)
def a_state_that_cannot_fail() -> None:
    class Broken(BaseJob[Any]):
        fail = Transition(RUNNING, ERROR)


@breaks(
    4,
    "'fail' leads from RUNNING to CANCELLED, but it always leads to ERROR; "
    "give the other way a trigger of its own",
)
def a_fail_that_leads_elsewhere() -> None:
    class Broken(BaseJob[Any]):
        fail = Transition([INITIALIZING, QUEUED], ERROR) | Transition(RUNNING, CANCELLED)


@breaks(
    4,
    "'fail' has conditions in RUNNING, but it is always possible; "
    "drop them, or give the guarded way a trigger of its own",
)
def a_fail_with_conditions() -> None:
    class Broken(BaseJob[Any]):
        fail = Transition([INITIALIZING, QUEUED], ERROR) | Transition(
            RUNNING, ERROR, conditions="_is_broken"
        )

        def _is_broken(self, event: Any) -> bool:
            return True


@breaks(
    4,
    "'cancel' is not possible in INITIALIZING, but it must lead to CANCELLED from every state that "
    "is not final; declare it with ACTIVE as its source",
    "'cancel' is not possible in RUNNING, but it must lead to CANCELLED from every state that "
    "is not final; declare it with ACTIVE as its source",
)
def a_state_that_cannot_be_cancelled() -> None:
    class Broken(BaseJob[Any]):
        stopped = Transition(QUEUED, CANCELLED, trigger="cancel")


@breaks(
    4,
    "'cancel' leads from QUEUED to ERROR, but it always leads to CANCELLED; "
    "give the other way a trigger of its own",
)
def a_cancel_that_leads_elsewhere() -> None:
    class Broken(BaseJob[Any]):
        stopped = Transition([INITIALIZING, RUNNING], CANCELLED, trigger="cancel")
        dropped = Transition(QUEUED, ERROR, trigger="cancel")


@breaks(
    4,
    "'cancel' has conditions in RUNNING, but it is always possible; "
    "drop them, or give the guarded way a trigger of its own",
)
def a_cancel_with_conditions() -> None:
    class Broken(BaseJob[Any]):
        stopped = Transition([INITIALIZING, QUEUED], CANCELLED, trigger="cancel")
        dropped = Transition(RUNNING, CANCELLED, trigger="cancel", unless="_is_late")

        def _is_late(self, event: Any) -> bool:
            return True


# Rule 5: one trigger in one state leads to one place, unless conditions tell the branches apart.


@breaks(
    5,
    "'start' leads from QUEUED to RUNNING and BURNING with nothing to tell its 2 branches apart; "
    "give all but the last conditions= or unless=",
)
def two_branches_without_conditions() -> None:
    class Broken(BaseJob[Any]):
        BURNING = State(RUNNING)
        start = BaseJob.start | Transition(QUEUED, BURNING)
        finish = BaseJob.finish | Transition(BURNING, DONE)


@breaks(
    5,
    "'start' leads from QUEUED to RUNNING and BURNING with nothing to tell its 2 branches apart; "
    "give all but the last conditions= or unless=",
)
def a_branch_with_conditions_after_one_without() -> None:
    class Broken(BaseJob[Any]):
        BURNING = State(RUNNING)
        start = BaseJob.start | Transition(QUEUED, BURNING, conditions="_is_hot")
        finish = BaseJob.finish | Transition(BURNING, DONE)

        def _is_hot(self, event: Any) -> bool:
            return True


@breaks(
    5,
    "'finish' leads from RUNNING to DONE with nothing to tell its 2 branches apart; "
    "give all but the last conditions= or unless=",
)
def one_branch_twice() -> None:
    class Broken(BaseJob[Any]):
        finish = BaseJob.finish | Transition([QUEUED, RUNNING], DONE)


@breaks(
    5,
    "'start' leads from QUEUED to RUNNING and DONE with nothing to tell its 2 branches apart; "
    "give all but the last conditions= or unless=",
)
def two_attributes_of_one_trigger() -> None:
    class Broken(BaseJob[Any]):
        start = Transition(QUEUED, RUNNING)
        skip = Transition(QUEUED, DONE, trigger="start")


@breaks(
    5,
    "'start' never takes its branch from QUEUED to BURNING, because the one to RUNNING comes first "
    "and asks no more; give them conditions that tell them apart",
)
def two_branches_with_the_same_conditions() -> None:
    class Broken(BaseJob[Any]):
        BURNING = State(RUNNING)
        start = Transition(QUEUED, RUNNING, conditions="_is_hot") | Transition(
            QUEUED, BURNING, conditions="_is_hot"
        )
        finish = BaseJob.finish | Transition(BURNING, DONE)

        def _is_hot(self, event: Any) -> bool:
            return True


@breaks(
    5,
    "'start' never takes its branch from QUEUED to BURNING, because the one to RUNNING comes first "
    "and asks no more; give them conditions that tell them apart",
)
def a_branch_that_asks_more_than_the_one_before_it() -> None:
    class Broken(BaseJob[Any]):
        BURNING = State(RUNNING)
        start = Transition(QUEUED, RUNNING, unless="_is_cold") | Transition(
            QUEUED, BURNING, conditions="_is_hot", unless=["_is_wet", "_is_cold"]
        )
        finish = BaseJob.finish | Transition(BURNING, DONE)

        def _is_hot(self, event: Any) -> bool:
            return True

        _is_cold = _is_wet = _is_hot


@breaks(
    5,
    "'go' joins branches of 'burn' and 'glow'; "
    "join branches of one trigger, and declare the other under an attribute of its own",
)
def branches_of_two_triggers() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, RUNNING, trigger="burn") | Transition(
            RUNNING, RUNNING, trigger="glow"
        )


# Rule 6: names are identifiers and hide nothing; callbacks exist; status_map leads to known states.


@breaks(6, "'status' would hide what BaseJob defines under that name; rename it")
def a_transition_that_hides_a_method() -> None:
    class Broken(BaseJob[Any]):
        status = Transition(QUEUED, RUNNING)


@breaks(6, "'_poll' would hide what BaseJob defines under that name; rename it")
def a_transition_that_hides_a_hook() -> None:
    class Broken(BaseJob[Any]):
        _poll = Transition(QUEUED, RUNNING)


@breaks(6, "'history' would hide what BaseJob defines under that name; rename it")
def a_state_that_hides_a_property() -> None:
    class Broken(BaseJob[Any]):
        history = State(RUNNING)
        remember = Transition(RUNNING, history)
        finish = BaseJob.finish | Transition(history, DONE)


@breaks(6, "'finish' would hide what BaseJob defines under that name; rename it")
def a_state_that_hides_a_trigger() -> None:
    class Broken(BaseJob[Any]):
        finish = State(RUNNING)
        near = Transition(RUNNING, finish)
        arrive = Transition(finish, DONE)


@breaks(6, "'_sj_last' would hide what BaseJob defines under that name; rename it")
def a_state_that_hides_a_part_of_every_job() -> None:
    class Broken(BaseJob[Any]):
        _sj_last = State(RUNNING)
        leave = Transition(RUNNING, _sj_last)
        finish = BaseJob.finish | Transition(_sj_last, DONE)


@breaks(
    6,
    "'submit' would hide what BaseJob defines under that name; declare the step under another "
    "attribute: accepted = Transition(…, trigger='submit')",
)
def a_step_that_hides_submit() -> None:
    class Broken(BaseJob[Any]):
        submit = Transition(INITIALIZING, QUEUED)


@breaks(
    6,
    "'cancel' would hide what BaseJob defines under that name; declare the step under another "
    "attribute: stopped = Transition(…, trigger='cancel')",
)
def a_step_that_hides_cancel() -> None:
    class Broken(BaseJob[Any]):
        cancel = Transition(ACTIVE, CANCELLED)


@breaks(6, "'start' would hide what BaseJob defines under that name; rename it")
def a_value_that_hides_a_trigger() -> None:
    class Broken(BaseJob[Any]):
        start = "now"


@breaks(6, "'status' would hide what BaseJob defines under that name; rename it")
def a_value_that_hides_a_method() -> None:
    class Broken(BaseJob[Any]):
        status = "waiting"


@breaks(6, "'result' would hide what BaseJob defines under that name; rename it")
def a_none_that_hides_a_method() -> None:
    class Broken(BaseJob[Any]):
        result = None


@breaks(6, "'history' would hide what BaseJob defines under that name; rename it")
def a_value_that_hides_a_property() -> None:
    class Broken(BaseJob[Any]):
        history = ()


@breaks(6, "'_sj_settle' would hide what BaseJob defines under that name; rename it")
def a_method_that_hides_a_part_of_every_job() -> None:
    class Broken(BaseJob[Any]):
        def _sj_settle(self, event: Any) -> None:
            pass


@breaks(6, "the trigger name 'status' is a method of BaseJob; rename it")
def a_trigger_that_is_called_as_a_method() -> None:
    class Broken(BaseJob[Any]):
        look = Transition(QUEUED, RUNNING, trigger="status")


@breaks(6, "the trigger name 'two words' is no identifier; rename it")
def a_trigger_of_two_words() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, RUNNING, trigger="two words")


@breaks(6, "the trigger name 'class' is no identifier; rename it")
def a_trigger_that_is_a_keyword() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, RUNNING, trigger="class")


@breaks(6, "the trigger name '' is no identifier; rename it")
def a_trigger_without_a_name() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, RUNNING, trigger="")


@breaks(6, "the trigger name 7 is no identifier; rename it")
def a_trigger_whose_name_is_a_number() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, RUNNING, trigger=7)


@breaks(
    6,
    "the name 'two words' of a state is no identifier; rename it",
    "the name 'for' of a transition is no identifier; rename it",
    "the trigger name 'for' is no identifier; rename it",
)
def attributes_that_cannot_be_written() -> None:
    state = State(RUNNING)
    body = {
        "two words": state,
        "for": Transition(RUNNING, state),
        "finish": Transition(state, DONE),
    }
    type(BaseJob)("Broken", (BaseJob,), body)


@breaks(6, "'go' leads to RUNING, which is no state; did you mean RUNNING?")
def an_unknown_destination() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, "RUNING")


@breaks(6, "'go' leads from queued, which is no state; did you mean QUEUED?")
def an_unknown_source() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(["queued"], RUNNING)


@breaks(6, "'go' leads from SETTUP, which is no state; did you mean SETUP?")
def an_unknown_state_of_ones_own() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State(QUEUED)
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)
        go = Transition("SETTUP", RUNNING)


@breaks(6, f"'abort' leads from *, which is no state; {SIX}")
def the_star_of_transitions() -> None:
    class Broken(BaseJob[Any]):
        abort = Transition("*", ERROR)


@breaks(6, f"'heat' leads to HEATING, which is no state; {SIX}")
def a_state_of_another_class() -> None:
    class Other(BaseJob[Any]):
        HEATING = State(QUEUED)
        heat = Transition(QUEUED, HEATING)
        start = BaseJob.start | Transition(HEATING, RUNNING)

    class Broken(BaseJob[Any]):
        heat = Transition(QUEUED, Other.HEATING)


@breaks(
    6,
    f"'heat' leads to a State that is not an attribute of the class, which is no state; {SIX}",
)
def a_state_without_a_name() -> None:
    class Broken(BaseJob[Any]):
        heat = Transition(QUEUED, State(QUEUED))


@breaks(6, f"'go' leads to 7, which is no state; {SIX}")
def a_destination_that_is_a_number() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, 7)


@breaks(
    6,
    f"'go' leads to None, which is no state; {SIX}",
    f"'go' leads from None, which is no state; {SIX}",
)
def a_transition_from_none_to_none() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(None, None)


@breaks(6, "'go' leads to ACTIVE, which is only a source; name one state")
def a_destination_that_is_active() -> None:
    class Broken(BaseJob[Any]):
        go = Transition(QUEUED, ACTIVE)


@breaks(6, "'go' leads from nowhere; give it a source")
def a_transition_without_a_source() -> None:
    class Broken(BaseJob[Any]):
        go = Transition([], RUNNING)


@breaks(6, "after of 'finish' names '_photogrph', which is no method; did you mean _photograph?")
def a_misspelt_callback() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_photogrph")

        def _photograph(self, event: Any) -> None:
            pass


@breaks(6, "conditions of 'finish' names '_xyzzy', which is no method; define it in Broken")
def a_condition_that_does_not_exist() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, conditions=["_xyzzy"])


@breaks(
    6,
    "on_enter of SETUP names '_xyzzy', which is no method; define it in Broken",
    "on_exit of SETUP names '_plugh', which is no method; define it in Broken",
)
def callbacks_of_a_state_that_do_not_exist() -> None:
    class Broken(BaseJob[Any]):
        SETUP = State(QUEUED, on_enter="_xyzzy", on_exit="_plugh")
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)


@breaks(6, "before of 'finish' names 'start', which is declared, not a method; name a method")
def a_callback_that_is_a_trigger() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, before="start")


@breaks(6, "unless of 'finish' is 7, which cannot be called; give a method name or a callable")
def a_callback_that_is_a_number() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, unless=7)


@breaks(6, "after of 'finish' is 'red', which cannot be called; give a method name or a callable")
def a_named_callback_that_is_no_method() -> None:
    class Broken(BaseJob[Any]):
        colour = "red"
        finish = Transition(RUNNING, DONE, after="colour")


@breaks(
    6,
    "after of 'finish' is the coroutine '_tell', which nobody would await; "
    "make it a plain function, or follow job.changes()",
)
def a_callback_that_is_a_coroutine() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_tell")

        async def _tell(self, event: Any) -> None:
            pass


@breaks(
    6,
    "before of 'finish' is the coroutine 'tell', which nobody would await; "
    "make it a plain function, or follow job.changes()",
    "after of 'finish' is the coroutine 'yields', which nobody would await; "
    "make it a plain function, or follow job.changes()",
)
def callables_that_are_coroutines() -> None:
    async def tell(event: Any) -> None:
        pass

    async def yields(event: Any) -> Any:
        yield event

    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, before=tell, after=yields)


@breaks(
    6,
    "after of 'finish' is the coroutine '_tell', which nobody would await; "
    "make it a plain function, or follow job.changes()",
)
def an_inherited_callback_that_has_become_a_coroutine() -> None:
    class Sound(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_tell")

        def _tell(self, event: Any) -> None:
            pass

    class Broken(Sound):
        async def _tell(self, event: Any) -> None:
            pass


@breaks(
    6,
    "after of 'finish' names '_note', which cannot be called with one event; "
    "write def _note(self, event)",
)
def a_method_that_takes_no_event() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_note")

        def _note(self) -> None:
            pass


@breaks(
    6,
    "conditions of 'finish' names '_is_cool', which cannot be called with one event; "
    "write def _is_cool(self, event)",
)
def a_method_that_takes_more_than_an_event() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, conditions="_is_cool")

        def _is_cool(self, event: Any, degrees: float) -> bool:
            return True


@breaks(
    6,
    "after of 'finish' is '<lambda>', which cannot be called with one event; give it one parameter",
)
def a_callable_that_takes_no_event() -> None:
    class Broken(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after=lambda: None)


@breaks(
    6,
    "the hook '_submit' is a coroutine, which nobody would await; make it a plain "
    "function, which is called without the job's lock and may block",
    "the hook '_poll' is a coroutine, which nobody would await; make it a plain "
    "function, which is called without the job's lock and may block",
    "the hook '_find' is a coroutine, which nobody would await; make it a plain "
    "function, which is called without the job's lock and may block",
)
def hooks_that_are_coroutines() -> None:
    class Broken(BaseJob[Any]):
        async def _submit(self) -> str:
            return "n-1"

        def _poll(self) -> Any:
            yield "running"

        @staticmethod
        async def _find() -> str:
            return "n-1"


@breaks(
    6,
    "uncertain_errors is <class 'OSError'>; write a tuple of exception classes",
    "transient_errors is [<class 'OSError'>]; write a tuple of exception classes",
)
def kinds_of_errors_that_are_no_tuples() -> None:
    class Broken(BaseJob[Any]):
        uncertain_errors = OSError
        transient_errors = [OSError]


@breaks(
    6,
    "uncertain_errors is ('OSError',); write a tuple of exception classes",
    "transient_errors is (<class 'OSError'>, <class 'int'>); write a tuple of exception classes",
)
def kinds_of_errors_that_are_no_exceptions() -> None:
    class Broken(BaseJob[Any]):
        uncertain_errors = ("OSError",)
        transient_errors = (OSError, int)


@breaks(6, "status_map: 'ok' leads to DON, which is no state; did you mean DONE?")
def a_word_that_means_an_unknown_state() -> None:
    class Broken(BaseJob[Any]):
        status_map = {"ok": "DON"}


@breaks(6, f"status_map: 'hot' leads to HEATING, which is no state; {SIX}")
def a_word_that_means_a_state_of_another_class() -> None:
    class Other(BaseJob[Any]):
        HEATING = State(QUEUED)
        heat = Transition(QUEUED, HEATING)
        start = BaseJob.start | Transition(HEATING, RUNNING)

    class Broken(BaseJob[Any]):
        status_map = {"hot": Other.HEATING}


@breaks(6, f"status_map: 7 leads to None, which is no state; {SIX}")
def a_word_that_means_none() -> None:
    class Broken(BaseJob[Any]):
        status_map = {7: None}


@breaks(6, "status_map is not a mapping; write {raw word: state, …}")
def a_map_that_is_a_list() -> None:
    class Broken(BaseJob[Any]):
        status_map = ["ok"]


@breaks(6, "status_map: 'mounting' leads to SETUP, which is no state; " + SIX)
def an_inherited_word_whose_state_is_gone() -> None:
    class Sound(BaseJob[Any]):
        SETUP = State(QUEUED)
        mount = Transition(QUEUED, SETUP)
        start = BaseJob.start | Transition(SETUP, RUNNING)
        status_map = {"mounting": SETUP}

    class Broken(Sound):
        SETUP = None
        mount = None
        start = Transition(QUEUED, RUNNING)


def test_every_problem_of_every_rule_is_reported_together() -> None:
    with pytest.raises(LifecycleError) as refused:

        class Broken(BaseJob[Any]):
            QUEUED = State(JobStatus.RUNNING)  # rule 1
            ORPHAN = State(JobStatus.RUNNING)  # rule 4
            BURNING = State(JobStatus.RUNNING)
            SCRAPPED = State(JobStatus.ERROR)  # rule 3

            burn = Transition(JobStatus.RUNNING, BURNING)
            cool = Transition(BURNING, JobStatus.INITIALIZING)  # rule 2
            rise = Transition(JobStatus.DONE, JobStatus.RUNNING)  # rule 3
            finish = (  # rule 5
                BaseJob.finish
                | Transition([JobStatus.RUNNING, BURNING, ORPHAN], JobStatus.DONE, after="_xyzzy")
            )
            scrap = Transition(BURNING, SCRAPPED)
            status = Transition(JobStatus.RUNNING, "BURNIN")  # rule 6, twice
            status_map = {"ok": "DON"}  # rule 6

    problems = refused.value.problems
    told = str(refused.value)
    assert told.startswith(
        f"class Broken is not a sound lifecycle; {len(problems)} problems found:\n"
    )
    assert told.splitlines()[1:] == [f"  - {problem}" for problem in problems]
    assert len(set(problems)) == len(problems)
    for beginning in (
        "QUEUED stands for RUNNING",
        "SCRAPPED stands for ERROR",
        "status_map: 'ok' leads to DON",
        "'status' leads to BURNIN, which is no state; did you mean BURNING?",
        "'cool' leads back from BURNING to INITIALIZING",
        "'rise' leaves DONE",
        "ORPHAN can never be reached",
        "'finish' leads from RUNNING to DONE with nothing to tell its 2 branches apart",
        "'status' would hide what BaseJob defines",
        "after of 'finish' names '_xyzzy'",
    ):
        assert [problem for problem in problems if problem.startswith(beginning)], beginning


def test_a_slip_does_not_hide_the_next() -> None:
    with pytest.raises(LifecycleError) as refused:

        class Broken(BaseJob[Any]):
            back = Transition("RUNING", "QEUED")

    assert refused.value.problems == (
        "'back' leads to QEUED, which is no state; did you mean QUEUED?",
        "'back' leads from RUNING, which is no state; did you mean RUNNING?",
        (
            "'back' leads back from RUNNING to QUEUED, but a job only moves forward; "
            "declare new_attempt=True if it is a requeue"
        ),
    )


def test_a_refused_class_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    class Sound(BaseJob[Any]):
        pass

    with caplog.at_level(logging.DEBUG), pytest.raises(LifecycleError):

        class Broken(Sound):
            start = Transition(QUEUED, "RUNING")

    job = Sound("backend", "j-1")
    job.submit()

    assert Sound.lifecycle == BaseJob.lifecycle
    assert job.start() is True
    assert caplog.records == []


# Honest odd classes.


@sound
def states_that_stand_for_initializing() -> None:
    class Odd(BaseJob[Any]):
        VALIDATING = State(INITIALIZING)
        SIGNED = State(INITIALIZING)
        accepted = Transition(INITIALIZING, VALIDATING, trigger="submit")
        sign = Transition(VALIDATING, SIGNED)
        unsign = Transition(SIGNED, VALIDATING)
        queue = Transition([VALIDATING, SIGNED], QUEUED)


@sound
def steps_that_skip() -> None:
    class Odd(BaseJob[Any]):
        rush = Transition(INITIALIZING, DONE)
        jump = Transition(INITIALIZING, RUNNING)
        drop = Transition([INITIALIZING, QUEUED], CANCELLED)


@sound
def a_circle_of_states_of_one_status() -> None:
    class Odd(BaseJob[Any]):
        HOT = State(RUNNING)
        COLD = State(RUNNING)
        heat = Transition([RUNNING, COLD], HOT)
        cool = Transition(HOT, COLD)
        finish = Transition([HOT, COLD], DONE)


@sound
def new_attempts_of_every_kind() -> None:
    class Odd(BaseJob[Any]):
        requeue = Transition(RUNNING, QUEUED, new_attempt=True)
        again = Transition(RUNNING, RUNNING, new_attempt=True)
        reset = Transition(ACTIVE, INITIALIZING, new_attempt=True)


@sound
def a_state_that_only_a_new_attempt_reaches() -> None:
    class Odd(BaseJob[Any]):
        RETRYING = State(QUEUED)
        retry = Transition(RUNNING, RETRYING, new_attempt=True)
        start = BaseJob.start | Transition(RETRYING, RUNNING)


@sound
def a_state_whose_only_way_on_has_conditions() -> None:
    class Odd(BaseJob[Any]):
        PAUSED = State(RUNNING)
        pause = Transition(RUNNING, PAUSED)
        resume = Transition(PAUSED, RUNNING, conditions=lambda event: False)


@sound
def branches_that_all_have_conditions() -> None:
    class Odd(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, conditions="_a") | Transition(RUNNING, DONE, unless="_a")

        def _a(self, event: Any) -> bool:
            return True


@sound
def branches_that_ask_less_and_less() -> None:
    class Odd(BaseJob[Any]):
        finish = (
            Transition(RUNNING, DONE, conditions=["_a", "_b"])
            | Transition(RUNNING, DONE, conditions="_b", unless="_a")
            | Transition(RUNNING, DONE, conditions="_a")
            | Transition(RUNNING, RUNNING)
        )

        def _a(self, event: Any) -> bool:
            return True

        _b = _a


@sound
def unconditional_branches_from_different_sources() -> None:
    class Odd(BaseJob[Any]):
        FIRST = State(RUNNING)
        LAST = State(RUNNING)
        turn = Transition(RUNNING, FIRST) | Transition(FIRST, LAST) | Transition(LAST, DONE)


@sound
def one_source_named_twice() -> None:
    class Odd(BaseJob[Any]):
        finish = Transition([RUNNING, "RUNNING", BaseJob.RUNNING], DONE)


@sound
def a_trigger_from_every_state_to_final_ones() -> None:
    class Odd(BaseJob[Any]):
        abort = Transition(ACTIVE, ERROR)
        drop = Transition(ACTIVE, CANCELLED)


@sound
def methods_that_override_methods_and_triggers() -> None:
    class Odd(BaseJob[Any]):
        def status(self) -> JobStatus:
            return super().status()

        @property
        def metadata(self) -> dict[str, Any]:
            return {}

        def start(self) -> bool:
            return super().start()


@sound
def callables_of_every_kind_that_override_methods() -> None:
    def nothing(*_: Any) -> None:
        pass

    class Odd(BaseJob[Any]):
        _submit = functools.partial(nothing)
        _poll = staticmethod(nothing)
        _cancel = classmethod(nothing)
        _fetch_result = functools.partialmethod(nothing)
        _find = str
        uncertain_errors = ()
        transient_errors = (TimeoutError, KeyboardInterrupt)


@sound
def a_broken_callback_of_a_transition_that_was_replaced() -> None:
    class Sound(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_note")

        def _note(self, event: Any) -> None:
            pass

    class Odd(Sound):
        finish = Transition(RUNNING, DONE)
        _note = None


@sound
def callables_of_every_kind() -> None:
    def optional(event: Any, more: int = 7) -> None:
        pass

    class Called:
        def __call__(self, event: Any) -> None:
            pass

        def method(self, event: Any) -> None:
            pass

    class Odd(BaseJob[Any]):
        finish = Transition(
            RUNNING,
            DONE,
            before=[print, str, len, [].append, lambda *events: None],
            after=[optional, Called(), Called().method, functools.partial(optional, more=8)],
        )


@sound
def named_callbacks_of_every_kind() -> None:
    class Above:
        def _inherited(self, event: Any) -> None:
            pass

    class Odd(Above, BaseJob[Any]):
        finish = Transition(
            RUNNING,
            DONE,
            conditions=["_property"],
            after=["_inherited", "_static", "_class", "_wrapped", "_any", "_lambda"],
        )

        @property
        def _property(self) -> bool:
            return True

        @staticmethod
        def _static(event: Any) -> None:
            pass

        @classmethod
        def _class(cls, event: Any) -> None:
            pass

        @functools.cache  # noqa: B019  # a wrapper, for the sake of it
        def _wrapped(self, event: Any) -> None:
            pass

        def _any(self, *arguments: Any, **named: Any) -> None:
            pass

        _lambda = lambda self, event: None  # noqa: E731  # a method of another make


@sound
def a_method_whose_decorator_takes_the_event() -> None:
    def without_event(method: Callable[[Any], None]) -> Callable[[Any, Any], None]:
        @functools.wraps(method)
        def wrapper(self: Any, event: Any) -> None:
            method(self)

        return wrapper

    class Odd(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_note")

        @without_event
        def _note(self) -> None:
            pass


@sound
def a_coroutine_whose_decorator_runs_it() -> None:
    def in_a_loop(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], None]:
        @functools.wraps(method)
        def wrapper(self: Any, event: Any) -> None:
            asyncio.run(method(self, event))

        return wrapper

    class Odd(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, after="_note")

        @in_a_loop
        async def _note(self, event: Any) -> None:
            pass


@sound
def methods_made_by_functools() -> None:
    class Odd(BaseJob[Any]):
        finish = Transition(RUNNING, DONE, before="_loudly", after="_by_kind")

        def _say(self, loud: bool, event: Any) -> None:
            pass

        _loudly = functools.partialmethod(_say, True)

        @functools.singledispatchmethod
        def _by_kind(self, event: Any) -> None:
            pass


@sound
def names_in_any_language() -> None:
    pausing = State(RUNNING)
    body = {
        "ПАУЗА": pausing,
        "暂停": Transition(RUNNING, pausing),
        "fortführen": Transition(pausing, RUNNING),
    }
    type(BaseJob)("Odd", (BaseJob,), body)


@sound
def words_of_every_kind() -> None:
    class Odd(BaseJob[Any]):
        status_map = {
            "": QUEUED,
            7: RUNNING,
            None: "QUEUED",
            ("a", 1): BaseJob.DONE,
            JobStatus.ERROR: "ERROR",
            "DONE": "DONE",
        }


@sound
def an_empty_map_for_a_job_that_is_only_pushed() -> None:
    class Odd(BaseJob[Any]):
        status_map: Any = {}


@sound
def three_hundred_states_in_a_row() -> None:
    states = {f"S{number}": State(RUNNING) for number in range(300)}
    steps = {f"go{n}": Transition(f"S{n - 1}" if n else RUNNING, f"S{n}") for n in range(300)}
    type(BaseJob)("Odd", (BaseJob,), {**states, **steps, "finish": Transition("S299", DONE)})
