"""The rows about the testing kit: what it takes to prove a class."""

from __future__ import annotations

import logging
import sys
from itertools import pairwise
from pathlib import Path
from time import process_time_ns
from typing import Any

from reporting import Goal, Result, thousands

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

from kit_classes import SHIPPED
from sojourn import BaseJob, JobStatus, State, Transition
from sojourn.testing import Tier, check_job_class
from sojourn.testing._exhaustive import exhaust, moves
from sojourn.testing._report import Ledger
from sojourn.testing._subject import Setup, Subject

__all__ = ["exhaustion", "tiers"]


def of_forty_states() -> type[BaseJob[Any]]:
    """Make a class with 34 states of its own, one after the other."""
    names = [f"STEP_{number}" for number in range(34)]
    body: dict[str, Any] = {name: State(JobStatus.RUNNING) for name in names}
    for number, (source, dest) in enumerate(pairwise(["RUNNING", *names, "DONE"])):
        body["finish" if dest == "DONE" else f"step_{number}"] = Transition(source, dest)
    return type(BaseJob)("Long", (BaseJob,), body)


def exhaustion(*, quick: bool) -> list[Result]:
    """Every trigger and every report in every state of a class of forty states."""
    logging.disable()
    setup, ledger = Setup(Subject(of_forty_states()), "moves", ()), Ledger()
    start = process_time_ns()
    exhaust(setup, moves(setup), ledger)
    took = process_time_ns() - start
    what = f"every move in 40 states, {thousands(ledger.calls)} calls"
    return [
        Result(what, took, "ns", goal=Goal(2e9, limit=True)),
        Result("  all of them right, all states seen", len(ledger.states), "states",
               passed=not ledger.findings and len(ledger.states) == 40),
    ]  # fmt: skip


def tiers(*, quick: bool) -> list[Result]:
    """Both tiers over all shipped classes."""
    results = []
    limits: list[tuple[Tier, float, float]] = [("quick", 1e9, 12e9), ("ci", 20e9, 120e9)]
    for tier, one, all_of_them in limits[: 1 if quick else 2]:
        took, fine = [], True
        for shipped in SHIPPED:
            start = process_time_ns()
            report = check_job_class(
                shipped.cls, factory=shipped.factory, expected=shipped.expected, tier=tier
            )
            took.append(process_time_ns() - start)
            fine = fine and report.ok
        results += [
            Result(f"{tier} tier, the slowest of {len(took)} shipped classes", max(took), "ns",
                   goal=Goal(one, limit=True), raw={"ours": took}),
            Result(f"{tier} tier, all of them", sum(took), "ns", goal=Goal(all_of_them, limit=True)),
            Result("  no promise is broken", len(took), "classes", passed=fine),
        ]  # fmt: skip
    return results
