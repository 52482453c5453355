"""`make run-qiskit` runs its batch as it is meant to end, and draws it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_batch_of_circuits_ends_as_it_is_meant_to(tmp_path: Path) -> None:
    script = ROOT / "tests" / "make" / "qiskit_batch.py"
    circuits = ROOT / "docs" / "examples" / "qiskit_circuits"

    told = subprocess.run(
        [sys.executable, script, circuits, tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert told.returncode == 0, told.stderr
    assert "1011: 1000" in told.stdout
    assert "Insufficient memory" in told.stdout
    for name in ("graph", "timeline"):
        assert (tmp_path / "out" / f"{name}.svg").read_text("utf-8").startswith("<svg")
