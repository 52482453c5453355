"""Every Python block of the README, the documentation and the docstrings runs."""

from __future__ import annotations

import inspect
import re
from doctest import ELLIPSIS
from pathlib import Path

import pytest
from sybil import Document
from sybil.document import PythonDocStringDocument
from sybil.parsers import markdown, rest

import sojourn

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted((ROOT / "src").rglob("*.py"))

# What may follow the three backticks. A block in any other spelling of Python would not be run.
LANGUAGES = {"python", "console", "text", "json", "toml", "mermaid", "dot"}
FENCE = re.compile(r"^[ \t]*```(\w[^\n]*)$", re.MULTILINE)


def needs_an_example(public: object) -> bool:
    """Whether a public name needs an example; an error is shown by what raises it."""
    if inspect.isclass(public):
        return not issubclass(public, BaseException)
    return inspect.isfunction(public)


EXEMPLARY = [name for name in sojourn.__all__ if needs_an_example(getattr(sojourn, name))]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run_examples(document: Document) -> int:
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    return len(examples)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_python_block_of_a_page_runs(page: Path) -> None:
    parsers = [markdown.PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)]
    document = Document.parse(str(page), *parsers)

    ran = run_examples(document)

    assert ran >= document.text.count("```python\n")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_block_of_a_page_escapes_by_the_name_of_its_language(page: Path) -> None:
    languages = {name.strip() for name in FENCE.findall(page.read_text(encoding="utf-8"))}

    assert languages <= LANGUAGES


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_every_example_in_a_docstring_runs(module: Path) -> None:
    parsers = [rest.DocTestParser(ELLIPSIS), rest.PythonCodeBlockParser()]
    document = PythonDocStringDocument.parse(str(module), *parsers)
    document.namespace.update({name: getattr(sojourn, name) for name in sojourn.__all__})

    run_examples(document)


@pytest.mark.parametrize("name", EXEMPLARY)
def test_every_class_and_function_at_the_root_carries_an_example(name: str) -> None:
    docstring = inspect.getdoc(getattr(sojourn, name)) or ""

    assert ">>> " in docstring
