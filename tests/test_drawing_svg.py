"""The SVG: everything is named, nothing escapes, no picture disturbs another."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drawing_graphs import any_graphs, base_graph, lifecycles
from drawing_stories import ShopJob
from sojourn import BaseJob
from sojourn.drawing import Edge, Graph, Node, draw
from sojourn.drawing._measure import text_width
from sojourn.drawing._png import png
from sojourn.drawing._sources import graph_of

pytestmark = pytest.mark.once

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    "a & b \" ' ]]> -->",
    "new\nline\ttab\x00\x1b[31m\ud800\u202e",
    "</style><style>*{display:none}",
    "𝄞 名前 مرحبا ⚙️",
]


def _root(graph: Graph) -> ET.Element:
    return ET.fromstring(draw(graph, format="svg"))


@given(lifecycles() | any_graphs())
@settings(max_examples=30, deadline=None)
def test_every_state_and_every_edge_is_named_once(graph: Graph):
    root = _root(graph)

    states = [g.get("data-state") for g in root.iter(f"{SVG}g") if g.get("data-state")]
    edges = Counter(
        (g.get("data-from"), g.get("data-to"), g.get("data-trigger"))
        for g in root.iter(f"{SVG}g")
        if g.get("data-from")
    )
    assert sorted(states) == sorted(node.name for node in graph.nodes)
    assert edges == Counter((edge.source, edge.dest, edge.trigger) for edge in graph.edges)


@given(st.text(min_size=1), st.text(), st.text())
@example(*HOSTILE[:3])
@example(*HOSTILE[2:])
@settings(max_examples=100, deadline=None)
def test_hostile_names_and_descriptions_stay_text(name: str, description: str, trigger: str):
    nodes = (
        Node("plain"),
        Node(f"x{name}", status=name, description=description, notes=(trigger,)),
    )
    edges = (Edge("plain", f"x{name}", trigger, conditions=(name,), description=description),)
    graph = Graph(name, nodes, edges, description=description, notes=(description,))

    root = _root(graph)

    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "g", "rect", "path", "text", "circle"}
    assert len(list(root.iter(f"{SVG}style"))) == 1
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", ET.tostring(root, "unicode")
    )


def test_it_speaks_to_those_who_cannot_see_it():
    root = _root(base_graph())

    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.text, description.text) == ("BaseJob", "six states")
    tooltips = [t.text for t in root.iter(f"{SVG}title")]
    assert "submit: INITIALIZING → QUEUED" in tooltips


def test_every_style_rule_is_for_this_picture_alone():
    text = draw(base_graph())

    scope = re.search(r'class="sojourn (sj-[0-9a-f]{10})"', text)[1]
    sheet = re.search("<style>(.*)</style>", text, re.DOTALL)[1]
    selectors = [
        selector
        for rule in re.findall(r"^([^@}\n]+)\{", sheet, re.MULTILINE)
        for selector in re.sub(r":is\(.*?\)", "", rule).split(",")
    ]
    assert len(selectors) > 50
    assert all(selector.strip().startswith(f".{scope}") for selector in selectors)


def test_two_pictures_have_different_scopes():
    other = draw(Graph("other", (Node("A"),), ()))

    assert re.findall(r"sj-[0-9a-f]{10}", draw(base_graph()))[0] not in other


def test_it_follows_the_system_and_the_page_in_light_and_dark():
    sheet = draw(base_graph())

    assert "@media (prefers-color-scheme:dark)" in sheet
    for page in (
        "[data-jp-theme-light=false]",
        "[data-jp-theme-light=true]",
        "[data-theme=dark]",
        "[data-theme=light]",
        ".vscode-dark",
        ".vscode-light",
        "[theme=dark]",
    ):
        assert page in sheet
    assert "var(" not in sheet


def test_a_label_is_as_wide_as_its_gap_in_every_font():
    labels = [
        t
        for t in _root(graph_of(ShopJob)).iter(f"{SVG}text")
        if t.get("class") in {"sj-trigger", "sj-condition"}
    ]

    assert len(labels) > 10
    for label in labels:
        size = 11.5 if label.get("class") == "sj-trigger" else 10.5
        assert float(label.get("textLength")) == pytest.approx(
            text_width(label.text, size), abs=0.01
        )
        assert label.get("lengthAdjust") == "spacingAndGlyphs"


def test_finals_have_a_second_border_and_the_initial_state_its_mark():
    root = _root(base_graph())

    ringed = {
        g.get("data-state")
        for g in root.iter(f"{SVG}g")
        if any("sj-ring" in r.get("class", "") for r in g.findall(f"{SVG}rect"))
    }
    assert ringed == {"DONE", "ERROR", "CANCELLED"}
    assert len([g for g in root.iter(f"{SVG}g") if g.get("class") == "sj-initial"]) == 1


def test_the_same_graph_gives_the_same_bytes():
    assert draw(base_graph()) == draw(base_graph())
    assert draw(base_graph(), direction="TB") != draw(base_graph())


def _pixels(data: bytes) -> tuple[int, list[bytes]]:
    """Decode an RGBA PNG into its width and its rows."""
    width, height = struct.unpack(">II", data[16:24])
    assert data[24:26] == b"\x08\x06"
    packed, at = b"", 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += size + 12
    raw, rows, before = zlib.decompress(packed), [], bytes(4 * width)
    for y in range(height):
        kind, line = (
            raw[y * (4 * width + 1)],
            bytearray(raw[y * (4 * width + 1) + 1 :][: 4 * width]),
        )
        for i in range(len(line)):
            a, b = line[i - 4] if i >= 4 else 0, before[i]
            c = before[i - 4] if i >= 4 else 0
            paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        before = bytes(line)
        rows.append(before)
    return width, rows


def test_a_png_shows_the_words_without_any_font_of_the_system():
    pytest.importorskip("resvg_py", reason="the extra [png] is not installed")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text y="15" font-family="{}">H</text></svg>'

    width, rows = _pixels(png(svg.format("Inter")))
    dark = [sum(row[4 * x] < 128 for row in rows) for x in range(width)]

    assert (width, len(rows)) == (120, 40)
    # An H has two stems with a bar between them; a box for a missing letter would have two bars.
    stems = [x for x, count in enumerate(dark) if count > 18]
    assert len(stems) >= 2
    assert 0 < min(dark[stems[0] : stems[-1] + 1]) < 8


def test_a_png_shows_the_colours_of_the_light_theme():
    pytest.importorskip("resvg_py", reason="the extra [png] is not installed")
    graph = Graph("two", (Node("A", tone="done"), Node("B", tone="error")), ())

    data = draw(graph, format="png")

    _, rows = _pixels(data)
    colours = {row[i : i + 3] for row in rows for i in range(0, len(row), 4)}
    assert data == draw(graph, format="png")
    assert {bytes.fromhex(c) for c in ("ffffff", "16a34a", "f0fdf4", "dc2626")} <= colours


def test_a_png_that_would_not_fit_into_memory_is_made_smaller(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("resvg_py", reason="the extra [png] is not installed")
    monkeypatch.setattr("sojourn.drawing._png._MOST_PIXELS", 10_000)

    width, height = struct.unpack(">II", draw(base_graph(), format="png")[16:24])

    assert 9_000 < width * height < 11_000


def test_the_picture_of_the_readme_is_what_is_drawn_today():
    picture = Path(__file__).parents[1] / "docs" / "pictures" / "lifecycle.svg"

    assert picture.read_text("utf-8") == draw(BaseJob)


def test_widths_are_those_of_the_fonts_that_come_along():
    for name, bold in (("Inter-Medium", False), ("Inter-SemiBold", True)):
        widths = _advances(files("sojourn.drawing").joinpath("fonts", f"{name}.ttf").read_bytes())
        for code in range(32, 127):
            assert text_width(chr(code), 1000, bold=bold) == pytest.approx(widths[code], abs=0.6)


def _advances(font: bytes) -> dict[int, float]:
    """Return the width of every ASCII character in thousandths, read from the tables of a TrueType font."""
    count = struct.unpack(">H", font[4:6])[0]
    records = (struct.unpack(">4sIII", font[12 + 16 * i : 28 + 16 * i]) for i in range(count))
    table = {tag: font[at : at + size] for tag, _, at, size in records}
    unit = struct.unpack(">H", table[b"head"][18:20])[0]
    metrics = struct.unpack(">H", table[b"hhea"][34:36])[0]
    cmap = table[b"cmap"]
    offset = struct.unpack(">I", cmap[8:12])[0]
    segments = struct.unpack(">H", cmap[offset + 6 : offset + 8])[0] // 2
    words = struct.unpack(
        f">{(len(cmap) - offset) // 2}H", cmap[offset : offset + (len(cmap) - offset) // 2 * 2]
    )
    ends, starts = words[7 : 7 + segments], words[8 + segments : 8 + 2 * segments]
    deltas, ranges = words[8 + 2 * segments : 8 + 3 * segments], 8 + 3 * segments
    advances = {}
    for code in range(32, 127):
        i = next(i for i, end in enumerate(ends) if end >= code)
        shift = words[ranges + i]
        glyph = words[ranges + i + shift // 2 + code - starts[i]] if shift else code
        glyph = (glyph + deltas[i]) % 65536
        at = 4 * min(glyph, metrics - 1)
        advances[code] = struct.unpack(">H", table[b"hmtx"][at : at + 2])[0] * 1000 / unit
    return advances
