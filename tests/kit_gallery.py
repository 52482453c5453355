"""Job classes that each break one promise in one place, and odd ones that break none.

`PLANTED` says which promise each breaks; the kit must find it, by that name. The honest ones must
pass, however they look.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from sojourn import (
    BaseJob,
    Entry,
    IllegalTransitionError,
    JobStatus,
    Observation,
    State,
    Transition,
)
from sojourn._records import NOT_GIVEN
from sojourn.errors import (
    BackendError,
    JobFailedError,
    JobTimeoutError,
    SubmitUncertainError,
    UnknownStatusError,
)
from sojourn.history import Outcome
from sojourn.testing import ScriptedBackend, ScriptedJob

__all__ = ["HONEST", "PLANTED", "Honest", "Planted"]


class Planted(NamedTuple):
    """A class that breaks a promise."""

    cls: type[BaseJob[Any]]
    promise: str
    tier: str = "quick"

    @property
    def factory(self) -> Callable[[], BaseJob[Any]] | None:
        """Its jobs ask a client, if they have hooks of their own."""
        own = any(getattr(self.cls, name) is not getattr(BaseJob, name) for name in HOOKS)
        return (lambda: self.cls(Client(), "job-1")) if own else None


HOOKS = ("_submit", "_poll", "_cancel", "_fetch_result", "_find")
PLANTED: list[Planted] = []


def breaks(promise: str, tier: str = "quick") -> Callable[[Any], Any]:
    """Put a class into the gallery."""

    def keep(cls: Any) -> Any:
        PLANTED.append(Planted(cls, promise, tier))
        return cls

    return keep


# Threads.


class NoLock:
    """Looks like a lock, and keeps nobody out."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return True

    def release(self) -> None:
        pass

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass


