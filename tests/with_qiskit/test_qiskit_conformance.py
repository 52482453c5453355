"""The kit finds no promise that the shipped classes, or the migrated ones of the wild, could break."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import qiskit_superstaq
from qiskit_aer import AerSimulator

from graph_mutants import graph_mutants, how_it_died
from job_oracle import BASE
from kit_classes import Shipped
from qiskit_wild import bell
from sojourn.backends.qiskit import QiskitBackend, QiskitJob
from sojourn.backends.qiskit._running import HereJob
from sojourn.testing import check_job_class

#: Where each trigger leads from each state of a job for Qiskit.
QISKIT = {
    **BASE,
    ("INITIALIZING", "validate"): "VALIDATING",
    ("QUEUED", "validate"): "VALIDATING",
    ("VALIDATING", "enqueue"): "QUEUED",
    ("VALIDATING", "start"): "RUNNING",
    ("VALIDATING", "fail"): "ERROR",
    ("VALIDATING", "cancel"): "CANCELLED",
}


class Plain(QiskitJob[Any]):
    """Adds nothing."""


@cache
def around() -> QiskitBackend:
    return QiskitBackend(AerSimulator())


SHIPPED = [
    Shipped(Plain, lambda: Plain("the backend", "j-1"), QISKIT),
    Shipped(HereJob, lambda: HereJob(around(), "j-1", bell(), {}), QISKIT),
]


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda each: each.cls.__name__)
def test_the_ci_tier_finds_nothing_in_what_is_shipped(shipped: Shipped) -> None:
    report = check_job_class(
        shipped.cls, factory=shipped.factory, expected=shipped.expected, tier="ci"
    )

    assert report.ok, str(report)


def test_every_change_of_one_edge_of_the_graph_is_noticed() -> None:
    deaths = {mutant.name: how_it_died(SHIPPED[0], mutant) for mutant in graph_mutants(Plain)}

    assert len(deaths) >= 180
    assert [name for name, death in deaths.items() if death is None] == []
    assert "refused" in deaths.values()


def test_the_class_of_aer_keeps_every_promise(aer_jobs: type[Any]) -> None:
    report = check_job_class(aer_jobs, factory=lambda: aer_jobs("the backend", "job-1", None))

    assert report.ok, str(report)


def test_the_class_of_ionq_keeps_every_promise(ionq: Any) -> None:
    backend, _, _ = ionq("ready")
    kind = type(backend.retrieve_job("ionq-1"))

    def make() -> Any:
        job = kind(backend, "", backend.client, bell(), {"shots": 1})
        job._job_id = "ionq-1"
        return job

    report = check_job_class(kind, factory=make)

    assert report.ok, str(report)


def test_the_class_of_superstaq_keeps_every_promise(superstaq: Any) -> None:
    backend, _, _ = superstaq("Queued")
    kind = qiskit_superstaq.SuperstaqJob

    report = check_job_class(kind, factory=lambda: kind(backend, "ss-1"))

    assert report.ok, str(report)
