r"""What a batch file says: one shell command a line, perhaps with a name in front.

A name is one word of letters, digits, ``_``, ``-`` and ``.`` that begins the line, and is followed by a colon and a
blank. So ``http://…``, ``C:\\…`` and ``LEVEL=9 gzip …`` begin with no name, and a backslash before a word keeps it from
being one.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePath

from sojourn.cli._terminal import RefusalError

SHELL = "/bin/sh"

#: What a command consists of for a shell. A ``#`` begins a comment only where a word may begin, which `shlex` does not
#: know; so this is what looks for quotes.
_PIECE = re.compile(
    r"""(?P<comment>(?<![^\s;&|()<>])\#.*) | '[^']*' | "(?:[^"\\]|\\.)*" | \\. | [^'"\\\#]+ | \#""",
    re.VERBOSE | re.DOTALL,
)
_NAMED = re.compile(r"(?P<name>\w[\w.-]*):(?:\s+(?P<command>.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"\w+=")
_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Task:
    """One command to be run.

    Attributes:
        name: What it is called; no other of its batch has this name.
        words: The program and its arguments.
        shown: The command as it was written.
        line: Where it stands in its file; ``None`` where it was typed.
        asked: The name that was asked for; ``""`` where none was.
    """

    name: str
    words: tuple[str, ...]
    shown: str
    line: int | None = None
    asked: str = ""


def typed(words: Sequence[str]) -> Task:
    """Return the task of a command that was typed; no shell looks at it again."""
    return Task(_called(words[0]), tuple(words), " ".join(words))


def read(path: str) -> list[Task]:
    """Return the tasks of a batch file; ``-`` stands for the standard input.

    Raises:
        RefusalError: The file cannot be read, or there is something in it that is no command; nothing was started.
    """
    content, where = _content(path)
    tasks = list(_tasks(_lines(content, where), where))
    if not tasks:
        raise RefusalError(f"{where}: there is no command in it; write one a line")
    return _apart(tasks)


def _content(path: str) -> tuple[bytes, str]:
    if path == "-":
        return sys.stdin.buffer.read(), "standard input"
    try:
        return Path(path).read_bytes(), path
    except OSError as error:
        told = f"{path}: {error.strerror or error}"
    except ValueError as error:
        told = f"{path!r}: {error}"
    raise RefusalError(f"{told}; give a file with one command a line, or: sojourn run -- COMMAND")


def _lines(content: bytes, where: str) -> Iterator[tuple[int, str]]:
    """Return the lines with their numbers."""
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode()) + 1
            raise RefusalError(
                f"{where}:{number}: not UTF-8, byte 0x{line[error.start]:02x} in column {column}"
            ) from error
        if "\0" in text:
            raise RefusalError(f"{where}:{number}: a NUL character, which no command can have")
        yield number, text.removesuffix("\r")


def _tasks(lines: Iterable[tuple[int, str]], where: str) -> Iterator[Task]:
    for number, line in lines:
        text = _without_comment(line, f"{where}:{number}").strip()
        if not text:
            continue
        named = _NAMED.fullmatch(text)
        command = named["command"] if named else text
        if not command:
            raise RefusalError(
                f"{where}:{number}: {text!r} names no command; write it behind the name"
            )
        asked = named["name"] if named else ""
        name = asked or _called(_program(command))
        yield Task(name, (SHELL, "-c", command), command, number, asked)


def _without_comment(line: str, where: str) -> str:
    """Return a line up to its comment, and refuse one whose quotes are not closed."""
    at = 0
    while at < len(line):
        piece = _PIECE.match(line, at)
        if piece is None:
            what = "unbalanced quote" if line[at] in "'\"" else "nothing after the backslash"
            raise RefusalError(f"{where}: {what} in column {at + 1}; one command is one line")
        if piece["comment"]:
            return line[:at]
        at = piece.end()
    return line


def _program(command: str) -> str:
    words = command.split()
    return next((word for word in words if not _ASSIGNMENT.match(word)), words[0])


def _called(program: str) -> str:
    """Return what a command without a name is called: as its program, or just a command."""
    name = PurePath(program).name
    return name if _NAME.fullmatch(name) else "command"


def _apart(tasks: list[Task]) -> list[Task]:
    """Return the tasks with names that differ; who was given a name first keeps it."""
    taken: set[str] = set()
    names: dict[int, str] = {}
    following: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(2))
    for at in sorted(range(len(tasks)), key=lambda each: not tasks[each].asked):
        name = wanted = tasks[at].name
        while name in taken:
            name = f"{wanted}-{next(following[wanted])}"
        taken.add(name)
        names[at] = name
    return [replace(task, name=names[at]) for at, task in enumerate(tasks)]
