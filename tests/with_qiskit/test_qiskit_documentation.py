"""Every Python block of a page or a docstring that needs Qiskit runs, and nothing else needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import test_documentation
from test_documentation import EVERY_MODULE, EVERY_PAGE, MODULES, PAGES, relative


@pytest.mark.parametrize("page", [page for page in EVERY_PAGE if page not in PAGES], ids=relative)
def test_every_python_block_of_a_page_about_qiskit_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_documentation.test_every_python_block_of_a_page_runs(page, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "module", [module for module in EVERY_MODULE if module not in MODULES], ids=relative
)
def test_every_example_in_a_docstring_about_qiskit_runs(module: Path) -> None:
    test_documentation.test_every_example_in_a_docstring_runs(module)


def test_nothing_but_what_is_for_qiskit_imports_qiskit() -> None:
    script = (
        "import sys, sojourn, sojourn.backends, sojourn.testing, sojourn.drawing;"
        "print([name for name in sys.modules if name.partition('.')[0] == 'qiskit'])"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"
