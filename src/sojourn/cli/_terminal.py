"""What may be written to a terminal, and how: nothing that a name or an output says is ever obeyed."""

from __future__ import annotations

import io
import logging
import os
import select
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from sojourn.drawing._canvas import columns
from sojourn.drawing._measure import printable
from sojourn.errors import SojournError

_WIDTH_OF_A_PIPE = 100


class RefusalError(SojournError):
    """What was asked for cannot begin; one line says why and what would help."""


class OutputLostError(Exception):
    """What is written to the standard output arrives nowhere any more.

    Attributes:
        error: Why.
    """

    def __init__(self, error: OSError) -> None:
        """Keep the reason."""
        super().__init__(error)
        self.error = error

    @property
    def unwanted(self) -> bool:
        """Whether the reader simply had enough."""
        return isinstance(self.error, BrokenPipeError)


class BrokenOffError(SojournError):
    """What was begun cannot go on; one line says why and what would help."""


class Lines(logging.Handler):
    """Says in a line on the standard error what sojourn logs; a person need not see where it was raised."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        error = record.exc_info[1] if record.exc_info else None
        told = f"{record.getMessage()}{f': {error}' if error else ''}"
        with suppress(OutputLostError):
            say(f"sojourn: {in_one_line(told)}\n", sys.stderr)


def inert(text: str) -> str:
    """Return one line in which control characters, escape sequences among them, are only shown."""
    return printable(text.expandtabs())


def in_one_line(text: str) -> str:
    """Return a text of any kind as one line to be shown."""
    return inert(" ".join(text.split()))


def pad(text: str, width: int) -> str:
    """Return a text filled with blanks to a number of columns."""
    return text + " " * (width - columns(text))


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns stand under each other."""
    rows = list(rows)
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(pad, row, widths)).rstrip() for row in rows]


def say(text: str | bytes, stream: TextIO | None = None) -> None:
    """Write lines, or what has its own encoding, at once.

    Raises:
        OutputLostError: Nobody reads, or there is no place to write.
    """
    stream = sys.stdout if stream is None else stream
    try:
        _write(text, stream)
        stream.flush()
    except OSError as error:
        _write_nowhere(stream)
        raise OutputLostError(error) from error


def _write(text: str | bytes, stream: TextIO) -> None:
    buffer = getattr(stream, "buffer", None)
    if isinstance(buffer, io.RawIOBase):
        # Without a buffer (PYTHONUNBUFFERED) Python does not look how much of it was taken.
        data = (
            text if isinstance(text, bytes) else text.encode(stream.encoding, stream.errors or "")
        )
        rest = memoryview(data)
        while rest:
            taken = buffer.write(rest)
            if taken is None:  # there is no place for now
                select.select([], [buffer], [])
            rest = rest[taken or 0 :]
    elif isinstance(text, bytes):
        stream.buffer.write(text)
    else:
        stream.write(text)


def _write_nowhere(stream: TextIO) -> None:
    """Let what is still in the buffer go nowhere, so that the interpreter can end in peace."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at it who can be shown more than lines."""
    return stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


def has_colours(stream: TextIO) -> bool:
    """Tell whether colours are wanted: on a terminal, unless NO_COLOR says no (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def width_of(stream: TextIO) -> int:
    """Return how many columns there are."""
    return shutil.get_terminal_size().columns if stream.isatty() else _WIDTH_OF_A_PIPE


def keep_writing() -> None:
    """Let what a stream cannot take be replaced, or be lost if it is closed, instead of ending the program."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for as long as this process lives
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


@contextmanager
def logging_in_lines() -> Iterator[None]:
    """Say in lines what is logged meanwhile."""
    logger, handler = logging.getLogger("sojourn"), Lines(logging.WARNING)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    broken_off = False
    try:
        yield
    except BrokenOffError:
        broken_off = True
        raise
    finally:
        # Threads that were left behind may have something to say until this process ends.
        if not broken_off:
            logger.removeHandler(handler)
            logger.propagate = before
