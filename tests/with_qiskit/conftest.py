"""Providers whose job classes have `QiskitJob` for their base, and the services that they ask."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import qiskit_ionq
import qiskit_superstaq

from qiskit_wild import IonQ, Service, Superstaq, migrated, service


@pytest.fixture
def aer_jobs(monkeypatch: pytest.MonkeyPatch) -> type[Any]:
    moved = migrated("qiskit_aer.jobs.aerjob", monkeypatch)
    monkeypatch.setattr("qiskit_aer.backends.aerbackend.AerJob", moved.AerJob)
    return moved.AerJob


@pytest.fixture
def ionq(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Any, IonQ, Service]]]:
    moved = migrated("qiskit_ionq.ionq_job", monkeypatch)
    monkeypatch.setattr("qiskit_ionq.ionq_backend.ionq_job", moved)
    monkeypatch.setattr("qiskit_ionq.ionq_backend.get_n_qubits", lambda *_, **__: 4)
    with service(lambda *_: (500, None)) as running:

        def start(*words: str) -> tuple[Any, IonQ, Service]:
            running.answer = answers = IonQ(*words)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it advises on the transpiler
                provider = qiskit_ionq.IonQProvider("a token", f"{running.url}/v0.4")
                return provider.get_backend("ionq_simulator"), answers, running

        yield start


@pytest.fixture
def superstaq(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., tuple[Any, Superstaq, Service]]]:
    moved = migrated("qiskit_superstaq.superstaq_job", monkeypatch)
    monkeypatch.setattr("qiskit_superstaq.SuperstaqJob", moved.SuperstaqJob)
    with service(lambda *_: (500, None)) as running:

        def start(*words: str) -> tuple[Any, Superstaq, Service]:
            running.answer = answers = Superstaq(*words)
            provider = qiskit_superstaq.SuperstaqProvider(
                "a token", remote_host=running.url, api_version="v0.2.0", max_retry_seconds=1
            )
            return provider.get_backend("ss_unconstrained_simulator"), answers, running

        yield start
