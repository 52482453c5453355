"""Every Python block of the README, the documentation and the docstrings runs."""

from __future__ import annotations

import gc
import inspect
import re
from collections.abc import Iterator
from doctest import ELLIPSIS
from pathlib import Path

import pytest
from sybil import Document
from sybil.document import PythonDocStringDocument
from sybil.parsers import markdown, rest

import sojourn

ROOT = Path(__file__).parents[1]
EVERY_PAGE = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE = re.compile(r"^\s*(>>> |\.\. code-block:: python)", re.MULTILINE)
EVERY_MODULE = [
    path
    for path in sorted((ROOT / "src").rglob("*.py"))
    if EXAMPLE.search(path.read_text(encoding="utf-8"))
]
# What is about Qiskit runs where Qiskit is, from tests/with_qiskit.
PAGES = [page for page in EVERY_PAGE if "qiskit" not in page.stem]
MODULES = [module for module in EVERY_MODULE if "qiskit" not in module.relative_to(ROOT).parts]

# What a fence may be called. Anything else could be Python under a name that is not run.
LANGUAGES = {"python", "console", "text", "json", "toml", "mermaid", "dot"}
DIRECTIVES = {
    "toctree",
    "eval-rst",
    "literalinclude",
    "figure",
    "image",
    "note",
    "tip",
    "warning",
    "lifecycle",
}
KINDS = LANGUAGES | {f"{{{name}}}" for name in DIRECTIVES}
FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,}|:{3,})[ \t]*([^\s`~:].*)$", re.MULTILINE)
PYTHON_BLOCK = re.compile(r"^[ \t>]*```python\n.+?```$", re.MULTILINE | re.DOTALL)


def needs_an_example(public: object) -> bool:
    """Whether a public name needs an example; an error is shown by what raises it."""
    if inspect.isclass(public):
        return not issubclass(public, BaseException)
    return inspect.isfunction(public)


EXEMPLARY = [name for name in sojourn.__all__ if needs_an_example(getattr(sojourn, name))]


@pytest.fixture
def what_an_example_leaves_open_is_charged_to_it() -> Iterator[None]:
    yield
    gc.collect()


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.usefixtures("what_an_example_leaves_open_is_charged_to_it")
@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_python_block_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What an example writes is not left in the repository.
    monkeypatch.chdir(tmp_path)
    parser = markdown.PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)
    document = Document.parse(str(page), parser)
    examples = list(document.examples())

    for example in examples:
        example.evaluate()

    for block in PYTHON_BLOCK.finditer(document.text):
        assert any(block.start() <= example.start < block.end() for example in examples)


@pytest.mark.parametrize("page", EVERY_PAGE, ids=relative)
def test_no_block_of_a_page_escapes_by_its_name(page: Path) -> None:
    openings = FENCE.findall(page.read_text(encoding="utf-8"))

    # A language stands alone; a directive may have arguments.
    kinds = {text.split()[0] if text.startswith("{") else text.rstrip() for text in openings}

    assert kinds <= KINDS


@pytest.mark.usefixtures("what_an_example_leaves_open_is_charged_to_it")
@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_every_example_in_a_docstring_runs(module: Path) -> None:
    parsers = [rest.DocTestParser(ELLIPSIS), rest.PythonCodeBlockParser()]
    document = PythonDocStringDocument.parse(str(module), *parsers)
    document.namespace.update({name: getattr(sojourn, name) for name in sojourn.__all__})

    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("name", EXEMPLARY)
def test_every_class_and_function_at_the_root_carries_an_example(name: str) -> None:
    docstring = inspect.getdoc(getattr(sojourn, name)) or ""

    assert ">>> " in docstring
