"""Who tells the wrong things to callbacks and journals, or loses what was given to it?"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar

from kit_gallery.planting import breaks
from sojourn import BaseJob, Entry
from sojourn.testing import ScriptedJob


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


@breaks("identity-is-kept")
class LooksWhenItIsAttached(ScriptedJob):
    @classmethod
    def attach(cls, *args: Any, **options: Any) -> Any:
        job = super().attach(*args, **options)
        job.status()
        return job
