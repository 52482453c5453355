"""What a job must do, as a sequential specification: written by hand, with nothing of sojourn's.

A `Model` says what may come of one call, given the `World` in which it finds a job. A call that asks
the backend happens in several turns, because others may come between them; taken one after the
other they say what the call does when it is alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from sojourn.testing._sketches import FINALS, Sketch, Step

__all__ = ["REFUSED", "Model", "Taken", "Turn", "World"]

REFUSED = "IllegalTransitionError"


class World(NamedTuple):
    """All that matters of a job.

    Attributes:
        state: Name of its state.
        attempt: Which run it is in.
        claim: What became of its submission: nothing yet, sending, sent, uncertain, refused.
        requested: Whether a request to cancel was taken and not answered.
        reported: Whether it ever moved because of a report.
        length: How many entries it has.
        moving: Whether it is between two steps that follow from one report. Others may look at it
            then, and nothing else.
    """

    state: str = "INITIALIZING"
    attempt: int = 1
    claim: str = ""
    requested: bool = False
    reported: bool = False
    length: int = 0
    moving: bool = False


class Taken(NamedTuple):
    """What an entry must say of a step."""

    trigger: str
    source: str
    dest: str
    attempt: int
    inferred: bool
    origin: str


class Turn(NamedTuple):
    """One thing that may come of a call.

    Attributes:
        world: The world afterwards.
        answer: What the call returns, or the name of what it raises.
        steps: The steps that the job takes.
        asked: The questions that the backend is asked.
        then: Gives the turns that follow, where the call is not over.
    """

    world: World
    answer: Any = None
    steps: tuple[Taken, ...] = ()
    asked: tuple[str, ...] = ()
    then: Callable[[World], list[Turn]] | None = None

    def alone(self) -> list[Turn]:
        """Return what comes of the whole call if nothing comes between its turns."""
        if self.then is None:
            return [self]
        return [
            last._replace(steps=self.steps + last.steps, asked=self.asked + last.asked)
            for turn in self.then(self.world)
            for last in turn.alone()
        ]


class Model:
    """The calls of a job whose class is given as a sketch.

    Args:
        sketch: What the class allows.
        hooks: Which hooks it has, without the underscore.
        holds: What each condition of the class answers, by name; looked up when it is asked.
            ``None``: nobody knows what they answer, and both is possible.
        stops: What the backend answers when it is asked to stop the job.
    """

    def __init__(
        self,
        sketch: Sketch,
        hooks: Collection[str] = (),
        holds: Mapping[Any, bool] | None = None,
        stops: bool | None = True,
    ) -> None:
        self.sketch = sketch
        self.hooks: frozenset[str] = frozenset(hooks)
        self.holds = holds
        self.stops = stops

    # Triggers and reports: one turn each.

    def trigger(self, world: World, name: str) -> list[Turn]:
        """Fire a trigger."""
        branches = self.sketch.branches(world.state, name)
        if not branches:
            return [Turn(world, REFUSED)]
        if world.moving:
            return []
        return [
            Turn(world, False) if step is None else self._take(world, [step], "trigger", True)
            for step in self._choices(branches)
        ]

    def fire(self, world: World, name: str, *_: Any) -> list[Turn]:
        """Fire a trigger by its method."""
        return self.trigger(world, name)

    def observe(self, world: World, raw: object, attempt: int | None = None) -> list[Turn]:
        """Report something."""
        goals = self.sketch.goals(raw)
        if goals is None:
            return [Turn(world, "UnknownStatusError")]
        if world.moving:
            return []
        outcomes = self.sketch.verdicts(world.state, world.attempt, goals, attempt)
        if outcomes != {"ADVANCED"}:
            return [Turn(world, outcome) for outcome in outcomes]
        ahead = 0 if attempt is None else attempt - world.attempt
        ways = self.sketch.ways(world.state, goals, ahead)
        return [self._take(world, way, "observation", "ADVANCED") for way in ways]

    def _choices(self, branches: Iterable[Step]) -> list[Step | None]:
        """Return the branches that may be taken; ``None`` is none of them."""
        possible: list[Step | None] = []
        for step in branches:
            if self.holds is None and step.guarded:
                possible.append(step)
            elif self.holds is None or self._holds(step, self.holds):
                return [*possible, step]
        return [*possible, None]

    def _holds(self, step: Step, answers: Mapping[Any, bool]) -> bool:
        wanted = all(answers[name] for name in step.conditions)
        return wanted and not any(answers[name] for name in step.unless)

    def _take(self, world: World, way: Iterable[Step], origin: str, answer: Any) -> Turn:
        """Take all steps of a way, the last of which was seen."""
        step, *further = way
        after = World(
            step.dest,
            world.attempt + step.new_attempt,
            world.claim,
            world.requested,
            world.reported or origin == "observation",
            world.length + 1,
            bool(further),
        )
        taken = Taken(*step[:3], after.attempt, bool(further), origin)
        if not further:
            return Turn(after, answer, (taken,))
        return Turn(
            after, steps=(taken,), then=lambda world: [self._take(world, further, origin, answer)]
        )

    # Reading.

    def status(self, world: World) -> str:
        """Return the status of the job."""
        return self.sketch.status[world.state]

    def history(self, world: World) -> list[Turn]:
        """Count the entries."""
        return [Turn(world, world.length)]

    def listen(self, world: World) -> list[Turn]:
        """Add a callback, which is told of everything that follows; answer how much came before."""
        return [] if world.moving else [Turn(world, world.length)]

    def wait(self, world: World) -> list[Turn]:
        """Wait for the end, which cannot happen before it."""
        if self.status(world) == "INITIALIZING":
            errors = {"": "JobError", "uncertain": "SubmitUncertainError"}
            return [Turn(world, errors[world.claim])] if world.claim in errors else []
        return [Turn(world)] if world.state in FINALS else []

    def wait_once(self, world: World, told: Any = None) -> list[Turn]:
        """Wait for no time at all, which is one look."""
        doubt = self._not_to_be_waited_for(world)
        if doubt is not None:
            return [Turn(world, doubt)]
        return [
            last._replace(answer=self._waited(last))
            for turn in self.look(world, told)
            for last in turn.alone()
        ]

    def wait_for(self, world: World, pushed: Any, after: float, timeout: float) -> list[Turn]:
        """Wait for so many seconds, while something is reported after so many; nobody polls."""
        doubt = self._not_to_be_waited_for(world)
        if doubt is not None:
            return [Turn(world, doubt)]
        if world.state in FINALS or after > timeout:
            return [Turn(world, self._waited(Turn(world)))]
        return [
            last._replace(answer=self._waited(last))
            for turn in self.observe(world, pushed)
            for last in turn.alone()
        ]

    def _not_to_be_waited_for(self, world: World) -> str | None:
        if world.state in FINALS:
            return None
        # Reports answer the doubt for a class that can only be told; any other has to reconcile.
        if world.claim == "uncertain" and (self.hooks & {"poll", "find"} or not world.reported):
            return "SubmitUncertainError"
        unsent = not world.claim and self.status(world) == "INITIALIZING"
        return "JobError" if unsent else None

    @staticmethod
    def _waited(turn: Turn) -> Any:
        if turn.answer == "UnknownStatusError":
            return turn.answer
        return None if turn.world.state in FINALS else "JobTimeoutError"

    # Commands.

    def submit(self, world: World, sent: str = "ok") -> list[Turn]:
        """Submit the job.

        Args:
            world: Where the job is.
            sent: What the backend does: ``ok``, ``no`` (it refuses) or ``lost`` (nobody knows).
        """
        if world.claim:
            return [Turn(world, REFUSED)]
        choices = self._choices(self.sketch.branches(world.state, "submit"))
        if world.moving:
            return [Turn(world, REFUSED)] if choices == [None] else []
        return [self._submitted(world, step, sent) for step in choices]

    def _submitted(self, world: World, step: Step | None, sent: str) -> Turn:
        if step is None:
            return Turn(world, REFUSED)
        if "submit" not in self.hooks:
            return self._take(world, [step], "command", None)
        return self._send(world, step, sent)

    def _send(self, world: World, step: Step, sent: str) -> Turn:
        sending = world._replace(claim="sending")
        return Turn(sending, asked=("submit",), then=partial(self._sent, step, sent))

    def _sent(self, step: Step, sent: str, world: World) -> list[Turn]:
        if world.moving:
            return []
        if sent == "lost":
            return [Turn(world._replace(claim="uncertain"), "SubmitUncertainError")]
        if sent == "no":
            return self._refused(world)
        world = world._replace(claim="sent")
        here = world.state == step.source
        turn = self._take(world, [step], "command", None) if here else Turn(world)
        return [self._carry_out(turn)]

    def _refused(self, world: World) -> list[Turn]:
        if world.reported:
            # The evidence wins; whether the caller hears of the refusal is left open.
            world = world._replace(claim="sent")
            return [self._carry_out(Turn(world)), Turn(world, "JobSubmitError")]
        world = world._replace(claim="refused")
        fail = self.sketch.branches(world.state, "fail")
        if not fail:
            return [Turn(world, "JobSubmitError")]
        return [self._take(world, fail, "command", "JobSubmitError")]

    def _carry_out(self, turn: Turn) -> Turn:
        """Let the submitting thread carry out a request to cancel that it finds."""

        def then(world: World) -> list[Turn]:
            if world.moving:
                return []
            if not world.requested or world.state in FINALS:
                return [Turn(world, turn.answer)]
            if "cancel" not in self.hooks:
                return [Turn(world._replace(requested=False), turn.answer)]
            return [Turn(world, asked=("cancel",), then=partial(self._stopped_late, turn.answer))]

        return turn._replace(then=then)

    def _stopped_late(self, answer: Any, world: World) -> list[Turn]:
        turns = [turn._replace(answer=answer) for turn in self._stopped(self.stops, world)]
        if self.stops is False:
            return [turn._replace(world=turn.world._replace(requested=False)) for turn in turns]
        return turns

    def cancel(self, world: World) -> list[Turn]:
        """Ask the backend to stop the job."""
        if world.moving:
            return []
        if world.state in FINALS:
            return [Turn(world, world.state == "CANCELLED")]
        hooked = "cancel" in self.hooks
        if world.claim in ("sending", "uncertain"):
            # Without a hook to carry it out, whether the request counts as taken is left open.
            remembered = [Turn(world._replace(requested=True), True)]
            return remembered if hooked else [*remembered, Turn(world, False)]
        if not world.claim and self.status(world) == "INITIALIZING":
            return [self._take(world, self.sketch.branches(world.state, "cancel"), "command", True)]
        if not hooked:
            return [Turn(world, False)]
        return [Turn(world, asked=("cancel",), then=partial(self._stopped, self.stops))]

    def _stopped(self, stopped: bool | None, world: World) -> list[Turn]:
        if world.moving:
            return []
        if world.state in FINALS:
            return [Turn(world, world.state == "CANCELLED")]
        if stopped:
            return [self._take(world, self.sketch.branches(world.state, "cancel"), "command", True)]
        if stopped is None:
            return [Turn(world._replace(requested=True), True)]
        return [Turn(world, False)]

    def look(self, world: World, told: Any = None) -> list[Turn]:
        """Ask for the status.

        Args:
            world: Where the job is.
            told: What the backend says, if it is asked; ``None`` for no news.
        """
        handed = world.claim or self.status(world) != "INITIALIZING"
        unknown = world.claim in ("sending", "uncertain")
        if "poll" not in self.hooks or world.state in FINALS or unknown or not handed:
            # Others may come between the decision not to ask and the answer.
            return [Turn(world, then=self._read)]
        if told is None:
            return [Turn(world, asked=("poll",), then=self._read)]
        return [
            self._read_after(turn)._replace(asked=("poll",)) for turn in self.observe(world, told)
        ]

    def _read(self, world: World) -> list[Turn]:
        return [Turn(world, self.status(world))]

    def _read_after(self, turn: Turn) -> Turn:
        """Let the status be read when the report was weighed, which others may come between."""
        if turn.answer == "UnknownStatusError":
            return turn
        if turn.then is None:
            return turn._replace(answer=None, then=self._read)
        onward = turn.then
        return turn._replace(then=lambda world: [self._read_after(each) for each in onward(world)])

    def reconcile(self, world: World, found: str | None = None, sent: str = "ok") -> list[Turn]:
        """Find out what became of an uncertain submission, with nobody else about.

        Args:
            world: Where the job is, with a submission that is uncertain.
            found: What the backend finds.
            sent: What it does with a second submission, as for `submit`.
        """
        assert world.claim == "uncertain"
        assert "find" in self.hooks
        return [
            last._replace(answer=_moved(last.steps) if last.answer is None else last.answer)
            for turn in self._settle(world, found, sent)
            for last in turn._replace(asked=("find", *turn.asked)).alone()
        ]

    def _settle(self, world: World, found: str | None, sent: str) -> list[Turn]:
        choices = self._choices(self.sketch.branches(world.state, "submit"))
        if found is not None:
            # That the backend has it is a fact, which conditions do not hold up.
            sent_to = world._replace(claim="sent")
            return [
                self._carry_out(
                    Turn(sent_to) if step is None else self._take(sent_to, [step], "recovery", None)
                )
                for step in choices
            ]
        if world.requested:
            withdrawn = world._replace(claim="withdrawn")
            way = self.sketch.branches(world.state, "cancel")
            return [self._take(withdrawn, way, "command", None) if way else Turn(withdrawn)]
        # Reports or triggers may have moved it past the question; they are what counts.
        return [
            Turn(world._replace(claim="sent")) if step is None else self._send(world, step, sent)
            for step in choices
        ]


def _moved(steps: Collection[Taken]) -> str:
    return "ADVANCED" if steps else "UNCHANGED"
