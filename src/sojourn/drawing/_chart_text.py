"""A timeline for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._canvas import Canvas, Style, columns
from sojourn.drawing._durations import duration
from sojourn.drawing._measure import printable, shorten

if TYPE_CHECKING:
    from sojourn.drawing._chart import Bar, Chart, Row

_FILL = {"INITIALIZING": "·", "QUEUED": "░", "RUNNING": "█"}
_UNCERTAIN = "~"
_STYLES: dict[str, Style] = {"QUEUED": "busy", "RUNNING": "taken", "INITIALIZING": "quiet"}
_ENDS: dict[str, Style] = {"DONE": "done", "ERROR": "error", "CANCELLED": "cancelled"}
_NAME_LIMIT = 24


def chart_text(chart: Chart, *, colour: bool = False, width: int = 100) -> str:
    """Return a timeline as lines of text, at most so many columns wide."""
    canvas = Canvas()
    if not chart.rows:
        canvas.put(0, 0, "No jobs yet.", "quiet")
        return canvas.text(colour=colour)
    names = [shorten(printable(row.name), _NAME_LIMIT) for row in chart.rows]
    left = max(columns(name) for name in names) + 2
    ends = max(columns(printable(row.state)) for row in chart.rows) + 3
    plot = max(width - left - ends - 1, 10)
    _scale(canvas, chart, left, plot)
    for name, row in zip(names, chart.rows, strict=True):
        _row(canvas, row, name, (left, plot, chart.length))
    if chart.hidden:
        canvas.put(canvas.height, left, f"… and {chart.hidden:,} jobs more", "quiet")
    legend = "  ".join(f"{fill} {status}" for status, fill in _FILL.items())
    canvas.put(canvas.height + 1, left, f"{legend}  {_UNCERTAIN} nobody saw when", "quiet")
    if chart.scale:
        canvas.put(canvas.height, left, chart.scale, "quiet")
    canvas.put(canvas.height, 0, "")
    for line in str(chart.statistics).splitlines():
        canvas.put(canvas.height, 0, line)
    return canvas.text(colour=colour)


def _scale(canvas: Canvas, chart: Chart, left: int, plot: int) -> None:
    canvas.put(0, 0, "")
    free = 0
    for tick in chart.ticks:
        at, label = left + round(plot * tick / chart.length), duration(tick)
        if at >= free:
            free = canvas.put(0, at, label, "quiet") + 2


def _row(canvas: Canvas, row: Row, name: str, frame: tuple[int, int, float]) -> None:
    left, plot, length = frame
    line = canvas.height
    canvas.put(line, left - 2 - columns(name), name)
    for bar in row.bars:
        _bar(canvas, line, bar, frame)
    mark = "◎" if row.status in _ENDS else "▶"
    at = left + round(plot * row.end / length)
    canvas.put(line, at + 1, f"{mark} {printable(row.state)}", _ENDS.get(row.status, "strong"))


def _bar(canvas: Canvas, line: int, bar: Bar, frame: tuple[int, int, float]) -> None:
    left, plot, length = frame
    begin, end = (left + round(plot * at / length) for at in (bar.begin, bar.end))
    fill = _UNCERTAIN if bar.uncertain else _FILL.get(bar.status, "▒")
    canvas.put(line, begin, fill * (end - begin), _STYLES.get(bar.status, ""))
