"""One call for every picture: what to draw, where to, and in which format."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, overload

from sojourn.drawing._chart import chart_of
from sojourn.drawing._chart_svg import chart_svg, told
from sojourn.drawing._chart_text import chart_text
from sojourn.drawing._dot import dot
from sojourn.drawing._files import write_whole
from sojourn.drawing._layout import Direction
from sojourn.drawing._mermaid import mermaid
from sojourn.drawing._notebook import WIDEST, html
from sojourn.drawing._png import png
from sojourn.drawing._route import lay_out
from sojourn.drawing._sources import graph_of
from sojourn.drawing._stories import now, stories_of
from sojourn.drawing._svg import svg
from sojourn.drawing._text import WIDTH, text

if TYPE_CHECKING:
    from sojourn.drawing._chart import Chart
    from sojourn.drawing._geometry import Geometry
    from sojourn.drawing.graph import Graph

PathLike = str | os.PathLike[str]
TextFormat = Literal["svg", "mermaid", "dot", "text"]

_SUFFIXES = {
    ".svg": "svg",
    ".png": "png",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".txt": "text",
}
_FORMATS = ("svg", "png", "mermaid", "dot", "text")
_CHART_FORMATS = ("svg", "png", "text")


class Drawing(str):
    """A picture as text, which a notebook shows as the picture.

    It is the text itself, SVG or whatever was asked for; only where a notebook displays it, it brings the other
    representations along.
    """

    __slots__ = ("_words",)
    _words: Callable[[], dict[str, str]] | None

    def __new__(cls, content: str, words: Callable[[], dict[str, str]] | None = None) -> Self:
        """Make a picture of its text.

        Args:
            content: The text; SVG if there are words for it, too.
            words: Makes what a notebook shows, by media type, when it asks.
        """
        drawing = super().__new__(cls, content)
        drawing._words = words
        return drawing

    @property
    def bundle(self) -> dict[str, str]:
        """What a notebook shows, by media type."""
        if self._words is None:
            return {"text/plain": str(self)}
        return self._words()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show a notebook the picture."""
        return self.bundle


@overload
def draw(
    thing: object, path: PathLike, *, format: str | None = ..., direction: Direction = ...
) -> Path: ...
@overload
def draw(
    thing: object, path: None = ..., *, format: TextFormat | None = ..., direction: Direction = ...
) -> Drawing: ...
@overload
def draw(
    thing: object, path: None = ..., *, format: Literal["png"], direction: Direction = ...
) -> bytes: ...
@overload
def draw(
    thing: object, path: None = ..., *, format: str | None = ..., direction: Direction = ...
) -> Drawing | bytes: ...
def draw(
    thing: object,
    path: PathLike | None = None,
    *,
    format: str | None = None,  # noqa: A002  # the name that users expect
    direction: Direction = "LR",
) -> Drawing | bytes | Path:
    """Draw a lifecycle, what happened to a job, or what happened to many.

    Reads what is known, and asks no backend.  The same thing in the same state gives the same bytes, except where a
    job that is not over shows how long it has been where it is.

    Args:
        thing: A job class or a `Lifecycle`: what may happen.  A job, or one history: the way it went.  An iterable of
            jobs or histories: how often they went where, and how long they stayed; an empty one is drawn, too.
            A `transitions.Machine` whose states are not nested, or a `Graph` of your own.
        path: Where to write; a picture that cannot be written leaves what was there before.
        format: "svg", "png", "mermaid", "dot" or "text"; by default what the path's suffix says, or "svg".
            "png" needs `pip install 'sojourn[png]'`.
        direction: "LR" from left to right, "TB" from top to bottom.

    Returns:
        The text, which a notebook shows as the picture, or the bytes of a PNG; with a path, that path.

    Raises:
        TypeError: The thing is nothing that can be drawn.
        ValueError: The format or the direction is not known, or the machine has nested states.
        SojournError: The format needs an extra that is not installed.
        OSError: The file could not be written.

    Example:
        >>> print(draw(BaseJob, format="text"))
        ●─▶ INITIALIZING ──submit─▶ QUEUED ──start─▶ RUNNING ──finish─▶ ◎ DONE
                 ├────────────────────┼─────────────────┼──fail─▶ ◎ ERROR
                 ╰────────────────────┴─────────────────┴──cancel─▶ ◎ CANCELLED
        <BLANKLINE>
    """
    chosen = _format(path, format, _FORMATS)
    if direction not in {"LR", "TB"}:
        raise ValueError(f"cannot draw in the direction {direction!r}; known are LR and TB")
    content = _drawn(graph_of(thing), chosen, direction)
    return content if path is None else write_whole(path, content)


