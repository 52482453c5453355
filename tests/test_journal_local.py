"""Local backends with a journal: what becomes of jobs whose owner is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from process_watching import PATIENCE, until
from sojourn import BaseJob, JobFailedError, JobStatus, Transition, recover
from sojourn.backends import CommandBackend, CommandJob, ProcessBackend, ThreadBackend
from sojourn.journals.sqlite import SQLiteJournal

OWNER = """
import sys
from sojourn.backends import CommandBackend
from sojourn.journals.sqlite import SQLiteJournal
from test_journal_local import Repeated

folder, kind, slots, *scripts = sys.argv[1:]
journal = SQLiteJournal(folder + "/jobs")
backend = CommandBackend(int(slots), folder=folder + "/output", journal=journal)
for number, script in enumerate(scripts):
    make = Repeated if kind == "repeated" else __import__("sojourn.backends").backends.CommandJob
    job = make(backend, f"j-{number}", ["sh", "-c", script], cwd=folder, journal=journal)
    job.submit()
print("submitted", flush=True)
sys.stdin.read()
"""


CALLING = """
import sys, time
from sojourn import backends
from sojourn.journals.sqlite import SQLiteJournal

def work():
    while not backends.current_job().cancel_requested:
        time.sleep(0.01)
    raise backends.StopRequested

if __name__ == "__main__":
    with (
        SQLiteJournal(sys.argv[2]) as journal,
        getattr(backends, sys.argv[1])(1, journal=journal) as backend,
    ):
        for _ in range(2):
            backend.run(work)
