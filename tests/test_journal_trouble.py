"""What becomes of a journal whose file goes, whose disk does not answer, and which another process holds up."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from job_doubles import Background, Pushed
from sojourn import BaseJob, _book, recover
from sojourn._owner import this_process
from sojourn.errors import JournalError, JournalFileError, JournalUncertainError
from sojourn.journals._writer import Writer
from sojourn.journals.sqlite import SQLiteJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.journal"


class TestAFileThatGoesWhileItIsOpen:
    def test_acknowledges_nothing_more(self, path: Path, tmp_path: Path) -> None:
        with SQLiteJournal(path) as journal:
            job = Pushed(None, "j-1", journal=journal)
            job.submit()
            path.rename(tmp_path / "elsewhere")

            with pytest.raises(JournalError, match=r"jobs\.journal.*nothing has changed"):
                job.start()

            assert job.state is BaseJob.QUEUED
            (tmp_path / "elsewhere").rename(path)
            assert job.start() is True
            assert journal.history("j-1") == job.history

    def test_is_not_mixed_up_with_the_one_in_its_place(self, path: Path) -> None:
        with SQLiteJournal(path) as journal:
            job = Pushed(None, "j-1", journal=journal)
            job.submit()
            for each in path.parent.glob("jobs.journal*"):
                each.unlink()

            with SQLiteJournal(path) as other:
                with pytest.raises(JournalError, match="nothing has changed"):
                    job.start()

                assert other.jobs() == ()
                assert other.check() == ()


LEAVE = """
import os, signal, sys
from job_doubles import Pushed
from sojourn.journals.sqlite import SQLiteJournal
journal = SQLiteJournal(sys.argv[1])
Pushed(None, "j-1", journal=journal).submit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_last_changes_of_a_journal_that_is_gone_are_not_taken_for_those_of_a_new_one(
    path: Path,
) -> None:
    search = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    env = {**os.environ, "PYTHONPATH": search}
    subprocess.run([sys.executable, "-c", LEAVE, path], check=False, env=env)
    journal, left = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    path.unlink()

    with pytest.raises(JournalFileError, match=r"jobs\.journal-wal' is"):
        SQLiteJournal(path)

    assert not path.exists()
    assert Path(f"{path}-wal").read_bytes() == left
    path.touch(0o600)
    path.write_bytes(journal)
    with SQLiteJournal(path) as again:
        assert [job.job_id for job in again.jobs()] == ["j-1"]


def test_closing_does_not_wait_for_ever_for_a_process_that_hangs(path: Path) -> None:
    journal = SQLiteJournal(path, patience=0.1)
    job = Pushed(None, "j-1", journal=journal)
    with SQLiteJournal(path) as other:
        other._turn.open()
        with other._turn:
            with pytest.raises(JournalError, match="is busy"):
                job.submit()
            closing = threading.Thread(target=journal.close, daemon=True)
            closing.start()
            closing.join(30)
            assert not closing.is_alive()

        Pushed(None, "j-2", journal=other).submit()
        assert [each.job_id for each in other.jobs()] == ["j-2"]


def test_a_file_that_could_be_read_only_for_a_while_is_written_to_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def to_read(path: Path, *, wait: float) -> sqlite3.Connection:
        # As SQLite itself opens a file that it may not open to write.
        return sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    with SQLiteJournal(path) as journal:
        job = Pushed(None, "j-1", journal=journal)
        monkeypatch.setattr("sojourn.journals.sqlite.connect", to_read)
        with pytest.raises(JournalError, match="readonly database; nothing has changed, try again"):
            job.submit()
        monkeypatch.undo()

        job.submit()

        assert [kept.status for kept in journal.jobs()] == ["QUEUED"]


def test_nobody_else_is_blamed_while_a_thread_of_this_process_waits_for_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, answer, commit = threading.Event(), threading.Event(), Writer._commit

    def hang(writer: Writer, cursor: sqlite3.Cursor) -> sqlite3.Error | None:
        busy.set()
        answer.wait()
        return commit(writer, cursor)

    with SQLiteJournal(path, patience=0.1) as journal:
        job, other = (Pushed(None, name, journal=journal) for name in ("j-1", "j-2"))
        job.submit()
        other.submit()
        monkeypatch.setattr(Writer, "_commit", hang)
        starting = Background(job.start)
        assert busy.wait(30)

        with pytest.raises(JournalError, match=r"in this process or another.*nothing has changed"):
            other.start()

        answer.set()
        assert starting.outcome() is True
        assert other.start()
        assert [kept.status for kept in journal.jobs()] == ["RUNNING", "RUNNING"]


def test_a_change_that_may_yet_be_made_is_not_said_to_have_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, answered, commit = threading.Event(), threading.Event(), Writer._commit

    def hang(writer: Writer, cursor: sqlite3.Cursor) -> sqlite3.Error | None:
        answer.wait()
        error = commit(writer, cursor)
        answered.set()
        return error

    with SQLiteJournal(path, patience=0.1) as journal:
        job, other = (Pushed(None, name, journal=journal) for name in ("j-1", "j-2"))
        job.submit()
        other.submit()
        monkeypatch.setattr(Writer, "_commit", hang)

        for _ in range(2):
            with pytest.raises(JournalUncertainError, match="answered"):
                job.start()

        assert job.state is BaseJob.QUEUED
        assert journal.history("j-2") == other.history
        answer.set()
        assert answered.wait(30)
        monkeypatch.undo()
        assert job.observe("RUNNING").name == "UNCHANGED"
        assert [entry.dest for entry in journal.history("j-1")] == ["QUEUED", "RUNNING"]


@pytest.mark.parametrize("answer", [False, True, None])
def test_a_journal_may_know_better_whether_an_owner_lives(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: bool | None
) -> None:
    asked: list[str] = []
    owner = f"{this_process().split('/')[0]}/0/1/1"  # of another container

    class Knowing(SQLiteJournal):
        def is_alive(self, owner: str) -> bool | None:
            asked.append(owner)
            return answer

    class Sent(BaseJob[Any]):
        def _submit(self) -> str:
            monkeypatch.undo()  # from here on this is the next process
            handles.extend(recover(journal, {Sent: "shop"}).jobs)
            return "n-1"

        def _find(self) -> str:
            return "n-2"

    handles: list[Any] = []
    monkeypatch.setattr(_book, "this_process", lambda: owner)
    with Knowing(path) as journal:
        Sent("shop", "j-1", journal=journal).submit()

        assert [each.startswith(f"{owner}/") for each in asked] == [True]
        assert handles[0]._sj_claimed().kind == ("uncertain" if answer is False else "elsewhere")


@pytest.mark.parametrize("notes", [{1: "a", "1": "b"}, {"deep": [{2: "c"}]}])
def test_notes_that_would_come_back_as_others_are_refused(path: Path, notes: Any) -> None:
    with SQLiteJournal(path) as journal, pytest.raises(JournalError, match="keys must be str"):
        Pushed(None, "j-1", metadata=notes, journal=journal)


def test_a_path_is_not_taken_for_a_journal(path: Path) -> None:
    for each in (path, str(path)):
        with pytest.raises(TypeError, match=r"such as SQLiteJournal\("):
            Pushed(None, "j-1", journal=each)  # type: ignore[arg-type]

    assert not path.exists()


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_place_where_nothing_can_be_written_is_said_with_the_way_out(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    with SQLiteJournal(path):
        pass
    genuine = os.open

    def refuse(name: Any, flags: int, *args: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(error, os.strerror(error), name)
        return genuine(name, flags, *args, **named)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(JournalFileError, match="copy it with its -wal and its -results"):
        SQLiteJournal(path)
