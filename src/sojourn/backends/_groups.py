"""How processes are started so that they can be stopped with all that they have started.

Every one leads a session of its own, so that its process group has its process id. The thread that
waits for it sees its end without reaping it, and reaps it under the lock under which signals are
sent: no signal can reach a stranger who got the number afterwards.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sojourn import _clock
from sojourn.backends._keeper import Keeper

__all__ = ["Group", "describe_exit"]

#: Seconds between two looks at a group whose leader is gone and whose members take their time.
PAUSE = 0.02


class Group:
    """A process that leads a session of its own, and whatever it starts and does not send away.

    Attributes:
        why: Why it was told to stop: ``""`` while it was not, ``cancelled`` or ``timed out``.
    """

    def __init__(self, keeper: Keeper, grace: float) -> None:
        """Prepare one; it may be told to stop before it has started."""
        self.why = ""
        self._keeper = keeper
        self._grace = grace
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._reaped = False
        self._stopped_at = 0.0

    @property
    def pid(self) -> int | None:
        """Id of the leader; ``None`` before it has started."""
        return None if self._process is None else self._process.pid

    def start(self, command: list[str], **options: Any) -> bool:
        """Start the process, unless it was told to stop already; tell whether it was started.

        Raises:
            OSError: It could not be started.
        """
        if self.why:
            return False
        process = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603  # it is what the user asked for
        with self._lock:
            self._process = process
            if self.why:
                self._tell_to_stop()
        return True

    def stop(self, why: str) -> bool:
        """Tell all of the group to stop, and kill it if it takes too long.

        Returns:
            Whether it was told now or earlier; ``False`` if it has ended by itself.
        """
        with self._lock:
            if self.why:
                return True
            if self.pid is not None and self._has_ended():
                return False
            self.why = why
            if self.pid is not None:
                self._tell_to_stop()
            return True

    def late(self) -> None:
        """Do what is due: its time is over, or its grace."""
        if not self.why:
            self.stop("timed out")
        else:
            self.kill()

    def kill(self) -> None:
        """Kill all of the group, and what its leader has left behind."""
        self._grace = 0.0
        with self._lock:
            self.why = self.why or "cancelled"
            self._signal(signal.SIGKILL)

    def wait(self) -> int | None:
        """Wait for the end of the leader and of all that it leaves behind.

        Returns:
            Its exit code, or the negative number of the signal that ended it; ``None`` if another
            part of this program has reaped it, so that nobody knows.
        """
        process = self._process
        assert process is not None  # it was started
        lost = not _await_exit(process.pid)
        with self._lock:
            code = process.wait()
            self._reaped = True
        self._keeper.forget(self.late)
        self._sweep(process.pid)
        return None if lost else code

    def _has_ended(self) -> bool:
        if self._reaped:
            return True
        assert self._process is not None
        try:
            found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return True
        return found is not None

    def _tell_to_stop(self) -> None:
        self._stopped_at = _clock.monotonic()
        self._signal(signal.SIGTERM)
        # One that is stopped by a signal cannot see another until it is told to go on.
        self._signal(signal.SIGCONT)
        self._keeper.remind(self.late, self._grace)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and not self._reaped:
            _signal_group(self._process.pid, number)

    def _sweep(self, pid: int) -> None:
        """Stop what the leader has left behind in its group.

        As long as there is a member, the number of the group is given to nobody else; if there
        is none, it has been free for microseconds only, and numbers go round before they come
        again.
        """
        if not _signal_group(pid, signal.SIGTERM):
            return
        since = self._stopped_at or _clock.monotonic()
        killed = False
        while _has_members(pid):
            lasted = _clock.monotonic() - since
            if lasted > self._grace and not killed:
                killed = _signal_group(pid, signal.SIGKILL)
            if lasted > 2 * self._grace + 1:
                return  # only the kernel can hold what has been killed
            time.sleep(PAUSE)


def _await_exit(pid: int) -> bool:
    """Wait until a child has ended, and leave it to be reaped; tell whether there was one."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _signal_group(pid: int, number: signal.Signals) -> bool:
    """Send a signal to a group; tell whether there was one."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # it has become somebody else's, by a set-user-id program
    return True


def _has_members(group: int) -> bool:
    """Whether a process of this group lives; one that is dead and not reaped does not."""
    if not sys.platform.startswith("linux"):
        try:
            os.killpg(group, 0)
        except OSError:
            return False
        return True
    return any(
        int(fields[2]) == group and fields[0] not in (b"Z", b"X")
        for fields in map(_stat, Path("/proc").glob("[0-9]*"))
        if fields
    )


def _stat(process: Path) -> list[bytes]:
    """Return what the kernel says of a process, from its state on; nothing if it is gone."""
    try:
        told = (process / "stat").read_bytes()
    except OSError:
        return []
    return told[told.rindex(b")") + 2 :].split()


def describe_exit(code: int | None) -> tuple[str, int | None, str | None]:
    """Return what an exit status means in words, as an exit code, and as a name of a signal."""
    if code is None:
        return "ended, and another part of this program took its exit status", None, None
    if code >= 0:
        return f"exited with code {code}", code, None
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"  # a real-time one
    return f"was ended by {name}", None, name
