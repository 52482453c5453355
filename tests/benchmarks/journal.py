"""Rows about the journal: against plain `sqlite3`, among processes, and with a million transitions in it."""

from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any

from journal_rival import PlainJournal
from measuring import Pairs
from reporting import Goal, Result
from subjects import PlainJob

from sojourn.history import Birth, Change, Entry
from sojourn.journals._changes import apply
from sojourn.journals.sqlite import SQLiteJournal

__all__ = ["crowd", "throughput", "waiting"]

Move = Callable[[int], None]


def throughput(*, quick: bool) -> list[Result]:
    """From the call to the return, for one caller and for thirty-two, by the clock on the wall.

    That is what is promised: transitions a second. Where the disk is not waited for, also CPU time of the whole
    process: a busy machine halts the one who computes, which is us with a single caller, and not the two of the
    rival who wake each other.
    """
    results = []
    for durability in ("full", "normal"):
        for callers in (1, 32):
            each = {("full", 1): 30, ("full", 32): 8}.get((durability, callers), 500 // callers)
            clocks = _compare(durability, callers, each, 6 if quick else 24)
            results += [
                Result.of_pairs(
                    f"a transition kept, {durability}, {callers} caller{'s' * (callers > 1)}, {clock}",
                    f"sqlite3 {sqlite3.sqlite_version} by hand, the same group commit",
                    pairs,
                    Goal(0.7) if clock == "wall" else None,
                )
                for clock, pairs in clocks.items()
                if clock == "wall" or durability == "normal"
            ]
    return [*results, *_beside_none(quick=quick)]


def _compare(durability: str, callers: int, each: int, rounds: int) -> dict[str, Pairs]:
    clocks = {"wall": Pairs(), "CPU": Pairs()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        plain = PlainJournal(path / "plain", durability)
        with SQLiteJournal(path / "ours", durability) as journal:  # type: ignore[arg-type]
            for number in range(rounds + 1):
                turns = [("ours", _ours(journal, number, callers * each))]
                turns.append(("theirs", _theirs(plain, number, callers * each)))
                for who, move in turns if number % 2 else reversed(turns):
                    taken = _time(move, callers, each)
                    if number:  # the first round is for warming up
                        for pairs, time in zip(clocks.values(), taken, strict=True):
                            getattr(pairs, who).append(time / (callers * each) / 2)
        plain.close()
    return clocks


def _ours(journal: SQLiteJournal, round_: int, count: int) -> Move:
    jobs = [PlainJob(None, f"{round_}-{number}", journal=journal) for number in range(count)]
    _all_at_once(lambda number: jobs[number].trigger("submit"), count)

    def move(number: int) -> None:
        jobs[number].start()
        jobs[number].finish()

    return move


def _theirs(plain: PlainJournal, round_: int, count: int) -> Move:
    ids = [f"{round_}-{number}" for number in range(count)]
    plain.create(ids)

    def move(number: int) -> None:
        plain.move(ids[number], 1, "start", "QUEUED", "RUNNING")
        plain.move(ids[number], 2, "finish", "RUNNING", "DONE")

    return move


def _all_at_once(move: Move, count: int) -> None:
    callers = 32 if count >= 32 else 1
    _time(move, callers, count // callers)
    for number in range(count // callers * callers, count):
        move(number)


def _time(move: Move, callers: int, each: int) -> tuple[int, int]:
    """Return the time in which callers make so many moves each: on the wall, and of the CPU.

    Args:
        move: What each does, given a number of its own.
        callers: How many there are.
        each: How many moves each makes.
    """
    start = threading.Barrier(callers + 1)

    def call(first: int) -> None:
        start.wait()
        for number in range(first, first + each):
            move(number)

    threads = [threading.Thread(target=call, args=(n * each,)) for n in range(callers)]
    for thread in threads:
        thread.start()
    gc.collect()
    gc.disable()
    try:
        start.wait()
        wall, cpu = perf_counter_ns(), process_time_ns()
        for thread in threads:
            thread.join()
        return perf_counter_ns() - wall, process_time_ns() - cpu
    finally:
        gc.enable()


def _beside_none(*, quick: bool) -> list[Result]:
    """A job with a journal beside one without."""
    count, pairs = 200, Pairs()
    with (
        tempfile.TemporaryDirectory() as folder,
        SQLiteJournal(Path(folder) / "ours", "normal") as journal,
    ):
        for round_ in range(4 if quick else 12):
            kept = _ours(journal, round_, count)
            jobs = [PlainJob(None, f"{number}") for number in range(count)]
            for job in jobs:
                job.trigger("submit")

            def bare(number: int, jobs: list[Any] = jobs) -> None:
                jobs[number].start()
                jobs[number].finish()

            pairs.ours.append(_time(kept, 1, count)[1] / count / 2)
            pairs.theirs.append(_time(bare, 1, count)[1] / count / 2)
    return [
        Result.of_pairs(
            "a transition kept, normal, 1 caller, CPU", "a job without a journal", pairs, None
        )
    ]


WAITER = """
import sys, threading
from time import monotonic, perf_counter_ns
from subjects import PlainJob
from sojourn.journals.sqlite import SQLiteJournal
path, seconds = sys.argv[1], float(sys.argv[2])
longest = count = 0
with SQLiteJournal(path) as journal:
    print("ready", flush=True)
    sys.stdin.readline()
    end = monotonic() + seconds
    while monotonic() < end:
        job = PlainJob(None, f"{__import__('os').getpid()}-{count}", journal=journal)
        for trigger in ("submit", "start", "finish"):
            began = perf_counter_ns()
            job.trigger(trigger)
            longest = max(longest, perf_counter_ns() - began)
            count += 1
print(longest, count)
"""


def waiting(*, quick: bool) -> list[Result]:
    """The longest that anybody waits while four processes write, each as fast as it can."""
    seconds = 2 if quick else 8
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ours")
        SQLiteJournal(path).close()
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", WAITER, path, str(seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parent,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [[int(word) for word in each.communicate()[0].split()] for each in processes]
        with SQLiteJournal(path) as journal:
            sound = journal.check() == ()
    longest, counts = max(each[0] for each in told), [each[1] for each in told]
    return [
        Result("the longest wait, full, 4 processes", longest, "ns", goal=Goal(1e9, limit=True)),
        Result(
            "transitions of the process that had fewest, beside the most",
            min(counts),
            "transitions",
            theirs=max(counts),
            rival="the process that had most",
        ),
        Result("every history is whole afterwards", sum(counts), "transitions", passed=sound),
    ]


def crowd(*, quick: bool) -> list[Result]:
    """A journal of a quarter of a million jobs and a million transitions."""
    jobs, still_open = (10_000, 200) if quick else (250_000, 5_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours"
        SQLiteJournal(path).close()
        transitions = _fill(path, jobs, still_open)
        began = perf_counter_ns()
        journal = SQLiteJournal(path)
        opened = perf_counter_ns() - began
        took = []
        for _ in range(5):
            began = process_time_ns()
            found = journal.jobs(status=("INITIALIZING", "QUEUED", "RUNNING"))
            took.append(process_time_ns() - began)
        journal.close()
        size = path.stat().st_size
    what = f"{jobs} jobs, {transitions} transitions"
    return [
        Result(f"{what}: size on disk", size, "B", raw={"jobs": jobs}),
        Result(f"{what}: to open", opened, "ns"),
        Result(
            f"{what}: to list {still_open} open ones, CPU",
            sorted(took)[len(took) // 2],
            "ns",
            goal=Goal(50e6, limit=True),
            raw={"all": took},
        ),
        Result("the open ones are all there", len(found), "jobs", passed=len(found) == still_open),
    ]


def _fill(path: Path, jobs: int, still_open: int) -> int:
    at, written = datetime.now(UTC), 0
    steps = (
        ("submit", "INITIALIZING", "QUEUED"),
        ("start", "QUEUED", "RUNNING"),
        ("requeue", "RUNNING", "QUEUED"),
        ("fail", "QUEUED", "ERROR"),
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        cursor = connection.cursor()
        for number in range(jobs):
            job_id = f"job-{number:07d}"
            token = f"{number:032x}"
            birth = Birth("shop:Job", "the lab", "INITIALIZING", token, "{}", "{}", at)
            life = steps[: 2 if number % (jobs // still_open) == 0 else 4]
            for version, (trigger, source, dest) in enumerate(life):
                entry = Entry(version + 1, at, trigger, source, dest, 1, False, "trigger", None)
                born = birth if version == 0 else None
                apply(cursor, [(Change(job_id, version, source, born, entry, dest), None)])
            written += len(life)
        connection.execute("COMMIT")
    return written


if __name__ == "__main__":
    for row in (throughput, waiting, crowd):
        for result in row(quick="--quick" in sys.argv):
            print(json.dumps({**result.as_json(), "raw": None}))
