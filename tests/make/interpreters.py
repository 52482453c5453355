"""Find the CPythons on this machine that the test suite has to pass on.

A name on PATH counts only if it runs: a version manager's shim may exist for an interpreter that is switched off.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.13", "3.12", "3.11")

# Says which CPython this is, and fails where `python -m venv` would.
PROBE = """
import ensurepip, sys, venv
if sys.implementation.name != "cpython" or sys.version_info.releaselevel != "final":
    raise SystemExit("not a released CPython")
print("%d.%d" % sys.version_info[:2], "%d.%d.%d" % sys.version_info[:3], sys.executable, sep="\\n")
"""


def candidates(version: str) -> Iterator[Path]:
    """Yield the places where this version may be, the most wanted first."""
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    for folder in folders:
        yield folder / f"python{version}"
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    installed = root.glob(f"versions/{version}.*/bin/python{version}")
    yield from sorted(installed, key=_patch_level, reverse=True)
    yield Path(sys.executable)
    for folder in folders:
        yield folder / "python3"


def _patch_level(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parts[-3].split(".") if part.isdigit())


def probe(path: Path) -> tuple[str, str, str] | None:
    """Ask an interpreter for its version, its full version and its path; None if it cannot serve."""
    if not os.access(path, os.X_OK):
        return None
    try:
        answer = subprocess.run(
            [path, "-I", "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, full, executable = answer.stdout.splitlines()
    return version, full, executable


def find(version: str) -> tuple[str, str] | None:
    """Return the full version and the path of the first interpreter of this version that works."""
    for path in candidates(version):
        answer = probe(path)
        if answer is not None and answer[0] == version:
            return answer[1:]
    return None


def find_all() -> dict[str, str]:
    """Print which supported versions are here and which are not; return those that are, with their paths.

    The newest comes first. Where none is, the interpreter that runs this stands in, so that there is always one to
    test on.
    """
    found: dict[str, str] = {}
    for version in SUPPORTED:
        answer = find(version)
        if answer is None:
            print(f"CPython {version}: not found", flush=True)
        else:
            full, found[version] = answer
            print(f"CPython {version}: {full} at {found[version]}", flush=True)
    if not found:
        version = "{}.{}".format(*sys.version_info)
        found[version] = sys.executable
        print(f"CPython {version} runs the suite instead: {sys.executable}", flush=True)
    return found


if __name__ == "__main__":
    find_all()
