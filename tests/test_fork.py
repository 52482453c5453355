"""A fork is survived: the child's jobs do not deadlock, and parent and child are two handles."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from job_doubles import PATIENCE, Backend, Background, Gate, Pushed, Remote, Rows, brought_to
from job_oracle import BASE_WAYS, assert_consistent
from process_watching import until
from sojourn import BaseJob, IllegalTransitionError, JobStatus, Outcome, Transition
from sojourn._forking import _LockAfterFork
from sojourn.errors import SubmitUncertainError

pytestmark = [
    # Forking beside threads is what is tested here.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]


def in_child(deed: Callable[[], object]) -> None:
    """Do something in a child of this process; it must come to its end, in time and without error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(int(PATIENCE))
            deed()
            code = 0
        except BaseException:  # noqa: BLE001  # told to the parent
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said or "the child hangs"


def use(job: Any) -> None:
    """Do to a job what needs its lock, in this thread and in others, and bring it to its end."""
    assert isinstance(job.may("fail"), bool)
    assert Background(job.observe, job.state).result() is Outcome.UNCHANGED
    heard: list[Any] = []
    job.add_callback(lambda _, entry: heard.append(entry))
    if not job.state.is_final:
        assert Background(job.fail, "in the child").result() is True
        assert [entry.dest for entry in heard] == ["ERROR"]
    assert Background(job.wait_for_final_state).result() is None
    assert job.in_final_state()


class Held(BaseJob[Any]):
    """A job whose callbacks stop where the test wants them to, with its lock held."""

    start = Transition(
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        conditions="_condition",
        before="_before",
        after="_after",
    )

    def __init__(self, place: str, gate: Callable[[], Any]) -> None:
        super().__init__(None, "h-1")
        self.place, self.gate = place, gate

    def _stop(self, place: str) -> None:
        if place == self.place:
            self.gate()

    def _condition(self, event: Any) -> bool:
        self._stop("condition")
        return True

    def _before(self, event: Any) -> None:
        self._stop("before")

    def _after(self, event: Any) -> None:
        self._stop("after")


