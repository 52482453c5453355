"""One call for every picture: formats, files, errors, notebooks."""

from __future__ import annotations

import base64
import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from drawing_graphs import base_graph
from drawing_stories import DONE, PastJob, PlainJob, ShopJob
from sojourn import JobStatus, State, Transition
from sojourn.drawing import Drawing, draw, mimebundle, statistics, timeline
from sojourn.errors import SojournError


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("a.svg", "<svg "),
        ("a.SVG", "<svg "),
        ("a.mmd", "flowchart LR"),
        ("a.dot", "digraph"),
        ("a.gv", "digraph"),
        ("a.txt", "●─▶"),
    ],
)
def test_the_suffix_names_the_format(tmp_path: Path, name: str, begin: str):
    written = draw(base_graph(), tmp_path / name)

    assert written == tmp_path / name
    assert written.read_text("utf-8").startswith(begin)


def test_a_named_format_wins_over_the_suffix(tmp_path: Path):
    assert (
        draw(base_graph(), tmp_path / "a.svg", format="dot")
        .read_text("utf-8")
        .startswith("digraph")
    )


@pytest.mark.parametrize(
    ("path", "chosen"),
    [(None, "pdf"), ("a.pdf", None), ("a", None), ("a.svg", "jpeg"), ("a.svg", "")],
)
def test_an_unknown_format_names_the_known_ones(
    tmp_path: Path, path: str | None, chosen: str | None
):
    where = tmp_path / path if path else None

    with pytest.raises(ValueError, match="known formats are svg, png, mermaid, dot, text"):
        draw(base_graph(), where, format=chosen)
    with pytest.raises(ValueError, match="known formats are svg, png, text"):
        timeline([], where, format=chosen)
    assert not list(tmp_path.iterdir())


def test_an_unknown_direction_names_the_known_ones():
    with pytest.raises(ValueError, match="known are LR and TB"):
        draw(base_graph(), direction="BT")


def test_a_picture_that_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = tmp_path / "a.svg"
    target.write_text("before")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        draw(base_graph(), target)

    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]
    assert target.read_text() == "before"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path):
    target = tmp_path / "nowhere" / "a.svg"

    with pytest.raises(FileNotFoundError) as raised:
        draw(base_graph(), target)
    assert raised.value.filename == str(target)


def test_a_disk_that_is_full_half_way_leaves_what_was_there(tmp_path: Path):
    target = tmp_path / "a.svg"
    target.write_text("before")
    # The limit is that of a process, so the picture is drawn in one of its own.
    program = (
        "import resource, signal, sys; from sojourn import BaseJob, draw;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); draw(BaseJob, sys.argv[1])"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, target], capture_output=True, text=True, check=False
    )

    assert "OSError: [Errno 27]" in ran.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]
    assert target.read_text() == "before"


def test_a_link_is_followed(tmp_path: Path):
    (tmp_path / "link.svg").symlink_to(tmp_path / "real.svg")

    draw(base_graph(), tmp_path / "link.svg")

    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.parametrize("letter", ["a", "é", "形", "🜚"])
def test_the_longest_name_that_a_file_can_have_is_no_obstacle(tmp_path: Path, letter: str):
    name = letter * (250 // len(letter.encode())) + ".svg"

    assert draw(base_graph(), tmp_path / name).exists()


def test_who_may_read_a_picture_stays_as_it_was(tmp_path: Path):
    (tmp_path / "a.svg").touch(0o600)
    (tmp_path / "a.svg").chmod(0o640)

    draw(base_graph(), tmp_path / "a.svg")

    assert (tmp_path / "a.svg").stat().st_mode & 0o777 == 0o640


def test_what_is_no_file_is_written_to_directly(tmp_path: Path):
    pipe = tmp_path / "pipe.svg"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        draw(base_graph(), pipe, format="text")
        read = os.read(reader, 100_000).decode()
    finally:
        os.close(reader)

    assert read == draw(base_graph(), format="text")
    assert pipe.is_fifo()


def test_a_missing_extra_says_which_pip_install_brings_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    with pytest.raises(SojournError, match=r"pip install 'sojourn\[png\]'"):
        draw(base_graph(), format="png")


def test_a_png_is_bytes_and_twice_the_size(tmp_path: Path):
    pytest.importorskip("resvg_py", reason="the extra [png] is not installed")

    data = draw(base_graph(), format="png")

    assert data.startswith(b"\x89PNG")
    assert draw(base_graph(), tmp_path / "a.png").read_bytes() == data
    shown = draw(base_graph())
    assert int.from_bytes(data[16:20], "big") == pytest.approx(
        2 * float(shown.split('width="')[1].split('"')[0]), abs=1
    )


def test_what_the_benchmarks_share_with_these_tests_needs_none_of_their_packages():
    here = Path(__file__).parent
    rows = (here / "benchmarks" / "pictures.py").read_text("utf-8")
    shared = set(re.findall(r"^from (drawing_\w+) import", rows, re.MULTILINE))
    program = "import sys; sys.modules.update(hypothesis=None, pytest=None);"
    program += "".join(f"import {name};" for name in sorted(shared))

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=here, capture_output=True, text=True, check=False
    )

    assert shared
    assert not ran.stderr


