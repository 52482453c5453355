"""A journal that nobody refers to any more ends its thread and closes its files, and what was acknowledged stays."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from job_doubles import PATIENCE, Background, Pushed
from sojourn.journals._forks import inside
from sojourn.journals._writer import Writer
from sojourn.journals.sqlite import SQLiteJournal

_OPEN = Path("/proc/self/fd")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.journal"


def threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "sojourn-journal"}


def files(path: Path) -> list[str]:
    """Return what this process has open of a journal."""
    if not _OPEN.exists():  # pragma: no cover  # only Linux tells
        return []
    found: list[str] = []
    for each in _OPEN.iterdir():
        try:
            found.append(str(each.readlink()))
        except OSError:
            continue  # it was the listing itself
    return [each for each in found if each.startswith(str(path))]


def kept(path: Path) -> dict[str, int]:
    """Return how many entries each job has, by plain SQL."""
    question = (
        'SELECT id, (SELECT count(*) FROM "transition" AS t WHERE t.job = job.number) FROM job'
    )
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute(question).fetchall())


@pytest.fixture
def before() -> set[threading.Thread]:
    gc.collect()
    return threads()


def await_end(path: Path, before: set[threading.Thread]) -> None:
    gc.collect()
    for each in threads() - before:
        each.join(PATIENCE)
    assert threads() <= before
    assert files(path) == []


def submitted(path: Path, job_id: str = "j-1", deed: Any = lambda submit: submit()) -> Any:
    job = Pushed(None, job_id, journal=SQLiteJournal(path))
    deed(job.submit)
    return job


@pytest.mark.parametrize(
    "deed",
    [lambda submit: submit(), lambda submit: Background(submit).result()],
    ids=["main", "another"],
)
def test_its_thread_and_its_files_go_with_the_last_job(
    path: Path, before: set[threading.Thread], deed: Any
) -> None:
    job = submitted(path, deed=deed)
    assert job.start() is True
    assert threads() - before
    assert files(path) or not _OPEN.exists()

    del job

    await_end(path, before)
    assert kept(path) == {"j-1": 2}


def test_one_that_was_only_read_lets_go_of_its_files(
    path: Path, before: set[threading.Thread]
) -> None:
    journal = SQLiteJournal(path)
    assert journal.jobs() == ()

    del journal

    await_end(path, before)


def test_one_that_is_part_of_a_cycle_goes_with_it(
    path: Path, before: set[threading.Thread]
) -> None:
    job = submitted(path)
    job.itself = job

    del job

    await_end(path, before)
    assert kept(path) == {"j-1": 1}


def test_many_of_them_leave_nothing_behind(path: Path, before: set[threading.Thread]) -> None:
    for number in range(50):
        submitted(path, f"j-{number}")

    await_end(path, before)
    assert kept(path) == {f"j-{number}": 1 for number in range(50)}


def test_the_collector_may_come_where_a_thread_is_on_its_way_into_sqlite(
    path: Path, before: set[threading.Thread]
) -> None:
    job = [submitted(path)]

    def drop() -> None:
        with inside._changed:
            job.clear()
            gc.collect()

    Background(drop).result()

    await_end(path, before)


def test_the_collector_may_come_in_the_thread_that_writes(
    path: Path, before: set[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped, decide = threading.Event(), Writer._transact
    job = [submitted(path)]
    others = SQLiteJournal(path.with_name("others.journal"))
    other = Pushed(None, "o-1", journal=others)

    def drop(writer: Writer, batch: Any) -> Any:
        job.clear()
        gc.collect()
        dropped.set()
        return decide(writer, batch)

    monkeypatch.setattr(Writer, "_transact", drop)
    other.submit()
    monkeypatch.undo()

    assert dropped.is_set()
    others.close()
    await_end(path, before)
    assert kept(path) == {"j-1": 1}
    assert kept(others.path) == {"o-1": 1}


def test_one_that_is_still_referred_to_stays_open(path: Path) -> None:
    job = submitted(path)

    gc.collect()

    assert job.start() is True
    job.finish()
    assert kept(path) == {"j-1": 3}


def test_one_that_could_not_be_opened_leaves_no_file_open(path: Path) -> None:
    with SQLiteJournal(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE anomaly")

    with pytest.raises(Exception, match="anomaly"):
        SQLiteJournal(path)

    gc.collect()
    assert files(path) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_that_drops_it_takes_nothing_from_its_parent(path: Path) -> None:
    job = submitted(path)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert job.start() is True
            del job
            gc.collect()
            for each in threads():
                each.join(PATIENCE)
            code = len(threads())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert job.observe("DONE").name == "ADVANCED"

    assert [entry.dest for entry in job.history] == ["QUEUED", "RUNNING", "DONE"]
    assert kept(path) == {"j-1": 3}
