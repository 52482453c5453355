"""A real notebook, run by a real kernel: what its cells show, and what a page makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

for needed in ("nbclient", "ipykernel"):
    pytest.importorskip(needed, reason="the test group installs it")

CELLS = [
    "from drawing_stories import DONE, PastJob, ShopJob\nfrom sojourn import draw, timeline",
    "job = ShopJob(None, 'p-1')\njob.trigger('submit')\njob.mount()\njob",
    "ShopJob.lifecycle",
    "timeline([PastJob(DONE)])",
    "draw(ShopJob, direction='TB')",
    "print(draw(job, format='text'))",
]


# The client leaves sockets to the garbage collector, so it runs in a process of its own.
RUN = """
import sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("notebook")
    here = Path(__file__).parent
    cells = [f"import sys; sys.path[:0] = {[str(here), str(here.parent / 'src')]!r}", *CELLS]
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    written = [{**code, "id": f"c{i}", "source": cell} for i, cell in enumerate(cells)]
    path = folder / "book.ipynb"
    path.write_text(
        json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8"
    )
    surroundings = {**os.environ, "HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    subprocess.run(
        [sys.executable, "-c", RUN, path], check=True, capture_output=True, env=surroundings
    )
    return [cell["outputs"] for cell in json.loads(path.read_text("utf-8"))["cells"][1:]]


def shown(output: dict[str, Any], kind: str) -> str:
    """Return one representation of an output; a notebook file keeps it as lines."""
    found = output["data"][kind]
    return found if isinstance(found, str) else "".join(found)


@pytest.mark.parametrize(("cell", "state"), [(1, "SETUP"), (2, "INSPECTING"), (4, "INSPECTING")])
def test_jobs_lifecycles_and_drawings_display_themselves(outputs: Any, cell: int, state: str):
    (output,) = outputs[cell]

    assert output["output_type"] == "execute_result"
    assert set(output["data"]) == {"text/html", "text/vnd.mermaid", "text/plain"}
    assert f'data-state="{state}"' in shown(output, "text/html")
    assert state in shown(output, "text/plain")
    assert state in shown(output, "text/vnd.mermaid")


def test_the_job_shows_where_it_is(outputs: Any):
    html = shown(outputs[1][0], "text/html")

    assert re.search('class="sj-node sj-active sj-current[^"]*" data-state="SETUP"', html)


def test_a_timeline_displays_itself(outputs: Any):
    (output,) = outputs[3]

    assert set(output["data"]) == {"text/html", "text/plain"}
    assert 'data-job="j-1"' in shown(output, "text/html")


def test_pictures_of_one_notebook_do_not_share_a_scope(outputs: Any):
    scopes = [re.search("sj-[0-9a-f]{10}", shown(o[0], "text/html"))[0] for o in outputs[1:5]]

    assert len(set(scopes)) == 4


def test_print_shows_the_text(outputs: Any):
    (output,) = outputs[5]

    assert output["output_type"] == "stream"
    assert "[SETUP]" in "".join(output["text"])