class TestWhileAnotherThread:
    @pytest.mark.parametrize("place", ["condition", "before", "after"])
    def test_is_in_a_declared_callback(self, place: str) -> None:
        gate = Gate()
        job, other = Held(place, gate), Pushed(None, "other")
        job.submit()
        other.submit()
        firing = Background(job.start)
        gate.wait_until_asked()

        def child() -> None:
            assert job.state.name == ("RUNNING" if place == "after" else "QUEUED")
            use(job)
            # A thread of the child's may be called as that of the parent was, and is another one.
            for _ in range(20):
                fresh = Pushed(None, "fresh")
                Background(fresh.submit).result()
                assert Background(fresh.start).result() is True
            use(other)

        in_child(child)

        gate.open()
        assert firing.result() is True
        assert job.state is BaseJob.RUNNING
        assert_consistent(job)

    def test_polls(self) -> None:
        gate = Gate("RUNNING")
        job = Remote(Backend(poll=[gate, "DONE"]), "j-1")
        job.submit()
        polling = Background(job.status)
        gate.wait_until_asked()

        in_child(lambda: finds(job.status() is JobStatus.DONE))

        gate.open()
        assert polling.result() is JobStatus.RUNNING

    def test_waits(self) -> None:
        looked = threading.Event()
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")
        waiting = Background(job.wait_for_final_state, callback=lambda *_: looked.set())
        assert looked.wait(PATIENCE)

        in_child(lambda: use(job))

        assert job.state is BaseJob.QUEUED
        job.fail()
        assert waiting.result() is None

    def test_fetches_the_result(self) -> None:
        gate = Gate("the parent's")
        job = Remote(Backend(fetch_result=[gate, "the child's"]), "j-1")
        job.observe("DONE")
        fetching = Background(job.result)
        gate.wait_until_asked()

        in_child(lambda: finds(job.result() == "the child's"))

        gate.open()
        assert fetching.result() == "the parent's"

    def test_submits(self) -> None:
        gate = Gate("native-1")
        backend = Backend(submit=[gate, "a second one"])
        job = Remote(backend, "j-1")
        submitting = Background(job.submit)
        gate.wait_until_asked()

        def child() -> None:
            with pytest.raises(IllegalTransitionError):
                job.submit()
            assert backend.asked == ["submit"]
            job.cancel()
            assert job.state is BaseJob.INITIALIZING
            assert job.observe("RUNNING") is Outcome.ADVANCED
            with pytest.raises(SubmitUncertainError):
                job.wait_for_final_state()
            assert job.observe("DONE") is Outcome.ADVANCED
            use(job)

        in_child(child)

        gate.open()
        assert submitting.result() is None
        assert job.state is BaseJob.QUEUED

    def test_submits_and_the_child_can_find_out_what_became_of_it(self) -> None:
        gate = Gate("native-1")
        backend = Backend(submit=[gate], find=["native-1"])
        job = Remote(backend, "j-1")
        submitting = Background(job.submit)
        gate.wait_until_asked()

        def child() -> None:
            assert job.reconcile() is Outcome.ADVANCED
            assert (job.state, job.native_id) == (BaseJob.QUEUED, "native-1")
            assert backend.asked == ["submit", "find"]
            use(job)

        in_child(child)

        gate.open()
        assert submitting.result() is None

    def test_cancels(self) -> None:
        gate = Gate(None)
        job = Remote(Backend(cancel=[gate, True]), "j-1")
        job.submit()
        cancelling = Background(job.cancel)
        gate.wait_until_asked()

        in_child(lambda: finds(job.cancel() is True and job.cancelled()))

        gate.open()
        assert cancelling.result() is True
        assert job.state is BaseJob.QUEUED

    def test_calls_outsiders(self) -> None:
        gate = Gate()
        job = Pushed(None, "j-1")
        heard: list[int] = []
        job.add_callback(lambda _, entry: gate() if entry.number == 1 else None)
        job.add_callback(lambda _, entry: heard.append(entry.number))
        submitting = Background(job.submit)
        gate.wait_until_asked()

        in_child(lambda: use(job))

        gate.open()
        submitting.result()
        job.start()
        assert heard == [1, 2]

    def test_writes_the_journal(self) -> None:
        gate, rows = Gate(), Rows()
        job = Pushed(None, "j-1", journal=rows)
        job.submit()
        rows.witness = lambda entry: gate() if entry.number == 2 else None
        firing = Background(job.start)
        gate.wait_until_asked()

        def child() -> None:
            rows.witness = None
            assert job.state is BaseJob.QUEUED
            use(job)

        in_child(child)

        gate.open()
        assert firing.result() is True
        assert tuple(rows.kept) == job.history

    def test_does_all_of_it_at_once(self) -> None:
        # In a process of its own that nobody measures: what measures coverage takes locks, too,
        # which a child would inherit from threads that are not there.
        env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", __file__],
            env=env,
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )

        assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr


class Watched(Remote):
    """A job with a callback on each step."""

    start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, before="_note", after="_note")
    finish = Transition(JobStatus.RUNNING, JobStatus.DONE, before="_note", after="_note")

    def _note(self, event: Any) -> None:
        pass


def finds(truth: bool) -> None:
    assert truth


