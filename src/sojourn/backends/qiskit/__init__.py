"""sojourn where Qiskit is: jobs that are `JobV1`, and jobs of others taken over.

It needs ``pip install "sojourn[qiskit]"``; nothing else of sojourn imports Qiskit.
"""

from sojourn.backends.qiskit._adopting import AdoptedJob, adopt
from sojourn.backends.qiskit._job import QiskitJob

__all__ = ["AdoptedJob", "QiskitJob", "adopt"]