@breaks("calls-are-linearizable")
class LostLock(BaseJob[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sj_lock = NoLock()  # type: ignore[assignment]


@breaks("calls-are-linearizable")
class ChecksThenActs(BaseJob[Any]):
    def finish(self, result: Any = NOT_GIVEN) -> bool:  # type: ignore[override]
        last = self._sj_last
        if last[0] != "RUNNING":
            return super().finish(result)
        self._sj_last = ("DONE", 0.0, "finish", last, ("trigger", False, None, result, 0))
        return True


@breaks("hooks-run-unlocked")
class AsksUnderTheLock(BaseJob[Any]):
    def status(self) -> JobStatus:
        with self._sj_lock:
            return super().status()


# Results.


@breaks("result-is-kept")
class NoneIsEmpty(BaseJob[Any]):
    def result(self, timeout: float | None = None) -> Any:
        return super().result(timeout) or ""


# Hooks of its own.


@breaks("backend-error-changes-nothing")
class TakesTroubleForTheEnd(BaseJob[Any]):
    def _poll(self) -> Any:
        try:
            return self.backend().ask("poll")
        except OSError as error:
            return Observation(JobStatus.ERROR, reason=str(error))


@breaks("cancel-asks")
class TakesTroubleForAYes(BaseJob[Any]):
    def _cancel(self) -> bool | None:
        with suppress(OSError):
            self.backend().ask("cancel")
        return True


@breaks("result-is-kept")
class TakesTroubleForAResult(BaseJob[Any]):
    def _fetch_result(self) -> Any:
        try:
            return self.backend().ask("fetch_result")
        except OSError:
            return None


@breaks("one-submission")
class TakesTroubleForANo(ScriptedJob):
    def _find(self) -> Any:
        with suppress(OSError):
            return super()._find()


@breaks("doubt-is-reconciled")
class TakesTroubleForAYesThere(ScriptedJob):
    def _find(self) -> Any:
        try:
            return super()._find()
        except OSError:
            return "native-0"


@breaks("one-submission", "ci")
class LooksOnlyOnce(ScriptedJob):
    found: Any = NOT_GIVEN

    def _find(self) -> Any:
        if self.found is NOT_GIVEN:
            self.found = super()._find()
        else:
            super()._find()
        return self.found


# Observations.


@breaks("stale-is-dropped")
class StalePollIsNews(BaseJob[Any]):
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # What the core calls itself by can be overridden in one job only.
        weigh = self._sj_weigh
        self._sj_weigh = lambda evidence, attempt, since: weigh(evidence, attempt, None)  # type: ignore[method-assign]


@breaks("stale-is-dropped")
class BelievesTheLatest(BaseJob[Any]):
    def observe(self, raw: object, **more: Any) -> Outcome:
        outcome = super().observe(raw, **more)
        if outcome == "STALE" and self.state.name == "RUNNING":
            self._sj_last = ("QUEUED", 0.0, "start", self._sj_last, None)
            return Outcome.ADVANCED
        return outcome


@breaks("unknown-is-refused")
class CoercesUnknownWords(BaseJob[Any]):
    def observe(self, raw: object, **more: Any) -> Outcome:
        try:
            return super().observe(raw, **more)
        except UnknownStatusError:
            return super().observe(JobStatus.RUNNING)


@breaks("unknown-is-refused")
class CoercesUnknownWordsInItsHook(ScriptedJob):
    def _poll(self) -> Any:
        word = super()._poll()
        return word if word is None or word in self.status_map else JobStatus.RUNNING


@breaks("unknown-is-refused")
class SwallowsUnknownWords(BaseJob[Any]):
    def status(self) -> JobStatus:
        try:
            return super().status()
        except UnknownStatusError:
            return self.state.status


@breaks("final-is-final")
class LastFinalWins(BaseJob[Any]):
    def observe(self, raw: object, **more: Any) -> Outcome:
        outcome = super().observe(raw, **more)
        if outcome == "CONFLICT" and self.state.name == "ERROR" and raw == "DONE":
            self._sj_last = ("DONE", 0.0, "finish", self._sj_last, None)
            return Outcome.ADVANCED
        return outcome


@breaks("conflict-is-kept")
class ForgetsContradictions(BaseJob[Any]):
    @property
    def anomalies(self) -> Any:
        return ()


@breaks("observation-is-weighed")
class JumpsToTheReport(BaseJob[Any]):
    CHECKING = State(JobStatus.RUNNING)
    check = Transition(JobStatus.RUNNING, CHECKING)

    def observe(self, raw: object, **more: Any) -> Outcome:
        if raw == "DONE" and self.state.name == "RUNNING":
            self.trigger("check")
        return super().observe(raw, **more)

    finish = BaseJob.finish | Transition(CHECKING, JobStatus.DONE)


# Submitting and cancelling.


@breaks("one-submission")
class SubmitsTwice(ScriptedJob):
    def _submit(self) -> Any:
        super()._submit()
        return super()._submit()


@breaks("one-submission")
class TriesAgainAfterALostAnswer(BaseJob[Any]):
    def submit(self) -> None:
        try:
            super().submit()
        except SubmitUncertainError:
            self._submit()
            raise


@breaks("submit-is-settled")
class TakesADoubtForASuccess(BaseJob[Any]):
    def submit(self) -> None:
        with suppress(SubmitUncertainError):
            super().submit()


@breaks("cancel-asks")
class CancelsBeforeItIsConfirmed(BaseJob[Any]):
    def cancel(self) -> bool:
        taken = super().cancel()
        if taken and not self.state.is_final:
            self.trigger("cancel")
        return taken


@breaks("cancel-asks")
class ConfirmsForItsBackend(ScriptedJob):
    def _cancel(self) -> Any:
        return super()._cancel() is not False


@breaks("cancel-answers")
class AlwaysSaysCancelled(BaseJob[Any]):
    def cancel(self) -> bool:
        super().cancel()
        return True


@breaks("doubt-is-reconciled")
class FindsWhatIsNotThere(ScriptedJob):
    def _find(self) -> Any:
        return super()._find() or "native-0"


# Looking.


@breaks("status-from-memory")
class PollsWhenFinal(BaseJob[Any]):
    def status(self) -> JobStatus:
        if self.state.is_final:
            self._poll()
        return super().status()


@breaks("status-polls")
class NeverPolls(BaseJob[Any]):
    def status(self) -> JobStatus:
        return self.state.status


@breaks("status-agrees")
class DoneMeansOver(BaseJob[Any]):
    def done(self) -> bool:
        return self.in_final_state()


@breaks("status-never-raises")
class RaisesBecauseTheJobFailed(BaseJob[Any]):
    def status(self) -> JobStatus:
        status = super().status()
        if status == "ERROR":
            raise JobFailedError("it failed", self.job_id())
        return status


@breaks("backend-error-changes-nothing")
class FailsWhenTheLineIsDown(BaseJob[Any]):
    def status(self) -> JobStatus:
        try:
            return super().status()
        except BackendError as error:
            self.trigger("fail", error)
            raise


@breaks("backend-error-changes-nothing")
class HidesThatTheLineIsDown(BaseJob[Any]):
    def status(self) -> JobStatus:
        try:
            return super().status()
        except BackendError:
            return self.state.status


@breaks("backend-error-changes-nothing")
class GivesUpAtTheSecondTrouble(ScriptedJob):
    troubles = 0

    def status(self) -> JobStatus:
        try:
            return super().status()
        except BackendError:
            self.troubles += 1
            if self.troubles == 2 and not self.state.is_final:
                self.trigger("fail", "the line is down")
            raise


@breaks("one-submission", "ci")
class SubmitsAgainWhenItCannotAsk(ScriptedJob):
    def reconcile(self) -> Outcome:
        try:
            return super().reconcile()
        except BackendError:
            self._submit()
            raise


@breaks("status-polls", "ci")
class AsksNoMoreAfterALostAnswer(BaseJob[Any]):
    deaf = False

    def status(self) -> JobStatus:
        if self.deaf:
            return self.state.status
        try:
            return super().status()
        except BackendError as error:
            self.deaf = isinstance(error.__cause__, TimeoutError)
            raise


# Triggers and history.


@breaks("state-is-last-entry", "ci")
class LosesCountInTheFourthAttempt(BaseJob[Any]):
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    @property
    def attempt(self) -> int:
        return min(super().attempt, 3)


@breaks("trigger-is-strict")
class FinishesWithoutStarting(BaseJob[Any]):
    def finish(self, result: Any = NOT_GIVEN) -> bool:  # type: ignore[override]
        if self.state.name == "QUEUED":
            self.start()
        return super().finish(result)


@breaks("trigger-is-strict")
class SwallowsRefusals(BaseJob[Any]):
    def trigger(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        try:
            return super().trigger(trigger, *args, **kwargs)
        except IllegalTransitionError:
            return False


@breaks("refusal-changes-nothing")
class FailsWhenRefused(BaseJob[Any]):
    def trigger(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        try:
            return super().trigger(trigger, *args, **kwargs)
        except IllegalTransitionError:
            if not self.state.is_final:
                super().trigger("fail")
            raise


@breaks("may-tells")
class SaysThatAnythingMayBe(BaseJob[Any]):
    def may(self, trigger: str, *args: Any, **kwargs: Any) -> bool:
        return trigger in self.lifecycle.triggers(self.state) or trigger == "finish"


@breaks("may-tells")
class ListsEveryTrigger(BaseJob[Any]):
    def triggers(self) -> tuple[str, ...]:
        return ("submit", "start", "finish", "fail", "cancel")


@breaks("history-is-dense")
class HistoryWithAHole(BaseJob[Any]):
    @property
    def history(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in super().history if entry.number != 2)


@breaks("history-is-a-path")
class RewritesItsPastWhenItIsOver(BaseJob[Any]):
    @property
    def history(self) -> tuple[Entry, ...]:
        kept = super().history
        over = self.state.is_final
        return tuple(entry._replace(origin="recovery") for entry in kept) if over else kept


@breaks("history-is-honest")
class CountsNoAttempts(BaseJob[Any]):
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sj_commit = self._forget  # type: ignore[method-assign]

    def _forget(self, plan: Any, at: Any, more: Any) -> None:
        self._sj_last = (plan.dest, at, plan.trigger, self._sj_last, more)


@breaks("state-is-last-entry")
class KeepsAStateOfItsOwn(BaseJob[Any]):
    @property
    def state(self) -> State:
        state = super().state
        return self.lifecycle.state("QUEUED") if state.name == "RUNNING" else state


@breaks("payload-is-kept")
class TakesNoneForNothing(BaseJob[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = self._sj_result
        self._sj_result = lambda: NOT_GIVEN if known() is None else known()  # type: ignore[method-assign]


# Waiting and results.


@breaks("wait-needs-submission")
class WaitsForWhatNobodySubmitted(BaseJob[Any]):
    def wait_for_final_state(self, timeout: float | None = None, *rest: Any, **more: Any) -> None:
        if not self.history and timeout is not None:
            raise JobTimeoutError(self.job_id(), self.state.name, timeout)
        super().wait_for_final_state(timeout, *rest, **more)


@breaks("deadline-is-kept")
class Oversleeps(BaseJob[Any]):
    def wait_for_final_state(self, timeout: float | None = None, *rest: Any, **more: Any) -> None:
        super().wait_for_final_state(None if timeout is None else timeout * 1.5, *rest, **more)


@breaks("deadline-is-kept")
class SleepsUntilItIsOver(BaseJob[Any]):
    def wait_for_final_state(
        self, timeout: Any = None, wait: float = 5, callback: Any = None
    ) -> None:
        while not self.in_final_state():
            time.sleep(wait)


@breaks("deadline-is-kept")
class GivesUpInSilence(BaseJob[Any]):
    def wait_for_final_state(self, *args: Any, **more: Any) -> None:
        with suppress(JobTimeoutError):
            super().wait_for_final_state(*args, **more)


@breaks("wait-wakes")
class SleepsThroughPushes(BaseJob[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sj_wake = lambda watch: None  # type: ignore[method-assign]


@breaks("wait-polls")
class GivesUpAtTheFirstTrouble(BaseJob[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sj_transient = lambda error: False  # type: ignore[method-assign]


@breaks("wait-polls")
class PollsTooSeldom(BaseJob[Any]):
    def wait_for_final_state(
        self, timeout: Any = None, wait: float = 5, callback: Any = None
    ) -> None:
        super().wait_for_final_state(timeout, wait * 2, callback)


@breaks("wait-tells")
class KeepsTheEndToItself(BaseJob[Any]):
    def wait_for_final_state(
        self, timeout: Any = None, wait: float = 5, callback: Any = None
    ) -> None:
        def tell(job_id: str, status: JobStatus, job: Any) -> None:
            if callback is not None and not status.is_final:
                callback(job_id, status, job)

        super().wait_for_final_state(timeout, wait, tell)


@breaks("result-is-kept")
class LosesItsResult(BaseJob[Any]):
    asked = False

    def result(self, timeout: float | None = None) -> Any:
        result = super().result(timeout)
        if self.asked:
            return None
        self.asked = True
        return result


@breaks("result-is-kept")
class ReturnsNone(BaseJob[Any]):
    def result(self, timeout: float | None = None) -> Any:
        super().result(timeout)


@breaks("result-is-kept")
class FetchesEveryTime(BaseJob[Any]):
    def result(self, timeout: float | None = None) -> Any:
        super().result(timeout)
        return self._fetch_result()


@breaks("result-raises")
class ReturnsNothingWhenItFailed(BaseJob[Any]):
    def result(self, timeout: float | None = None) -> Any:
        with suppress(JobFailedError):
            return super().result(timeout)


# Asyncio.


@breaks("await-is-result")
class AwaitsTheEndOnly(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        yield from super().__await__()


@breaks("await-is-result")
class AwaitsNoFailure(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        with suppress(JobFailedError):
            return (yield from super().__await__())


@breaks("await-is-result")
class AwaitsTheNextStep(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        return self._next().__await__()

    async def _next(self) -> Any:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        leave = self.add_callback(lambda *_: loop.call_soon_threadsafe(told.set))
        await told.wait()
        leave()
        return await asyncio.to_thread(self.result)


@breaks("await-is-result")
class AwaitsWhatNobodySubmitted(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        if not self.history:
            return None
        return (yield from super().__await__())


@breaks("await-cancels-nothing")
class CancelsWithItsTask(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from super().__await__())
        except asyncio.CancelledError:
            self.cancel()
            raise


@breaks("await-cancels-nothing")
class SharesOneTask(BaseJob[Any]):
    task: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        if self.task is None or self.task.get_loop() is not asyncio.get_running_loop():
            self.task = asyncio.ensure_future(asyncio.to_thread(self.result))
        return (yield from self.task)


@breaks("await-cancels-nothing")
class HoldsItsTask(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from super().__await__())
        except asyncio.CancelledError:
            return (yield from super().__await__())


@breaks("loop-goes-on")
class WaitsInTheLoop(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self.result()


@breaks("loop-goes-on")
class PollsInTheLoop(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        while not self.in_final_state():
            yield from asyncio.sleep(1).__await__()
        return (yield from asyncio.to_thread(self.result).__await__())


@breaks("loop-goes-on")
class FetchesInTheLoop(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.to_thread(self.wait_for_final_state).__await__()
        return self.result()


@breaks("loop-goes-on")
class SleepsInTheLoop(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            time.sleep(0.1)  # noqa: ASYNC251  # which is what is wrong with it
            yield entry


@breaks("changes-are-the-history")
class FollowsWhatComesOnly(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        before = len(self.history)
        async for entry in super().changes():
            if entry.number > before:
                yield entry


@breaks("changes-are-the-history")
class SkipsWhatWentQuickly(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            if entry is self.history[-1] or entry.number == self.history[-1].number:
                yield entry


@breaks("changes-are-the-history")
class TellsTheEndTwice(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            yield entry
        yield entry


@breaks("changes-are-the-history")
class KeepsTheLastEntryBack(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            if entry.dest != "CANCELLED":
                yield entry


@breaks("changes-are-the-history")
class StopsAtANewAttempt(BaseJob[Any]):
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            if entry.attempt == 1:
                yield entry


class Pumped(BaseJob[Any]):
    """Has its entries put into a queue, and its followers read from there."""

    async def changes(self) -> AsyncIterator[Entry]:
        entries: asyncio.Queue[Entry] = asyncio.Queue()
        self._pump(entries)
        while True:
            entry = await entries.get()
            yield entry
            if self.lifecycle.state(entry.dest).is_final:
                return

    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        raise NotImplementedError


@breaks("followers-leave-nothing")
class LeavesACallback(Pumped):
    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        loop = asyncio.get_running_loop()
        for entry in self.history:
            entries.put_nowait(entry)
        self.add_callback(lambda _, entry: loop.call_soon_threadsafe(entries.put_nowait, entry))


@breaks("followers-leave-nothing")
class LeavesATask(Pumped):
    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        async def pump() -> None:
            async for entry in BaseJob.changes(self):
                entries.put_nowait(entry)

        self.pumping = asyncio.ensure_future(pump())


@breaks("followers-leave-nothing")
class LeavesAWaitingThread(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.to_thread(self.result).__await__()


@breaks("followers-leave-nothing")
class LeavesAThread(Pumped):
    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        loop = asyncio.get_running_loop()

        def pump() -> None:
            told = 0
            while True:
                over = self.status().is_final
                for entry in self.history[told:]:
                    told = entry.number
                    with suppress(RuntimeError):  # the loop was closed
                        loop.call_soon_threadsafe(entries.put_nowait, entry)
                if over:
                    return
                threading.Event().wait(0.1)  # `time.sleep` is another test's by then

        threading.Thread(target=pump, daemon=True).start()


# Outsiders, and what is kept.


@breaks("callbacks-once")
class CallsTwice(BaseJob[Any]):
    def add_callback(self, callback: Any) -> Any:
        def twice(job: Any, entry: Entry) -> None:
            callback(job, entry)
            callback(job, entry)

        return super().add_callback(twice)


@breaks("callbacks-in-order")
class CallsOutOfOrder(BaseJob[Any]):
    def add_callback(self, callback: Any) -> Any:
        held: list[Entry] = []

        def late(job: Any, entry: Entry) -> None:
            if entry.number == 2:
                held.append(entry)
                return
            callback(job, entry)
            while held:
                callback(job, held.pop())

        return super().add_callback(late)


@breaks("callbacks-are-harmless")
class RemovesNobody(BaseJob[Any]):
    def add_callback(self, callback: Any) -> Any:
        super().add_callback(callback)
        return lambda: None


@breaks("journal-comes-first")
class KeepsAfterwards(BaseJob[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._commit = self._sj_commit
        self._sj_commit = self._late  # type: ignore[method-assign]

    def _late(self, plan: Any, at: Any, more: Any) -> None:
        watch = self._sj_watch
        if watch is None or watch.book is None:
            self._commit(plan, at, more)
            return
        book, watch.book = watch.book, None
        self._commit(plan, at, more)
        watch.book = book
        self._sj_keep(book, self._sj_last)


@breaks("pickle-is-a-snapshot")
class PicklesAlive(BaseJob[Any]):
    def __setstate__(self, attributes: dict[str, Any]) -> None:
        super().__setstate__(attributes)
        self._sj_watch = None


@breaks("no-copies")
class CanBeCopied(BaseJob[Any]):
    def __copy__(self) -> Any:
        return self


@breaks("identity-is-kept")
class ChangesItsName(BaseJob[Any]):
    def job_id(self) -> str:
        return super().job_id().upper()


@breaks("metadata-is-kept")
class SharesItsNotes(BaseJob[Any]):
    notes: ClassVar[dict[str, Any]] = {}

    @property
    def metadata(self) -> dict[str, Any]:
        return self.notes


@breaks("metadata-is-kept")
class GivesACopyOfItsNotes(BaseJob[Any]):
    @property
    def metadata(self) -> dict[str, Any]:
        return dict(super().metadata)


@breaks("metadata-is-kept")
class TakesNoFurtherNotes(BaseJob[Any]):
    @property
    def metadata(self) -> Any:
        return MappingProxyType(super().metadata)


@breaks("metadata-is-kept")
class ForgetsItsNotesAtTheEnd(BaseJob[Any]):
    @property
    def metadata(self) -> dict[str, Any]:
        return {} if self.state.name == "CANCELLED" else super().metadata


@breaks("metadata-is-kept")
class KeepsTheNotesOfItsCaller(BaseJob[Any]):
    def __init__(self, *args: Any, metadata: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sj_metadata = {} if metadata is None else metadata


@breaks("metadata-is-kept")
class TakesNoNotes(BaseJob[Any]):
    def __init__(self, backend: Any, job_id: str, **options: Any) -> None:
        super().__init__(backend, job_id)


# Honest ones.


class Honest(NamedTuple):
    """An odd class that keeps every promise, and how a job of it is made."""

    cls: type[BaseJob[Any]]
    factory: Callable[[], Any] | None = None


class Empty(BaseJob[Any]):
    """Adds nothing."""


class Slotted(BaseJob[Any]):
    """Has no dictionary."""

    __slots__ = ()


class CountsCalls(BaseJob[Any]):
    """Overrides every method, and changes nothing."""

    calls = 0

    def _count(self) -> None:
        self.calls += 1

    def submit(self) -> None:
        self._count()
        super().submit()

    def status(self) -> JobStatus:
        self._count()
        return super().status()

    def cancel(self) -> bool:
        self._count()
        return super().cancel()

    def result(self, timeout: float | None = None) -> Any:
        self._count()
        return super().result(timeout)

    def trigger(self, trigger: str, /, *args: Any, **kwargs: Any) -> bool:
        self._count()
        return super().trigger(trigger, *args, **kwargs)

    def observe(self, raw: object, **more: Any) -> Outcome:
        self._count()
        return super().observe(raw, **more)

    def finish(self, result: Any = NOT_GIVEN) -> bool:  # type: ignore[override]
        self._count()
        return super().finish(result)

    @property
    def state(self) -> State:
        return super().state


class RemembersTheEnd(BaseJob[Any]):
    """Answers a final status from a cache of its own."""

    _status: JobStatus | None = None

    def status(self) -> JobStatus:
        if self._status is None:
            status = super().status()
            if status.is_final:
                self._status = status
            return status
        return self._status


class ParsesItsResult(BaseJob[Any]):
    """Makes something of the result that it fetches."""

    def result(self, timeout: float | None = None) -> Any:
        return ("parsed", super().result(timeout))


class Guarded(BaseJob[Any]):
    """Has conditions and branches."""

    HELD = State(JobStatus.QUEUED, on_enter="_note", on_exit="_note")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.notes: list[str] = []

    def _open(self, event: Any) -> bool:
        return len(self.notes) < 3

    def _never(self, event: Any) -> bool:
        return False

    def _note(self, event: Any) -> None:
        self.notes.append(event.transition.dest)

    hold = Transition(JobStatus.QUEUED, HELD, conditions="_open", after="_note")
    start = Transition(HELD, JobStatus.RUNNING, unless="_open") | BaseJob.start
    resume = Transition(HELD, JobStatus.QUEUED, conditions="_never") | Transition(
        HELD, JobStatus.RUNNING
    )


class Precheck(BaseJob[Any]):
    """Takes a detour before it is submitted, and has other names for everything."""

    CHECKED = State(JobStatus.INITIALIZING)
    check = Transition(JobStatus.INITIALIZING, CHECKED)
    handed_over = Transition([JobStatus.INITIALIZING, CHECKED], JobStatus.QUEUED, trigger="submit")
    start = None
    begin = Transition(JobStatus.QUEUED, JobStatus.RUNNING, trigger="go_on")
    status_map = {0: JobStatus.QUEUED, ("r", 1): JobStatus.RUNNING, b"!": "DONE", None: "ERROR"}


class Restarts(BaseJob[Any]):
    """Starts new attempts from anywhere, and stays where it is with one of them."""

    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)
    again = Transition(JobStatus.RUNNING, JobStatus.RUNNING, new_attempt=True)
    look = Transition(JobStatus.RUNNING, JobStatus.RUNNING)


class NeedsMore(BaseJob[Any]):
    """Is made with more than a backend and an id."""

    def __init__(self, client: Any, job_id: str, circuit: str, *, shots: int) -> None:
        super().__init__(client, job_id, metadata={"shots": shots})
        self.circuit = circuit

    def _submit(self) -> Any:
        return self.backend().run(self.circuit)


class AddsNotes(BaseJob[Any]):
    """Writes notes of its own, some at birth and some on the way."""

    def __init__(self, backend: Any, job_id: str, metadata: Any = None) -> None:
        super().__init__(backend, job_id, metadata={"by": "me", **(metadata or {})})

    def _note(self, event: Any) -> None:
        self.metadata[f"came to {event.transition.dest}"] = True

    start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_note")


class ChecksItsNotes(BaseJob[Any]):
    """Takes no notes but its own."""

    def __init__(self, *args: Any, metadata: Any = None, **options: Any) -> None:
        if metadata and "circuit" not in metadata:
            raise ValueError("metadata must name the circuit")
        super().__init__(*args, metadata=metadata, **options)


class HasNoNotes(BaseJob[Any]):
    """Takes nothing but a backend and an id."""

    def __init__(self, backend: Any, job_id: str) -> None:
        super().__init__(backend, job_id)


class AwaitsInAThread(BaseJob[Any]):
    """Waits in another thread, a second at a time, so that none is left when nobody awaits it."""

    def __await__(self) -> Generator[Any, None, Any]:
        while not (yield from asyncio.to_thread(self._is_over).__await__()):
            pass
        return (yield from asyncio.to_thread(self.result).__await__())

    def _is_over(self) -> bool:
        with suppress(JobTimeoutError):
            self.wait_for_final_state(timeout=1)
        return self.state.is_final


class FollowsByCallback(BaseJob[Any]):
    """Is told of what happens, and does not look; who follows it need not close what they leave."""

    async def changes(self) -> AsyncIterator[Entry]:
        news: asyncio.Queue[Entry] = asyncio.Queue()
        loop, told = asyncio.get_running_loop(), 0
        leave = self.add_callback(
            lambda _, entry: loop.call_soon_threadsafe(news.put_nowait, entry)
        )
        try:
            for entry in self.history:
                told = entry.number
                yield entry
            while not (told == len(self.history) and self.state.is_final):
                try:
                    entry = await asyncio.wait_for(news.get(), 1)
                except TimeoutError:
                    await asyncio.to_thread(self.status)
                    continue
                if entry.number > told:
                    told = entry.number
                    yield entry
        finally:
            leave()


class Equal(BaseJob[Any]):
    """Is equal to jobs of the same id, and so has no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and other.job_id() == self.job_id()

    __hash__ = None  # type: ignore[assignment]


class Client(ScriptedBackend):
    """Speaks the language of some service."""

    def enqueue(self, token: str) -> dict[str, Any]:
        return {"id": self.ask("submit")}

    def where(self, native_id: str) -> dict[str, Any] | None:
        word = self.ask("poll")
        return None if word is None else {"word": word}


class DoubtsEverything(BaseJob[Any]):
    """Takes no error for a refusal, and every error of a poll for one that may pass."""

    uncertain_errors = (Exception,)
    transient_errors = (Exception,)


class DoubtsNothing(BaseJob[Any]):
    """Has errors that say no although they are timeouts."""

    uncertain_errors = ()


class SpeaksItsOwnLanguage(BaseJob[Any]):
    """Has hooks of its own, which ask a client."""

    def _submit(self) -> Any:
        return self.backend().enqueue(self.job_id())["id"]

    def _poll(self) -> Any:
        answer = self.backend().where(self.native_id)
        return None if answer is None else Observation(answer["word"], reason="so it says")


class Keeps(SpeaksItsOwnLanguage):
    """Keeps what it cannot pickle, and a class under it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.words: Iterator[str] = (word for word in ())


HONEST = [
    Honest(Empty),
    Honest(Slotted),
    Honest(CountsCalls),
    Honest(RemembersTheEnd),
    Honest(ParsesItsResult),
    Honest(Guarded),
    Honest(Precheck),
    Honest(Restarts),
    Honest(NeedsMore, lambda: NeedsMore(object(), "job-1", "bell", shots=100)),
    Honest(AwaitsInAThread),
    Honest(FollowsByCallback),
    Honest(AddsNotes),
    Honest(ChecksItsNotes),
    Honest(HasNoNotes),
    Honest(Equal),
    Honest(DoubtsEverything),
    Honest(DoubtsNothing),
    Honest(SpeaksItsOwnLanguage, lambda: SpeaksItsOwnLanguage(Client(), "job-1")),
    Honest(Keeps, lambda: Keeps(Client(), "job-1")),
    Honest(ScriptedJob),
]
