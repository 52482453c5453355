"""What coverage leaves out has its reason beside it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_line_that_is_left_out_says_why() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "pragma: no" in line and not re.search(r"# pragma: no (cover|branch)  # \w.{8,}", line)
    ]

    assert silent == []


def test_every_pattern_that_is_left_out_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    patterns = tomllib.loads(text)["tool"]["coverage"]["report"]["exclude_also"]
    lines = text.split("exclude_also = [\n")[1].split("]\n")[0].splitlines()

    assert len(lines) == len(patterns)
    assert [line for line in lines if not re.search(r",  # \w.{10,}$", line)] == []
