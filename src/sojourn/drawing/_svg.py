"""The picture of a graph, as SVG."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from sojourn.drawing._layout import HEAT_ROOM
from sojourn.drawing._measure import printable
from sojourn.drawing._sizes import BOLD, SIZES, height_of, offsets
from sojourn.drawing._style import FONTS, Rules, Theme, sheet

if TYPE_CHECKING:
    from sojourn.drawing._geometry import (
        Band,
        Geometry,
        PlacedEdge,
        PlacedMark,
        PlacedNode,
        Point,
        Stroke,
    )
    from sojourn.drawing._sizes import Block, Run

_RING = 3.5
_PILL_HEIGHT = 14.0

_SHAPE: Rules = (
    ("", "max-width:100%;height:auto"),
    ("text", f"font-family:{FONTS};font-weight:500;text-anchor:middle;stroke:none"),
    *((f".sj-{kind}", f"font-size:{size}px") for kind, size in SIZES.items()),
    (",".join(f".sj-{kind}" for kind in sorted(BOLD)), "font-weight:600"),
    (".sj-foot", "text-anchor:start"),
    (".sj-tag,.sj-band", "letter-spacing:.05em"),
    (".sj-box,.sj-ring", "stroke-width:1.5px"),
    (".sj-ring", "fill:none"),
    (".sj-visited .sj-box,.sj-current .sj-box", "stroke-width:2.5px"),
    (".sj-visited .sj-name,.sj-current .sj-name,.sj-taken .sj-trigger", "font-weight:600"),
    (".sj-line", "fill:none;stroke-linejoin:round"),
    (".sj-inferred .sj-line", "stroke-dasharray:6 4"),
    (".sj-never .sj-line", "stroke-dasharray:1.5 4;stroke-linecap:round"),
    (".sj-busy .sj-box", "stroke-width:2.5px"),
    (".sj-condition", "font-style:italic"),
    (".sj-total", "font-weight:600"),
)

_PAINT: Rules = (
    ("text", "fill:{ink}"),
    (".sj-trigger,.sj-condition,.sj-note,.sj-foot", "fill:{quiet}"),
    (".sj-band", "fill:{band}"),
    (".sj-strip", "fill:{line};fill-opacity:.1"),
    (".sj-line", "stroke:{line}"),
    (".sj-head", "fill:{line}"),
    (".sj-disc", "fill:{ink}"),
    *(
        rule
        for tone in ("plain", "active", "done", "error", "cancelled")
        for rule in (
            (f".sj-{tone} .sj-box", f"fill:{{{tone}-fill}};stroke:{{{tone}}}"),
            (f".sj-{tone} .sj-ring", f"stroke:{{{tone}}}"),
        )
    ),
    (".sj-added .sj-box", "fill:{added-fill}"),
    (".sj-taken .sj-line", "stroke:{active}"),
    (".sj-taken .sj-head", "fill:{active}"),
    (".sj-taken .sj-trigger", "fill:{active}"),
    (".sj-earlier .sj-line", "stroke:{earlier}"),
    (".sj-earlier .sj-head", "fill:{earlier}"),
    (".sj-pill", "fill:{pill}"),
    (".sj-count,.sj-step", "fill:{pill-ink}"),
    (".sj-earlier .sj-pill", "fill:none;stroke:{pill}"),
    (".sj-earlier .sj-step", "fill:{pill}"),
    (".sj-heat", "fill:{busy}"),
    (".sj-busy .sj-box", "fill:{busy-fill};stroke:{busy}"),
    (".sj-travelled .sj-line", "stroke:{travelled}"),
    (".sj-travelled .sj-head", "fill:{travelled}"),
    (".sj-current.sj-active .sj-box", "fill:{current};stroke:{current-line}"),
    (".sj-current.sj-active .sj-name,.sj-current.sj-active .sj-note", "fill:{current-ink}"),
)

# These stand in the gap of a line, which is as wide as they are in Inter; another font has to keep to that.
_TIGHT = frozenset({"trigger", "condition"})

_EMPHASIS = {"never": 0, "plain": 1, "earlier": 2, "taken": 3}


def svg(geometry: Geometry, *, theme: Theme = "auto") -> str:
    """Return a picture as an SVG document, which may also stand inside an HTML page.

    The same geometry gives the same text, always.
    """
    order = sorted(geometry.edges, key=lambda e: (_EMPHASIS[e.edge.mark], e.edge.weight))
    hottest = max((placed.node.heat for placed in geometry.nodes), default=0.0) or 1.0
    parts = [
        *(_band(band) for band in geometry.bands),
        *(_edge(edge) for edge in order),
        *(_mark(mark) for mark in geometry.marks),
        *(_node(node, hottest) for node in geometry.nodes),
        *_foot(geometry),
    ]
    graph = geometry.graph
    return document(
        parts,
        size=(geometry.width, geometry.height),
        title=graph.name,
        description=graph.description,
        rules=(_SHAPE, _PAINT),
        theme=theme,
    )


def document(
    parts: list[str],
    *,
    size: Point,
    title: str,
    description: str,
    rules: tuple[Rules, Rules],
    theme: Theme,
) -> str:
    """Return an SVG document around its parts, with a style of its own and words for those who cannot see it."""
    title, description, body = text(title), text(description), "\n".join(parts)
    digest = blake2b(f"{theme}\0{title}\0{description}\0{body}".encode(), digest_size=5)
    scope = f"sj-{digest.hexdigest()}"
    width, height = number(size[0]), number(size[1])
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sojourn {scope}" role="img"'
        f' aria-labelledby="{scope}-title {scope}-desc"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    )
    return "\n".join(
        [
            opening,
            f'<title id="{scope}-title">{title}</title>',
            f'<desc id="{scope}-desc">{description}</desc>',
            f"<style>\n{sheet(scope, *rules, theme)}\n</style>",
            body,
            "</svg>\n",
        ]
    )


def number(value: float) -> str:
    """Return a number as short as it can be written, to a hundredth of a pixel."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def text(value: str) -> str:
    """Return a text that XML takes for nothing else."""
    return escape(printable(value))


