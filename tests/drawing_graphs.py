"""Graphs for the drawing tests: the base lifecycle by hand, and generated ones."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from sojourn.drawing.graph import Edge, Graph, Node

STAGES = {"INITIALIZING": 0, "QUEUED": 1, "RUNNING": 2}
TONES = {"DONE": "done", "ERROR": "error", "CANCELLED": "cancelled"}
PATH = ("INITIALIZING", "QUEUED", "RUNNING", "DONE")
TRIGGERS = ["start", "mount", "probe", "requeue", "calibrate_again", "x"]


def base_nodes() -> tuple[Node, ...]:
    return tuple(
        Node(
            name,
            status=name,
            tone=TONES.get(name, "active"),
            stage=STAGES.get(name, 3),
            initial=name == "INITIALIZING",
            final=name in TONES,
        )
        for name in (*STAGES, *TONES)
    )


def base_graph() -> Graph:
    edges = [
        Edge(a, b, t)
        for a, b, t in zip(PATH, PATH[1:], ("submit", "start", "finish"), strict=False)
    ]
    edges += [Edge(s, "ERROR", "fail") for s in STAGES]
    edges += [Edge(s, "CANCELLED", "cancel") for s in STAGES]
    return Graph("BaseJob", base_nodes(), tuple(edges), PATH, "six states")


@st.composite
def lifecycles(draw: st.DrawFn, most: int = 40) -> Graph:
    """Graphs that keep the contract of a job class: forward, with `fail` and `cancel` everywhere, and requeues."""
    base = base_graph()
    statuses = draw(st.lists(st.sampled_from(list(STAGES)), max_size=most - 6))
    extra = tuple(
        Node(
            f"STATE_{i}" + "X" * draw(st.integers(0, 12)),
            s,
            tone="active",
            stage=STAGES[s],
            added=True,
        )
        for i, s in enumerate(statuses)
    )
    alive = [*base.nodes[:3], *extra]
    edges = list(base.edges)
    for node in extra:
        before = draw(st.sampled_from([n for n in alive if n.stage <= node.stage and n != node]))
        after = draw(
            st.sampled_from([n for n in (*alive, base.node("DONE")) if n.stage >= node.stage])
        )
        edges += [draw(_edges(before, node)), draw(_edges(node, after))]
        edges += [Edge(node.name, "ERROR", "fail"), Edge(node.name, "CANCELLED", "cancel")]
    for _ in range(draw(st.integers(0, 4))):
        source, dest = draw(st.sampled_from(alive)), draw(st.sampled_from(alive))
        edges.append(draw(_edges(source, dest)))
    return replace(base, name="Generated", nodes=base.nodes + extra, edges=tuple(edges))


@st.composite
def any_graphs(draw: st.DrawFn, most: int = 40) -> Graph:
    """Graphs that keep no contract at all: loops, parallel edges, islands, no path, no final."""
    count = draw(st.integers(1, most))
    nodes = [
        Node(
            f"S{i}" + "_long" * draw(st.integers(0, 4)),
            initial=i == 0 and draw(st.booleans()),
            final=draw(st.integers(0, 9)) == 0,
            notes=tuple(
                draw(st.lists(st.sampled_from(["3.2 s", "median 4 s · p90 9 s"]), max_size=2))
            ),
            count=draw(st.none() | st.integers(0, 10**6)),
        )
        for i in range(count)
    ]
    node = st.sampled_from(nodes)
    pairs = draw(st.lists(st.tuples(node, node), max_size=70))
    return Graph("Any", tuple(nodes), tuple(draw(_edges(a, b)) for a, b in pairs))


@st.composite
def _edges(draw: st.DrawFn, source: Node, dest: Node) -> Edge:
    return Edge(
        source.name,
        dest.name,
        draw(st.sampled_from(TRIGGERS)),
        conditions=draw(st.sampled_from([(), (), ("is_ready",), ("is_ready", "not is_full")])),
        mark=draw(st.sampled_from(["plain", "taken", "earlier", "never"])),
        inferred=draw(st.booleans()),
        steps=tuple(draw(st.lists(st.integers(1, 99), max_size=6))),
        count=draw(st.none() | st.integers(0, 5000)),
    )
