"""The only importer of Qiskit: its names, under names that cannot be taken for sojourn's."""

from __future__ import annotations

try:
    from qiskit.circuit import QuantumCircuit
    from qiskit.providers import BackendV2 as QiskitBackendV2
    from qiskit.providers import JobStatus as QiskitStatus
    from qiskit.providers import JobV1 as QiskitJobV1
    from qiskit.providers import Options as QiskitOptions
    from qiskit.providers.exceptions import JobError as QiskitJobError
    from qiskit.providers.exceptions import JobTimeoutError as QiskitJobTimeoutError
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "qiskit":
        raise
    raise ModuleNotFoundError(
        'sojourn.backends.qiskit needs qiskit; install it with: pip install "sojourn[qiskit]"',
        name=missing.name,
    ) from missing

__all__ = [
    "QiskitBackendV2",
    "QiskitJobError",
    "QiskitJobTimeoutError",
    "QiskitJobV1",
    "QiskitOptions",
    "QiskitStatus",
    "QuantumCircuit",
]
