"""What `sojourn` says where a journal is damaged: all that is whole, and the name of all that is not."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli_process import Typed, started
from process_watching import until
from sojourn import BaseJob
from sojourn.journals.sqlite import SQLiteJournal

JOURNAL = ("--journal", "j")
HINT = "sojourn: sojourn check --journal finds all that is damaged\n"


class PrintJob(BaseJob[None]):
    """A cup, printed."""


class BowlJob(BaseJob[None]):
    """A bowl, printed."""


def printed(*job_ids: str, cls: type[BaseJob[None]] = PrintJob) -> None:
    """Leave jobs in a journal that are done."""
    with SQLiteJournal("j") as journal:
        for each in job_ids:
            job = cls("printer", each, journal=journal)
            job.submit()
            job.start()
            job.finish()


def by_sql(deed: str) -> None:
    """Change what is in the journal, whatever its rules say."""
    with closing(sqlite3.connect("j")) as connection, connection:
        rules = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        rules = rules.fetchall()
        for name, _ in rules:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(deed)
        for _, sql in rules:
            connection.execute(sql)


def flip(text: bytes, other: bytes) -> None:
    """Let the disk give back another text of the same length, everywhere."""
    whole = Path("j").read_bytes()
    assert text in whole
    Path("j").write_bytes(whole.replace(text, other))


def said_of(*job_ids: str) -> str:
    lines = [f"sojourn: what the journal says of {each} is damaged\n" for each in job_ids]
    return "".join(lines) + HINT


DAMAGE = [
    "UPDATE job SET metadata = '{\"forged\": true}' WHERE id = 'cup-1'",
    "UPDATE job SET status = 'LOST' WHERE id = 'cup-1'",
    "UPDATE job SET status = 'RUNNING' WHERE id = 'cup-1'",
    "UPDATE job SET backend = 'printed' WHERE id = 'cup-1'",
]


@pytest.mark.parametrize("deed", DAMAGE, ids=["notes", "no status", "another status", "backend"])
@pytest.mark.parametrize(
    "options", [(), ("--status", "DONE"), ("--backend", "printer"), ("--since", "1d")], ids=" ".join
)
def test_the_other_jobs_are_listed_and_the_one_that_is_damaged_is_named(
    typed: Typed, deed: str, options: tuple[str, ...]
) -> None:
    printed("cup-0", "cup-1", "cup-2")
    by_sql(deed)

    told = typed("jobs", *options, *JOURNAL)

    assert [line.split()[0] for line in told.stdout.splitlines()] == ["job", "cup-0", "cup-2"]
    assert told.stderr == said_of("cup-1")
    assert told.returncode == 1


@pytest.mark.parametrize("at", range(2, 36, 3))
def test_a_text_that_is_none_any_more_hides_nobody_else(typed: Typed, at: int) -> None:
    printed("cup-0", "cup-1", "cup-2")
    row = b"cup-1test_cli_damage:PrintJobprinterDONEDONE"
    flip(row, row[:at] + b"\xff" + row[at + 1 :])

    told = typed("jobs", *JOURNAL)
    found = typed("check", *JOURNAL)

    assert [line.split()[0] for line in told.stdout.splitlines()] == ["job", "cup-0", "cup-2"]
    assert told.stderr == said_of("cup-1")
    assert (told.returncode, found.returncode) == (1, 1)


def test_machines_are_told_of_it_in_json(typed: Typed) -> None:
    printed("cup-0", "cup-1")
    by_sql(DAMAGE[0])

    listed, counted = (typed(command, "--json", *JOURNAL) for command in ("jobs", "stats"))

    whole, damaged = map(json.loads, listed.stdout.splitlines())
    assert (whole["id"], whole["status"]) == ("cup-0", "DONE")
    assert damaged == {"id": "cup-1", "damaged": True}
    numbers, damaged = map(json.loads, counted.stdout.splitlines())
    assert numbers["jobs"] == 1
    assert damaged == {"id": "cup-1", "damaged": True}
    assert (listed.returncode, counted.returncode) == (1, 1)
    assert listed.stderr == counted.stderr == said_of("cup-1")


ENTRY = "UPDATE \"transition\" SET detail = 'x' WHERE version = 2 AND job = (SELECT number FROM job WHERE id = 'cup-1')"


@pytest.mark.parametrize("deed", [DAMAGE[0], ENTRY], ids=["row", "entry"])
def test_numbers_and_pictures_are_of_the_others(typed: Typed, deed: str) -> None:
    printed("cup-0", "cup-1", "cup-2")
    by_sql(deed)

    numbers = typed("stats", *JOURNAL)
    drawn = typed("graph", *JOURNAL)
    written = typed("graph", *JOURNAL, "-o", "lives.svg")

    assert "test_cli_damage:PrintJob: 2 jobs" in numbers.stdout
    assert "RUNNING" in drawn.stdout
    assert Path("lives.svg").exists()
    for each in (numbers, drawn, written):
        assert each.returncode == 1
        assert each.stderr == said_of("cup-1")


@pytest.mark.parametrize("deed", [DAMAGE[0], ENTRY], ids=["row", "entry"])
def test_the_story_of_one_that_is_damaged_is_not_told(typed: Typed, deed: str) -> None:
    printed("cup-0", "cup-1")
    by_sql(deed)

    told, other = typed("show", "cup-1", *JOURNAL), typed("show", "cup-0", *JOURNAL)

    assert (told.returncode, told.stdout) == (2, "")
    assert "what it says of job 'cup-1' is damaged; check() finds all that is" in told.stderr
    assert (other.returncode, other.stderr) == (0, "")


def test_what_is_damaged_is_found_and_left_as_it_is(typed: Typed) -> None:
    printed("cup-0", "cup-1")
    by_sql(DAMAGE[0])

    told = typed("check", *JOURNAL)

    assert told == (1, "job 'cup-1' has a row whose checksum is wrong\n", "")
    for command in (("jobs",), ("show", "cup-0"), ("stats",), ("graph",)):
        typed(*command, *JOURNAL)
    assert typed("check", *JOURNAL) == told


def test_a_beginning_of_an_id_is_looked_for_among_those_that_are_whole(typed: Typed) -> None:
    printed("cup-1", "cup-2")
    by_sql("UPDATE job SET owner = 'me' WHERE id = 'cup-1'")

    told = typed("show", "cup-", *JOURNAL)

    assert told.returncode == 0
    assert told.stdout.startswith("cup-2")
    assert told.stderr == said_of("cup-1")


def test_an_id_that_is_damaged_is_only_shown_to_a_terminal(typed: Typed) -> None:
    printed("cup-0", "cup-1")
    flip(b"cup-1", b"c\x1b[2J")

    told = typed("jobs", *JOURNAL)

    assert "\x1b" not in told.stderr
    assert told.returncode == 1


def test_pages_that_cannot_be_read_hide_only_their_own_jobs(typed: Typed) -> None:
    names = [f"cup-{number:03}" for number in range(150)]
    printed(*names)
    whole = Path("j").read_bytes()
    page = next(
        at
        for at in range(0, len(whole), 4096)
        if b"cup-075test_cli_damage" in whole[at : at + 4096]
    )
    with Path("j").open("r+b") as file:
        file.seek(page)
        file.write(bytes(4096))

    told = typed("jobs", *JOURNAL)
    found = typed("check", *JOURNAL)

    listed = [line.split()[0] for line in told.stdout.splitlines()[1:]]
    lost = [line.split()[6] for line in told.stderr.splitlines()[:-1]]
    assert sorted(listed + lost) == names
    assert 0 < len(lost) < 75
    assert told.returncode == found.returncode == 1
    assert all(f"job '{each}' has a row that cannot be read" in found.stdout for each in lost)


# Batches that have to go on.


def killed(*names: str) -> str:
    """Run a batch whose first command waits for a file, and kill its program; return the id of the batch."""
    lines = [f"{name}: echo >>{name}.ran; while [ ! -e go ]; do sleep 0.01; done" for name in names]
    Path("batch.txt").write_text("\n".join(lines))
    with started("run", "batch.txt", "-j", "1", *JOURNAL):
        until(lambda: number_of_jobs() == len(names) + 1 and Path(f"{names[0]}.ran").exists())
    with SQLiteJournal("j") as journal:
        return journal.jobs(backend="sojourn run", limit=1)[0].job_id


def number_of_jobs() -> int:
    """Return how many jobs of the latest batch are submitted, itself among them."""
    if not Path("j").exists():
        return 0
    with SQLiteJournal("j") as journal:
        latest = journal.jobs(backend="sojourn run", limit=1)
        members = journal.jobs(status=["QUEUED", "RUNNING"], backend="CommandBackend")
    batch_id = latest[0].job_id if latest else ""
    return 1 + sum(each.job_id.startswith(f"{batch_id}.") for each in members)


def test_a_batch_goes_on_without_the_command_that_is_damaged(typed: Typed) -> None:
    batch_id = killed("one", "two", "three")
    by_sql(f"UPDATE job SET arguments = '{{}}' WHERE id = '{batch_id}.two'")
    Path("go").touch()

    told = typed("resume", *JOURNAL)
    shown = typed("show", batch_id, *JOURNAL)
    again = typed("resume", *JOURNAL)

    assert told.returncode == 1
    assert told.stderr.startswith(said_of(f"{batch_id}.two"))
    assert sorted(each.name for each in Path().glob("*.ran")) == ["one.ran", "three.ran"]
    assert "3 commands: 2 DONE, 1 damaged in the journal" in shown.stdout
    assert "1 of 3 commands are not DONE" in shown.stdout
    assert (again.returncode, again.stdout) == (1, "there is nothing to resume\n")
    assert again.stderr == said_of(f"{batch_id}.two")


BROKEN = [
    "UPDATE job SET metadata = '{{}}' WHERE id = '{0}'",
    "UPDATE \"transition\" SET detail = 1 WHERE job = (SELECT number FROM job WHERE id = '{0}')",
]


@pytest.mark.parametrize("deed", BROKEN, ids=["row", "entries"])
def test_a_batch_that_is_damaged_does_not_keep_another_from_going_on(
    typed: Typed, deed: str
) -> None:
    first = killed("one")
    second = killed("two")
    by_sql(deed.format(first))
    Path("go").touch()

    told = typed("resume", *JOURNAL)
    refused = typed("resume", first, *JOURNAL)

    assert told.returncode == 1
    assert f"batch {second}: 1 command" in told.stdout
    assert first in told.stderr
    assert "is damaged" in told.stderr
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is damaged" in refused.stderr
    assert (
        typed("jobs", "--status", "DONE", *JOURNAL)
        .stdout.split("\n")[1]
        .startswith(f"{second}.two")
    )


def test_a_job_that_only_looks_like_a_batch_is_shown_and_not_gone_on_with(typed: Typed) -> None:
    with SQLiteJournal("j") as journal:
        PrintJob("sojourn run", "odd", journal=journal).submit()
        PrintJob("printer", "gone.a", metadata={"batch": "gone"}, journal=journal).submit()
    batch_id = killed("one")
    Path("go").touch()

    shown = typed("show", "odd", *JOURNAL)
    told = typed("resume", *JOURNAL)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert told.returncode == 1
    assert f"batch {batch_id}: 1 command" in told.stdout
    assert told.stderr.startswith("sojourn: batch odd: the journal says too little of batch odd")
    for words in (("resume", "odd"), ("resume", "gone.a"), ("cancel", "odd")):
        refused = typed(*words, *JOURNAL)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "for it to go on; sojourn run has not made it" in refused.stderr