class TestInTheMiddleOf:
    """The thread that forks is itself in the middle of something."""

    @pytest.mark.parametrize("place", ["condition", "before", "after"])
    def test_a_declared_callback(self, place: str) -> None:
        children: list[int] = []

        def fork() -> None:
            children.append(os.fork())

        job = Held(place, fork)
        job.submit()

        try:
            fired = job.start()
            if children[0] == 0:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(int(PATIENCE))
                assert fired is True
                use(job)
                os._exit(0)
        finally:
            if children == [0]:
                os._exit(1)

        _, status = os.waitpid(children[0], 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert fired is True
        assert Background(job.finish).result() is True

    def test_an_outsider_s_callback(self) -> None:
        job, outcomes = Pushed(None, "j-1"), list[Any]()

        def fork(job: Any, entry: Any) -> None:
            if entry.number == 1:
                in_child(lambda: use_quietly(job))
                outcomes.append("ended")

        job.add_callback(fork)

        job.submit()

        assert outcomes == ["ended"]
        assert job.start() is True

    def test_a_hook(self) -> None:
        job = Remote(Backend(poll=[lambda job: in_child(lambda: use(job)), None]), "j-1")
        job.submit()

        assert job.status() is JobStatus.QUEUED

        assert job.observe("DONE") is Outcome.ADVANCED


def use_quietly(job: Any) -> None:
    """Do to a job what may be done by one who is being called by it."""
    assert Background(job.start).result() is True
    assert job.fail("in the child") is True
    job.wait_for_final_state()


class TestAfterwards:
    def test_parent_and_child_are_two_handles(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")

        in_child(lambda: use(job))

        assert job.state is BaseJob.QUEUED
        assert len(job.history) == 1
        assert job.start() is True

    def test_a_child_wakes_those_who_wait_in_it(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")

        def child() -> None:
            looked = threading.Event()
            waiting = Background(
                job.wait_for_final_state, wait=float("inf"), callback=lambda *_: looked.set()
            )
            assert looked.wait(PATIENCE)
            job.fail()
            assert waiting.result() is None

        in_child(child)

    def test_a_child_may_have_children(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")

        in_child(lambda: in_child(lambda: use(job)))

        assert job.start() is True

    def test_a_child_may_await_what_its_parent_awaited_too(self) -> None:
        async def awaited() -> Any:
            job = Remote(Backend(poll=["RUNNING", "DONE"]), "j-1")
            job.submit()
            return await job

        assert asyncio.run(awaited()) == "the result"

        in_child(lambda: finds(asyncio.run(awaited()) == "the result"))

    def test_new_jobs_of_a_child_live_as_all_do(self) -> None:
        def child() -> None:
            for state in BASE_WAYS:
                brought_to(Pushed(None, "new"), BASE_WAYS, state)
            remote = Remote(Backend(poll=[None, "DONE"]), "new")
            remote.submit()
            assert remote.result(timeout=PATIENCE) == "the result"

        in_child(child)


def fork_beside_threads() -> None:
    """Fork again and again while other threads do everything that can be done to a job."""
    jobs: deque[Any] = deque(maxlen=4)
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            job = Watched(Backend(), "w-1")
            job.add_callback(lambda *_: None)
            jobs.append(job)
            job.submit()
            job.status()
            job.start()
            job.observe("DONE")

    def child() -> None:
        for job in list(jobs):
            use(job)
            assert_consistent(job)

    threads = [Background(hammer) for _ in range(2)]
    for _ in range(25):
        in_child(child)
    stop.set()
    for thread in threads:
        thread.result()


if __name__ == "__main__":
    fork_beside_threads()
    print("survived")


def test_two_threads_of_a_child_that_ask_for_the_first_time_get_one_lock() -> None:
    asked: list[Any] = []

    class Slot:
        held: Any = None

        def __get__(self, job: Any, owner: Any = None) -> Any:
            asked.append(job)
            return self.held

        def __set__(self, job: Any, held: Any) -> None:
            self.held = held

    job = Pushed(None, "j-1")
    overlay = _LockAfterFork(Slot(), 1)
    with overlay.renewing:
        threads = [Background(lambda: overlay.__get__(job)) for _ in range(2)]
        until(lambda: len(asked) == 2)
    first, second = (thread.result() for thread in threads)

    assert first is second
    assert overlay.__get__(job) is first
