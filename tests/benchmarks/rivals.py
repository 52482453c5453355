"""The rivals, each in the best form that was found for it.

What was tried for `transitions` (cost as a multiple of the form chosen, on CPython 3.11): a
method around lock and trigger 0.99, ``send_event=True`` 0.98, the callback by name 1.00,
``finalize_event`` 0.99, models with a dictionary 1.01, so all the same; Enum states 1.12, a machine
per job 1.12, ``LockedMachine`` 5.8. Switching its logger off gains 4 % and is done. For Automat:
transitions that a function implements, as ``.returns()`` costs a tenth more. It searches its edges one
by one, in an order that differs from one machine to the next, so it gets a new machine in each round,
and is also shown with no more edges than are driven.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import time
from typing import Any, ClassVar, Protocol

from automat import TypeMachineBuilder
from statemachine import State as ChartState
from statemachine import StateMachine
from transitions import Machine
from transitions import State as MachineState

__all__ = [
    "BASE_STATES",
    "ByHand",
    "Model",
    "automat_factory",
    "charts",
    "futures",
    "machine_per_job",
    "models",
    "shared_machine",
]

logging.getLogger("transitions.core").disabled = True

BASE_STATES = ("INITIALIZING", "QUEUED", "RUNNING", "DONE", "ERROR", "CANCELLED")
SHOP_STATES = (*BASE_STATES, "SETUP")
LIVE = ("INITIALIZING", "QUEUED", "SETUP", "RUNNING")


def _edges(live: tuple[str, ...]) -> list[list[Any]]:
    shop = [["mount", "QUEUED", "SETUP"], ["start", "SETUP", "RUNNING"]] if "SETUP" in live else []
    return [
        ["submit", "INITIALIZING", "QUEUED"],
        ["start", "QUEUED", "RUNNING"],
        ["finish", "RUNNING", "DONE"],
        ["fail", list(live), "ERROR"],
        ["cancel", list(live), "CANCELLED"],
        *shop,
    ]


class Model:
    """What a user of one shared `transitions` machine needs per job: state, lock, history."""

    __slots__ = ("history", "job_id", "lock", "state")

    def __init__(self, job_id: str, state: str) -> None:
        """Start in ``state``, which the machine never hears about: it has no model."""
        self.job_id = job_id
        self.state = state
        self.lock = threading.RLock()
        self.history: list[tuple[str, float]] = []


class BareModel:
    """The least that a shared `transitions` machine can drive."""

    __slots__ = ("job_id", "state")

    def __init__(self, job_id: str, state: str) -> None:
        """Start in ``state``."""
        self.job_id = job_id
        self.state = state


def models(cls: type[Any], state: str, count: int) -> list[Any]:
    """Make models in that state."""
    return [cls(f"job-{number:07d}", state) for number in range(count)]


def record(job: Model) -> None:
    """Append what happened to the job's history."""
    job.history.append((job.state, time()))


def is_ready(job: Model) -> bool:
    """Answer as a condition."""
    return True


def prepare(job: Model) -> None:
    """Stand for a callback."""


def shared_machine(*, history: bool = False, callbacks: bool = False) -> Machine:
    """Build the one machine that moves every job; no model is ever registered with it.

    Args:
        history: Whether a callback appends to the job's history after each change.
        callbacks: Whether ``start`` asks a condition and runs one callback before and one after.
    """
    machine = Machine(
        model=None,
        states=list(SHOP_STATES),
        transitions=_edges(LIVE),
        initial="INITIALIZING",
        auto_transitions=False,
        send_event=False,
        after_state_change=record if history else None,
    )
    if callbacks:
        machine.remove_transition("start")
        machine.add_transition(
            "start", "QUEUED", "RUNNING", conditions=is_ready, before=prepare, after=prepare
        )
    return machine


class PerJob:
    """A job with a `transitions` machine of its own, as that package's documentation shows it."""

    states: ClassVar = [MachineState(name) for name in BASE_STATES]
    edges: ClassVar = _edges(("INITIALIZING", "QUEUED", "RUNNING"))

    def __init__(self, job_id: str) -> None:
        """Build the machine. State objects are shared and automatic transitions left out, for speed."""
        self.job_id = job_id
        self.machine = Machine(
            self,
            states=self.states,
            transitions=self.edges,
            initial="INITIALIZING",
            auto_transitions=False,
        )


