"""What `sojourn` does with journals: real commands, real processes, and a real `kill -9`."""

from __future__ import annotations

import json
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cli_process import Typed, sojourn
from sojourn import BaseJob
from sojourn.cli._since import instant
from sojourn.cli._terminal import RefusalError
from sojourn.history import KeptJob
from sojourn.journals.sqlite import SQLiteJournal

JOURNAL = ("--journal", "j")


def batch(*lines: str, name: str = "batch.txt") -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return name


def kept(path: str = "j") -> dict[str, KeptJob]:
    """Return the commands that a journal has, by their names."""
    with SQLiteJournal(path) as journal:
        return {job.metadata["shown"]: job for job in journal.jobs() if "shown" in job.metadata} | {
            job.job_id.partition(".")[2]: job for job in journal.jobs() if "." in job.job_id
        }


class PrintJob(BaseJob[None]):
    """A cup, printed."""


def printed(path: str, job_id: str, **metadata: Any) -> None:
    """Leave a job in a journal that is done."""
    with SQLiteJournal(path) as journal:
        job = PrintJob("printer", job_id, metadata=metadata, journal=journal)
        job.submit()
        job.start()
        job.finish()


# Looking back.


def test_a_batch_is_kept_with_all_that_happened_to_each_command(typed: Typed) -> None:
    file = batch("good: echo fine", "bad: echo 'no luck' >&2; exit 3")

    told = typed("run", file, *JOURNAL)

    assert (told.returncode, told.stderr) == (1, "")
    with SQLiteJournal("j") as journal:
        batches = journal.jobs(backend="sojourn run")
        steps = {
            name: [entry.dest for entry in journal.history(job.job_id)]
            for name, job in kept().items()
            if name in {"good", "bad"}
        }
        assert journal.check() == ()
    assert steps == {"good": ["QUEUED", "RUNNING", "DONE"], "bad": ["QUEUED", "RUNNING", "ERROR"]}
    assert [(each.status, len(each.metadata["tasks"])) for each in batches] == [("ERROR", 2)]
    output = Path(f"j-output/{batches[0].job_id}/good/stdout")
    assert output.read_text() == "fine\n"
    assert (Path("j").stat().st_mode | output.parents[1].stat().st_mode) & 0o077 == 0


def test_the_journal_of_a_user_is_below_the_folder_for_state(typed: Typed) -> None:
    told = typed("run", batch("a: true"), "--journal")

    assert told.returncode == 0
    assert Path("state/sojourn/jobs.journal").exists()
    assert Path("state/sojourn").stat().st_mode & 0o077 == 0
    assert re.search(r"^\w+\.a +DONE +", typed("jobs").stdout, re.MULTILINE)


def test_a_journal_is_not_needed_to_run(typed: Typed) -> None:
    assert typed("run", batch("a: true")).returncode == 0
    assert not Path("state").exists()


def test_an_output_folder_can_be_chosen_for_a_batch_that_is_kept(typed: Typed) -> None:
    assert typed("run", batch("a: echo x"), *JOURNAL, "--output", "out").returncode == 0

    assert Path("out/a/stdout").read_text() == "x\n"
    assert not Path("j-output").exists()
    assert f"{Path.cwd()}/out/a/stdout" in typed("show", "a", *JOURNAL).stdout


def test_what_cannot_run_leaves_no_batch_behind(typed: Typed) -> None:
    told = typed("run", *JOURNAL, "--", "no-such-program")

    assert told.returncode == 2
    with SQLiteJournal("j") as journal:
        assert journal.jobs() == ()


def test_jobs_are_listed_the_latest_last(typed: Typed) -> None:
    typed("run", batch("first: true", "second: exit 2"), *JOURNAL)

    told = typed("jobs", *JOURNAL)

    lines = told.stdout.splitlines()
    assert lines[0].split() == ["job", "status", "since", "what"]
    assert re.fullmatch(r"\w{5}\.first +DONE +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +true", lines[1])
    assert re.fullmatch(r"\w{5}\.second +ERROR +.* +exit 2", lines[2])
    assert len(lines) == 3