"""


class Repeated(CommandJob):
    """A command that may be run again."""

    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)


class Owner:
    """A process that runs commands, and is killed."""

    def __init__(self, folder: Path, *scripts: str, slots: int = 2, kind: str = "") -> None:
        path = os.pathsep.join((str(Path(__file__).parent), *sys.path))
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder), kind, str(slots), *scripts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"submitted\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Owner]]:
    owners: list[Owner] = []

    def make(*scripts: str, **options: Any) -> Owner:
        owners.append(Owner(tmp_path, *scripts, **options))
        return owners[-1]

    yield make
    for owner in owners:
        owner.kill()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SQLiteJournal]:
    with SQLiteJournal(tmp_path / "jobs") as journal:
        yield journal
        assert journal.check() == ()


@pytest.fixture
def backend(tmp_path: Path, journal: SQLiteJournal) -> Iterator[CommandBackend]:
    with CommandBackend(2, folder=tmp_path / "output", grace=0.5, journal=journal) as backend:
        yield backend
        backend.close(cancel=True)


def take_up(journal: SQLiteJournal, backend: CommandBackend, cls: Any = None) -> list[Any]:
    jobs, orphans = recover(journal, {cls: backend} if cls else [backend])
    assert orphans == ()
    return list(jobs)


def status(journal: SQLiteJournal, job_id: str) -> str:
    story = journal.read(job_id)
    return "" if story is None else story.job.status


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


class TestACommandWithAJournal:
    def test_is_written_down_with_all_that_it_takes_to_run_it(
        self, backend: CommandBackend, journal: SQLiteJournal
    ) -> None:
        job = backend.run(["sh", "-c", "echo out; echo err >&2"], name="both", timeout=60)

        assert job.result(timeout=PATIENCE).stdout.read_text() == "out\n"
        assert job.stderr_path.read_text() == "err\n"
        assert journal.history(job.job_id()) == job.history
        kept = journal.jobs()[0]
        assert kept.arguments["command"] == ["sh", "-c", "echo out; echo err >&2"]
        assert kept.arguments["name"] == "both"
        found = take_up_one(journal, backend, kept.job_id)
        assert found.result() == job.result()

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("exit 3", "exited with code 3"),
            ("kill -9 $$", "was ended by SIGKILL"),
            ("kill -TERM $$", "was ended by SIGTERM"),
            ("exit 200", "exited with code 200"),
        ],
    )
    def test_ends_as_one_without(self, backend: CommandBackend, script: str, told: str) -> None:
        job = backend.run(["sh", "-c", script])

        job.wait_for_final_state(PATIENCE)

        assert told in str(job.error())

    @pytest.mark.parametrize("word", ["test", "echo", "exit", "true"])
    def test_is_a_program_and_no_word_of_a_shell(
        self, backend: CommandBackend, word: str, tmp_path: Path
    ) -> None:
        program = tmp_path / "bin" / word
        program.parent.mkdir()
        program.write_text('#!/bin/sh\necho "$@" mine\n')
        program.chmod(0o700)
        env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

        job = backend.run([word, "a b", "$HOME", "*"], env=env)

        assert job.result(PATIENCE).stdout.read_text() == "a b $HOME * mine\n"

    def test_that_handles_its_signal_ends_as_it_likes(self, backend: CommandBackend) -> None:
        job = backend.run(
            ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"]
        )
        until(lambda: lines(job.stdout_path) == ["ready"])

        job.cancel()
        job.wait_for_final_state(PATIENCE)

        assert job.state is BaseJob.DONE
        assert lines(job.stdout_path) == ["ready", "bye"]

    def test_that_is_cancelled_is_gone(self, backend: CommandBackend) -> None:
        job = backend.run(["sleep", "3600"])
        until(lambda: job.pid is not None and job.state is BaseJob.RUNNING)

        job.cancel()
        job.wait_for_final_state(PATIENCE)

        assert job.state is BaseJob.CANCELLED
        assert job.pid is not None
        assert not psutil.pid_exists(job.pid)

    def test_that_cannot_be_recorded_is_not_begun(
        self, backend: CommandBackend, journal: SQLiteJournal, tmp_path: Path
    ) -> None:
        job = CommandJob(backend, "j-1", ["touch", str(tmp_path / "begun")], journal=journal)
        write, refused = journal.write, []

        def full(change: Any) -> None:
            if change.entry is not None and change.entry.dest == "RUNNING":
                refused.append(change)
                from sojourn.errors import JournalError

                raise JournalError("no space left on device")
            write(change)

        journal.write = full  # type: ignore[method-assign]
        job.submit()
        backend.close()

        assert refused
        assert job.state is BaseJob.QUEUED
        assert not (tmp_path / "begun").exists()


def take_up_one(journal: SQLiteJournal, backend: CommandBackend, job_id: str) -> Any:
    return CommandJob.attach(backend, job_id, journal=journal)


class TestAnOwnerThatIsKilled:
    def test_leaves_a_command_that_is_followed_to_its_end(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        script = "echo begun >>log; while [ ! -e go ]; do sleep 0.02; done; echo ended >>log"
        owner = own(script)
        until(lambda: lines(tmp_path / "log") == ["begun"])
        owner.kill()

        (job,) = take_up(journal, backend)
        job.reconcile()
        assert job.state is BaseJob.RUNNING
        (tmp_path / "go").touch()
        job.wait_for_final_state(PATIENCE)

        assert job.state is BaseJob.DONE
        assert lines(tmp_path / "log") == ["begun", "ended"]
        assert journal.history("j-0") == job.history

    @pytest.mark.parametrize(("code", "told"), [(0, ""), (4, "exited with code 4")])
    def test_leaves_a_command_that_ended_meanwhile(
        self,
        own: Any,
        journal: SQLiteJournal,
        backend: CommandBackend,
        tmp_path: Path,
        code: int,
        told: str,
    ) -> None:
        owner = own(f"echo begun >>log; while [ ! -e go ]; do sleep 0.02; done; exit {code}")
        until(lambda: lines(tmp_path / "log") == ["begun"])
        owner.kill()
        (tmp_path / "go").touch()
        until(lambda: lines(tmp_path / "output" / "j-0" / "exit") == [str(code)])

        (job,) = take_up(journal, backend)
        job.reconcile()

        assert job.state is (BaseJob.ERROR if code else BaseJob.DONE)
        assert told in str(job.error())

    def test_leaves_what_died_with_it_in_error_with_the_reason(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend
    ) -> None:
        owner = own("echo working >&2; sleep 3600")
        until(lambda: status(journal, "j-0") == "RUNNING")
        until(lambda: lines(backend.folder / "j-0" / "stderr") == ["working"])
        owner.kill()
        kill_left(journal, "j-0")

        (job,) = take_up(journal, backend)
        job.reconcile()

        with pytest.raises(JobFailedError, match="left behind when its owner ended"):
            job.result()
        assert job.history[-1].origin == "recovery"
        assert "working" in str(job.error())

    def test_leaves_what_died_with_it_to_be_run_again_if_its_class_says_so(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        owner = own("echo begun >>log; [ -e go ] || sleep 3600", kind="repeated")
        until(lambda: lines(tmp_path / "log") == ["begun"])
        owner.kill()
        kill_left(journal, "j-0")
        (tmp_path / "go").touch()

        (job,) = take_up(journal, backend, Repeated)
        job.reconcile()
        job.wait_for_final_state(PATIENCE)

        assert (job.state, job.attempt) == (BaseJob.DONE, 2)
        assert lines(tmp_path / "log") == ["begun", "begun"]

    def test_may_be_killed_again_while_it_runs_for_the_second_time(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        owner = own("echo begun >>log; [ -e go ] || sleep 3600", kind="repeated")
        until(lambda: lines(tmp_path / "log") == ["begun"])
        owner.kill()
        kill_left(journal, "j-0")
        with CommandBackend(2, folder=tmp_path / "output", journal=journal) as second:
            (job,) = take_up(journal, second, Repeated)
            job.reconcile()
            until(lambda: lines(tmp_path / "log") == ["begun"] * 2)
            until(lambda: job.state is BaseJob.RUNNING)
            os.killpg(job.pid, signal.SIGKILL)

            job.wait_for_final_state(PATIENCE)

        assert job.folder == tmp_path / "output" / "j-0~2"
        found = Repeated.attach(backend, "j-0", journal=journal)
        assert found.state is BaseJob.ERROR
        assert found.stdout_path == job.stdout_path

    def test_leaves_what_waited_to_be_run_once(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        hold = "while [ ! -e go ]; do sleep 0.02; done"
        owner = own(hold, *(f"echo {number} >>log" for number in range(1, 6)), slots=1)
        until(lambda: status(journal, "j-0") == "RUNNING")
        owner.kill()

        jobs = take_up(journal, backend)
        for job in jobs:
            job.reconcile()
        (tmp_path / "go").touch()
        for job in jobs:
            job.wait_for_final_state(PATIENCE)

        assert {job.state for job in jobs} == {BaseJob.DONE}
        assert sorted(lines(tmp_path / "log")) == ["1", "2", "3", "4", "5"]

    def test_at_any_moment_leaves_a_batch_that_can_be_finished(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        owner = own(*(f"echo {number} >>log" for number in range(30)))
        until(lambda: len(lines(tmp_path / "log")) >= 5)
        owner.kill()

        for job in take_up(journal, backend):
            job.reconcile()
        until(lambda: not journal.jobs(status=("INITIALIZING", "QUEUED", "RUNNING")))

        ran = lines(tmp_path / "log")
        assert len(ran) == len(set(ran))
        lost = [kept.job_id for kept in journal.jobs(status="ERROR")]
        done = [kept.job_id for kept in journal.jobs(status="DONE")]
        assert len(lost) + len(done) == 30
        assert {f"j-{number}" for number in ran} >= set(done)

    def test_whose_command_s_number_was_given_to_another_kills_nobody(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        owner = own("sleep 3600")
        until(lambda: status(journal, "j-0") == "RUNNING")
        owner.kill()
        kill_left(journal, "j-0")
        stranger = subprocess.Popen(["sleep", "3600"], start_new_session=True)
        try:
            (job,) = take_up(journal, backend)
            worker = job._sj_book().worker.split("/")
            worker[2] = str(stranger.pid)  # the same number, started at another time
            job._sj_book().worker = "/".join(worker)

            book = job._sj_book()
            reread = job._sj_reread
            job._sj_reread = lambda: (reread(), setattr(book, "worker", "/".join(worker)))
            job.reconcile()

            assert job.state is BaseJob.ERROR
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    def test_is_not_robbed_while_it_lives(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        own("while [ ! -e go ]; do sleep 0.02; done; echo ran >>log")
        until(lambda: status(journal, "j-0") == "RUNNING")

        (job,) = take_up(journal, backend)
        job.reconcile()

        assert job.in_other_hands
        assert backend.jobs == ()
        (tmp_path / "go").touch()
        until(lambda: status(journal, "j-0") == "DONE")
        job.reconcile()
        assert job.state is BaseJob.DONE
        assert lines(tmp_path / "log") == ["ran"]

    def test_is_succeeded_by_one_of_many(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend, tmp_path: Path
    ) -> None:
        owner = own(
            "while [ ! -e go ]; do sleep 0.02; done; echo ran >>log", "echo ran >>log", slots=1
        )
        until(lambda: status(journal, "j-0") == "RUNNING")
        owner.kill()
        with CommandBackend(2, folder=tmp_path / "output", journal=journal) as rival:
            handles = [*take_up(journal, backend), *take_up(journal, rival)]
            for job in handles:
                job.reconcile()
            (tmp_path / "go").touch()
            until(lambda: len(journal.jobs(status="DONE")) == 2)

        assert lines(tmp_path / "log") == ["ran", "ran"]


class TestCancellingFromAnotherProcess:
    def test_is_carried_out_by_the_owner(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend
    ) -> None:
        own("sleep 3600", "sleep 3600", slots=1)
        until(lambda: status(journal, "j-0") == "RUNNING")
        until(lambda: status(journal, "j-1") == "QUEUED")

        for job in take_up(journal, backend):
            assert job.cancel() is True

        until(lambda: status(journal, "j-0") == status(journal, "j-1") == "CANCELLED")

    @pytest.mark.parametrize("kind", ["ThreadBackend", "ProcessBackend"])
    def test_of_a_function_is_carried_out_by_the_owner(
        self, kind: str, journal: SQLiteJournal, tmp_path: Path
    ) -> None:
        script = tmp_path / "calling.py"  # which the workers import
        script.write_text(CALLING)
        backend_of = {"ThreadBackend": ThreadBackend, "ProcessBackend": ProcessBackend}[kind]
        with (
            subprocess.Popen([sys.executable, script, kind, journal.path]) as owner,
            backend_of(1) as here,
        ):
            until(lambda: [job.status for job in journal.jobs()] == ["QUEUED", "RUNNING"])
            for job in reversed(recover(journal, [here]).jobs):
                assert job.in_other_hands
                assert job.cancel() is True

            assert owner.wait(PATIENCE) == 0

        assert [job.status for job in journal.jobs()] == ["CANCELLED", "CANCELLED"]

    def test_of_a_command_whose_owner_is_gone_is_carried_out_here(
        self, own: Any, journal: SQLiteJournal, backend: CommandBackend
    ) -> None:
        owner = own("sleep 3600", "sleep 3600", slots=1)
        until(lambda: status(journal, "j-0") == "RUNNING")
        until(lambda: status(journal, "j-1") == "QUEUED")
        owner.kill()
        pid = pid_of(journal, "j-0")

        jobs = take_up(journal, backend)
        for job in reversed(jobs):
            assert job.cancel() is True
        for job in jobs:
            job.wait_for_final_state(PATIENCE)

        assert [job.state.name for job in jobs] == ["CANCELLED", "CANCELLED"]
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


class TestAFunctionWithAJournal:
    @pytest.mark.parametrize("make", [ThreadBackend, ProcessBackend])
    def test_has_its_result_kept(self, make: Any, journal: SQLiteJournal) -> None:
        with make(1, journal=journal) as backend:
            job = backend.run(pow, 2, 10)
            assert job.result(PATIENCE) == 1024

            found = recover(journal, [backend], finals=True).jobs[0]

            assert found.result() == 1024

    @pytest.mark.parametrize("make", [ThreadBackend, ProcessBackend])
    def test_whose_result_cannot_be_kept_has_failed(
        self, make: Any, journal: SQLiteJournal
    ) -> None:
        with make(1, journal=journal) as backend:
            job = backend.run(complex, 1, 2)
            job.wait_for_final_state(PATIENCE)

            assert job.state is BaseJob.ERROR
            assert "cannot keep its result" in str(job.error())
            assert journal.history(job.job_id()) == job.history

    def test_whose_owner_is_gone_has_failed(self, journal: SQLiteJournal, tmp_path: Path) -> None:
        script = """
import sys, time, threading
from sojourn.backends import ThreadBackend
from sojourn.journals.sqlite import SQLiteJournal
backend = ThreadBackend(1, journal=SQLiteJournal(sys.argv[1]))
begun = threading.Event()
job = backend.run(lambda: (begun.set(), time.sleep(3600)))
begun.wait()
print(job.job_id(), flush=True)
time.sleep(3600)
"""
        owner = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "jobs")], stdout=subprocess.PIPE
        )
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
        owner.wait()
        owner.stdout.close()

        with ThreadBackend(1) as backend:
            (job,) = recover(journal, [backend]).jobs
            job.reconcile()

        assert job.state is BaseJob.ERROR
        assert "has ended" in str(job.error())


def pid_of(journal: SQLiteJournal, job_id: str) -> int:
    story = journal.read(job_id)
    assert story is not None
    worker = story.job.facts["worker"]
    assert worker is not None
    return int(worker.split("/")[2])


def kill_left(journal: SQLiteJournal, job_id: str) -> None:
    pid = pid_of(journal, job_id)
    os.killpg(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")
