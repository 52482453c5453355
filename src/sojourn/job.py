"""The handle: `BaseJob`, from which every job class derives.

Its parts are in files of their own, from the bottom up: `_handle` (identity, record, lock),
`_telling` (waiters, callbacks), `_rereading` and `_keeping` (journal), `_firing` (triggers),
`_reconciling` (observations), `_asking` (hooks), `_cancelling`, `_submitting`, `_looking` (polls),
`_finding` (reconcile), `_waiting` (waiting, results), `_snapshots` (pickling); `_declaring` makes
job classes, and `_forking` keeps them alive in a forked child.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec

from sojourn import _forking  # noqa: F401  # it registers itself
from sojourn._declaring import JobMeta
from sojourn._snapshots import Snapshots
from sojourn._waiting import T
from sojourn.lifecycle import ACTIVE, JobStatus, Place, State, Transition

__all__ = ["BaseJob"]


if TYPE_CHECKING:
    P = ParamSpec("P")

    def _takes(payload: Callable[Concatenate[Any, P], bool]) -> Transition[Callable[P, bool]]:
        """Type a trigger by a method of the same parameters."""
        ...


class BaseJob(Snapshots[T], ABC, metaclass=JobMeta):
    """One asynchronous job, which owns its state machine; subclass it for a kind of job.

    A subclass declares what may happen beyond the base lifecycle and fills in the hooks that it
    needs: ``_submit``, ``_poll``, ``_cancel``, ``_fetch_result``, ``_find``. An empty body is
    enough for a job whose states are pushed. ``BaseJob[Report]`` gives the type of `result`.

    Any method may be called from any thread. All transitions of one job have one order, the same
    for its history, its callbacks, its waiters and its journal, and no illegal one is possible.

    Example:
        >>> class PrintJob(BaseJob[str]):
        ...     HEATING = State(JobStatus.QUEUED, "the nozzle is warming up")
        ...     heat = Transition(JobStatus.QUEUED, HEATING)
        ...     start = BaseJob.start | Transition(HEATING, JobStatus.RUNNING)
        >>> job = PrintJob("printer", "cup-1")
        >>> job.submit()
        >>> job.heat(), job.status()
        (True, <JobStatus.QUEUED: 'QUEUED'>)
        >>> job.observe("DONE")
        <Outcome.ADVANCED: 'ADVANCED'>
        >>> [entry.trigger for entry in job.history]
        ['submit', 'heat', 'start', 'finish']
    """

    __slots__ = ()

    INITIALIZING = State(JobStatus.INITIALIZING, "made, and not yet with the backend")
    QUEUED = State(JobStatus.QUEUED, "the backend has it, and it waits")
    RUNNING = State(JobStatus.RUNNING, "it is being worked on")
    DONE = State(JobStatus.DONE, "it succeeded")
    ERROR = State(JobStatus.ERROR, "it failed")
    CANCELLED = State(JobStatus.CANCELLED, "it was stopped before its end")

    _submit_step = Transition(JobStatus.INITIALIZING, JobStatus.QUEUED, trigger="submit")
    if TYPE_CHECKING:
        # An annotation could not name T: a class attribute is asked for without a job, too.
        @_takes
        def start(self) -> bool:
            """Say that the work has begun."""
            ...

        @_takes
        def finish(self, result: T = ...) -> bool:
            """Say that the work has succeeded, and give its result or leave it to be fetched."""
            ...

        @_takes
        def fail(self, error: str | BaseException | None = None) -> bool:
            """Say that the work has failed, and why."""
            ...
    else:
        start = Transition(JobStatus.QUEUED, JobStatus.RUNNING)
        finish = Transition(JobStatus.RUNNING, JobStatus.DONE)
        fail = Transition(ACTIVE, JobStatus.ERROR)
    _cancel_step = Transition(ACTIVE, JobStatus.CANCELLED, trigger="cancel")

    status_map: ClassVar[Mapping[Any, Place]] = {status.value: status for status in JobStatus}
    """What a backend's words mean; a subclass's map replaces the inherited one."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show a notebook the way that this job went; no backend is asked."""
        from sojourn.drawing import mimebundle  # noqa: PLC0415  # most programs never draw

        return mimebundle(self)