def attribute(name: str, value: str) -> str:
    """Return an attribute with its name, a space before it."""
    return f" {name}={quoteattr(printable(value))}"


def tooltip(*lines: str) -> str:
    """Return an element that browsers show when the pointer rests."""
    shown = [text(line) for line in lines if line]
    return f"<title>{'&#10;'.join(shown)}</title>" if shown else ""


def _rows(block: Block, x: float, y: float) -> str:
    """Return the rows of a block, its middle standing at a point."""
    parts: list[str] = []
    top = y - block.height / 2
    for row in block.rows:
        height = height_of(row)
        for piece, offset in zip(row, offsets(row), strict=True):
            parts.append(_run(piece, x + offset, top + height / 2))
        top += height
    return "".join(parts)


def _run(piece: Run, x: float, y: float) -> str:
    size = SIZES[piece.kind]
    at = f'x="{number(x)}" y="{number(y + 0.36 * size)}"'
    if piece.kind in _TIGHT:
        at += f' textLength="{number(piece.width)}" lengthAdjust="spacingAndGlyphs"'
    shown = f'<text class="sj-{piece.kind}" {at}>{text(piece.text)}</text>'
    if piece.kind not in {"count", "step"}:
        return shown
    height = _PILL_HEIGHT if piece.kind == "count" else _PILL_HEIGHT - 1
    return (
        f'<rect class="sj-pill" x="{number(x - piece.width / 2)}" y="{number(y - height / 2)}"'
        f' width="{number(piece.width)}" height="{number(height)}" rx="{number(height / 2)}"/>{shown}'
    )


def _box(kind: str, node: PlacedNode, inset: float, radius: float) -> str:
    box = node.box
    return (
        f'<rect class="sj-{kind}" x="{number(box.left + inset)}" y="{number(box.top + inset)}"'
        f' width="{number(box.width - 2 * inset)}" height="{number(box.height - 2 * inset)}"'
        f' rx="{number(radius)}"/>'
    )


def _node(placed: PlacedNode, hottest: float) -> str:
    node = placed.node
    classes = (
        ["node", node.tone, node.mark] + ["added"] * node.added + ["busy"] * (node.heat >= hottest)
    )
    parts = [
        f'<g class="{" ".join(f"sj-{c}" for c in classes)}"',
        attribute("data-state", node.name),
        attribute("data-status", node.status) if node.status else "",
        ">",
        tooltip(node.name, node.description),
        _box("box", placed, 0.0, 10.0),
    ]
    if node.final:
        parts.append(_box("ring", placed, _RING, 7.0))
    if node.heat:
        parts.append(_heat(placed))
    parts += [
        _rows(placed.text, placed.box.x, placed.box.y - (HEAT_ROOM / 2) * bool(node.heat)),
        "</g>",
    ]
    return "".join(parts)


