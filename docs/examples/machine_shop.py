"""A machine shop: a job class with states of its own, and a controller that cannot be trusted.

The `Controller` that `MachineShopJob` talks to is simulated, part by part and step by step, and
answers as badly as a script tells it: answers are lost, late, repeated or wrong. The same script
(or the same seed) always gives the same answers. Run this file to see a part go through the shop:

    python docs/examples/machine_shop.py
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, repeat
from typing import Any, NamedTuple

from sojourn import BaseJob, JobStatus, Observation, Outcome, State, Transition

__all__ = ["Controller", "MachineShop", "MachineShopJob", "Mood", "Program", "Report", "Telegram"]


class Mood(Enum):
    """How the controller gives one answer."""

    HONEST = "the truth"
    LOST = "no answer"
    LATE = "what was true one step ago"
    TWICE = "the truth, and then once more"
    WRONG = "the other verdict, or that the part is still waiting"


class Program(NamedTuple):
    """What to mill, and how exactly; both lengths in millimetres."""

    name: str
    cuts: int = 1
    tolerance: float = 0.05
    deviation: float = 0.01  # how far off the mill will be


class Report(NamedTuple):
    """What the measuring table found out about a part; the deviation is in millimetres."""

    program: str
    deviation: float
    attempt: int


class Telegram(NamedTuple):
    """What the controller says about a part."""

    word: str
    attempt: int
    reason: str | None = None


@dataclass
class _Part:
    order: str
    program: Program
    attempt: int = 1
    cuts: int = 0  # made in this attempt
    stop: bool = False  # asked for; looked at between two cuts
    #: What was true about it so far, step by step; the last one is true now.
    story: list[Telegram] = field(default_factory=lambda: [Telegram("waiting", 1)])

    def say(self, word: str, reason: str | None = None) -> None:
        self.story.append(Telegram(word, self.attempt, reason))

    def step(self) -> None:
        match self.story[-1].word:
            case "waiting":
                self.say("mounting")
            case "mounting":
                self.say("milling")
            case "milling":
                self.cuts += 1
                if self.cuts >= self.program.cuts:
                    self.say("probing")
                else:
                    self.say("stopped" if self.stop else "milling")
            case "probing":
                self._judge()
            case _:
                pass  # it is over

    def _judge(self) -> None:
        off, allowed = self.program.deviation, self.program.tolerance
        if off <= allowed:
            self.say("ok")
        else:
            self.say("scrap", f"{off:g} mm off, {allowed:g} mm allowed")


#: Who is told about a part, telegram by telegram.
Listener = Callable[[Telegram], object]


class Controller:
    """A simulated controller: one table, one mill, and moods.

    Time passes when `tick` is called, and by one step with every question that `where` answers.
    Each answer takes the next mood of the script; once the script is over, it is honest.

    Args:
        moods: The script.
    """

    def __init__(self, moods: Iterable[Mood] = ()) -> None:
        self._moods: Iterator[Mood] = chain(moods, repeat(Mood.HONEST))
        self._parts: dict[str, _Part] = {}
        self._listeners: list[tuple[str, Listener]] = []
        self._lock = threading.Lock()

    @classmethod
    def moody(cls, seed: int, answers: int = 20) -> Controller:
        """Make a controller whose first answers are given in moods drawn from a seed."""
        dice = random.Random(seed)  # noqa: S311  # moods are no secret
        return cls(dice.choices(list(Mood), k=answers))

    def enqueue(self, program: Program, order: str) -> str:
        """Take a part in and return its number.

        Raises:
            ValueError: There is no tolerance that a mill could hold; the part was not taken.
            TimeoutError: The answer was lost; the part was taken.
        """
        if program.tolerance <= 0:
            raise ValueError(f"program {program.name!r} allows no tolerance")
        with self._lock:
            number = f"part-{len(self._parts) + 1}"
            self._parts[number] = _Part(order, program)
            if next(self._moods) is Mood.LOST:
                raise TimeoutError("the controller did not answer")
            return number

    def find(self, order: str) -> str | None:
        """Return the number of the part of an order, `None` if there is none."""
        with self._lock:
            return next((n for n, part in self._parts.items() if part.order == order), None)

    def where(self, number: str) -> Telegram | None:
        """Say where a part is, as well as the mood allows, and let one step of time pass."""
        with self._lock:
            answers = self._answers(self._parts[number])
        self.tick()
        return answers[-1] if answers else None

    def stop(self, number: str) -> bool | None:
        """Stop a part.

        Returns:
            `True` for a part that was not on the mill yet, `None` for one that will be stopped
            before its next cut, if there is one, and `False` where it is too late.
        """
        with self._lock:
            part = self._parts[number]
            match part.story[-1].word:
                case "waiting" | "mounting":
                    part.say("stopped")
                    return True
                case "milling":
                    part.stop = True
                    return None
                case _:
                    return False

    def report(self, number: str) -> Report:
        """Return what was measured."""
        with self._lock:
            part = self._parts[number]
            return Report(part.program.name, part.program.deviation, part.attempt)

    def break_tool(self, number: str) -> None:
        """Break the tool that mills a part: it waits for another attempt."""
        with self._lock:
            part = self._parts[number]
            if part.story[-1].word == "milling":
                part.attempt, part.cuts = part.attempt + 1, 0
                part.say("waiting", "the tool broke")

    def listen(self, order: str, listener: Listener) -> None:
        """Send a telegram about an order with every tick, as well as the mood allows."""
        with self._lock:
            self._listeners.append((order, listener))

    def tick(self) -> None:
        """Let one step of time pass."""
        with self._lock:
            for part in self._parts.values():
                part.step()
            mail = [
                (listener, self._answers(part))
                for part in self._parts.values()
                for order, listener in self._listeners
                if order == part.order
            ]
        for listener, telegrams in mail:
            for telegram in telegrams:
                listener(telegram)

    def orders(self) -> list[str]:
        """Return the orders that were taken, in their order."""
        with self._lock:
            return [part.order for part in self._parts.values()]

    def _answers(self, part: _Part) -> list[Telegram]:
        now = part.story[-1]
        match next(self._moods):
            case Mood.LOST:
                return []
            case Mood.LATE:
                return part.story[-2:-1] or [now]
            case Mood.TWICE:
                return [now, now]
            case Mood.WRONG:
                verdicts = {"ok": "scrap", "scrap": "ok", "stopped": "ok"}
                return [Telegram(verdicts.get(now.word, "waiting"), now.attempt)]
            case _:
                return [now]


@dataclass(frozen=True)
class MachineShop:
    """The backend of the jobs: a shop with one controller."""

    controller: Controller


class MachineShopJob(BaseJob[Report]):
    """A part to be milled."""

    SETUP = State(JobStatus.QUEUED, "tool and fixture are being mounted")
    INSPECTING = State(JobStatus.RUNNING, "the part is on the measuring table")

    mount = Transition(JobStatus.QUEUED, SETUP)
    start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)
    inspect = Transition(JobStatus.RUNNING, INSPECTING, after="_photograph")
    finish = Transition(INSPECTING, JobStatus.DONE)
    requeue = Transition([JobStatus.RUNNING, INSPECTING], JobStatus.QUEUED, new_attempt=True)

    status_map = {
        "waiting": JobStatus.QUEUED,
        "mounting": SETUP,
        "milling": JobStatus.RUNNING,
        "probing": INSPECTING,
        "ok": JobStatus.DONE,
        "scrap": JobStatus.ERROR,
        "stopped": JobStatus.CANCELLED,
    }

    def __init__(self, shop: MachineShop, job_id: str, program: Program, **options: Any) -> None:
        super().__init__(shop, job_id, **options)
        self.program = program
        self.photographs: list[str] = []

    def hear(self, telegram: Telegram) -> Outcome:
        """Take a telegram of the controller's for what it is: evidence."""
        return self.observe(telegram.word, attempt=telegram.attempt, reason=telegram.reason)

    # The hooks: each is one question to the controller.

    def _submit(self) -> str:
        return self._controller.enqueue(self.program, self.job_id())

    def _find(self) -> str | None:
        return self._controller.find(self.job_id())

    def _poll(self) -> Observation | None:
        telegram = self._controller.where(self._number)
        if telegram is None:
            return None
        return Observation(telegram.word, attempt=telegram.attempt, reason=telegram.reason)

    def _cancel(self) -> bool | None:
        return self._controller.stop(self._number)

    def _fetch_result(self) -> Report:
        return self._controller.report(self._number)

    def _photograph(self, event: Any) -> None:
        # A step that was only inferred lies in the past: there is nothing left to photograph.
        if not event.inferred:
            self.photographs.append(f"{self.program.name}, attempt {self.attempt}")

    @property
    def _controller(self) -> Controller:
        shop: MachineShop = self.backend()
        return shop.controller

    @property
    def _number(self) -> str:
        return str(self.native_id)


def main() -> None:
    """Mill one part, while the controller loses, delays, repeats and contradicts."""
    moods = [Mood.HONEST, Mood.TWICE, Mood.LOST, Mood.HONEST, Mood.LATE, Mood.HONEST, Mood.WRONG]
    controller = Controller(moods)
    job = MachineShopJob(MachineShop(controller), "p-1", Program("bracket"))
    controller.listen("p-1", lambda telegram: print(f"{telegram.word}: {job.hear(telegram)}"))
    job.submit()
    for _ in range(6):
        controller.tick()
    for entry in job.history:
        print(entry.number, entry.trigger, entry.dest, "(inferred)" if entry.inferred else "")
    print(job)
    print(job.result())


if __name__ == "__main__":
    main()
