"""A batch for machines: one JSON object a line, as things happen.

Every object has an ``event``: ``start``, then ``state`` for every transition and ``end`` for every job, and at last
``total``. All of it is ASCII.
"""

from __future__ import annotations

import json
import signal
from typing import TextIO

from sojourn.cli._running import Batch, Running
from sojourn.cli._terminal import say
from sojourn.history import Entry
from sojourn.lifecycle import JobStatus


class Json:
    """Writes an object for everything that happens."""

    def __init__(self, stream: TextIO) -> None:
        """Take where to write."""
        self._stream = stream

    def begin(self, batch: Batch) -> None:
        """Tell what is going to run."""
        self._batch = batch
        self._tell(
            "start",
            source=batch.source,
            jobs=len(batch.all),
            slots=batch.slots,
            folder=str(batch.folder),
            **_kept(batch),
        )

    def change(self, running: Running, entry: Entry) -> None:
        """Tell of a transition, and of the end."""
        at = None if entry.at is None else entry.at.isoformat()
        who = {"job": running.task.name, "line": running.task.line}
        self._tell("state", **who, state=entry.dest, at=at)
        if entry.dest in JobStatus.__members__ and JobStatus(entry.dest).is_final:
            self._tell("end", **who, status=entry.dest, at=at, **_outcome(running))

    def refresh(self) -> None:
        """Tell nothing; times are instants here."""

    def stopping(self, number: signal.Signals) -> None:
        """Tell that everything is told to stop."""
        self._tell("stopping", signal=number.name)

    def end(self) -> None:
        """Sum up."""
        batch = self._batch
        counts = {str(status): count for status, count in batch.counts().items()}
        self._tell("total", **counts, seconds=round(batch.seconds, 3), exit_code=batch.exit_code)

    def _tell(self, event: str, **facts: object) -> None:
        say(json.dumps({"event": event, **facts}, default=str) + "\n", self._stream)


def _kept(batch: Batch) -> dict[str, object]:
    if batch.kept is None:
        return {}
    return {
        "batch": batch.kept.batch_id,
        "journal": str(batch.kept.journal.path),
        "over": batch.over,
    }


def _outcome(running: Running) -> dict[str, object]:
    error, job = running.error, running.job
    started = running.seconds is not None
    return {
        "command": running.task.shown,
        "seconds": running.seconds,
        "reason": running.reason or None,
        "exit_code": 0 if running.status is JobStatus.DONE else error and error.exit_code,
        "signal": error and error.signal,
        "timeout": error and error.timeout,
        "stderr_tail": error.stderr_tail if error else "",
        "stdout": str(job.stdout_path) if started else None,
        "stderr": str(job.stderr_path) if started else None,
    }
