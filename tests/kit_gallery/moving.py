"""Who moves otherwise than its graph says, or tells it otherwise, or lets a thread in between?"""

from __future__ import annotations

from typing import Any

from kit_gallery.planting import breaks
from sojourn import BaseJob, Entry, IllegalTransitionError, JobStatus, State, Transition
from sojourn._records import NOT_GIVEN


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
