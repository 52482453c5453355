"""A journal in a file: which files are taken, what the database refuses, what is found damaged."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from job_doubles import Background, Pushed
from process_watching import until
from sojourn import BaseJob, recover
from sojourn.errors import (
    JournalConflictError,
    JournalDamageError,
    JournalError,
    JournalFileError,
)
from sojourn.history import Change, Entry
from sojourn.journals import _schema
from sojourn.journals._writer import Writer
from sojourn.journals.sqlite import SQLiteJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[SQLiteJournal]:
    with SQLiteJournal(path) as journal:
        yield journal


def filled(path: Path) -> None:
    """Make a journal of a few jobs at ``path``, and close it."""
    with SQLiteJournal(path) as journal:
        for number, final in enumerate(("DONE", "ERROR", "CANCELLED", "RUNNING", "QUEUED")):
            job = Pushed("shop", f"j-{number}", metadata={"n": number}, journal=journal)
            job.observe(final, reason="so it was")
        job.observe("INITIALIZING", attempt=3)


def by_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with connection:
            for statement in statements:
                connection.execute(statement)


def content(path: Path) -> dict[str, tuple[bytes, int]]:
    """What is in the folder of a journal, its locks apart."""
    return {
        each.name: (each.read_bytes(), each.stat().st_mode)
        for each in path.parent.iterdir()
        if each.is_file() and not each.name.endswith(("-turn", "-lock", "-shm", "-wal"))
    }


class TestTheFile:
    def test_is_for_its_owner_alone(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = os.umask(0)
        try:
            with SQLiteJournal(path) as journal:
                Pushed(None, "j-1", journal=journal).submit()
                modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
        finally:
            os.umask(before)

        assert set(modes.values()) == {0o600}
        assert {path.name, f"{path.name}-wal", f"{path.name}-shm"} <= modes.keys()

    def test_is_left_alone_with_nothing_beside_it_but_its_locks(self, path: Path) -> None:
        filled(path)

        assert sorted(each.name.removeprefix(path.name) for each in path.parent.iterdir()) == [
            "",
            "-lock",
            "-turn",
        ]

    def test_may_have_any_name(self, tmp_path: Path) -> None:
        for name in ("a?mode=ro", "b#c", "d%41", "e f", "ż☃", "file:x", "-x"):
            with SQLiteJournal(tmp_path / name) as journal:
                Pushed(None, "j-1", journal=journal).submit()
            assert (tmp_path / name).stat().st_size > 0

    def test_may_be_named_from_where_one_stands(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with SQLiteJournal("here") as journal:
            monkeypatch.chdir("/")
            Pushed(None, "j-1", journal=journal).submit()

            assert journal.path == tmp_path / "here"
            assert len(journal.history("j-1")) == 1

    def test_is_made_once_by_many(self, path: Path) -> None:
        start = threading.Barrier(8)

        def make(number: int) -> None:
            start.wait()
            with SQLiteJournal(path) as journal:
                Pushed(None, f"j-{number}", journal=journal).submit()

        for each in [Background(make, number) for number in range(8)]:
            each.result()

        with SQLiteJournal(path) as journal:
            assert len(journal.jobs()) == 8
            assert journal.check() == ()

    def test_says_what_it_is(self, path: Path) -> None:
        filled(path)

        with closing(sqlite3.connect(path)) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            (number,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()

        assert (mode, number.to_bytes(4, "big"), version) == ("wal", b"sjrn", 1)


def _link(path: Path) -> None:
    filled(path.with_name("real"))
    path.symlink_to("real")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _old_style(path: Path) -> None:
    by_sql(path, "CREATE TABLE job (id)")
    path.chmod(0o600)


def _newer(path: Path) -> None:
    filled(path)
    by_sql(path, "PRAGMA user_version = 2")


def _text(path: Path) -> None:
    path.write_text("shopping list\n" * 20)
    path.chmod(0o600)


def _readable(path: Path) -> None:
    filled(path)
    path.chmod(0o640)


def _empty(path: Path) -> None:
    path.touch(mode=0o600)


def _short(path: Path) -> None:
    filled(path)
    path.write_bytes(path.read_bytes()[:50])


def _without_tables(path: Path) -> None:
    by_sql(
        path,
        f"PRAGMA application_id = {_schema.APPLICATION_ID}",
        "PRAGMA user_version = 1",
        "CREATE TABLE other (id)",
    )
    path.chmod(0o600)


def _foreign_wal(path: Path) -> None:
    filled(path)
    Path(f"{path}-wal").symlink_to("elsewhere")


def _results_elsewhere(path: Path) -> None:
    filled(path)
    Path(f"{path}-results").symlink_to(path.parent)


def _results_of_all(path: Path) -> None:
    filled(path)
    Path(f"{path}-results").mkdir()
    Path(f"{path}-results").chmod(0o755)


def _foreign_lock(path: Path) -> None:
    filled(path)
    Path(f"{path}-lock").unlink()
    Path(f"{path}-lock").symlink_to("elsewhere")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a symbolic link": (_link, "symbolic link"),
    "a link to nowhere": (_dangling, "symbolic link"),
    "a directory": (Path.mkdir, "a directory"),
    "a pipe": (lambda path: os.mkfifo(path, 0o600), "no regular file"),
    "another database": (_old_style, "not a journal"),
    "a text": (_text, "not a journal"),
    "a newer version": (_newer, "version 2"),
    "readable by others": (_readable, "mode 0640"),
    "empty": (_empty, "is empty"),
    "cut short": (_short, "not a journal"),
    "without the tables": (_without_tables, "could not be read"),
    "a write-ahead log that leads elsewhere": (_foreign_wal, "symbolic link"),
    "results that lead elsewhere": (_results_elsewhere, "symbolic link"),
    "results that others may read": (_results_of_all, "mode 0755.*chmod 700"),
    "a lock that leads elsewhere": (_foreign_lock, "symbolic link|levels of symbolic"),
}


class TestAFileThatIsRefused:
    @pytest.mark.parametrize("kind", BAD)
    def test_is_named_and_left_as_it_is(self, path: Path, kind: str) -> None:
        make, told = BAD[kind]
        make(path)
        before = content(path)

        with pytest.raises(JournalFileError, match=told) as refused:
            SQLiteJournal(path)

        assert refused.value.path.startswith(str(path))
        assert str(path) in str(refused.value)
        assert content(path) == before

    def test_belongs_to_somebody_else(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        filled(path)
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

        with pytest.raises(JournalFileError, match="somebody else"):
            SQLiteJournal(path)

    def test_has_no_folder(self, path: Path) -> None:
        with pytest.raises(JournalFileError, match="its folder is not there; make it"):
            SQLiteJournal(path / "deeper" / "jobs")

    def test_may_be_put_right_by_hand(self, path: Path) -> None:
        _readable(path)
        path.chmod(0o600)

        with SQLiteJournal(path) as journal:
            assert len(journal.jobs()) == 5


STEP = (
    "INSERT INTO \"transition\" SELECT number, {version}, attempt, 'x', {source}, {dest}, 0, "
    "'trigger', 0, NULL, 0 FROM job WHERE id = '{job}'"
)
MOVE = "UPDATE job SET state = '{dest}', status = '{dest}', version = {version} WHERE id = '{job}'"


def step(job: str, version: int, source: str, dest: str) -> tuple[str, str]:
    return (
        MOVE.format(job=job, version=version, dest=dest),
        STEP.format(job=job, version=version, source=f"'{source}'", dest=f"'{dest}'"),
    )


_COLUMNS = [
    {"state": "'QUEUED'", "status": "'QUEUED'", "version": "0"}.get(name, name)
    for name in (
        *("number", "id", "class", "backend", "state", "status", "version", "attempt"),
        *("changed_at", "token", "metadata", "arguments", "created_at", "native_id", "claim"),
        *("claims", "doubt", "owner", "cancel_requested_at", "worker", "result_kind", "result"),
        *("result_file", "result_digest", "checksum"),
    )
]

_REPLACED = (
    'INSERT OR REPLACE INTO "transition" SELECT job, version, attempt, "trigger", source, '
    "'{dest}', at, origin, inferred, detail, checksum FROM \"transition\" WHERE version = {version}"
)

REFUSED = {
    "a second final": step("j-0", 4, "DONE", "ERROR"),
    "leaving a final": step("j-0", 4, "DONE", "RUNNING"),
    "leaving a final without a word": ("UPDATE job SET status = 'RUNNING' WHERE id = 'j-0'",),
    "an entry after the last": (step("j-0", 4, "DONE", "ERROR")[1],),
    "a gap": step("j-3", 5, "RUNNING", "DONE"),
    "a gap without the job": (step("j-3", 4, "RUNNING", "DONE")[1],),
    "a duplicate": (step("j-3", 2, "RUNNING", "DONE")[1],),
    "a step from elsewhere": step("j-3", 3, "QUEUED", "RUNNING"),
    "a move that is not counted": ("UPDATE job SET state = 'INITIALIZING' WHERE id = 'j-3'",),
    "another attempt in passing": ("UPDATE job SET attempt = 2 WHERE id = 'j-3'",),
    "a version that goes back": ("UPDATE job SET version = 1 WHERE id = 'j-3'",),
    "a change of what was": ("UPDATE \"transition\" SET detail = 'y'",),
    "forgetting an entry": ('DELETE FROM "transition"',),
    "forgetting a job": ("DELETE FROM job",),
    "another job in its place": (
        f"INSERT OR REPLACE INTO job SELECT {', '.join(_COLUMNS)} FROM job WHERE id = 'j-0'",
    ),
    "another entry in its place": (_REPLACED.format(dest="ERROR", version=3),),
    "another first entry": (_REPLACED.format(dest="RUNNING", version=1),),
    "another number": ("UPDATE job SET number = 99 WHERE id = 'j-0'",),
    "another name": ("UPDATE OR REPLACE job SET id = 'j-1' WHERE id = 'j-0'",),
    "forgetting an anomaly": ("DELETE FROM anomaly",),
    "a second job of one id": ("INSERT INTO job SELECT * FROM job WHERE id = 'j-3'",),
    "an entry of no job": (
        "INSERT INTO \"transition\" VALUES (99, 1, 1, 'x', 'a', 'b', 0, 'trigger', 0, NULL, 0)",
    ),
}


class TestTheDatabaseItself:
    @pytest.mark.parametrize("deed", REFUSED)
    def test_refuses(self, path: Path, deed: str) -> None:
        filled(path)

        with pytest.raises(sqlite3.IntegrityError):
            by_sql(path, *REFUSED[deed])

        with SQLiteJournal(path) as journal:
            assert journal.check() == ()

    def test_takes_what_is_legal_and_check_tells_that_it_was_another(self, path: Path) -> None:
        filled(path)

        by_sql(path, *step("j-3", 3, "RUNNING", "DONE"))

        with SQLiteJournal(path) as journal:
            assert journal.check() == ("entry 3 of job 'j-3' has a checksum that is wrong",)
            with pytest.raises(JournalFileError, match="damaged"):
                journal.history("j-3")


def behind_its_back(path: Path, deed: str) -> None:
    """Do what the database would refuse, as a fault of the disk may."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rule = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'job_moves'")
        (sql,) = rule.fetchone()
        connection.execute("DROP TRIGGER job_moves")
        connection.execute(deed)
        connection.execute(sql)


