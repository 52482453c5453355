"""A batch in a terminal, live: the one file that knows rich.

What has ended scrolls away above; below stand the running jobs, each with its time, and how many jobs are where.
"""

from __future__ import annotations

import io
import os
import signal
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from sojourn.cli import _plain
from sojourn.cli._running import Batch, Running
from sojourn.cli._terminal import inert, pad, say
from sojourn.drawing._durations import duration
from sojourn.drawing._measure import shorten
from sojourn.history import Entry
from sojourn.lifecycle import JobStatus

_STYLES = {
    JobStatus.QUEUED: "yellow",
    JobStatus.RUNNING: "bold blue",
    JobStatus.DONE: "green",
    JobStatus.ERROR: "bold red",
    JobStatus.CANCELLED: "dim",
}


#: Columns that a narrow terminal keeps for what matters more than a long name, and for the name.
_STATE_AND_TIME = len("  RUNNING  12345678 …")
_NARROWEST_NAME = 4


class _Outlet(io.TextIOBase):
    """A stream that fails as `say` does: rich would end the program when nobody reads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        say(text, self._stream)
        return len(text)

    def flush(self) -> None:
        """Nothing waits here."""

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return True


class Live(_plain.Plain):
    """Shows what runs, and says what has ended."""

    def __init__(self, stream: TextIO) -> None:
        """Take where to write."""
        super().__init__(stream)
        self._console = Console(
            file=cast("TextIO", _Outlet(stream)),
            force_terminal=True,
            no_color=bool(os.environ.get("NO_COLOR")),
            markup=False,
            emoji=False,
            highlight=False,
        )
        self._live = RichLive(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._asked_to_stop = ""

    def begin(self, batch: Batch) -> None:
        """Show the first picture."""
        super().begin(batch)
        self._live.start()
        self.refresh()

    def change(self, running: Running, entry: Entry) -> None:
        """Let what has ended scroll away."""
        if entry.dest != JobStatus.RUNNING:
            super().change(running, entry)

    def refresh(self) -> None:
        """Show the times that have passed."""
        self._live.update(self._picture(), refresh=True)

    def stopping(self, number: signal.Signals) -> None:
        """Show that everything is being stopped."""
        self._asked_to_stop = f"{number.name}: stopping; Ctrl-C kills"
        self.refresh()

    def end(self) -> None:
        """Take the picture away, and sum up."""
        self._live.stop()
        super().end()

    def line(self, text: str) -> None:
        """Write a line above the picture, its status in colour."""
        shown = Text(text, no_wrap=True, overflow="ellipsis")
        for status, style in _STYLES.items():
            shown.highlight_regex(rf"(?<=  ){status}(?=  |$)", style)
        self._console.print(shown, soft_wrap=True)

    def _picture(self) -> Text:
        running = [each for each in self.batch.all if each.status is JobStatus.RUNNING]
        room = max(1, self._console.size.height - 4)
        lines = [self._row(each) for each in running[:room]]
        if len(running) > room:
            lines.append(Text(f"… and {len(running) - room} more"))
        counts = self.batch.counts()
        total = Text("  ").join(
            Text(f"{counts[status]} {status}", _STYLES[status])
            for status in _STYLES
            if counts[status]
        )
        if self._asked_to_stop:
            total.append(f"  {self._asked_to_stop}", "bold")
        return Text("\n", no_wrap=True, overflow="ellipsis").join([*lines, total])

    def _row(self, running: Running) -> Text:
        width = max(_NARROWEST_NAME, min(self._width, self._console.size.width - _STATE_AND_TIME))
        name = pad(shorten(inert(running.task.name), width), width)
        row = Text(f"{name}  ")
        row.append("RUNNING", _STYLES[JobStatus.RUNNING])
        return row.append(f"  {duration(running.seconds or 0.0):>8}  {inert(running.task.shown)}")