def test_jobs_can_be_chosen(typed: Typed) -> None:
    typed("run", batch("a: true", "b: exit 2", "c: true"), *JOURNAL)
    printed("j", "cup-1")

    def names(*options: str) -> list[str]:
        told = typed("jobs", *JOURNAL, "--json", *options)
        assert (told.returncode, told.stderr) == (0, "")
        return [json.loads(line)["name"] for line in told.stdout.splitlines()]

    assert names() == ["a", "b", "c", "cup-1"]
    assert names("--status", "done") == ["a", "c", "cup-1"]
    assert names("--status", "ERROR", "--status", "RUNNING") == ["b"]
    assert names("--backend", "printer") == ["cup-1"]
    assert names("--limit", "2") == ["c", "cup-1"]
    assert names("--limit", "4") == ["a", "b", "c", "cup-1"]  # a batch among them takes no place
    assert names("--since", "1h") == ["a", "b", "c", "cup-1"]
    assert names("--since", (datetime.now(UTC) + timedelta(hours=1)).isoformat()) == []
    assert len(names("--backend", "sojourn run")) == 1


def test_a_job_is_shown_with_its_history_and_the_end_of_its_output(typed: Typed) -> None:
    typed("run", batch("bad: seq 50; echo 'no \x1b[31mluck' >&2; exit 3"), *JOURNAL)

    told = typed("show", "bad", *JOURNAL)

    assert (told.returncode, told.stderr) == (0, "")
    assert re.match(r"\w{5}\.bad  ERROR\n", told.stdout)
    assert "\nfrom     batch.txt, line 1\n" in told.stdout
    assert re.search(r"^ +1 .* submit +INITIALIZING → QUEUED +after ", told.stdout, re.MULTILINE)
    assert re.search(
        r"^ +3 .* fail +RUNNING → ERROR .*exited with code 3", told.stdout, re.MULTILINE
    )
    assert "\n  | 49\n  | 50\n" in told.stdout
    assert "\n  | 40\n" not in told.stdout
    assert "\n  | no \N{REPLACEMENT CHARACTER}[31mluck\n" in told.stdout
    assert "\x1b" not in told.stdout


def test_a_story_can_be_had_as_json(typed: Typed) -> None:
    printed("j", "cup-1", colour="red")

    told = json.loads(typed("show", "cup-1", *JOURNAL, "--json").stdout)

    assert (told["id"], told["status"], told["metadata"]) == ("cup-1", "DONE", {"colour": "red"})
    assert [entry["trigger"] for entry in told["history"]] == ["submit", "start", "finish"]
    assert datetime.fromisoformat(told["history"][0]["at"]).tzinfo is not None


def test_a_batch_is_shown_with_where_its_commands_are(typed: Typed) -> None:
    typed("run", batch("a: true", "b: exit 2", "c: true"), *JOURNAL)
    batch_id = kept()["a"].metadata["batch"]

    told = typed("show", batch_id, *JOURNAL)

    assert "\n3 commands: 2 DONE, 1 ERROR\n" in told.stdout
    assert "1 of 3 commands are not DONE" in told.stdout


def test_numbers_are_shown_for_each_class(typed: Typed) -> None:
    typed("run", batch("a: true", "b: exit 2"), *JOURNAL)
    printed("j", "cup-1")

    told = typed("stats", *JOURNAL)

    assert (told.returncode, told.stderr) == (0, "")
    assert "CommandJob: 2 jobs\n" in told.stdout
    assert re.search(r"PrintJob: 1 job\n(.*\n)*  DONE +1 +1 ", told.stdout)
    numbers = [json.loads(line) for line in typed("stats", *JOURNAL, "--json").stdout.splitlines()]
    assert [each["jobs"] for each in numbers] == [2, 1]


def test_the_lives_of_all_jobs_are_drawn_on_one_graph(typed: Typed) -> None:
    typed("run", batch("a: true", "b: exit 2"), *JOURNAL)

    told = typed("graph", *JOURNAL, "-o", "lives.svg")

    assert (told.returncode, told.stdout, told.stderr) == (0, "lives.svg\n", "")
    assert ET.fromstring(Path("lives.svg").read_text("utf-8")).tag.endswith("svg")
    text = typed("graph", *JOURNAL).stdout
    assert "submit ×2" in text
    assert "2 jobs; " in text


def test_only_the_lives_of_one_class_are_drawn_where_it_is_named(typed: Typed) -> None:
    typed("run", batch("a: true", "b: exit 2"), *JOURNAL)
    printed("j", "cup-1")

    told = typed("graph", f"{__name__}:PrintJob", *JOURNAL)

    assert "finish ×1" in told.stdout
    wrong = typed("graph", "shop:Job", *JOURNAL)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("sojourn: there is no job of shop:Job in the journal; it has ")


