"""Who waits wrongly, or hands out another result?"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from kit_gallery.planting import breaks
from sojourn import BaseJob, JobStatus
from sojourn.errors import JobFailedError, JobTimeoutError


@breaks("result-is-kept")
class NoneIsEmpty(BaseJob[Any]):
    def result(self, timeout: float | None = None) -> Any:
        return super().result(timeout) or ""


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
