"""What the words of three services mean, as data for `adopt` and for a ``status_map``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sojourn.backends.qiskit._job import QiskitJob
from sojourn.lifecycle import JobStatus, State

__all__ = ["BRAKET_STATUS_MAP", "IBM_STATUS_MAP", "IONQ_STATUS_MAP"]

Places = Mapping[Any, State | JobStatus]

IBM_STATUS_MAP: Places = MappingProxyType(
    {
        "Queued": QiskitJob.QUEUED,
        "Running": JobStatus.RUNNING,
        "Completed": JobStatus.DONE,
        "Cancelled": JobStatus.CANCELLED,
        "Cancelled - Ran too long": JobStatus.ERROR,
        "Failed": JobStatus.ERROR,
        # The client gives a word that it does not know in capitals.
        "COMPLETED": JobStatus.DONE,
        "CANCELLED - RAN TOO LONG": JobStatus.ERROR,
        "FAILED": JobStatus.ERROR,
    }
)
"""Words of IBM's service, and of the client where it passes them on."""

IONQ_STATUS_MAP: Places = MappingProxyType(
    {
        "submitted": QiskitJob.VALIDATING,
        "ready": QiskitJob.QUEUED,
        "started": JobStatus.RUNNING,
        "running": JobStatus.RUNNING,
        "completed": JobStatus.DONE,
        "canceled": JobStatus.CANCELLED,
        "failed": JobStatus.ERROR,
    }
)
"""Words of IonQ's service."""

BRAKET_STATUS_MAP: Places = MappingProxyType(
    {
        "CREATED": QiskitJob.VALIDATING,
        "QUEUED": QiskitJob.QUEUED,
        "RUNNING": JobStatus.RUNNING,
        "COMPLETED": JobStatus.DONE,
        "FAILED": JobStatus.ERROR,
        # Nothing but that it is not over: a job that runs already goes on running.
        "CANCELLING": JobStatus.QUEUED,
        "CANCELLED": JobStatus.CANCELLED,
    }
)
"""Words of Amazon Braket's quantum tasks."""
