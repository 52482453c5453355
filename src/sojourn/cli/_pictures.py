"""How a picture leaves: as lines in a terminal, as a file, or down a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from sojourn.cli._terminal import RefusalError, has_colours, inert, say, width_of
from sojourn.drawing import draw, terminal, timeline
from sojourn.drawing._layout import Direction


def show(thing: object, *, format: str | None, direction: Direction) -> None:  # noqa: A002  # as `draw` has it
    """Write a picture to the standard output, as text unless another format is named.

    Raises:
        TypeError: The thing is nothing that can be drawn.
        RefusalError: A terminal cannot show the format.
    """
    out = sys.stdout
    if format in {None, "text"}:
        say(terminal(thing, direction=direction, colour=has_colours(out), width=width_of(out)))
        return
    if format == "png" and out.isatty():
        raise RefusalError("a PNG is nothing that a terminal can show; name a file with -o")
    content = draw(thing, format=format, direction=direction)
    say(content if isinstance(content, bytes) else content.encode())


def write(thing: object, path: str, *, format: str | None, direction: Direction) -> None:  # noqa: A002  # as above
    """Write a picture to a file, and say where it is.

    Raises:
        TypeError: The thing is nothing that can be drawn.
        RefusalError: The file cannot be written, or the format is not known.
    """
    with told(path):
        written = draw(thing, path, format=format, direction=direction)
    say(f"{inert(str(written))}\n")


class Wanted:
    """The pictures that shall be drawn of a batch, once it is over.

    Attributes:
        graph: Where the graph goes.
        timeline: Where the timeline goes.
    """

    def __init__(self, graph: str | None, timeline: str | None) -> None:
        """Find out at once whether they can be drawn there, by drawing them of no job.

        Raises:
            RefusalError: A file cannot be written, or the format is not known.
        """
        self.graph = graph
        self.timeline = timeline
        self.draw([])

    def draw(self, jobs: Sequence[object], stream: TextIO | None = None) -> None:
        """Draw them, and say where they are.

        Raises:
            RefusalError: A file cannot be written.
        """
        for what, path, function in (
            ("graph", self.graph, draw),
            ("timeline", self.timeline, timeline),
        ):
            if path is not None:
                with told(path):
                    function(jobs, path)
                if stream is not None:
                    say(f"{what} in {inert(path)}\n", stream)


@contextmanager
def told(path: str) -> Iterator[None]:
    """Say in one line why a picture cannot be written."""
    try:
        yield
    except ValueError as error:
        raise RefusalError(str(error)) from error
    except OSError as error:
        raise RefusalError(f"cannot write {path!r}: {error.strerror or error}") from error
