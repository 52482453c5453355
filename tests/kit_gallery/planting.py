"""How a class is put into the gallery, and what its jobs ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sojourn import BaseJob
from sojourn.testing import ScriptedBackend


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


class Client(ScriptedBackend):
    """Speaks the language of some service."""

    def enqueue(self, token: str) -> dict[str, Any]:
        return {"id": self.ask("submit")}

    def where(self, native_id: str) -> dict[str, Any] | None:
        word = self.ask("poll")
        return None if word is None else {"word": word}