def test_a_class_that_cannot_be_imported_is_said_in_one_line(folder: Path, typed: Typed) -> None:
    module = folder / "shop_of_old.py"
    module.write_text(
        "from sojourn import BaseJob, JobStatus, State, Transition\n"
        "from sojourn.journals.sqlite import SQLiteJournal\n"
        "class Job(BaseJob):\n"
        "    SETUP = State(JobStatus.QUEUED)\n"
        "    mount = Transition(JobStatus.QUEUED, SETUP)\n"
        "    start = BaseJob.start | Transition(SETUP, JobStatus.RUNNING)\n"
        "if __name__ != '__main__':\n"
        "    with SQLiteJournal('j') as journal:\n"
        "        job = Job('shop', 'p-1', journal=journal); job.submit(); job.mount()\n"
    )
    assert typed("graph", "shop_of_old:Job").returncode == 0
    module.unlink()
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)

    told = sojourn("graph", *JOURNAL)

    assert told.returncode == 0
    assert "SETUP" in told.stdout
    assert told.stderr == (
        "sojourn: cannot import 'shop_of_old': ModuleNotFoundError: No module named 'shop_of_old'; "
        "1 job of it is shown by what the journal alone knows\n"
    )


# Which job is meant.


def test_a_job_is_found_by_the_beginning_of_its_id_and_by_its_name(typed: Typed) -> None:
    typed("run", batch("pack: true", "pack-2: true"), *JOURNAL)
    first, second = kept()["pack"], kept()["pack-2"]

    batch_id = first.metadata["batch"]
    meant = {
        "pack": first.job_id,
        first.job_id: first.job_id,
        second.job_id[:-1]: second.job_id,
        "pack-2": second.job_id,
        batch_id: batch_id,
        batch_id[:3]: batch_id,
    }

    for name, job_id in meant.items():
        told = typed("show", name, *JOURNAL, "--json")
        assert (told.returncode, json.loads(told.stdout)["id"]) == (0, job_id)


def test_a_name_comes_before_an_id_that_begins_like_it(typed: Typed) -> None:
    typed("run", batch("pack: true"), *JOURNAL)
    letter = kept()["pack"].metadata["batch"][0]
    typed("run", batch(f"{letter}: true"), *JOURNAL)

    told = typed("show", letter, *JOURNAL, "--json")

    assert json.loads(told.stdout)["name"] == letter


def test_a_name_that_may_mean_several_jobs_is_refused_with_all_of_them(typed: Typed) -> None:
    file = batch("pack: true")
    typed("run", file, *JOURNAL)
    typed("run", file, *JOURNAL)

    told = typed("show", "pack", *JOURNAL)

    assert (told.returncode, told.stdout) == (2, "")
    pattern = r"sojourn: 'pack' may be any of 2 jobs: \w+\.pack \(DONE\), \w+\.pack \(DONE\); give"
    assert re.match(pattern, told.stderr)
    assert told.stderr.count("\n") == 1


# Bad input.


@pytest.mark.parametrize("command", [("jobs",), ("show", "a"), ("stats",), ("graph",), ("check",)])
def test_a_journal_that_is_not_there_is_not_made_by_looking(
    folder: Path, typed: Typed, command: tuple[str, ...]
) -> None:
    for where in (
        ("--journal", "none"),
        () if command[0] not in {"graph", "check"} else ("--journal",),
    ):
        told = typed(*command, *where)

        assert (told.returncode, told.stdout) == (2, "")
        assert told.stderr.startswith("sojourn: there is no journal at ")
        assert told.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [("jobs",), ("show", "a"), ("stats",), ("graph",), ("check",), ("run", "batch.txt")],
)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text", "it is not a journal; give another name"),
        ("empty", "it is empty, which a journal never is"),
        ("folder", "it is a directory; give the name of a file"),
        ("link", "it is a symbolic link; name the file that it leads to"),
        ("open", "others may read or write it (mode 0644)"),
        ("no/where", "its folder is not there; make it"),
    ],
)
def test_what_is_not_a_journal_is_refused_and_left_as_it_is(
    typed: Typed, command: tuple[str, ...], name: str, reason: str
) -> None:
    batch("touch started")
    printed("open", "cup-1")
    Path("link").symlink_to("open")
    Path("open").chmod(0o644)
    Path("text").write_text("x" * 200)
    Path("empty").touch()
    Path("text").chmod(0o600)
    Path("empty").chmod(0o600)
    Path("folder").mkdir()
    before = Path("open").read_bytes()

    told = typed(*command, "--journal", name)

    assert (told.returncode, told.stdout) == (2, "")
    if name == "no/where" and command[0] != "run":
        reason = "there is no journal at 'no/where'"
    assert reason in told.stderr
    assert told.stderr.count("\n") == 1
    assert Path("text").read_text() == "x" * 200
    assert Path("open").read_bytes() == before
    assert not Path("started").exists()


