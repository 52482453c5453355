"""Jobs and a backend that cannot be trusted: hypothesis draws what goes wrong, and when.

Behind the faults is an honest backend, which knows what is so. Whatever is told of it, a job has a
legal history, is handed over once, and ends where it is said to have ended first; and once all is
well again it comes to the truth, unless it was lied to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from sojourn.errors import BackendError, SojournError
from sojourn.lifecycle import JobStatus
from sojourn.testing._calls import HOOKS, unsound
from sojourn.testing._doubles import QUESTIONS
from sojourn.testing._faulty import Fault, FaultyBackend
from sojourn.testing._generation import faults
from sojourn.testing._no_time import no_time_passes
from sojourn.testing._own_code import raised_by_a_callback
from sojourn.testing._report import Finding, FoundError, Ledger
from sojourn.testing._subject import Setup, Subject
from sojourn.testing._walking import quickly

__all__ = ["Remote", "lie"]

#: Faults that make an answer false; all others only keep the truth away for a while.
LIES: Final = {Fault.CONTRADICTORY, Fault.DENIED, Fault.OVERTAKEN}

#: What is done; a status more often, because nothing goes wrong unless somebody asks.
DEEDS: Final = (
    *("status", "status", "status"),
    *("it goes on", "it reports", "reconcile", "wait", "cancel", "submit"),
)
PLANS: Final = ("it goes on", "it reports", "cancel")


class Remote:
    """An honest backend far away: it takes a job, runs it, and stops it when asked.

    Attributes:
        place: Where the job is; ``None`` if it was never taken.
        taken: How often it was taken.
    """

    def __init__(self, end: str) -> None:
        """Take nothing yet.

        Args:
            end: Where the job will end.
        """
        self.place: JobStatus | None = None
        self.end = JobStatus(end)
        self.taken = 0

    def go_on(self) -> None:
        """Let the job go on by one step."""
        if self.place is JobStatus.QUEUED:
            self.place = JobStatus.RUNNING
        elif self.place is JobStatus.RUNNING:
            self.place = self.end

    def ask(self, question: str, job: Any) -> Any:
        """Answer truthfully."""
        live = self.place is not None and not self.place.is_final
        match question:
            case "submit":
                self.taken += 1
                self.place = JobStatus.QUEUED
                return "native-1"
            case "poll":
                return self.place
            case "cancel":
                self.place = JobStatus.CANCELLED if live else self.place
                return live
            case "find":
                return "native-1" if self.taken else None
            case _:
                return "the result"


class _Play:
    """One job, what is done to it, and what must hold after each deed."""

    def __init__(self, setup: Setup, wrong: Mapping[str, list[Fault | None]], end: str) -> None:
        self.remote = Remote(end)
        self.wrong = wrong
        self.setup = setup
        self.path: list[str] = []
        self.over: str | None = None
        self.trouble: Exception | None = None

    def run(self, deeds: list[str], plans: list[tuple[float, str]]) -> None:
        with no_time_passes() as clock:
            self.backend = FaultyBackend(self.remote, self.wrong, clock=clock)
            self.job, desk = self.setup.make(None if self.setup.own else self.backend)
            if self.setup.own:
                _have_asked(desk, self.backend)
            for seconds, deed in plans:
                clock.after(seconds, lambda deed=deed: self._meanwhile(deed))  # type: ignore[misc]
            for deed in ["submit", *deeds]:
                self._check(deed)
            self._check_the_end()

    def _check(self, deed: str) -> None:
        before, seen = self.job.history, len(self.backend.played)
        self.path.append(f"{deed}()" if hasattr(self.job, deed) else deed)
        planned = len(self.path)
        raised = self._quietly(deed)
        if self.trouble is not None:
            raise self.trouble
        went_wrong = [f"{question} {fault}" for question, fault in self.backend.played[seen:]]
        self.path[planned - 1] += f" ({', '.join(went_wrong)})" if went_wrong else ""
        wrong = unsound(self.job, self.setup.subject.sketch)
        if wrong is not None:
            self._fail(*wrong)
        if self.remote.taken > 1:
            self._fail("one-submission", "one submission", f"{self.remote.taken} submissions")
        state = self.job.state.name
        if self.over not in (None, state):
            self._fail("final-is-final", f"{self.over} for ever", state)
        if isinstance(raised, BackendError) and deed == "status" and len(self.path) == planned:
            same = self.job.history == before
            self._fail_unless(same, "backend-error-changes-nothing", "it is as it was", state)
        self.over = state if self.job.state.is_final else None
        self._check_cancelled(state)

    def _check_cancelled(self, state: str) -> None:
        """CANCELLED is what the backend says, or what was never handed over."""
        if state == "CANCELLED" and self.job.history[-1].origin == "command":
            said = ("cancel", True) in self.backend.answers or self.remote.taken == 0
            self._fail_unless(said, "cancel-asks", "the backend has said so", "CANCELLED")

    def _check_the_end(self) -> None:
        """Whatever was kept away is heard of in the end, by a job that nobody has lied to."""
        if self.over or LIES & {fault for _, fault in self.backend.played}:
            return
        if not self._simple():
            return
        self.backend.heal()
        for deed in ("reconcile", *["it goes on", "status"] * 4):
            self._check(deed)
        here, truth = self.job.state.name, self.remote.place
        # One that was cancelled before the backend had it never gets there.
        heard = here == truth or (here == "CANCELLED" and truth is None)
        self._fail_unless(heard, "status-polls", f"{truth}, which is the truth", here)

    def _simple(self) -> bool:
        """Whether the class can be in every place that a backend reports."""
        sketch = self.setup.subject.sketch
        places = ("QUEUED", "RUNNING", self.remote.end.value)
        starts = [step.dest for step in sketch.steps if step.trigger == "submit"]
        legs = [(start, "QUEUED") for start in starts] + [*pairwise(places)]
        goals = {status: {n for n, s in sketch.status.items() if s == status} for status in places}
        return all(sketch.way(here, goals[there]) is not None for here, there in legs)

    def _meanwhile(self, deed: str) -> None:
        """Do it while a hook asks, which must not take an author's error for its own."""
        try:
            self._quietly(deed)
        except Exception as error:  # noqa: BLE001  # whatever an author's code raises
            self.trouble = error

    def _quietly(self, deed: str) -> Exception | None:
        """Do it; what a job may raise because of its backend is not wrong."""
        try:
            self._do(deed)
        except SojournError as error:
            own = raised_by_a_callback(self.job, error)
            if own is not None:
                raise own from own.__cause__
            return error
        except TypeError as error:  # as a _cancel() that answers a word that nobody knows is told
            if (*self.backend.answers[-1:],) == (("cancel", "no such word"),):
                return error
            raise
        return None

    def _do(self, deed: str) -> None:
        match deed:
            case "it goes on":
                self.remote.go_on()
            case "it reports":
                if self.remote.place is not None:
                    self.path.append(f"it is reported {self.remote.place}")
                    self.job.observe(self.remote.place)
            case "wait":
                self.job.wait_for_final_state(timeout=3)
            case _:
                getattr(self.job, deed)()

    def _fail_unless(self, holds: object, promise: str, expected: str, happened: str) -> None:
        if not holds:
            self._fail(promise, expected, happened)

    def _fail(self, promise: str, expected: str, happened: str) -> None:
        raise FoundError(Finding(promise, tuple(self.path), expected, happened))


