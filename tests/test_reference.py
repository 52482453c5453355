"""The reference has a place for every public name, and the first minute is what the README shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import sojourn
from sojourn import BaseJob, State, Transition

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
HOOKS = {
    *("_submit", "_poll", "_cancel", "_fetch_result", "_find"),
    *("_arguments", "_pack_result", "_unpack_result"),
}
# An address that users may type has no underscore in front.
MODULES = sorted(
    path.stem for path in (ROOT / "src" / "sojourn").glob("[!_]*") if path.name != "py.typed"
)


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def without_numbers(text: str) -> list[str]:
    return re.sub(r"[\d.]+", "N", text).splitlines()


def test_the_page_of_the_root_lists_the_names_at_the_root() -> None:
    listed = re.findall(r"^\| \{py:\w+\}`~sojourn\.\w+\.(\w+)`", page("sojourn"), re.MULTILINE)

    assert sorted(listed) == sorted(sojourn.__all__)


def test_the_page_of_the_job_describes_every_public_name_and_hook_of_a_job() -> None:
    described = set(re.findall(r"\bBaseJob\.(\w+)", page("job")))

    public = {name for name in dir(BaseJob) if not name.startswith("_")}

    assert described == public | HOOKS | {"__await__"}


def test_the_page_of_the_job_declares_what_the_class_declares() -> None:
    declared = [
        name
        for name in dir(BaseJob)
        if not name.startswith("_") and isinstance(getattr(BaseJob, name), State | Transition)
    ]

    section = page("job").split("## What it declares")[1].split("\n## ")[0]

    assert [name for name in declared if not re.search(rf"\bBaseJob\.{name}\b", section)] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_users_may_type_has_its_page(module: str) -> None:
    assert re.search(
        rf"^\.\. (automodule|py:module):: sojourn\.{module}$", page(module), re.MULTILINE
    )


def test_the_first_minute_is_what_the_readme_shows() -> None:
    readme = ROOT / "README.md"
    shown = readme.read_text(encoding="utf-8").split("## The first minute")[1].split("\n## ")[0]
    promised = re.search(r"```text\n(.*?)```", shown, re.DOTALL)
    assert promised is not None
    script = ROOT / "tests" / "make" / "first_minute.py"

    told = subprocess.run(
        [sys.executable, script, readme], capture_output=True, text=True, check=True, cwd=ROOT
    )

    # How long it took, and how large a file of Python's own is, differ.
    answers = without_numbers(told.stdout)
    assert [line for line in without_numbers(promised[1]) if line not in answers] == []
    assert told.stderr == ""
