"""Where commands run: as processes of this machine, so many at a time.

The processes are started by `subprocess`, in a session of their own; see `_groups` for how they
are stopped. No shell is involved; ``["sh", "-c", line]`` asks for one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from sojourn._looking import duration
from sojourn.backends._checks import Word, check_word, whole_number
from sojourn.backends._command_slots import LEFT, CommandSlot, left_group, lost, tell_end, was_begun
from sojourn.backends._commands import CommandJob
from sojourn.backends._left import LeftGroup, read_exit
from sojourn.backends._slots import Slots
from sojourn.backends._taking_up import give_up
from sojourn.errors import CannotRunError
from sojourn.history import Journal
from sojourn.job import BaseJob
from sojourn.lifecycle import JobStatus

__all__ = ["CommandBackend"]


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
        self._grace = duration("grace", grace)
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
        group = left_group(job, self._keeper, self._grace)
        if group.find():
            self._left[job.job_id()] = group
            return True  # a slot follows it to its end
        code = read_exit(job.folder / LEFT)
        if code is None:
            return not was_begun(job) or give_up(job, lost(job))
        tell_end(job, code)
        return False

    def _withdraw(self, job_id: str) -> bool:
        return job_id not in self._left and super()._withdraw(job_id)

    def _stop(self, job: CommandJob) -> bool | None:
        group = self._left.get(job.job_id())
        if group is None:
            return super()._stop(job)
        group.stop("cancelled")
        return None

    def _slot(self) -> CommandSlot:
        self._keeper.start()
        return CommandSlot(self._keeper, self._grace)

    def _kill(self) -> None:
        for slot in tuple(self._running.values()):
            assert isinstance(slot, CommandSlot)  # `_slot` makes no other
            slot.kill()


def _make_folder(folder: str | Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="sojourn-"))
    path = Path(check_word(folder, "folder")).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(
            "commands", f"their folder {str(path)!r} cannot be made: {error}"
        ) from error
    return path
