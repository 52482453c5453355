"""Where a scenario is played: a job in a state, what was done to it, and what must come of that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sojourn.testing._calls import HOOKS, plain
from sojourn.testing._own_code import OwnCodeError, raised_by_a_callback
from sojourn.testing._report import BrokenPromiseError, Ledger
from sojourn.testing._sketches import FINALS, ORDER, Step
from sojourn.testing._subject import Setup, Subject

__all__ = ["CannotPlayError", "Stage", "raised"]


class CannotPlayError(Exception):
    """The class has not what a scenario needs, and so cannot break its promise."""


class Stage:
    """One playing of one scenario.

    Attributes:
        subject: The class.
        job: The job that was made last.
        desk: The backend that its hooks ask.
        path: What was done so far.
    """

    def __init__(self, subject: Subject, ledger: Ledger) -> None:
        """Start with an empty stage."""
        self.subject = subject
        self.ledger = ledger
        self.job: Any = None
        self.desk: Any = None
        self.path: list[str] = []

    def new(self, hooks: Collection[str] = HOOKS, *, own: bool = False, **script: Any) -> Any:
        """Return a new job whose hooks ask a scripted backend.

        Args:
            hooks: Those of the kit's that it gets.
            own: Whether it keeps its own hooks instead.
            script: What the backend answers.
        """
        hooks = self.subject.own_hooks if own else hooks
        setup = Setup(self.subject, "a scenario", hooks, own=own)
        self.job, self.desk = setup.make()
        self.desk.script(**script)
        self.ledger.jobs += 1
        self.path = []
        return self.job

    def at(
        self, state: str, hooks: Collection[str] = HOOKS, *, own: bool = False, **script: Any
    ) -> Any:
        """Return a new job that was submitted and reported in a state."""
        job = self.new(hooks, own=own, **script)
        self.do("submit()", job.submit)
        if job.state.name != state:
            place = job.lifecycle.state(state)
            self.do(f"observe({state})", lambda: job.observe(place))
        if job.state.name != state:
            raise CannotPlayError(f"a job that is {job.state.name} cannot be reported {state}")
        self.desk.asked.clear()
        self.ledger.states.add(state)
        return job

    def do(self, text: str, call: Callable[[], Any]) -> Any:
        """Do something, and remember it; what it raises propagates."""
        self.path.append(text)
        self.ledger.doing = self.path
        self.ledger.calls += 1
        return plain(self.job, call())

    def outcome(self, text: str, call: Callable[[], Any]) -> Any:
        """Do something, and return what it returned or the exception that it raised."""
        try:
            return self.do(text, call)
        except Exception as error:  # noqa: BLE001  # the scenario says what may be raised
            self.not_by_a_callback(error)
            return error

    def not_by_a_callback(self, happened: object) -> None:
        """End the scenario with an error if a callback of the class raised."""
        own = raised_by_a_callback(self.job, happened)
        if own is not None:
            raise OwnCodeError(own)

    def expect(self, promise: str, holds: object, expected: str, happened: object) -> None:
        """End the scenario with a finding unless something holds."""
        if not holds:
            self.not_by_a_callback(happened)
            raise BrokenPromiseError(promise, expected, _shown(happened))

    def expect_unchanged(self, promise: str, before: tuple[Any, ...]) -> None:
        """End the scenario with a finding if the job has moved."""
        now = self.job.history
        self.expect(
            promise,
            now == before,
            "the job is as it was",
            f"{self.job.state.name}, {now[len(before) :]}",
        )

    # What the class has.

    @property
    def live(self) -> list[str]:
        """The base states in which a job that was submitted is alive."""
        return [name for name in ("QUEUED", "RUNNING") if self.reachable(name)]

    def reachable(self, state: str) -> bool:
        """Whether a job that was just submitted may be reported in a state."""
        landed = {s.dest for s in self.subject.sketch.steps if s.trigger == "submit"}
        return any(self.subject.sketch.way(each, {state}) is not None for each in landed)

    def steps_to(self, dest: str) -> list[Step]:
        """Return the steps into a state that no condition guards and that take its payload."""
        return [
            step
            for step in self.subject.sketch.steps
            if step.dest == dest
            and not step.guarded
            and step.trigger not in ("submit", "cancel")
            and step.source in self.subject.sketch.live
            and ORDER[self.subject.sketch.status[step.source]] > 0
        ]

    @property
    def finals(self) -> tuple[str, ...]:
        """The final states."""
        return FINALS


def raised(outcome: object, kind: type[BaseException]) -> bool:
    """Whether what came of a call is an exception of a kind."""
    return isinstance(outcome, kind)


def _shown(happened: object) -> str:
    if isinstance(happened, str):
        return happened
    if isinstance(happened, BaseException):
        return f"raised {type(happened).__name__}: {happened}"
    return f"{happened!r:.300}"
