"""Which process this is, told so that another one can find out whether it still lives.

A process id alone names nobody: ids are used again. With the time at which the process was started,
and the boot and the namespace in which that was, it names one process for ever.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

__all__ = ["is_alive", "is_of_this_boot", "name_of_process", "start_time", "this_process"]

_PROC = Path("/proc")


def start_time(pid: int) -> int | None:
    """Return when a process was started, in clock ticks since the machine was; Linux only.

    One that is dead and not reaped yet counts as gone.
    """
    try:
        told = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = told[told.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def this_process() -> str:
    """Return the name of this process."""
    return _of_this(os.getpid())


def name_of_process(pid: int) -> str:
    """Return the name of a process of this machine that lives."""
    started = start_time(pid)
    return f"{_where()}/{pid}/{'' if started is None else started}"


@lru_cache(maxsize=4)
def _of_this(pid: int) -> str:
    return name_of_process(pid)


@lru_cache(maxsize=1)
def _where() -> str:
    """Return the boot and the namespace in which process ids of ours mean something."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = (_PROC / "self/ns/pid").readlink().name
    except OSError:
        return "-/-"
    return f"{boot}/{''.join(each for each in space if each.isdigit())}"


def is_of_this_boot(process: str) -> bool:
    """Tell whether a process of this name was started since the machine was."""
    return process.split("/", maxsplit=1)[0] == _where().split("/")[0]


def is_alive(process: str) -> bool | None:
    """Tell whether a process lives; ``None`` if that cannot be seen from here.

    Args:
        process: Its name, to which something may be added that is not looked at.
    """
    boot, space, pid, started, *_ = process.split("/")
    here_boot, here_space = _where().split("/")
    if boot != here_boot:
        return False  # the machine was started anew; a journal does not leave its machine
    if space != here_space:
        return None
    if started:
        return start_time(int(pid)) == int(started)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
