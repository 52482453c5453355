"""Who asks a backend too often, or too seldom, or makes something else of the answer?"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kit_gallery.planting import breaks
from sojourn import BaseJob, JobStatus, Observation
from sojourn._records import NOT_GIVEN
from sojourn.errors import BackendError, JobFailedError, SubmitUncertainError
from sojourn.history import Outcome
from sojourn.testing import ScriptedJob


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


@breaks("one-submission")
class LooksOnlyOnce(ScriptedJob):
    found: Any = NOT_GIVEN

    def _find(self) -> Any:
        if self.found is NOT_GIVEN:
            self.found = super()._find()
        else:
            super()._find()
        return self.found


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
