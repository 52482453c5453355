"""Functions run in threads and in processes, and no end of one is another's."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import local_work as work
from process_watching import PATIENCE, alive, number_in, until
from sojourn import BaseJob
from sojourn.backends import (
    FunctionJob,
    ProcessBackend,
    StopRequested,
    ThreadBackend,
    _groups,
    current_job,
)
from sojourn.errors import (
    CannotRunError,
    JobCancelledError,
    JobFailedError,
    WorkerError,
)

Backend = ThreadBackend | ProcessBackend


def ended(*jobs: BaseJob[Any]) -> list[str]:
    for job in jobs:
        job.wait_for_final_state(timeout=PATIENCE)
    return [job.state.name for job in jobs]


def lost(job: BaseJob[Any]) -> WorkerError:
    """Return why there is no answer."""
    assert ended(job) == ["ERROR"]
    error = job.error()
    assert isinstance(error, WorkerError)
    return error


@pytest.fixture
def threads() -> Iterator[ThreadBackend]:
    with ThreadBackend(2) as made:
        yield made
        made.close(cancel=True)


@pytest.fixture
def processes() -> Iterator[ProcessBackend]:
    with ProcessBackend(2, grace=PATIENCE) as made:
        yield made
        made.close(cancel=True)


@pytest.fixture(params=[ThreadBackend, ProcessBackend])
def either(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with request.param(1) as made:
        yield made
        made.close(cancel=True)


class TestAFunction:
    def test_gets_its_arguments_and_gives_its_result(self, either: Backend) -> None:
        job = either.run(work.give, [1, 2], self="me", function="f", args=3, kwargs={})

        assert job.result(PATIENCE) == (
            [1, 2],
            {"self": "me", "function": "f", "args": 3, "kwargs": {}},
        )
        assert isinstance(job, FunctionJob)

    def test_may_give_nothing_and_not_giving_is_no_error(self, either: Backend) -> None:
        assert either.run(work.give, None).result(PATIENCE) is None

    def test_that_raises_is_in_error_with_what_it_raised(self, either: Backend) -> None:
        job = either.run(work.throw, LookupError("no such planet"))

        with pytest.raises(JobFailedError, match="no such planet") as raised:
            job.result(PATIENCE)

        error = raised.value.__cause__
        assert (type(error), str(error)) == (LookupError, "no such planet")
        assert job.error() is error

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
    def test_that_raises_something_drastic_harms_nobody_else(
        self, either: Backend, error: BaseException
    ) -> None:
        jobs = [either.run(work.throw, error), either.run(work.give, 7)]

        assert ended(*jobs) == ["ERROR", "DONE"]
        assert type(jobs[0].error()) is type(error)

    def test_that_stops_without_being_asked_is_in_error(self, either: Backend) -> None:
        job = either.run(work.throw, StopRequested("on a whim"))

        assert ended(job) == ["ERROR"]
        assert isinstance(job.error(), StopRequested)

    def test_knows_its_job(self, either: Backend) -> None:
        job = either.run(work.know_your_job)

        assert job.result(PATIENCE) == job.job_id()

    def test_knows_no_job_when_none_runs_it(self) -> None:
        with pytest.raises(LookupError, match="no job runs this function"):
            current_job()

    @pytest.mark.parametrize("thing", [7, "print", None])
    def test_must_be_callable(self, either: Backend, thing: Any) -> None:
        with pytest.raises(TypeError, match=repr(thing)):
            either.run(thing)

        assert either.jobs == ()

    def test_must_not_be_a_coroutine_function(self, either: Backend) -> None:
        with pytest.raises(TypeError, match=r"local_work\.coroutine is a coroutine function"):
            either.run(work.coroutine)

    @pytest.mark.parametrize("then", ["return", "stop", "fail"])
    def test_in_a_thread_sees_that_it_is_asked_to_stop(
        self, threads: ThreadBackend, tmp_path: Path, then: str
    ) -> None:
        job = threads.run(work.look_until_asked, tmp_path, then)
        until((tmp_path / "ready").exists)

        assert job.cancel() is True

        wanted = {"return": "DONE", "stop": "CANCELLED", "fail": "ERROR"}[then]
        assert ended(job) == [wanted]
        assert job.anomalies == ()

    def test_and_its_arguments_are_let_go_when_it_has_ended(self, threads: ThreadBackend) -> None:
        class Thing:
            pass

        thing = Thing()
        watch = weakref.ref(thing)
        job = threads.run(lambda thing: None, thing)
        del thing
        job.result(PATIENCE)

        threads.run(int).result(PATIENCE)  # the thread has something else in hand
        gc.collect()

        assert watch() is None

    def test_whose_job_is_over_keeps_nobody_from_forgetting_it(self, either: Backend) -> None:
        job = either.run(work.give, 7)
        job.result(PATIENCE)
        watch = weakref.ref(job)

        del job

        until(lambda: gc.collect() is not None and watch() is None)


class TestAProcess:
    @pytest.mark.parametrize(
        ("function", "argument", "name"),
        [
            (work.kill_yourself, signal.SIGKILL, "SIGKILL"),
            (work.kill_yourself, signal.SIGABRT, "SIGABRT"),
            (work.kill_yourself, signal.SIGRTMIN + 1, f"signal {signal.SIGRTMIN + 1}"),
        ],
    )
    def test_that_is_killed_fails_its_own_job_and_no_other(
        self, processes: ProcessBackend, tmp_path: Path, function: Any, argument: Any, name: str
    ) -> None:
        neighbour = processes.run(work.sleep_and_return, tmp_path)
        number_in(tmp_path / "pid")
        job, following = processes.run(function, argument), processes.run(work.give, 7)

        error = lost(job)

        assert (error.signal, error.exit_code) == (name, None)
        assert f"local_work.kill_yourself' has no answer: its process was ended by {name}" in str(
            error
        )
        assert following.result(PATIENCE) == 7
        assert neighbour.running()

    def test_that_segfaults_names_the_signal(self, processes: ProcessBackend) -> None:
        assert lost(processes.run(work.segfault)).signal == "SIGSEGV"

    def test_that_leaves_without_an_answer_names_its_exit_code(
        self, processes: ProcessBackend
    ) -> None:
        error = lost(processes.run(work.leave, 3))

        assert (error.exit_code, error.signal) == (3, None)

    def test_that_is_killed_by_somebody_else_is_noticed(
        self, processes: ProcessBackend, tmp_path: Path
    ) -> None:
        job = processes.run(work.sleep, tmp_path)

        os.kill(number_in(tmp_path / "pid"), signal.SIGKILL)

        assert lost(job).signal == "SIGKILL"

    def test_that_is_killed_while_idle_fails_nobody_twice(self) -> None:
        with ProcessBackend(1) as backend:
            pid = backend.run(work.process_id).result(PATIENCE)
            os.kill(pid, signal.SIGKILL)
            until(lambda: not alive(pid))
            jobs = [backend.run(work.process_id) for _ in range(2)]

        assert jobs[-1].done()
        assert jobs[-1].result() != pid

    def test_that_is_killed_is_noticed_although_its_child_holds_the_pipe(
        self, processes: ProcessBackend, tmp_path: Path
    ) -> None:
        job = processes.run(work.have_a_child_and_die, tmp_path)

        assert lost(job).signal == "SIGKILL"
        assert not alive(number_in(tmp_path / "child"))

    def test_that_a_function_forks_ends_as_any_other_when_it_is_asked_to(
        self, processes: ProcessBackend
    ) -> None:
        assert processes.run(work.terminate_a_child).result(PATIENCE) == -signal.SIGTERM
        assert processes.run(work.give, 7).result(PATIENCE) == 7

    def test_serves_one_job_after_the_other(self) -> None:
        with ProcessBackend(1) as backend:
            jobs = [backend.run(work.process_id) for _ in range(3)]

        assert len({job.result() for job in jobs}) == 1
        assert jobs[0].result() != os.getpid()

    @pytest.mark.parametrize(("then", "code"), [("return", 0), ("leave", 3), ("fail", 1)])
    def test_that_a_function_forks_ends_with_it_and_answers_nobody(
        self, capfd: pytest.CaptureFixture[str], then: str, code: int
    ) -> None:
        with ProcessBackend(1) as backend:
            jobs = [backend.run(work.fork, then), *(backend.run(work.give, n) for n in range(3))]

        assert [job.result() for job in jobs] == [code, 0, 1, 2]
        assert ("in the child" in capfd.readouterr().err) is (then == "fail")

    def test_tells_its_traceback(self, processes: ProcessBackend) -> None:
        job = processes.run(work.throw, LookupError("no such planet"))
        ended(job)

        error = job.error()
        assert error is not None
        assert "in throw\n    raise error\n" in str(error.__cause__)

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ((lambda: 1,), "<lambda>"),
            ((work.give, threading.Lock()), r"local_work\.give"),
            ((threading.Lock().acquire,), "acquire"),
            ((work.give, work.Unpicklable()), r"does not pickle \(no\)"),
        ],
    )
    def test_is_not_given_what_does_not_pickle(
        self, processes: ProcessBackend, call: Any, words: str
    ) -> None:
        with pytest.raises(CannotRunError, match=words) as raised:
            processes.run(*call)

        assert "does not pickle" in str(raised.value)
        assert raised.value.__cause__ is not None
        assert processes.jobs == ()

    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (work.make_lock, "its result cannot be sent back: TypeError: cannot pickle"),
            (work.make_trap, "its result cannot be read here: ZeroDivisionError"),
            (
                work.throw_unpicklable,
                "it raised Unpicklable: a lock inside, and that exception does",
            ),
            (work.throw_forgetful, "it raised Forgetful: only one, and that exception does not"),
        ],
    )
    def test_whose_answer_cannot_travel_says_so(
        self, processes: ProcessBackend, function: Callable[[], Any], words: str
    ) -> None:
        job = processes.run(function)

        assert words in lost(job).reason
        assert processes.run(work.give, 7).result(PATIENCE) == 7

    def test_that_cannot_read_the_call_says_so(self, processes: ProcessBackend) -> None:
        job = processes.run(work.give, work.Trap())

        assert (
            lost(job).reason
            == "its process cannot read the call: ZeroDivisionError: division by zero"
        )


class TestStoppingAProcess:
    def test_is_polite_and_cancelled_when_it_has_tidied_up(
        self, processes: ProcessBackend, tmp_path: Path
    ) -> None:
        job = processes.run(work.sleep_and_tidy, tmp_path)
        pid = number_in(tmp_path / "pid")

        assert job.cancel() is True

        with pytest.raises(JobCancelledError):
            job.result(PATIENCE)
        assert (tmp_path / "tidied").exists()
        assert not alive(pid)

    def test_is_polite_whatever_the_function_before_has_done_to_signals(
        self, tmp_path: Path
    ) -> None:
        with ProcessBackend(1, grace=PATIENCE) as backend:
            pid = backend.run(work.process_id).result(PATIENCE)
            backend.run(work.stop_listening)
            job = backend.run(work.sleep_and_tidy, tmp_path)
            assert number_in(tmp_path / "pid") == pid
            job.cancel()

            with pytest.raises(JobCancelledError, match="StopRequested"):
                job.result(PATIENCE / 2)
        assert (tmp_path / "tidied").exists()

    @pytest.mark.parametrize(
        ("function", "state"), [(work.sleep_and_return, "DONE"), (work.sleep_and_fail, "ERROR")]
    )
    def test_leaves_the_function_the_last_word(
        self, processes: ProcessBackend, tmp_path: Path, function: Any, state: str
    ) -> None:
        job = processes.run(function, tmp_path)
        number_in(tmp_path / "pid")

        job.cancel()

        assert ended(job) == [state]
        assert job.anomalies == ()

    def test_can_be_seen_by_the_function(self, processes: ProcessBackend, tmp_path: Path) -> None:
        job = processes.run(work.sleep_and_ask, tmp_path)
        number_in(tmp_path / "pid")

        job.cancel()

        assert job.result(PATIENCE) == [False, True]

    def test_is_heard_although_the_signal_wakes_nobody(
        self, processes: ProcessBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = processes.run(work.sleep_and_tidy, tmp_path)
        number_in(tmp_path / "pid")
        # One that comes right before the sleep is as good as none.
        monkeypatch.setattr(_groups, "_signal_group", lambda group, number: True)

        job.cancel()

        assert ended(job) == ["CANCELLED"]
        assert (tmp_path / "tidied").exists()

    def test_before_it_has_read_the_call_keeps_the_call_from_being_made(
        self, processes: ProcessBackend, tmp_path: Path
    ) -> None:
        job = processes.run(work.touch, work.Slow(tmp_path))
        number_in(tmp_path / "pid")

        job.cancel()
        (tmp_path / "go").touch()

        assert ended(job) == ["CANCELLED"]
        assert not (tmp_path / "ran").exists()

    def test_for_a_job_that_is_over_does_not_stop_the_next(
        self, processes: ProcessBackend, tmp_path: Path
    ) -> None:
        first = processes.run(work.give, 7)
        first.result(PATIENCE)
        second = processes.run(work.sleep, tmp_path)
        pid = number_in(tmp_path / "pid")
        slot = processes._running[second.job_id()]

        slot.stop(first)

        assert slot._group.why == ""
        assert alive(pid)
        second.cancel()
        assert ended(second) == ["CANCELLED"]

    def test_at_the_end_does_not_wait_for_a_thread_that_a_function_has_left(self) -> None:
        with ProcessBackend(1, grace=0.1) as backend:
            job = backend.run(work.leave_a_thread)

        assert job.done()

    def test_kills_it_with_all_that_it_has_started_after_the_grace(self, tmp_path: Path) -> None:
        with ProcessBackend(1, grace=0.1) as backend:
            job = backend.run(work.never_listen, tmp_path)
            pids = [number_in(tmp_path / name) for name in ("pid", "child")]

            job.cancel()

            with pytest.raises(JobCancelledError, match="SIGKILL"):
                job.result(PATIENCE)
            assert not any(map(alive, pids))

    def test_at_the_end_stops_what_functions_have_left(self, tmp_path: Path) -> None:
        with ProcessBackend(1) as backend:
            job = backend.run(work.have_a_child_and_return, tmp_path)

        assert job.done()
        assert not alive(number_in(tmp_path / "child"))

    def test_that_takes_too_long_is_an_error_that_says_so(self, tmp_path: Path) -> None:
        with ProcessBackend(1, timeout=2, grace=PATIENCE) as backend:
            jobs = [backend.run(work.sleep_and_tidy, tmp_path), backend.run(work.give, 7)]

        error = lost(jobs[0])
        assert (error.timeout, error.exit_code, error.signal) == (2, None, None)
        assert str(error).endswith("sleep_and_tidy' has no answer: it timed out after 2 s")
        assert (tmp_path / "tidied").exists()
        assert jobs[1].result() == 7

    def test_is_not_remembered_when_the_call_was_in_time(self) -> None:
        with ProcessBackend(1, timeout=3600) as backend:
            backend.run(work.give, 7).result(PATIENCE)

            until(lambda: backend._keeper._due == {})

    def test_that_takes_too_long_is_an_error_whatever_it_then_answers(self, tmp_path: Path) -> None:
        with ProcessBackend(1, timeout=0.2, grace=PATIENCE) as backend:
            job = backend.run(work.sleep_and_return, tmp_path)

        assert lost(job).timeout == 0.2

    def test_that_takes_too_long_and_does_not_listen_is_killed(self, tmp_path: Path) -> None:
        with ProcessBackend(1, timeout=1, grace=0.1) as backend:
            job = backend.run(work.never_listen, tmp_path)

        assert lost(job).timeout == 1
        assert not alive(number_in(tmp_path / "pid"))

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"timeout": -1}, ValueError),
            ({"timeout": "1"}, TypeError),
            ({"grace": float("nan")}, ValueError),
            ({"grace": "1"}, TypeError),
        ],
    )
    def test_a_number_of_seconds_that_makes_no_sense_is_refused(
        self, options: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error, match=next(iter(options))):
            ProcessBackend(1, **options)


# Programs of users, from their start to their end.


@contextmanager
def script(folder: Path, text: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program; it ends with the block."""
    path = folder / "script.py"
    path.write_text(text)
    paths = filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
    program = subprocess.Popen(
        [sys.executable, path, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    with program:
        try:
            yield program
        finally:
            program.kill()


HEAD = """
import os, sys, time, threading, signal
from pathlib import Path
from sojourn.backends import CommandBackend, ProcessBackend, ThreadBackend, current_job
import local_work as work
folder = Path(sys.argv[1])
def wait_for(*names):
    while not all((folder / name).exists() for name in names): time.sleep(0.01)
"""

LEFT_OPEN = {
    "a thread that never looks": """
    backend = ThreadBackend(1)
    jobs = [backend.run(work.sleep, folder) for _ in range(2)]
    """,
    "a process": """
    backend = ProcessBackend(1)
    jobs = [backend.run(work.sleep, folder) for _ in range(2)]
    """,
    "a process that does not listen": """
    backend = ProcessBackend(1, grace=0.1)
    jobs = [backend.run(work.never_listen, folder) for _ in range(2)]
    """,
    "a command": """
    backend = CommandBackend(1)
    line = 'sleep 600 & echo $! > child.part; mv child.part child; echo $$ > pid.part; mv pid.part pid; wait'
    jobs = [backend.run(["sh", "-c", line]) for _ in range(2)]
    """,
    "a command that does not listen, however long it might": """
    backend = CommandBackend(1, grace=3600)
    line = 'trap "" TERM; echo $$ > pid.part; mv pid.part pid; while :; do sleep 1; done'
    jobs = [backend.run(["sh", "-c", line]) for _ in range(2)]
    """,
}


class TestAProgram:
    @pytest.mark.parametrize("what", LEFT_OPEN)
    def test_that_ends_without_closing_does_not_hang_and_leaves_nothing(
        self, tmp_path: Path, what: str
    ) -> None:
        text = f"{HEAD}\nif __name__ == '__main__':{LEFT_OPEN[what]}\n    wait_for('pid')\n"

        with script(tmp_path, text) as program:
            told = program.communicate(timeout=PATIENCE)

        assert (program.returncode, told) == (0, ("", ""))
        pids = [
            int((tmp_path / name).read_text())
            for name in ("pid", "child")
            if (tmp_path / name).exists()
        ]
        assert not any(map(alive, pids))

    @pytest.mark.parametrize("what", ["a process", "a process that does not listen", "a command"])
    def test_that_drops_a_backend_keeps_nothing_of_it(self, tmp_path: Path, what: str) -> None:
        text = (
            f"{HEAD}\nif __name__ == '__main__':{LEFT_OPEN[what]}\n"
            "    wait_for('pid')\n"
            "    for job in reversed(jobs): job.cancel()\n"
            "    for job in jobs: job.wait_for_final_state(20)\n"
            "    kept = getattr(backend, 'folder', folder / 'none')\n"
            "    del backend, job, jobs\n"
            "    until = time.monotonic() + 20\n"
            "    while threading.active_count() > 1 and time.monotonic() < until: time.sleep(0.01)\n"
            "    print([thread.name for thread in threading.enumerate()], kept.exists())\n"
        )

        with script(tmp_path, text) as program:
            told = program.communicate(timeout=PATIENCE)

        assert (program.returncode, told) == (0, ("['MainThread'] False\n", ""))

    def test_that_is_killed_takes_its_workers_along(self, tmp_path: Path) -> None:
        text = (
            f"{HEAD}\nif __name__ == '__main__':\n"
            "    job = ProcessBackend(1).run(work.never_listen, folder)\n    job.result()\n"
        )
        with script(tmp_path, text) as program:
            pids = [number_in(tmp_path / name) for name in ("child", "pid")]
            program.kill()

        until(lambda: not any(map(alive, pids)))

    @pytest.mark.skipif(sys.platform != "linux", reason="no other system tells a group of that")
    def test_that_is_killed_takes_a_worker_along_that_cannot_hear(self, tmp_path: Path) -> None:
        text = (
            f"{HEAD}\nif __name__ == '__main__':\n"
            "    job = ProcessBackend(1).run(work.never_let_go, folder)\n    job.result()\n"
        )
        with script(tmp_path, text) as program:
            pid = number_in(tmp_path / "pid")
            program.kill()

        until(lambda: not alive(pid))

    @pytest.mark.parametrize(("then", "code"), [("return", 0), ("leave", 3), ("fail", 1)])
    def test_that_is_forked_in_a_thread_runs_no_job_twice(
        self, tmp_path: Path, then: str, code: int
    ) -> None:
        text = (
            f"{HEAD}\nout = (folder / 'out').open('a', buffering=1)\n"
            "def note(): out.write('once\\n')\n"
            "with ThreadBackend(1) as backend:\n"
            f"    jobs = [backend.run(work.fork, '{then}'), backend.run(note), backend.run(note)]\n"
            "print(jobs[0].result())\n"
        )
        with script(tmp_path, text) as program:
            out, _ = program.communicate(timeout=PATIENCE)

        assert out == f"{code}\n"
        assert (tmp_path / "out").read_text() == "once\nonce\n"

    def test_without_a_main_guard_is_told_to_have_one(self, tmp_path: Path) -> None:
        text = (
            f"{HEAD}\nbackend = ProcessBackend(1)\njob = backend.run(work.give, 1)\n"
            "job.wait_for_final_state()\nprint(job.error())\n"
        )
        with script(tmp_path, text) as program:
            out, err = program.communicate(timeout=PATIENCE)

        assert "put what starts jobs under if __name__ == '__main__':" in out
        assert (program.returncode, err) == (0, "")

    def test_may_give_functions_of_its_main_module(self, tmp_path: Path) -> None:
        text = (
            f"{HEAD}\ndef double(x): return 2 * x\n"
            "if __name__ == '__main__':\n"
            "    with ProcessBackend(1) as backend: print(backend.run(double, 21).result())\n"
        )
        with script(tmp_path, text) as program:
            told = program.communicate(timeout=PATIENCE)

        assert told == ("42\n", "")

    def test_that_is_in_no_file_runs_functions_of_modules_and_is_refused_its_own(self) -> None:
        text = (
            "from sojourn.backends import ProcessBackend\n"
            "def double(x): return 2 * x\n"
            "with ProcessBackend(1) as backend:\n"
            "    print(backend.run(pow, 2, 3).result())\n"
            "    try: backend.run(double, 21)\n"
            "    except Exception as error: print(type(error).__name__, error)\n"
        )
        for words, typed in ((["-c", text], ""), (["-"], text)):
            told = subprocess.run(
                [sys.executable, *words], input=typed, capture_output=True, text=True, check=False
            )

            assert told.stderr == ""
            assert told.stdout.startswith("8\nCannotRunError function '__main__.double' cannot")
            assert "put the function in a module" in told.stdout

    def test_is_interrupted_and_stops_what_runs(self, tmp_path: Path) -> None:
        text = (
            f"{HEAD}\nif __name__ == '__main__':\n"
            "    try:\n"
            "        with ProcessBackend(1) as backend:\n"
            "            jobs = [backend.run(work.sleep_and_tidy, folder), backend.run(work.give, 1)]\n"
            "            jobs[0].wait_for_final_state()\n"
            "    except KeyboardInterrupt:\n"
            "        print([job.state.name for job in jobs])\n"
        )
        with script(tmp_path, text) as program:
            pid = number_in(tmp_path / "pid")
            program.send_signal(signal.SIGINT)
            told = program.communicate(timeout=PATIENCE)

        assert told == ("['CANCELLED', 'CANCELLED']\n", "")
        assert (tmp_path / "tidied").exists()
        assert not alive(pid)

    def test_is_interrupted_although_the_signal_wakes_nobody(self, tmp_path: Path) -> None:
        # The thread that gets the signal is not the one that handles it.
        text = (
            f"{HEAD}\nready = threading.Event()\n"
            "def interrupt():\n"
            "    ready.wait()\n"
            "    time.sleep(0.2)  # the other one falls asleep; it does no harm if it has not\n"
            "    signal.pthread_kill(threading.get_ident(), signal.SIGINT)\n"
            "    work.look_until_asked_to_stop()\n"
            "if __name__ == '__main__':\n"
            "    try:\n"
            "        with ThreadBackend(1) as backend:\n"
            "            job = backend.run(interrupt)\n"
            "            ready.set()\n"
            "    except KeyboardInterrupt: print(job.state.name)\n"
        )
        with script(tmp_path, text) as program:
            told = program.communicate(timeout=PATIENCE)

        assert told == ("CANCELLED\n", "")

    def test_is_interrupted_twice_and_kills_what_runs(self, tmp_path: Path) -> None:
        text = (
            f"{HEAD}\nif __name__ == '__main__':\n"
            "    try:\n"
            "        with ProcessBackend(1, grace=3600) as backend:\n"
            "            job = backend.run(work.never_listen, folder)\n"
            "            job.wait_for_final_state()\n"
            "    except KeyboardInterrupt:\n"
            "        job.wait_for_final_state()\n"
            "        print(job.state.name)\n"
        )
        with script(tmp_path, text) as program:
            pids = [number_in(tmp_path / name) for name in ("child", "pid")]
            program.send_signal(signal.SIGINT)
            until((tmp_path / "asked").exists)
            program.send_signal(signal.SIGINT)
            told = program.communicate(timeout=PATIENCE)

        assert told == ("CANCELLED\n", "")
        assert not any(map(alive, pids))
