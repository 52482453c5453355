"""`sojourn run`: real commands, real signals, a real terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from cli_process import QUIET, Terminal, Told, Typed, sojourn, started
from process_watching import PATIENCE, alive, number_in, until

#: The command line with a grace that no test would wait for.
PATIENT = (
    "import sys; from sojourn.cli import _running, main; _running.GRACE = 3600.0; sys.exit(main())"
)
STUBBORN = "stubborn: trap '' TERM INT HUP; echo $$ > stubborn.pid; while :; do sleep 1; done"
SLEEPY = "sleepy: echo $$ > sleepy.pid; exec sleep 600"


def batch(*lines: str, name: str = "batch.txt") -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return name


def events(told: Told | subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.stdout.splitlines()]


def ends(told: Told | subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {event["job"]: event for event in events(told) if event["event"] == "end"}


def heard(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read lines until one has these words in it; return them all."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    return lines


# To the end.


def test_every_command_runs_and_its_output_is_in_files(typed: Typed) -> None:
    file = batch("one: echo first; echo second >&2", "two: printf 'a b' | wc -w", "# no", "cat")

    told = typed("run", file, "-j", "2", "--output", "out")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"3 commands, 2 at a time; output in {Path.cwd()}/out\n")
    assert re.search(r"\n3 DONE in [\d.]+ m?s\n$", told.stdout)
    assert re.search(r"^one +DONE +[\d.]+ [mµ]?s$", told.stdout, re.MULTILINE)
    assert Path("out/one/stdout").read_text() == "first\n"
    assert Path("out/one/stderr").read_text() == "second\n"
    assert Path("out/two/stdout").read_text().strip() == "2"
    assert Path("out/cat/stdout").read_text() == ""


def test_one_command_may_be_typed(typed: Typed) -> None:
    told = typed("run", "--output", "out", "--", "printf", "%s|", "a b", "--json", "$HOME")

    assert told.returncode == 0
    assert Path("out/printf/stdout").read_text() == "a b|--json|$HOME|"


def test_every_failure_is_summed_up_with_its_last_words(typed: Typed) -> None:
    file = batch(
        "good: true",
        "bad: for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i >&2; done; exit 3",
        "killed: exec kill -9 $$",
        "late: exec sleep 600",
        "missing: no-such-program",
    )

    told = typed("run", file, "-j", "5", "--timeout", "3", "--output", "out")

    assert told.returncode == 1
    summary = told.stdout.split("\n4 commands failed:\n")[1]
    assert "  bad (line 2): exited with code 3\n    $ for i in 1 2" in summary
    assert "    | line 3\n" in summary
    assert f"    | line 12\n    {Path.cwd()}/out/bad/stderr\n" in summary
    assert "| line 2\n" not in summary
    assert "  killed (line 3): was ended by SIGKILL\n" in summary
    assert "  late (line 4): timed out after 3 s\n" in summary
    assert "  missing (line 5): exited with code 127\n" in summary
    assert re.search(r"\n1 DONE, 4 ERROR in [\d.]+ s\n$", summary)


def test_so_many_run_at_the_same_time(typed: Typed) -> None:
    os.mkfifo("pipe")
    # Each end of a pipe without a name waits for the other.
    file = batch("writer: echo x > pipe", "reader: cat pipe")

    assert typed("run", file, "-j", "2").returncode == 0


def test_one_at_a_time_runs_in_the_order_of_the_file(typed: Typed) -> None:
    told = typed("run", batch("b: true", "a: true", "c: true"), "-j", "1", "--json")

    steps = [(e["job"], e["state"]) for e in events(told) if e["event"] == "state"]
    assert steps[3:] == [(job, state) for job in "bac" for state in ("RUNNING", "DONE")]


def test_a_name_that_is_given_twice_is_changed_and_told(typed: Typed) -> None:
    told = typed("run", batch("a: true", "a: true"))

    assert "line 2: the name a is taken, so this one is a-2\n" in told.stdout
    assert re.search(r"^a-2 +DONE", told.stdout, re.MULTILINE)


# For machines.


def test_json_is_one_object_a_line_and_nothing_else(folder: Path) -> None:
    file = batch("a: true", "b: echo '[red]\x1b[31mé' >&2; exit 2")

    told = sojourn("run", file, "--json", "-j", "1")

    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout.isascii()
    assert [event["event"] for event in events(told)] == [
        *("start", "state", "state", "state", "state", "end", "state", "state", "end", "total"),
    ]
    start, total = events(told)[0], events(told)[-1]
    assert (start["jobs"], start["slots"], start["source"]) == (2, 1, file)
    assert (total["DONE"], total["ERROR"], total["exit_code"]) == (1, 1, 1)
    good, bad = ends(told).values()
    assert (good["status"], good["exit_code"], good["reason"]) == ("DONE", 0, None)
    assert (bad["status"], bad["exit_code"], bad["line"]) == ("ERROR", 2, 2)
    assert bad["reason"] == "exited with code 2"
    assert bad["stderr_tail"] == "[red]\x1b[31mé"
    assert Path(bad["stderr"]).read_bytes() == "[red]\x1b[31mé\n".encode()


def test_people_are_told_too_where_json_goes_to_a_file(folder: Path) -> None:
    file = batch("a: true")

    with Path("told.jsonl").open("w") as out:
        told = subprocess.run(
            [sys.executable, "-m", "sojourn", "run", file, "--json"],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )

    assert json.loads(Path("told.jsonl").read_text().splitlines()[-1])["event"] == "total"
    assert re.search(r"^a +DONE", told.stderr, re.MULTILINE)
    both = subprocess.run(
        f"{sys.executable} -m sojourn run {file} --json > both 2>&1", shell=True, check=True
    )
    assert both.returncode == 0
    assert all(json.loads(line) for line in Path("both").read_text().splitlines())


def test_pictures_are_drawn_and_told(typed: Typed) -> None:
    told = typed("run", batch("a: true", "b: false"), "--graph", "g.svg", "--timeline", "t.svg")

    assert told.returncode == 1
    assert told.stdout.endswith("graph in g.svg\ntimeline in t.svg\n")
    for picture in ("g.svg", "t.svg"):
        assert ET.fromstring(Path(picture).read_text("utf-8")).tag.endswith("svg")
    assert 'data-state="ERROR"' in Path("g.svg").read_text("utf-8")
    assert ">b<" in Path("t.svg").read_text("utf-8")


# Refused before anything starts.


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("none.txt",), "none.txt: No such file or directory; give a file with one command a"),
        (("bad.txt",), "bad.txt:2: unbalanced quote in column 6; one command is one line"),
        (("latin.txt",), "latin.txt:2: not UTF-8, byte 0xe9 in column 1"),
        (("empty.txt",), "empty.txt: there is no command in it; write one a line"),
        (("good.txt", "--graph", "no/g.svg"), "cannot write 'no/g.svg': No such file or"),
        (("good.txt", "--graph", "g.gif"), "cannot draw the format '.gif'; known formats are"),
        (("good.txt", "--timeline", "t.dot"), "cannot draw the format 'dot'; known formats are"),
        (("good.txt", "--output", "full"), "cannot write into 'full': it is not empty; name a"),
        (("good.txt", "--output", "good.txt"), "cannot write into 'good.txt': File exists"),
        (("--", ""), "a command must name a program, not ('',)"),
        (("--", "no-such-program"), "command 'no-such-program' cannot be run: the program is not"),
    ],
)
def test_bad_input_is_one_line_and_nothing_starts(
    typed: Typed, arguments: tuple[str, ...], reason: str
) -> None:
    batch("touch started", name="good.txt")
    batch("touch started", "echo 'a", name="bad.txt")
    batch("# nothing", name="empty.txt")
    Path("latin.txt").write_bytes(b"touch started\n\xe9\n")
    Path("full/of").mkdir(parents=True)

    told = typed("run", *arguments)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"sojourn: {reason}")
    assert told.stderr.count("\n") == 1
    assert not Path("started").exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("--",), ("good.txt", "--", "true"), ("good.txt", "-j", "0"), ("good.txt", "-j", "two")],
)
def test_what_cannot_be_meant_is_a_usage_error(typed: Typed, arguments: tuple[str, ...]) -> None:
    batch("touch started", name="good.txt")

    told = typed("run", *arguments)

    assert (told.returncode, told.stdout) == (2, "")
    assert "Usage: sojourn run [OPTIONS] FILE | -- COMMAND..." in told.stderr
    assert not Path("started").exists()


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_a_timeout_that_makes_no_sense_is_refused(typed: Typed, seconds: str) -> None:
    told = typed("run", batch("touch started"), "--timeout", seconds)

    assert (told.returncode, told.stdout) == (2, "")
    assert not Path("started").exists()


# Interrupted.


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_everything_and_tells_what_became_of_it(
    folder: Path, number: signal.Signals, code: int
) -> None:
    with started(
        "run", batch("quick: true", SLEEPY, "queued: touch started"), "-j", "1"
    ) as process:
        pid = number_in(folder / "sleepy.pid")
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (code, "")
    assert f"\n{number.name}: stopping what runs; once more kills it\n" in out
    assert re.search(r"^quick +DONE", out, re.MULTILINE)
    assert re.search(r"^sleepy +CANCELLED .* stopped$", out, re.MULTILINE)
    assert re.search(r"^queued +CANCELLED +never started$", out, re.MULTILINE)
    assert re.search(r"\n1 DONE, 2 CANCELLED in [\d.]+ m?s\n$", out)
    assert not Path("started").exists()
    assert not alive(pid)


def test_a_second_signal_kills_at_once_and_orphans_nobody(folder: Path) -> None:
    with started("run", batch(STUBBORN), "--json", program=("-c", PATIENT)) as process:
        pid = number_in(folder / "stubborn.pid")
        children = psutil.Process(pid).children()
        os.killpg(process.pid, signal.SIGINT)
        told = heard(process, '{"event": "stopping", "signal": "SIGINT"}')
        assert alive(pid)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (130, "")
    assert json.loads(told[0])["event"] == "start"
    assert ends(Told(130, out, err))["stubborn"]["status"] == "CANCELLED"
    assert not any(map(alive, [pid, *(child.pid for child in children)]))


def test_what_was_left_in_the_background_is_killed_by_a_second_signal(folder: Path) -> None:
    line = "left: (trap '' TERM; echo $$ > left.pid; while :; do sleep 1; done) & wait-for-left"
    line = line.replace("wait-for-left", "while [ ! -s left.pid ]; do sleep 0.01; done")
    with started("run", batch(line), "--json", program=("-c", PATIENT)) as process:
        group = number_in(folder / "left.pid")
        os.killpg(process.pid, signal.SIGINT)
        heard(process, "stopping")
        until(lambda: not psutil.pid_exists(group))  # the leader; what it left goes on
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert not any(os.getpgid(each) == group for each in psutil.pids() if alive(each))


def test_a_signal_that_does_not_wake_the_one_who_waits_is_heard_all_the_same(folder: Path) -> None:
    # It wakes the thread that gets it, and is handled in another: as if it had come right before the sleep.
    elsewhere = (
        "import pathlib, signal, threading\n"
        "def send():\n"
        "    while not pathlib.Path('sleepy.pid').exists(): threading.Event().wait(0.01)\n"
        "    signal.pthread_kill(threading.get_ident(), signal.SIGINT)\n"
        f"threading.Thread(target=send, daemon=True).start()\n{PATIENT}"
    )
    with started("run", batch(SLEEPY), program=("-c", elsewhere)) as process:
        out, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert "1 CANCELLED in" in out


def test_a_hangup_that_is_ignored_stays_ignored(folder: Path) -> None:
    ignore = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {PATIENT}"
    file = batch("here: touch here; while [ ! -e go ]; do sleep 0.01; done")
    with started("run", file, program=("-c", ignore)) as process:
        until(Path("here").exists)
        os.killpg(process.pid, signal.SIGHUP)
        Path("go").touch()
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 0


def test_a_reader_that_has_enough_stops_everything(folder: Path) -> None:
    file = batch("first: true", SLEEPY, "after: touch started")
    with started("run", file, "-j", "1") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("3 commands")
        pid = number_in(folder / "sleepy.pid")
        process.stdout.close()
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""

    assert not alive(pid)
    assert not Path("started").exists()


def test_a_full_disk_is_told_and_stops_everything(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "sojourn", "run", batch(SLEEPY)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert told.returncode == 1
    assert told.stderr == "sojourn: cannot write the output: No space left on device\n"


# What names and outputs say is never obeyed.

HOSTILE = "printf '\\033]0;owned\\007[red]x[/red]\\302\\233\\342\\200\\256\\n' >&2; exit 1 # \x1b[2J\u202e"


def test_escape_sequences_and_markup_are_only_shown(typed: Typed) -> None:
    told = typed("run", batch(f"name: {HOSTILE}", "sh -c '\x1b]0;owned\x07[bold]'"))

    shown = "\N{REPLACEMENT CHARACTER}"
    assert f"    | {shown}]0;owned{shown}[red]x[/red]{shown}{shown}\n" in told.stdout
    assert f"    $ sh -c '{shown}]0;owned{shown}[bold]'\n" in told.stdout
    assert not any(c in told.stdout for c in "\x1b\x07\x9b\u202e")


def test_escape_sequences_and_markup_are_only_shown_live(folder: Path) -> None:
    waits = "while [ ! -e go ]; do sleep 0.01; done; : '\x1b]0;owned\x07[bold]\u202e'"
    with Terminal("run", batch(f"waits: {waits}", HOSTILE), "-j2", cwd=folder) as terminal:
        terminal.read_until("]0;owned\N{REPLACEMENT CHARACTER}[bold]")
        Path("go").touch()
        assert terminal.wait() == 1

    assert "[red]x[/red]" in terminal.shown
    assert "\x1b]" not in terminal.shown
    assert not any(c in terminal.shown for c in "\x07\x9b\u202e")


# Live.


def test_a_terminal_shows_what_runs_and_how_many_are_where(folder: Path) -> None:
    file = batch("waits: while [ ! -e go ]; do sleep 0.01; done", "next: true", "last: false")
    with Terminal("run", file, "-j", "1", cwd=folder) as terminal:
        # A picture may be drawn, or read, in part when the first command starts.
        row = r"waits  \x1b\[[\d;]+mRUNNING\x1b\[0m +[\d.]+ [mµ]?s  while "
        terminal.read_until(re.compile(row))
        terminal.read_until("2 QUEUED")
        terminal.read_until("1 RUNNING")
        Path("go").touch()
        assert terminal.wait() == 1

    assert re.search(r"last {3}\x1b\[[\d;]+mERROR\x1b\[0m .* exited with code 1", terminal.shown)
    assert "2 DONE, 1 ERROR in" in terminal.shown
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")


def test_a_narrow_terminal_shows_state_and_time_and_the_beginning_of_a_name(folder: Path) -> None:
    file = batch("a-name-that-is-longer-than-it: while [ ! -e go ]; do sleep 0.01; done")
    with Terminal("run", file, cwd=folder, columns=30) as terminal:
        row = r"a-name-\S+…  \x1b\[[\d;]+mRUNNING\x1b\[0m +[\d.]+ [mµ]?s"
        terminal.read_until(re.compile(row))
        Path("go").touch()
        assert terminal.wait() == 0


def test_ctrl_c_in_a_terminal_cancels_what_runs(folder: Path) -> None:
    with Terminal("run", batch(SLEEPY, "queued: true"), "-j", "1", cwd=folder) as terminal:
        pid = number_in(folder / "sleepy.pid")
        terminal.type(b"\x03")
        assert terminal.wait() == 130

    assert "2 CANCELLED in" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")
    assert not alive(pid)


def test_a_second_ctrl_c_in_a_terminal_kills(folder: Path) -> None:
    with Terminal("run", batch(STUBBORN), cwd=folder, program=("-c", PATIENT)) as terminal:
        pid = number_in(folder / "stubborn.pid")
        terminal.type(b"\x03")
        terminal.read_until("SIGINT: stopping; Ctrl-C kills")
        terminal.type(b"\x03")
        assert terminal.wait() == 130

    assert "1 CANCELLED in" in terminal.shown
    assert not alive(pid)


def test_more_than_fits_on_the_screen_is_counted(folder: Path) -> None:
    lines = ["while [ ! -e go ]; do sleep 0.05; done"] * 40
    with Terminal("run", batch(*lines), "-j", "40", cwd=folder) as terminal:
        terminal.read_until("… and 14 more")
        Path("go").touch()
        assert terminal.wait() == 0


def test_a_terminal_that_can_do_nothing_gets_lines(folder: Path) -> None:
    told = sojourn("run", batch("a: true"), cwd=folder, TERM="dumb")

    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_batch_runs_to_its_end_where_nobody_can_be_told(folder: Path, closed: str) -> None:
    batch("touch one", "touch two; exit 3")
    line = f'exec "$0" -m sojourn run batch.txt {closed}'

    told = subprocess.run(
        ["sh", "-c", line, sys.executable], capture_output=True, text=True, env=QUIET, check=False
    )

    assert (told.returncode, told.stdout, told.stderr) == (1, "", "")
    assert (folder / "one").exists()
    assert (folder / "two").exists()
