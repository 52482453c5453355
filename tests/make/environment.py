"""Make a virtual environment with sojourn in it, or make sure that it is still the right one.

The environment remembers what it was made from. Asked again for the same, this takes no time and no network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

from interpreters import find_all

PIP_WITH_GROUPS = "pip>=25.1"


def ensure(
    folder: Path,
    *,
    python: str = sys.executable,
    extra: str = "",
    group: str = "",
    requirements: str = "",
) -> Path:
    """Bring an environment up to date and return its interpreter.

    Args:
        folder: Where the environment is.
        python: The interpreter to make it from.
        extra: An extra of the package to install with it.
        group: A dependency group of pyproject.toml to install beside the package.
        requirements: A requirements file to install beside the package.
    """
    inside = folder / "bin" / "python"
    stamp = folder / "made-from.json"
    wanted = fingerprint(python, extra, group, requirements)
    if stamp.exists() and stamp.read_text() == wanted and _works(inside):
        return inside
    print(f"making {folder} from {python}", flush=True)
    stamp.unlink(missing_ok=True)
    _create(folder, python)
    _pip(inside, PIP_WITH_GROUPS)
    wishes = ["--editable", f".[{extra}]" if extra else "."]
    wishes += ["--group", group] if group else []
    wishes += ["--requirement", requirements] if requirements else []
    _pip(inside, *wishes)
    stamp.write_text(wanted)
    return inside


def fingerprint(python: str, extra: str, group: str, requirements: str) -> str:
    """Describe everything that decides what an environment contains."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    parts = [project[table] for table in ("build-system", "project", "dependency-groups")]
    parts.append(Path(requirements).read_text(encoding="utf-8") if requirements else "")
    contents = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    # An editable install names this folder, so an environment does not survive a move.
    return json.dumps(
        {
            "at": str(Path.cwd()),
            "python": python,
            "extra": extra,
            "group": group,
            "contents": contents,
        }
    )


def _works(python: Path) -> bool:
    try:
        return (
            subprocess.run(
                [python, "-c", "import sojourn"], capture_output=True, check=False
            ).returncode
            == 0
        )
    except OSError:
        return False


def _create(folder: Path, python: str) -> None:
    command = [python, "-m", "venv", "--clear", "--prompt", "sojourn", str(folder)]
    if subprocess.run(command, check=False).returncode:
        sys.exit(
            f"{python} cannot make a virtual environment (on Debian: apt-get install python3-venv)"
        )


def _pip(python: Path, *wishes: str) -> None:
    """Install, showing the names as they come, and the whole of pip's output if it fails."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *wishes]
    output: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            output.append(line)
            if line.startswith(("Collecting ", "Obtaining ")):
                print(" ", line.split()[1], end="", flush=True)
    print(flush=True)
    if pip.returncode:
        sys.exit(f"{''.join(output)}\n{' '.join(command)} failed")


def main() -> None:
    """Read the command line and make the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--newest", action="store_true", help="from the newest CPython found here")
    parser.add_argument("--extra", default="")
    parser.add_argument("--group", default="")
    parser.add_argument("--requirements", default="")
    options = parser.parse_args()
    ensure(
        options.folder,
        python=next(iter(find_all().values())) if options.newest else sys.executable,
        extra=options.extra,
        group=options.group,
        requirements=options.requirements,
    )


if __name__ == "__main__":
    main()
