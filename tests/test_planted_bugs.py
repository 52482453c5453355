"""Bugs that are planted in copies of the core, each of which the suite must catch.

A suite that only ever passes may be looking the other way. Here one line of a copy is made wrong at a
time, and a check that the suite makes anyway must fail on it. A patch whose text is no longer there
fails too: it has to be moved to where the promise is kept now.

The checks run in a process of their own, this file as a script, which forks for every bug, so that
what takes longest to import is imported once.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings

HERE = Path(__file__).parent

#: What the checks import besides the core and the suite: imported once, and inherited.
PRELOADED = ["asyncio", "hypothesis.stateful", "http.client", "transitions", "urllib.request"]
if sys.version_info >= (3, 12):
    PRELOADED.append("interleave_test")

# The checks. Each imports what it needs: the core that it finds is the patched one.


def every_call() -> None:
    from test_illegal_transitions import CASES, exhaust

    exhaust(CASES["the same with hooks"], watched=False)
    exhaust(CASES["the batch service"], watched=False)


def every_call_while_somebody_watches() -> None:
    from test_illegal_transitions import CASES, exhaust

    exhaust(CASES["a class that adds nothing"], watched=True)
    exhaust(CASES["the batch service"], watched=True)


def a_journal_that_refuses() -> None:
    from job_doubles import Pushed, Rows

    rows = Rows()
    job = Pushed("backend", "j-1", journal=rows)
    rows.trouble = OSError("no space left on device")
    with pytest.raises(OSError, match="no space"):
        job.submit()
    assert (job.state.name, job.history) == ("INITIALIZING", ())


def another_thread_gets_its_turn() -> None:
    from job_doubles import Pushed

    job = Pushed("backend", "j-1")
    job.submit()
    thread = threading.Thread(target=job.start, daemon=True)
    thread.start()
    thread.join(2)
    assert job.state.name == "RUNNING"


def suite(module: str, name: str, *arguments: Any) -> Callable[[], None]:
    """Return the check that a test of the suite makes, by itself or in a class."""

    def check() -> None:
        found = vars(import_module(module))
        homes = [each() for each in found.values() if isinstance(each, type) and name in vars(each)]
        getattr(homes[0], name)(*arguments) if homes else found[name](*arguments)

    check.__name__ = name
    return check


def explored(name: str, *arguments: Any) -> Callable[[], None]:
    """Return the check that a test of `test_schedules` makes."""

    def check() -> None:
        import test_schedules

        with test_schedules.explorable():
            classes = test_schedules.classes_to_race_with()
            getattr(test_schedules, name)(*arguments, classes)

    check.__name__ = name
    return check


asked_only = suite(
    "test_illegal_transitions",
    "test_no_call_does_anything_illegal_where_a_cancel_is_not_a_stop",
    None,
)
tables = suite("test_engine", "test_a_bigger_lifecycle_is_walked_in_every_state_with_every_trigger")
look_ups = suite("test_engine", "test_looking_a_state_up_in_the_machine_makes_no_trigger_legal")
answers = suite("test_engine", "test_an_answer_is_compared_and_not_asked_for_its_truth", "yes")
facts = suite(
    "test_observations",
    "test_conditions_are_not_asked_and_callbacks_are_told_what_is_inferred",
)
ties = suite("test_observations", "test_among_ways_of_one_length_the_one_declared_first_is_taken")
pauses = suite("test_observations", "test_an_answer_from_before_a_pause_does_not_end_the_pause")
attempts = suite(
    "test_observations",
    "test_an_answer_about_the_attempt_before_does_not_move_the_next_one",
)
payloads = suite(
    "test_triggers", "test_not_giving_a_result_is_not_the_same_as_giving_none", "finish"
)
early = suite(
    "test_triggers", "test_firing_the_same_job_before_its_change_is_refused", "before", "fail"
)
waiting = suite(
    "test_triggers",
    "test_waiting_polling_and_commanding_are_refused_everywhere",
    *("after", "wait", "its own"),
)

one_winner = explored("test_of_finish_and_cancel_one_wins_under_every_schedule", "line")
one_submission = explored("test_of_several_submissions_one_reaches_the_backend", 2)
no_lost_wake_up = explored("test_no_wake_up_is_lost", False)
one_order = explored("test_all_outsiders_are_told_the_same_in_the_same_order")
free_while_asking = explored("test_others_may_do_anything_while_a_hook_is_asked", "cancel")
coming = explored("test_an_outsider_that_comes_is_told_exactly_what_follows")
leaving = explored("test_an_outsider_that_leaves_is_told_nothing_more_and_takes_nobody_with_it")


class Bug(NamedTuple):
    """One mistake.

    Attributes:
        name: What is wrong.
        file: Where it is planted, in the package.
        right: The text that is there, once.
        wrong: The text that takes its place.
        check: What must fail.
    """

    name: str
    file: str
    right: str
    wrong: str
    check: Callable[[], None]


BUGS = [
    Bug(
        "check and store without the lock",
        "_triggers.py",
        "        lock.acquire()\n        last = self._sj_last\n",
        "        last = self._sj_last\n",
        one_winner,
    ),
    Bug(
        "check and store without the lock, the longer way",
        "_firing.py",
        "        try:\n            with self._sj_lock:\n",
        "        try:\n            if True:\n",
        one_order,
    ),
    Bug(
        "forgotten release",
        "_triggers.py",
        "            lock.release()\n",
        "            pass\n",
        another_thread_gets_its_turn,
    ),
    Bug(
        "refusal that changes the state",
        "_firing.py",
        "        if plans is None:\n            raise rules",
        "        if plans is None:\n"
        "            self._sj_last = (state, 0.0, trigger, self._sj_last, None)\n"
        "            raise rules",
        every_call_while_somebody_watches,
    ),
    Bug(
        "new attempt that is not counted",
        "_machine.py",
        "        self.bare = not (self.calls or self.new_attempt)\n",
        "        self.bare = not self.calls\n",
        every_call,
    ),
    Bug(
        "wrong attempt",
        "_firing.py",
        "attempt_of(last) + 1)",
        "attempt_of(last))",
        every_call,
    ),
    Bug(
        "journal written after the change is visible",
        "_firing.py",
        "        watch = self._sj_watch\n        if watch is not None and watch.book",
        "        self._sj_last = record\n"
        "        watch = self._sj_watch\n        if watch is not None and watch.book",
        a_journal_that_refuses,
    ),
    Bug(
        "firing before the change is let pass",
        "_firing.py",
        "        if inside is None or (inside[1] and not always):\n",
        "        if inside is None or not always:\n",
        early,
    ),
    Bug(
        "waiting in a declared callback is let pass",
        "_firing.py",
        "        if inside is None or (inside[1] and not always):\n",
        "        if inside is None or inside[1]:\n",
        waiting,
    ),
    Bug(
        "conditions asked about facts",
        "_firing.py",
        "            plan.walk(self, event)\n",
        "            plan.take(self, event)\n",
        facts,
    ),
    Bug(
        "condition ignored",
        "_machine.py",
        " if tests else []\n",
        " if not tests else []\n",
        tables,
    ),
    Bug(
        "conditions asked for their truth",
        "_machine.py",
        'f"{self.call(each.func)} == {each.target}"',
        'f"bool({self.call(each.func)}) == {each.target}"',
        answers,
    ),
    Bug(
        "callbacks in another order",
        "_machine.py",
        "[*entering.on_enter, *edge.after]",
        "[*edge.after, *entering.on_enter]",
        tables,
    ),
    Bug(
        "callbacks of the exit forgotten",
        "_machine.py",
        "[*edge.before, *leaving.on_exit]",
        "edge.before",
        tables,
    ),
    Bug(
        "a look-up that makes triggers legal",
        "_machine.py",
        "            event.transitions = dict(event.transitions)",
        "            event.transitions = event.transitions",
        look_ups,
    ),
    Bug(
        "unknown word coerced",
        "_rules.py",
        "            raise UnknownStatusError(job_id, raw, state, self._hint(raw))\n",
        '            return self._of_status["RUNNING"]\n',
        every_call,
    ),
    Bug(
        "contradiction taken for late",
        "_rules.py",
        "            return Outcome.CONFLICT if evidence.final else Outcome.STALE\n",
        "            return Outcome.STALE\n",
        every_call,
    ),
    Bug(
        "a way that is not the shortest",
        "lifecycle.py",
        "waiting.popleft()",
        "waiting.pop()",
        ties,
    ),
    Bug(
        "inferred step with a time",
        "_reconciling.py",
        "else (None, INFERRED)",
        "else (at, INFERRED)",
        every_call,
    ),
    Bug(
        "seen step called inferred",
        "_reconciling.py",
        "            seen = number == len(path)\n",
        "            seen = number < len(path)\n",
        every_call,
    ),
    Bug(
        "stale poll taken for news",
        "_reconciling.py",
        "        moved = since is not None and since is not last\n",
        "        moved = False\n",
        pauses,
    ),
    Bug(
        "answer about an attempt that is over",
        "_reconciling.py",
        "            attempt = attempt_of(since)",
        "            attempt = attempt_of(last)",
        attempts,
    ),
    Bug(
        "second submission",
        "_submitting.py",
        "        if claim is held:\n            return\n",
        "        return\n",
        every_call,
    ),
    Bug(
        "submission claimed without the lock",
        "_submitting.py",
        "        with self._sj_lock:\n            return self._sj_decide(decide)\n\n"
        "    def _sj_check_claim",
        "        if True:\n            return self._sj_decide(decide)\n\n    def _sj_check_claim",
        one_submission,
    ),
    Bug(
        "final left",
        "_submitting.py",
        "            if self._sj_last[0] == plan.source:\n",
        "            if True:\n",
        every_call,
    ),
    Bug(
        "refusal that overrules the evidence",
        "_submitting.py",
        "                elif self._sj_reported():\n",
        "                elif False:\n",
        every_call,
    ),
    Bug(
        "cancel request forgotten while submitting",
        "_submitting.py",
        "        if self.cancel_requested:\n            self._sj_cancel_late()\n\n    def _sj_claim(",
        "\n    def _sj_claim(",
        every_call,
    ),
    Bug(
        "cancelled at once, though only asked for",
        "_cancelling.py",
        "        if answer is True:\n",
        "        if answer is not False:\n",
        asked_only,
    ),
    Bug(
        "cancel of a job that is done says yes",
        "_cancelling.py",
        '                return state == "CANCELLED"\n',
        "                return True\n",
        every_call,
    ),
    Bug(
        "hook asked under the lock",
        "_asking.py",
        "            return hook()\n",
        "            with self._sj_lock:\n                return hook()\n",
        free_while_asking,
    ),
    Bug(
        "finish without a result gives None",
        "_waiting.py",
        "        given = NOT_GIVEN if more is None else more[3]\n",
        "        given = None if more is None else more[3]\n",
        payloads,
    ),
    Bug(
        "waiter registered after the look",
        "_telling.py",
        "        with self._sj_lock:\n"
        "            if self._sj_last is not seen:\n"
        "                return False\n",
        "        if self._sj_last is not seen:\n"
        "            return False\n"
        "        with self._sj_lock:\n",
        no_lost_wake_up,
    ),
    Bug(
        "waiters not woken",
        "_telling.py",
        "        self._sj_wake(watch)\n",
        "",
        no_lost_wake_up,
    ),
    Bug(
        "callback called twice",
        "_telling.py",
        "                        registration.listener(self, entry)\n",
        "                        registration.listener(self, entry)\n" * 2,
        every_call_while_somebody_watches,
    ),
    Bug(
        "one that raises starves the others",
        "_telling.py",
        '                        logger.exception("job %r: a callback raised at %r", self._sj_id, entry)\n',
        "                        break\n",
        every_call_while_somebody_watches,
    ),
    Bug(
        "told by whoever comes first",
        "_telling.py",
        "            if watch.drain.acquire(blocking=False) and not watch.busy:\n",
        "            if True:\n",
        one_order,
    ),
    Bug(
        "one that leaves takes the others with it",
        "_telling.py",
        "tuple(r for r in watch.registrations if r is not registration)",
        "()",
        leaving,
    ),
    Bug(
        "told of what was before",
        "_telling.py",
        "                if registration.since < entry.number and registration.active:\n",
        "                if registration.active:\n",
        coming,
    ),
]

CHECKS = list(dict.fromkeys(bug.check for bug in BUGS))
EXPLORED = [check for check in CHECKS if check.__qualname__.startswith("explored.")]


def can(check: Callable[[], None]) -> bool:
    """Tell whether a check can be made here; the explorer of schedules needs Python 3.12."""
    return sys.version_info >= (3, 12) or check not in EXPLORED


def core() -> Path:
    """Return the folder of the package."""
    import sojourn

    return Path(sojourn.__file__).parent


def patched(bug: Bug) -> str:
    """Return the text of a file with a bug in it."""
    text = (core() / bug.file).read_text(encoding="utf-8")
    found = text.count(bug.right)
    assert found == 1, f"{bug.name}: the text is {found} times in {bug.file}; move the patch"
    return text.replace(bug.right, bug.wrong)


class Judge:
    """The process that makes the checks, and what it has said so far.

    Args:
        top: A folder for the copies.
    """

    def __init__(self, top: Path) -> None:
        sound = shutil.copytree(core(), top / "sound" / "sojourn").parent
        orders = [(check.__name__, str(sound), n) for n, check in enumerate(CHECKS) if can(check)]
        for number, bug in enumerate(BUGS):
            if can(bug.check):
                folder = shutil.copytree(core(), top / f"bug-{number}" / "sojourn")
                with suppress(AssertionError):  # a test of its own says so
                    (folder / bug.file).write_text(patched(bug), encoding="utf-8")
                    orders.append((bug.name, str(folder.parent), CHECKS.index(bug.check)))
        (top / "orders").write_text(json.dumps(orders), encoding="utf-8")
        # Neither measured nor remembered: these are not the files of this project.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (HERE, HERE.parent / "docs/examples")))
        self.process = subprocess.Popen(
            [sys.executable, __file__, "orders"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=top,
        )
        self.known: dict[str, str] = {}

    def verdict(self, name: str) -> str:
        """Return a verdict, as soon as it is there."""
        assert self.process.stdout is not None
        while name not in self.known:
            line = self.process.stdout.readline()
            assert line, "the process ended without this verdict"
            self.known.update([json.loads(line)])
        return self.known[name]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    made = Judge(tmp_path_factory.mktemp("planted"))
    with made.process:
        yield made
        made.process.kill()


def ids(value: Any) -> str:
    return getattr(value, "name", getattr(value, "__name__", ""))


@pytest.mark.parametrize("bug", BUGS, ids=ids)
def test_a_planted_bug_is_where_it_should_be(bug: Bug) -> None:
    assert patched(bug) != (core() / bug.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("check", CHECKS, ids=ids)
def test_a_sound_core_passes_the_check(check: Callable[[], None], judge: Judge) -> None:
    if not can(check):
        pytest.skip("interleave-test, which explores schedules, needs Python 3.12")

    assert judge.verdict(check.__name__) == "passed"


@pytest.mark.parametrize("bug", BUGS, ids=ids)
def test_a_planted_bug_is_caught(bug: Bug, judge: Judge) -> None:
    if not can(bug.check):
        pytest.skip("interleave-test, which explores schedules, needs Python 3.12")

    verdict = judge.verdict(bug.name)

    print(verdict)
    assert verdict.startswith("caught"), verdict


# The process that makes the checks.


def verdict_on(folder: str, number: int) -> str:
    """Make a check on the package in a folder; tell whether it passed or caught something."""
    import sojourn  # where this fails, the patch is at fault

    if not str(sojourn.__file__).startswith(folder):
        return f"broken: {sojourn.__file__} is not the copy"
    try:
        CHECKS[number]()
    except BaseException as error:  # noqa: BLE001  # whatever it is, a test would have failed
        return f"caught: {type(error).__name__}: {error}"
    return "passed"


def serve(orders: list[tuple[str, str, int]]) -> None:
    """Fork for every order, a few at a time; each child prints its verdict."""
    waiting = list(reversed(orders))
    running: set[int] = set()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            running.add(_fork(*waiting.pop()))
        running.discard(os.wait()[0])


def _fork(name: str, folder: str, number: int) -> int:
    child = os.fork()
    if child:
        return child
    output = os.dup(1)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    sys.path.insert(0, folder)
    try:
        verdict = verdict_on(folder, number)
    except BaseException:  # noqa: BLE001  # told to whoever waits for it
        verdict = f"broken: {traceback.format_exc()}"
    # In one piece, or verdicts of others would come between.
    os.write(output, (json.dumps((name, verdict[:500])) + "\n").encode())
    os._exit(0)


if __name__ == "__main__":
    for module in PRELOADED:
        import_module(module)
    # Found or not, it is the same in every run; a failure is looked at here and not shrunk.
    settings.register_profile(
        "planted", derandomize=True, database=None, deadline=None, phases=[Phase.generate]
    )
    settings.load_profile("planted")
    logging.disable()
    serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
