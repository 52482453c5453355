"""Calls made on real jobs, and what can be seen of them, to be held against a `Model`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple

from sojourn._declaring import JobMeta
from sojourn.errors import SojournError, SubmitUncertainError
from sojourn.history import Entry, Outcome
from sojourn.lifecycle import JobStatus
from sojourn.testing._doubles import ScriptedBackend, ScriptedJob
from sojourn.testing._model import Model, Taken, Turn, World
from sojourn.testing._no_time import no_time_passes
from sojourn.testing._own_code import raised_by_a_callback
from sojourn.testing._sketches import FINALS, Sketch

__all__ = [
    "HOOKS",
    "SENT",
    "Call",
    "Desk",
    "assert_sound",
    "hooked",
    "plain",
    "sent_to",
    "taken",
    "unsound",
]

HOOKS = ("submit", "poll", "cancel", "find", "fetch_result")


class Desk(ScriptedBackend):
    """A backend that answers every question in the way that is laid out for it at the moment.

    Attributes:
        stops: What it answers when it is asked to stop a job.
    """

    def __init__(self) -> None:
        """Lay out nothing."""
        super().__init__()
        self.stops: bool | None = True


def hooked(cls: type[Any], hooks: Iterable[str] = HOOKS) -> type[Any]:
    """Derive a class whose hooks ask a `Desk`."""
    body = {f"_{name}": ScriptedJob.__dict__[f"_{name}"] for name in hooks}
    name, quiet = f"Hooked{cls.__name__}", {"_photograph": lambda *_: None}
    return JobMeta(name, (cls,), body | quiet)


def plain(job: Any, answer: Any) -> Any:
    """Return a status that is another library's as the one of the six that it stands for."""
    if isinstance(answer, JobStatus) or not isinstance(answer, Enum):
        return answer
    found = {state.name: state.status for state in job.lifecycle.states}
    return found.get(answer.name, answer)


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
        trouble: list[Exception] = []

        def meanwhile() -> None:
            # The hook that this happens in must not take an author's error for its own.
            try:
                answers.append(inner.make(job, desk))
            except Exception as error:  # noqa: BLE001  # whatever an author's code raises
                trouble.append(error)

        desk.meanwhile = meanwhile
        answer = self._answer(job, desk)
        if trouble:
            raise trouble[0]
        return answer, *(answers or ["not asked"])

    def _answer(self, job: Any, desk: Desk) -> Any:
        desk.script(cancel=[desk.stops])
        try:
            answer = getattr(self, f"_{self.verb}")(job, desk, *self.args)
        except SojournError as error:
            own = raised_by_a_callback(job, error)
            if own is not None:
                raise own from own.__cause__
            return type(error).__name__
        return str(answer) if isinstance(answer, Outcome | JobStatus) else answer

    def _trigger(self, job: Any, desk: Desk, name: str) -> Any:
        return job.trigger(name)

    def _fire(self, job: Any, desk: Desk, name: str, method: str, payload: bool = False) -> Any:
        fire = getattr(job, method)
        return fire("the payload") if payload else fire()

    def _observe(self, job: Any, desk: Desk, raw: Any, attempt: int | None = None) -> Any:
        return job.observe(raw, attempt=attempt)

    def _submit(self, job: Any, desk: Desk, sent: str = "ok") -> Any:
        desk.script(submit=[_reply(job, sent)])
        return job.submit()

    def _cancel(self, job: Any, desk: Desk) -> Any:
        return job.cancel()

    def _look(self, job: Any, desk: Desk, told: Any = None) -> Any:
        desk.script(poll=[told])
        return plain(job, job.status())

    def _history(self, job: Any, desk: Desk) -> Any:
        return len(job.history)

    def _wait(self, job: Any, desk: Desk) -> Any:
        return job.wait_for_final_state()

    def _wait_once(self, job: Any, desk: Desk, told: Any = None) -> Any:
        desk.script(poll=[told])
        with no_time_passes():
            return job.wait_for_final_state(timeout=0)

    def _wait_for(self, job: Any, desk: Desk, pushed: Any, after: float, timeout: float) -> Any:
        with no_time_passes() as clock:
            clock.after(after, lambda: job.observe(pushed))
            return job.wait_for_final_state(timeout=timeout)

    def _reconcile(self, job: Any, desk: Desk, found: str | None = None, sent: str = "ok") -> Any:
        desk.script(find=[found], submit=[_reply(job, sent)])
        return job.reconcile()