def _unless_a_lie(fault: Fault | None) -> Fault | None:
    return None if fault in LIES else fault


def _have_asked(desk: Any, backend: FaultyBackend) -> None:
    """Let a script that a class's own hooks ask give the answers of a backend."""

    def answer(question: str) -> Callable[[Any], Any]:
        return lambda job: backend.ask(question, job)

    desk.script(**{question: [answer(question)] for question in QUESTIONS})


def lie(subject: Subject, ledger: Ledger, *, plays: int = 500) -> None:
    """Play with jobs of a class and a backend that cannot be trusted, and note what is found."""
    name = "with a backend that cannot be trusted"
    _play(Setup(subject, name, HOOKS), ledger, plays)
    # Whoever cannot hear or look for a job is not to be blamed for what it does not know.
    if subject.scripted and {"submit", "poll", "find"} <= subject.own_hooks:
        _play(
            Setup(subject, f"{name}, and hooks of its own", subject.own_hooks, own=True),
            ledger,
            plays // 2,
        )


def _play(setup: Setup, ledger: Ledger, plays: int) -> None:
    @quickly(plays)
    @given(
        faults(),
        st.lists(st.sampled_from(DEEDS), min_size=3, max_size=12),
        st.lists(st.tuples(st.sampled_from([1.0, 59.0, 61.0]), st.sampled_from(PLANS)), max_size=4),
        st.sampled_from(["DONE", "ERROR"]),
        st.booleans(),
    )
    def play(
        wrong: dict[str, list[Fault | None]],
        deeds: list[str],
        plans: list[tuple[float, str]],
        end: str,
        truthful: bool,
    ) -> None:
        if truthful:  # who was never lied to has to come to the truth
            wrong = {asked: [_unless_a_lie(f) for f in each] for asked, each in wrong.items()}
        ledger.jobs += 1
        ledger.calls += 1 + len(deeds)
        playing = _Play(setup, wrong, end)
        ledger.doing = playing.path
        playing.run(deeds, plans)

    try:
        play()
    except FoundError as found:
        ledger.found(found.finding)
    except Exception as error:  # noqa: BLE001  # whatever an author's code raises
        ledger.failed(("a backend that cannot be trusted",), error)
