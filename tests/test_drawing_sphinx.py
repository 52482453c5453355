"""The Sphinx extension, in a real build."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("sphinx", reason="the docs group installs it")

from io import StringIO
from typing import TYPE_CHECKING

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from drawing_stories import PlainJob, ShopJob
from sojourn import BaseJob
from sojourn.drawing import draw

pytestmark = pytest.mark.once

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """
Jobs
====

.. lifecycle:: drawing_stories.ShopJob
   :direction: tb
   :caption: What may happen to *a part*.
   :name: shop

.. lifecycle:: sojourn:BaseJob.lifecycle

.. lifecycle:: drawing_stories.JOBS
   :timeline:
"""


def build(folder: Path, page: str, builder: str = "html", theme: str = "furo") -> tuple[str, str]:
    """Build one page; return it, and what Sphinx warned of."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "conf.py").write_text(f"extensions = ['sojourn.sphinx']\nhtml_theme = {theme!r}\n")
    (source / "index.rst").write_text(page)
    out, warnings = folder / builder, StringIO()
    with docutils_namespace():
        app = Sphinx(source, source, out, folder / "trees", builder, status=None, warning=warnings)
        app.build()
    suffix = "html" if builder == "html" else "txt"
    return (out / f"index.{suffix}").read_text("utf-8"), warnings.getvalue()


@pytest.mark.parametrize("theme", ["furo", "alabaster"])
def test_a_page_has_the_pictures_inside(tmp_path: Path, theme: str):
    if theme == "furo":
        pytest.importorskip("furo", reason="the docs group installs it")

    page, warnings = build(tmp_path, PAGE, theme=theme)

    pictures = re.findall(r'<svg xmlns="[^"]*" class="sojourn.*?</svg>', page, re.DOTALL)
    names = [
        {g.get("data-state") for g in ET.fromstring(p).iter() if g.get("data-state")}
        for p in pictures
    ]
    assert not warnings
    assert len(pictures) == 3
    assert {"SETUP", "INSPECTING"} <= names[0]
    assert "SETUP" not in names[1]
    assert 'data-job="job-00"' in pictures[2]
    assert 'id="shop"' in page
    assert re.search("What may happen to <em>a part</em>", page)


def test_where_there_are_no_pictures_there_are_characters(tmp_path: Path):
    page, warnings = build(tmp_path, PAGE, "text")

    assert not warnings
    for line in draw(BaseJob, format="text").splitlines():
        assert line.strip() in page


def test_what_is_too_wide_for_a_page_is_drawn_from_top_to_bottom(tmp_path: Path):
    what = ("ShopJob", "PlainJob", "ShopJob\n   :direction: LR")
    directives = (f".. lifecycle:: drawing_stories.{name}\n" for name in what)

    page, _ = build(tmp_path, "Jobs\n====\n\n" + "\n".join(directives))

    drawn = [draw(ShopJob, direction="TB"), draw(PlainJob), draw(ShopJob)]
    assert re.findall('class=.sojourn (.*?)"', page) == [
        re.search('class=.sojourn (.*?)"', picture)[1] for picture in drawn
    ]


def test_a_class_that_is_not_sound_is_reported_and_the_rest_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "unsound_press.py").write_text(
        "from sojourn import BaseJob, Transition\n"
        "class PressJob(BaseJob[str]):\n    press = Transition('RUNING', 'DONE')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    page, warnings = build(
        tmp_path, "Jobs\n====\n\n.. lifecycle:: unsound_press.PressJob\n\nThe rest.\n"
    )

    assert "index.rst:4" in warnings
    assert "LifecycleError" in warnings
    assert "did you mean" in warnings
    assert "The rest." in page


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere.Job", "no module to import for 'nowhere.Job'"),
        ("sojourn.Nothing", "has no attribute 'Nothing'"),
        ("sojourn.JobStatus", "give a job class"),
    ],
)
def test_what_cannot_be_drawn_is_reported_with_its_place(
    tmp_path: Path, argument: str, message: str
):
    _, warnings = build(tmp_path, f"Jobs\n====\n\n.. lifecycle:: {argument}\n")

    assert message in warnings
    assert "index.rst:4" in warnings
