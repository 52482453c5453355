"""`adopt`: a sojourn job around a job object that somebody else's class has made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from sojourn._handle import Claim
from sojourn._resolving import nearest
from sojourn.backends.qiskit._job import QiskitJob
from sojourn.backends.qiskit._sdk import QiskitStatus
from sojourn.history import Observation
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus, State

__all__ = ["AdoptedJob", "adopt", "reason_of"]

_NEEDED = ("job_id", "status", "result")


def adopt(
    job: Any,
    *,
    status_map: Mapping[Any, Any] | None = None,
    errors: Mapping[type[Exception], Any] | None = None,
) -> AdoptedJob:
    """Take over a job object of any class that has ``job_id``, ``status`` and ``result``.

    Its ``status()`` is asked wherever a sojourn job polls, and what it says is evidence; its
    ``result()`` is called once the job is DONE. Its own waiting is never used. Whatever attribute a
    sojourn job does not have is the adopted one's.

    Args:
        job: The job object; it has an id, because somebody has submitted it.
        status_map: What its words mean, in addition to the names of Qiskit's statuses: a `State`, a
            status of either library, or the name of one. A word that is nowhere is an
            `UnknownStatusError`.
        errors: What an exception that its ``status()`` raises says, by class, in the same way;
            ``None`` is no news, so that a wait asks again. Any other is a `BackendError`.

    Returns:
        A job that cannot be submitted again, INITIALIZING until the first look.

    Raises:
        TypeError: It is no such object, or one of the maps is of a wrong type.
        ValueError: It has no id, or one of the maps leads to what is no state.

    Example:
        >>> from qiskit.primitives import StatevectorSampler
        >>> from qiskit import QuantumCircuit
        >>> from sojourn.backends.qiskit import adopt
        >>> circuit = QuantumCircuit(1)
        >>> circuit.measure_all()
        >>> job = adopt(StatevectorSampler().run([circuit], shots=100))
        >>> job.result(timeout=60)[0].data.meas.get_counts()
        {'0': 100}
        >>> job.state.name, job.history[-1].trigger
        ('DONE', 'finish')
    """
    _check(job)
    words = _places("status_map", status_map)
    raised = _places("errors", errors)
    for kind in raised:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TypeError(f"errors leads from exception classes to states, not from {kind!r:.60}")
    job_id = _value(job, "job_id")
    if job_id is None or job_id == "":
        raise ValueError(f"a job without an id cannot be adopted: {job!r:.80}; submit it first")
    adopted = AdoptedJob(job, job_id, status_map=words, errors=raised)
    with adopted._sj_lock:
        facts = adopted._sj_known()
        facts.native_id, facts.claim = adopted._sj_id, Claim("attached")
    return adopted


class AdoptedJob(QiskitJob[Any]):
    """A job around another one; `adopt` makes it."""

    _sj_apart = True

    def __init__(
        self,
        job: Any,
        job_id: Any,
        *,
        status_map: Mapping[Any, Any] | None = None,
        errors: Mapping[type[Exception], Any] | None = None,
    ) -> None:
        """Hold a job object; `adopt` checks what it is given, and is the way to get one of these.

        Args:
            job: The job object.
            job_id: Its id.
            status_map: As for `adopt`.
            errors: As for `adopt`.
        """
        super().__init__(None, job_id)
        told = getattr(job, "metadata", None)
        self.metadata = dict(told) if isinstance(told, Mapping) else {}
        # Under a name that no snapshot takes along: what it holds need not pickle.
        self.__dict__["_sj_adopted"] = job
        self._words = dict(status_map or {})
        self.__dict__["_sj_errors"] = dict(errors or {})

    @property
    def adopted(self) -> Any:
        """The job object itself; ``None`` for a snapshot."""
        return self.__dict__.get("_sj_adopted")

    def __getattr__(self, name: str) -> Any:
        """Give what only the adopted job has."""
        adopted = self.__dict__.get("_sj_adopted")
        if adopted is None or name.startswith(("__", "_sj_")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(adopted, name)

    def backend(self) -> Any:
        """Return the adopted job's backend; ``None`` if it has none, and for a snapshot."""
        return _value(self.adopted, "backend") if hasattr(self.adopted, "backend") else None

    def _poll(self) -> Any:
        job = self.adopted
        try:
            raw = _value(job, "status")
        except tuple(self.__dict__["_sj_errors"]) as error:
            places = self.__dict__["_sj_errors"]
            place = next(each for kind, each in places.items() if isinstance(error, kind))
            return None if place is None else Observation(self._sj_heard(place), reason=error)
        try:
            place = self._words.get(raw, raw)
        except TypeError:
            return raw  # no word at all, as the core will say
        if isinstance(place, str):  # members of ours are texts, too
            place = QiskitStatus.__members__.get(place, place)
        heard = self._sj_heard(place)
        failed = heard in (JobStatus.ERROR, self._sj_rules.states["ERROR"], "ERROR")
        return Observation(heard, reason=reason_of(job)) if failed else heard

    def _cancel(self) -> bool | None:
        cancel = getattr(self.adopted, "cancel", None)
        if not callable(cancel):
            return False
        try:
            answer = cancel()
        except NotImplementedError:
            return False
        # That it was taken is all that an answer says; whether it stops, the status will say.
        return False if answer is False else None

    def _fetch_result(self) -> Any:
        return _value(self.adopted, "result")


