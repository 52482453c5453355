"""Draw one of every kind of picture, light and dark, into one page and as PNGs: `make gallery`.

The jobs in them have fixed times, so the pictures change only when drawing changes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from drawing_stories import BORN, DONE, TWICE, UNSEEN, PastJob, PlainJob, ShopJob, batch
from sojourn import BaseJob, JobStatus, State, Transition
from sojourn.drawing import Edge, Graph, Node
from sojourn.drawing._chart import chart_of
from sojourn.drawing._chart_svg import chart_svg
from sojourn.drawing._layout import Direction
from sojourn.drawing._png import png
from sojourn.drawing._route import lay_out
from sojourn.drawing._sources import class_graph, graph_of
from sojourn.drawing._stories import stories_of, story_of
from sojourn.drawing._svg import svg
from sojourn.drawing._text import text
from sojourn.drawing._views import visited

NOW = BORN + timedelta(seconds=100)
PAPER = {"light": "#ffffff", "dark": "#0f172a"}


class LabJob(BaseJob[str]):
    """A measurement that may be calibrated again, with everything that is awkward to draw."""

    VALIDATING = State(JobStatus.INITIALIZING, "the program is checked against the instrument")
    RESERVED = State(JobStatus.QUEUED, "a time slot is ours")
    COOLING = State(JobStatus.QUEUED, "the cryostat goes down to 15 mK")
    CALIBRATING = State(JobStatus.RUNNING, "pulses are tuned")
    MEASURING = State(JobStatus.RUNNING, "shots are taken")
    FITTING = State(JobStatus.RUNNING, "a model is fitted")

    validate = Transition(JobStatus.INITIALIZING, VALIDATING)
    accepted = Transition([JobStatus.INITIALIZING, VALIDATING], JobStatus.QUEUED, trigger="submit")
    reserve = Transition(JobStatus.QUEUED, RESERVED, conditions="has_slot")
    cool = Transition([JobStatus.QUEUED, RESERVED], COOLING, unless="is_cold")
    start = Transition([JobStatus.QUEUED, RESERVED, COOLING], JobStatus.RUNNING)
    calibrate = Transition(JobStatus.RUNNING, CALIBRATING)
    measure = Transition([JobStatus.RUNNING, CALIBRATING], MEASURING)
    drift = Transition(MEASURING, CALIBRATING)
    shot = Transition(MEASURING, MEASURING)
    fit = Transition(MEASURING, FITTING)
    finish = Transition([MEASURING, FITTING], JobStatus.DONE)
    preempt = Transition([CALIBRATING, MEASURING], JobStatus.QUEUED, new_attempt=True)

    def has_slot(self, event: object) -> bool:
        """Whether a slot is free."""
        return True

    def is_cold(self, event: object) -> bool:
        """Whether the cryostat is cold already."""
        return False


@dataclass(frozen=True)
class Picture:
    """One entry of the gallery, in both themes."""

    name: str
    about: str
    light: str
    dark: str
    words: str = ""


def of_graph(name: str, about: str, graph: Graph, direction: Direction = "LR") -> Picture:
    """Return the picture of a graph."""
    laid = lay_out(graph, direction)
    themes = (svg(laid, theme="light"), svg(laid, theme="dark"))
    return Picture(name, about, *themes, text(graph, direction))


def of_job(name: str, about: str, job: PastJob, like: type, direction: Direction = "LR") -> Picture:
    """Return the picture of the way a job went."""
    graph = visited(class_graph(like, job.lifecycle), story_of(job), NOW)
    return of_graph(name, about, graph, direction)


def of_jobs(name: str, about: str, jobs: list[PastJob]) -> Picture:
    """Return the timeline of jobs."""
    chart = chart_of(stories_of(jobs), NOW)
    return Picture(name, about, chart_svg(chart, theme="light"), chart_svg(chart, theme="dark"))


def pictures() -> list[Picture]:
    """Return one of every kind."""
    shop = [*batch(6), PastJob(TWICE, like=ShopJob, name="a part"), PastJob(DONE[:2], name="live")]
    many = [Node(f"S{i}", initial=i == 0, final=i > 10) for i in range(14)]
    pairs = [(i, (i * 5 + 3) % 14, "go") for i in range(11)] + [
        (i, i + 1, "next") for i in range(13)
    ]
    plain = Graph("plain", tuple(many), tuple(Edge(f"S{a}", f"S{b}", t) for a, b, t in pairs))
    return [
        of_graph("base", "The base lifecycle", graph_of(BaseJob)),
        of_graph("base-down", "The same, from top to bottom", graph_of(BaseJob), "TB"),
        of_graph("shop", "A job class with states of its own", graph_of(ShopJob)),
        of_graph("lab", "Many states, conditions, a loop, a step back", graph_of(LabJob)),
        of_graph("lab-down", "The same, from top to bottom", graph_of(LabJob), "TB"),
        of_job("done", "A job that is done", PastJob(DONE), PlainJob),
        of_job("unseen", "A job that nobody saw start", PastJob(UNSEEN), PlainJob),
        of_job("twice", "A job in its second attempt", PastJob(TWICE, like=ShopJob), ShopJob),
        of_job(
            "twice-down",
            "The same, from top to bottom",
            PastJob(TWICE, like=ShopJob),
            ShopJob,
            "TB",
        ),
        of_graph("batch", "Two hundred jobs", graph_of(batch(200))),
        of_graph("batch-down", "The same, from top to bottom", graph_of(batch(200)), "TB"),
        of_graph("nothing", "No jobs", graph_of([])),
        of_graph("plain", "A graph that keeps no contract", plain),
        of_jobs("timeline", "A timeline", batch(14)),
        of_jobs("timeline-live", "A timeline with live, inferred and repeated states", shop),
        of_jobs("timeline-empty", "A timeline of nothing", []),
    ]


def page(shown: list[Picture]) -> str:
    """Return one HTML page with every picture in both themes."""
    rows = []
    for picture in shown:
        panels = "".join(
            f'<div style="background:{PAPER[theme]};padding:12px;overflow:auto">{drawn}</div>'
            for theme, drawn in (("light", picture.light), ("dark", picture.dark))
        )
        words = f"<pre>{escape(picture.words)}</pre>" if picture.words else ""
        rows.append(f"<h2>{escape(picture.about)}</h2>{panels}{words}")
    style = "body{font:15px/1.4 sans-serif;margin:2em auto;max-width:1500px}pre{font:12px/1.25 monospace}"
    head = (
        f"<!doctype html><meta charset=utf-8><title>sojourn: gallery</title><style>{style}</style>"
    )
    return f"{head}<h1>Everything that sojourn draws</h1>{''.join(rows)}\n"


def main(folder: Path) -> None:
    """Write the page and the PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = pictures()
    for picture in shown:
        for theme, drawn in (("light", picture.light), ("dark", picture.dark)):
            data = png(drawn, background=PAPER[theme])
            (folder / f"{picture.name}-{theme}.png").write_bytes(data)
    (folder / "index.html").write_text(page(shown), encoding="utf-8")
    print(f"{len(shown)} pictures in both themes: open {folder / 'index.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
