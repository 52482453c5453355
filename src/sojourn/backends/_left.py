"""Commands that may outlive their owner: how they are started, found again, and followed.

A command whose job has a journal is started by a shell that waits for a word from its owner, and gets
it when the journal knows the shell's process; an owner that ends before has started nothing. The
shell leaves the exit status in a file, where whoever follows it finds it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sojourn._owner import is_alive, is_of_this_boot
from sojourn.backends._groups import Group
from sojourn.backends._keeper import Keeper

__all__ = ["GatedGroup", "LeftGroup", "has_begun", "read_exit", "sync"]

# The file is made before the command begins, by only one: where there is none, nothing has begun.
# A trap that does something is not inherited: the command is stopped by a signal as usual, and the
# shell lives to say how it ended, but not among the words of the command. It tells of a signal as
# 128 and its number, and so do we.
_SCRIPT = """
read -r go || exit 125
left=$1
shift
set -C
true >"$left" || exit 125
trap : HUP INT QUIT TERM
exec 3>&2 2>/dev/null
(exec "$@" </dev/null 2>&3 3>&-)
code=$?
echo "$code" >|"$left"
trap - HUP INT QUIT TERM
if [ "$code" -gt 128 ]; then
    case $(kill -l "$code") in
        STOP | TSTP | TTIN | TTOU) ;;
        *) kill "-$((code - 128))" $$ ;;
    esac
fi
exit "$code"
"""

#: Signals that end nobody; who exits with such a code has chosen it.
_HARMLESS = {
    *(signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
    *(signal.SIGCONT, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH),
}


class GatedGroup(Group):
    """A group whose leader waits until it is let go."""

    def start_gated(
        self, command: Sequence[str], left: Path, env: Mapping[str, str] | None, **options: Any
    ) -> bool:
        """Start the shell, unless it was told to stop already; tell whether it was started.

        Args:
            command: What the shell runs when it is let go.
            left: Where it leaves the exit status.
            env: The environment of the command.
            options: As for `subprocess.Popen`.
        """
        program = command[0]
        if os.sep not in program:  # or a word such as "test" would be the shell's own
            paths = os.pathsep.join(os.get_exec_path(env))
            program = shutil.which(program, path=paths) or program
        words = ["/bin/sh", "-c", _SCRIPT, "sojourn", str(left), program, *command[1:]]
        return self.start(words, env=env, stdin=subprocess.PIPE, **options)

    def let_go(self, *, begin: bool) -> None:
        """Let the shell begin, or end without having begun."""
        process = self._process
        assert process is not None  # it was started
        assert process.stdin is not None  # with a pipe
        with suppress(OSError):  # it was stopped meanwhile
            if begin:
                process.stdin.write(b"\n")
            process.stdin.close()


class LeftGroup(Group):
    """A group that another process has started, which has ended since."""

    def __init__(self, keeper: Keeper, grace: float, worker: str, left: Path) -> None:
        """Prepare to follow it.

        Args:
            keeper: Calls when time is over.
            grace: Seconds between asking and killing.
            worker: The name of the leader, as `sojourn._owner` has it.
            left: Where it leaves its exit status.
        """
        super().__init__(keeper, grace)
        self._worker = worker
        self._left = left
        self._leader = int(worker.split("/")[2] or 0)
        self._handle = -1

    @property
    def pid(self) -> int | None:
        """Id of the leader."""
        return self._leader

    def find(self) -> bool:
        """Get hold of the leader; ``False`` if it has ended, or if nobody can tell."""
        if not hasattr(os, "pidfd_open") or not self._worker.split("/")[3]:
            return False
        try:
            self._handle = os.pidfd_open(self._leader)
        except OSError:
            return False
        if is_alive(self._worker) is True:  # asked last: from now on the id stays with its process
            return True
        self._let_go()
        return False

    def wait(self) -> int | None:
        """Wait for the end of the leader and of all that it leaves behind.

        Returns:
            Its exit code, or the negative number of the signal that ended it; ``None`` if it left
            no word of it.
        """
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        poll.poll()
        with self._lock:
            self._reaped = True
        self._keeper.forget(self.late)
        self._sweep(self._leader)
        self._let_go()
        return read_exit(self._left)

    def _has_ended(self) -> bool:
        if self._reaped or self._handle < 0:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(0))

    def _signal(self, number: signal.Signals) -> None:
        if not self._has_ended():
            os.killpg(self._leader, number)

    def _let_go(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def has_begun(worker: str, left: Path) -> bool:
    """Tell whether a command may have begun whose shell has ended.

    A file that is not there proves nothing if the machine was started anew since, since nobody has
    waited for it to be durable.
    """
    return left.exists() or not is_of_this_boot(worker)


def sync(path: Path) -> None:
    """Make what is in a file or a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_exit(left: Path) -> int | None:
    """Return the exit code that was left, negative for a signal; ``None`` if there is none."""
    try:
        code = int(left.read_text())
    except (OSError, ValueError):
        return None
    return 128 - code if code - 128 in signal.valid_signals() - _HARMLESS else code
