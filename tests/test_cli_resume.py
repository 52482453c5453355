"""What `sojourn resume` and `sojourn cancel` do, after a real `kill -9` and beside processes that live."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from pathlib import Path
from threading import Thread

import psutil
import pytest

from cli_process import Terminal, Typed, sojourn, started
from process_watching import PATIENCE, alive, number_in, until
from sojourn import BaseJob
from sojourn.backends import CommandBackend
from sojourn.cli import main
from sojourn.history import KeptJob, replay
from sojourn.journals.sqlite import SQLiteJournal
from sojourn.lifecycle import JobStatus

JOURNAL = ("--journal", "j")
#: Leaves a line for each time that it runs, so that it is seen how often that was.
RUNS = "{0}: echo $$ >> ran-{0}"
#: The same, and does not end before it may.
WAITS = RUNS + "; while [ ! -e go ]; do sleep 0.01; done"
SLEEPS = RUNS + "; exec sleep 600"
#: A command line that ends by itself as if it were killed, at the place that a test names.
DYING = """
import os, signal, sys
from sojourn.backends import _command_slots, _groups, _left
from sojourn.cli import _batches, _running, main

def dying(owner, name, at, *, after=False):
    genuine, left = getattr(owner, name), [at]
    def call(*args, **named):
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = genuine(*args, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, call)

