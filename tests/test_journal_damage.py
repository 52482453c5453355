"""A journal whose file comes back otherwise: whoever asks gets all that is whole, and the names of the rest."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from job_doubles import Pushed
from sojourn import recover
from sojourn.errors import JournalDamageError, JournalFileError
from sojourn.history import KeptJob
from sojourn.journals._files import connect
from sojourn.journals.sqlite import SQLiteJournal

PAGE = 4096
COUNT = 120
OPEN = ("INITIALIZING", "QUEUED", "RUNNING")
QUESTIONS: dict[str, dict[str, Any]] = {
    "all": {},
    "open": {"status": OPEN},
    "over": {"status": "DONE"},
    "of one backend": {"backend": "mill"},
    "open, of one backend": {"status": OPEN, "backend": "mill"},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, KeptJob]]:
    """Return the bytes of a journal, and what is in it."""
    path = tmp_path_factory.mktemp("whole") / "jobs"
    with SQLiteJournal(path, "normal") as journal:
        for number in range(COUNT):
            backend, notes = "shop" if number % 2 else "mill", {"note": "so it was" * (number % 7)}
            job = Pushed(backend, f"job-{number:04}", journal=journal, metadata=notes)
            job.observe(("QUEUED", "RUNNING", "DONE")[number % 3])
        kept = {job.job_id: job for job in journal.jobs()}
    return path.read_bytes(), kept


def wanted(kept: dict[str, KeptJob], question: dict[str, Any]) -> set[str]:
    """Return the ids of the jobs that answer a question where nothing is damaged."""
    statuses = question.get("status", (*OPEN, "DONE"))
    return {
        job.job_id
        for job in kept.values()
        if job.status in statuses and question.get("backend", job.backend) == job.backend
    }


def answer(journal: SQLiteJournal, question: dict[str, Any]) -> tuple[list[KeptJob], list[str]]:
    try:
        return [*journal.jobs(**question)], []
    except JournalDamageError as error:
        return [*error.whole], [*error.damaged]


def page_types(data: bytes) -> dict[int, int]:
    """Return what kind each page is: 13 is a leaf of a table, 10 one of an index, and so on."""
    return {at: data[at] for at in range(PAGE, len(data), PAGE)}


@pytest.mark.once
@pytest.mark.parametrize("fill", [b"\0", b"\xff"], ids=["zeros", "ones"])
def test_a_page_that_is_lost_hides_no_job_in_silence(
    tmp_path: Path, whole: tuple[bytes, dict[str, KeptJob]], fill: bytes
) -> None:
    data, kept = whole
    path = tmp_path / "jobs"
    path.touch(0o600)
    partly = 0
    for at in range(PAGE, len(data), PAGE):
        path.write_bytes(data[:at] + fill * PAGE + data[at + PAGE :])

        with SQLiteJournal(path) as journal:
            for name, question in QUESTIONS.items():
                found, damaged = answer(journal, question)
                ids = {job.job_id for job in found}
                assert ids <= wanted(kept, question)
                missing = wanted(kept, question) - ids
                nameless = [each for each in damaged if each.startswith("(number ")]
                assert len(missing - {*damaged}) <= len(nameless), (at, name)
                assert all(job == kept[job.job_id] for job in found)
                partly += bool(damaged) and len(damaged) < COUNT
            assert journal.check() or data[at : at + PAGE].count(0) == PAGE

    assert partly >= 2 * len(QUESTIONS)


#: What a row's checksum does not cover; `check` compares all but the last with the entries.
UNCOVERED = ("state", "status", "version", "attempt", "changed_at")


def covered(job: KeptJob) -> dict[str, object]:
    """Return what a row's checksum covers, to which an empty text is the same as no bytes."""
    told = {**job._asdict(), **job.facts, "facts": None}
    return {name: value or None for name, value in told.items() if name not in UNCOVERED}


@pytest.mark.once
def test_a_bit_that_is_flipped_hides_no_job_in_silence(
    tmp_path: Path, whole: tuple[bytes, dict[str, KeptJob]]
) -> None:
    data, kept = whole
    chosen = random.Random(20261129)
    tables = [at for at, kind in page_types(data).items() if kind in {5, 13}]
    path = tmp_path / "jobs"
    path.touch(0o600)
    named = 0
    for _ in range(100):
        at = chosen.choice(tables) + chosen.randrange(PAGE)
        flipped = data[at] ^ (1 << chosen.randrange(8))
        path.write_bytes(data[:at] + bytes([flipped]) + data[at + 1 :])

        with SQLiteJournal(path) as journal:
            for name, question in QUESTIONS.items():
                found, damaged = answer(journal, question)
                missing = wanted(kept, question) - {job.job_id for job in found} - {*damaged}
                nameless = [each for each in damaged if each.startswith("(number ")]
                assert len(missing) <= len(nameless), (at, name)
                for job in found:
                    assert covered(job) == covered(kept[job.job_id])
                named += len(damaged)

    assert named


