"""What a batch file may say, and how it is refused."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from sojourn.cli import _batch
from sojourn.cli._terminal import RefusalError

LINES = {
    # What it says, the name that it gets, the command that runs.
    "gzip -9 < a > b | wc": ("gzip", "gzip -9 < a > b | wc"),
    "pack: gzip -9": ("pack", "gzip -9"),
    "  pack.v2-b:\t gzip": ("pack.v2-b", "gzip"),
    "größe: wc": ("größe", "wc"),
    "3: wc": ("3", "wc"),
    "http://example.org/x --help": ("x", "http://example.org/x --help"),
    r"C:\\bin\\tool.exe": ("command", r"C:\\bin\\tool.exe"),
    "C:/bin/tool": ("tool", "C:/bin/tool"),
    "FOO=1 BAR= /usr/bin/env": ("env", "FOO=1 BAR= /usr/bin/env"),
    "FOO=1": ("command", "FOO=1"),
    ": nothing": ("command", ": nothing"),
    r"\pack: gzip": ("command", r"\pack: gzip"),
    "two words: gzip": ("two", "two words: gzip"),
    "'quoted name' x": ("command", "'quoted name' x"),
    "echo a # b": ("echo", "echo a"),
    "echo a#b": ("echo", "echo a#b"),
    "echo 'a # b' \"c # d\"": ("echo", "echo 'a # b' \"c # d\""),
    "echo hi # don't": ("echo", "echo hi"),
    "(cd x;# y": ("command", "(cd x;"),
    r"echo \# \' \"": ("echo", r"echo \# \' \""),
    r'echo "a \" b" $#': ("echo", r'echo "a \" b" $#'),
    "a: b: c": ("a", "b: c"),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("batch.txt")


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_a_name_and_a_command_for_the_shell(file: Path, line: str) -> None:
    file.write_text(f"{line}\n", "utf-8")

    [task] = _batch.read(str(file))

    assert (task.name, task.shown) == LINES[line]
    assert task.words == ("/bin/sh", "-c", LINES[line][1])


def test_comments_and_blank_lines_count_but_do_not_run(file: Path) -> None:
    file.write_bytes(
        b"\xef\xbb\xbf# first\r\n\r\n  # second 'quote\r\none\r\n\ntwo: x\r\n   \nlast"
    )

    assert [(task.line, task.name, task.shown) for task in _batch.read(str(file))] == [
        (4, "one", "one"),
        (6, "two", "x"),
        (8, "last", "last"),
    ]


def test_names_that_are_taken_get_a_number(file: Path) -> None:
    file.write_text("gzip a\ngzip: b\npack: c\npack: d\npack-2: e\ngzip f\npack: g\n")

    tasks = _batch.read(str(file))

    assert [task.name for task in tasks] == [
        "gzip-2",
        "gzip",
        "pack",
        "pack-2",
        "pack-2-2",
        "gzip-3",
        "pack-3",
    ]
    assert [task.asked for task in tasks] == ["", "gzip", "pack", "pack", "pack-2", "", "pack"]


def test_many_commands_of_one_program_are_told_apart_quickly(file: Path) -> None:
    file.write_text("true\n" * 20_000)

    assert len({task.name for task in _batch.read(str(file))}) == 20_000


def test_a_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one: x\n\xff\n")))

    with pytest.raises(RefusalError, match=r"^standard input:2: not UTF-8"):
        _batch.read("-")


def test_a_typed_command_keeps_its_words() -> None:
    task = _batch.typed(["/usr/bin/env", "a b", "# c"])

    assert (task.name, task.words) == ("env", ("/usr/bin/env", "a b", "# c"))
    assert task.line is None


REFUSALS = {
    b"": "batch.txt: there is no command in it; write one a line",
    b"# only\n\n": "batch.txt: there is no command in it; write one a line",
    b"ok\necho ol\xe9\n": "batch.txt:2: not UTF-8, byte 0xe9 in column 8",
    "ok\n\nécho 'a\nb'\n".encode(): (
        "batch.txt:3: unbalanced quote in column 6; one command is one line"
    ),
    b'ok\necho "a\\"\n': "batch.txt:2: unbalanced quote in column 6; one command is one line",
    b"echo a \\\n  b\n": (
        "batch.txt:1: nothing after the backslash in column 8; one command is one line"
    ),
    b"ok\npack:\n": "batch.txt:2: 'pack:' names no command; write it behind the name",
    b"pack: # later\n": "batch.txt:1: 'pack:' names no command; write it behind the name",
    b"a\0b\n": "batch.txt:1: a NUL character, which no command can have",
}


@pytest.mark.parametrize("content", REFUSALS)
def test_what_is_no_command_is_refused_with_its_place(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(RefusalError) as refused:
        _batch.read(str(file))

    assert str(refused.value) == REFUSALS[content]


@pytest.mark.parametrize(
    ("path", "reason"), [("batch.txt", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_refused(file: Path, path: str, reason: str) -> None:
    with pytest.raises(RefusalError) as refused:
        _batch.read(path)

    assert str(refused.value) == (
        f"{path}: {reason}; give a file with one command a line, or: sojourn run -- COMMAND"
    )


def test_the_example_has_the_commands_that_are_meant_to_fail() -> None:
    root = Path(__file__).parents[1]
    script = (root / "tests" / "make" / "batch.py").read_text("utf-8")

    tasks = _batch.read(str(root / "docs" / "examples" / "batch.txt"))

    names = {task.name for task in tasks}
    assert set(re.findall(r'^    "([\w-]+)": "', script, re.MULTILINE)) < names
    assert len(tasks) >= 12
