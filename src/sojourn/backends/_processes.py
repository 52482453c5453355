"""Functions in processes of their own pool.

`docs/explanation/process-pools.md` tells which libraries were tried, and what each of them lacks. Here
every worker leads a process group, has a pipe of its own, and shares no lock with any other.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import connection, process, spawn
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

from sojourn._looking import duration
from sojourn.backends._checks import whole_number
from sojourn.backends._functions import FunctionJob, lost, name_of
from sojourn.backends._groups import Group, describe_exit
from sojourn.backends._keeper import Keeper
from sojourn.backends._slots import Slots
from sojourn.backends._worker import RemoteTraceback
from sojourn.errors import CannotRunError, WorkerError
from sojourn.history import Journal
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus

__all__ = ["ProcessBackend"]

P = ParamSpec("P")
T = TypeVar("T")


class ProcessBackend(Slots[FunctionJob[Any]]):
    """Runs Python functions in worker processes, so many at a time; the others wait in order.

    A context manager: leaving the block waits for all of them, leaving it by an exception cancels
    them. A function and its arguments must pickle, and so must what it returns. A script that
    uses it begins its work under ``if __name__ == "__main__":``, because the workers import it. A
    function that is cancelled gets a `StopRequested`; it, and all that it has started, is killed
    if that takes longer than ``grace``. POSIX only.

    Example:
        >>> from sojourn.backends import ProcessBackend
        >>> with ProcessBackend(workers=1) as backend:
        ...     job = backend.run(pow, 2, 100, mod=7)
        >>> job.result()
        2
    """

    kind = "process backend"

    job_classes: ClassVar[tuple[type[BaseJob[Any]], ...]] = (FunctionJob,)

    def __init__(
        self,
        workers: int,
        *,
        timeout: float | None = None,
        grace: float = 5.0,
        journal: Journal | None = None,
    ) -> None:
        """Make a backend; processes are started when they are needed.

        Args:
            workers: How many functions run at the same time.
            timeout: Seconds that each function may take, counted from its start; then it is
                stopped, and in ERROR.
            grace: Seconds between asking a function to stop and killing its process.
            journal: Where the histories of jobs that `run` makes are kept, and their results. A
                function that its owner did not outlive is in ERROR when it is taken up again.

        Raises:
            TypeError: Something is of a wrong type.
            ValueError: ``workers`` is below 1, or a number of seconds is negative.
            CannotRunError: A worker makes it, while it imports the main module.
        """
        if not hasattr(os, "killpg"):
            raise CannotRunError("a process backend", "this system has no process groups")
        if getattr(process.current_process(), "_inheriting", False):
            raise CannotRunError(
                "a process backend",
                "a worker is importing this module, and would start workers of its own; "
                "put what starts jobs under if __name__ == '__main__':",
            )
        super().__init__(whole_number("workers", workers), journal)
        self._timeout = None if timeout is None else duration("timeout", timeout)
        self._grace = duration("grace", grace)

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> FunctionJob[T]:
        """Submit ``function(*args, **kwargs)``.

        Returns:
            The job, submitted.

        Raises:
            TypeError: It cannot be called, or it is a coroutine function.
            CannotRunError: The call does not pickle, or the backend is closed.
        """
        job: FunctionJob[T] = FunctionJob(
            self, self._name_job(), function, args, kwargs, journal=self._journal
        )
        self._launch(job)
        return job

    def _prepare(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> object:
        name = name_of(function)
        if getattr(function, "__module__", None) == "__main__" and not _imports_main(
            _preparation()
        ):
            raise CannotRunError(
                f"function {name!r}",
                "a process cannot import the main program if it is a notebook, typed, a folder or an archive; "
                "put the function in a module",
            )
        try:
            payload = pickle.dumps((function, args, dict(kwargs)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            raise CannotRunError(
                f"function {name!r}",
                f"the call does not pickle ({error}); a process needs a function from the top "
                "level of a module, and arguments that pickle",
            ) from error
        return name, payload

    def _is_still_to_do(self, job: FunctionJob[Any]) -> bool:
        return lost(job)

    def _slot(self) -> _ProcessSlot:
        self._keeper.start()
        return _ProcessSlot(self._keeper, self._timeout, self._grace)

    def _kill(self) -> None:
        for slot in tuple(self._running.values()):
            assert isinstance(slot, _ProcessSlot)  # `_slot` makes no other
            slot.kill()


class _ProcessSlot:
    """One worker process; another takes its place when it is gone."""

    def __init__(self, keeper: Keeper, timeout: float | None, grace: float) -> None:
        self._keeper = keeper
        self._timeout = timeout
        self._grace = grace
        self._lock = threading.Lock()
        self._job: FunctionJob[Any] | None = None
        self._group = Group(keeper, grace)
        self._pipe: connection.Connection | None = None
        self._lifeline: connection.Connection | None = None
        self._leash: connection.Connection | None = None
        self._poll = select.poll()
        self._ended: int | None = None

    def expect(self, job: FunctionJob[Any] | None) -> None:
        with self._lock:
            self._job = job

    def work(self, job: FunctionJob[Any]) -> None:
        name, payload = job._call
        job._call = None  # what a call holds is not kept longer than the call
        try:
            trouble = "" if self._pipe is not None else self._start()
        except OSError as error:
            trouble = f"its process cannot be started: {error}"
        answer = None
        if not trouble and not self._group.why:
            answer = self._run(job, payload)
        with self._lock:
            self._job = None
            why = self._group.why
        code = self._drop() if why or answer is None else None
        if trouble:
            job.observe(JobStatus.ERROR, reason=WorkerError(name, trouble))
        elif why == "timed out":
            job.observe(JobStatus.ERROR, reason=_late(name, self._timeout))
        elif answer is not None:
            _settle(job, name, answer)
        elif why:
            job.observe(JobStatus.CANCELLED, reason=f"its process {describe_exit(code)[0]}")
        else:
            reason, exit_code, signal = describe_exit(code)
            error_found = WorkerError(name, f"its process {reason}", exit_code, signal)
            job.observe(JobStatus.ERROR, reason=error_found)

    def stop(self, job: FunctionJob[Any]) -> None:
        self._tell_to_stop(job, "cancelled")

    def kill(self) -> None:
        self._group.kill()

    def close(self) -> None:
        if self._group.pid is not None:
            self._keeper.remind(self._group.late, self._grace)
        self._drop()

    def _start(self) -> str:
        """Start a worker; return what went wrong."""
        here, there = connection.Pipe()
        listening, self._lifeline = connection.Pipe(duplex=False)
        leash, self._leash = connection.Pipe(duplex=False)
        handed = (there.fileno(), listening.fileno(), leash.fileno())
        entry = f"from sojourn.backends._worker import main; main{handed}"
        command = [
            sys.executable,
            *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]  # as `multiprocessing` does
            "-c",
            f"import sys; sys.path[:] = {sys.path!r}; {entry}",
        ]
        self._pipe = here
        with there, listening, leash:
            if not self._group.start(command, stdin=subprocess.DEVNULL, pass_fds=handed):
                return ""
        self._poll = select.poll()
        self._poll.register(here.fileno(), select.POLLIN)
        pid = self._group.pid
        assert pid is not None  # it has started
        if hasattr(os, "pidfd_open"):
            # What a function has forked may hold the pipe open when the worker is gone.
            self._ended = os.pidfd_open(pid)
            self._poll.register(self._ended, select.POLLIN)
        told = self._ask(pickle.dumps(_preparation()))
        if not told:
            return ""
        return f"its process cannot import the main module:\n{told.decode(errors='replace')}"

    def _run(self, job: FunctionJob[Any], payload: bytes) -> bytes | None:
        """Return what the worker answers to a call; ``None`` if it has ended without an answer."""
        limit = partial(self._tell_to_stop, job, "timed out")
        if self._timeout is not None:
            self._keeper.remind(limit, self._timeout)
        job.observe(JobStatus.RUNNING, reason=f"process {self._group.pid}")
        answer = self._ask(job.job_id().encode() + b"\0" + payload)
        self._keeper.forget(limit)
        return answer

    def _tell_to_stop(self, job: FunctionJob[Any], why: str) -> None:
        with self._lock:
            if self._job is not job or self._group.why:
                return
            if self._group.stop(why) and self._lifeline is not None:
                with suppress(OSError):  # it has ended just now
                    os.write(self._lifeline.fileno(), b"!")

    def _ask(self, message: bytes) -> bytes | None:
        """Return the answer; ``None`` if the process has ended without one."""
        assert self._pipe is not None  # it was started
        try:
            self._pipe.send_bytes(message)
            self._poll.poll()
            if self._pipe.poll():
                return self._pipe.recv_bytes()
        except (EOFError, OSError):
            pass
        return None

    def _drop(self) -> int | None:
        """Let the worker go, and wait for the end of it and of all that it has started."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        group = self._group
        code = None
        if group.pid is not None:
            code = group.wait()
        for held in (self._lifeline, self._leash):
            if held is not None:
                held.close()
        self._lifeline = self._leash = None
        if self._ended is not None:
            os.close(self._ended)
            self._ended = None
        self._group = Group(self._keeper, self._grace)
        return code


