"""Run the first Python block of a Markdown page exactly as it stands there, and show what every statement does.

Each statement is echoed with its comments before it runs; the value of an expression is shown after it, as the
interactive prompt would.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType

BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run(page: Path) -> None:
    """Run the page's first Python block, statement by statement, in a fresh `__main__`."""
    text = page.read_text(encoding="utf-8")
    block = BLOCK.search(text)
    if block is None:
        sys.exit(f"{page} has no ```python block to run")
    # Line numbers stay those of the page, so a traceback shows the page's own lines.
    above = text.count("\n", 0, block.start(1))
    source = "\n" * above + block.group(1)
    lines = source.splitlines()
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = str(page)
    shown = above
    for statement in ast.parse(source, str(page)).body:
        end = statement.end_lineno or statement.lineno
        echo(lines[shown:end])
        shown = end
        tree = ast.Interactive([statement])
        exec(compile(tree, str(page), "single"), module.__dict__)


def echo(lines: list[str]) -> None:
    """Show source lines with a bar before them, dimmed on a terminal, so that output stands out."""
    dim, plain = ("\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "")
    for line in lines:
        print(f"{dim}| {line}{plain}".rstrip())
    sys.stdout.flush()


if __name__ == "__main__":
    run(Path(sys.argv[1]))
