"""Who gives the answer of an earlier moment once more?"""

from __future__ import annotations

from typing import Any

from kit_gallery.planting import breaks
from sojourn import BaseJob, JobStatus

__all__: list[str] = []


class Remembers(BaseJob[Any]):
    """Keeps the first answer to a question."""

    def first(self, question: str, answer: Any) -> Any:
        kept = self.__dict__.setdefault("kept", {})
        if question not in kept:
            kept[question] = answer()
        return kept[question]


@breaks("status-polls")
class RemembersItsStatus(Remembers):
    def status(self) -> JobStatus:
        if self.state is BaseJob.INITIALIZING:
            return super().status()
        return self.first("status", super().status)


@breaks("status-agrees")
class RemembersThatItWasNotDone(Remembers):
    def done(self) -> bool:
        return self.first("done", super().done)


@breaks("may-tells")
class RemembersWhatItMight(Remembers):
    def may(self, trigger: str, *args: Any, **kwargs: Any) -> bool:
        return self.first(trigger, lambda: super(Remembers, self).may(trigger, *args, **kwargs))


@breaks("deadline-is-kept")
class WaitsOnce(Remembers):
    def wait_for_final_state(self, *args: Any, **kwargs: Any) -> None:
        if "waited" not in self.__dict__:
            self.waited = True
            super().wait_for_final_state(*args, **kwargs)


@breaks("status-polls")
class PollsOnce(Remembers):
    def _poll(self) -> Any:
        return self.first("poll", lambda: self.backend().ask("poll"))