def test_every_picture_has_the_same_bytes_in_every_process():
    program = (
        "import hashlib; from drawing_stories import *; from sojourn import BaseJob, draw, timeline;"
        "things = BaseJob, ShopJob, PastJob(DONE), PastJob(TWICE[:5] + DONE[1:], like=ShopJob),"
        " batch(20), [PastJob(DONE), PastJob(DONE, like=ShopJob)];"
        "all = [draw(t, format=f) for t in things for f in ('svg', 'mermaid', 'dot', 'text')];"
        "print(hashlib.sha256(''.join([*all, timeline(batch(20))]).encode()).hexdigest())"
    )

    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }

    assert len(told) == 1


# ---- notebooks


@pytest.mark.parametrize(
    "thing", [PlainJob, ShopJob.lifecycle, PlainJob(None, "p-1"), [PastJob(DONE)]]
)
def test_a_notebook_gets_svg_in_html_and_mermaid_and_text(thing: object):
    bundle = mimebundle(thing)

    assert list(bundle) == ["text/html", "text/vnd.mermaid", "text/plain"]
    assert "<svg " in bundle["text/html"]
    assert bundle["text/vnd.mermaid"].startswith("flowchart")
    assert "INITIALIZING" in bundle["text/plain"]


def test_what_draw_returns_shows_itself_in_a_notebook():
    picture = draw(PlainJob)

    assert str(picture) in picture._repr_mimebundle_()["text/html"]
    assert timeline([PastJob(DONE)])._repr_mimebundle_()["text/plain"].startswith("   ")
    assert draw(PlainJob, format="dot")._repr_mimebundle_()["text/plain"].startswith("digraph")


class WideJob(ShopJob):
    """A job with so many states that they do not fit beside each other."""

    PACKING = State(JobStatus.RUNNING)
    WEIGHING = State(JobStatus.RUNNING)
    pack = Transition(ShopJob.INSPECTING, PACKING)
    weigh = Transition(PACKING, WEIGHING)
    finish = Transition(WEIGHING, JobStatus.DONE)


def test_a_notebook_gets_a_picture_that_can_be_read_there():
    for thing, flow in ((PlainJob, "LR"), (WideJob, "TB"), (WideJob(None, "w-1"), "TB")):
        bundle = mimebundle(thing)

        assert bundle["text/vnd.mermaid"].startswith(f"flowchart {flow}")
        assert float(re.search(' width="([0-9.]+)"', bundle["text/html"])[1]) < 1200


def test_a_page_that_takes_svg_away_shows_a_still():
    shown = draw(PlainJob)._repr_mimebundle_()["text/html"]

    hidden, still = re.search(
        '<div class="(.*?)" style="display:none"><svg .*</svg>\n</div>\n<img class="(.*?)"',
        shown,
        re.DOTALL,
    ).groups()
    swap = f"<style>.{hidden}{{display:block!important}}.{still}{{display:none!important}}</style>"
    data = base64.b64decode(re.search('src="data:image/svg.xml;base64,(.*?)"', shown)[1]).decode()
    assert shown.startswith(swap)
    assert ET.fromstring(data).get("style") == "background:#fff"
    assert "@media" not in data
    assert 'alt="PlainJob: ' in shown


def test_a_drawing_is_a_text_that_can_be_copied_and_pickled():
    picture = draw(PlainJob)

    for again in (pickle.loads(pickle.dumps(picture)), copy.deepcopy(picture)):
        assert isinstance(again, Drawing)
        assert again == picture
        assert again._repr_mimebundle_() == picture._repr_mimebundle_()


def test_statistics_print_as_a_table():
    assert str(statistics([PastJob(DONE)])).splitlines()[1] == (
        "INITIALIZING  1    0   2.0 s  2.0 s  2.0 s             5%"
    )
