"""An event loop by the manual clock, in a thread of its own: what is awaited there takes no time.

Time goes on when the loop has nothing to do and all who work for it sleep; then to what happens next.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, Future
from time import monotonic
from typing import Any, Final, NamedTuple

from sojourn.testing._calls import plain
from sojourn.testing._doubles import Background
from sojourn.testing._no_time import BoundedClock, no_time_passes
from sojourn.testing._report import BrokenPromiseError
from sojourn.testing._stacks import place_of
from sojourn.testing._stage import Stage
from sojourn.testing._watching import interrupt

__all__ = ["SIGN", "Played", "in_a_loop"]

#: How long something that must happen soon may take, in real seconds, before it is called off.
SIGN: Final = 5.0
#: How long a loop that waits for nobody we know is watched, in real seconds.
QUIET: Final = 2.0
#: How long a thread that sleeps by the clock looks away from it, in real seconds.
GLANCE: Final = 0.001


class _BlockedError(BaseException):
    """Leaves a call that would block the loop; no ``except Exception`` is to hold it back."""


class _LoopClock(BoundedClock):
    """The clock of one loop, and of all threads meanwhile.

    Attributes:
        thread: Identity of the loop's thread.
        blocked: What blocked the loop; ``""`` as long as nothing has.
        sleepers: Threads that sleep by it: their identities, their locks, and until when.
        started: Threads that the loop's own has started.
    """

    _most = 3_000  # nothing here takes longer than a minute

    def __init__(self) -> None:
        super().__init__()
        self.thread: int | None = None
        self.blocked = ""
        self.sleepers: list[tuple[int, threading.Lock, float]] = []
        self.started: list[threading.Thread] = []

    def refuse_in_loop(self, what: str) -> None:
        """End the call if the loop's own thread makes it."""
        if threading.get_ident() == self.thread:
            self.blocked = f"{what} in the loop's own thread, {place_of(sys._getframe(1))}"
            raise _BlockedError(self.blocked)

    def sleep(self, seconds: Any) -> None:
        """Sleep until others have let so much time pass."""
        lock = threading.Lock()
        lock.acquire()
        self._wait(lock, seconds)

    def _wait(self, waiter: threading.Lock, seconds: float | None) -> bool:
        self.refuse_in_loop("waits")
        self.check()
        self.naps.append(seconds)
        end = float("inf") if seconds is None else self.now + max(seconds, 0.0)
        sleeper = threading.get_ident(), waiter, end
        self.sleepers.append(sleeper)
        try:
            while not waiter.acquire(timeout=GLANCE):
                if self.now >= end or self._kept is None:
                    return False
            return True
        finally:
            self.sleepers.remove(sleeper)

    def asleep(self) -> list[int]:
        """Return which threads sleep, and will not wake by themselves."""
        now = self.now
        return [who for who, lock, end in list(self.sleepers) if lock.locked() and end > now]

    def go_on(self, seconds: float | None) -> bool:
        """Go on to what happens next, so many seconds from now at most; tell whether anything does."""
        ends = [end for _, _, end in list(self.sleepers) if end > self.now]
        ends += [self.now + seconds] if seconds is not None else []
        end = min(ends, default=float("inf"))
        due = self._due()
        if min(end, due) == float("inf"):
            return False
        self.check()
        self.naps.append(seconds)
        if due <= end:
            self._carry_out()
        else:
            self.now = end
        return True


class _Selector(selectors.DefaultSelector):
    """Lets the clock go on instead of waiting, unless a thread is at work for the loop."""

    loop: _Loop

    def select(self, timeout: float | None = None) -> Any:
        clock = self.loop.clock
        self.loop.turns += 1
        known = self.loop.at_work or clock.sleepers
        called_off = monotonic() + (SIGN if known else QUIET)
        ready = super().select(0)
        while not ready and (timeout is None or timeout > 0):
            if len(self.loop.at_work) <= len(clock.asleep()) and clock.go_on(timeout):
                return super().select(0)
            if monotonic() > called_off:
                raise AssertionError("nothing will ever end this wait")
            ready = super().select(GLANCE if self.loop.at_work or clock.sleepers else QUIET)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of a manual clock.

    Attributes:
        clock: The clock.
        turns: How often it has looked for something to do.
    """

    def __init__(self, clock: _LoopClock) -> None:
        self.clock = clock
        self.turns = 0
        self._awaited: set[object] = set()
        self._running: set[object] = set()
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self.set_exception_handler(lambda *_: None)

    @property
    def at_work(self) -> set[object]:
        """Calls that other threads make on its behalf, though nobody may await them any more."""
        return self._awaited | self._running

    def time(self) -> float:
        return self.clock.now

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> Any:  # type: ignore[override]
        call = object()
        self._awaited.add(call)
        future = super().run_in_executor(executor or _Threads(), self._apart, call, func, args)
        future.add_done_callback(lambda _: self._awaited.discard(call))
        return future

    def _apart(self, call: object, func: Any, args: Any) -> Any:
        """Make a call in another thread, and let the loop know when it begins and ends."""
        self._tell(self._running.add, call)
        try:
            return func(*args)
        finally:
            self._tell(self._running.discard, call)

    def _tell(self, change: Callable[[object], None], call: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody listens
            self.call_soon_threadsafe(change, call)


class _Threads(Executor):
    """A daemon thread for every call, so that one that never ends keeps no program alive."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  # handed to whoever asks
                    future.set_exception(error)

        Background(run)
        return future