{0}
sys.exit(main())
"""


def batch(*lines: str) -> str:
    Path("batch.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return "batch.txt"


def killed(*lines: str, when: str, slots: int = 1) -> None:
    """Run a batch, and kill its program when all is submitted and a file is there."""
    with started("run", batch(*lines), "-j", str(slots), *JOURNAL):
        until(Path(when).exists)
        until(lambda: are_submitted(len(lines)))


def are_submitted(count: int, path: Path = Path("j")) -> bool:
    """Whether the latest batch has so many commands that are submitted."""
    with SQLiteJournal(path) as journal:
        latest = journal.jobs(limit=count)
    return len({job.metadata.get("batch") for job in latest} - {None}) == 1 and all(
        job.metadata.get("batch") and job.status != "INITIALIZING" for job in latest
    )


def jobs() -> dict[str, KeptJob]:
    """Return the commands in the journal by their names; batches are called "batch"."""
    with SQLiteJournal("j") as journal:
        return {job.job_id.partition(".")[2] or "batch": job for job in journal.jobs()}


def statuses() -> dict[str, str]:
    return {name: job.status for name, job in jobs().items() if name != "batch"}


def runs() -> dict[str, int]:
    """Return how often each command has run."""
    found = Path().glob("ran-*")
    return {path.name[4:]: len(path.read_text().splitlines()) for path in found}


def check_the_journal() -> None:
    """See that it is sound, and that nothing in it has an impossible life."""
    with SQLiteJournal("j") as journal:
        assert journal.check() == ()
        for job in journal.jobs():
            story = journal.read(job.job_id)
            assert story is not None
            assert replay(BaseJob.lifecycle, story.entries).name == job.state


# After a kill.


def test_a_killed_batch_is_finished_and_nothing_runs_twice(typed: Typed) -> None:
    names = ["one", "two", "three", "four", "five"]
    lines = [RUNS.format(name) for name in names]
    lines[2] = f"{WAITS.format('three')}; echo out; exit 4"
    killed(*lines, when="ran-three")
    assert statuses() == {
        "one": "DONE",
        "two": "DONE",
        "three": "RUNNING",
        "four": "QUEUED",
        "five": "QUEUED",
    }
    Path("go").touch()

    told = typed("resume", *JOURNAL)

    assert (told.returncode, told.stderr) == (1, "")
    assert re.match(r"batch \w+: 5 commands, 2 of them over, 1 at a time; ", told.stdout)
    assert re.search(r"^three +ERROR +.* exited with code 4$", told.stdout, re.MULTILINE)
    assert re.search(r"^4 DONE, 1 ERROR in ", told.stdout, re.MULTILINE)
    assert runs() == dict.fromkeys(names, 1)
    assert statuses() == {**dict.fromkeys(names, "DONE"), "three": "ERROR"}
    assert jobs()["batch"].status == "ERROR"
    assert Path(jobs()["three"].arguments["folder"], "stdout").read_text() == "out\n"
    check_the_journal()
    assert typed("resume", *JOURNAL).stdout == "there is nothing to resume\n"


def test_what_has_ended_while_nobody_looked_is_told_as_it_ended(typed: Typed) -> None:
    killed(
        f"{WAITS.format('good')}; echo fine",
        f"{WAITS.format('bad')}; echo alas >&2; exit 7",
        f"{WAITS.format('shot')}; kill -9 $$",
        f"{WAITS.format('high')}; exit 147",
        when="ran-high",
        slots=4,
    )
    pids = [number_in(Path(f"ran-{name}")) for name in ("good", "bad", "shot", "high")]
    groups = [os.getpgid(pid) for pid in pids]
    Path("go").touch()
    until(lambda: not any(map(alive, [*pids, *groups])))

    told = typed("resume", *JOURNAL, "--json")

    ends = {e["job"]: e for e in map(json.loads, told.stdout.splitlines()) if e["event"] == "end"}
    assert {name: end["status"] for name, end in ends.items()} == {
        "good": "DONE",
        "bad": "ERROR",
        "shot": "ERROR",
        "high": "ERROR",
    }
    assert ends["high"]["exit_code"] == 147
    assert (ends["bad"]["exit_code"], ends["bad"]["stderr_tail"]) == (7, "alas")
    assert (ends["shot"]["signal"], ends["shot"]["stderr_tail"]) == ("SIGKILL", "")
    assert runs() == {"good": 1, "bad": 1, "shot": 1, "high": 1}


@pytest.mark.once
@pytest.mark.parametrize(
    "place",
    [
        "dying(_batches.Kept, 'begin', 1)",
        "dying(_batches.BatchJob, 'trigger', 1)",
        "dying(_batches.Kept, 'begin', 1, after=True)",
        "dying(_running.Batch, '_submit', 3)",
        "dying(_running.Batch, '_submit', 5, after=True)",
        "dying(_running.CommandBackend, '_take', 2)",
        "dying(_running.CommandBackend, '_take', 2, after=True)",
        "dying(_groups.subprocess.Popen, '__init__', 3)",
        "dying(_groups.subprocess.Popen, '__init__', 3, after=True)",
        "dying(_left.GatedGroup, 'let_go', 2)",
        "dying(_left.GatedGroup, 'let_go', 2, after=True)",
        "dying(_command_slots, 'tell_end', 3)",
        "dying(_command_slots, 'tell_end', 3, after=True)",
        "dying(_batches.Kept, 'end', 1)",
        "dying(_batches.Kept, 'end', 1, after=True)",
    ],
)
def test_wherever_it_was_killed_the_batch_is_whole(typed: Typed, place: str) -> None:
    names = ["one", "two", "three", "four", "five"]
    file = batch(*(RUNS.format(name) for name in names))
    program = ("-c", DYING.format(place))
    with started("run", file, "-j", "1", *JOURNAL, program=program) as process:
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL

    told = typed("resume", *JOURNAL)

    assert (told.returncode, told.stderr) == (0, "")
    if "'begin', 1)" in place:
        assert runs() == {}  # nobody was told of it yet, and it does not exist
    else:
        assert runs() == dict.fromkeys(names, 1)
        assert jobs()["batch"].status == "DONE"
        assert len(jobs()) == 6
    check_the_journal()


def test_killed_again_and_again_it_comes_to_its_end(typed: Typed) -> None:
    names = [f"n{number}" for number in range(12)]
    file = batch(*(f"{RUNS.format(name)}; sleep 0.05" for name in names))
    command = ("run", file, "-j", "2", *JOURNAL)
    for count in (1, 3, 6, 9):
        with started(*command):
            until(lambda count=count: len(runs()) >= count)
        command = ("resume", *JOURNAL)

    told = typed("resume", *JOURNAL)

    assert (told.returncode, told.stderr) == (0, "")
    assert runs() == dict.fromkeys(names, 1)
    assert set(statuses().values()) == {"DONE"}
    check_the_journal()


def test_the_time_that_a_command_may_take_goes_on(typed: Typed) -> None:
    file = batch(SLEEPS.format("late"))
    # Whoever is killed from outside may have seen the second pass.
    program = ("-c", DYING.format("dying(_left.GatedGroup, 'let_go', 1, after=True)"))
    with started("run", file, "--timeout", "1", *JOURNAL, program=program) as process:
        assert process.wait(PATIENCE) == -signal.SIGKILL
    pid = number_in(Path("ran-late"))

    told = typed("resume", *JOURNAL)

    assert told.returncode == 1
    assert re.search(r"^late +ERROR +.* timed out after 1 s$", told.stdout, re.MULTILINE)
    assert not alive(pid)


def test_ctrl_c_stops_what_an_earlier_process_has_started(folder: Path) -> None:
    killed(SLEEPS.format("sleepy"), RUNS.format("next"), when="ran-sleepy")
    pid = number_in(Path("ran-sleepy"))
    with started("resume", *JOURNAL) as process:
        assert process.stdout is not None
        until(lambda: "RUNNING" in process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (130, "")
    assert re.search(r"^sleepy +CANCELLED .* stopped$", out, re.MULTILINE)
    assert not alive(pid)
    assert runs() == {"sleepy": 1}
    assert jobs()["batch"].status == "CANCELLED"


def test_a_terminal_shows_what_goes_on(folder: Path) -> None:
    killed(RUNS.format("over"), WAITS.format("a"), RUNS.format("b"), when="ran-a")
    with Terminal("resume", *JOURNAL, cwd=folder) as terminal:
        terminal.read_until("1 of them over, 1 at a time")
        terminal.read_until("1 RUNNING")
        Path("go").touch()
        assert terminal.wait() == 0

    assert "3 DONE in" in terminal.shown
    assert runs() == {"over": 1, "a": 1, "b": 1}


def test_several_batches_go_on_one_after_the_other(typed: Typed) -> None:
    killed(WAITS.format("a"), RUNS.format("b"), when="ran-a")
    killed(WAITS.format("c"), RUNS.format("d"), when="ran-c")
    Path("go").touch()

    told = typed("resume", *JOURNAL, "--timeline", "t.svg")

    assert told.returncode == 0
    assert told.stdout.count("\n2 DONE in ") == 2
    assert told.stdout.endswith("timeline in t.svg\n")
    assert runs() == dict.fromkeys("abcd", 1)


def test_one_batch_goes_on_where_it_is_named(typed: Typed) -> None:
    killed(WAITS.format("a"), RUNS.format("b"), when="ran-a")
    first = jobs()["batch"].job_id
    killed(WAITS.format("c"), RUNS.format("d"), when="ran-c")
    Path("go").touch()

    assert typed("resume", "b", *JOURNAL, "-j", "2").returncode == 0

    assert runs() == {"a": 1, "b": 1, "c": 1}
    again = typed("resume", first, *JOURNAL)
    assert again.returncode == 2
    assert again.stderr == f"sojourn: batch {first} is over, it is DONE; run it again\n"


def test_what_a_command_writes_is_the_same_whether_it_is_kept_or_not(typed: Typed) -> None:
    file = batch(
        "shot: exec kill -9 $$",
        "stopped: exec kill -TERM $$",
        "words: echo out; echo err >&2; exit 3",
        "odd: exec printf '%s|' 'a b' '$HOME' '*' '' -n",
        *(f"high-{code}: exit {code}" for code in (125, 128, 147, 148, 149, 150, 200, 255)),
        "inputs: cat; ls -l /proc/self/fd | wc -l",
    )
    found = []

    for where, options in (("plain", ()), ("kept", JOURNAL)):
        told = typed("run", file, "-j", "3", "--output", where, "--json", *options)
        events = [json.loads(line) for line in told.stdout.splitlines()]
        ends = {each["job"]: each for each in events if each["event"] == "end"}
        files = {path.relative_to(where): path.read_bytes() for path in Path(where).rglob("std*")}
        facts = ("status", "reason", "exit_code", "signal", "stderr_tail")
        found.append((files, {name: [end[key] for key in facts] for name, end in ends.items()}))

    assert found[0] == found[1]


# A journal that cannot be written.

#: A command line whose journal fails where a condition says so.
FAILING = """
import sys
from sojourn.cli import main
from sojourn.errors import JournalError
from sojourn.journals.sqlite import SQLiteJournal

