"""Two type checkers accept what is sound in `typing/accepted.py`, and reject each mistake in `typing/rejected.py`."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
ACCEPTED = ROOT / "tests" / "typing" / "accepted.py"
REJECTED = ROOT / "tests" / "typing" / "rejected.py"

Findings = dict[int, set[str]]
MARKS = {"mypy": r"  # type: ignore\[(.+?)\]", "pyright": r"  # pyright: ignore\[(.+?)\]"}
ALL_MARKS = re.compile("|".join(MARKS.values()))


def run(checker: str, *arguments: str | Path) -> str:
    """Run a checker as this interpreter's users would, and return what it prints."""
    command = [sys.executable, "-m", checker, *map(str, arguments)]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    # 0 is clean, 1 has findings; anything else is a checker that could not work.
    assert ran.returncode in (0, 1), f"{checker} failed:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def ask_mypy(folder: Path) -> Iterator[tuple[str, int, str]]:
    told = run(
        "mypy",
        *("--config-file", "pyproject.toml", "--cache-dir", folder / "cache"),
        *("--python-executable", sys.executable),
        *("--python-version", "{}.{}".format(*sys.version_info)),
        *("--output", "json", folder / "accepted.py", folder / "rejected.py"),
    )
    for line in told.splitlines():
        found = json.loads(line)
        if found["severity"] == "error":
            yield Path(found["file"]).name, found["line"], found["code"]


def ask_pyright(folder: Path) -> Iterator[tuple[str, int, str]]:
    # The project's own strictness, for a project that is this folder.
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pyright"]
    kept = {name: config[name] for name in config.keys() - {"include", "venv", "venvPath"}}
    (folder / "pyrightconfig.json").write_text(json.dumps(kept))
    told = run(
        "pyright",
        *("--project", folder, "--outputjson"),
        *("--pythonpath", sys.executable),
        *("--pythonversion", "{}.{}".format(*sys.version_info)),
    )
    for found in json.loads(told)["generalDiagnostics"]:
        yield Path(found["file"]).name, found["range"]["start"]["line"] + 1, found["rule"]


CHECKERS: dict[str, Callable[[Path], Iterator[tuple[str, int, str]]]] = {
    "mypy": ask_mypy,
    "pyright": ask_pyright,
}


@pytest.fixture(scope="module", params=CHECKERS)
def checker(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(scope="module")
def findings(checker: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    """What a checker says of both files when nothing tells it to look away."""
    folder = tmp_path_factory.mktemp(checker)
    for page in (ACCEPTED, REJECTED):
        (folder / page.name).write_text(ALL_MARKS.sub("", page.read_text()))
    said: dict[str, Findings] = {ACCEPTED.name: {}, REJECTED.name: {}}
    for file, line, code in CHECKERS[checker](folder):
        said[file].setdefault(line, set()).add(code)
    return said


def marked(checker: str, page: Path) -> Findings:
    lines = enumerate(page.read_text().splitlines(), 1)
    marks = ((number, re.search(MARKS[checker], line)) for number, line in lines)
    return {number: set(mark[1].split(", ")) for number, mark in marks if mark}


def test_sound_code_is_accepted(checker: str, findings: dict[str, Findings]) -> None:
    assert findings[ACCEPTED.name] == marked(checker, ACCEPTED)


def test_exactly_the_marked_mistakes_are_rejected(
    checker: str, findings: dict[str, Findings]
) -> None:
    assert findings[REJECTED.name] == marked(checker, REJECTED)


def test_every_mistake_is_marked_for_both_checkers() -> None:
    for_mypy = marked("mypy", REJECTED)
    for_pyright = marked("pyright", REJECTED)

    assert for_mypy.keys() == for_pyright.keys()
    assert len(for_mypy) > 80


def test_what_the_checkers_accept_also_runs() -> None:
    runpy.run_path(str(ACCEPTED), run_name="__main__")
