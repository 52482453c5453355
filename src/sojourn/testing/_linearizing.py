"""Could calls that overlapped have been made one after the other?

A call happens in the turns that a `job_model` gives it, somewhere between its beginning and its end.
The search looks for an order of all turns that gives every answer and exactly the job's history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sojourn.testing._calls import Call
from sojourn.testing._model import Model, Taken, Turn, World

__all__ = ["Made", "explained"]


class Made(NamedTuple):
    """A call that was made.

    Attributes:
        call: The call.
        began: When, by a clock that counts.
        ended: When it returned.
        answer: What it returned, or the name of what it raised.
    """

    call: Call
    began: int
    ended: int
    answer: Any


class _Place(NamedTuple):
    """How far one thread has come: calls that are over, turns of the next, and the last of these."""

    over: int = 0
    turns: int = 0
    turn: Turn | None = None


def explained(
    model: Model, start: World, threads: Sequence[Sequence[Made]], steps: Sequence[Taken]
) -> bool:
    """Tell whether some order of the turns of all calls gives their answers and these steps."""
    # Depth first; what was found to lead nowhere is not tried again.
    tried: set[Any] = set()
    waiting = [(start, (_Place(),) * len(threads))]
    while waiting:
        world, places = waiting.pop()
        if all(place.over == len(calls) for place, calls in zip(places, threads, strict=True)):
            if world.length == start.length + len(steps):
                return True
            continue
        key = world, tuple(place[:2] for place in places)
        if key not in tried:
            tried.add(key)
            waiting.extend(_onward(model, world, places, threads, steps, start.length))
    return False


def _onward(
    model: Model,
    world: World,
    places: tuple[_Place, ...],
    threads: Sequence[Sequence[Made]],
    steps: Sequence[Taken],
    before: int,
) -> Iterator[tuple[World, tuple[_Place, ...]]]:
    ends = [
        calls[place.over].ended
        for place, calls in zip(places, threads, strict=True)
        if place.over < len(calls)
    ]
    for number, place in enumerate(places):
        # Whatever had returned before this call began comes before it.
        if place.over == len(threads[number]) or min(ends) < threads[number][place.over].began:
            continue
        made = threads[number][place.over]
        for turn in _turns(model, world, made.call, place):
            taken = steps[world.length - before : turn.world.length - before]
            if tuple(taken) != turn.steps or (turn.then is None and turn.answer != made.answer):
                continue
            over = _Place(place.over + 1)
            there = over if turn.then is None else _Place(place.over, place.turns + 1, turn)
            yield turn.world, (*places[:number], there, *places[number + 1 :])


def _turns(model: Model, world: World, call: Call, place: _Place) -> list[Turn]:
    if place.turn is not None and place.turn.then is not None:
        return place.turn.then(world)
    turns: list[Turn] = getattr(model, call.verb)(world, *call.args)
    return turns
