"""Try process pools, and print which promises of a `ProcessBackend` each of them keeps.

    .venv-bench/bin/python tests/benchmarks/pools.py

Each promise is tried in a process of its own, because some pools hang where they do not keep one. What was found
is told in `docs/explanation/process-pools.md`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from reporting import release

__all__: list[str] = []

#: Seconds that a promise may take; one that is not kept by then is not kept.
PATIENCE = 5.0
LONG = 600.0
#: Name of a pool, and the distribution that it comes from.
POOLS = {
    "ProcessBackend": "sojourn",
    "ProcessPoolExecutor": "",
    "multiprocessing.Pool": "",
    "loky": "loky",
    "pebble": "pebble",
    "mpire": "mpire",
    "joblib": "joblib",
}


class Pool:
    """Two worker processes of whichever library, and what a caller can do with a call."""

    def __init__(self, name: str) -> None:
        """Start it."""
        modules = {
            "ProcessBackend": ("sojourn.backends", "ProcessBackend", "run"),
            "ProcessPoolExecutor": ("concurrent.futures", "ProcessPoolExecutor", "submit"),
            "multiprocessing.Pool": ("multiprocessing", "Pool", "apply_async"),
            "loky": ("loky", "ProcessPoolExecutor", "submit"),
            "pebble": ("pebble", "ProcessPool", "schedule"),
            "mpire": ("mpire", "WorkerPool", "apply_async"),
        }
        self.name = name
        if name == "joblib":
            # It takes a whole batch; one call a batch, in a thread, is the nearest to a handle.
            from concurrent.futures import ThreadPoolExecutor

            self.pool: Any = ThreadPoolExecutor(2)
            self._submit: Callable[..., Any] = self.pool.submit
            return
        module, factory, submit = modules[name]
        arguments = {"max_workers": 2} if name == "pebble" else {}
        positional = () if arguments else (2,)
        self.pool = getattr(importlib.import_module(module), factory)(*positional, **arguments)
        self._submit = getattr(self.pool, submit)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Submit a call."""
        if self.name in ("multiprocessing.Pool", "pebble", "mpire"):
            return self._submit(function, args=args)
        if self.name == "joblib":
            return self._submit(_by_joblib, function, *args)
        return self._submit(function, *args)

    def result(self, call: Any) -> Any:
        """Wait for its result."""
        return (call.get if hasattr(call, "get") else call.result)(timeout=4 * PATIENCE)


def _by_joblib(function: Callable[..., Any], *args: Any) -> Any:
    from joblib import Parallel, delayed

    return Parallel(n_jobs=2)([delayed(function)(*args), delayed(int)()])[0]


# What workers do.


def give(value: int) -> int:
    """Give it back."""
    return value


def nap(seconds: float) -> str:
    """Take a while."""
    time.sleep(seconds)
    return "rested"


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(folder: str) -> None:
    """Sleep with a child, and tidy up when it is over."""
    here = Path(folder)
    child = subprocess.Popen(["sleep", str(LONG)])
    (here / "child").write_text(str(child.pid))
    (here / "part").write_text(str(os.getpid()))
    (here / "part").rename(here / "worker")
    try:
        time.sleep(LONG)
    finally:
        (here / "tidied").touch()


# The promises. Each prints what came of it.


def killed(name: str) -> dict[str, Any]:
    """One worker is killed while another is busy."""
    pool = Pool(name)
    neighbour, victim = pool.run(nap, 2.0), pool.run(die)
    try:
        pool.result(victim)
        reason = "none"
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is what came of it
        reason = f"{type(error).__name__}: {error.__cause__ or error}"
    found = {"reason": reason, "neighbour lives": False, "next call works": False}
    with suppress(BaseException):
        found["neighbour lives"] = pool.result(neighbour) == "rested"
    with suppress(BaseException):
        found["next call works"] = pool.result(pool.run(give, 7)) == 7
    return found


def stopped(name: str) -> dict[str, Any]:
    """A call that runs is cancelled."""
    folder = Path(tempfile.mkdtemp())
    pool = Pool(name)
    call = pool.run(sleep, str(folder))
    pids = _pids(folder)
    answer = call.cancel() if hasattr(call, "cancel") else None
    gone = [_gone(pid) for pid in pids]
    return {
        "cancel() says": answer,
        "worker stopped": gone[0],
        "its child stopped": gone[1],
        "could tidy up": (folder / "tidied").exists(),
    }


def refused(name: str) -> dict[str, Any]:
    """A function is submitted that does not pickle."""
    pool = Pool(name)
    try:
        call = pool.run(lambda: 7)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is what came of it
        return {"does not pickle": f"refused when submitted: {type(error).__name__}"}
    try:
        return {"does not pickle": f"runs: {pool.result(call)}"}
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is what came of it
        return {"does not pickle": f"found out later: {type(error).__name__}"}


def quickly(name: str) -> dict[str, Any]:
    """Calls that do nothing, one after the other."""
    pool = Pool(name)
    times = []
    for _ in range(300):
        start = time.perf_counter()
        pool.result(pool.run(give, 7))
        times.append(time.perf_counter() - start)
    return {"no-op": f"{statistics.median(times[50:]) * 1e6:.0f} µs"}


def _run_and_wait(name: str, folder: str, then: str) -> None:
    pool = Pool(name)
    call = pool.run(sleep, folder)
    _pids(Path(folder))
    if then == "wait":
        pool.result(call)


def left(name: str) -> dict[str, Any]:
    """The owner is killed; and, in another, it ends without closing the pool."""
    found: dict[str, Any] = {}
    for what, then in (("owner is killed", "wait"), ("owner just ends", "end")):
        folder = Path(tempfile.mkdtemp())
        owner = subprocess.Popen(
            [sys.executable, __file__, "owner", name, str(folder), then],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        pids = _pids(folder)
        if then == "wait":
            owner.kill()
        try:
            owner.wait(3 * PATIENCE)
            gone = [_gone(pid) for pid in pids]
            found[what] = f"worker {_is(gone[0])}, its child {_is(gone[1])}"
        except subprocess.TimeoutExpired:
            found[what] = "hangs"
            owner.kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return found


def _is(gone: bool) -> str:
    return "gone" if gone else "LEFT"


def _pids(folder: Path) -> list[int]:
    deadline = time.monotonic() + 4 * PATIENCE
    while not (folder / "worker").exists():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not start")
        time.sleep(0.01)
    return [int((folder / who).read_text()) for who in ("worker", "child")]


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


PROMISES = {each.__name__: each for each in (killed, stopped, left, refused, quickly)}


def _try(promise: str, name: str) -> dict[str, Any]:
    command = [sys.executable, __file__, promise, name]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        return json.loads(told) if told else {promise: "fails"}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    """Try everything, or, in a process of its own, one promise of one pool."""
    if len(sys.argv) == 1:
        print(f"CPython {sys.version.split()[0]}")
        for name, distribution in POOLS.items():
            print(f"\n{name}" + (f", {release(distribution)}" if distribution else ""))
            for promise in PROMISES:
                for what, found in _try(promise, name).items():
                    print(f"  {what:<20}{found}", flush=True)
    elif sys.argv[1] == "owner":
        _run_and_wait(*sys.argv[2:])
    else:
        signal.alarm(60)  # one that hangs ends here
        print(json.dumps(PROMISES[sys.argv[1]](sys.argv[2])), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
