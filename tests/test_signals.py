"""A real Ctrl-C at any moment leaves a job in one consistent state, unlocked.

A second process sends this one a SIGINT at a random moment of each round, some thousands in all,
while the main thread does the same thing with one fresh job after the other; a round ends with
its interrupt. Whatever the signal hits is then looked at from another thread, which a lock that
was left behind would stop for ever.
"""

from __future__ import annotations

import dis
import gc
import inspect
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import CodeType
from typing import Any

import pytest

import sojourn
from job_doubles import PATIENCE, Background, Pushed, Rows
from job_oracle import BASE, FINALS, assert_consistent
from sojourn import BaseJob, IllegalTransitionError, JobStatus, Outcome, Transition

#: How often each scenario is interrupted; there are about a dozen.
ROUNDS = 400

#: Waits for a byte, spins for a random while, and sends the signal.
SENDER = """
import os, random, signal, sys, time
parent, dice = int(sys.argv[1]), random.Random(int(sys.argv[2]))
while os.read(0, 1):
    end = time.perf_counter() + dice.uniform(0, 0.0003)
    while time.perf_counter() < end:
        pass
    os.kill(parent, signal.SIGINT)
"""

Deed = Callable[[], Any]


class Storm:
    """Interrupts what the main thread does, once a round, and looks at what is left."""

    def __init__(self) -> None:
        arguments = [sys.executable, "-c", SENDER, str(os.getpid()), "7"]
        self._sender = subprocess.Popen(arguments, stdin=subprocess.PIPE, bufsize=0)
        self._checks: queue.SimpleQueue[Deed | None] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._checker = threading.Thread(target=self._check, daemon=True)
        self._checker.start()
        self.hits = 0

    def close(self) -> None:
        assert self._sender.stdin is not None
        self._sender.stdin.close()
        self._sender.wait(PATIENCE)
        self._checks.put(None)

    def interrupt(self, deed: Deed) -> None:
        """Do something again and again until the signal of this round arrives."""
        hits, wrong = self.hits, None
        try:
            wrong = self._repeat(deed)
        except KeyboardInterrupt:
            self.hits += 1
        if wrong is not None:
            raise wrong
        assert self.hits > hits, "an interrupt was swallowed"

    def _repeat(self, deed: Deed) -> Exception | None:
        # In a function of its own: the backward jump of a loop is not covered by a `try` around
        # the loop on every version, and an interrupt that hits it would escape.
        assert self._sender.stdin is not None
        try:
            self._sender.stdin.write(b".")
            end = monotonic() + PATIENCE
            while monotonic() < end:
                deed()
        except KeyboardInterrupt:  # of a submission, it is an ordinary error too
            raise
        except Exception as error:  # noqa: BLE001  # raised again by the caller
            # The signal is still on its way, and nobody else must get it.
            with suppress(KeyboardInterrupt):
                threading.Event().wait(PATIENCE)
            return error
        return None

    def elsewhere(self, check: Deed) -> None:
        """Check something in another thread."""
        self._checks.put(check)
        try:
            error = self._found.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("the job is locked") from None
        if error is not None:
            raise error

    def _check(self) -> None:
        while (check := self._checks.get()) is not None:
            try:
                check()
            except BaseException as error:  # noqa: BLE001  # raised again in the main thread
                self._found.put(error)
            else:
                self._found.put(None)


@pytest.fixture
def storm() -> Iterator[Storm]:
    # A process that was started in the background may have been told to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    # Python drops an interrupt that hits the callback of a weak reference to something collected.
    gc.collect()
    gc.disable()
    storm = Storm()
    yield storm
    storm.close()
    gc.enable()
    signal.signal(signal.SIGINT, before)


def sound(job: Any, table: dict[tuple[str, str], str] = BASE) -> None:
    """Check what may be read, and that whoever needs the lock gets it."""
    assert_consistent(job, table)
    assert [entry.dest in FINALS for entry in job.history[:-1]].count(True) == 0
    state = job.state
    assert job.observe(state) is Outcome.UNCHANGED
    assert job.state is state


def taken(made: deque[Any]) -> Iterator[Any]:
    """Take what the latest round has made, so that nothing is looked at twice."""
    while made:
        yield made.popleft()


class Called(BaseJob[Any]):
    """Every step runs a condition and two callbacks."""

    def _yes(self, event: Any) -> bool:
        return True

    def _note(self, event: Any) -> None:
        self.notes += 1

    notes = 0
    start = Transition(
        JobStatus.QUEUED, JobStatus.RUNNING, conditions="_yes", before="_note", after="_note"
    )
    finish = Transition(JobStatus.RUNNING, JobStatus.DONE, before="_note", after="_note")


