"""Two threads that call one job, under every schedule that takes the turn from the first one once.

The first thread is stopped before a line, the second runs as far as it can, and then both go on:
before the first line, before the second, and so on to the end. Schedules are tried, not hoped for,
and nothing sleeps. What comes out must be what some order of the two calls gives.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sojourn.job
from sojourn import _clock
from sojourn.lifecycle import JobStatus
from sojourn.testing._calls import HOOKS, Call, taken, unsound
from sojourn.testing._doubles import PATIENCE, WatchedLock
from sojourn.testing._exhaustive import judge, said, told
from sojourn.testing._linearizing import Made, explained
from sojourn.testing._model import World
from sojourn.testing._report import Ledger
from sojourn.testing._stage import Stage
from sojourn.testing._subject import Setup, Subject
from sojourn.testing._watching import interrupt

__all__ = ["overlap", "races"]

CORE: Final = Path(sojourn.job.__file__).parent
#: How long a thread that gives no sign is waited for; it is blocked by something of the author's.
SIGN: Final = 1.0
HANGS: Final = "they wait for each other"


class _Schedule:
    """One schedule: the first call is stopped at a line, where the second call is made.

    Attributes:
        made: Both calls and their answers, as far as they came to an end.
        stopped: The line at which the first was stopped; ``""`` if it ended before.
        failed: What was raised that no call may raise.
    """

    def __init__(self, job: Any, desk: Any, calls: tuple[Call, Call], line: int, files: _Files):
        self.job, self.desk, self.calls, self.line, self.files = job, desk, calls, line, files
        self.made: dict[int, Made] = {}
        self.stopped = ""
        self.failed: Exception | None = None
        self._seen = 0
        self._sign = threading.Event()
        if hasattr(job._sj_lock, "acquire"):
            job._sj_lock = WatchedLock(job._sj_lock, self._sign)
        self._threads = [
            threading.Thread(target=self._run, args=(n,), daemon=True, name=f"sojourn-testing-{n}")
            for n in (0, 1)
        ]

    def play(self) -> None:
        """Play it to its end."""
        with _waits_give_a_sign(self._sign):
            self._threads[0].start()
            self._threads[0].join(PATIENCE)
            if self.stopped:
                self._threads[1].join(PATIENCE)
        for thread in self._threads:
            if thread.is_alive():
                interrupt(thread)

    def _run(self, number: int) -> None:  # pragma: no cover  # its own tracer hides it from others
        if number == 0:
            sys.settrace(self._trace)
        try:
            answer = self.calls[number].make(self.job, self.desk)
            # They overlap: neither ends before the other begins.
            self.made[number] = Made(self.calls[number], number, 2 + number, answer)
        except Exception as error:  # noqa: BLE001  # whatever an author's code raises
            self.failed = error
        finally:
            sys.settrace(None)
            self._sign.set()

    def _trace(self, frame: Any, event: str, _: Any) -> Any:  # pragma: no cover  # is a tracer
        return self._trace_line if frame.f_code.co_filename in self.files else None

    def _trace_line(self, frame: Any, event: str, _: Any) -> Any:  # pragma: no cover  # is a tracer
        if event == "line":
            self._seen += 1
            if self._seen == self.line:
                name = Path(frame.f_code.co_filename).name
                self.stopped = f"{name}:{frame.f_lineno} in {frame.f_code.co_name}"
                self._sign.clear()
                self._threads[1].start()
                self._sign.wait(SIGN)
        return self._trace_line


class _Files:
    """The files at whose lines the turn may be taken: the core's and the author's."""

    def __init__(self, cls: type) -> None:
        self.authors = {
            getattr(sys.modules.get(each.__module__), "__file__", None) for each in cls.__mro__
        }
        # A class that was made by a script or a test knows the file of its own functions.
        self.authors |= {
            value.__code__.co_filename
            for each in cls.__mro__
            for value in vars(each).values()
            if hasattr(value, "__code__")
        }
        self.known: dict[str, bool] = {}

    def __contains__(self, name: object) -> bool:  # pragma: no cover  # a tracer calls it
        if not isinstance(name, str):
            return False
        if name not in self.known:
            path = Path(name)
            core = path.parent == CORE and path.name not in ("_clock.py", "_machine.py")
            generated = name in ("<trigger>", "<transition>")
            self.known[name] = core or generated or (name in self.authors and path.parent != CORE)
        return self.known[name]


@contextmanager
def _waits_give_a_sign(sign: threading.Event) -> Iterator[None]:
    """Let a thread that waits by the clock say so."""
    real = _clock.wait

    def wait(waiter: Any, seconds: float | None) -> bool:
        sign.set()
        return real(waiter, seconds)

    _clock.wait = wait
    try:
        yield
    finally:
        _clock.wait = real


Race = tuple[tuple[Call, ...], Call, Call]


def races(subject: Subject, *, thorough: bool) -> list[Race]:
    """Return ways that lead somewhere, and two calls to be made there at once."""
    stage = Stage(subject, Ledger())
    cls = subject.cls
    state = {each.name: each for each in cls.lifecycle.states}
    submit, cancel = Call("submit", ("ok",)), Call("cancel")
    report = {name: Call("observe", (state[name],)) for name in ("RUNNING", "DONE", "ERROR")}
    fail, stop = Call("trigger", ("fail",)), Call("trigger", ("cancel",))
    found: list[Race] = [
        ((), submit, submit),
        ((), submit, cancel),
        ((submit,), report["DONE"], report["ERROR"]),
        ((submit,), Call("look", (JobStatus.DONE,)), fail),
    ]
    for step in stage.steps_to("DONE")[:1]:
        there = (submit, Call("observe", (state[step.source],)))
        method = subject.triggers.get(step.trigger)
        finish = (
            Call("fire", (step.trigger, *method)) if method else Call("trigger", (step.trigger,))
        )
        found += [(there, finish, stop), (there, stop, finish), (there, finish, finish)]
    if "fail" in subject.triggers:
        by_method = Call("fire", ("fail", *subject.triggers["fail"]))
        found += [((submit,), by_method, stop), ((submit,), by_method, report["DONE"])]
    if thorough:
        found += [(way, second, first) for way, first, second in found if first != second]
        every = [submit, cancel, *report.values(), fail, stop, Call("look", (JobStatus.RUNNING,))]
        found += [((submit,), one, two) for one in every for two in every]
        found += [((), one, two) for one in every for two in every]
    return list(dict.fromkeys(found))


def overlap(subject: Subject, ledger: Ledger, *, thorough: bool = False) -> int:
    """Play every race under every schedule; return how many schedules that were."""
    setup, files = Setup(subject, "threads", HOOKS), _Files(subject.cls)
    played = 0
    for race in races(subject, thorough=thorough):
        line = 1
        while _played(setup, ledger, race, line, files):
            line += 1
        played += line
        if any(found.happened == HANGS for found in ledger.findings.values()):
            break  # each race that hangs takes a minute, and one is enough
    return played


def _played(setup: Setup, ledger: Ledger, race: Race, line: int, files: _Files) -> bool:
    """Play one schedule; tell whether there may be a next one."""
    way, *calls = race
    job, desk = setup.make()
    ledger.jobs += 1
    world = World()
    for number, call in enumerate(way, 1):
        turn = judge(setup, Ledger(), job, desk, world, call, way[:number])
        if turn is None:
            return False  # without threads, too: it is found there
        world = turn.world
    heard: list[Any] = []
    if line % 2:
        job.add_callback(lambda _, entry: heard.append(entry))
    since, asked = len(job.history), len(desk.asked)
    schedule = _Schedule(job, desk, (calls[0], calls[1]), line, files)
    schedule.play()
    ledger.calls += 2
    if not schedule.stopped:
        return False
    path = (
        *map(said, way),
        (
            f"{said(calls[0])} in one thread, stopped at {schedule.stopped}, "
            f"and {said(calls[1])} in another"
        ),
    )
    return _judged(
        setup, ledger, schedule, world, path, job, since, desk.asked[asked:], heard, line
    )


def _judged(
    setup: Setup,
    ledger: Ledger,
    schedule: _Schedule,
    world: World,
    path: tuple[str, ...],
    job: Any,
    since: int,
    asked: list[str],
    heard: list[Any],
    line: int,
) -> bool:
    """Compare what came of a schedule with what may; tell whether it may."""
    if schedule.failed is not None:
        ledger.failed(path, schedule.failed)
        return False
    if len(schedule.made) < 2:
        ledger.broken("calls-are-linearizable", path, "both calls end", HANGS)
        return False
    history = job.history
    steps = taken(history[since:])
    happened = told(tuple(schedule.made[number].answer for number in (0, 1)), steps, asked)
    if asked.count("submit") > 1:
        ledger.broken("one-submission", path, "one submission", happened)
        return False
    wrong = unsound(job, setup.subject.sketch)
    if wrong is not None:
        ledger.broken("calls-are-linearizable", path, wrong[1], f"{wrong[2]}; {happened}")
        return False
    threads = [[schedule.made[0]], [schedule.made[1]]]
    if not explained(setup.model, world, threads, steps):
        wanted = "what one of the two orders gives"
        ledger.broken("calls-are-linearizable", path, wanted, happened)
        return False
    if line % 2 and heard != list(history[since:]):
        numbers = [entry.number for entry in heard]
        promise = "callbacks-in-order" if len(heard) == len(steps) else "callbacks-once"
        ledger.broken(promise, path, f"told of {len(steps)} entries in order", f"told of {numbers}")
        return False
    return True