def machine_per_job(job_ids: list[str]) -> list[PerJob]:
    """Make jobs that have a machine each."""
    return [PerJob(job_id) for job_id in job_ids]


def futures(count: int) -> list[Future[None]]:
    """Make futures."""
    return [Future() for _ in range(count)]


class Core:
    """The state that an Automat machine carries along: a lock and a history, for those who want them."""

    __slots__ = ("history", "lock")

    def __init__(self) -> None:
        """Start empty."""
        self.lock = threading.RLock()
        self.history: list[float] = []


class Inputs(Protocol):
    """The triggers, as Automat's typed machines want them."""

    def submit(self) -> None:
        """Go to QUEUED."""

    def mount(self) -> None:
        """Go to SETUP."""

    def start(self) -> None:
        """Go to RUNNING."""

    def finish(self) -> None:
        """Go to DONE."""

    def fail(self) -> None:
        """Go to ERROR."""

    def cancel(self) -> None:
        """Go to CANCELLED."""


def automat_factory(*, whole: bool, history: bool = False) -> Any:
    """Build a typed Automat machine that starts in QUEUED.

    Args:
        whole: Whether it has every state and edge that our class has, so that its jobs can fail and be
            cancelled too; else only the three edges that are driven.
        history: Whether each transition appends to the core's history.
    """
    builder = TypeMachineBuilder(Inputs, Core)
    # The first state made is the initial one.
    states = {
        name: builder.state(name) for name in ("QUEUED", *(n for n in SHOP_STATES if n != "QUEUED"))
    }
    driven = [
        ("mount", "QUEUED", "SETUP"),
        ("start", "SETUP", "RUNNING"),
        ("finish", "RUNNING", "DONE"),
    ]
    rest = [("submit", "INITIALIZING", "QUEUED"), ("start", "QUEUED", "RUNNING")]
    rest += [
        (name, live, dest)
        for live in LIVE
        for name, dest in (("fail", "ERROR"), ("cancel", "CANCELLED"))
    ]

    def silent(inputs: Inputs, core: Core) -> None:
        pass

    def recorded(inputs: Inputs, core: Core) -> None:
        core.history.append(time())

    for trigger, source, dest in driven + (rest if whole else []):
        states[source].upon(getattr(Inputs, trigger)).to(states[dest])(
            recorded if whole else silent
        )
    return builder.build()


class Chart(StateMachine):
    """The shop's steps in python-statemachine."""

    queued = ChartState(initial=True)
    setup = ChartState()
    running = ChartState()
    finished = ChartState(final=True)

    mount = queued.to(setup)
    start = setup.to(running)
    finish = running.to(finished)


def charts(count: int) -> list[tuple[Callable[[], object], ...]]:
    """Make charts, as their three events bound ahead."""
    made = [Chart() for _ in range(count)]
    return [(chart.mount, chart.start, chart.finish) for chart in made]


class Stage(enum.Enum):
    """The states of the class written by hand."""

    QUEUED = "QUEUED"
    SETUP = "SETUP"
    RUNNING = "RUNNING"
    DONE = "DONE"


class ByHand:
    """What one would write without any library: an Enum, a table, a lock, a list. Checks nothing else."""

    __slots__ = ("history", "job_id", "lock", "state")

    TABLE: ClassVar = {
        "mount": {Stage.QUEUED: Stage.SETUP},
        "start": {Stage.SETUP: Stage.RUNNING},
        "finish": {Stage.RUNNING: Stage.DONE},
    }

    def __init__(self, job_id: str) -> None:
        """Start in QUEUED."""
        self.job_id = job_id
        self.state = Stage.QUEUED
        self.lock = threading.RLock()
        self.history: list[tuple[str, Stage, float]] = []

    def mount(self) -> None:
        """Go to SETUP."""
        self._move("mount")

    def start(self) -> None:
        """Go to RUNNING."""
        self._move("start")

    def finish(self) -> None:
        """Go to DONE."""
        self._move("finish")

    def _move(self, trigger: str) -> None:
        with self.lock:
            try:
                self.state = self.TABLE[trigger][self.state]
            except KeyError:
                raise ValueError(f"cannot {trigger} while {self.state.name}") from None
            self.history.append((trigger, self.state, time()))
