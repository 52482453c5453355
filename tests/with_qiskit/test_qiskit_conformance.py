"""The kit finds no promise that the migrated classes of the wild could break."""

from __future__ import annotations

from typing import Any

import qiskit_superstaq

from qiskit_wild import bell
from sojourn.testing import check_job_class


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
