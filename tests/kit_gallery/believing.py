"""Who weighs a report wrongly?"""

from __future__ import annotations

from typing import Any

from kit_gallery.planting import breaks
from sojourn import BaseJob, JobStatus, State, Transition
from sojourn.errors import UnknownStatusError
from sojourn.history import Outcome
from sojourn.testing import ScriptedJob


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
