"""Functions that jobs run; worker processes import this file, so it imports little."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sojourn.backends import StopRequested, current_job

#: Longer than any test waits.
LONG = 600.0


class Unpicklable(Exception):
    """It cannot leave its process."""

    def __reduce__(self) -> Any:
        raise TypeError("no")


class Forgetful(Exception):
    """It pickles, and cannot be made again."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("only one")


class Trap:
    """It pickles, and harms who reads it."""

    def __reduce__(self) -> Any:
        return eval, ("1/0",)


def give(value: Any, **named: Any) -> Any:
    return (value, named) if named else value


def throw(error: BaseException) -> None:
    raise error


def throw_unpicklable() -> None:
    raise Unpicklable("a lock inside")


def throw_forgetful() -> None:
    raise Forgetful(1, 2)


def make_trap() -> Trap:
    return Trap()


def make_lock() -> Any:
    return threading.Lock()


async def coroutine() -> None:
    await asyncio.sleep(0)


def know_your_job() -> str:
    return current_job().job_id()


def process_id() -> int:
    return os.getpid()


def kill_yourself(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(LONG)


def segfault() -> None:
    ctypes.string_at(0)


def leave(code: int) -> None:
    os._exit(code)


def sleep(folder: Path) -> None:
    """Tell who runs, and sleep."""
    write(folder / "pid", os.getpid())
    time.sleep(LONG)


def sleep_and_tidy(folder: Path) -> None:
    """Sleep, and tidy up when it is asked to stop."""
    try:
        sleep(folder)
    finally:
        (folder / "tidied").touch()


def sleep_and_return(folder: Path) -> str:
    """Sleep, and be content with being asked to stop."""
    try:
        sleep(folder)
    except StopRequested:
        return "what was there"
    return "all"


def sleep_and_fail(folder: Path) -> None:
    """Sleep, and fail when it is asked to stop."""
    try:
        sleep(folder)
    except StopRequested:
        raise ValueError("half done") from None


def sleep_and_ask(folder: Path) -> list[bool]:
    """Sleep, and tell what it knew before and afterwards."""
    known = [current_job().cancel_requested]
    try:
        sleep(folder)
    except StopRequested:
        known.append(current_job().cancel_requested)
    return known


def never_listen(folder: Path) -> None:
    """Have a child, and take notice of nobody's request; the child does not, either."""
    signal.signal(signal.SIGTERM, lambda *_: write(folder / "asked", 1))
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    write(folder / "child", child.pid)
    sleep(folder)


def stop_listening() -> None:
    """Leave a process that takes no notice of a request."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def never_let_go(folder: Path) -> None:
    """Hold the interpreter in a function written in C, for longer than anybody waits."""
    write(folder / "pid", os.getpid())
    re.match("(a+)+$", "a" * 60 + "b")


def have_a_child_and_die(folder: Path) -> None:
    """Leave a forked child that holds whatever this process holds, and be killed."""
    child = os.fork()
    if child == 0:
        time.sleep(LONG)
        os._exit(0)
    write(folder / "child", child)
    os.kill(os.getpid(), signal.SIGKILL)


def fork(then: str) -> int:
    """Fork, end the call in the child, too, and return the exit code of the child."""
    child = os.fork()
    if child == 0:
        if then == "leave":
            sys.exit(3)
        if then == "fail":
            raise ConnectionResetError("in the child")
        return -1
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def have_a_child_and_return(folder: Path) -> None:
    """Leave a child that outlives the call."""
    write(folder / "child", subprocess.Popen(["sleep", str(LONG)]).pid)


def have_a_child_and_sleep() -> None:
    """Sleep, and so does a child."""
    with subprocess.Popen(["sleep", str(LONG)]):
        time.sleep(LONG)


def leave_a_thread() -> None:
    """Leave a thread for which the interpreter waits when it exits."""
    threading.Thread(target=time.sleep, args=(LONG,)).start()


def terminate_a_child() -> int:
    """Fork a child, and return how it ends when it is asked to."""
    child = os.fork()
    if child == 0:
        time.sleep(LONG)
        os._exit(0)
    os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Slow:
    """It takes its time to be unpickled: until there is the file ``go``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return wait_for_go, (self.folder,)


def wait_for_go(folder: Path) -> Path:
    write(folder / "pid", os.getpid())
    while not (folder / "go").exists():
        threading.Event().wait(0.005)
    return folder / "ran"


def touch(path: Path) -> None:
    path.touch()


def look_until_asked(folder: Path, then: str) -> str:
    """Look whether it is asked to stop; then return, stop, or fail."""
    (folder / "ready").touch()
    try:
        look_until_asked_to_stop()
    except StopRequested:
        if then == "stop":
            raise
    if then == "fail":
        raise ValueError("half done")
    return "what was there"


def look_until_asked_to_stop() -> None:
    while not current_job().cancel_requested:
        threading.Event().wait(0.005)
    raise StopRequested


def write(path: Path, number: int) -> None:
    """Write a number, all of it at once."""
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(f"{number}\n")
    part.replace(path)
