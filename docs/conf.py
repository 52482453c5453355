"""How Sphinx builds these pages: `make docs`."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

# The pages draw the examples.
sys.path.insert(0, str(Path(__file__).parent / "examples"))

_about = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]

project = _about["name"]
author = "The sojourn authors"
version = release = _about["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sojourn.sphinx"]
exclude_patterns = ["examples"]
# Single backticks in docstrings are code.
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# The pages are built without it; what needs it is described all the same.
autodoc_mock_imports = ["qiskit"]
nitpick_ignore = [("py:class", "qiskit.providers.JobStatus")]
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = "sojourn"
html_copy_source = False


def accept_unlisted_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.TextElement | None:
    """Accept a reference without linking it, where there is no page to link to.

    The build needs no network, so other projects' manuals cannot be asked whether they know a name; Python itself
    is asked, and a misspelt one is still an error. A public name of sojourn must have its place on these pages.
    """
    target = node["reftarget"]
    for path in (target, f"{node.get('py:module')}.{target}", f"builtins.{target}"):
        found = look_up(path)
        if found is not None:
            public = path.startswith("sojourn.") and "._" not in path
            return content if not public or is_from_elsewhere(found) else None
    return None


def look_up(path: str) -> object | None:
    """Return what a dotted path names, or None."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None) if module else None
    except ImportError:
        return None


def is_from_elsewhere(found: object) -> bool:
    """Tell whether a module of sojourn only imported this, or needs it for its annotations only."""
    return isinstance(found, TypeVar) or not found.__module__.startswith("sojourn")


def keep_sentences(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep napoleon from taking the beginning of a sentence, up to a colon, for a type.

    Types are in the signatures. An empty comment in front of the sentence stops it.
    """
    shielded = ["..", ""] if what in {"attribute", "data", "property"} else []
    for line in lines:
        shielded.append(line)
        if line.strip() in {"Returns:", "Yields:"}:
            shielded += ["    ..", ""]
    lines[:] = shielded


def show_public_bases(
    app: Sphinx, name: str, obj: object, options: object, bases: list[type]
) -> None:
    """Show what a private base is made of instead of the private base."""
    bases[:] = [
        shown
        for base in bases
        for shown in (base.__bases__ if base.__name__.startswith("_") else (base,))
    ]


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("missing-reference", accept_unlisted_name)
    app.connect("autodoc-process-docstring", keep_sentences, priority=100)
    app.connect("autodoc-process-bases", show_public_bases)
