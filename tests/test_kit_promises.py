"""The page of promises names every promise, and only tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kit_backends import PLANTED as PLANTED_BACKENDS
from kit_gallery import PLANTED
from sojourn.testing import BACKEND_PROMISES, PROMISES, BackendConformance
from sojourn.testing._requirements import needs_of, promise_of

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reference" / "promises.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
OF_JOBS = [row for row in ROWS if len(row) == 3]
OF_BACKENDS = [row for row in ROWS if len(row) == 4]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_has_every_promise_in_its_words() -> None:
    assert {code(row[0])[0]: row[1] for row in OF_JOBS} == dict(PROMISES)
    assert {code(row[0])[0]: row[1] for row in OF_BACKENDS} == dict(BACKEND_PROMISES)


@pytest.mark.parametrize("row", OF_JOBS, ids=lambda row: code(row[0])[0])
def test_the_tests_that_hold_a_promise_of_jobs_are_there(row: list[str]) -> None:
    named = [name.split("::") for name in code(row[2])]

    assert named
    for file, test in named:
        assert f"def {test}(" in (TESTS / f"{file}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", OF_BACKENDS, ids=lambda row: code(row[0])[0])
def test_the_tests_that_hold_a_promise_of_backends_are_there(row: list[str]) -> None:
    (name,), needs, named = code(row[0]), code(row[2]), code(row[3])

    tests = {each for each, test in vars(BackendConformance).items() if promise_of(test) == name}
    assert set(named) == tests
    assert set(needs) == {n for test in tests for n in needs_of(vars(BackendConformance)[test])}


def test_every_promise_is_broken_by_somebody_in_the_gallery() -> None:
    broken = {planted.promise for planted in PLANTED}

    assert set(PROMISES) - broken == set()
    assert {planted.promise for planted in PLANTED_BACKENDS} == set(BACKEND_PROMISES)
