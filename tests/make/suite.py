"""Run the test suite on every supported CPython found here, each in an environment of its own.

As many run at a time as there are cores, the longest first.

What is marked `once` runs on the newest of them only, and so does what needs Qiskit, in an environment of its own.

With CI in the environment a test that no interpreter ran is a failure: whatever a test may lack is there, or has to be.
Arguments are handed to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from environment import ensure
from interpreters import find_all

RESULTS = Path(".results")


@dataclass(frozen=True)
class Suite:
    """Tests, and the environment that they run in.

    Attributes:
        name: What it is called here and in its files.
        python: The interpreter to make the environment from.
        group: The dependency group that the tests need.
        arguments: What pytest is told about which tests to run.
    """

    name: str
    python: str
    group: str
    arguments: Sequence[str]

    @property
    def report(self) -> Path:
        """The file that pytest reports to."""
        return RESULTS / f"{self.name}.xml"

    @property
    def output(self) -> Path:
        """The file with what pytest printed."""
        return RESULTS / f"{self.name}.txt"

    def run(self) -> tuple[int, float]:
        """Run it; return the exit code and the seconds that the tests took."""
        python = ensure(Path(f".venv-{self.name}"), python=self.python, group=self.group)
        print(f"{self.name}: running", flush=True)
        self.report.unlink(missing_ok=True)
        command = [str(python), "-m", "pytest", f"--junit-xml={self.report}", *self.arguments]
        began = time.monotonic()
        with self.output.open("wb") as output:
            done = subprocess.run(
                [*command, *sys.argv[1:]], check=False, stdout=output, stderr=subprocess.STDOUT
            )
        return done.returncode, time.monotonic() - began


def suites() -> list[Suite]:
    """Find what can run here, the longest first."""
    pythons = find_all()
    newest = next(iter(pythons))
    # In this order they start; the newest has the most to do, and Qiskit's tests the least.
    found = [
        Suite(version, python, "test", () if version == newest else ("-m", "not once"))
        for version, python in pythons.items()
    ]
    # Whoever hands pytest the names of files has chosen for himself.
    if not any(Path(each.partition("::")[0]).exists() for each in sys.argv[1:]):
        found.append(Suite("qiskit", pythons[newest], "qiskit", ("tests/with_qiskit",)))
    return found


def main() -> int:
    """Run everything, sum up, and return how many interpreters (or skipped tests) spoil the result."""
    RESULTS.mkdir(exist_ok=True)
    everything = suites()
    verdicts = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(suite.run): suite for suite in everything}
        for ended in as_completed(running):
            suite = running[ended]
            verdicts[suite] = ended.result()
            print(f"\n===== {suite.name}", flush=True)
            print(suite.output.read_text(encoding="utf-8", errors="replace"), flush=True)
    for suite in everything:
        code, seconds = verdicts[suite]
        print(f"{suite.name}: {'failed' if code else 'passed'} in {seconds:.0f} s")
    failures = sum(code != 0 for code, _ in verdicts.values())
    skipped = skipped_everywhere([suite.report for suite in everything])
    for name in sorted(skipped):
        print(f"ran nowhere: {name}")
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