def _heat(placed: PlacedNode) -> str:
    """Return a bar along the bottom of a node, as long as the share of time that was spent there."""
    box, inset = placed.box, 9.0
    length = (box.width - 2 * inset) * placed.node.heat
    return (
        f'<rect class="sj-heat" x="{number(box.left + inset)}" y="{number(box.bottom - 8.0)}"'
        f' width="{number(max(length, 1.0))}" height="3.5" rx="1.75"/>'
    )


def _backward(strokes: tuple[Stroke, ...]) -> tuple[Stroke, ...]:
    return tuple((d, c, b, a) for a, b, c, d in reversed(strokes))


def _path(strokes: tuple[Stroke, ...]) -> str:
    parts: list[str] = []
    at: Point | None = None
    for a, b, c, d in strokes:
        if a != at:
            parts.append(f"M{_pair(a)}")
        parts.append(f"L{_pair(d)}" if a == b and c == d else f"C{_pair(b)} {_pair(c)} {_pair(d)}")
        at = d
    return "".join(parts)


def _pair(at: Point) -> str:
    return f"{number(at[0])},{number(at[1])}"


def _arrow(strokes: tuple[Stroke, ...], head: tuple[Point, Point, Point], width: float) -> str:
    tip, left, right = (_pair(at) for at in head)
    return (
        f'<path class="sj-line" stroke-width="{number(width)}" d="{_path(strokes)}"/>'
        f'<path class="sj-head" d="M{tip}L{left}L{right}Z"/>'
    )


def _edge(placed: PlacedEdge) -> str:
    edge = placed.edge
    classes = ["edge", edge.mark] + ["inferred"] * edge.inferred + ["travelled"] * bool(edge.count)
    steps = " ".join(map(str, edge.steps))
    # Edges that arrive as one line lie on each other there. Dashes are counted from where a path begins, so they
    # cover each other exactly when the paths begin at the common end.
    dashed = edge.inferred or edge.mark == "never"
    strokes = _backward(placed.strokes) if dashed else placed.strokes
    parts = [
        f'<g class="{" ".join(f"sj-{c}" for c in classes)}"',
        attribute("data-trigger", edge.trigger),
        attribute("data-from", edge.source),
        attribute("data-to", edge.dest),
        attribute("data-steps", steps) if steps else "",
        attribute("data-count", str(edge.count)) if edge.count is not None else "",
        ">",
        tooltip(_story(placed), edge.description),
        _arrow(strokes, placed.head, placed.width),
    ]
    if placed.label:
        parts.append(_rows(placed.text, placed.label.x, placed.label.y))
    return "".join([*parts, "</g>"])


def _story(placed: PlacedEdge) -> str:
    edge = placed.edge
    when = f" [{', '.join(edge.conditions)}]" if edge.conditions else ""
    return f"{edge.trigger}{when}: {edge.source} → {edge.dest}"


def _mark(mark: PlacedMark) -> str:
    disc = (
        f'<circle class="sj-disc" cx="{number(mark.disc[0])}" cy="{number(mark.disc[1])}" r="6"/>'
    )
    return f'<g class="sj-initial">{disc}{_arrow((mark.stroke,), mark.head, 1.5)}</g>'


def _band(band: Band) -> str:
    box = band.box
    rect = (
        f'<rect class="sj-strip" x="{number(box.left)}" y="{number(box.top)}"'
        f' width="{number(box.width)}" height="{number(box.height)}" rx="8"/>'
    )
    at = f'x="{number(band.label.x)}" y="{number(band.label.y + 0.36 * SIZES["band"])}"'
    return f'<g{attribute("data-status", band.status)}>{rect}<text class="sj-band" {at}>{text(band.status)}</text></g>'


def _foot(geometry: Geometry) -> list[str]:
    x, y = geometry.foot
    return [
        f'<text class="sj-foot" x="{number(x)}" y="{number(y + 17 * line + 8)}">{text(note)}</text>'
        for line, note in enumerate(geometry.graph.notes)
    ]
