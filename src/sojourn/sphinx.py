"""A Sphinx extension: the directive `lifecycle` draws a job class where it stands in the documentation.

Add `"sojourn.sphinx"` to `extensions` in `conf.py`, then write::

    .. lifecycle:: machine_shop.MachineShopJob
       :direction: TB
       :caption: What may happen to a part.

The name may also lead to a `Lifecycle`, to a job, or to a list of jobs; with `:timeline:` it shows when they were
where.  Without a direction it is drawn from left to right, or from top to bottom where a page would be too narrow.
The picture is SVG inside the page, without scripts or files beside it, and follows the theme of the page into the
dark.  Where there are no pictures, the lifecycle is drawn with characters.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from sojourn.drawing import draw, timeline
from sojourn.drawing._front import direction_within

__all__ = ["setup"]

# The themes give a page's text some 740 pixels, and make a picture that is wider fit; this much can still be read.
_WIDEST = 900.0


class lifecycle_node(nodes.General, nodes.Element):  # noqa: N801  # docutils finds its visitors by this name
    """A picture in a document; its text form is its child, for builders that cannot show it."""


def _direction(argument: str) -> str:
    return directives.choice(argument, ("LR", "TB", "lr", "tb")).upper()


class _LifecycleDirective(SphinxDirective):
    """Draw a job class, a lifecycle, or anything else that a dotted name leads to and that can be drawn."""

    required_arguments = 1
    final_argument_whitespace = False
    option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = {
        "direction": _direction,
        "caption": directives.unchanged,
        "name": directives.unchanged,
        "timeline": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return a figure with the picture in it."""
        try:
            picture, words = self._drawn(_import(self.arguments[0]))
        except Exception as error:
            # Whatever is wrong in somebody's module, the rest of the documentation can be built.
            raise self.error(f"{type(error).__name__}: {error}") from error
        self.env.note_reread()
        node = lifecycle_node(picture=str(picture))
        node += nodes.literal_block(words, words, language="none")
        figure = nodes.figure("", node, classes=["sojourn-lifecycle"])
        if "caption" in self.options:
            parsed, messages = self.parse_inline(self.options["caption"])
            figure += nodes.caption("", "", *parsed)
            self.add_name(figure)
            return [figure, *messages]
        self.add_name(figure)
        return [figure]

    def _drawn(self, thing: object) -> tuple[str, str]:
        """Return the picture as SVG and in characters."""
        if "timeline" in self.options:
            return timeline(thing, format="svg"), timeline(thing, format="text")
        given = self.options.get("direction")
        return (
            draw(thing, format="svg", direction=given or direction_within(thing, _WIDEST)),
            draw(thing, format="text", direction=given or "LR"),
        )


def _import(path: str) -> object:
    """Return what a dotted path names; a colon may stand between the module and the name."""
    parts = path.replace(":", ".").split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        try:
            found: object = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # Only what is not there may be a class instead of a module; what is broken is reported as it is.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            continue
        for attribute in parts[end:]:
            found = getattr(found, attribute)
        return found
    raise ImportError(f"there is no module to import for {path!r}")


def _show_picture(translator: Any, node: lifecycle_node) -> None:
    """Write the SVG into the page."""
    translator.body.append(node["picture"])
    raise nodes.SkipNode


def _show_words(translator: Any, node: lifecycle_node) -> None:
    """Leave it to the literal block inside."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directive to Sphinx."""
    words = (_show_words, _show_words)
    app.add_node(
        lifecycle_node,
        html=(_show_picture, _show_words),
        latex=words,
        text=words,
        man=words,
        texinfo=words,
    )
    app.add_directive("lifecycle", _LifecycleDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
