"""sojourn where Qiskit is: jobs that are `JobV1`, and jobs of others taken over.

It needs ``pip install "sojourn[qiskit]"``; nothing else of sojourn imports Qiskit.
"""

from sojourn.backends.qiskit._adopting import AdoptedJob, adopt
from sojourn.backends.qiskit._backend import QiskitBackend
from sojourn.backends.qiskit._errors import UnsuccessfulResultError
from sojourn.backends.qiskit._job import QiskitJob
from sojourn.backends.qiskit._running import CircuitJob
from sojourn.backends.qiskit._status_maps import (
    BRAKET_STATUS_MAP,
    IBM_STATUS_MAP,
    IONQ_STATUS_MAP,
)

__all__ = [
    "BRAKET_STATUS_MAP",
    "IBM_STATUS_MAP",
    "IONQ_STATUS_MAP",
    "AdoptedJob",
    "CircuitJob",
    "QiskitBackend",
    "QiskitJob",
    "UnsuccessfulResultError",
    "adopt",
]