#: What the backend does with a submission.
SENT = {"ok": "native-1", "no": RuntimeError("no"), "lost": TimeoutError("no answer")}


def sent_to(cls: type[Any]) -> tuple[str, ...]:
    """Return what a backend can do with a submission of a class, which may take all for doubtful."""
    doubts = isinstance(SENT["no"], cls.uncertain_errors)
    return tuple(sent for sent in SENT if sent != "no" or not doubts)


def _reply(job: Any, sent: str) -> Any:
    """Return what the backend answers, in a word that the class takes for what it is."""
    if sent == "lost" and not isinstance(SENT[sent], job.uncertain_errors):
        return SubmitUncertainError("no answer")
    return SENT[sent]


def taken(entries: Iterable[Entry]) -> tuple[Taken, ...]:
    """Return what entries say of the steps that they record."""
    return tuple(
        Taken(e.trigger, e.source, e.dest, e.attempt, e.inferred, e.origin) for e in entries
    )


def assert_sound(job: Any, sketch: Sketch) -> None:
    """Raise `AssertionError` unless everything holds that holds of every job at any time."""
    found = unsound(job, sketch)
    if found is not None:
        promise, expected, happened = found
        raise AssertionError(f"{promise}: expected {expected}, got {happened}")


def unsound(job: Any, sketch: Sketch) -> tuple[str, str, str] | None:
    """Return a promise that a job breaks as it stands, what was expected, and what there is."""
    state, attempt = "INITIALIZING", 1
    for number, entry in enumerate(job.history, 1):
        if entry.number != number:
            return "history-is-dense", f"entry number {number}", f"number {entry.number}"
        if state in FINALS:
            return "final-is-final", f"nothing after {state}", f"entry {number}, {entry.trigger}"
        branches = [s for s in sketch.branches(state, entry.trigger) if s.dest == entry.dest]
        if entry.source != state or not branches:
            legal = ", ".join(sorted(sketch.allowed(state)))
            step = f"{entry.trigger}: {entry.source} -> {entry.dest} as entry {number}"
            return "history-is-a-path", f"a step out of {state} ({legal})", step
        if entry.attempt not in {attempt + step.new_attempt for step in branches}:
            told = f"entry {number} in attempt {entry.attempt}"
            return "history-is-honest", f"attempt {attempt} or one more where declared", told
        if (entry.at is None) != entry.inferred or (
            entry.inferred and entry.origin not in ("observation", "recovery")
        ):
            return "history-is-honest", "a time unless a step is inferred", repr(entry)
        state, attempt = entry.dest, entry.attempt
    return _unsound_now(job, sketch, state, attempt)


def _unsound_now(job: Any, sketch: Sketch, state: str, attempt: int) -> tuple[str, str, str] | None:
    stands = (job.state.name, job.state.status.value, job.attempt)
    wanted = (state, sketch.status[state], attempt)
    if stands != wanted:
        return "state-is-last-entry", f"state, status, attempt {wanted}", str(stands)
    if set(job.triggers()) != sketch.allowed(state):
        allowed = ", ".join(sorted(sketch.allowed(state))) or "none"
        return "may-tells", f"triggers() in {state}: {allowed}", ", ".join(job.triggers()) or "none"
    if (job.error() is None) != (state != "ERROR"):
        wanted_error = "an exception" if state == "ERROR" else "None"
        return "payload-is-kept", f"error() in {state}: {wanted_error}", repr(job.error())
    return None
