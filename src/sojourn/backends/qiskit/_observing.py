"""How a job of Qiskit's is looked at: statuses in and out, ids, and methods of the class's own."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, ClassVar

from sojourn import _clock
from sojourn._handle import UNCLAIMED, Handle, describe
from sojourn._records import NOT_GIVEN, Record
from sojourn._snapshots import Snapshots
from sojourn._waiting import T
from sojourn.backends.qiskit._errors import Raised, told
from sojourn.backends.qiskit._own import is_own
from sojourn.backends.qiskit._sdk import QiskitStatus
from sojourn.errors import (
    JobCancelledError,
    JobFailedError,
    JobSubmitError,
    SojournError,
    SubmitInterruptedError,
    SubmitUncertainError,
)
from sojourn.history import Observation, Outcome
from sojourn.lifecycle import JobStatus, State

__all__ = ["Observing"]

#: What messages call a job that has no id yet.
NO_ID = "(no id yet)"

#: Seconds that a result which is here waits for the answer to where its job is.
PATIENCE = 2.0


class Observing(Snapshots[T]):
    """The part of a Qiskit job that makes the core see what Qiskit's users see."""

    strict_observations: ClassVar[bool] = False
    """Whether a report that contradicts what is known is an error for whoever has looked."""

    status_errors: ClassVar[Mapping[type[Exception], Any]] = {}
    """What an exception that an overridden ``status()`` raises says; ``None`` is no news."""

    #: Whether looks may take for ever, and so must not hold up a wait that has a deadline.
    _sj_apart = False

    def __new__(cls, *_arguments: Any, **_options: Any) -> Any:
        """Make a job that may be asked for its status before its constructor has run."""
        job = super().__new__(cls)
        Handle.__init__(job, None, NO_ID)
        return job

    # The fields of `JobV1`, which providers set and read themselves.

    @property
    def _job_id(self) -> Any:
        return self.__dict__.get("_job_id")

    @_job_id.setter
    def _job_id(self, job_id: Any) -> None:
        self.__dict__["_job_id"] = job_id
        if self._sj_book() is None:
            self._sj_id = _shown(job_id)  # where there is a journal, the job is known to it already

    @property
    def _backend(self) -> Any:
        return self._sj_backend

    @_backend.setter
    def _backend(self, backend: Any) -> None:
        self._sj_backend = backend

    # Statuses.

    def _sj_spoken(self, status: JobStatus | None = None) -> QiskitStatus:
        """Return Qiskit's member for where the job is, or for a status that was seen."""
        state = self.state
        if status is not None and state.status is not status:
            return QiskitStatus[status.name]
        name = state.name if state.name in QiskitStatus.__members__ else state.status.name
        return QiskitStatus[name]

    def _sj_heard(self, raw: object) -> object:
        """Return what a member of Qiskit's means here; anything else as it is."""
        if isinstance(raw, Observation):
            return raw._replace(raw=self._sj_heard(raw.raw))
        if not isinstance(raw, QiskitStatus):
            return raw
        states = self._sj_rules.states
        if raw is QiskitStatus.VALIDATING:
            return states.get("VALIDATING", JobStatus.QUEUED)
        if raw is QiskitStatus.QUEUED and self.state.name == "VALIDATING":
            return states["QUEUED"]  # which VALIDATING would otherwise agree with
        return JobStatus[raw.name]

    def _sj_place_of(self, error: Exception) -> object:
        """Return what an exception of the class's own ``status()`` says, by ``status_errors``."""
        found = (place for kind, place in self.status_errors.items() if isinstance(error, kind))
        place = next(found)
        if place is None:
            return None
        if isinstance(place, str) and not isinstance(place, JobStatus):
            place = self._sj_rules.states[place]
        return Observation(place, reason=error)

    def observe(self, raw: object, **more: Any) -> Outcome:
        """Take a report about this job, as `BaseJob.observe` does; Qiskit's members count, too."""
        return super().observe(self._sj_heard(raw), **more)

    def _sj_hear(self, raw: object, asked: Record) -> Outcome:
        raw = self._sj_heard(raw)
        outcome = super()._sj_hear(raw, asked)
        if outcome is Outcome.CONFLICT and self.strict_observations:
            said = raw.raw if isinstance(raw, Observation) else raw
            word = said.name if isinstance(said, State | JobStatus) else said
            reason = f"its backend reports {word!r:.80}, which no legal path explains"
            raise self._sj_denial("observe", f"{reason}; job.anomalies keeps it")
        return outcome

    # Methods of the class's own.

    def _sj_observes(self) -> bool:
        """Whether the class overrides ``status()``, so that only its answer tells where it is."""
        return is_own(self._poll)

    def _sj_has_id(self) -> bool:
        """Whether the job has an id, so that a backend may have it whoever has submitted it."""
        return bool(self._job_id)

    def _sj_pollable(self) -> bool:
        if not self._sj_observes():
            return super()._sj_pollable()
        over = self.state.is_final or self._sj_sealed()
        return not over and self._sj_claimed().kind not in ("sending", "uncertain", "elsewhere")

    def _sj_check_waitable(self) -> None:
        elsewhere = self._sj_observes() and self._sj_has_id() and not self._sj_sealed()
        if not (elsewhere and not self._sj_claimed().kind):
            super()._sj_check_waitable()

    def _sj_try_poll(self, deadline: float | None) -> Exception | None:
        look = super()._sj_try_poll
        seconds = 0.0 if deadline is None else deadline - _clock.monotonic()
        if seconds <= 0 or not (self._sj_apart or self._sj_observes()):
            return look(deadline)
        return _look_apart(look, seconds)

    def _sj_cancel_now(self) -> bool | None:
        unsubmitted = self.state.status is JobStatus.INITIALIZING and not self._sj_claimed().kind
        if unsubmitted and is_own(self._cancel) and self._sj_has_id() and not self._sj_sealed():
            return None
        return super()._sj_cancel_now()

    def _sj_ask(self, hook: Any, what: str) -> Any:
        if not is_own(hook):
            return super()._sj_ask(hook, what)
        try:
            return hook()
        except SojournError:
            raise
        except Exception as error:
            transient = self._sj_transient(error)
            reason = f"job {self._sj_id!r} cannot {what}: {describe(error)}"
            raise Raised(reason, transient, error) from error

    # Submissions.

    def _sj_lose_claim(self, claimant: object, error: BaseException) -> bool:
        """Conclude nothing about a job that may be with the backend although submit() raised."""
        undone = isinstance(error, NotImplementedError) or self._sj_has_id()
        refused = isinstance(error, Exception) and not self._sj_uncertain(error)
        if not (is_own(self._submit) and undone and refused):
            return super()._sj_lose_claim(claimant, error)
        with self._sj_lock:
            facts = self._sj_known()
            if facts.claim.claimant is claimant:
                self._sj_stage(claim="")
                facts.claim = UNCLAIMED
                self._sj_stage(claim="")
                self._sj_try_to_keep_staged()
        return False

    def _sj_settle_loss(self, error: BaseException) -> None:
        """Raise what the class's own ``submit()`` has raised, with a note of what follows from it."""
        try:
            super()._sj_settle_loss(error)
        except SubmitInterruptedError:
            raise
        except (JobSubmitError, SubmitUncertainError) as settled:
            if not is_own(self._submit):
                raise
            error.add_note(str(settled))
            raise error  # noqa: B904  # it is the one that was caught first, as it came

    # Results.

    def _sj_must_fetch(self) -> bool:
        return is_own(self._fetch_result) or super()._sj_must_fetch()

    def _sj_keep_result(self, call: Callable[[], Any]) -> Any:
        """Get a result from the class's own ``result()``, and learn from it that the job is over."""
        value = call()
        if self._sj_pollable():
            try:
                _look_apart(self._sj_look_alone, PATIENCE)
            except Exception:  # noqa: BLE001  # the result is here, whatever became of the question
                return value
        state = self.state.name
        if state == "DONE":
            self._sj_known().result = value
        elif value is None and state in ("ERROR", "CANCELLED"):
            raise told(self._sj_no_result(state))
        return value

    def _sj_look_alone(self, _: None) -> None:
        self._sj_poll(None)

    def _sj_no_result(self, state: str) -> SojournError:
        if state == "CANCELLED":
            return JobCancelledError("", self._sj_id)
        cause = self.error()
        error = JobFailedError(str(cause) or repr(cause), self._sj_id)
        error.__cause__ = cause
        return error

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the result without blocking the event loop, as `BaseJob` does."""
        try:
            return (yield from super().__await__())
        except SojournError as error:
            caught = told(error)
        raise caught

    def _sj_result(self) -> Any:
        # What is kept for a snapshot is not an answer to another call of the class's own result().
        sealed = bool(self._sj_sealed())
        return super()._sj_result() if sealed or not is_own(self._fetch_result) else NOT_GIVEN


def _look_apart(look: Callable[[None], Exception | None], seconds: float) -> Exception | None:
    """Look in another thread, and wait for that no longer than so many seconds.

    A ``status()`` that is not ours may try for ever to reach its service, and a wait that has a
    deadline has to end all the same. What such a look brings in the end, wakes the next wait.
    """
    ended = threading.Lock()
    answers: list[Exception | None] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(look(None))
        except BaseException as error:  # noqa: BLE001  # it is raised where it was asked for
            errors.append(error)
        finally:
            ended.release()

    ended.acquire()
    # What it sees of the context is what its caller sees: sessions and credentials are kept there.
    within = contextvars.copy_context().run
    threading.Thread(target=within, args=(run,), name="sojourn-look", daemon=True).start()
    # By the real clock: this waits for another thread, not for an instant.
    if not ended.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
        return None
    if errors:
        raise errors[0]
    return answers[0]


def _shown(job_id: object) -> str:
    """Return what messages and histories call a job."""
    if job_id is None or job_id == "":
        return NO_ID
    text = job_id if isinstance(job_id, str) else str(job_id)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) < 256 else f"{text[:254]}…"