class TestFiring:
    @pytest.mark.parametrize("cls", [Pushed, Called])
    @pytest.mark.parametrize("by_name", [False, True], ids=["method", "trigger"])
    def test_interrupted_anywhere(self, storm: Storm, cls: type[Any], by_name: bool) -> None:
        made: deque[Any] = deque(maxlen=3)

        def live() -> None:
            job = cls(None, "j-1")
            made.append(job)
            job.submit()
            if by_name:
                job.trigger("start")
                job.trigger("finish", result=1)
            else:
                job.start()
                job.finish(result=1)

        for _ in range(ROUNDS):
            storm.interrupt(live)
            for job in taken(made):
                storm.elsewhere(lambda job=job: sound(job))

    def test_interrupted_while_it_is_refused(self, storm: Storm) -> None:
        made: deque[Any] = deque(maxlen=3)

        def live() -> None:
            job = Pushed(None, "j-1")
            made.append(job)
            try:
                job.finish()
            except IllegalTransitionError:
                pass

        for _ in range(ROUNDS):
            storm.interrupt(live)
            for job in taken(made):
                assert job.history == ()
                storm.elsewhere(lambda job=job: sound(job))

    def test_interrupted_with_outsiders_it_goes_on_telling_them(self, storm: Storm) -> None:
        made: deque[tuple[Any, list[int]]] = deque(maxlen=3)

        def live() -> None:
            job, told = Pushed(None, "j-1"), list[int]()
            job.add_callback(lambda _, entry: told.append(entry.number))
            made.append((job, told))
            job.submit()
            job.start()

        def check(job: Any, told: list[int]) -> None:
            sound(job)
            job.fail("the end")
            last = len(job.history)
            # Nothing twice and nothing out of order, and whoever fires next is heard of.
            assert told == sorted(set(told))
            assert told[-1] == last

        for _ in range(ROUNDS):
            storm.interrupt(live)
            for job, told in taken(made):
                storm.elsewhere(lambda job=job, told=told: check(job, told))

    def test_interrupted_with_a_journal_the_journal_is_not_behind(self, storm: Storm) -> None:
        made: deque[tuple[Any, Rows]] = deque(maxlen=3)

        def live() -> None:
            rows = Rows()
            job = Pushed(None, "j-1", journal=rows)
            made.append((job, rows))
            job.submit()
            job.start()
            job.finish()

        for _ in range(ROUNDS):
            storm.interrupt(live)
            for job, rows in taken(made):
                storm.elsewhere(lambda job=job: sound(job))
                # An entry may be kept and not yet visible; never the other way round.
                assert [entry.number for entry in rows.kept[: len(job.history)]] == [
                    entry.number for entry in job.history
                ]

    def test_interrupted_while_another_thread_fires_too(self, storm: Storm) -> None:
        made: deque[Any] = deque(maxlen=3)
        stop = threading.Event()

        def rival() -> None:
            while not stop.is_set():
                for job in list(made):
                    try:
                        job.trigger("cancel")
                    except IllegalTransitionError:
                        continue

        def live() -> None:
            job = Pushed(None, "j-1")
            made.append(job)
            try:
                job.submit()
                job.start()
                job.finish()
            except IllegalTransitionError:
                assert job.state is BaseJob.CANCELLED

        cancelling = Background(rival)
        try:
            for _ in range(ROUNDS):
                storm.interrupt(live)
                for job in taken(made):
                    storm.elsewhere(lambda job=job: sound(job))
        finally:
            stop.set()
        cancelling.result()


class TestObserving:
    def test_interrupted_anywhere(self, storm: Storm) -> None:
        made: deque[Any] = deque(maxlen=3)

        def live() -> None:
            job = Called(None, "j-1")
            made.append(job)
            job.observe("RUNNING")
            job.observe("QUEUED")
            job.observe("DONE")

        for _ in range(ROUNDS):
            storm.interrupt(live)
            for job in taken(made):
                storm.elsewhere(lambda job=job: sound(job))


class Books:
    """A backend that knows exactly what it was sent."""

    def __init__(self) -> None:
        self.sent: Counter[int] = Counter()


class Booked(BaseJob[int]):
    """A job that can be looked up, polled and cancelled; everything is answered at once."""

    looks = 0

    def _submit(self) -> str:
        self.backend().sent[id(self)] += 1
        return "native"

    def _find(self) -> str | None:
        return "native" if self.backend().sent[id(self)] else None

    def _poll(self) -> str | None:
        self.looks += 1
        return "DONE" if self.looks > 3 else None

    def _cancel(self) -> bool:
        return True

    def _fetch_result(self) -> int:
        return 42


