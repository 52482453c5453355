"""Measure sojourn against its rivals, judge the figures by the design's targets, print a table.

    python tests/benchmarks/run.py [--json FILE] [--only PATTERN] [--quick]

Every row is measured in a process of its own. Times per operation are CPU time with the garbage collector off,
for us and for the rival; both take turns within a few milliseconds, on the same number of fresh jobs, and a
ratio is the median over all such pairs, given with its quartiles. Lines without a target are for information.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic

from reporting import Result, environment, table

__all__ = ["main"]

#: Row -> the module and the function that measure it, in the order of the table.
ROWS = {
    "transition": ("speed", "transition"),
    "callbacks": ("speed", "callbacks"),
    "refusal": ("speed", "refusal"),
    "creation": ("speed", "creation"),
    "memory": ("memory", "footprint"),
    "million": ("memory", "million"),
    "observe": ("speed", "observation"),
    "outsider": ("speed", "outsider"),
    "race": ("threads", "race"),
    "waking": ("threads", "waking"),
    "noop": ("local", "noop"),
    "ten-thousand": ("local", "ten_thousand"),
    "aer": ("circuits", "overhead"),
    "waits": ("circuits", "waits"),
    "responsive": ("circuits", "responsiveness"),
    "exhaustion": ("kit", "exhaustion"),
    "tiers": ("kit", "tiers"),
    "journal": ("journal", "throughput"),
    "journal-wait": ("journal", "waiting"),
    "journal-crowd": ("journal", "crowd"),
    "import": ("imports", "import_time"),
    "pictures": ("pictures", "speed"),
    "crossings": ("pictures", "crossings"),
    "crowd": ("pictures", "crowd"),
}


def main() -> int:
    """Run the rows asked for.

    Returns:
        0, also where a target of speed or size is missed, for the machine may be busy; 1 where a row could not
        be measured or an answer was wrong.
    """
    options = _options()
    if options.row:
        results = _measure(options.row)(quick=options.quick)
        print(json.dumps([result.as_json() for result in results]))
        return 0
    rows = [row for row in ROWS if re.search(options.only, row)]
    if not rows:
        print(f"no row matches {options.only!r}; there are: {', '.join(ROWS)}", file=sys.stderr)
        return 1
    about = environment()
    print(
        f"{about['implementation']} {about['python'].split()[0]}, {about['processor']}, {about['cores']} cores"
    )
    print("; ".join(about["releases"]))
    found: dict[str, list[Result]] = {}
    for row in rows:
        measured = _in_own_process(row, quick=options.quick)
        if measured is not None:
            found[row] = measured
    results = [result for measured in found.values() for result in measured]
    print()
    print(table(results))
    missed = [result.what for result in results if result.verdict == "MISSED"]
    print(f"\n{sum(bool(result.verdict) for result in results)} judged, {len(missed)} missed")
    if options.json:
        report = {
            **about,
            "quick": options.quick,
            "rows": {
                row: [result.as_json() for result in measured] for row, measured in found.items()
            },
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    wrong = any(result.passed is False for result in results)
    return 1 if wrong or len(found) < len(rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure sojourn against its rivals.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument(
        "--only", default="", metavar="PATTERN", help=f"rows to run: {', '.join(ROWS)}"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller crowds")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(row: str) -> Callable[..., list[Result]]:
    module, function = ROWS[row]
    measure: Callable[..., list[Result]] = getattr(import_module(module), function)
    return measure


def _in_own_process(row: str, *, quick: bool) -> list[Result] | None:
    print(f"  {row:<11}", end="", file=sys.stderr, flush=True)
    start = monotonic()
    command = [sys.executable, __file__, "--row", row, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"failed\n{done.stderr}", file=sys.stderr)
        return None
    print(f"{monotonic() - start:6.1f} s", file=sys.stderr)
    return [Result.from_json(values) for values in json.loads(done.stdout.splitlines()[-1])]


if __name__ == "__main__":
    sys.exit(main())
