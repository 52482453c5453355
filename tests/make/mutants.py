"""Make mistakes in copies of sojourn, and demand that the suite notices each of them.

Two kinds: one edge of the graph of a shipped class is dropped, added or redirected, which the kit
must notice; and one place of the core's files is made wrong, which the tests of the core must.
Mutants that nobody notices must be in `survivors.txt`, each with the reason why that is right.
The second kind is sampled, because all of them take hours: `--sample N --seed S`, or `--all`, or
`--name WORDS` for every place whose name, as this prints it, contains the words.

Every mutant is tested in a process of its own, forked from one that has imported what is slow to
import; nothing of sojourn is imported before the fork.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings
from mutation import Mutation, mutations

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
SOURCE = TESTS.parent / "src" / "sojourn"
SURVIVORS = HERE / "survivors.txt"

#: The files that are made wrong, and the tests that know most about each; the others follow.
FILES = {
    "lifecycle": "lifecycle_shown lifecycle triggers",
    "_machine": "engine triggers",
    "_resolving": "lifecycle contract declaring",
    "_contract": "contract lifecycle declaring",
    "_declaring": "declaring lifecycle contract",
    "_rules": "observations triggers",
    "_handle": "handle triggers ids declaring",
    "_firing": "triggers interrupted engine",
    "_triggers": "triggers engine",
    "_telling": "outsiders asyncio",
    "_reconciling": "observations logging",
    "_asking": "looking results",
    "_cancelling": "cancelling submission",
    "_submitting": "submission cancelling",
    "_looking": "looking waiting",
    "_finding": "finding submission cancelling",
    "_waiting": "waiting results",
    "_snapshots": "snapshots",
    "job": "declaring triggers",
    "_records": "handle triggers journal_recovery snapshots submission journal_protocol",
    "_keeping": "journal_protocol journal_handles journal_recovery journal_trouble results",
    "_rereading": "journal_handles journal_recovery journal_protocol journal_trouble journal_local",
    "_async": "asyncio fork",
    "_book": "journal_protocol journal_recovery journals journal_handles journal_trouble",
    "_forking": "fork",
}
#: All tests that are asked, the quick ones first.
ASKED = (
    *("handle", "triggers", "observations", "submission", "cancelling", "waiting", "results"),
    *("looking", "finding", "interrupted", "outsiders", "journal_protocol", "snapshots"),
    *("contract", "lifecycle", "lifecycle_shown", "declaring", "ids", "logging", "asyncio"),
    *("journals", "journal_recovery", "journal_handles", "engine", "fork", "kit_faulty"),
    "illegal_transitions",
)
#: Imported once, before the forks.
PRELOADED = ("asyncio", "hypothesis.stateful", "http.client", "transitions", "_pytest.pytester")
#: Seconds after which one test hangs, and seconds after which all of them do, whatever their load.
TEST_PATIENCE, PATIENCE = 30, 300.0


def main() -> int:
    """Try the mutants, name the survivors, and return how many of them have no reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="how many places are made wrong")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--all", action="store_true", help="every place")
    parser.add_argument("--only", choices=FILES, help="one file")
    parser.add_argument("--name", action="append", help="places whose name contains this; again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at the same time")
    parser.add_argument("--no-graphs", action="store_true", help="leave the graphs alone")
    asked = parser.parse_args()

    known = reasons(SURVIVORS.read_text())
    survivors = [] if asked.no_graphs else graphs()
    every = [each for each in found(asked.only) if _is_meant(each, asked.name)]
    if not asked.all and not asked.name and asked.sample < len(every):
        every = random.Random(asked.seed).sample(every, asked.sample)
    survivors += places(every, asked.jobs)
    without = [name for name in survivors if name not in known]
    for name in survivors:
        print(f"survived  {name}\n          {known.get(name, 'NO REASON; write a test, or one')}")
    return len(without)