def problems_of(path: Path) -> tuple[str, ...]:
    """What is said of a file when it is opened and checked."""
    try:
        with SQLiteJournal(path) as journal:
            return journal.check()
    except JournalFileError as error:
        return (str(error),)


class TestDamage:
    def test_of_any_byte_of_a_text_is_found(self, path: Path) -> None:
        filled(path)
        whole = path.read_bytes()
        places = [at for at in range(len(whole)) if whole[at : at + 9] == b"so it was"]
        assert len(places) >= 5

        for at in places:
            path.write_bytes(whole[:at] + b"S" + whole[at + 1 :])
            with SQLiteJournal(path) as journal:
                found = journal.check()
                assert found, at
                assert all("checksum" in problem for problem in found)

    @pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
    def test_of_a_file_that_was_cut_is_found(self, path: Path, share: float) -> None:
        with SQLiteJournal(path, "normal") as journal:
            for number in range(100):
                Pushed(None, f"j-{number}", journal=journal).observe("DONE")
        size = path.stat().st_size
        os.truncate(path, int(size * share))
        before = path.read_bytes()

        assert problems_of(path)

        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        ("deed", "told"),
        [
            ("DROP TRIGGER job_stays", "the trigger job_stays is not what it was"),
            ("UPDATE job SET status = 'LOST' WHERE id = 'j-3'", "job 'j-3' has the status 'LOST'"),
            ("CREATE TABLE more (a)", "the table more is none of a journal's"),
            ("UPDATE job SET native_id = 'x' WHERE id = 'j-3'", "job 'j-3' has a row"),
            ("UPDATE job SET metadata = 'x' WHERE id = 'j-3'", "job 'j-3' has a row"),
            ("UPDATE job SET state = 'QUEUED' WHERE id = 'j-3'", "job 'j-3' is QUEUED after 2"),
            ("UPDATE job SET attempt = 2 WHERE id = 'j-3'", "job 'j-3' is in attempt 2"),
            ("UPDATE job SET status = 'QUEUED' WHERE id = 'j-3'", "job 'j-3' is RUNNING, which"),
            ("UPDATE anomaly SET count = 7", "an anomaly of job 'j-4'"),
        ],
    )
    def test_by_somebody_who_knows_sql_is_found(self, path: Path, deed: str, told: str) -> None:
        filled(path)

        behind_its_back(path, deed)

        with SQLiteJournal(path) as journal:
            assert [problem[: len(told)] for problem in journal.check()] == [told]

    def test_of_one_job_does_not_hide_the_others(self, path: Path) -> None:
        filled(path)
        by_sql(path, "UPDATE job SET native_id = 'x' WHERE id = 'j-3'")

        with SQLiteJournal(path) as journal:
            assert len(journal.history("j-0")) == 3
            with pytest.raises(JournalFileError, match="j-3"):
                journal.read("j-3")
            with pytest.raises(JournalDamageError, match="job 'j-3' is damaged") as caught:
                journal.jobs()
            again = pickle.loads(pickle.dumps(caught.value))
            for error in (caught.value, again):
                assert error.damaged == ("j-3",)
                assert [job.job_id for job in error.whole] == ["j-4", "j-2", "j-1", "j-0"]
            jobs, orphans = recover(journal, {Pushed: "shop"})
            assert [job.job_id() for job in jobs] == ["j-4"]
            assert [(orphan.job.job_id, "damaged" in orphan.reason) for orphan in orphans] == [
                ("j-3", True)
            ]


