"""What `sojourn` does with a batch whose owner was in another container, where no process can be seen."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cli_process import Typed, started
from process_watching import PATIENCE, alive, until
from sojourn import _owner
from sojourn.cli import _cancelling, _running
from sojourn.history import KeptJob
from sojourn.journals.sqlite import SQLiteJournal

JOURNAL = ("--journal", "j")
#: A command line that takes itself for one in another container.
ELSEWHERE = """
import sys
from sojourn import _owner
boot = _owner._where().split("/")[0]
_owner._where = lambda: f"{boot}/1"
from sojourn.cli import main
sys.exit(main())
"""
RUNS = "echo >>{0}.ran"
LINES = f"""
one: {RUNS.format("one")}
two: {RUNS.format("two")}; while [ ! -e go ]; do sleep 0.01; done
three: {RUNS.format("three")}
"""


def jobs() -> dict[str, KeptJob]:
    """Return the commands in the journal by their names; the batch is called "batch"."""
    if not Path("j").exists():
        return {}
    with SQLiteJournal("j") as journal:
        return {job.job_id.partition(".")[2] or "batch": job for job in journal.jobs()}


def statuses() -> dict[str, str]:
    return {name: job.status for name, job in jobs().items()}


def runs() -> dict[str, int]:
    return {each.stem: len(each.read_text().splitlines()) for each in Path().glob("*.ran")}


def gone() -> str:
    """Run a batch in a container, and let that go with all that is in it; return the id of the batch."""
    Path("batch.txt").write_text(LINES)
    program = ("-c", ELSEWHERE)
    with started("run", "batch.txt", "-j", "1", *JOURNAL, program=program) as owner:
        until(lambda: {"two": "RUNNING", "three": "QUEUED"}.items() <= statuses().items())
        until(Path("two.ran").exists)
        owner.kill()
        owner.wait(PATIENCE)
    worker = jobs()["two"].facts["worker"]
    assert worker is not None
    leader = int(worker.split("/")[2])
    os.killpg(leader, signal.SIGKILL)
    until(lambda: not alive(leader))
    assert worker.split("/")[1] == "1" != _owner.this_process().split("/")[1]
    return jobs()["batch"].job_id


def test_it_is_left_to_an_owner_that_cannot_be_seen_and_the_way_out_is_said(typed: Typed) -> None:
    batch = gone()
    before = jobs()

    told, named = typed("resume", *JOURNAL), typed("resume", batch, *JOURNAL)

    pid = str(before["batch"].facts["owner"]).split("/")[2]
    who = f"process {pid} of another container, which cannot be seen from here; if docker ps"
    assert (told.returncode, told.stdout) == (0, "there is nothing to resume\n")
    assert (named.returncode, named.stdout) == (2, "")
    for each in (told, named):
        assert each.stderr.startswith(f"sojourn: batch {batch} is looked after by {who}")
        assert f"sojourn resume {batch} --take-over goes on without it" in each.stderr
        assert each.stderr.count("\n") == 1
    assert jobs() == before


def test_it_goes_on_where_somebody_knows_that_the_owner_is_gone(typed: Typed) -> None:
    batch = gone()

    told = typed("resume", batch, "--take-over", *JOURNAL)

    assert (told.returncode, told.stderr) == (1, "")
    assert statuses() == {"batch": "ERROR", "one": "DONE", "two": "ERROR", "three": "DONE"}
    assert runs() == {"one": 1, "two": 1, "three": 1}
    with SQLiteJournal("j") as journal:
        assert journal.check() == ()
    assert typed("resume", *JOURNAL) == (0, "there is nothing to resume\n", "")


def test_it_is_given_up_by_asking_first(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = gone()
    monkeypatch.setattr(_cancelling, "PATIENCE", -_running.GRACE)

    asked = typed("cancel", batch, *JOURNAL)
    told = typed("resume", batch, "--take-over", *JOURNAL)

    assert asked.returncode == 0
    assert f"{batch}  RUNNING; it was asked to stop, and is not over yet; process " in asked.stdout
    assert f"sojourn resume {batch} --take-over" in asked.stdout
    assert told.returncode == 1
    assert statuses() == {"batch": "CANCELLED", "one": "DONE", "two": "ERROR", "three": "CANCELLED"}
    assert runs() == {"one": 1, "two": 1}


def test_nobody_takes_over_from_an_owner_that_is_seen_to_live(typed: Typed) -> None:
    Path("batch.txt").write_text(LINES)
    with started("run", "batch.txt", "-j", "1", *JOURNAL) as owner:
        until(lambda: statuses().get("two") == "RUNNING")
        batch = jobs()["batch"].job_id

        told = typed("resume", batch, "--take-over", *JOURNAL)

        assert (told.returncode, told.stdout) == (2, "")
        assert f"looked after by process {owner.pid}; let it, or stop that" in told.stderr
        Path("go").touch()
        assert owner.wait(PATIENCE) == 0

    assert runs() == {"one": 1, "two": 1, "three": 1}


def test_the_batch_that_is_taken_over_has_to_be_named(typed: Typed) -> None:
    told = typed("resume", "--take-over", *JOURNAL)

    assert (told.returncode, told.stdout) == (2, "")
    assert "name the BATCH that is to be taken over" in told.stderr