class TestCommanding:
    def test_a_submission_that_is_interrupted_can_be_settled_and_is_sent_once(
        self, storm: Storm
    ) -> None:
        made: deque[Any] = deque(maxlen=3)
        uncertain = 0

        def live() -> None:
            job = Booked(Books(), "j-1")
            made.append(job)
            job.submit()

        def settle(job: Any) -> None:
            nonlocal uncertain
            assert job.history == () or job.history[0].trigger == "submit"
            try:
                job.submit()
            except IllegalTransitionError:
                if job.state is BaseJob.INITIALIZING:
                    uncertain += 1
                    job.reconcile()
            assert job.state is BaseJob.QUEUED
            assert job.native_id == "native"
            assert job.backend().sent[id(job)] == 1
            sound(job)

        for _ in range(ROUNDS * 2):
            storm.interrupt(live)
            for job in taken(made):
                storm.elsewhere(lambda job=job: settle(job))
        assert uncertain > 0

    def test_a_cancellation_that_is_interrupted_can_be_asked_for_again(self, storm: Storm) -> None:
        made: deque[Any] = deque(maxlen=4)

        def live() -> None:
            early, late = Booked(Books(), "j-1"), Booked(Books(), "j-2")
            made.extend([early, late])
            early.cancel()
            late.submit()
            late.cancel()

        def check(job: Any) -> None:
            sound(job)
            if job.state is BaseJob.INITIALIZING:
                # Whatever was begun is uncertain; what was not, has nothing to reconcile.
                with suppress(IllegalTransitionError):
                    job.reconcile()
            assert job.cancel() is True
            assert job.state is BaseJob.CANCELLED
            sound(job)

        for _ in range(ROUNDS):
            storm.interrupt(live)
            for job in taken(made):
                storm.elsewhere(lambda job=job: check(job))


class TestWaiting:
    @pytest.mark.parametrize("how", ["wait", "status", "result"])
    def test_what_is_interrupted_can_be_asked_again(self, storm: Storm, how: str) -> None:
        made: deque[Any] = deque(maxlen=3)
        ask: dict[str, Callable[[Any], Any]] = {
            "wait": lambda job: job.wait_for_final_state(wait=0),
            "status": lambda job: [job.status() for _ in range(5)],
            "result": lambda job: job.result(),
        }

        def live() -> None:
            job = Booked(Books(), "j-1")
            job.trigger("submit")
            if how == "result":
                job.observe("DONE")
            made.append(job)
            ask[how](job)

        def check(job: Any) -> None:
            sound(job)
            job.wait_for_final_state(timeout=PATIENCE, wait=0)
            assert job.result() == 42
            sound(job)

        for _ in range(ROUNDS * 2):
            storm.interrupt(live)
            for job in taken(made):
                storm.elsewhere(lambda job=job: check(job))

    def test_a_pause_ends_with_the_interrupt(self, storm: Storm) -> None:
        class Quiet(BaseJob[Any]):
            pass

        for _ in range(ROUNDS):
            job = Quiet(None, "j-1")
            job.submit()
            # Short pauses: a signal that comes right before a thread falls asleep wakes it late.
            storm.interrupt(lambda job=job: job.wait_for_final_state(timeout=PATIENCE, wait=0.05))
            assert job.state is BaseJob.QUEUED
            storm.elsewhere(job.fail)

    def test_others_who_wait_are_not_stranded(self, storm: Storm) -> None:
        class Looping(BaseJob[Any]):
            again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

        table = {**BASE, ("RUNNING", "again"): "QUEUED"}
        for _ in range(ROUNDS // 10):
            job, looked = Looping(None, "j-1"), threading.Event()
            job.submit()
            waiting = Background(
                job.wait_for_final_state,
                wait=float("inf"),
                callback=lambda *_, looked=looked: looked.set(),
            )
            assert looked.wait(PATIENCE)

            def live(job: Any = job) -> None:
                if job.may("start"):
                    job.start()
                job.again()

            storm.interrupt(live)

            storm.elsewhere(job.fail)
            assert waiting.result() is None
            assert job.history[-1].dest == "ERROR"
            assert all(table[entry.source, entry.trigger] == entry.dest for entry in job.history)


#: Where locks are taken, and where it is noted who is inside a callback.
GUARDED = [
    "_asking.py",
    "_cancelling.py",
    "_finding.py",
    "_firing.py",
    "_handle.py",
    "_keeping.py",
    "_looking.py",
    "_reconciling.py",
    "_rereading.py",
    "_submitting.py",
    "_telling.py",
    "_waiting.py",
]


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all that are defined in it, but for generators, which end by errors."""
    if not code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@pytest.mark.parametrize("name", GUARDED)
def test_no_loop_jumps_back_outside_of_what_guards_it(name: str) -> None:
    # On some versions the backward jump of a loop is not covered by the `with` or the `try` around
    # it, and interrupts are raised just there: a lock would be left behind.
    path = Path(sojourn.__file__).with_name(name)
    unguarded = set()
    for code in codes(compile(path.read_text(encoding="utf-8"), name, "exec")):
        instructions = dis.Bytecode(code)

        def guards(offset: int, table: Any = instructions.exception_entries) -> set[int]:
            return {entry.target for entry in table if entry.start <= offset < entry.end}

        unguarded |= {
            code.co_name
            for jump in instructions
            if jump.opname == "JUMP_BACKWARD" and guards(jump.argval) - guards(jump.offset)
        }

    assert unguarded == set()