def start_of(job: str, version: int = 1) -> Change:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    entry = Entry(version + 1, at, "start", "QUEUED", "RUNNING", 1, False, "trigger", None)
    return Change(job, version, "QUEUED", None, entry, "RUNNING")


class TestACommitOfMany:
    @pytest.fixture
    def written(
        self, journal: SQLiteJournal, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., list[BaseException | None]]:
        """Make changes of jobs that are queued in one commit, while another is under way."""
        busy, write_all = threading.Event(), Writer._write_all

        def tell(writer: Writer, batch: Any) -> None:
            busy.set()
            write_all(writer, batch)

        def written(*changes: Change) -> list[BaseException | None]:
            for name in ("j-1", "j-2", "j-3", "j-4"):
                Pushed(None, name, journal=journal).submit()
            monkeypatch.setattr(Writer, "_write_all", tell)
            with journal._writer._pen:
                waiting = [Background(lambda: journal.write(start_of("j-1")))]
                assert busy.wait(30)
                for number, change in enumerate(changes, 1):
                    waiting.append(Background(lambda change=change: journal.write(change)))
                    until(lambda number=number: journal._writer._queue.qsize() == number)
            return [each.outcome() for each in waiting[1:]]

        return written

    def test_takes_the_steps_of_all(self, journal: SQLiteJournal, written: Any) -> None:
        assert written(start_of("j-2"), start_of("j-3"), start_of("j-4")) == [None] * 3

        assert {job.status for job in journal.jobs()} == {"RUNNING"}
        assert [entry.dest for entry in journal.history("j-3")] == ["QUEUED", "RUNNING"]
        assert journal.check() == ()

    def test_refuses_whoever_was_slower_and_nobody_else(
        self, journal: SQLiteJournal, written: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commits, commit = list[int](), Writer._commit
        monkeypatch.setattr(Writer, "_commit", lambda *each: (commits.append(1), commit(*each))[1])

        outcomes = written(start_of("j-2"), start_of("j-2"), start_of("j-3"), start_of("j-9"))

        assert [type(each) for each in outcomes] == [
            *(type(None), JournalConflictError, type(None), JournalConflictError)
        ]
        assert len(commits) == 6  # four submissions, the change that all wait for, and theirs
        assert [entry.dest for entry in journal.history("j-2")] == ["QUEUED", "RUNNING"]
        assert [entry.dest for entry in journal.history("j-3")] == ["QUEUED", "RUNNING"]
        assert journal.check() == ()

    def test_fails_whoever_breaks_a_rule_and_nobody_else(
        self, journal: SQLiteJournal, written: Any
    ) -> None:
        forged = start_of("j-3")._replace(status=None)  # type: ignore[arg-type]

        outcomes = written(start_of("j-2"), forged, start_of("j-4"))

        assert outcomes[0] is outcomes[2] is None
        assert "NOT NULL" in str(outcomes[1])
        assert {job.job_id: job.status for job in journal.jobs()} == {
            **dict.fromkeys(("j-1", "j-2", "j-4"), "RUNNING"),
            "j-3": "QUEUED",
        }


class TestClosing:
    def test_may_be_done_again(self, journal: SQLiteJournal) -> None:
        journal.close()
        journal.close()

    def test_leaves_a_job_that_says_so(self, journal: SQLiteJournal) -> None:
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        journal.close()

        with pytest.raises(JournalError, match="is closed"):
            job.start()

        assert job.state is BaseJob.QUEUED
        with pytest.raises(JournalError, match="is closed"):
            journal.jobs()

    def test_ends_the_thread(self, path: Path) -> None:
        before = set(threading.enumerate())
        with SQLiteJournal(path) as journal:
            Pushed(None, "j-1", journal=journal).submit()
            [writer] = [each for each in threading.enumerate() if each not in before]
            assert writer.name == "sojourn-journal"

        assert not writer.is_alive()

    def test_lets_who_waits_come_to_an_end(self, journal: SQLiteJournal) -> None:
        jobs = [Pushed(None, f"j-{number}", journal=journal) for number in range(20)]
        threads = [Background(job.submit) for job in jobs]
        journal.close()

        outcomes = [thread.outcome() for thread in threads]

        assert all(each is None or isinstance(each, JournalError) for each in outcomes)

    def test_is_told_to_whoever_was_about_to_wait(
        self, journal: SQLiteJournal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, late = (Pushed(None, name, journal=journal) for name in ("j-1", "j-2"))
        first.submit()  # so that there is a thread
        there, closed, tickets = threading.Event(), threading.Event(), journal._writer._queue

        class Slow:
            qsize, empty, get, get_nowait = (
                *(tickets.qsize, tickets.empty),
                *(tickets.get, tickets.get_nowait),
            )

            def put(self, ticket: Any) -> None:
                if ticket is not None:
                    there.set()
                    assert closed.wait(30)
                tickets.put(ticket)

        monkeypatch.setattr(journal._writer, "_crowd", 2)  # it does not write by itself
        monkeypatch.setattr(journal._writer, "_queue", Slow())
        submission = Background(late.submit)
        assert there.wait(30)
        journal.close()
        closed.set()

        assert "is closed" in str(submission.outcome())

    def test_may_be_left_to_the_end_of_the_interpreter(self, path: Path) -> None:
        script = (
            "import atexit, sys\n"
            "from sojourn import BaseJob\n"
            "from sojourn.journals.sqlite import SQLiteJournal\n"
            "class Plain(BaseJob): ...\n"
            "job = Plain(None, 'j-1', journal=SQLiteJournal(sys.argv[1]))\n"
            "atexit.register(job.start)\n"
            "job.submit()\n"
        )

        done = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")
        with SQLiteJournal(path) as journal:
            assert [each.dest for each in journal.history("j-1")] == ["QUEUED", "RUNNING"]


class TestAJournalThatIsBusy:
    def test_says_so_and_a_retry_works(self, path: Path) -> None:
        with (
            SQLiteJournal(path, patience=0.2) as journal,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            job = Pushed(None, "j-1", journal=journal)
            job.submit()
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(JournalError, match="nothing has changed"):
                job.start()

            assert job.state is BaseJob.QUEUED
            other.execute("ROLLBACK")
            assert job.start() is True
            assert journal.history("j-1") == job.history

    def test_because_another_process_hangs_says_so_too(self, path: Path) -> None:
        with SQLiteJournal(path, patience=0.2) as journal, SQLiteJournal(path) as other:
            job = Pushed(None, "j-1", journal=journal)
            job.submit()
            other._turn.open()

            with other._turn:
                with pytest.raises(JournalError, match="is busy"):
                    job.start()
                assert job.state is BaseJob.QUEUED

            assert job.start() is True


def limited(path: Path) -> None:
    """Run in a child: the file may not grow any more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with SQLiteJournal(path) as journal:
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        jobs = [Pushed(None, f"k-{number}", journal=journal) for number in range(50)]
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
        for each in (job.start, *[each.submit for each in jobs]):
            try:
                each()
            except JournalError as error:
                assert "nothing has changed" in str(error), error  # noqa: PT017
            else:
                raise AssertionError("it was kept")
        assert job.state is BaseJob.QUEUED
        assert [entry.dest for entry in journal.history("j-1")] == ["QUEUED"]
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert job.start() is True
        for each in jobs:
            each.submit()
        assert journal.history("j-1") == job.history
        assert len(journal.jobs()) == 51
        assert journal.check() == ()


def test_a_disk_that_is_full_changes_nothing_and_a_retry_works(path: Path) -> None:
    script = "import sys, test_journal_sqlite as t; t.limited(t.Path(sys.argv[1]))"
    search = os.pathsep.join((str(Path(__file__).parent), *sys.path))

    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": search},
    )

    assert (done.returncode, done.stderr) == (0, "")


class TestAFork:
    def test_leaves_two_handles(self, path: Path) -> None:
        from test_fork import in_child

        with SQLiteJournal(path) as journal:
            job = Pushed(None, "j-1", journal=journal)
            job.submit()

            def child() -> None:
                assert job.start() is True
                assert len(journal.history("j-1")) == 2
                other = Pushed(None, "child", journal=journal)
                other.submit()
                journal.close()

            in_child(child)

            assert job.reconcile().name == "ADVANCED"
            assert job.finish() is True
            assert journal.history("j-1") == job.history
            assert journal.check() == ()

    @pytest.mark.parametrize("round_", range(5))
    def test_in_the_middle_of_many_writes_leaves_a_child_that_writes(
        self, path: Path, round_: int
    ) -> None:
        from test_fork import in_child

        stop = threading.Event()
        with SQLiteJournal(path, "normal") as journal:

            def write(name: str) -> int:
                number = 0
                while not stop.is_set():
                    Pushed(None, f"{name}-{number}", journal=journal).submit()
                    journal.jobs(limit=1)
                    number += 1
                return number

            writing = [Background(write, f"w{number}") for number in range(3)]
            for number in range(4):
                job = Pushed(None, f"forked-{round_}-{number}", journal=journal)

                def child(job: Any = job) -> None:
                    job.submit()
                    assert job.start() is True
                    journal.close()

                in_child(child)
            stop.set()
            written = sum(each.result() for each in writing)

            assert len(journal.jobs(status="QUEUED")) == written
            assert len(journal.jobs(status="RUNNING")) == 4
            assert journal.check() == ()


FIGHT = """
import sys
from sojourn import IllegalTransitionError
from sojourn.journals.sqlite import SQLiteJournal
from job_doubles import Pushed

path, first, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
won = 0
with SQLiteJournal(path, "normal") as journal:
    handles = [Pushed.attach(None, f"j-{n}", journal=journal) for n in range(jobs)]
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(jobs):
        handle = handles[(number + first) % jobs]
        try:
            won += handle.trigger(("finish", "fail", "cancel")[(number + first) % 3])
        except IllegalTransitionError:
            pass
        assert handle.state.is_final
        assert handle.history == journal.history(handle.job_id())
print(won, flush=True)
"""


def fight(path: Path, processes: int, jobs: int) -> list[int]:
    """Let processes fight over jobs; return how many each has ended."""
    with SQLiteJournal(path, "normal") as journal:
        threads = [Background(_begin, journal, range(number, jobs, 8)) for number in range(8)]
        for thread in threads:
            thread.result()
    search = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    fighters = [
        subprocess.Popen(
            [sys.executable, "-c", FIGHT, path, str(number * jobs // 16), str(jobs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": search},
        )
        for number in range(processes)
    ]
    for each in fighters:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    won = []
    for each in fighters:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in fighters:
        said, _ = each.communicate()
        assert each.returncode == 0
        won.append(int(said))
    return won


def _begin(journal: SQLiteJournal, numbers: range) -> None:
    for number in numbers:
        job = Pushed(None, f"j-{number}", journal=journal)
        job.submit()
        job.start()


def finals_by_sql(path: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            'SELECT version, (SELECT count(*) FROM "transition" WHERE job = number '
            "AND destination IN ('DONE', 'ERROR', 'CANCELLED')) FROM job"
        ).fetchall()


def test_processes_that_fight_over_jobs_end_each_of_them_once(path: Path) -> None:
    won = fight(path, 4, 200)

    assert sum(won) == 200
    assert finals_by_sql(path) == [(3, 1)] * 200
    with SQLiteJournal(path) as journal:
        assert journal.check() == ()


@pytest.mark.once
def test_eight_processes_that_fight_over_two_thousand_jobs_end_each_of_them_once(
    path: Path,
) -> None:
    won = fight(path, 8, 2000)

    assert sum(won) == 2000
    assert finals_by_sql(path) == [(3, 1)] * 2000
    with SQLiteJournal(path) as journal:
        assert journal.check() == ()


def test_a_change_that_the_database_refuses_does_not_take_others_with_it(
    journal: SQLiteJournal,
) -> None:
    bad = Change("bad", 0, "INITIALIZING", facts={"claim": None})  # type: ignore[typeddict-item]
    jobs = [Pushed(None, f"j-{number}", journal=journal) for number in range(30)]
    for job in jobs:
        job.submit()
    Pushed(None, "bad", journal=journal).submit()
    bad = bad._replace(version=1, state="QUEUED")

    threads = [Background(job.start) for job in jobs]
    with pytest.raises(JournalError, match="nothing has changed"):
        journal.write(bad)

    assert [thread.result() for thread in threads] == [True] * 30
    assert journal.check() == ()
