"""Commands: programs that run as processes, their output in files.

The processes are started by `subprocess`, in a session of their own; see `_groups` for how they
are stopped. No shell is involved; ``["sh", "-c", line]`` asks for one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from sojourn._owner import name_of_process
from sojourn.backends._groups import Group, describe_exit
from sojourn.backends._keeper import Keeper
from sojourn.backends._left import GatedGroup, LeftGroup, has_begun, read_exit, sync
from sojourn.backends._slots import LocalJob, Slots, seconds_of, whole_number
from sojourn.backends._taking_up import give_up
from sojourn.errors import CannotRunError, CommandError
from sojourn.history import Journal
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus

__all__ = ["CommandBackend", "CommandJob", "CommandResult"]

#: What is read of a stderr that may be gigabytes long: its last bytes, and of these the last lines.
TAIL_BYTES = 8192
TAIL_LINES = 20

#: Where a command that may outlive its owner leaves its exit status.
LEFT = "exit"

Word = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command that succeeded leaves.

    Attributes:
        exit_code: 0; any other is an error.
        stdout: The file with what it wrote to stdout.
        stderr: The file with what it wrote to stderr.
    """

    exit_code: int
    stdout: Path
    stderr: Path


class CommandJob(LocalJob[CommandResult]):
    """A command; `CommandBackend.run` makes it.

    It is DONE if the command exits with code 0, and in ERROR with a `CommandError` for any other
    end, but CANCELLED if it was told to stop and did not succeed all the same.

    Attributes:
        name: What people call it; the name of the program unless another was given.
        command: The program and its arguments.
        cwd: The directory it runs in; ``None`` for that of this program.
        env: Its whole environment; ``None`` for that of this program.
        timeout: Seconds that it may take, counted from its start.
        pid: Id of its process, once it runs.
    """

    def __init__(
        self,
        backend: CommandBackend,
        job_id: str,
        command: Sequence[Word],
        *,
        cwd: Word | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        name: str | None = None,
        folder: Word | None = None,
        metadata: Mapping[str, Any] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Check what can be checked, and start nothing.

        Its output goes to ``folder``, which is made when it starts; if none is given, to one below
        that of the backend.

        Raises:
            TypeError: Something is of a wrong type, such as a command that is one string.
            ValueError: Something makes no sense, such as a NUL character in an argument.
            CannotRunError: There is no such program, or no such directory.
        """
        super().__init__(backend, job_id, metadata=metadata, journal=journal)
        self.command: tuple[str, ...] = _check_command(command)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a name must be a str, not {name!r:.80}")
        self.name: str = Path(self.command[0]).name if name is None else name
        self.cwd: Path | None = None if cwd is None else Path(_check_word(cwd, "cwd"))
        self.env: dict[str, str] | None = None if env is None else _check_env(env)
        self.timeout: float | None = seconds_of("timeout", timeout)
        own = None if folder is None else Path(_check_word(folder, "folder")).absolute()
        self._folder: Path = own or backend.folder / _safe(job_id)
        self.pid: int | None = None
        if self.cwd is not None:
            _check_directory(self.cwd, self.command)
        _find_program(self.command, self.cwd, self.env)

    @property
    def folder(self) -> Path:
        """Where its output is; each attempt has a folder of its own."""
        attempt = self.attempt
        return self._folder if attempt == 1 else Path(f"{self._folder}~{attempt}")

    @property
    def stdout_path(self) -> Path:
        """The file with what it has written to stdout; there once it runs."""
        return self.folder / "stdout"

    @property
    def stderr_path(self) -> Path:
        """The file with what it has written to stderr; there once it runs."""
        return self.folder / "stderr"

    def _fetch_result(self) -> CommandResult:
        return CommandResult(0, self.stdout_path, self.stderr_path)

    @classmethod
    def _made_again(cls, backend: Any, job_id: str, arguments: Mapping[str, Any]) -> Self:
        job = cls.__new__(cls)
        # Its program or its directory may be gone meanwhile, which is looked at last. It can be
        # told of and cancelled all the same, and to start it fails.
        with suppress(CannotRunError):
            job.__init__(backend, job_id, **arguments)  # type: ignore[misc]  # just made, of this class
        return job

    def _arguments(self) -> Mapping[str, Any]:
        return {
            "command": list(self.command),
            # Whoever takes it up may be somewhere else.
            "cwd": str((self.cwd or Path()).absolute()),
            "env": self.env,
            "timeout": self.timeout,
            "name": self.name,
            "folder": str(self._folder),
        }

    def _pack_result(self, result: CommandResult) -> Any:
        return [result.exit_code, str(result.stdout), str(result.stderr)]

    def _unpack_result(self, packed: Any) -> CommandResult:
        exit_code, stdout, stderr = packed
        return CommandResult(exit_code, Path(stdout), Path(stderr))

    def _begin_attempt(self) -> None:
        """Make the folder of the attempt; each has its own."""
        # What is there of a job with a journal is of an owner that ended before it could begin.
        self.folder.mkdir(mode=0o700, exist_ok=self._sj_book() is not None)


class CommandBackend(Slots[CommandJob]):
    r"""Runs commands on this machine, so many at a time; the others wait in order.

    A context manager: leaving the block waits for all commands, leaving it by an exception cancels
    them. Every command has a session and a process group of its own. What it leaves behind in
    its group is stopped when it ends. POSIX only.

    Attributes:
        folder: Where the output of commands goes, a sub-folder for each.

    Example:
        >>> from sojourn.backends import CommandBackend
        >>> with CommandBackend(slots=2) as backend:
        ...     job = backend.run(["echo", "hello"], timeout=60)
        ...     job.result().stdout.read_text()
        'hello\n'
    """

    kind = "command backend"

    job_classes: ClassVar[tuple[type[BaseJob[Any]], ...]] = (CommandJob,)

    def __init__(
        self,
        slots: int,
        *,
        folder: str | Path | None = None,
        grace: float = 5.0,
        journal: Journal | None = None,
    ) -> None:
        """Make a backend; no process and no thread is started.

        Args:
            slots: How many commands run at the same time.
            folder: Where their output goes; it is made if it is missing, and it is kept. ``None``
                for a temporary one, which is removed when the backend is closed.
            grace: Seconds between asking a command to stop and killing it.
            journal: Where the histories of jobs that `run` makes are kept. A command that has one
                may outlive this process, and is found and followed when it is taken up again.

        Raises:
            TypeError: Something is of a wrong type.
            ValueError: ``slots`` is below 1, or ``grace`` is negative.
            CannotRunError: The folder cannot be made, or this system has no process groups.
        """
        if not hasattr(os, "killpg"):
            raise CannotRunError("a command backend", "this system has no process groups")
        super().__init__(whole_number("slots", slots), journal)
        self._grace = seconds_of("grace", grace) or 0.0
        self.folder: Path = _make_folder(folder)
        if folder is None:
            self._holdings.on_leaving(partial(shutil.rmtree, self.folder, ignore_errors=True))
        self._left: dict[str, LeftGroup] = {}

    def run(
        self,
        command: Sequence[Word],
        *,
        cwd: Word | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        name: str | None = None,
    ) -> CommandJob:
        """Submit a command.

        Args:
            command: The program and its arguments; no shell looks at them.
            cwd: The directory it runs in; that of this program if not given.
            env: Its whole environment; that of this program if not given.
            timeout: Seconds that it may take, counted from its start; then it is stopped, and in
                ERROR.
            name: What people call it; the name of the program if not given.

        Returns:
            The job, submitted.

        Raises:
            TypeError: Something is of a wrong type, such as a command that is one string.
            ValueError: Something makes no sense, such as a NUL character in an argument.
            CannotRunError: There is no such program or directory, or the backend is closed.
        """
        job = CommandJob(
            self,
            self._name_job(),
            command,
            cwd=cwd,
            env=env,
            timeout=timeout,
            name=name,
            journal=self._journal,
        )
        self._launch(job)
        return job

    def _is_still_to_do(self, job: CommandJob) -> bool:
        if job.state.status is not JobStatus.RUNNING:
            return True
        group = _left_group(job, self._keeper, self._grace)
        if group.find():
            self._left[job.job_id()] = group
            return True  # a slot follows it to its end
        code = read_exit(job.folder / LEFT)
        if code is None:
            return not _has_begun(job) or give_up(job, _lost(job))
        _tell_end(job, code)
        return False

    def _withdraw(self, job_id: str) -> bool:
        return job_id not in self._left and super()._withdraw(job_id)

    def _stop(self, job: CommandJob) -> bool | None:
        group = self._left.get(job.job_id())
        if group is None:
            return super()._stop(job)
        group.stop("cancelled")
        return None

    def _slot(self) -> _CommandSlot:
        self._keeper.start()
        return _CommandSlot(self._keeper, self._grace)

    def _kill(self) -> None:
        for slot in tuple(self._running.values()):
            assert isinstance(slot, _CommandSlot)  # `_slot` makes no other
            slot.kill()


class _CommandSlot:
    """One place in which commands run, one at a time."""

    def __init__(self, keeper: Keeper, grace: float) -> None:
        self._keeper = keeper
        self._grace = grace
        self._now: tuple[CommandJob | None, Group] = (None, Group(keeper, grace))

    def expect(self, job: CommandJob | None) -> None:
        self._now = (job, self._now[1] if job is None else self._group_for(job))

    def _group_for(self, job: CommandJob) -> Group:
        if job._sj_book() is None:
            return Group(self._keeper, self._grace)
        left = job.backend()._left.get(job.job_id())
        return GatedGroup(self._keeper, self._grace) if left is None else left

    def work(self, job: CommandJob) -> None:
        group = self._now[1]
        if isinstance(group, LeftGroup):
            self._follow_left(job, group)
            return
        try:
            started = self._start(job, group)
        except OSError as error:
            job.observe(JobStatus.ERROR, reason=CommandError(job.name, f"cannot start: {error}"))
            return
        if started:
            self._follow(job, group)
        else:
            job.observe(JobStatus.CANCELLED, reason="it was not started")

    def stop(self, job: CommandJob) -> None:
        current, group = self._now
        if current is job:
            group.stop("cancelled")

    def kill(self) -> None:
        self._now[1].kill()

    def close(self) -> None:
        """Nothing is held."""

    def _start(self, job: CommandJob, group: Group) -> bool:
        job._begin_attempt()
        gated = isinstance(group, GatedGroup)
        mode = "wb" if gated else "xb"
        with job.stdout_path.open(mode) as stdout, job.stderr_path.open(mode) as stderr:
            files: dict[str, Any] = {"cwd": job.cwd, "stdout": stdout, "stderr": stderr}
            if isinstance(group, GatedGroup):
                return group.start_gated(job.command, job.folder / LEFT, job.env, **files)
            return group.start(list(job.command), env=job.env, stdin=subprocess.DEVNULL, **files)

    def _follow(self, job: CommandJob, group: Group) -> None:
        if job.timeout is not None:
            self._keeper.remind(group.late, job.timeout)
        job.pid = group.pid
        if not isinstance(group, GatedGroup):
            try:
                job.observe(JobStatus.RUNNING, reason=f"process {job.pid}")
            except BaseException:  # by a callback of its class
                group.stop("cancelled")
                group.wait()
                raise
        elif not self._let_go(job, group):
            return  # it was over before it could begin
        self._tell(job, group, group.wait())

    def _let_go(self, job: CommandJob, group: GatedGroup) -> bool:
        """Let a command begin as soon as the journal knows its process; tell whether it may."""
        begin = False
        try:
            assert group.pid is not None  # it was started
            with job._sj_lock:
                job._sj_stage(worker=name_of_process(group.pid))
            job.observe(JobStatus.RUNNING, reason=f"process {group.pid}")
            with job._sj_lock:
                # One that was RUNNING already has brought no entry that would take it along.
                job._sj_decide(partial(_keep_worker, job))
            begin = job.state.status is JobStatus.RUNNING
            return begin
        finally:
            group.let_go(begin=begin)
            if not begin:
                group.wait()

    def _follow_left(self, job: CommandJob, group: LeftGroup) -> None:
        """Follow a command that has outlived its owner."""
        job.pid = group.pid
        if job.timeout is not None:
            began = next(
                (e.at for e in reversed(job.history) if e.at and e.trigger == "start"), None
            )
            lasted = (datetime.now(UTC) - began).total_seconds() if began else 0.0
            self._keeper.remind(group.late, max(0.0, job.timeout - lasted))
        code = group.wait()
        job.backend()._left.pop(job.job_id(), None)
        if code is not None or group.why:
            self._tell(job, group, code)
        elif not _has_begun(job) or give_up(job, _lost(job)):
            self.expect(job)
            self.work(job)  # it never ran, or its class has it run again

    def _tell(self, job: CommandJob, group: Group, code: int | None) -> None:
        if group.why == "timed out":
            job.observe(JobStatus.ERROR, reason=_late(job))
        elif group.why and code != 0:
            job.observe(JobStatus.CANCELLED, reason=f"it {describe_exit(code)[0]}")
        else:
            _tell_end(job, code)


def _tell_end(job: CommandJob, code: int | None) -> None:
    """Report a command that has ended by itself."""
    if code != 0:
        job.observe(JobStatus.ERROR, reason=_failure(job, code))
        return
    if job._sj_book() is not None:
        # What it wrote is its result, which is durable before anybody is told of it.
        for path in (job.stdout_path, job.stderr_path, job.folder, job.folder.parent):
            sync(path)
        job._sj_known().result = job._fetch_result()
    job.observe(JobStatus.DONE)


def _left_group(job: CommandJob, keeper: Keeper, grace: float) -> LeftGroup:
    book = job._sj_book()
    worker = "" if book is None else book.worker
    return LeftGroup(keeper, grace, worker or "///", job.folder / LEFT)


def _keep_worker(job: CommandJob) -> None:
    """Write which process does the work if that is not written yet, and nobody has ended the job."""
    book = job._sj_book()
    assert book is not None  # its process waits for the journal to know it
    if book.staged and not job.state.is_final:
        job._sj_write(book)
        book.unsure = False


def _has_begun(job: CommandJob) -> bool:
    book = job._sj_book()
    assert book is not None  # or nobody could have left it
    return has_begun(book.worker, job.folder / LEFT)


def _lost(job: CommandJob) -> CommandError:
    return CommandError(
        job.name,
        "was left behind when its owner ended, and has ended without a word",
        stderr_tail=_tail(job.stderr_path),
    )


def _failure(job: CommandJob, code: int | None) -> CommandError:
    reason, exit_code, signal = describe_exit(code)
    return CommandError(job.name, reason, exit_code, signal, stderr_tail=_tail(job.stderr_path))


def _late(job: CommandJob) -> CommandError:
    reason = f"timed out after {job.timeout:g} s"
    return CommandError(job.name, reason, timeout=job.timeout, stderr_tail=_tail(job.stderr_path))


def _tail(path: Path) -> str:
    """Return the last lines of a file, however long it is."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = file.seek(max(0, size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ""
    lines = text.splitlines()
    if start and len(lines) > 1:
        del lines[0]  # it is only the end of one
    return "\n".join(lines[-TAIL_LINES:])


# What is checked before anything is started.


def _check_command(command: object) -> tuple[str, ...]:
    if isinstance(command, str | bytes | os.PathLike) or not isinstance(command, Sequence):
        raise TypeError(
            f"a command must be a list of words such as ['ls', '-l'], not {command!r:.80}; "
            "shlex.split() makes one of a line, and ['sh', '-c', line] runs it in a shell"
        )
    if not command or not command[0]:
        raise ValueError(f"a command must name a program, not {command!r:.80}")
    return tuple(_check_word(word, "an argument") for word in command)


def _check_word(word: object, what: str) -> str:
    text = os.fspath(word) if isinstance(word, os.PathLike) else word
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str or a path, not {word!r:.80}")
    if "\0" in text:
        raise ValueError(f"{what} cannot have a NUL character in it, as {word!r:.80} has")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} cannot be encoded for this system: {word!r:.80}") from error
    return text