genuine, count, once = SQLiteJournal.write, 0, [True]
def write(journal, change):
    global count
    count += 1
    dest = change.entry and change.entry.dest
    if {0}:
        raise JournalError(f"journal {{str(journal.path)!r}}: no space left")
    genuine(journal, change)
SQLiteJournal.write = write
sys.exit(main())
"""


@pytest.mark.once
@pytest.mark.parametrize("first", [4, 5, 9, 12, 13, 14])
def test_where_the_journal_fails_for_good_the_batch_can_be_resumed(
    typed: Typed, first: int
) -> None:
    names = ["one", "two", "three", "four"]
    program = ("-c", FAILING.format(f"count >= {first}"))
    file = batch(*(RUNS.format(name) for name in names))
    with started("run", file, "-j", "1", *JOURNAL, program=program) as process:
        _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert "Traceback" not in err
    told = r"no space left.*; what runs is left running, .*: sojourn resume \w+$"
    assert re.search(told, err, re.MULTILINE)
    assert typed("resume", *JOURNAL).returncode == 0
    assert runs() == dict.fromkeys(names, 1)
    assert set(statuses().values()) == {"DONE"}
    check_the_journal()


@pytest.mark.parametrize("dest", ["RUNNING", "DONE"])
def test_where_the_journal_fails_once_the_batch_goes_on(folder: Path, dest: str) -> None:
    names = ["one", "two", "three"]
    file = batch(WAITS.format("one"), *(RUNS.format(name) for name in names[1:]))
    fails = f"dest == '{dest}' and '.' in change.job_id and once and once.pop()"
    program = ("-c", FAILING.format(fails))
    with started("run", file, "-j", "1", *JOURNAL, program=program) as process:
        until(Path("ran-one").exists)
        Path("go").touch()
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err.count("\n")) == (0, 1)
    assert "cannot be reported" in err
    assert "3 DONE in" in out
    assert runs() == dict.fromkeys(names, 1)
    check_the_journal()


def test_a_journal_that_fails_at_once_has_nothing_started(folder: Path) -> None:
    program = ("-c", FAILING.format("True"))
    with started("run", batch(RUNS.format("a")), *JOURNAL, program=program) as process:
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert runs() == {}


# Beside a process that lives.


def test_two_resumes_at_once_run_nothing_twice(folder: Path) -> None:
    names = ["one", "two", "three", "four", "five", "six"]
    killed(WAITS.format("one"), *(RUNS.format(name) for name in names[1:]), when="ran-one")
    Path("go").touch()

    with (
        started("resume", *JOURNAL, "-j", "2") as first,
        started("resume", *JOURNAL, "-j", "2") as second,
    ):
        told = [process.communicate(timeout=PATIENCE) for process in (first, second)]

    assert runs() == dict.fromkeys(names, 1)
    assert set(statuses().values()) == {"DONE"}
    assert sum("6 DONE in" in out for out, _ in told) == 1
    assert {first.returncode, second.returncode} <= {0, 2}
    check_the_journal()


def test_what_a_living_process_looks_after_is_left_to_it(typed: Typed) -> None:
    with started("run", batch(WAITS.format("a"), RUNS.format("b")), "-j", "1", *JOURNAL) as owner:
        until(lambda: Path("ran-a").exists() and are_submitted(2))
        before = jobs()

        told = typed("resume", *JOURNAL)
        named = typed("resume", before["batch"].job_id, *JOURNAL)

        who = f"batch {before['batch'].job_id} is looked after by process {owner.pid}"
        assert (told.returncode, told.stdout) == (0, "there is nothing to resume\n")
        assert told.stderr == f"sojourn: {who}\n"
        assert (named.returncode, named.stderr) == (2, f"sojourn: {who}; let it, or stop that\n")
        assert jobs() == before
        Path("go").touch()
        owner.communicate(timeout=PATIENCE)

    assert owner.returncode == 0
    assert runs() == {"a": 1, "b": 1}


# Cancelling.


def test_a_command_that_waits_is_cancelled_from_elsewhere_and_never_starts(typed: Typed) -> None:
    file = batch(WAITS.format("a"), RUNS.format("b"), RUNS.format("c"))
    with started("run", file, "-j", "1", *JOURNAL) as owner:
        until(lambda: Path("ran-a").exists() and "c" in statuses())

        told = typed("cancel", "b", *JOURNAL)

        assert (told.returncode, told.stderr) == (0, "")
        assert re.fullmatch(r"\w+\.b  CANCELLED\n", told.stdout)
        Path("go").touch()
        out, err = owner.communicate(timeout=PATIENCE)

    assert (owner.returncode, err) == (1, "")
    assert re.search(r"^b +CANCELLED +never started$", out, re.MULTILINE)
    assert runs() == {"a": 1, "c": 1}
    check_the_journal()


def test_a_command_that_runs_is_stopped_from_elsewhere_and_is_no_error(typed: Typed) -> None:
    file = batch(f"{RUNS.format('a')}; sleep 600 & sleep 600", RUNS.format("b"))
    with started("run", file, "-j", "1", *JOURNAL) as owner:
        pid = number_in(Path("ran-a"))
        group = os.getpgid(pid)

        told = typed("cancel", "a", *JOURNAL)

        assert told.returncode == 0
        assert told.stdout.endswith(".a  CANCELLED\n")
        out, err = owner.communicate(timeout=PATIENCE)

    assert (owner.returncode, err) == (1, "")
    assert re.search(r"^a +CANCELLED .* stopped$", out, re.MULTILINE)
    assert statuses() == {"a": "CANCELLED", "b": "DONE"}
    assert not any(os.getpgid(each) == group for each in psutil.pids() if alive(each))


def test_what_a_killed_process_has_left_is_cancelled_without_it(typed: Typed) -> None:
    killed(SLEEPS.format("a"), RUNS.format("b"), RUNS.format("c"), when="ran-a")
    pid = number_in(Path("ran-a"))

    told = typed("cancel", "a", "b", *JOURNAL)

    assert (told.returncode, told.stderr) == (0, "")
    assert re.fullmatch(r"\w+\.a  CANCELLED\n\w+\.b  CANCELLED\n", told.stdout)
    assert not alive(pid)
    assert typed("resume", *JOURNAL).returncode == 1
    assert runs() == {"a": 1, "c": 1}
    check_the_journal()


def test_a_batch_is_cancelled_as_a_whole_from_elsewhere(typed: Typed) -> None:
    file = batch(RUNS.format("done"), SLEEPS.format("a"), RUNS.format("b"))
    with started("run", file, "-j", "1", *JOURNAL) as owner:
        pid = number_in(Path("ran-a"))

        told = typed("cancel", jobs()["batch"].job_id, *JOURNAL)

        assert told.returncode == 0
        assert told.stdout.endswith("  CANCELLED\n")
        assert owner.wait(PATIENCE) == 1

    assert statuses() == {"done": "DONE", "a": "CANCELLED", "b": "CANCELLED"}
    assert runs() == {"done": 1, "a": 1}
    assert not alive(pid)


@pytest.mark.parametrize("gone", [False, True], ids=["", "directory gone"])
def test_a_batch_that_was_killed_is_given_up_as_a_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], gone: bool
) -> None:
    place = folder / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    journal = ("--journal", str(folder / "j"))
    with started("run", batch(SLEEPS.format("a"), RUNS.format("b")), "-j", "1", *journal):
        pid = number_in(Path("ran-a"))
        until(lambda: are_submitted(2, folder / "j"))
    monkeypatch.chdir(folder)
    batch_id = jobs()["batch"].job_id
    if gone:
        place.rename(folder / "elsewhere")
        assert main(("resume", *journal)) == 2
        assert f"its directory '{place}' is not there; make it, or " in capfd.readouterr().err

    code = main(("cancel", batch_id, *journal))

    assert (code, capfd.readouterr().out) == (0, f"{batch_id}  CANCELLED\n")
    assert not alive(pid)
    assert jobs()["batch"].status == "CANCELLED"
    assert statuses()["b"] == "CANCELLED"
    check_the_journal()


def test_a_batch_whose_owner_was_killed_while_it_was_to_be_cancelled_is_not_gone_on_with(
    typed: Typed,
) -> None:
    killed(SLEEPS.format("a"), RUNS.format("b"), when="ran-a")
    with SQLiteJournal("j") as journal:
        from sojourn.cli._batches import Kept

        Kept.old(journal, jobs()["batch"].job_id).ask_to_cancel()

    told = typed("resume", *JOURNAL)

    assert told.returncode == 1
    assert statuses() == {"a": "CANCELLED", "b": "CANCELLED"}
    assert jobs()["batch"].status == "CANCELLED"
    assert runs() == {"a": 1}


def test_a_command_of_any_other_program_is_shown_and_cancelled_by_its_name(typed: Typed) -> None:
    with (
        SQLiteJournal("j") as journal,
        CommandBackend(1, folder="out", journal=journal) as backend,
    ):
        job = backend.run(["sh", "-c", "echo so far; echo $$ > pid; exec sleep 600"], name="nap")
        pid = number_in(Path("pid"))

        listed = typed("jobs", *JOURNAL)
        shown = typed("show", "nap", *JOURNAL)
        told = sojourn("cancel", "nap", *JOURNAL)

        assert listed.stdout.endswith("  sh -c 'echo so far; echo $$ > pid; exec sleep 600'\n")
        assert "\nclass    sojourn.backends:CommandJob\n" in shown.stdout
        assert "\n  | so far\n" in shown.stdout
        assert (told.returncode, told.stdout) == (0, f"{job.job_id()}  CANCELLED\n")
        assert job.cancelled()
    assert not alive(pid)


def test_what_is_over_stays_as_it_is(typed: Typed) -> None:
    typed("run", batch(RUNS.format("a"), "b: exit 3"), *JOURNAL)
    before = jobs()

    told = typed("cancel", "a", "b", *JOURNAL)

    assert told.returncode == 1
    assert re.fullmatch(r"\w+\.a  DONE\n\w+\.b  ERROR\n", told.stdout)
    assert jobs() == before


def test_a_job_of_another_backend_is_refused_before_anything_is_done(typed: Typed) -> None:
    class PrintJob(BaseJob[None]):
        pass

    killed(SLEEPS.format("a"), when="ran-a")
    with SQLiteJournal("j") as journal:
        PrintJob("printer", "cup-1", journal=journal).submit()
    before = jobs()

    for command in ("cancel", "resume"):
        told = typed(command, *(["a"] if command == "cancel" else []), "cup-1", *JOURNAL)
        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr.startswith("sojourn: cup-1 ")
        assert told.stderr.count("\n") == 1
    assert typed("cancel", "a", "nope", *JOURNAL).returncode == 2
    assert jobs() == before
    assert typed("cancel", "a", *JOURNAL).returncode == 0


def test_starting_and_cancelling_at_the_same_time_never_does_both(typed: Typed) -> None:
    names = [f"n{number}" for number in range(24)]
    file = batch(*((RUNS if at > 1 else WAITS).format(name) for at, name in enumerate(names)))

    def let_the_first_go() -> None:
        until(lambda: "CANCELLED" in statuses().values())
        Path("go").touch()

    with started("run", file, "-j", "2", *JOURNAL) as owner:
        until(lambda: Path("j").exists() and len(jobs()) > 1 and len(statuses()) == len(names))
        starting = Thread(target=let_the_first_go)
        starting.start()
        typed("cancel", *reversed(names), *JOURNAL)
        starting.join()
        owner.communicate(timeout=PATIENCE)

    with SQLiteJournal("j") as journal:
        for name, job in jobs().items():
            steps = [entry.dest for entry in journal.history(job.job_id)]
            if name != "batch":
                assert job.status in {"DONE", "CANCELLED"}
                assert runs().get(name, 0) <= ("RUNNING" in steps)
    assert Counter(statuses().values())["CANCELLED"] > 0
    assert jobs()["batch"].status in {JobStatus.ERROR, JobStatus.CANCELLED}
    check_the_journal()


# Bad input.


@pytest.mark.parametrize("command", [("cancel", "a"), ("resume",), ("resume", "a")])
def test_a_journal_that_is_not_there_is_refused(typed: Typed, command: tuple[str, ...]) -> None:
    told = typed(*command, *JOURNAL)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("sojourn: there is no journal at 'j'; ")
    assert not Path("j").exists()
