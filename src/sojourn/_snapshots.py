"""How a job travels: pickled, it becomes a snapshot that can be read and not changed.

A handle is tied to a backend, a lock and the threads that wait for it; a copy of it would be a
second handle that knows nothing of the first.
"""

from __future__ import annotations

import copyreg
from dataclasses import replace
from typing import Any, NoReturn

from sojourn._handle import Facts, Handle
from sojourn._reconciling import Reconciling
from sojourn._records import More, Record, chain
from sojourn._waiting import T, Waiting
from sojourn.errors import JobError
from sojourn.history import Anomaly
from sojourn.lifecycle import State

__all__ = ["Snapshots"]

SEALED = "this is a snapshot, read-only; attach() makes a handle for a live job"

# One step of the history, flat: linked records would exhaust the stack of pickle.
Step = tuple[str, float | None, str, More | None]


class Snapshots(Waiting[T]):
    """The part of a job that pickles, and refuses to be copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Reduce the job to a snapshot: no backend, journal, lock or callback."""
        steps = [_portable(record) for record in chain(self._sj_last)]
        core = (self._sj_id, self._sj_born, dict(self._sj_metadata), steps, _portable_facts(self))
        names = [*copyreg._slotnames(type(self)), *getattr(self, "__dict__", ())]  # type: ignore[attr-defined]  # as pickle does
        attributes = {
            name: getattr(self, name)
            for name in names
            if not name.startswith(("_sj_", "__")) and hasattr(self, name)
        }
        return _restore, (type(self), core), attributes

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        """Take back the attributes of the subclass."""
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def __copy__(self) -> NoReturn:
        """Refuse: a job has one life and one handle."""
        raise TypeError(f"job {self._sj_id!r} cannot be copied; share the handle, or pickle it")

    def __deepcopy__(self, memo: object) -> NoReturn:
        """Refuse: a job has one life and one handle."""
        raise TypeError(f"job {self._sj_id!r} cannot be copied; share the handle, or pickle it")


def _portable(record: Record) -> Step:
    state, at, trigger, _, more = record
    if more is not None and isinstance(more[3], BaseException) and not _pickles(more[3]):
        # An exception that does not pickle, or not back, would take the whole story with it.
        more = (*more[:3], JobError(more[2]), more[4])
    return state, at, trigger, more


def _pickles(error: BaseException) -> bool:
    import pickle  # noqa: PLC0415  # whoever pickles has it; the others need not pay for it

    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # these bytes were made here
    except Exception:  # noqa: BLE001  # whatever an exception's own __reduce__ raises
        return False
    return True


def _portable_facts(job: Reconciling) -> tuple[Any, ...] | None:
    facts = job._sj_facts
    if facts is None:
        return None
    return (
        facts.native_id,
        job._sj_claimed()._replace(claimant=None),
        facts.cancel_requested,
        facts.result,
        {same: _portable_anomaly(each) for same, each in facts.anomalies.items()},
    )


def _portable_anomaly(anomaly: Anomaly) -> Anomaly:
    # The callbacks of a state may not pickle.
    raw = anomaly.raw.name if isinstance(anomaly.raw, State) else anomaly.raw
    return replace(anomaly, raw=raw)


def _restore(cls: type[Handle], core: tuple[Any, ...]) -> Handle:
    """Make the snapshot that was pickled."""
    job_id, born, metadata, steps, known = core
    job = cls.__new__(cls)
    Handle.__init__(job, None, job_id, metadata=metadata)
    job._sj_born = born
    for state, at, trigger, more in steps:
        if state not in cls._sj_rules.states:
            raise JobError(
                f"job {job_id!r} cannot be restored; {cls.__name__} has no state {state!r} any more"
            )
        job._sj_last = (state, at, trigger, job._sj_last, more)
    if known is not None:
        facts = job._sj_facts = Facts()
        native_id, claim, requested, result, anomalies = known
        facts.native_id, facts.claim = native_id, claim
        facts.cancel_requested, facts.anomalies = requested, anomalies
        facts.result = result
    job._sj_watching().sealed = SEALED
    return job
