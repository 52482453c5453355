"""A timeline as SVG: bars on one scale, and the statistics under them.

A status is told by the height of its bars as well as by their colour: waiting is thin, running is thick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn.drawing._durations import duration
from sojourn.drawing._measure import printable, shorten, text_width
from sojourn.drawing._statistics import share, times
from sojourn.drawing._style import FONTS, Rules, Theme
from sojourn.drawing._svg import attribute, document, number, text, tooltip

if TYPE_CHECKING:
    from sojourn.drawing._chart import Bar, Chart, Row
    from sojourn.drawing._statistics import StateStatistics

_PLOT = 620.0
_ROW = 22.0
_TOP = 34.0
_MARGIN = 14.0
_NAME_LIMIT = 30
_HEIGHTS = {"INITIALIZING": 5.0, "QUEUED": 9.0, "RUNNING": 14.0}
_COLUMNS = (("n", 46.0), ("median", 80.0), ("p90", 80.0), ("max", 80.0))
_SHARE = 150.0
_FINALS = {"DONE": "done", "ERROR": "error", "CANCELLED": "cancelled"}

_SHAPE: Rules = (
    ("", "max-width:100%;height:auto"),
    ("text", f"font-family:{FONTS};font-weight:500;font-size:12px;stroke:none"),
    (".sj-tick,.sj-column", "font-size:11px"),
    (".sj-tick", "text-anchor:middle"),
    (".sj-row-name,.sj-number,.sj-column", "text-anchor:end"),
    (".sj-left", "text-anchor:start"),
    (".sj-inside", "font-size:9.5px;font-weight:600;text-anchor:middle"),
    (".sj-end,.sj-state", "font-weight:600"),
    (".sj-grid", "stroke-width:1px"),
    (".sj-bar", "stroke-width:1px"),
    (".sj-added", "fill-opacity:.55"),
    (".sj-uncertain", "fill-opacity:.22;stroke-dasharray:3 2"),
    (".sj-sign", "fill:none;stroke-width:1.6px;stroke-linecap:round;stroke-linejoin:round"),
)

_PAINT: Rules = (
    ("text", "fill:{ink}"),
    (".sj-tick,.sj-column,.sj-foot", "fill:{quiet}"),
    (".sj-grid", "stroke:{faint}"),
    (".sj-INITIALIZING", "fill:{initializing};stroke:{initializing}"),
    (".sj-QUEUED", "fill:{queued};stroke:{queued}"),
    (".sj-RUNNING", "fill:{running};stroke:{running}"),
    (".sj-other", "fill:{plain};stroke:{plain}"),
    (".sj-inside", "fill:{ink}"),
    *(
        rule
        for tone in _FINALS.values()
        for rule in (
            (f".sj-dot-{tone}", f"fill:{{{tone}-fill}};stroke:{{{tone}}}"),
            (f".sj-sign-{tone}", f"stroke:{{{tone}}}"),
            (f".sj-end-{tone}", f"fill:{{{tone}-ink}}"),
        )
    ),
    (".sj-dot-open", "fill:none;stroke:{active}"),
    (".sj-end-open", "fill:{active}"),
)

# A tick, a cross and a bar: the ends can be told apart without their colours.
_SIGNS = {
    "done": "M-2.6,0.2L-0.8,2L2.6,-1.8",
    "error": "M-2,-2L2,2M2,-2L-2,2",
    "cancelled": "M-2.4,0L2.4,0",
}


def chart_svg(chart: Chart, *, theme: Theme = "auto") -> str:
    """Return a timeline as an SVG document."""
    names = [shorten(printable(row.name), _NAME_LIMIT) for row in chart.rows]
    left = _MARGIN + max((text_width(name, 12) for name in names), default=0.0) * 1.06 + 14.0
    ends = max((text_width(printable(row.state), 12, bold=True) for row in chart.rows), default=0.0)
    bottom = _TOP + _ROW * len(chart.rows)
    parts = _scale(chart, left, bottom)
    for place, (row, name) in enumerate(zip(chart.rows, names, strict=True)):
        parts.append(_row(chart, row, name, (left, _TOP + _ROW * (place + 0.5))))
    for line in _lines(chart):
        bottom += _ROW
        parts.append(_text("foot sj-left", left, bottom - 6, line))
    if not chart.rows:
        parts.append(_text("foot sj-left", left, _TOP, "No jobs yet."))
    table, height = _table(chart, bottom + 26.0)
    parts += table
    count = chart.statistics.jobs
    return document(
        parts,
        size=(
            max(left + _PLOT + 24.0 + ends * 1.06 + _MARGIN, 620.0),
            bottom + 26.0 + height + _MARGIN,
        ),
        title=f"Timeline of {count:,} jobs" if count != 1 else "Timeline of 1 job",
        description=told(chart),
        rules=(_SHAPE, _PAINT),
        theme=theme,
    )


def _lines(chart: Chart) -> list[str]:
    """Return what has to be said under the picture."""
    uncertain = any(bar.uncertain for row in chart.rows for bar in row.bars)
    return [
        *([f"… and {chart.hidden:,} jobs more"] if chart.hidden else []),
        *([chart.scale] if chart.scale else []),
        *(["Pale and dashed: nobody saw when."] if uncertain else []),
    ]


def told(chart: Chart) -> str:
    """Return what a timeline shows, in words."""
    parts = [
        f"{s.state}: {s.count:,} visits, median {times(s)[0]}, {share(s)} of the time"
        for s in chart.statistics.states
        if s.total
    ]
    if not chart.rows:
        return "No jobs yet."
    return f"{duration(chart.length)} in all. {chart.scale} {'; '.join(parts)}".strip()


def _text(kind: str, x: float, y: float, content: str) -> str:
    return f'<text class="sj-{kind}" x="{number(x)}" y="{number(y)}">{text(content)}</text>'


def _scale(chart: Chart, left: float, bottom: float) -> list[str]:
    parts: list[str] = []
    for tick in chart.ticks if chart.rows else ():
        x = left + _PLOT * tick / chart.length
        parts.append(
            f'<path class="sj-grid" d="M{number(x)},{number(_TOP - 8)}V{number(bottom + 4)}"/>'
        )
        parts.append(_text("tick", x, _TOP - 15, duration(tick)))
    return parts


def _row(chart: Chart, row: Row, name: str, at: tuple[float, float]) -> str:
    left, y = at
    parts = [f"<g{attribute('data-job', row.name)}{attribute('data-state', row.state)}>"]
    parts.append(tooltip(row.name))
    parts.append(_text("row-name", left - 12, y + 4.2, name))
    parts += [_bar(bar, left, y, _PLOT / chart.length) for bar in row.bars]
    x = left + _PLOT * row.end / chart.length + 11.0
    tone = _FINALS.get(row.status, "open")
    parts.append(
        f'<circle class="sj-dot-{tone}" cx="{number(x)}" cy="{number(y)}" r="5.2" stroke-width="1.2"/>'
    )
    if tone in _SIGNS:
        place = f'transform="translate({number(x)} {number(y)})"'
        parts.append(f'<path class="sj-sign sj-sign-{tone}" {place} d="{_SIGNS[tone]}"/>')
    parts.append(_text(f"end sj-end-{tone}", x + 9.5, y + 4.2, row.state))
    return "".join([*parts, "</g>"])


def _bar(bar: Bar, left: float, y: float, scale: float) -> str:
    height = _HEIGHTS.get(bar.status, 9.0)
    x, width = left + bar.begin * scale, max((bar.end - bar.begin) * scale, 0.8)
    inset = 0.5 if width > 2 else 0.0
    kind = bar.status if bar.status in _HEIGHTS else "other"
    classes = f"sj-bar sj-{kind}" + " sj-added" * (bar.state != bar.status)
    classes += " sj-uncertain" * bar.uncertain
    known = "at a time that nobody saw" if bar.uncertain else duration(bar.end - bar.begin)
    rect = (
        f'<rect class="{classes}" x="{number(x + inset)}" y="{number(y - height / 2 + inset)}"'
        f' width="{number(width - 2 * inset)}" height="{number(height - 2 * inset)}" rx="{2 if width > 5 else 0}"/>'
    )
    parts = [f"<g{attribute('data-state', bar.state)}>", tooltip(f"{bar.state}: {known}"), rect]
    inside = text_width(printable(bar.state), 9.5, bold=True) + 10.0
    if bar.state != bar.status and height > 12 and inside < width and not bar.uncertain:
        parts.append(_text("inside", x + width / 2, y + 3.4, bar.state))
    return "".join([*parts, "</g>"])


def _table(chart: Chart, top: float) -> tuple[list[str], float]:
    """Return the statistics as rows of a table, and their height."""
    states = [state for state in chart.statistics.states if state.total]
    if not states:
        return [], 0.0
    statuses = {bar.state: bar.status for row in chart.rows for bar in row.bars}
    name = max(text_width(printable(s.state), 12, bold=True) for s in states) * 1.06 + 40.0
    parts = [_text("column sj-left", _MARGIN, top, "state")]
    x = _MARGIN + name
    for title, width in _COLUMNS:
        x += width
        parts.append(_text("column", x, top, title))
    parts.append(_text("column sj-left", x + 24, top, "share of time"))
    for place, state in enumerate(states, 1):
        parts += _table_row(
            state, statuses.get(state.state, ""), (name, x + 24, top + _ROW * place)
        )
    return parts, _ROW * len(states) + 6.0


def _table_row(state: StateStatistics, status: str, at: tuple[float, float, float]) -> list[str]:
    name, shares, y = at
    kind = status if status in _HEIGHTS else "other"
    kind += " sj-added" * (state.state != status)
    height = _HEIGHTS.get(status, 9.0)
    middle = y - 4.2
    swatch = (
        f'<rect class="sj-bar sj-{kind}" x="{number(_MARGIN + 0.5)}" y="{number(middle - height / 2)}"'
        f' width="14" height="{number(height)}" rx="2"/>'
    )
    parts = [swatch, _text("state sj-left", _MARGIN + 22, y, state.state)]
    x = _MARGIN + name
    for (_, width), value in zip(_COLUMNS, (f"{state.count:,}", *times(state)), strict=True):
        x += width
        parts.append(_text("number", x, y, value))
    width = max(state.share * _SHARE, 1.0)
    parts.append(
        f'<rect class="sj-bar sj-{kind}" x="{number(shares)}" y="{number(middle - height / 2)}"'
        f' width="{number(width)}" height="{number(height)}" rx="2"/>'
    )
    parts.append(_text("left", shares + width + 9, y, share(state)))
    return parts
