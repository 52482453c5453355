"""A backend that cannot be trusted: another one, and what may go wrong on the way to it and back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from sojourn import _clock
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus
from sojourn.testing._doubles import QUESTIONS
from sojourn.testing._manual_clock import ManualClock

__all__ = ["FITTING", "Fault", "FaultyBackend"]


class Fault(StrEnum):
    """What goes wrong with one question."""

    DOWN = "down"
    """It does not arrive: a ``ConnectionError``."""
    LOST = "lost"
    """It arrives and is carried out, and its answer is lost: a ``TimeoutError``."""
    LATE = "late"
    """Its answer tells how things were when it was asked, and comes after a while."""
    REPEATED = "repeated"
    """It does not arrive, and the answer before comes once more."""
    REORDERED = "reordered"
    """There is no news, and its answer comes after the next one."""
    CONTRADICTORY = "contradictory"
    """Its answer says something else than what is so."""
    UNKNOWN = "unknown"
    """Its answer is a word that nobody knows."""
    DENIED = "denied"
    """The submission is taken, and its answer says that it was not."""
    OVERTAKEN = "overtaken"
    """The cancel loses the race: the job is reported to be over before its answer comes."""


_ANY: Final = frozenset({Fault.DOWN, Fault.LOST, Fault.LATE})
#: Which faults each question may have; with any other it is answered as if nothing were wrong.
FITTING: Final = {
    "submit": _ANY | {Fault.DENIED},
    "poll": _ANY | {Fault.REPEATED, Fault.REORDERED, Fault.CONTRADICTORY, Fault.UNKNOWN},
    "cancel": _ANY | {Fault.CONTRADICTORY, Fault.UNKNOWN, Fault.OVERTAKEN},
    "fetch_result": _ANY,
    "find": _ANY,
}

Faults = Iterable[Fault | str | None]


class FaultyBackend:
    """Any backend, and faults on the way to it and back.

    The questions that jobs ask are methods of the backend, named as in `ScriptedBackend` unless
    ``questions`` says otherwise; everything else is passed on. The faults are a list, one for each
    question in the order in which they are asked, ``None`` for none; a mapping gives each question
    a list of its own. When they are used up, all is well. The strategy `faults` draws such mappings.
    Nothing sleeps: time passes by a `ManualClock`, if there is one.

    Args:
        backend: The backend that is asked behind all this.
        faults: What goes wrong.
        questions: Which of its methods asks what: ``{"enqueue": "submit", "where": "poll"}``.
        clock: Moves on while an answer is late, so that what is planned happens meanwhile.
        delay: Seconds by which an answer is late.
        lies: What contradictory polls say, by turns; never what the backend says itself.
        unknown: A word that nobody knows.

    Attributes:
        asked: The questions so far, in order.
        reached: Those that reached the backend.
        answers: What was answered, or raised, with its question.
        played: The faults so far, with their questions.

    Example:
        >>> from sojourn.testing import FaultyBackend, ScriptedBackend, ScriptedJob
        >>> backend = FaultyBackend(ScriptedBackend(find=["native-1"]), ["lost", None, "late"])
        >>> job = ScriptedJob(backend, "j-1")
        >>> job.submit()
        Traceback (most recent call last):
          ...
        sojourn.errors.SubmitUncertainError: job 'j-1' may or may not have been taken by the backend: ...
        >>> str(job.reconcile()), job.native_id
        ('ADVANCED', 'native-1')
        >>> backend.reached
        ['submit', 'find']
    """

    def __init__(
        self,
        backend: Any,
        faults: Faults | Mapping[str, Faults] = (),
        *,
        questions: Mapping[str, str] | None = None,
        clock: ManualClock | None = None,
        delay: float = 60.0,
        lies: Sequence[Any] = tuple(JobStatus),
        unknown: Any = "no such word",
    ) -> None:
        """Stand before a backend.

        Raises:
            TypeError: There is no such question.
            ValueError: There is no such fault, or too few lies to tell one from the truth.
        """
        self._questions = dict(questions or {each: each for each in QUESTIONS})
        for question in (*self._questions.values(), *(faults if _each(faults) else ())):
            if question not in QUESTIONS:
                raise TypeError(
                    f"a backend is not asked {question!r}; the questions are {', '.join(QUESTIONS)}"
                )
        if len(set(map(repr, lies))) < 2:
            raise ValueError(f"lies must be two or more, or one may be the truth, not {lies!r:.80}")
        self._backend = backend
        self._plan = _plan(faults)
        self._clock = clock
        self._delay = delay
        self._lies = list(lies)
        self._unknown = unknown
        self._held: list[Any] = []
        self._behind: list[Any] = []
        self.asked: list[str] = []
        self.reached: list[str] = []
        self.answers: list[tuple[str, Any]] = []
        self.played: list[tuple[str, Fault]] = []

    def __getattr__(self, name: str) -> Any:
        """Return a method of the backend, with faults if it asks a question."""
        if name.startswith("_"):
            raise AttributeError(name)
        question = self._questions.get(name)
        if question is None:
            return getattr(self._backend, name)
        method = getattr(self._backend, name)
        return lambda *args, **kwargs: self._ask(question, lambda: method(*args, **kwargs), args)

    def ask(self, question: str, job: Any = None) -> Any:
        """Ask a `ScriptedBackend` behind all this a question by its name."""
        return self._ask(question, lambda: self._backend.ask(question, job), (job,))

    def heal(self) -> None:
        """Let nothing more go wrong."""
        self._plan = _plan(())

    def _ask(self, question: str, ask: Callable[[], Any], args: tuple[Any, ...]) -> Any:
        self.asked.append(question)
        fault = next(self._plan[question], None)

        def reach() -> Any:
            self.reached.append(question)
            return ask()

        try:
            answer = self._answer(question, fault, reach, args)
        except BaseException as error:
            self.answers.append((question, error))
            raise
        self.answers.append((question, answer))
        return answer

    def _answer(
        self, question: str, fault: Fault | None, reach: Callable[[], Any], args: tuple[Any, ...]
    ) -> Any:
        if fault is None or fault not in FITTING[question]:
            return self._news(reach) if question == "poll" else reach()
        self.played.append((question, fault))
        if fault is Fault.DOWN:
            raise ConnectionError("the line is down")
        if fault is Fault.REPEATED:
            before = [answer for asked, answer in self.answers if asked == question]
            return _given(before[-1]) if before else None
        answer = reach()
        match fault:
            case Fault.LOST:
                raise TimeoutError("the answer was lost")
            case Fault.LATE:
                self._let_pass()
            case Fault.REORDERED:
                self._held.append(answer)
                return None
            case Fault.DENIED:
                raise RuntimeError("the backend says no")
            case Fault.UNKNOWN:
                return self._unknown
            case Fault.CONTRADICTORY:
                return self._lie(answer) if question == "poll" else answer is not True
            case _:
                self._overtake(args)
        return answer

    def _news(self, reach: Callable[[], Any]) -> Any:
        """Answer a poll; an answer that was held back comes after the next one."""
        if self._behind:
            return self._behind.pop(0)
        answer = reach()
        self._behind, self._held = self._held, []
        return answer

    def _lie(self, truth: Any) -> Any:
        """Return the next lie; the truth would be none."""
        self._lies.append(self._lies.pop(0))
        return next(lie for lie in self._lies if lie != truth)

    def _let_pass(self) -> None:
        if self._clock is not None:
            with (waiter := threading.Lock()):
                _clock.wait(waiter, self._delay)

    def _overtake(self, args: tuple[Any, ...]) -> None:
        for job in args:
            if isinstance(job, BaseJob):
                job.observe(job.lifecycle.state("DONE"))


def _each(faults: Faults | Mapping[str, Faults]) -> bool:
    return isinstance(faults, Mapping)


def _plan(faults: Faults | Mapping[str, Faults]) -> dict[str, Iterator[Fault | None]]:
    """Return where each question finds its next fault; all in one place, unless each has its own."""
    if isinstance(faults, Mapping):
        return {each: _checked(faults.get(each, ())) for each in QUESTIONS}
    return dict.fromkeys(QUESTIONS, _checked(faults))


def _checked(faults: Faults) -> Iterator[Fault | None]:
    known = ", ".join(Fault)
    if isinstance(faults, str):
        raise ValueError(f"faults are a list, not {faults!r}; write [{faults!r}]")  # noqa: TRY004
    found = list(faults)
    for fault in found:
        if fault is not None and fault not in list(Fault):
            raise ValueError(f"a backend has no fault {fault!r:.80}; the faults are {known}")
    return iter([None if fault is None else Fault(fault) for fault in found])


def _given(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer
