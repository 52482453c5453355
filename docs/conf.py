"""How Sphinx builds these pages: `make docs`."""

from __future__ import annotations

import builtins
import importlib
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_about = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]

project = _about["name"]
author = "The sojourn authors"
version = release = _about["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["examples"]
# A section may have no page yet.
suppress_warnings = ["toc.empty_glob"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = "sojourn"
html_copy_source = False


def resolve_standard_name(
    app: Sphinx,
    env: BuildEnvironment,
    node: pending_xref,
    content: nodes.TextElement,
) -> nodes.TextElement | None:
    """Accept a reference to a name of the standard library without linking it.

    The build needs no network, so there is no inventory of Python's manual to look in; the name is looked up in
    Python itself, and a misspelt one is still an error.
    """
    if node.get("refdomain") != "py":
        return None
    module, _, name = node["reftarget"].rpartition(".")
    if not module:
        return content if hasattr(builtins, name) else None
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        return content if hasattr(importlib.import_module(module), name) else None
    except ImportError:
        return None


def setup(app: Sphinx) -> None:
    """Connect the resolver."""
    app.connect("missing-reference", resolve_standard_name)
