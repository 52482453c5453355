"""Mistakes that `make mutants` makes, and that its list of survivors is kept in order."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from graph_mutants import graph_mutants, how_it_died
from kit_classes import SHIPPED, Shipped

MAKE = Path(__file__).parent / "make"
sys.path.append(str(MAKE))
from mutants import ASKED, FILES, SOURCE, SURVIVORS, found, full_name, reasons  # noqa: E402
from mutation import mutations  # noqa: E402

pytestmark = pytest.mark.once

EXAMPLE = '''"""A module."""

def count(many: int, *, twice: bool = False) -> int:
    """Count."""
    if many == 0 or twice:
        raise ValueError(f"not {many + 1}")
    self.kept = many
    told(many)
    return many + many

def _is_told() -> bool:
    return False
'''


def test_every_place_of_a_file_is_made_wrong_and_its_words_are_left_alone() -> None:
    made = mutations(EXAMPLE)

    assert [each.name for each in made] == [
        "count: False -> True | def count(many: int, *, twice: bool = False) -> int:",
        "count: many == 0 or twice -> (not (many == 0 or twice)) | if many == 0 or twice:",
        "count: many == 0 or twice -> (many == 0 and twice) | if many == 0 or twice:",
        "count: many == 0 -> (many != 0) | if many == 0 or twice:",
        "count: 0 -> 1 | if many == 0 or twice:",
        'count: raise ValueError(f"not {many + 1}") -> pass',
        "count: self.kept = many -> pass",
        "count: told(many) -> pass",
        "count: return many + many -> return None",
        "count: many + many -> (many - many) | return many + many",
        "_is_told: False -> True | return False",
    ]
    for each in made:
        ast.parse(each.text)
        assert each.text != EXAMPLE


@pytest.mark.parametrize("shipped", SHIPPED[:1] + SHIPPED[4:5], ids=lambda each: each.cls.__name__)
def test_every_change_of_one_edge_of_a_graph_is_noticed(shipped: Shipped) -> None:
    deaths = {mutant.name: how_it_died(shipped, mutant) for mutant in graph_mutants(shipped.cls)}

    assert len(deaths) >= 180
    assert [name for name, death in deaths.items() if death is None] == []
    assert "refused" in deaths.values()
    assert "may-tells" in deaths.values()


def test_every_survivor_has_a_reason_and_is_still_there() -> None:
    known = reasons(SURVIVORS.read_text())
    there = {full_name(*place) for place in found()}

    assert [name for name, reason in known.items() if len(reason) < 20] == []
    assert [name for name in known if name not in there] == []


def test_every_file_and_every_test_that_is_asked_is_there() -> None:
    asked = {name for first in FILES.values() for name in first.split()} | {*ASKED}

    assert [name for name in FILES if not (SOURCE / f"{name}.py").exists()] == []
    assert [name for name in asked if not (MAKE.parent / f"test_{name}.py").exists()] == []