def damaged_by(path: Path, data: bytes, old: bytes, new: bytes) -> None:
    assert len(old) == len(new)
    assert data.count(old) == 1
    path.touch(0o600)
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            b"job-0003job_doubles:PushedshopQUEUEDQUEUED",
            b"job-0003job_doubles:PushedshopQUEUEDQUEUEX",
        ),
        (
            b"job-0003job_doubles:PushedshopQUEUEDQUEUED",
            b"job-0003job_doubles:PushedshopQUEUEDQUEU\xc5D",
        ),
        (
            b"job-0003job_doubles:PushedshopQUEUEDQUEUED",
            b"job-0003job_doubles:PushedshoqQUEUEDQUEUED",
        ),
        (
            b"job-0003job_doubles:PushedshopQUEUEDQUEUED",
            b"job-0103job_doubles:PushedshopQUEUEDQUEUED",
        ),
        (
            b"job-0003job_doubles:PushedshopQUEUEDQUEUED",
            b"job-0003job_doubles:Pushedshop\0UEUEDQUEUED",
        ),
    ],
    ids=["status", "no text", "backend", "id of another", "state"],
)
def test_recover_forgets_no_job_whose_row_is_damaged(
    tmp_path: Path, whole: tuple[bytes, dict[str, KeptJob]], old: bytes, new: bytes
) -> None:
    data, kept = whole
    damaged_by(tmp_path / "jobs", data, old, new)

    with SQLiteJournal(tmp_path / "jobs") as journal:
        found, orphans = recover(journal, {Pushed: "shop"})

    assert {job.job_id() for job in found} == wanted(kept, {"status": OPEN, "backend": "shop"}) - {
        "job-0003"
    }
    [orphan] = [each for each in orphans if not each.job.class_name]
    assert orphan.job.job_id == "job-0003"
    assert "what it says of job 'job-0003' is damaged" in orphan.reason


def test_the_history_of_one_whose_texts_are_none_is_said_to_be_damaged(
    tmp_path: Path, whole: tuple[bytes, dict[str, KeptJob]]
) -> None:
    data, _ = whole
    damaged_by(
        tmp_path / "jobs",
        data,
        b"job-0003job_doubles:PushedshopQUEUEDQUEUED",
        b"job-0003job_doubles:Pushedsho\xffQUEUEDQUEUED",
    )

    with SQLiteJournal(tmp_path / "jobs") as journal:
        with pytest.raises(JournalDamageError, match="job 'job-0003' is damaged") as caught:
            journal.history("job-0003")
        assert journal.history("job-0004")
        assert [each for each in journal.check() if "job-0003" in each]

    assert caught.value.damaged == ("job-0003",)


def test_a_journal_of_which_nothing_can_be_read_says_so(
    tmp_path: Path, whole: tuple[bytes, dict[str, KeptJob]]
) -> None:
    data, _ = whole
    path = tmp_path / "jobs"
    path.touch(0o600)
    path.write_bytes(data[:PAGE] + bytes(len(data) - PAGE))

    with pytest.raises(JournalFileError, match="could not be read"), SQLiteJournal(path) as journal:
        journal.jobs()


def test_a_limit_looks_at_no_more_than_it_takes(
    tmp_path: Path, whole: tuple[bytes, dict[str, KeptJob]]
) -> None:
    data, _ = whole
    row = b"job-0003job_doubles:PushedshopQUEUEDQUEUED"
    damaged_by(tmp_path / "jobs", data, row, row.replace(b"shop", b"shoq"))

    with SQLiteJournal(tmp_path / "jobs") as journal:
        assert [job.job_id for job in journal.jobs(limit=2)] == ["job-0119", "job-0118"]
        with pytest.raises(JournalDamageError) as caught:
            journal.jobs(limit=COUNT)

    assert len(caught.value.whole) == COUNT - 1


def test_what_is_damaged_is_looked_at_by_the_index_of_open_jobs_only(tmp_path: Path) -> None:
    with SQLiteJournal(tmp_path / "jobs") as journal:
        statements: list[str] = []
        with journal._reading() as connection:
            connection.set_trace_callback(statements.append)
        journal.jobs(status=OPEN)
        with journal._reading() as connection:
            connection.set_trace_callback(None)
    [asked] = [each for each in statements if "FROM job" in each]
    with_plan = connect(tmp_path / "jobs")
    try:
        plan = with_plan.execute(f"EXPLAIN QUERY PLAN {asked}").fetchall()
    finally:
        with_plan.close()

    assert [each[3] for each in plan] == ["SCAN job USING INDEX job_open"]
