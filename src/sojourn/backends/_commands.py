"""What a command is: a job, and what is left of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sojourn._looking import duration
from sojourn.backends._checks import (
    Word,
    check_command,
    check_directory,
    check_env,
    check_word,
    find_program,
)
from sojourn.backends._slots import LocalJob
from sojourn.errors import CannotRunError
from sojourn.history import Journal

__all__ = ["CommandJob", "CommandResult", "folder_name"]


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
        backend: Any,
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
        self.command: tuple[str, ...] = check_command(command)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a name must be a str, not {name!r:.80}")
        self.name: str = Path(self.command[0]).name if name is None else name
        self.cwd: Path | None = None if cwd is None else Path(check_word(cwd, "cwd"))
        self.env: dict[str, str] | None = None if env is None else check_env(env)
        self.timeout: float | None = None if timeout is None else duration("timeout", timeout)
        own = None if folder is None else Path(check_word(folder, "folder")).absolute()
        self._folder: Path = own or backend.folder / folder_name(job_id)
        self.pid: int | None = None
        if self.cwd is not None:
            check_directory(self.cwd, self.command)
        find_program(self.command, self.cwd, self.env)

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


def folder_name(job_id: str) -> str:
    """Return a name for a folder; an id of somebody else's making may be a path."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", job_id):
        return job_id
    return hashlib.sha256(job_id.encode(errors="surrogatepass")).hexdigest()
