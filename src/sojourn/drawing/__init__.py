"""How it looks: state graphs, visited paths, timelines and statistics.

Everything here reads; nothing that is drawn is changed, and no backend is asked.
"""

from __future__ import annotations

from sojourn.drawing._front import Drawing, draw, mimebundle, terminal, terminal_timeline, timeline
from sojourn.drawing._statistics import (
    StateStatistics,
    Statistics,
    TransitionStatistics,
    statistics,
)
from sojourn.drawing.graph import Edge, Graph, Node

__all__ = [
    "Drawing",
    "Edge",
    "Graph",
    "Node",
    "StateStatistics",
    "Statistics",
    "TransitionStatistics",
    "draw",
    "mimebundle",
    "statistics",
    "terminal",
    "terminal_timeline",
    "timeline",
]
