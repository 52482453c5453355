"""What runs in a worker process: calls come in, answers go out, one at a time.

The function runs in the main thread, so that signals reach it. A worker ends when its pipe is
closed, and is killed with all that it has started when its owner is gone.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import threading
import time
import traceback
from multiprocessing import process, spawn
from multiprocessing.connection import Connection
from typing import Any

from sojourn.backends._functions import StopRequested, call, running
from sojourn.backends._slots import NAP

__all__ = ["RemoteTraceback", "main"]


class RemoteTraceback(Exception):  # noqa: N818  # it is the cause of an error and none itself
    """The traceback of an exception that was raised in another process, as a text."""

    def __str__(self) -> str:
        """Return it, as `concurrent.futures` shows its own."""
        return f'\n"""\n{self.args[0]}"""'


class _Call:
    """The call that runs here; what `current_job` gives to its function."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id

    def job_id(self) -> str:
        return self._job_id

    @property
    def cancel_requested(self) -> bool:
        return _Stopping.asked


class _Stopping:
    """Whether this process is asked to stop, and whether a function is there to be told."""

    asked = False
    calling = False
    forking = False


def main(pipe: int, lifeline: int, leash: int) -> None:
    """Serve one owner to the end.

    Args:
        pipe: File descriptor by which calls come and answers go.
        lifeline: File descriptor that reads a byte when the worker is told to stop, and
            end-of-file when the owner is gone.
        leash: File descriptor of a pipe to which nobody writes; the owner holds its other end.
    """
    _die_with(leash)
    threading.Thread(target=_listen, args=(lifeline,), daemon=True).start()
    owner = Connection(pipe)
    try:
        owner.send_bytes(_prepare(owner.recv_bytes()))
        signal.signal(signal.SIGTERM, _stop)
        os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_be_ordinary)
        while not _Stopping.asked:
            job_id, _, payload = owner.recv_bytes().partition(b"\0")
            owner.send_bytes(_answer(job_id.decode(), payload))
    except (EOFError, OSError, StopRequested):
        pass  # the owner needs this process no more


def _die_with(leash: int) -> None:
    """Have the system kill this process group when the other end of a pipe is closed.

    A thread that waits for that cannot act while a function written in C holds the interpreter.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(leash, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(leash, fcntl.F_SETFL, os.O_ASYNC)


def _listen(lifeline: int) -> None:
    """See to it that a request to stop is heard, and end everything when the owner is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    while os.read(lifeline, 1):
        # A signal that comes just before the main thread falls asleep does not wake it.
        while _is_unheard() and signal.getsignal(signal.SIGTERM) is _stop:
            time.sleep(NAP)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    os.killpg(0, signal.SIGKILL)


def _is_unheard() -> bool:
    return _Stopping.calling or not _Stopping.asked


def _stop(_number: int, _frame: object) -> None:
    _Stopping.asked = True
    if _Stopping.calling and not _Stopping.forking:
        _Stopping.calling = False  # once is enough: the second time it could hit the cleaning up
        raise StopRequested


# What a function forks ends like any other process when it is asked to. Python forgets a signal that
# a child gets before it has begun, and ignores what is raised in the middle of a fork.


def _hold() -> None:
    _Stopping.forking = True
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _go_on() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    _Stopping.forking = False


def _be_ordinary() -> None:
    if signal.getsignal(signal.SIGTERM) is _stop:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _go_on()


def _prepare(told: bytes) -> bytes:
    """Make this process look like its owner, as `multiprocessing` does; return what went wrong."""
    current: Any = process.current_process()
    current._inheriting = True  # while the main module is imported, it must start no processes
    try:
        spawn.prepare(pickle.loads(told))  # noqa: S301  # the owner has written it
    except BaseException:  # noqa: BLE001  # a main module may raise anything, SystemExit included
        return traceback.format_exc().encode(errors="replace")
    finally:
        del current._inheriting
    return b""


def _answer(job_id: str, payload: bytes) -> bytes:
    """Call what is asked for; return what became of it, pickled."""
    try:
        function, args, kwargs = pickle.loads(payload)  # noqa: S301  # the owner has written it
    except Exception as error:  # noqa: BLE001  # unpickling may raise anything
        return pickle.dumps(("lost", f"its process cannot read the call: {_told(error)}"))
    running.set(_Call(job_id))
    signal.signal(signal.SIGTERM, _stop)  # the function before this one may have had its own
    try:
        _Stopping.calling = True
        if _Stopping.asked:
            raise StopRequested  # noqa: TRY301  # as if it had come a moment later
        value = call(function, args, kwargs)
        _Stopping.calling = False
    except StopRequested as error:
        _Stopping.calling = False
        return _failed("stopped" if _Stopping.asked else "error", error)
    except BaseException as error:  # noqa: BLE001  # it is the job's, whatever it is
        _Stopping.calling = False
        return _failed("error", error)
    finally:
        running.set(None)
    try:
        return pickle.dumps(("done", value), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001  # pickling may raise anything
        return pickle.dumps(("lost", f"its result cannot be sent back: {_told(error)}"))


def _failed(what: str, error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(error))
    error.__traceback__ = None
    try:
        answer = pickle.dumps((what, error, text))
        pickle.loads(answer)  # noqa: S301  # one that does not come back would be lost
    except Exception:  # noqa: BLE001  # an exception's own __reduce__ may raise anything
        reason = f"it raised {_told(error)}, and that exception does not pickle"
        return pickle.dumps(("lost", reason, text))
    return answer


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  # whatever an author's __str__ raises
        return type(error).__name__