def _check_env(env: object) -> dict[str, str]:
    if not isinstance(env, Mapping):
        raise TypeError(f"env must be a mapping of str to str, not {env!r:.80}")
    for name, value in env.items():
        for text in (name, value):
            if not isinstance(text, str):
                raise TypeError(f"env must be a mapping of str to str; {name!r:.80} is not")
            _check_word(text, "a variable of env")
        if not name or "=" in name:
            raise ValueError(f"a variable of env cannot be called {name!r:.80}")
    return dict(env)


def _check_directory(path: Path, command: tuple[str, ...]) -> None:
    if not path.is_dir():
        why = "is not a directory" if path.exists() else "is not there"
        raise CannotRunError(f"command {command[0]!r}", f"its directory {str(path)!r} {why}")


def _find_program(command: tuple[str, ...], cwd: Path | None, env: dict[str, str] | None) -> None:
    """Look for the program where the system will look for it."""
    program = command[0]
    if os.sep in program:
        path = Path(cwd or "") / program  # seen from the directory in which it is started
        if shutil.which(path) is not None:
            return
        why = "cannot be executed" if path.exists() else "is not there"
        seen = (
            f", seen from its directory {str(cwd)!r}"
            if cwd and not Path(program).is_absolute()
            else ""
        )
        raise CannotRunError(f"command {program!r}", f"the program {why}{seen}")
    if shutil.which(program, path=os.pathsep.join(os.get_exec_path(env))) is None:
        raise CannotRunError(f"command {program!r}", "the program is not there, nowhere on PATH")


def _make_folder(folder: str | Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="sojourn-"))
    path = Path(_check_word(folder, "folder")).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(
            "commands", f"their folder {str(path)!r} cannot be made: {error}"
        ) from error
    return path


def _safe(job_id: str) -> str:
    """Return a name for a folder; an id of somebody else's making may be a path."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", job_id):
        return job_id
    return hashlib.sha256(job_id.encode(errors="surrogatepass")).hexdigest()
