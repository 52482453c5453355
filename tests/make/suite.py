"""Run the test suite on every supported CPython found here, each in an environment of its own.

What is marked `once` runs on the newest of them only.

With CI in the environment a test that no interpreter ran is a failure: whatever a test may lack is there, or has to be.
Arguments are handed to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from environment import ensure
from interpreters import find_all

RESULTS = Path(".results")


def main() -> int:
    """Run everything, sum up, and return how many interpreters (or skipped tests) spoil the result."""
    RESULTS.mkdir(exist_ok=True)
    verdicts = []
    reports = []
    pythons = find_all()
    newest = list(pythons)[-1]
    for version, python in pythons.items():
        inside = ensure(Path(f".venv-{version}"), python=python, group="test")
        reports.append(RESULTS / f"{version}.xml")
        reports[-1].unlink(missing_ok=True)
        print(f"\n===== CPython {version}", flush=True)
        began = time.monotonic()
        here = [] if version == newest else ["-m", "not once"]
        code = subprocess.run(
            [inside, "-m", "pytest", f"--junit-xml={reports[-1]}", *here, *sys.argv[1:]],
            check=False,
        ).returncode
        verdicts.append((version, code, time.monotonic() - began))
    print()
    for version, code, seconds in verdicts:
        print(f"CPython {version}: {'failed' if code else 'passed'} in {seconds:.0f} s")
    failures = sum(code != 0 for _, code, _ in verdicts)
    skipped = skipped_everywhere(reports)
    for name in sorted(skipped):
        print(f"ran on no interpreter: {name}")
    return failures + (len(skipped) if os.environ.get("CI") else 0)


def skipped_everywhere(reports: list[Path]) -> set[str]:
    """Name the tests that were skipped in every report that knows them."""
    skipped: set[str] = set()
    ran: set[str] = set()
    for report in reports:
        for case in ET.parse(report).iter("testcase") if report.exists() else ():
            mark = case.find("skipped")
            is_skipped = mark is not None and mark.get("type") == "pytest.skip"
            (skipped if is_skipped else ran).add(f"{case.get('classname')}::{case.get('name')}")
    return skipped - ran


if __name__ == "__main__":
    sys.exit(min(main(), 1))
