"""Graphs as text: for terminals, for Mermaid, for Graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from sysconfig import get_path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings

from drawing_graphs import any_graphs, base_graph, lifecycles
from drawing_stories import DONE, TWICE, UNSEEN, PastJob, ShopJob
from sojourn.drawing import Edge, Graph, Node, draw, terminal
from sojourn.drawing._sources import graph_of

pytestmark = pytest.mark.once

if TYPE_CHECKING:
    from pathlib import Path

EVIL = Graph(
    'ev"il]',
    (
        Node("end"),
        Node('state; "x"] --> y', description="</script>&amp;"),
        Node("class"),
        Node("graph%%{init}"),
        Node("back\\slash"),
    ),
    (
        Edge("end", "class", 'a"|b;c#35;<b>&lt;', ("x;y",)),
        Edge("class", "class", "`md` **b**"),
        Edge("end", 'state; "x"] --> y', "\\n\\l\\"),
        Edge("end", "back\\slash", "subgraph"),
    ),
)


def test_the_base_lifecycle_in_a_terminal():
    assert draw(base_graph(), format="text") == (
        "●─▶ INITIALIZING ──submit─▶ QUEUED ──start─▶ RUNNING ──finish─▶ ◎ DONE\n"
        "         ├────────────────────┼─────────────────┼──fail─▶ ◎ ERROR\n"
        "         ╰────────────────────┴─────────────────┴──cancel─▶ ◎ CANCELLED\n"
    )


def test_a_job_class_in_a_terminal():
    assert draw(ShopJob, format="text", direction="TB").splitlines()[:8] == [
        "● INITIALIZING",
        "  ├──submit─▶ QUEUED",
        "  ├──fail─▶ ◎ ERROR",
        "  ╰──cancel─▶ ◎ CANCELLED",
        "QUEUED",
        "  ├──fail─▶ ◎ ERROR",
        "  ├──cancel─▶ ◎ CANCELLED",
        "  ├──mount─▶ SETUP",
    ]


def test_a_list_is_in_the_order_of_the_statuses():
    lines = draw(ShopJob, format="text", direction="TB").splitlines()

    assert [line.split()[-1] for line in lines if "▶" not in line and "counts" not in line] == [
        "INITIALIZING", "QUEUED", "RUNNING", "DONE", "ERROR", "CANCELLED",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines if "▶" not in line][2:5] == [
        "SETUP",
        "RUNNING",
        "INSPECTING",
    ]


def test_states_beside_the_path_follow_with_what_leaves_them():
    edges = (*base_graph().edges, Edge("QUEUED", "HELD", "hold"), Edge("HELD", "QUEUED", "release"))
    graph = replace(base_graph(), nodes=(*base_graph().nodes, Node("HELD")), edges=edges)

    assert draw(graph, format="text").splitlines()[3:] == [
        "                              ╰──hold─▶ HELD",
        "HELD",
        "  ╰──release─▶ QUEUED",
    ]


@pytest.mark.parametrize("width", [100, 60, 20])
def test_too_long_a_path_becomes_a_list(width: int):
    shown = terminal(base_graph(), width=width)

    assert max(map(len, shown.splitlines())) <= max(width, 30)
    assert shown.startswith("●─▶" if width == 100 else "● INITIALIZING\n")


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_colours_change_no_character(direction: str):
    plain = terminal(base_graph(), direction=direction)
    coloured = terminal(base_graph(), direction=direction, colour=True)

    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert all(line.count("\x1b[0m") * 2 == line.count("\x1b[") for line in coloured.splitlines())


@given(lifecycles() | any_graphs())
@settings(max_examples=60, deadline=None)
def test_a_list_has_every_state_and_every_edge_once(graph: Graph):
    lines = terminal(graph, direction="TB").splitlines()

    assert sum("▶" in line for line in lines) == len(graph.edges)
    assert sum("▶" not in line for line in lines) == len(graph.nodes)


@given(lifecycles(most=12))
@settings(max_examples=60, deadline=None)
def test_a_line_has_every_edge_once(graph: Graph):
    shown = terminal(graph, width=10_000)

    # Edges that share a row join it at their own column; the last of them is its arrow.
    joints = shown.count("┼") + shown.count("┴")
    alone = len(re.findall(r"[├╰]", shown))
    straight = shown.splitlines()[0].count("▶") - 1
    assert joints + alone + straight == len(graph.edges)


@given(lifecycles(most=12))
@settings(max_examples=60, deadline=None)
def test_no_line_passes_through_a_word(graph: Graph):
    words = {word for node in graph.nodes for word in [node.name]} | {
        edge.trigger for edge in graph.edges
    }

    for line in terminal(graph, width=10_000).splitlines():
        found = re.findall(r"[A-Za-z_][A-Za-z_0-9]+", line.replace("counts as", ""))
        assert all(
            word in words or word in {"is_ready", "not", "is_full", "inferred"} for word in found
        )


@pytest.mark.parametrize(
    "thing",
    [base_graph(), EVIL, PastJob(TWICE, like=ShopJob), [PastJob(DONE), PastJob(DONE[:2])]],
    ids=["class", "hostile", "job", "jobs"],
)
def test_mermaid_is_what_the_real_mermaid_draws(thing: object):
    mermaid = pytest.importorskip("mermaidx", reason="the test group installs it")
    graph = graph_of(thing)

    picture = mermaid.render(draw(graph, format="mermaid")).svg()

    for words in [*(n.name for n in graph.nodes), *(e.trigger for e in graph.edges)]:
        assert escape(words) in picture


def _graphviz() -> str:
    found = shutil.which("graphviz-pure", path=get_path("scripts")) or shutil.which("dot")
    if found is None:
        pytest.skip("there is no Graphviz; the test group installs graphviz-pure")
    return found


def test_dot_is_what_graphviz_draws(tmp_path: Path):
    program = _graphviz()

    for graph in (base_graph(), EVIL):
        source = tmp_path / "graph.dot"
        draw(graph, source)
        picture = subprocess.run(
            [program, "-Tsvg", str(source)], capture_output=True, text=True, check=True
        ).stdout
        assert picture.count('class="node"') == len(graph.nodes) + sum(
            n.initial for n in graph.nodes
        )
        assert picture.count('class="edge"') == len(graph.edges) + sum(
            n.initial for n in graph.nodes
        )
        for node in graph.nodes:
            assert (
                node.name.replace('"', "&quot;").replace(">", "&gt;").replace("-", "&#45;")
                in picture
            )


def test_wide_and_combining_characters_keep_the_columns():
    graph = Graph(
        "g",
        (Node("待機", initial=True), Node("e\u0301tat")),
        (Edge("待機", "e\u0301tat", "開始"),),
        ("待機", "e\u0301tat"),
    )

    assert draw(graph, format="text").splitlines()[0] == "●─▶ 待機 ──開始─▶ e\u0301tat"


def test_what_happened_is_told_in_every_text_format():
    job, jobs = PastJob(UNSEEN), [PastJob(UNSEEN), PastJob(DONE[:2])]

    assert 'label="start (inferred)"' in draw(job, format="dot")
    assert 'style="dashed"' in draw(job, format="dot")
    assert 'penwidth="2.5"' in draw(job, format="dot")
    assert 'label="finish ×1"' in draw(jobs, format="dot")
    assert '==>|"submit"|' in draw(job, format="mermaid")
    assert '-.->|"start #40;inferred#41;"|' in draw(job, format="mermaid")
    assert "linkStyle 1,2,3 stroke" in draw(job, format="mermaid")
    assert "╌╌start╌▶" in draw(job, format="text")
    assert "start ×2" in draw(jobs, format="text")


def test_attempts_and_how_often_are_told_apart_in_every_text_format():
    twice = PastJob(TWICE, like=ShopJob)
    jobs = [PastJob(DONE), PastJob(DONE[:2])]

    assert "stroke:#6d8fe0" in draw(twice, format="mermaid")
    assert 'label="2: mount", tooltip="2: mount", color="#6d8fe0"' in draw(twice, format="dot")
    assert "══2: mount═▶" in draw(twice, format="text")
    assert "linkStyle 1,2 stroke-width:6.5px\n    linkStyle 3 stroke-width:4.0px" in draw(
        jobs, format="mermaid"
    )
    assert 'label="finish ×1", tooltip="finish ×1", penwidth="3.70"' in draw(jobs, format="dot")


def test_the_state_of_a_live_job_is_marked_in_every_text_format():
    job = PastJob(DONE[:2])

    assert "[RUNNING]" in draw(job, format="text")
    assert ":::current" in draw(job, format="mermaid")
    assert 'fontcolor="#ffffff"' in draw(job, format="dot")


@pytest.mark.parametrize("chosen", ["mermaid", "dot", "text"])
def test_text_formats_are_the_same_every_time(chosen: str):
    assert draw(EVIL, format=chosen) == draw(EVIL, format=chosen)
