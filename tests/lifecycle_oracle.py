"""Classes whose lifecycles are written out by hand, beside the machine shop of the design."""

from __future__ import annotations

from typing import Any

from sojourn import BaseJob, JobStatus, State, Transition

# (trigger, source, dest): the base lifecycle, as the design draws it.
BASE_EDGES = [
    ("submit", "INITIALIZING", "QUEUED"),
    ("start", "QUEUED", "RUNNING"),
    ("finish", "RUNNING", "DONE"),
    ("fail", "INITIALIZING", "ERROR"),
    ("fail", "QUEUED", "ERROR"),
    ("fail", "RUNNING", "ERROR"),
    ("cancel", "INITIALIZING", "CANCELLED"),
    ("cancel", "QUEUED", "CANCELLED"),
    ("cancel", "RUNNING", "CANCELLED"),
]
BASE_STATES = ["INITIALIZING", "QUEUED", "RUNNING", "DONE", "ERROR", "CANCELLED"]


class Plain(BaseJob[Any]):
    """An empty body is enough."""


class Shop(BaseJob[Any]):
    """The machine shop of the design, without its backend."""

    SETUP = State(JobStatus.QUEUED, "tool and fixture are being mounted")
    INSPECTING = State(JobStatus.RUNNING, "the part is on the measuring table")

    mount = Transition(JobStatus.QUEUED, SETUP)
    start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)
    inspect = Transition(JobStatus.RUNNING, INSPECTING, after="_photograph")
    finish = Transition(INSPECTING, JobStatus.DONE)
    requeue = Transition([JobStatus.RUNNING, INSPECTING], JobStatus.QUEUED, new_attempt=True)

    def _photograph(self, event: Any) -> None:
        self.photographed = event.model is self


# What the subclass declares stands after what it inherits; ACTIVE means the states in their order.
SHOP_EDGES = [
    ("submit", "INITIALIZING", "QUEUED"),
    ("fail", "INITIALIZING", "ERROR"),
    ("fail", "QUEUED", "ERROR"),
    ("fail", "RUNNING", "ERROR"),
    ("fail", "SETUP", "ERROR"),
    ("fail", "INSPECTING", "ERROR"),
    ("cancel", "INITIALIZING", "CANCELLED"),
    ("cancel", "QUEUED", "CANCELLED"),
    ("cancel", "RUNNING", "CANCELLED"),
    ("cancel", "SETUP", "CANCELLED"),
    ("cancel", "INSPECTING", "CANCELLED"),
    ("mount", "QUEUED", "SETUP"),
    ("start", "QUEUED", "RUNNING"),
    ("start", "SETUP", "RUNNING"),
    ("inspect", "RUNNING", "INSPECTING"),
    ("finish", "INSPECTING", "DONE"),
    ("requeue", "RUNNING", "QUEUED"),
    ("requeue", "INSPECTING", "QUEUED"),
]


def edges(job_class: type[BaseJob[Any]], trigger: str | None = None) -> list[tuple[str, str, str]]:
    return [
        (edge.trigger, edge.source.name, edge.dest.name)
        for edge in job_class.lifecycle.transitions
        if trigger in (None, edge.trigger)
    ]


def queued(job_class: type[BaseJob[Any]]) -> Any:
    job = job_class("backend", "j-1")
    job.trigger("submit")
    return job


def running(job_class: type[BaseJob[Any]]) -> Any:
    job = queued(job_class)
    job.trigger("start")
    return job


class Pausing:
    """A mixin: no job class, and not checked before it is joined to one."""

    PAUSED = State(JobStatus.RUNNING)
    pause = Transition(JobStatus.RUNNING, PAUSED, after="_note")
    resume = Transition(PAUSED, JobStatus.RUNNING)

    def _note(self, event: Any) -> None:
        self.noted = type(self).__name__
