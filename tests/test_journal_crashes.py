"""A journal whose writer is killed at every system call, or whose disk fails at any.

`strace` kills a process on its way into the system call that is asked for, or has the call fail. What was acknowledged
must be there, and what is there must be the beginning of a legal life.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import journal_scenarios
from process_watching import alive, until
from sojourn import recover
from sojourn.backends import CommandJob
from sojourn.history import replay
from sojourn.journals.sqlite import SQLiteJournal

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not shutil.which("strace"), reason="strace, which kills, is not installed"),
]

#: What changes files, and what decides who may; any state of the disk lies between two of these.
CALLS = (
    *("write", "pwrite64", "fdatasync", "fsync", "ftruncate", "openat", "close", "unlink"),
    *("link", "rename", "mkdir", "flock", "mmap"),
)
#: What makes changes durable; a recovery of commands is killed at every other one.
WRITES = ("pwrite64", "fdatasync")
#: Asked for at each commit several times; every third shows every kind of place.
LOCKS = ("fcntl",)


def traced(folder: Path, scenario: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a scenario under strace, which looks only at what concerns the journal."""
    path = folder / "j"
    beside = [str(folder), *(f"{path}{end}" for end in ("", "-wal", "-shm", "-lock", "-turn"))]
    watched = [word for each in [*beside, f"{path}-results"] for word in ("-P", each)]
    code = f"import journal_scenarios as s, sys; s.{scenario}(sys.argv[1])"
    search = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    return subprocess.run(
        ["strace", "-f", *watched, *options, sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": search},
    )


def copy_of(prepared: Path, folder: Path, name: str) -> Path:
    made = folder / name
    if prepared.exists():
        shutil.copytree(prepared, made)
    else:
        made.mkdir()
    return made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    journal_scenarios.prepare(str(folder / "j"))
    return folder


def places(folder: Path, scenario: str, calls: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Yield every system call of a scenario by name and number; strace counts by thread."""
    log = folder / "log"
    made = folder / "dry"
    done = traced(made, scenario, "-o", str(log), "-e", f"trace={','.join(calls)}")
    assert done.returncode == 0, done.stderr
    counted = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
    most: dict[str, int] = {}
    for (_, call), count in counted.items():
        most[call] = max(most.get(call, 0), count)
    for call, count in most.items():
        for number in range(1, count + 1, 3 if call in LOCKS else 1):
            yield call, number


def assert_sound(path: Path, said: str) -> None:
    """Check that what was acknowledged is there, that what is there is legal, and that it goes on."""
    acknowledged = [line.split() for line in said.splitlines()]
    if not path.exists():
        assert not [each for each in acknowledged if each[0] == "kept"]
        return
    with SQLiteJournal(path) as journal:
        assert journal.check() == ()
        lives = {kept.job_id: journal.history(kept.job_id) for kept in journal.jobs()}
        for life in lives.values():
            replay(journal_scenarios.Sent.lifecycle, life)
        tokens = {kept.token: kept for kept in journal.jobs()}
        for what, *words in acknowledged:
            if what == "kept":
                assert len(lives[words[0]]) >= int(words[1])
            elif what == "sent":
                assert tokens[words[0]].facts["claim"] in ("sending", "sent")
        for job in recover(journal, {journal_scenarios.Sent: None}).jobs:
            with suppress(Exception):
                job.reconcile()  # writes on stdout what it is asked
            job.fail("the end")
            assert journal.history(job.job_id()) == job.history
        assert journal.check() == ()


SCENARIOS = ("append", "aside", "together", "submit", "take_up", "create")


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_was_acknowledged_outlives_a_kill_at_any_system_call(
    scenario: str, part: int, prepared: Path, tmp_path: Path
) -> None:
    source = prepared if scenario != "create" else tmp_path / "nothing"
    copy_of(source, tmp_path, "dry")
    points = list(places(tmp_path, scenario, (*CALLS, *LOCKS)))
    assert len(points) > 50

    def kill(point: tuple[str, int]) -> None:
        call, number = point
        made = copy_of(source, tmp_path, f"{call}-{number}")
        log = str(tmp_path / f"{call}-{number}.log")
        rule = f"inject={call}:signal=KILL:when={number}"
        done = traced(made, scenario, "-o", log, "-e", f"trace={call}", "-e", rule)
        assert done.returncode in (-9, 137), (point, done.stderr)
        assert_sound(made / "j", done.stdout)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, points[part::2]))


def left_commands(folder: Path) -> Path:
    """Leave commands in a journal of a folder whose owner was killed; return a copy of it."""
    folder.mkdir()
    code = "import journal_scenarios as s, sys; s.leave(sys.argv[1])"
    search = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    subprocess.run(
        [sys.executable, "-c", code, folder / "j"],
        check=False,
        env={**os.environ, "PYTHONPATH": search},
    )
    (folder / "go").touch()
    with SQLiteJournal(folder / "j") as journal:
        [worker] = [job.facts["worker"] for job in journal.jobs(status="RUNNING")]
    assert worker is not None
    until(lambda: not alive(int(worker.split("/")[2])))  # and so has left word of how it ended
    copy = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, copy)
    return copy


def assert_each_has_run_once(folder: Path, said: str) -> None:
    """Check that whoever comes next brings every command to its end, and that none runs twice."""
    path = folder / "j"
    with SQLiteJournal(path) as journal:
        assert journal.check() == ()
        for line in said.splitlines():
            what, job_id, count = line.split()
            assert what == "kept"
            assert len(journal.history(job_id)) >= int(count)
    journal_scenarios.take_up_commands(str(path))
    with SQLiteJournal(path) as journal:
        assert journal.check() == ()
        lives = [journal.history(kept.job_id) for kept in journal.jobs()]
    ends = [(life[-1].dest, life[-1].detail) for life in lives]
    assert [dest for dest, _ in ends] == ["DONE"] * len(journal_scenarios.COMMANDS), (ends, said)
    for life in lives:
        replay(CommandJob.lifecycle, life)
    for name in journal_scenarios.COMMANDS:
        assert len((folder / f"{name}.ran").read_text().splitlines()) == 1, name


def test_commands_run_once_wherever_whoever_takes_them_up_is_killed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # The output of a command has one place for ever, so each folder is put back where it was.
    def try_some(part: int) -> int:
        folder = tmp_path / f"part-{part}"
        copy = left_commands(folder)

        def again(*options: str) -> subprocess.CompletedProcess[str]:
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)
            return traced(folder, "take_up_commands", *options)

        log = tmp_path / f"log-{part}"
        done = again("-o", str(log), "-e", f"trace={','.join(WRITES)}")
        assert done.returncode == 0, done.stderr
        assert_each_has_run_once(folder, done.stdout)
        counted = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
        most = {call: max(n for (_, each), n in counted.items() if each == call) for call in WRITES}
        killed = 0
        for call, count in most.items():
            for number in range(1 + part, count + 1, 4):
                rule = f"inject={call}:signal=KILL:when={number}"
                done = again("-o", str(log), "-e", f"trace={call}", "-e", rule)
                killed += done.returncode in {-9, 137}
                assert_each_has_run_once(folder, done.stdout)
        return killed

    with ThreadPoolExecutor(2) as pool:
        assert min(pool.map(try_some, (0, 2))) > 2


FAULTS = (
    "pwrite64:error=ENOSPC",
    "pwrite64:error=EIO",
    "fdatasync:error=EIO",
    "openat:error=EROFS",
)


#: How often each scenario acknowledges something.
KEPT = {"append": 2, "aside": 2, "submit": 2, "together": 8}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scenario", KEPT)
def test_a_disk_that_fails_once_changes_nothing_and_a_retry_works(
    scenario: str, fault: str, prepared: Path, tmp_path: Path
) -> None:
    copy_of(prepared, tmp_path, "dry")
    call = fault.split(":", maxsplit=1)[0]
    points = list(places(tmp_path, scenario, (call,)))

    def fail(point: tuple[str, int]) -> str:
        _, number = point
        made = copy_of(prepared, tmp_path, f"{number}")
        log = str(tmp_path / f"{number}.log")
        done = traced(
            made, scenario, "-o", log, "-e", f"trace={call}", "-e", f"inject={fault}:when={number}"
        )
        if done.returncode:
            # It could not even be opened, or not closed, and says so.
            last = done.stderr.strip().splitlines()[-1]
            assert last.startswith("sojourn.errors.Journal"), done.stderr
        else:
            assert done.stdout.count("kept") == KEPT[scenario], (point, done.stdout)
        assert_sound(made / "j", done.stdout)
        return done.stdout

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(fail, points))

    assert call == "openat" or any("failed" in each for each in said)
    for each in said:
        for line in each.splitlines():
            assert not line.startswith("failed") or "try again" in line or "read again" in line


def commits(log: str) -> Iterator[bool]:
    """Tell of each acknowledgement whether all that was written before it had been synced."""
    dirty = False
    for line in log.splitlines():
        if "pwrite64(" in line and "-wal>" in line:
            dirty = True
        elif re.search(r"fdatasync\(.*-wal>", line) or "<... fdatasync resumed" in line:
            dirty = dirty and not line.rstrip().endswith("= 0")
        elif "write(1<" in line and '"kept' in line:
            yield not dirty


@pytest.mark.parametrize("scenario", ["append", "aside"])
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_what_is_acknowledged_was_synced_before(
    durability: str, scenario: str, prepared: Path, tmp_path: Path
) -> None:
    made = copy_of(prepared, tmp_path, "made")
    log = tmp_path / "log"
    code = f"import journal_scenarios as s, sys; s.{scenario}(sys.argv[1], {durability!r})"
    search = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    trace = ["strace", "-f", "-y", "-o", log, "-e", "trace=pwrite64,fdatasync,write"]
    subprocess.run(
        [*trace, sys.executable, "-c", code, made / "j"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": search},
    )

    acknowledged = list(commits(log.read_text()))

    # The other durability shows that the look can tell.
    assert acknowledged == [True, True] if durability == "full" else not all(acknowledged)
    assert len(acknowledged) == 2


def test_a_failure_says_which_file(prepared: Path, tmp_path: Path) -> None:
    made = copy_of(prepared, tmp_path, "made")
    rule = "inject=pwrite64:error=ENOSPC:when=1+"

    done = traced(made, "append", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", rule)

    assert "Journal" in done.stderr + done.stdout
    assert str(made / "j") in done.stderr + done.stdout
    assert_sound(made / "j", "")