def _format(path: PathLike | None, given: str | None, known: tuple[str, ...]) -> str:
    """Return the format that is meant."""
    suffix = "" if path is None else os.path.splitext(path)[1].lower()  # noqa: PTH122  # a path of any kind
    chosen = given
    if chosen is None:
        chosen = "svg" if path is None else _SUFFIXES.get(suffix, suffix)
    if chosen not in known:
        bare = given is None and not suffix
        what = f"{os.fspath(path or '')!r} without a suffix" if bare else f"the format {chosen!r}"
        raise ValueError(f"cannot draw {what}; known formats are {', '.join(known)}")
    return chosen


def _drawn(graph: Graph, chosen: str, direction: Direction) -> Drawing | bytes:
    if chosen == "png":
        return png(svg(lay_out(graph, direction), theme="light"))
    if chosen == "svg":
        laid = lay_out(graph, direction)
        return Drawing(svg(laid), partial(_words, graph, laid, direction))
    if chosen == "text":
        return Drawing(text(graph, direction))
    return Drawing(mermaid(graph, direction) if chosen == "mermaid" else dot(graph, direction))


def _words(graph: Graph, laid: Geometry, direction: Direction) -> dict[str, str]:
    return {
        "text/html": html(
            svg(laid), svg(laid, theme="light"), f"{graph.name}: {graph.description}"
        ),
        "text/vnd.mermaid": mermaid(graph, direction),
        "text/plain": text(graph, direction),
    }


def mimebundle(thing: object) -> dict[str, str]:
    """Return what a notebook shows for a thing that can be drawn, by media type.

    It is drawn from left to right, or from top to bottom where a notebook would be too narrow.

    Raises:
        TypeError: The thing is nothing that can be drawn.
    """
    graph = graph_of(thing)
    return draw(graph, direction=direction_within(graph, WIDEST)).bundle


def direction_within(thing: object, width: float) -> Direction:
    """Return "LR" for a thing whose picture is no wider from left to right, and "TB" for another.

    Raises:
        TypeError: The thing is nothing that can be drawn.
    """
    return "LR" if lay_out(graph_of(thing)).width <= width else "TB"


def terminal(
    thing: object, *, direction: Direction = "LR", colour: bool = False, width: int = WIDTH
) -> str:
    """Return what `draw` draws as lines for a terminal, with its colours if wanted.

    Raises:
        TypeError: The thing is nothing that can be drawn.
    """
    return text(graph_of(thing), direction, colour=colour, width=width)


@overload
def timeline(jobs: object, path: PathLike, *, format: str | None = ...) -> Path: ...
@overload
def timeline(
    jobs: object, path: None = ..., *, format: Literal["svg", "text"] | None = ...
) -> Drawing: ...
@overload
def timeline(jobs: object, path: None = ..., *, format: Literal["png"]) -> bytes: ...
@overload
def timeline(jobs: object, path: None = ..., *, format: str | None = ...) -> Drawing | bytes: ...
def timeline(
    jobs: object,
    path: PathLike | None = None,
    *,
    format: str | None = None,  # noqa: A002  # the name that users expect
) -> Drawing | bytes | Path:
    """Draw when jobs were in which state, on one scale, and how long they stayed there.

    Times that nobody saw are put evenly between those that are known, and drawn as uncertain.  Jobs that are not over
    reach until now.  At most 300 jobs are shown, the first ones; the numbers are those of all.

    Args:
        jobs: Jobs or histories, or one of them.
        path: Where to write; a picture that cannot be written leaves what was there before.
        format: "svg", "png" or "text"; by default what the path's suffix says, or "svg".

    Returns:
        The text, which a notebook shows as the picture, or the bytes of a PNG; with a path, that path.

    Raises:
        TypeError: Something is neither a job nor a history.
        ValueError: The format is not known.
        SojournError: The format needs an extra that is not installed.
        OSError: The file could not be written.

    Example:
        >>> print(timeline([], format="text"))
        No jobs yet.
        <BLANKLINE>
    """
    chosen = _format(path, format, _CHART_FORMATS)
    chart = chart_of(stories_of(jobs), now())
    content: Drawing | bytes
    if chosen == "png":
        content = png(chart_svg(chart, theme="light"))
    elif chosen == "text":
        content = Drawing(chart_text(chart))
    else:
        content = Drawing(chart_svg(chart), partial(_chart_words, chart))
    return content if path is None else write_whole(path, content)


def _chart_words(chart: Chart) -> dict[str, str]:
    return {
        "text/html": html(chart_svg(chart), chart_svg(chart, theme="light"), told(chart)),
        "text/plain": chart_text(chart),
    }


def terminal_timeline(jobs: object, *, colour: bool = False, width: int = WIDTH) -> str:
    """Return what `timeline` draws as lines for a terminal, with its colours if wanted.

    Raises:
        TypeError: Something is neither a job nor a history.
    """
    return chart_text(chart_of(stories_of(jobs), now()), colour=colour, width=width)
