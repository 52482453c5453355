"""What happened, drawn on what may happen: one job, many jobs, plain machines."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from transitions import Machine
from transitions.extensions import HierarchicalMachine

from drawing_stories import (
    BORN,
    DONE,
    TWICE,
    UNSEEN,
    PastJob,
    PlainJob,
    ShopJob,
    Step,
    batch,
    history,
)
from sojourn import BaseJob, JobStatus, Transition
from sojourn.drawing import Edge, Graph, Node, draw
from sojourn.drawing._sources import base_graph, class_graph, graph_of
from sojourn.drawing._stories import stories_of, story_of
from sojourn.drawing._views import travelled, visited


def seen(job: PastJob, like: type = PlainJob, after: float = 100) -> Graph:
    return visited(
        class_graph(like, like.lifecycle), story_of(job), BORN + timedelta(seconds=after)
    )


def notes(graph: Graph) -> dict[str, tuple[str, ...]]:
    return {node.name: node.notes for node in graph.nodes if node.notes}


def edges(graph: Graph, **facts: object) -> list[tuple[str, str, str]]:
    return [
        (edge.source, edge.trigger, edge.dest)
        for edge in graph.edges
        if all(getattr(edge, name) == value for name, value in facts.items())
    ]


def test_a_class_is_drawn_as_it_is_declared():
    graph = graph_of(ShopJob)

    assert [n.name for n in graph.nodes] == [s.name for s in ShopJob.lifecycle.states]
    assert edges(graph) == [
        (t.source.name, t.trigger, t.dest.name) for t in ShopJob.lifecycle.transitions
    ]
    assert graph.path == ("INITIALIZING", "QUEUED", "RUNNING", "INSPECTING", "DONE")
    assert [n.name for n in graph.nodes if n.initial] == ["INITIALIZING"]
    assert [n.name for n in graph.nodes if n.final] == ["DONE", "ERROR", "CANCELLED"]


def test_states_of_a_subclass_are_told_apart_and_say_what_they_stand_for():
    graph = graph_of(ShopJob)

    assert [(n.name, n.status) for n in graph.nodes if n.added] == [
        ("SETUP", "QUEUED"),
        ("INSPECTING", "RUNNING"),
    ]
    assert graph.node("SETUP").description == "tool and fixture are being mounted"
    picture = draw(ShopJob)
    assert "counts as QUEUED" in picture
    assert "<title>SETUP&#10;tool and fixture are being mounted</title>" in picture


def test_conditions_stand_in_brackets_on_their_edges():
    assert "[_has_table, not _is_late]" in draw(ShopJob)


def test_a_class_and_its_lifecycle_are_drawn_alike():
    theirs, ours = graph_of(ShopJob), graph_of(ShopJob.lifecycle)

    assert (theirs.nodes, theirs.edges, theirs.path) == (ours.nodes, ours.edges, ours.path)


def test_the_base_graph_is_that_of_base_job():
    declared = graph_of(BaseJob)

    assert [(n.name, n.stage, n.tone) for n in base_graph().nodes] == [
        (n.name, n.stage, n.tone) for n in declared.nodes
    ]
    assert sorted(edges(base_graph())) == sorted(edges(declared))
    assert base_graph().path == declared.path


def test_the_way_of_a_job_is_marked_and_its_times_are_told():
    graph = seen(PastJob(DONE))

    assert [n.name for n in graph.nodes if n.mark == "visited"] == [
        "INITIALIZING",
        "QUEUED",
        "RUNNING",
    ]
    assert [n.name for n in graph.nodes if n.mark == "current"] == ["DONE"]
    assert edges(graph, mark="taken") == [
        ("INITIALIZING", "submit", "QUEUED"),
        ("QUEUED", "start", "RUNNING"),
        ("RUNNING", "finish", "DONE"),
    ]
    assert notes(graph) == {
        "INITIALIZING": ("2.0 s",),
        "QUEUED": ("10 s",),
        "RUNNING": ("30 s",),
        "DONE": ("after 42 s",),
    }
    assert not any(edge.steps for edge in graph.edges)


def test_inferred_steps_are_dashed_and_their_times_unknown():
    graph = seen(PastJob(UNSEEN))

    assert edges(graph, inferred=True) == [("QUEUED", "start", "RUNNING")]
    assert notes(graph)["QUEUED"] == notes(graph)["RUNNING"] == ("time unknown",)
    assert any("inferred" in note for note in graph.notes)
    assert 'class="sj-edge sj-taken sj-inferred" data-trigger="start"' in draw(graph)


def test_steps_are_numbered_and_attempts_told_apart_when_a_state_is_visited_twice():
    graph = seen(PastJob(TWICE, like=ShopJob), ShopJob, after=40)

    assert {(e.trigger, e.source): e.steps for e in graph.edges if e.steps} == {
        ("submit", "INITIALIZING"): (1,),
        ("mount", "QUEUED"): (2,),
        ("start", "SETUP"): (3,),
        ("inspect", "RUNNING"): (4,),
        ("requeue", "INSPECTING"): (5,),
        ("start", "QUEUED"): (6,),
    }
    assert edges(graph, mark="earlier") == [
        ("INITIALIZING", "submit", "QUEUED"),
        ("QUEUED", "mount", "SETUP"),
        ("SETUP", "start", "RUNNING"),
        ("RUNNING", "inspect", "INSPECTING"),
    ]
    assert notes(graph)["QUEUED"] == ("attempt 1: 4.0 s", "attempt 2: 8.0 s")
    assert notes(graph)["RUNNING"] == ("attempt 1: 6.0 s", "attempt 2: 9.0 s so far")
    assert any("The thick line is attempt 2" in note for note in graph.notes)


def test_of_many_attempts_the_last_are_told_and_the_others_counted():
    again: list[Step] = [("start", "RUNNING", 1), ("requeue", "QUEUED", 2)]
    graph = seen(PastJob([("submit", "QUEUED", 1), *again * 5], like=ShopJob), ShopJob, after=20)

    assert notes(graph)["RUNNING"] == (
        "2 earlier attempts", "attempt 3: 2.0 s", "attempt 4: 2.0 s", "attempt 5: 2.0 s",
    )  # fmt: skip
    assert "…11" in draw(graph)


def test_several_stays_in_one_attempt_are_added_up():
    back: list[Step] = [
        ("submit", "QUEUED", 1),
        ("mount", "SETUP", 2),
        ("unmount", "QUEUED", 3),
        ("start", "RUNNING", None),
    ]

    assert notes(graph_of(history(back)))["QUEUED"] == ("over 2.0 s in 2 visits",)


def test_a_job_that_nothing_happened_to_is_where_it_began():
    graph = seen(PastJob([]), after=3)

    assert [n.name for n in graph.nodes if n.mark == "current"] == ["INITIALIZING"]
    assert notes(graph) == {"INITIALIZING": ("3.0 s so far",)}


def test_a_real_job_is_drawn_without_asking_its_backend():
    class Nosy(BaseJob[None]):
        def _poll(self) -> None:
            raise AssertionError("asked")

    job = Nosy(None, "n-1")
    job.trigger("submit")
    job.start()

    picture = draw(job)
    assert "<title id=" in picture
    assert "Nosy 'n-1'" in picture
    assert 'class="sj-node sj-active sj-current" data-state="RUNNING"' in picture


def test_many_jobs_show_how_often_and_how_long():
    jobs = [PastJob(DONE), PastJob(DONE), PastJob(UNSEEN), PastJob(DONE[:2])]
    graph = travelled(base_graph(), stories_of(jobs), BORN + timedelta(seconds=52))

    assert {n.name: n.count for n in graph.nodes} == {
        "INITIALIZING": 4, "QUEUED": 4, "RUNNING": 4, "DONE": 3, "ERROR": 0, "CANCELLED": 0,
    }  # fmt: skip
    assert {e.trigger: (e.count, e.weight) for e in graph.edges if e.count} == {
        "submit": (4, 1.0), "start": (4, 1.0), "finish": (3, 0.75),
    }  # fmt: skip
    assert len(edges(graph, mark="never")) == 6
    assert notes(graph)["QUEUED"] == ("median 10 s · p90 10 s", "22% of the time")
    assert notes(graph)["RUNNING"] == ("median 30 s · p90 30 s", "1 here now", "72% of the time")


def test_a_bottleneck_is_marked():
    picture = draw([PastJob(DONE), PastJob(DONE)])

    assert 'class="sj-node sj-active sj-plain sj-busy" data-state="RUNNING"' in picture
    assert picture.count('sj-busy"') == 1


def test_no_jobs_draw_the_empty_lifecycle_and_say_so():
    picture = draw([])

    assert "No jobs yet." in picture
    assert all(f'data-state="{status}"' in picture for status in JobStatus)


def test_jobs_of_several_classes_share_one_picture():
    shop = ShopJob(None, "s")
    shop.trigger("submit")
    shop.mount()

    graph = graph_of([PlainJob(None, "p"), shop])

    assert graph.name == "PlainJob, ShopJob: 2 jobs"
    assert (graph.node("INITIALIZING").count, graph.node("SETUP").count) == (2, 1)
    assert ("SETUP", "start", "RUNNING") in edges(graph)


def test_jobs_may_come_as_an_iterator_and_as_histories():
    assert graph_of(job for job in batch(3)).name == "PastJob: 3 jobs"
    assert graph_of([job.history for job in batch(3)]).name == "3 jobs"


def test_one_history_is_one_job():
    graph = graph_of(history(DONE))

    assert [n.name for n in graph.nodes if n.mark == "current"] == ["DONE"]
    assert notes(graph)["INITIALIZING"] == ("time unknown",)


def test_a_history_may_tell_of_states_that_no_class_declares():
    graph = graph_of(
        [history([("submit", "QUEUED", 1), ("mount", "SETUP", 2), ("start", "RUNNING", 3)])]
    )

    assert graph.node("SETUP").count == 1
    assert ("QUEUED", "mount", "SETUP") in edges(graph)


def test_a_job_may_have_gone_a_way_that_its_class_declares_no_more():
    job = PastJob([*DONE[:2], ("requeue", "QUEUED", 1)])

    assert ("RUNNING", "requeue", "QUEUED") in edges(graph_of(job), mark="taken")
    assert ("RUNNING", "requeue", "QUEUED") in edges(graph_of([job]), count=1)


def test_the_history_of_a_job_is_asked_for_once():
    asked = []

    class Counted(PastJob):
        def __getattribute__(self, name: str) -> object:
            if name == "history":
                asked.append(name)
            return super().__getattribute__(name)

    jobs = [Counted(DONE)]
    asked.clear()
    draw(jobs)

    assert asked == ["history"]


def test_a_job_that_moves_while_it_is_drawn_is_drawn_at_one_moment():
    job = PastJob(DONE[:2])
    job.state = job.lifecycle.state("DONE")  # as if it had moved since its history was read

    for graph in (graph_of(job), graph_of([job])):
        assert edges(graph, trigger="start", dest="RUNNING")
        assert not [n.name for n in graph.nodes if n.name == "DONE" and (n.count or n.notes)]
    assert [n.name for n in graph_of(job).nodes if n.mark == "current"] == ["RUNNING"]


def test_an_inferred_step_of_the_latest_attempt_is_dashed_though_an_earlier_one_was_seen():
    again: list[Step] = [*TWICE[:5], ("start", "RUNNING", None)]
    graph = seen(PastJob([*DONE[:2], ("requeue", "QUEUED", 1), *again[5:]], like=ShopJob), ShopJob)

    assert ("QUEUED", "start", "RUNNING") in edges(graph, mark="taken", inferred=True)


def test_of_very_many_steps_the_first_and_the_last_are_told():
    around: list[Step] = [("start", "RUNNING", 1), ("requeue", "QUEUED", 1)]
    job = PastJob([("submit", "QUEUED", 1), *around * 400], like=ShopJob)

    assert "→ 786 more →" in seen(job, ShopJob).description
    for chosen in ("text", "mermaid", "dot"):
        assert len(draw(job, format=chosen)) < 5_000
    assert "3, 5, 7, …801: requeue" in draw(job, format="dot")


class EitherJob(BaseJob[str]):
    """A job that may start for one of two reasons."""

    start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, conditions="_is_early") | Transition(
        JobStatus.QUEUED, JobStatus.RUNNING, conditions=partial(max, default=0)
    )

    def _is_early(self, event: object) -> bool:
        return True


def test_branches_that_a_history_cannot_tell_apart_are_one_edge_in_what_happened():
    declared = [e.conditions for e in graph_of(EitherJob).edges if e.trigger == "start"]
    happened = [
        [(e.conditions, e.mark, e.count) for e in graph.edges if e.trigger == "start"]
        for graph in (
            seen(PastJob(DONE, like=EitherJob), EitherJob),
            graph_of([PastJob(DONE, like=EitherJob), PlainJob(None, "p")]),
        )
    ]

    assert declared == [("_is_early",), ("max",)]
    assert happened == [[((), "taken", None)], [((), "plain", 1)]]


def test_a_class_with_its_type_of_result_is_drawn_as_the_class():
    assert draw(BaseJob[int]) == draw(BaseJob)


# ---- plain machines


def light() -> Machine:
    return Machine(
        states=["red", "green", {"name": "broken", "final": True}],
        transitions=[
            {
                "trigger": "go",
                "source": "red",
                "dest": "green",
                "conditions": "is_clear",
                "unless": "is_night",
            },
            {"trigger": "stop", "source": "green", "dest": "red"},
            {"trigger": "blink", "source": "red", "dest": None},
            {"trigger": "break", "source": "*", "dest": "broken"},
        ],
        initial="red",
        model=None,
    )


def test_a_plain_machine_is_drawn():
    graph = graph_of(light())

    assert [(n.name, n.initial, n.final) for n in graph.nodes] == [
        ("red", True, False),
        ("green", False, False),
        ("broken", False, True),
    ]
    assert sorted(edges(graph)) == [
        ("broken", "break", "broken"),
        ("green", "break", "broken"),
        ("green", "stop", "red"),
        ("red", "blink", "red"),
        ("red", "break", "broken"),
        ("red", "go", "green"),
    ]
    assert graph.edges[0].conditions == ("is_clear", "not is_night")
    assert graph.path == ("red", "broken")


def test_a_trigger_with_the_name_of_a_state_is_drawn():
    machine = Machine(
        states=["open", "closed"],
        transitions=[["open", "closed", "open"], ["closed", "open", "closed"]],
        initial="open",
    )

    assert edges(graph_of(machine)) == [("open", "closed", "closed"), ("closed", "open", "open")]


def test_a_machine_with_one_model_shows_where_it_is():
    machine = Machine(states=["a", "b"], transitions=[["go", "a", "b"]], initial="a")
    machine.go()

    assert [n.name for n in graph_of(machine).nodes if n.mark == "current"] == ["b"]


def test_the_machine_of_a_lifecycle_has_its_edges():
    assert sorted(edges(graph_of(ShopJob.lifecycle.machine))) == sorted(edges(graph_of(ShopJob)))


def test_nested_machines_are_refused_with_a_word():
    machine = HierarchicalMachine(states=["a", {"name": "b", "children": ["x", "y"]}], initial="a")

    with pytest.raises(
        ValueError, match=r"\['b'\] contain others; draw a machine with flat states"
    ):
        draw(machine)


@pytest.mark.parametrize("thing", [None, 3, "RUNNING", b"", object(), int, [1, 2], ["a"], [None]])
def test_what_cannot_be_drawn_is_refused_with_what_can(thing: object):
    with pytest.raises(TypeError, match="give a job"):
        draw(thing)


def test_a_graph_of_ones_own_is_drawn():
    assert 'data-state="A"' in draw(Graph("mine", (Node("A"),), (Edge("A", "A", "again"),)))
