"""Run a batch of real circuits on Aer, show the counts, and see that exactly those fail that are meant to.

Some circuits are generated, the others are OpenQASM files. One is too large for any machine; one would take hours, and
is cancelled while it runs.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit, qasm2, transpile
from qiskit.circuit.library import QFTGate, grover_operator
from qiskit.circuit.random import random_circuit
from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator

import sojourn
from sojourn.backends.qiskit import QiskitBackend

SHOTS = 1000
#: Counts that are certain; of the others only the sum is.
CERTAIN = {"hidden_string": "1011", "adder": "01000", "qft-and-back": "10110"}
#: What becomes of a job whose end is not DONE.
EXPECTED = {"too-large": "ERROR", "endless": "CANCELLED"}


def qft_and_back() -> QuantumCircuit:
    """Transform a basis state, and back again."""
    circuit = QuantumCircuit(5)
    circuit.x([1, 2, 4])
    circuit.append(QFTGate(5), range(5))
    circuit.append(QFTGate(5).inverse(), range(5))
    circuit.measure_all()
    return circuit


def grover() -> QuantumCircuit:
    """Search for 101 among eight."""
    oracle = QuantumCircuit(3)
    oracle.x(1)
    oracle.ccz(0, 1, 2)
    oracle.x(1)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for _ in range(2):
        circuit.compose(grover_operator(oracle), inplace=True)
    circuit.measure_all()
    return circuit


def layers(qubits: int, depth: int) -> QuantumCircuit:
    """Entangle qubits, layer after layer."""
    circuit = QuantumCircuit(qubits)
    for layer in range(depth):
        for qubit in range(qubits):
            circuit.u(0.1 * layer, 0.2, 0.3, qubit)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def circuits(folder: Path) -> dict[str, QuantumCircuit]:
    """Read the files and generate the rest."""
    found = {path.stem: qasm2.load(path) for path in sorted(folder.glob("*.qasm"))}
    found |= {"qft-and-back": qft_and_back(), "grover": grover()}
    found |= {f"random-{n}": random_circuit(6, 12, measure=True, seed=n) for n in range(3)}
    return found


def run(folder: Path, out: Path) -> int:
    """Run everything, and return whether something ended otherwise than expected."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    with QiskitBackend(simulator, processes=2) as backend:
        ready = {"layers": layers(16, 40), "endless": layers(22, 1_600)}
        ready |= {name: transpile(each, backend) for name, each in circuits(folder).items()}
        ready["too-large"] = layers(60, 2)
        jobs = [backend.run(each, job_id=name, shots=SHOTS) for name, each in ready.items()]
        for job in jobs:
            job.wait_for_final_state(callback=stop_the_endless)
            print(f"{job.job_id():>14}  {job.status().name:<9}  {told(job)}", flush=True)
    graph = sojourn.draw(jobs, out / "graph.svg")
    timeline = sojourn.timeline(jobs, out / "timeline.svg")
    return report(jobs, graph, timeline)


def stop_the_endless(job_id: str, status: JobStatus, job: Any) -> None:
    """Cancel one of the jobs when it is seen running."""
    if job_id == "endless" and status is JobStatus.RUNNING:
        job.cancel()


def told(job: Any) -> str:
    """Say what came of a job: its counts, the most frequent first, or why there are none."""
    if not job.done():
        return (job.error_message() or "it was cancelled while it ran")[:100]
    counts = sorted(job.result().get_counts().items(), key=lambda each: -each[1])
    text = ", ".join(f"{bits}: {count}" for bits, count in counts[:3])
    return f"{text}, and {len(counts) - 3} more" if len(counts) > 3 else text


def report(jobs: list[Any], graph: Path, timeline: Path) -> int:
    """Say whether all is as it should be, and where the pictures are."""
    ends = {job.job_id(): job.status().name for job in jobs if not job.done()}
    wrong = []
    for job in jobs:
        counts = job.result().get_counts() if job.done() else {}
        certain = CERTAIN.get(job.job_id())
        if job.done() and sum(counts.values()) != SHOTS:
            wrong.append(job.job_id())
        if certain is not None and counts != {certain: SHOTS}:
            wrong.append(job.job_id())
    if ends != EXPECTED or wrong:
        print(f"expected {EXPECTED}, but {ends}; wrong counts: {wrong}", file=sys.stderr)
        return 1
    print(f"\nexactly the {len(EXPECTED)} jobs failed that are meant to, as they are meant to")
    print(f"what they did is drawn in {graph} and {timeline}")
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2])))
