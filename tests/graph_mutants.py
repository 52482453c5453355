"""Mutants of a graph: one edge dropped, added or redirected, and whether the kit notices.

An edge that makes a declaration unsound is refused by the class statement; any other mutant is held
against the table that was written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from kit_classes import Shipped
from sojourn import BaseJob, Transition
from sojourn.errors import LifecycleError
from sojourn.lifecycle import Edge
from sojourn.testing._checking import quiet
from sojourn.testing._exhaustive import exhaust, moves
from sojourn.testing._report import Ledger
from sojourn.testing._subject import Setup, Subject

__all__ = ["Mutant", "graph_mutants", "how_it_died", "mutated"]


class Mutant(NamedTuple):
    """One change of the graph of a class.

    Attributes:
        name: What was changed, for people.
        trigger: The trigger that is declared anew.
        edges: Its edges: trigger, source, destination, and whether it starts a new attempt.
    """

    name: str
    trigger: str
    edges: tuple[tuple[str, str, bool], ...]


def graph_mutants(cls: type[BaseJob[Any]]) -> Iterator[Mutant]:
    """Yield every mutant of the graph of a class that differs by one edge."""
    lifecycle = cls.lifecycle
    names = [state.name for state in lifecycle.states]
    known = {(edge.trigger, edge.source.name) for edge in lifecycle.transitions}
    for edge in lifecycle.transitions:
        trigger, source, dest = edge.trigger, edge.source.name, edge.dest.name
        others = [_plain(e) for e in lifecycle.transitions if e.trigger == trigger and e != edge]
        yield Mutant(f"drop {trigger}: {source} -> {dest}", trigger, tuple(others))
        for other in names:
            if other != dest:
                new = source, other, edge.new_attempt
                text = f"redirect {trigger}: {source} -> {dest} to {other}"
                yield Mutant(text, trigger, (*others, new))
    for trigger in lifecycle.machine.events:
        there = [_plain(e) for e in lifecycle.transitions if e.trigger == trigger]
        for source in names:
            for dest in names:
                if there and (trigger, source) not in known:
                    text = f"add {trigger}: {source} -> {dest}"
                    yield Mutant(text, trigger, (*there, (source, dest, False)))


def _plain(edge: Edge) -> tuple[str, str, bool]:
    return edge.source.name, edge.dest.name, edge.new_attempt


def mutated(cls: type[BaseJob[Any]], mutant: Mutant) -> type[BaseJob[Any]]:
    """Make the class of a mutant.

    Raises:
        LifecycleError: It is refused.
    """
    declared: Any = None
    if mutant.edges:
        name = mutant.trigger if mutant.trigger in ("submit", "cancel") else None
        declared = reduce(or_, _branches(mutant.edges, name))
    attribute = f"mutated_{mutant.trigger}" if mutant.trigger in ("submit", "cancel") else None
    body = {attribute or mutant.trigger: declared, "__slots__": ()}
    if attribute and declared is None:  # a command loses its step only where it was declared
        raise LifecycleError(cls.__name__, ("a command needs its step",))
    made: Any = type(cls)(f"Mutated{cls.__name__}", (cls,), body)
    return made  # type: ignore[no-any-return]


def _branches(
    edges: Sequence[tuple[str, str, bool]], trigger: str | None
) -> Iterator[Transition[Any]]:
    for source, dest, new_attempt in edges:
        yield Transition(source, dest, trigger=trigger, new_attempt=new_attempt)


def how_it_died(shipped: Shipped, mutant: Mutant) -> str | None:
    """Tell who noticed: ``refused``, or the name of a promise; ``None`` for a survivor."""
    try:
        cls = mutated(shipped.cls, mutant)
    except LifecycleError:
        return "refused"

    def make() -> BaseJob[Any]:
        job = shipped.factory()
        job.__class__ = cls
        return job

    ledger = Ledger()
    with quiet():
        setup = Setup(Subject(cls, make, shipped.expected), "mutant", ())
        exhaust(setup, moves(setup), ledger)
    return next((found.promise for found in ledger.findings.values()), None)