@pytest.mark.parametrize("name", ["nope", "", "\x1b[31m", "x" * 300])
def test_an_id_that_nobody_has_is_refused(typed: Typed, name: str) -> None:
    printed("j", "cup-1")

    told = typed("show", name, *JOURNAL)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("sojourn: there is no job ")
    assert told.stderr.endswith(" in the journal; sojourn jobs lists those it has\n")
    assert "\x1b" not in told.stderr


def test_what_a_journal_says_is_never_obeyed_by_a_terminal(typed: Typed) -> None:
    with SQLiteJournal("j") as journal:
        job = PrintJob("pri\x1b[31mnter", "cup-1", metadata={"\x1b[1m": "\x07"}, journal=journal)
        job.submit()
        job.fail("\x1b]0;owned\x07\nsecond \x9b line")

    for command in (("jobs",), ("show", "cup-1"), ("stats",), ("graph",)):
        told = typed(*command, *JOURNAL)
        assert told.returncode == 0
        assert not any(each in told.stdout + told.stderr for each in "\x1b\x07\x9b")


@pytest.mark.parametrize("when", ["soon", "", "-1h", "7", "2026-13-01", "9999999999d"])
def test_a_time_that_makes_no_sense_is_refused(typed: Typed, when: str) -> None:
    printed("j", "cup-1")

    told = typed("jobs", *JOURNAL, f"--since={when}")

    assert (told.returncode, told.stdout) == (2, "")
    assert "is no instant; give how long ago" in told.stderr


def test_times_are_given_as_people_say_them() -> None:
    now = datetime.now(UTC)

    assert abs(now - instant("90min") - timedelta(minutes=90)) < timedelta(minutes=1)
    assert abs(now - instant("2 h") - timedelta(hours=2)) < timedelta(minutes=1)
    assert instant("yesterday") < instant("today") <= now
    assert instant("2026-11-28T17:30+00:00") == datetime(2026, 11, 28, 17, 30, tzinfo=UTC)
    assert instant("2026-11-28").tzinfo is not None
    with pytest.raises(RefusalError, match="'tomorrow' is no instant"):
        instant("tomorrow")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_times_that_no_clock_shows_are_shown(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    with SQLiteJournal("j") as journal:
        job = PrintJob("printer", "cup-1", journal=journal)
        job.observe("RUNNING", at=last)
        job.observe("DONE", at=first)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        told, numbers = typed("show", "cup-1", *JOURNAL), typed("stats", *JOURNAL)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert told.returncode == 0
    assert re.search(r"2 +9999-12-31 \d\d:59:59.000 +start", told.stdout)
    assert re.search(
        r"3 +0001-01-01 \d\d:\d\d:\d\d.000 +finish +RUNNING → DONE +after 0 s", told.stdout
    )
    assert re.search(r"RUNNING +1 +0 +0 s +0 s +0 s", numbers.stdout)  # not less than nothing


# Whether it is damaged.


def test_a_journal_that_is_sound_is_said_to_be(typed: Typed) -> None:
    typed("run", batch("a: true"), *JOURNAL)

    told = typed("check", *JOURNAL)

    assert told == (0, "sound: 2 jobs, batches among them\n", "")


@pytest.mark.parametrize("arguments", [(), ("shop:Job", "--journal", "j")])
def test_a_class_and_a_journal_are_not_checked_together(
    typed: Typed, arguments: tuple[str, ...]
) -> None:
    told = typed("check", *arguments)

    assert told.returncode == 2
    assert "give MODULE:CLASS, or --journal" in told.stderr