class Played(NamedTuple):
    """What came of a coroutine.

    Attributes:
        answer: What it returned, or the exception that it raised.
        left: Names of threads that the loop's own has started, and that go on.
    """

    answer: Any
    left: list[str]


def in_a_loop(
    stage: Stage,
    text: str,
    scenario: Callable[[], Coroutine[Any, Any, Any]],
    *pushes: tuple[float, Callable[[], object]],
) -> Played:
    """Run a coroutine about the job of a stage in an event loop of its own.

    Args:
        stage: Where the job is.
        text: What is done, for people.
        scenario: Makes the coroutine.
        pushes: What happens meanwhile, after so many seconds.

    Raises:
        BrokenPromiseError: The loop was blocked.
    """
    stage.path.append(text)
    stage.ledger.doing = stage.path
    stage.ledger.calls += 1
    clock = _LoopClock()
    for push in pushes:
        clock.after(*push)
    with no_time_passes(clock), _asked_by(stage.desk, clock), _threads_of(clock):
        answer = _ended(_Loop(clock), scenario)
        left = [thread.name for thread in clock.started if _goes_on(thread, clock)]
        if clock.sleepers:  # a thread waits for the job, and nobody for the thread
            with contextlib.suppress(Exception):
                stage.job.observe(stage.job.lifecycle.state("DONE"))
    if clock.blocked:
        raise BrokenPromiseError("loop-goes-on", "the event loop goes on meanwhile", clock.blocked)
    stage.not_by_a_callback(answer)
    return Played(plain(stage.job, answer), left)


def _ended(loop: _Loop, scenario: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Return what came of a coroutine, unless the loop comes no more to its turn."""

    def run() -> Any:
        loop.clock.thread = threading.get_ident()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(scenario())

    background = Background(run)
    turns = -1
    while not background.over and turns != loop.turns:
        turns = loop.turns
        background.thread.join(2 * SIGN)
    if background.over:
        return background.outcome()
    frame = sys._current_frames().get(loop.clock.thread or 0)
    loop.clock.blocked = f"the loop's own thread hangs, {place_of(frame)}"
    interrupt(background.thread)
    return None


@contextlib.contextmanager
def _asked_by(desk: Any, clock: _LoopClock) -> Iterator[None]:
    """Let a desk refuse to be asked by the loop's own thread what it may take its time for."""
    ask = desk.ask

    def asked(question: str, job: Any = None) -> Any:
        if question in ("poll", "fetch_result"):
            clock.refuse_in_loop(f"asks the backend to {question}")
        return ask(question, job)

    desk.ask = asked
    try:
        yield
    finally:
        del desk.ask


@contextlib.contextmanager
def _threads_of(clock: _LoopClock) -> Iterator[None]:
    """Note the threads that the loop's own thread starts."""
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if threading.get_ident() == clock.thread:
            clock.started.append(thread)
        real(thread)

    threading.Thread.start = start  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        threading.Thread.start = real  # type: ignore[method-assign]


def _goes_on(thread: threading.Thread, clock: _LoopClock) -> bool:
    """Whether a thread is still there for this job, some time after all was over."""
    target = getattr(thread, "_target", None)
    if getattr(target, "__module__", "") == "concurrent.futures.thread":
        return False  # it waits for other work
    called_off = monotonic() + SIGN
    while thread.is_alive() and thread.ident not in clock.asleep():
        if monotonic() > called_off:
            return True
        thread.join(GLANCE)
    return thread.is_alive()
