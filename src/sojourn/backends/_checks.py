"""What a local backend refuses to begin with, because it makes no sense."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sojourn.errors import CannotRunError

__all__ = [
    "Word",
    "check_command",
    "check_directory",
    "check_env",
    "check_word",
    "find_program",
    "whole_number",
]

Word = str | os.PathLike[str]


def whole_number(name: str, value: object) -> int:
    """Return a number of slots that makes sense.

    Raises:
        TypeError: It is no int.
        ValueError: It is below 1.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {value!r:.80}")
    if value < 1:
        raise ValueError(f"{name} must be 1 or more, not {value}")
    return value


def check_command(command: object) -> tuple[str, ...]:
    if isinstance(command, str | bytes | os.PathLike) or not isinstance(command, Sequence):
        raise TypeError(
            f"a command must be a list of words such as ['ls', '-l'], not {command!r:.80}; "
            "shlex.split() makes one of a line, and ['sh', '-c', line] runs it in a shell"
        )
    if not command or not command[0]:
        raise ValueError(f"a command must name a program, not {command!r:.80}")
    return tuple(check_word(word, "an argument") for word in command)


def check_word(word: object, what: str) -> str:
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


def check_env(env: object) -> dict[str, str]:
    if not isinstance(env, Mapping):
        raise TypeError(f"env must be a mapping of str to str, not {env!r:.80}")
    for name, value in env.items():
        for text in (name, value):
            if not isinstance(text, str):
                raise TypeError(f"env must be a mapping of str to str; {name!r:.80} is not")
            check_word(text, "a variable of env")
        if not name or "=" in name:
            raise ValueError(f"a variable of env cannot be called {name!r:.80}")
    return dict(env)


def check_directory(path: Path, command: tuple[str, ...]) -> None:
    if not path.is_dir():
        why = "is not a directory" if path.exists() else "is not there"
        raise CannotRunError(f"command {command[0]!r}", f"its directory {str(path)!r} {why}")


def find_program(command: tuple[str, ...], cwd: Path | None, env: dict[str, str] | None) -> None:
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
