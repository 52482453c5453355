"""A thousand jobs are cancelled at random moments: none is lost, and nothing of any is left."""

from __future__ import annotations

import os
import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psutil
import pytest

import local_work as work
from process_watching import PATIENCE
from sojourn import BaseJob
from sojourn.backends import CommandBackend, ProcessBackend, ThreadBackend

COUNT = 1000
SLOTS = 4

MAKERS: dict[str, Callable[[], Any]] = {
    "threads": lambda: ThreadBackend(SLOTS),
    "processes": lambda: ProcessBackend(SLOTS, grace=PATIENCE),
    "commands": lambda: CommandBackend(SLOTS, grace=PATIENCE),
}
QUICK: dict[str, tuple[Any, ...]] = {
    "threads": (work.give, 7),
    "processes": (work.give, 7),
    "commands": (["true"],),
}
LONG: dict[str, tuple[Any, ...]] = {
    "threads": (work.look_until_asked_to_stop,),
    "processes": (work.have_a_child_and_sleep,),
    "commands": (["sh", "-c", "sleep 600 & sleep 600"],),
}


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """What every process that begins here has in its environment."""
    mark = secrets.token_hex(8)
    monkeypatch.setenv("SOJOURN_TEST_MARK", mark)
    return mark


def marked(mark: str) -> Iterator[psutil.Process]:
    """Every process that has begun here and lives."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            environment = process.environ()
            if environment.get("SOJOURN_TEST_MARK") == mark and process.pid != os.getpid():
                yield process


@pytest.mark.parametrize("kind", MAKERS)
def test_a_thousand_cancelled_at_random_moments_all_come_to_an_end(kind: str, mark: str) -> None:
    dice = random.Random(7)
    threads = set(threading.enumerate())

    with MAKERS[kind]() as backend:
        jobs = [backend.run(*dice.choice((QUICK, QUICK, QUICK, LONG))[kind]) for _ in range(COUNT)]
        dice.shuffle(jobs)
        with ThreadPoolExecutor(2) as cancelling:
            answers = list(cancelling.map(cancel_soon, jobs, (dice.random() for _ in jobs)))

    ends = Counter(job.state.name for job in jobs)
    assert ends["DONE"] + ends["CANCELLED"] == COUNT
    assert min(ends["DONE"], ends["CANCELLED"]) > 0
    assert all(answer for answer, job in zip(answers, jobs, strict=True) if not job.done())
    assert all(job.result(0) is not None for job in jobs if job.done())
    assert [job.anomalies for job in jobs if job.anomalies] == []
    assert any(job.history[-2].dest == "RUNNING" for job in jobs if job.cancelled())
    assert backend.jobs == ()
    assert list(marked(mark)) == []
    assert set(threading.enumerate()) == threads


def cancel_soon(job: BaseJob[Any], moment: float) -> bool:
    threading.Event().wait(moment / 100)
    return job.cancel()
