"""Commands run as processes, their output goes to files, and nothing of them is left."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from job_doubles import Background
from process_watching import PATIENCE, alive, number_in, until
from sojourn.backends import CommandBackend, CommandJob, _groups
from sojourn.backends._groups import Group
from sojourn.backends._keeper import Keeper
from sojourn.errors import (
    CannotRunError,
    CommandError,
    IllegalTransitionError,
    JobCancelledError,
    JobFailedError,
)


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, *arguments]


def ended(*jobs: CommandJob) -> list[str]:
    for job in jobs:
        job.wait_for_final_state(timeout=PATIENCE)
    return [job.state.name for job in jobs]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[CommandBackend]:
    with CommandBackend(2, folder=tmp_path / "output", grace=PATIENCE) as made:
        yield made
        made.close(cancel=True)


class TestACommand:
    def test_that_succeeds_leaves_its_output_in_files(self, backend: CommandBackend) -> None:
        job = backend.run(["sh", "-c", "echo to stdout; echo to stderr >&2"])

        result = job.result(timeout=PATIENCE)

        assert (result.exit_code, result.stdout.read_text()) == (0, "to stdout\n")
        assert result.stderr.read_text() == "to stderr\n"
        assert (result.stdout, result.stderr) == (job.stdout_path, job.stderr_path)
        assert job.error() is None

    def test_is_a_job_whose_steps_are_a_command_and_reports(self, backend: CommandBackend) -> None:
        job = backend.run(["true"])

        assert ended(job) == ["DONE"]

        assert [entry.trigger for entry in job.history] == ["submit", "start", "finish"]
        assert {entry.origin for entry in job.history[1:]} == {"observation"}
        assert not any(entry.inferred for entry in job.history)
        assert job.anomalies == ()
        with pytest.raises(IllegalTransitionError, match="submitted already"):
            job.submit()

    def test_gets_its_directory_its_environment_and_an_empty_stdin(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        job = backend.run(
            ["sh", "-c", 'pwd; echo "$COLOUR"; cat'],
            cwd=tmp_path,
            env={"COLOUR": "blue", "PATH": os.environ["PATH"]},
        )

        told = job.result(timeout=PATIENCE).stdout.read_text()

        assert told == f"{tmp_path}\nblue\n"

    def test_is_found_as_the_system_finds_it(self, backend: CommandBackend, tmp_path: Path) -> None:
        script = tmp_path / "hello"
        script.write_text("#!/bin/sh\necho hello\n")
        script.chmod(0o755)

        jobs = [
            backend.run(["./hello"], cwd=tmp_path),
            backend.run([script]),
            backend.run(["hello"], env={"PATH": str(tmp_path)}),
        ]

        assert [job.result(timeout=PATIENCE).stdout.read_text() for job in jobs] == ["hello\n"] * 3

    def test_is_called_after_its_program_or_as_one_likes(self, backend: CommandBackend) -> None:
        jobs = [backend.run(["/bin/echo", "a"]), backend.run(["echo"], name="first try")]

        assert [job.name for job in jobs] == ["echo", "first try"]
        assert len({job.job_id() for job in jobs}) == 2

    def test_that_fails_says_how_and_what_it_wrote_last(self, backend: CommandBackend) -> None:
        job = backend.run(["sh", "-c", "seq 100 >&2; exit 3"], name="counting")

        with pytest.raises(JobFailedError, match="exited with code 3") as raised:
            job.result(timeout=PATIENCE)

        error = job.error()
        assert isinstance(error, CommandError)
        assert raised.value.__cause__ is error
        assert (error.name, error.exit_code, error.signal, error.timeout) == (
            *("counting", 3),
            *(None, None),
        )
        assert error.stderr_tail.splitlines() == [str(number) for number in range(81, 101)]

    def test_that_is_killed_names_the_signal(self, backend: CommandBackend) -> None:
        job = backend.run(["sh", "-c", "kill -SEGV $$"])

        assert ended(job) == ["ERROR"]

        error = job.error()
        assert isinstance(error, CommandError)
        assert (error.exit_code, error.signal) == (None, "SIGSEGV")
        assert "was ended by SIGSEGV" in str(error)

    def test_that_takes_too_long_says_so(self, backend: CommandBackend) -> None:
        job = backend.run(["sleep", "1000"], timeout=0.05)

        assert ended(job) == ["ERROR"]

        error = job.error()
        assert isinstance(error, CommandError)
        assert (error.timeout, error.exit_code, error.signal) == (0.05, None, None)
        assert "timed out after 0.05 s" in str(error)

    def test_that_takes_too_long_is_late_even_if_it_then_says_that_all_is_well(
        self, backend: CommandBackend
    ) -> None:
        job = backend.run(["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"], timeout=0.5)

        assert ended(job) == ["ERROR"]

    def test_that_cannot_be_started_after_all_fails(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken"
        broken.write_bytes(b"\x7fELF but not really")
        broken.chmod(0o755)

        job = backend.run([broken])

        assert ended(job) == ["ERROR"]
        assert "Exec format error" in str(job.error())

    def test_keeps_gigabytes_of_stderr_out_of_memory(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        # A file with a hole: it has the length, and takes no time and no disk.
        script = "import os; os.ftruncate(2, 5 << 30); os.lseek(2, 0, 2); os.write(2, b'\\xff\\nend'); os._exit(1)"
        before = psutil.Process().memory_info().rss

        job = backend.run(python(script))

        assert ended(job) == ["ERROR"]
        error = job.error()
        assert isinstance(error, CommandError)
        assert error.stderr_tail.splitlines()[-1] == "end"
        assert psutil.Process().memory_info().rss - before < 100_000_000
        job.stderr_path.unlink()

    def test_writes_what_is_harmless_in_the_text_of_its_error(
        self, backend: CommandBackend
    ) -> None:
        job = backend.run(["sh", "-c", r"printf '\033[2Jgone\377\n' >&2; exit 1"], name="\x1b[31m")

        assert ended(job) == ["ERROR"]
        error = job.error()
        assert isinstance(error, CommandError)
        assert error.stderr_tail == "\x1b[2Jgone\ufffd"
        assert "\x1b" not in str(error)
        assert r"\x1b[2Jgone" in str(error)


class TestCancelling:
    def test_one_that_waits_is_cancelled_at_once_and_never_starts(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        sleepers = [backend.run(["sleep", "1000"]) for _ in range(2)]
        job = backend.run(["touch", tmp_path / "touched"])

        assert job.cancel() is True

        assert job.state.name == "CANCELLED"
        for sleeper in sleepers:
            sleeper.cancel()
        assert ended(*sleepers, backend.run(["true"])) == ["CANCELLED", "CANCELLED", "DONE"]
        assert not (tmp_path / "touched").exists()
        assert [entry.trigger for entry in job.history] == ["submit", "cancel"]

    def test_one_that_runs_is_cancelled_when_its_process_is_gone(
        self, backend: CommandBackend
    ) -> None:
        job = backend.run(["sleep", "1000"])
        until(lambda: job.pid)
        assert job.pid is not None

        assert job.cancel() is True

        with pytest.raises(JobCancelledError, match="SIGTERM"):
            job.result(timeout=PATIENCE)
        assert not psutil.pid_exists(job.pid)

    def test_all_of_the_group_is_asked_politely(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        child = (
            "import signal, sys, time, pathlib\n"
            "def bye(*_):\n    pathlib.Path(sys.argv[1], 'tidied').touch(); sys.exit()\n"
            "signal.signal(signal.SIGTERM, bye)\n"
            "pathlib.Path(sys.argv[1], 'ready').touch()\n"
            "time.sleep(1000)\n"
        )
        # The shell ends at once; its child takes its time, and gets it.
        job = backend.run(["sh", "-c", '"$@"; true', "sh", *python(child, str(tmp_path))])
        until((tmp_path / "ready").exists)

        job.cancel()

        assert ended(job) == ["CANCELLED"]
        assert (tmp_path / "tidied").exists()

    def test_what_does_not_listen_is_killed_after_the_grace(self, tmp_path: Path) -> None:
        with CommandBackend(1, grace=0.1) as backend:
            script = 'trap "" TERM; sleep 1000 & echo $! > "$0/child"; sleep 1000; sleep 1000'
            job = backend.run(["sh", "-c", script, tmp_path])
            child = number_in(tmp_path / "child")

            job.cancel()

            with pytest.raises(JobCancelledError, match="SIGKILL"):
                job.result(timeout=PATIENCE)
            assert not alive(child)

    def test_one_that_was_stopped_by_a_signal_hears_it_too(self, backend: CommandBackend) -> None:
        job = backend.run(["sh", "-c", "kill -STOP $$; sleep 1000"])
        until(lambda: job.pid and psutil.Process(job.pid).status() == psutil.STATUS_STOPPED)

        job.cancel()

        with pytest.raises(JobCancelledError, match="SIGTERM"):
            job.result(timeout=PATIENCE)

    def test_one_that_is_about_to_start_never_does(self, tmp_path: Path) -> None:
        keeper = Keeper()
        group = Group(keeper, PATIENCE)

        assert group.stop("cancelled") is True

        assert group.start(["touch", str(tmp_path / "touched")]) is False
        assert group.pid is None
        keeper.close()

    def test_one_that_has_ended_and_is_not_reaped_yet_is_not_stopped(self) -> None:
        keeper = Keeper()
        group = Group(keeper, PATIENCE)
        assert group.start(["true"])
        until(lambda: not alive(group.pid or 0))

        assert group.stop("cancelled") is False

        assert (group.wait(), group.why) == (0, "")
        keeper.close()

    def test_one_that_another_part_of_the_program_reaps_is_an_error_that_says_so(
        self, backend: CommandBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def reap_first(pid: int) -> bool:
            os.waitpid(pid, 0)
            return wait(pid)

        wait = _groups._await_exit
        monkeypatch.setattr(_groups, "_await_exit", reap_first)
        job = backend.run(["true"])

        assert ended(job) == ["ERROR"]
        assert "another part of this program took its exit status" in str(job.error())

    def test_one_that_succeeds_all_the_same_is_done(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        script = "trap '' TERM; touch $0/ready; while [ ! -e $0/go ]; do sleep 0.01; done"
        job = backend.run(["sh", "-c", script, tmp_path])
        until((tmp_path / "ready").exists)

        assert job.cancel() is True
        (tmp_path / "go").touch()

        assert ended(job) == ["DONE"]
        assert job.anomalies == ()

    def test_what_a_command_leaves_in_its_group_ends_with_it(
        self, backend: CommandBackend, tmp_path: Path
    ) -> None:
        job = backend.run(["sh", "-c", 'sleep 1000 & echo $! > "$0/child"', tmp_path])

        assert ended(job) == ["DONE"]

        assert not alive(number_in(tmp_path / "child"))


class TestTheEnd:
    def test_leaving_the_block_waits_for_what_runs_and_what_waits(self, tmp_path: Path) -> None:
        with CommandBackend(1) as backend:
            jobs = [backend.run(["true"]) for _ in range(5)]

        assert [job.state.name for job in jobs] == ["DONE"] * 5

    def test_leaving_it_by_an_exception_cancels_everything(self) -> None:
        jobs = []

        def leave() -> None:
            with CommandBackend(1) as backend:
                jobs.extend(backend.run(["sleep", "1000"]) for _ in range(3))
                until(lambda: jobs[0].pid)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            leave()

        assert [job.state.name for job in jobs] == ["CANCELLED"] * 3

    def test_closing_cancels_what_waits_and_waits_for_what_runs(self, tmp_path: Path) -> None:
        backend = CommandBackend(1)
        script = "touch $0/ready; while [ ! -e $0/go ]; do sleep 0.01; done"
        first = backend.run(["sh", "-c", script, tmp_path])
        second = backend.run(["true"])
        until((tmp_path / "ready").exists)

        closing = Background(backend.close)
        assert ended(second) == ["CANCELLED"]
        (tmp_path / "go").touch()
        closing.result()

        assert first.state.name == "DONE"
        assert second.history[-1].detail == "CANCELLED: the command backend was closed"

    def test_nothing_is_left(self) -> None:
        threads, descriptors = set(threading.enumerate()), psutil.Process().num_fds()

        with CommandBackend(3) as backend:
            jobs = [backend.run(["true"]) for _ in range(10)]
            folder = backend.folder
            assert folder.exists()

        assert {job.state.name for job in jobs} == {"DONE"}
        assert set(threading.enumerate()) == threads
        assert psutil.Process().num_fds() == descriptors
        assert psutil.Process().children() == []
        assert not folder.exists()
        assert backend.jobs == ()

    def test_closing_again_does_nothing_and_running_is_refused(self) -> None:
        backend = CommandBackend(1)
        backend.close()

        backend.close(cancel=True)

        with pytest.raises(CannotRunError, match="closed"):
            backend.run(["true"])


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        ("ls -l", TypeError, "'ls -l'"),
        (b"ls", TypeError, "b'ls'"),
        ([], ValueError, "name a program"),
        ([""], ValueError, "name a program"),
        (["ls", 7], TypeError, "7"),
        (["ls", b"x"], TypeError, "b'x'"),
        (["ls", "a\0b"], ValueError, "NUL"),
        (["ls", "\ud800"], ValueError, "encoded"),
        (["no-such-program-anywhere"], CannotRunError, "'no-such-program-anywhere'"),
        (["./no-such-program"], CannotRunError, "'./no-such-program'"),
        (["/"], CannotRunError, "'/'"),
    ],
)
def test_a_command_that_cannot_be_one_is_refused_with_its_name(
    backend: CommandBackend, command: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        backend.run(command)

    assert backend.jobs == ()


def test_a_program_is_looked_for_where_its_command_runs(
    backend: CommandBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "shed" / "saw"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CannotRunError, match=r"'shed/saw'.* is not there, seen from .*'shed'"):
        backend.run(["shed/saw"], cwd="shed")

    assert backend.run(["./saw"], cwd="shed").result(PATIENCE).exit_code == 0


def test_a_timeout_beyond_all_numbers_never_comes(backend: CommandBackend) -> None:
    job = backend.run(["true"], timeout=10**400)

    assert job.result(timeout=PATIENCE).exit_code == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cwd": "/no/such/directory"}, CannotRunError, "/no/such/directory"),
        ({"cwd": sys.executable}, CannotRunError, "not a directory"),
        ({"cwd": 7}, TypeError, "7"),
        ({"env": "PATH"}, TypeError, "'PATH'"),
        ({"env": {"A": 1}}, TypeError, "'A'"),
        ({"env": {1: "A"}}, TypeError, "1"),
        ({"env": {"A=B": "C"}}, ValueError, "'A=B'"),
        ({"env": {"A": "\0"}}, ValueError, "NUL"),
        ({"timeout": -1}, ValueError, "-1"),
        ({"timeout": float("nan")}, ValueError, "nan"),
        ({"timeout": "3"}, TypeError, "'3'"),
        ({"name": 7}, TypeError, "7"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_with_its_value(
    backend: CommandBackend, options: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        backend.run(["/bin/true"], **options)

    assert backend.jobs == ()


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ([0], {}, ValueError),
        ([-3], {}, ValueError),
        ([True], {}, TypeError),
        (["2"], {}, TypeError),
        ([2.0], {}, TypeError),
        ([1], {"grace": -1}, ValueError),
        ([1], {"folder": "/proc/no/such"}, CannotRunError),
        ([1], {"folder": 7}, TypeError),
    ],
)
def test_a_backend_that_makes_no_sense_is_refused(
    arguments: Any, options: Any, error: type[Exception]
) -> None:
    threads = set(threading.enumerate())

    with pytest.raises(error):
        CommandBackend(*arguments, **options)

    assert set(threading.enumerate()) == threads
