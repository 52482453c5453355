"""A provider of Qiskit's, written with sojourn: a backend, and jobs that talk HTTP to a service."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from qiskit import QuantumCircuit, qasm2
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import BackendV2, Options
from qiskit.result import Result
from qiskit.transpiler import Target

from sojourn import JobStatus, Observation, State, Transition
from sojourn.backends.qiskit import QiskitJob

#: Seconds that one request may take.
PATIENCE = 10
#: What the laboratory can do; it reads OpenQASM 2.
GATES = ("h", "x", "sx", "rz", "cx", "measure")


class LabJob(QiskitJob[Result]):
    """Circuits in the laboratory."""

    COOLING = State(JobStatus.QUEUED, "the trap is being cooled")
    cool = Transition([JobStatus.QUEUED, "VALIDATING"], COOLING)
    start = QiskitJob.start | Transition(COOLING, JobStatus.RUNNING)

    status_map = {
        "checked": QiskitJob.VALIDATING,
        "waiting": JobStatus.QUEUED,
        "cooling": COOLING,
        "shining": JobStatus.RUNNING,
        "ok": JobStatus.DONE,
        "broken": JobStatus.ERROR,
        "stopped": JobStatus.CANCELLED,
    }

    def __init__(
        self, backend: LabBackend, job_id: str, circuits: list[QuantumCircuit], shots: int
    ) -> None:
        """Make a job for circuits."""
        super().__init__(backend, job_id, shots=shots)
        self.circuits = circuits

    def _submit(self) -> str:
        told = {
            "circuits": [qasm2.dumps(each) for each in self.circuits],
            "shots": self.metadata["shots"],
            "token": self.submission_token,
        }
        return str(self.backend().ask("POST", "/jobs", told)["id"])

    def _poll(self) -> Observation:
        answer = self.backend().ask("GET", f"/jobs/{self.native_id}")
        return Observation(answer["status"], reason=answer.get("why"))

    def _cancel(self) -> None:
        self.backend().ask("DELETE", f"/jobs/{self.native_id}")

    def _fetch_result(self) -> Result:
        answer = self.backend().ask("GET", f"/jobs/{self.native_id}/counts")
        results = [
            {
                "shots": self.metadata["shots"],
                "success": True,
                "header": {"name": circuit.name, "memory_slots": circuit.num_clbits}
                | {"creg_sizes": [[each.name, each.size] for each in circuit.cregs]},
                "data": {"counts": counts, "memory": memory},
            }
            for circuit, counts, memory in zip(
                self.circuits, answer["counts"], answer["memory"], strict=True
            )
        ]
        return Result.from_dict(
            {
                "backend_name": self.backend().name,
                "job_id": self.job_id(),
                "success": True,
                "results": results,
            }
        )

    def _find(self) -> str | None:
        found: str | None = self.backend().ask("GET", f"/tokens/{self.submission_token}")["id"]
        return found


class LabBackend(BackendV2):  # type: ignore[misc]  # Qiskit's base is not typed
    """The laboratory, somewhere behind a URL."""

    def __init__(self, url: str, qubits: int = 5) -> None:
        """Stand for the service at a URL."""
        super().__init__(name="laboratory")
        self.url = url
        self._target = Target(num_qubits=qubits)
        known = get_standard_gate_name_mapping()
        for gate in GATES:
            self._target.add_instruction(known[gate])

    @property
    def target(self) -> Target:
        """What it can do."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """Any number of circuits at a time."""
        return

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1024, memory=True)

    def run(self, run_input: Any, **options: Any) -> LabJob:
        """Submit circuits."""
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else list(run_input)
        job = LabJob(self, str(uuid4()), circuits, options.get("shots") or self.options.shots)
        job.submit()
        return job

    def ask(self, method: str, path: str, told: object = None) -> Any:
        """Ask the service.

        Raises:
            OSError: It is not there, or in trouble; whether it has done what it was asked is not known.
            ValueError: It refuses.
        """
        body = None if told is None else json.dumps(told).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(self.url + path, body, headers, method=method)  # noqa: S310  # the user's URL
        try:
            with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as error:
            error.close()
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            # An HTTPError is an OSError, but this one is an answer.
            raise ValueError(f"{method} {path} is refused: {error}") from error


__all__ = ["LabBackend", "LabJob"]
