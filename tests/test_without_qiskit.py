"""Where Qiskit is not installed, what needs it says how to get it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
sys.modules["qiskit"] = None  # as if it were not installed
import sojourn.backends
try:
    import sojourn.backends.qiskit
except ModuleNotFoundError as error:
    print(error)
"""


def test_the_error_without_qiskit_names_the_command_that_brings_it() -> None:
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert 'pip install "sojourn[qiskit]"' in told.stdout