def _settle(job: FunctionJob[Any], name: str, answer: bytes) -> None:
    """Report what the worker has answered."""
    try:
        what, value, *texts = pickle.loads(answer)  # noqa: S301  # the worker has written it
    except Exception as error:  # noqa: BLE001  # unpickling may raise anything
        what, value, texts = "lost", f"its result cannot be read here: {error!r}", []
    if what == "done":
        job._succeed(value)
        return
    found = WorkerError(name, value) if what == "lost" else value
    if texts:
        found.__cause__ = RemoteTraceback(*texts)
    job.observe(JobStatus.CANCELLED if what == "stopped" else JobStatus.ERROR, reason=found)


def _late(name: str, timeout: float | None) -> WorkerError:
    return WorkerError(name, f"it timed out after {timeout:g} s", timeout=timeout)


def _preparation() -> dict[str, Any]:
    """Return what makes a worker look like this process."""
    told = dict(spawn.get_preparation_data("sojourn-worker"))
    told["authkey"] = bytes(told["authkey"])  # its own type refuses to be pickled
    if not Path(told.get("init_main_from_path", os.curdir)).exists():
        del told["init_main_from_path"]  # it is "<stdin>", and no file
    return told


def _imports_main(told: Mapping[str, Any]) -> bool:
    """Whether a worker that is told so has the functions of the main module."""
    name = told.get("init_main_from_name", "__main__")
    return "init_main_from_path" in told or name.rpartition(".")[2] != "__main__"
