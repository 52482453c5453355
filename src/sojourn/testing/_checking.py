"""`check_job_class`: everything that the kit can do, pointed at one class."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal, get_args

from sojourn._handle import logger
from sojourn.errors import SojournError
from sojourn.job import BaseJob
from sojourn.testing import _asking, _awaiting, _in_asyncio, _keeping, _own_hooks, _repeating
from sojourn.testing._calls import HOOKS
from sojourn.testing._exhaustive import commands, exhaust, moves, said
from sojourn.testing._no_time import no_time_passes
from sojourn.testing._overlapping import overlap
from sojourn.testing._own_code import OwnCodeError, raised_by_a_callback
from sojourn.testing._report import LEFT_OUT, BrokenPromiseError, Ledger, Report
from sojourn.testing._stage import CannotPlayError, Stage
from sojourn.testing._subject import Expected, FactoryError, Setup, Subject
from sojourn.testing._watching import HangError, watched

__all__ = ["SCENARIOS", "Tier", "check_job_class", "parts", "play", "prove", "quiet"]

Tier = Literal["quick", "ci"]

SCENARIOS: Final = (
    *_asking.SCENARIOS,
    *_awaiting.SCENARIOS,
    *_in_asyncio.SCENARIOS,
    *_keeping.SCENARIOS,
    *_repeating.SCENARIOS,
)
OWN_SCENARIOS: Final = (*_own_hooks.SCENARIOS, *_repeating.OWN_SCENARIOS)

#: How many calls the quick tier makes with each set of hooks; all of a small class, most of another.
QUICK_CALLS: Final = 1_000
#: The same for the ci tier: all of a class of half a dozen states, and as much of one of forty as fits
#: into twenty seconds together with the rest.
CI_CALLS: Final = 15_000


def check_job_class(
    cls: type[BaseJob[Any]],
    *,
    factory: Callable[[], BaseJob[Any]] | None = None,
    expected: Expected | None = None,
    tier: Tier = "quick",
    progress: Callable[[str], object] | None = None,
) -> Report:
    """Find out whether a job class can break a promise, and the shortest way to it.

    The ``quick`` tier makes every trigger and every report in every state, commands with every
    answer of a backend, plays the scenarios, and stops one thread at every line while another
    calls. It takes less than a second for most classes. The ``ci`` tier goes on, to the last world
    of a class of a dozen states, walks with hypothesis, plays with backends that cannot be trusted,
    and plays more races.

    What should happen is worked out from ``expected`` or from the declared edges, never by the
    code under test. The kit puts hooks of its own in the place of the class's, so that no backend
    is needed, and no real one is asked; where a factory gives a `ScriptedBackend`, the class's own
    hooks run, too. All this happens in a thread of the kit's, with the context variables of the
    caller; a call that does not return within ten seconds is given up, and ends the report.

    Args:
        cls: The class.
        factory: Makes a new job with every call; without it, ``cls(ScriptedBackend(), "job-1")``.
        expected: ``{(state, trigger): dest}``, by hand; a sequence of destinations for branches.
        tier: ``"quick"`` or ``"ci"``.
        progress: Told what is being done, in the thread of the caller.

    Returns:
        A report: ``.ok``, ``.findings``, ``.errors``, and as a text for people.

    Raises:
        TypeError: ``cls`` is not a job class, ``factory`` cannot be called, ``expected`` is no table.
        ValueError: ``expected`` names states that the class does not have, or lacks what every class
            has (``submit``, ``fail`` and ``cancel``); no such tier.
        FactoryError: The factory fails, does not return, or does not make new jobs.

    Example:
        >>> from sojourn import BaseJob
        >>> from sojourn.testing import check_job_class
        >>> class Hasty(BaseJob):
        ...     def cancel(self):
        ...         return self.trigger("cancel")  # before the backend has confirmed it
        >>> report = check_job_class(Hasty)
        >>> report.ok
        False
        >>> report.findings[0].promise
        'cancel-asks'
    """
    if tier not in get_args(Tier):
        raise ValueError(f"tier is 'quick' or 'ci', not {tier!r:.80}")
    began = time.perf_counter()
    ledger = prove(lambda: Subject(cls, factory, expected), tier, progress)
    return Report(
        cls.__name__,
        tier,
        tuple(ledger.findings.values()),
        tuple(ledger.errors.values()),
        tuple(ledger.notes),
        ledger.calls,
        ledger.jobs,
        ledger.worlds,
        ledger.skipped,
        len(ledger.states),
        time.perf_counter() - began,
    )


def prove(
    choose: Callable[[], Subject], tier: Tier, progress: Callable[[str], object] | None = None
) -> Ledger:
    """Do everything that a tier does, and return what was found.

    Args:
        choose: Looks at the class, and makes the first jobs of it.
        tier: ``"quick"`` or ``"ci"``.
        progress: Told what is being done.

    Raises:
        FactoryError: No job can be made, or the call for it does not return.
    """
    ledger, subjects = Ledger(), list[Subject]()

    def work(tell: Callable[[str], object]) -> None:
        with quiet():
            subjects.append(choose())
            for name, part in parts(subjects[0], tier):
                tell(name)
                part(ledger)

    try:
        watched(work, progress or (lambda _: None))
    except HangError as error:
        if not subjects:
            raise FactoryError(
                f"no job can be made: {error}, at {error.stack[-1]}; "
                "give a factory that makes a new job with every call, at once"
            ) from error
        ledger.hangs(tuple(map(said, ledger.doing)), error, error.stack)
    return ledger


Part = tuple[str, Callable[[Ledger], object]]


def parts(subject: Subject, tier: Tier) -> Iterator[Part]:
    """Yield what is done, in the order in which it finds the shortest ways."""
    for name, part in _parts(subject, tier):
        yield name, partial(_unless_stuck, part)


def _unless_stuck(part: Callable[[Ledger], object], ledger: Ledger) -> None:
    if ledger.stuck:
        ledger.note(LEFT_OUT)
    else:
        part(ledger)


def _parts(subject: Subject, tier: Tier) -> Iterator[Part]:
    limit = QUICK_CALLS if tier == "quick" else CI_CALLS
    pushed = Setup(subject, "without hooks", ())
    yield "every move", lambda ledger: exhaust(pushed, moves(pushed), ledger, 10 * limit)
    own = OWN_SCENARIOS if subject.scripted and subject.own_hooks else ()
    for promise, scenario in (*SCENARIOS, *own):
        yield (
            scenario.__name__.replace("_", " "),
            lambda ledger, p=promise, s=scenario: play(subject, ledger, p, s),  # type: ignore[misc]
        )
    yield from _exhaustions(subject, limit)
    if tier == "ci":
        # Loaded here, because the quick tier needs no hypothesis.
        from sojourn.testing import _lying, _walking  # noqa: PLC0415

        yield "walks", lambda ledger: _walking.walk(subject, ledger)
        yield "backends that cannot be trusted", lambda ledger: _lying.lie(subject, ledger)
    yield "two threads", lambda ledger: overlap(subject, ledger, thorough=tier == "ci")


def _exhaustions(subject: Subject, limit: int) -> Iterator[Part]:
    stopping = Setup(subject, "with a backend that stops jobs", HOOKS, stops=True)
    asked = Setup(subject, "with a backend that is asked to stop jobs", HOOKS, stops=None)
    refusing = Setup(subject, "with a backend that refuses to stop jobs", HOOKS, stops=False)
    each = [(stopping, limit), (asked, limit // 3), (refusing, limit // 3)]
    if subject.own_hooks and not subject.scripted:
        yield "its own hooks", partial(_note_own_hooks, subject)
    elif subject.own_hooks:
        own = Setup(subject, "with hooks of its own", subject.own_hooks, own=True)
        waiting = Setup(
            subject, "the same, asked to stop jobs", subject.own_hooks, stops=None, own=True
        )
        each += [(own, limit), (waiting, limit // 3)]
    for setup, most in each:
        yield (
            setup.name,
            lambda ledger, s=setup, n=most: exhaust(s, [*commands(s), *moves(s)], ledger, n),  # type: ignore[misc]
        )


def _note_own_hooks(subject: Subject, ledger: Ledger) -> None:
    names = ", ".join(f"{name}()" for name in sorted(f"_{each}" for each in subject.own_hooks))
    ledger.note(
        f"its own {names} did not run; a factory whose backend is a ScriptedBackend has them proven"
    )


def play(subject: Subject, ledger: Ledger, promise: str, scenario: Callable[[Stage], None]) -> None:
    """Play a scenario, and note what it finds."""
    stage = Stage(subject, ledger)
    try:
        with no_time_passes():  # a wait that has no end is found, and not waited for
            scenario(stage)
    except BrokenPromiseError as broken:
        ledger.broken(broken.promise, tuple(stage.path), broken.expected, broken.happened)
    except CannotPlayError as reason:
        ledger.note(f"{scenario.__name__}: {reason}")
    except OwnCodeError as own:
        ledger.failed(tuple(stage.path), own.error)
    except SojournError as error:
        own_error = raised_by_a_callback(stage.job, error)
        if own_error is not None:
            ledger.failed(tuple(stage.path), own_error)
            return
        # Nothing on the way of a scenario is anything but legal.
        happened = f"raised {type(error).__name__}: {error}"
        ledger.broken(promise, tuple(stage.path), "it is possible", happened)
    except Exception as error:  # noqa: BLE001  # whatever an author's code raises
        ledger.failed(tuple(stage.path), error)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the log of thousands of contradictions small."""
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
