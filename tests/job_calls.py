"""Calls made on real jobs, and what can be seen of them, to be held against a `job_model`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from job_doubles import Remote
from job_model import Model, Taken, Turn, World
from sojourn import Entry, JobStatus, Outcome
from sojourn.errors import SojournError
from strategies import FINALS, Sketch

__all__ = ["HOOKS", "SENT", "Call", "Desk", "assert_sound", "hooked", "taken"]

HOOKS = ("submit", "poll", "cancel", "find", "fetch_result")


class Desk:
    """A backend that answers every question in the way that is laid out for it.

    Attributes:
        answers: The answer to each question; an exception is raised.
        stops: What it answers when it is asked to stop a job.
        asked: The questions so far.
        meanwhile: Called once, before it answers the next question.
    """

    def __init__(self) -> None:
        self.stops: bool | None = True
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] | None = None

    def ask(self, question: str, job: Any) -> Any:
        self.asked.append(question)
        answer, meanwhile, self.meanwhile = self.answers.get(question), self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if isinstance(answer, BaseException):
            raise answer
        return answer


def hooked(cls: type[Any], hooks: Iterable[str] = HOOKS) -> type[Any]:
    """Derive a class whose hooks ask a `Desk`."""
    body = {f"_{name}": Remote.__dict__[f"_{name}"] for name in hooks}
    return type(cls)(f"Hooked{cls.__name__}", (cls,), body | {"_photograph": lambda *_: None})


class Call(NamedTuple):
    """One thing that is done to a job.

    Attributes:
        verb: Name of the method of a `Model` that says what must come of it.
        args: Its arguments.
        meanwhile: What is done while the backend is asked the first question, if it is. The answer
            is then both answers.
    """

    verb: str
    args: tuple[Any, ...] = ()
    meanwhile: Call | None = None

    def allowed(self, model: Model, world: World) -> list[Turn]:
        """Return everything that may come of it."""
        turns: list[Turn] = getattr(model, self.verb)(world, *self.args)
        if self.meanwhile is None:
            return [last for turn in turns for last in turn.alone()]
        return [last for turn in turns for last in self._around(model, turn)]

    def _around(self, model: Model, turn: Turn) -> list[Turn]:
        assert self.meanwhile is not None
        if turn.then is None:
            return [turn._replace(answer=(turn.answer, "not asked"))]
        return [
            last._replace(answer=(last.answer, inner.answer))
            for inner in self.meanwhile.allowed(model, turn.world)
            for last in turn._replace(
                world=inner.world, steps=turn.steps + inner.steps, asked=turn.asked + inner.asked
            ).alone()
        ]

    def make(self, job: Any, desk: Desk) -> Any:
        """Do it and return the answer, or the name of what it raised."""
        inner = self.meanwhile
        if inner is None:
            return self._answer(job, desk)
        answers: list[Any] = []
        desk.meanwhile = lambda: answers.append(inner.make(job, desk))
        answer = self._answer(job, desk)
        return answer, *(answers or ["not asked"])

    def _answer(self, job: Any, desk: Desk) -> Any:
        desk.answers["cancel"] = desk.stops
        try:
            answer = getattr(self, f"_{self.verb}")(job, desk, *self.args)
        except SojournError as error:
            return type(error).__name__
        return str(answer) if isinstance(answer, Outcome | JobStatus) else answer

    def _trigger(self, job: Any, desk: Desk, name: str) -> Any:
        return job.trigger(name)

    def _observe(self, job: Any, desk: Desk, raw: Any, attempt: int | None = None) -> Any:
        return job.observe(raw, attempt=attempt)

    def _submit(self, job: Any, desk: Desk, sent: str = "ok") -> Any:
        desk.answers["submit"] = SENT[sent]
        return job.submit()

    def _cancel(self, job: Any, desk: Desk) -> Any:
        return job.cancel()

    def _look(self, job: Any, desk: Desk, told: Any = None) -> Any:
        desk.answers["poll"] = told
        return job.status()

    def _history(self, job: Any, desk: Desk) -> Any:
        return len(job.history)

    def _wait(self, job: Any, desk: Desk) -> Any:
        return job.wait_for_final_state()

    def _reconcile(self, job: Any, desk: Desk, found: str | None = None, sent: str = "ok") -> Any:
        desk.answers |= {"find": found, "submit": SENT[sent]}
        return job.reconcile()


#: What the backend does with a submission.
SENT = {"ok": "native-1", "no": RuntimeError("no"), "lost": TimeoutError("no answer")}


def taken(entries: tuple[Entry, ...]) -> tuple[Taken, ...]:
    return tuple(
        Taken(e.trigger, e.source, e.dest, e.attempt, e.inferred, e.origin) for e in entries
    )


def assert_sound(job: Any, sketch: Sketch) -> None:
    """Check everything that holds of every job at any time."""
    state, attempt = "INITIALIZING", 1
    for number, entry in enumerate(job.history, 1):
        assert entry.number == number
        assert entry.source == state
        assert state not in FINALS
        steps = {
            attempt + step.new_attempt
            for step in sketch.branches(state, entry.trigger)
            if step.dest == entry.dest
        }
        assert entry.attempt in steps
        assert (entry.at is None) == entry.inferred
        assert entry.origin == "observation" or not entry.inferred
        state, attempt = entry.dest, entry.attempt
    assert (job.state.name, job.attempt) == (state, attempt)
    assert job.state.status == sketch.status[state]
    assert set(job.triggers()) == sketch.allowed(state)
    assert job.lifecycle is type(job).lifecycle
    assert (job.error() is None) == (state != "ERROR")
