"""What `sojourn graph` and `sojourn check` show, and how they refuse."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from sysconfig import get_path

import pytest

from cli_process import QUIET, Told, Typed, sojourn
from machine_shop import MachineShopJob
from sojourn.cli import main
from sojourn.drawing import draw

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
SHOP = "machine_shop:MachineShopJob"

MODULES = {
    "noisy": "print('on my way')\nfrom machine_shop import MachineShopJob\n",
    "broken": "import sojourn\n\nraise RuntimeError('no \\x1b[31mlicence\\nfor this')\n",
    "leaving": "raise SystemExit(3)\n",
    "crooked": "class Job(:\n    pass\n",
    "needy": "import numpi_of_mine\n",
    "unsound": (
        "from sojourn import BaseJob, JobStatus, Transition\n"
        "class PressJob(BaseJob):\n"
        "    cool = Transition(JobStatus.RUNNING, JobStatus.QUEUED)\n"
        "    heat = Transition(JobStatus.QUEUED, 'HEETING')\n"
    ),
    "plain": (
        "from sojourn import BaseJob\n"
        "class Outer:\n"
        "    class Job(BaseJob):\n"
        "        'Runs [red]\\x1b]0;owned\\x07 deep.'\n"
        "class Other: ...\n"
        "shelf = [1, 2]\n"
    ),
    "making": (
        "from machine_shop import Controller, MachineShop, MachineShopJob, Program\n"
        "def part():\n"
        "    return MachineShopJob(MachineShop(Controller()), 'p-1', Program('bracket'))\n"
        "shop = MachineShop(Controller())\n"
    ),
    "hasty": (
        "from sojourn import BaseJob\n"
        "class Job(BaseJob):\n"
        "    def cancel(self):\n"
        "        return self.trigger('cancel')\n"
    ),
    "lazy": "def __getattr__(name):\n    raise ImportError('needs the extra')\n",
}


FILES = {f"{name}.py" for name in (*MODULES, "machine_shop")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    (tmp_path / "machine_shop.py").symlink_to(EXAMPLES / "machine_shop.py")
    return tmp_path


@pytest.fixture
def typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Typed]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda *arguments: Told(main(arguments), *capsys.readouterr())
    for name in MODULES:
        sys.modules.pop(name, None)


def on_a_terminal(*arguments: str, cwd: Path, **environment: str) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    told = b""
    with subprocess.Popen(
        [sys.executable, "-m", "sojourn", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**QUIET, "TERM": "xterm-256color", **environment},
    ):
        os.close(theirs)
        try:
            while part := os.read(ours, 4096):
                told += part
        except OSError:
            pass  # Linux ends a terminal whose last user is gone with an error
    os.close(ours)
    return told.decode().replace("\r\n", "\n")


def test_a_graph_is_text_without_colours_where_nobody_looks(typed: Typed) -> None:
    told = typed("graph", SHOP)

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == draw(MachineShopJob, format="text")


def test_a_graph_has_colours_on_a_terminal_unless_they_are_unwanted(folder: Path) -> None:
    coloured = on_a_terminal("graph", SHOP, cwd=folder, COLUMNS="100")

    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == draw(MachineShopJob, format="text")
    assert "\x1b[" in coloured
    assert "\x1b" not in on_a_terminal("graph", SHOP, cwd=folder, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("graph", SHOP, cwd=folder, TERM="dumb")


def test_a_graph_keeps_within_a_narrow_terminal(folder: Path) -> None:
    told = on_a_terminal("graph", SHOP, cwd=folder, NO_COLOR="1", COLUMNS="60")

    assert max(map(len, told.splitlines())) <= 60


@pytest.mark.parametrize("suffix", ["svg", "mmd", "dot", "txt"])
def test_a_graph_in_a_file_is_what_draw_draws(typed: Typed, folder: Path, suffix: str) -> None:
    told = typed("graph", SHOP, "-o", f"shop.{suffix}", "--direction", "tb")

    draw(MachineShopJob, folder / f"same.{suffix}", direction="TB")
    assert (told.returncode, told.stdout, told.stderr) == (0, f"shop.{suffix}\n", "")
    assert (folder / f"shop.{suffix}").read_bytes() == (folder / f"same.{suffix}").read_bytes()


def test_a_named_format_goes_down_the_pipe(typed: Typed) -> None:
    told = typed("graph", SHOP, "--format", "mermaid")

    assert told.stdout == draw(MachineShopJob, format="mermaid")


def test_a_png_goes_down_the_pipe_but_not_to_a_terminal(folder: Path) -> None:
    pytest.importorskip("resvg_py", reason="the test group installs it")
    command = [sys.executable, "-m", "sojourn", "graph", SHOP, "--format", "png"]
    piped = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout

    assert piped == draw(MachineShopJob, format="png")
    refused = on_a_terminal("graph", SHOP, "--format", "png", cwd=folder)
    assert refused == "sojourn: a PNG is nothing that a terminal can show; name a file with -o\n"


def test_what_an_encoding_lacks_is_replaced(folder: Path) -> None:
    told = sojourn("graph", SHOP, cwd=folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (told.returncode, told.stderr) == (0, "")
    assert "INITIALIZING" in told.stdout


def test_what_a_module_prints_is_no_part_of_the_picture(folder: Path) -> None:
    told = sojourn("graph", "noisy:MachineShopJob", "--format", "svg", cwd=folder)

    assert told.stdout == draw(MachineShopJob, format="svg")
    assert told.stderr == "on my way\n"


def test_check_shows_the_lifecycle_and_the_verdict(typed: Typed) -> None:
    told = typed("check", SHOP, "--factory", "making:part")

    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert re.fullmatch(r"MachineShopJob \(machine_shop\.py:\d+\): A part to be milled\.", lines[0])
    assert draw(MachineShopJob, format="text") in told.stdout
    assert "  SETUP         counts as QUEUED   tool and fixture are being mounted" in lines
    assert "  mounting  means SETUP" in lines
    assert "  _find          defined" in lines
    sound = (
        "sound: 8 states, 18 transitions, the shortest way is "
        "INITIALIZING → QUEUED → RUNNING → INSPECTING → DONE"
    )
    verdict, hooks = lines[lines.index(sound) + 1 :]
    assert verdict.startswith("MachineShopJob: no promise is broken (quick: ")
    assert "did not run; a factory whose backend is a ScriptedBackend" in hooks


def test_check_tells_a_broken_promise_as_a_path(typed: Typed) -> None:
    told = typed("check", "hasty:Job", "--tier", "quick")

    assert (told.returncode, told.stderr) == (1, "")
    assert "\n  broken  cancel-asks: cancel() asks; CANCELLED is what the backend" in told.stdout
    assert "\n    do           cancel() and the backend says None\n" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            (SHOP,),
            (
                "MachineShopJob cannot be made as MachineShopJob(backend, 'job-1'): "
                "MachineShopJob.__init__() missing 1 required positional argument: 'program'; "
                "give --factory module:function, which returns a new job with every call"
            ),
        ),
        (
            (SHOP, "--factory", "making:shop"),
            (
                "making:shop is a MachineShop, which makes no jobs; "
                "give a function that returns a new one"
            ),
        ),
        (
            (SHOP, "--factory", "plain:Other"),
            "the factory of MachineShopJob returned <plain.Other object",
        ),
    ],
)
def test_a_class_of_which_no_job_can_be_made_is_no_pass(
    typed: Typed, arguments: tuple[str, ...], reason: str
) -> None:
    told = typed("check", *arguments)

    assert told.returncode == 2
    assert told.stderr.startswith(f"sojourn: {reason}")
    assert told.stderr.count("\n") == 1
    assert "no promise is broken" not in told.stdout


def test_check_shows_a_terminal_what_it_is_doing(folder: Path) -> None:
    told = on_a_terminal("check", "hasty:Job", cwd=folder)

    assert "\r\x1b[2Kquick: every move\r\x1b[2K" in told
    assert told.rindex("\x1b[2K") < told.index("Job: ")
    assert "\x1b[2K" not in on_a_terminal("check", "hasty:Job", cwd=folder, TERM="dumb")


def test_check_tells_what_a_class_does_without(typed: Typed) -> None:
    told = typed("check", "plain:Outer.Job")

    assert told.returncode == 0
    assert "  _cancel        not defined:  cancel() of a live job is refused" in told.stdout
    assert "\x1b" not in told.stdout
    assert (
        "Runs [red]\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER} deep." in told.stdout
    )


def test_check_tells_the_base_class_and_that_it_makes_no_jobs(typed: Typed) -> None:
    told = typed("check", "sojourn:BaseJob")

    assert told.returncode == 2
    assert "sound: 6 states" in told.stdout
    assert told.stderr == (
        "sojourn: BaseJob is abstract, and makes no jobs; give a class that derives from it\n"
    )


def test_check_lists_every_problem_of_a_class_that_is_not_sound(typed: Typed) -> None:
    told = typed("check", "unsound:PressJob")

    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout.startswith("class PressJob is not a sound lifecycle; 2 problems found:\n")
    assert "'heat' leads to HEETING, which is no state" in told.stdout
    assert "declare new_attempt=True if it is a requeue" in told.stdout


def test_a_class_that_is_not_sound_is_not_drawn(typed: Typed) -> None:
    told = typed("graph", "unsound:PressJob")

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("sojourn: class PressJob is not a sound lifecycle; 2 problems")


REFUSALS = {
    "nowhere:Job": "cannot import 'nowhere': ModuleNotFoundError: No module named 'nowhere'",
    "needy:Job": (
        "cannot import 'needy': ModuleNotFoundError: No module named 'numpi_of_mine' (needy.py, line 1)"
    ),
    "broken:Job": (
        "cannot import 'broken': RuntimeError: no \N{REPLACEMENT CHARACTER}[31mlicence for this "
        "(broken.py, line 3)"
    ),
    "leaving:Job": "cannot import 'leaving': SystemExit: 3 (leaving.py, line 1)",
    "crooked:Job": "cannot import 'crooked': SyntaxError: invalid syntax (crooked.py, line 1)",
    "lazy:Job": "cannot import 'lazy': ImportError: needs the extra (lazy.py, line 2)",
    "machine_shop:MachineShopJop": (
        "machine_shop:MachineShopJop: machine_shop has no 'MachineShopJop'; did you mean MachineShopJob?"
    ),
    "machine_shop:X": (
        "machine_shop:X: machine_shop has no 'X'; its job classes are MachineShopJob"
    ),
    "plain:Outer.Zob": "plain:Outer.Zob: Outer has no 'Zob'; did you mean Job?",
    "plain:shelf.top": "plain:shelf.top: it has no 'top'; there is no job class in it",
    "plain:Other": "plain:Other is a class, not a job class; give a subclass of sojourn.BaseJob",
    "plain:shelf": "plain:shelf is a list, not a job class; give a subclass of sojourn.BaseJob",
    "sys:maxsize": "sys:maxsize is an int, not a job class; give a subclass of sojourn.BaseJob",
    "plain": "'plain' names no class; write it as pkg.module:Class",
    ":Job": "':Job' names no class; write it as pkg.module:Class",
    "plain.py:Job": "'plain.py:Job' names a file; give its module, as in plain:Class",
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_class_that_is_not_there_is_refused_in_one_line(typed: Typed, name: str) -> None:
    told = typed("check", name)

    assert told.stderr.replace("expected ':'", "invalid syntax") == f"sojourn: {REFUSALS[name]}\n"
    assert (told.returncode, told.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("plain:Other",), "plain:Other is a class, which cannot be drawn; give a subclass of"),
        ((SHOP, "-o", "shop.gif"), "cannot draw the format '.gif'; known formats are svg, png,"),
        ((SHOP, "-o", "shop"), "cannot draw 'shop' without a suffix; known formats are svg, png,"),
        ((SHOP, "-o", "no/shop.svg"), "cannot write 'no/shop.svg': No such file or directory"),
    ],
)
def test_a_picture_that_cannot_be_made_is_refused_in_one_line(
    typed: Typed, folder: Path, arguments: tuple[str, ...], reason: str
) -> None:
    told = typed("graph", *arguments)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"sojourn: {reason}")
    assert told.stderr.count("\n") == 1
    assert {path.name for path in folder.iterdir()} <= {*FILES, "__pycache__"}


def test_an_unknown_format_names_the_known_ones(typed: Typed) -> None:
    told = typed("graph", SHOP, "--format", "gif")

    assert told.returncode == 2
    assert "'svg', 'png', 'mermaid', 'dot', 'text'" in told.stderr


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_tells_how_to_get_it(tmp_path: Path, missing: str) -> None:
    block = f"import sys; sys.modules[{missing!r}] = None; from sojourn.cli import main; "

    (tmp_path / "batch.txt").write_text(f"touch {tmp_path}/started\n")
    told = subprocess.run(
        [sys.executable, "-c", f"{block}sys.exit(main(['run', '{tmp_path}/batch.txt']))"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        f"sojourn: the command line needs {missing}; "
        "pip install 'sojourn[cli]' brings what it needs\n"
    )


def test_the_script_the_module_and_the_function_are_one_command(
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = Path(get_path("scripts")) / "sojourn"

    by_script = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert main(["--version"]) == 0
    assert by_script.stdout == sojourn("--version").stdout == capfd.readouterr().out
    assert re.fullmatch(r"sojourn \d+\.\d+\.\d+\n", by_script.stdout)


def test_the_reference_shows_the_help_of_every_command(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    page = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    listed = re.findall(r"^  (\w+)  ", typed("--help").stdout.split("Commands:")[1], re.MULTILINE)

    for command in ["", *listed]:
        told = typed(*command.split(), "--help")
        assert (told.returncode, told.stderr) == (0, "")
        assert f"```text\n{told.stdout}```" in page


@pytest.mark.parametrize("arguments", [("grahp",), ("graph",), ("check", "--fast", "a:B")])
def test_what_is_not_understood_is_a_usage_error(typed: Typed, arguments: tuple[str, ...]) -> None:
    told = typed(*arguments)

    assert (told.returncode, told.stdout) == (2, "")
    assert "Usage: sojourn" in told.stderr


def test_a_reader_that_has_enough_is_no_error(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    told = subprocess.run(
        [sys.executable, "-m", "sojourn", "graph", SHOP],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=folder,
        text=True,
        check=False,
    )
    os.close(writing)

    assert (told.returncode, told.stderr) == (141, "")


SAYS_MUCH = """
import signal, sys
from sojourn.cli._terminal import OutputLostError, say
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
try:
    say("x" * 1_000_000)
except OutputLostError as lost:
    sys.exit(7 if lost.unwanted else 8)
finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_all_of_a_long_output_arrives_or_is_known_to_be_unwanted(unbuffered: str) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-c", SAYS_MUCH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        first = process.stdout.read(10)  # the rest is written while signals come
        rest = process.stdout.read()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, bufsize=0) as enough:
        assert enough.stdout is not None
        assert enough.stdout.read(10)
        enough.stdout.close()

    assert (len(first + rest), process.returncode) == (1_000_000, 0)
    assert enough.returncode == 7
