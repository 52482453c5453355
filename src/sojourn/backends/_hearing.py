"""How a backend hears what other processes have asked for in the journals of its jobs."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

from sojourn._handle import logger
from sojourn.backends._keeper import Keeper

__all__ = ["listen"]

#: Seconds between two looks.
LISTENING = 0.25


def listen(backend: weakref.ref[Any], keeper: Keeper) -> None:
    """Look now and then whether another process has asked to cancel a job of this backend."""

    def look() -> None:
        found = backend()
        if found is not None:
            _hear(found)
            keeper.remind(look, LISTENING)

    with suppress(RuntimeError):  # an interpreter that exits starts no thread, and ends them all
        keeper.start()
    keeper.remind(look, LISTENING)


def _hear(backend: Any) -> None:
    """Carry out what is asked for."""
    try:
        books = [book for job in backend.jobs if (book := job._sj_book()) is not None]
        for journal in {id(book.journal): book.journal for book in books}.values():
            for job_id in journal.cancel_requests():
                job = backend._open.get(job_id)
                if job is not None and not job.cancel_requested:
                    job.cancel()
    except Exception as error:  # noqa: BLE001  # the next look may succeed
        logger.warning("%s: its journal cannot be looked at: %r", backend.kind, error)