def reasons(text: str) -> dict[str, str]:
    """Return the reason of each survivor: its name on a line, and the reason indented below it."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(" ") and name:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            name = line
    return found


# Graphs.


def graphs() -> list[str]:
    """Change the graph of every shipped class; return the names of the survivors."""
    in_child = os.fork()
    if in_child == 0:
        os._exit(min(_graphs_here(), 250))
    return [""] * os.waitstatus_to_exitcode(os.waitpid(in_child, 0)[1])


def _graphs_here() -> int:
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "docs" / "examples")]
    shipped = import_module("kit_classes").SHIPPED
    mutants = import_module("graph_mutants")
    alive = 0
    for each in shipped:
        began, deaths = time.monotonic(), []
        for mutant in mutants.graph_mutants(each.cls):
            deaths.append(mutants.how_it_died(each, mutant))
            if deaths[-1] is None:
                print(f"survived  graph of {each.cls.__name__}: {mutant.name}", flush=True)
        refused, lives = deaths.count("refused"), deaths.count(None)
        alive += lives
        print(
            f"graph of {each.cls.__name__}: {len(deaths)} mutants, {refused} refused by the class "
            f"statement, {len(deaths) - refused - lives} found by the kit, {lives} survived "
            f"({time.monotonic() - began:.0f} s)",
            flush=True,
        )
    return alive


# Places.


def found(only: str | None = None) -> list[tuple[str, Mutation]]:
    """Return every place of the core's files, or of one, that can be made wrong."""
    return [
        (name, mutation)
        for name in ([only] if only else FILES)
        for mutation in mutations((SOURCE / f"{name}.py").read_text())
    ]


def full_name(file: str, mutation: Mutation) -> str:
    """Return the name of a mutant in `survivors.txt`."""
    return f"{file}.py {mutation.name}"


def _is_meant(place: tuple[str, Mutation], words: list[str] | None) -> bool:
    return words is None or any(each in full_name(*place) for each in words)


def places(chosen: list[tuple[str, Mutation]], jobs: int) -> list[str]:
    """Make places of the core's files wrong; return the names of the survivors."""
    for name in PRELOADED:
        import_module(name)
    settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
    print(f"{len(chosen)} of {len(found())} places are made wrong", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / str(number) for number in range(jobs)]
        for home in homes:
            shutil.copytree(SOURCE, home / "sojourn", ignore=shutil.ignore_patterns("__pycache__"))
        if error := tried(homes[0], "job", None):
            print((homes[0] / "log").read_text())
            raise SystemExit(f"the suite fails without a mistake, so it proves nothing: {error}")
        with ThreadPoolExecutor(jobs) as pool:
            survived = list(pool.map(lambda each: _survivor(homes, *each), chosen))
    alive = [name for name in survived if name]
    print(f"{len(chosen) - len(alive)} of {len(chosen)} were noticed", flush=True)
    return alive


def _survivor(homes: list[Path], file: str, mutation: Mutation) -> str | None:
    home, began = homes.pop(), time.monotonic()
    try:
        noticed = tried(home, file, mutation)
    finally:
        homes.append(home)
    verdict = f"noticed by {noticed}" if noticed else "SURVIVED"
    name = full_name(file, mutation)
    print(f"{verdict} ({time.monotonic() - began:.1f} s): {name}", flush=True)
    return None if noticed else name


def tried(home: Path, file: str, mutation: Mutation | None) -> str | None:
    """Ask the tests about a copy with a mistake; return which of them notices, if one does."""
    target = home / "sojourn" / f"{file}.py"
    right = target.read_text()
    if mutation is not None:
        target.write_text(mutation.text)
    try:
        return _asked(home, file)
    finally:
        target.write_text(right)


def _asked(home: Path, file: str) -> str | None:
    first = FILES[file].split()
    order = [*first, *(name for name in ASKED if name not in first)]
    log = home / "log"
    child = os.fork()
    if child == 0:
        _in_child(home, log, [str(TESTS / f"test_{name}.py") for name in order])
    code = _waited(child, time.monotonic() + PATIENCE)
    if code == 0:
        return None
    told = log.read_text(errors="replace")
    if "Timeout (0:" in told:
        return "a test that hangs"
    ended = [line for line in told.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return ended[-1].split(" - ")[0].split("::")[-1] if ended else f"an end with code {code}"


def _in_child(home: Path, log: Path, files: list[str]) -> None:
    """Run tests here, against the copy, and end; a test that hangs is ended by the suite itself."""
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(out, stream)
        sys.dont_write_bytecode = True
        os.environ |= {"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.path.insert(0, str(home))
        options = (
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--assert=plain",
            "--hypothesis-profile=mutants",
            f"--override-ini=faulthandler_timeout={TEST_PATIENCE}",
        )
        code = pytest.main([*options, f"--rootdir={TESTS.parent}", *files])
        sys.stdout.flush()
        os._exit(int(code))
    except BaseException:  # noqa: BLE001  # the child ends here, whatever it is
        traceback.print_exc()
    finally:
        os._exit(99)


def _waited(child: int, deadline: float) -> int:
    """Return how a child ended; one that does not is killed, with whatever it started."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        late = time.monotonic() > deadline
        if pid or late:
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return os.waitstatus_to_exitcode(status if pid else os.waitpid(child, 0)[1])
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