def _check(job: object) -> None:
    """Refuse what cannot be adopted.

    Raises:
        TypeError: It is a job of sojourn's, or lacks something, or has it in a form of no use.
    """
    if isinstance(job, BaseJob):
        raise TypeError(f"{job!r:.80} is a job of sojourn's; use it as it is")
    if isinstance(job, type):
        raise TypeError(f"a job is adopted, not a class such as {job!r:.80}")
    missing = [name for name in _NEEDED if not hasattr(type(job), name) and not hasattr(job, name)]
    if missing:
        raise TypeError(
            f"{job!r:.80} cannot be adopted, it has no {', '.join(missing)}; "
            "a job object has job_id, status and result"
        )
    for name in (*_NEEDED, "cancel"):
        found = inspect.getattr_static(type(job), name, None)
        found = getattr(job, name) if callable(found) else None
        if found is None:
            continue
        if inspect.iscoroutinefunction(found):
            raise TypeError(f"{name}() of {job!r:.80} is a coroutine; adopt() asks without a loop")
        try:
            inspect.signature(found).bind()
        except TypeError as error:
            raise TypeError(
                f"{name}() of {job!r:.80} cannot be called without arguments: {error}"
            ) from error
        except ValueError:
            pass  # some builtins do not tell


def _value(job: Any, name: str) -> Any:
    """Return what an object says under a name, be it a method or an attribute."""
    found = getattr(job, name)
    return found() if callable(found) else found


def reason_of(job: Any) -> str | BaseException | None:
    """Return why a job failed, as far as the object says without a wait."""
    future = getattr(job, "_future", None)
    if isinstance(future, Future) and future.done() and not future.cancelled():
        return future.exception()
    told = getattr(job, "error_message", None)
    try:
        message = told() if callable(told) else told
    except Exception as error:  # noqa: BLE001  # whatever it raises is all that is known
        return error
    return str(message) if message else None


def _places(name: str, given: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """Check where a map leads, and return it with states in the place of their names.

    Raises:
        TypeError: It is no mapping.
        ValueError: It leads to what is no state.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a mapping, not {given!r:.80}")
    states = {state.name: state for state in AdoptedJob.lifecycle.states}
    found: dict[Any, Any] = {}
    for key, place in given.items():
        known = place.name if isinstance(place, State | JobStatus | QiskitStatus) else place
        if place is None and name == "errors":
            found[key] = None
        elif not isinstance(known, str) or known not in states:
            raise ValueError(
                f"{name} leads from {key!r:.60} to {place!r:.60}; {nearest(known, states)}"
            )
        else:
            found[key] = place if isinstance(place, State) else QiskitStatus[known]
    return found
