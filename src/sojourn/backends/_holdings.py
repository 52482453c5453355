"""What a backend and its threads hold together, and when it is let go of."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Holdings"]


class Holdings:
    """What a backend and its threads need; whoever needs it last lets go of it.

    A backend may be dropped in the middle of anything, so there is no lock here: every step is one
    that the interpreter does not divide.
    """

    def __init__(self) -> None:
        """Start with nothing held, for one who needs it."""
        self._needed = [True]
        self._calls: list[Callable[[], object]] = []

    def on_leaving(self, call: Callable[[], object]) -> None:
        """Make a call when nobody needs this any more; the last to come is the first to go."""
        self._calls.append(call)

    def join(self) -> None:
        """Need it, too."""
        self._needed.append(True)

    def leave(self) -> None:
        """Need it no more."""
        self._needed.pop()
        while not self._needed:
            try:
                call = self._calls.pop()
            except IndexError:
                return
            call()
