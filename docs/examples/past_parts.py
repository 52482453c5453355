"""Parts that have gone through the machine shop: something to draw.

What the controller reported is replayed with its times, so the pictures differ only in the day. Run this file to see
where the time went:

    python docs/examples/past_parts.py
"""

from __future__ import annotations

import random
from datetime import timedelta

from machine_shop import Controller, MachineShop, MachineShopJob, Program
from sojourn import statistics

__all__ = ["batch", "part", "scrapped"]

#: What the controller said, in which attempt, and after how many seconds.
Report = tuple[str, int, float]


def replayed(job_id: str, reports: list[Report]) -> MachineShopJob:
    """Return a job to which all this was reported."""
    job = MachineShopJob(MachineShop(Controller()), job_id, Program("bracket"))
    for word, attempt, seconds in reports:
        job.observe(word, attempt=attempt, at=job.created_at + timedelta(seconds=seconds))
    return job


#: A part that was milled twice. Nobody saw when the second milling began.
part = replayed(
    "p-7",
    [
        ("waiting", 1, 0.4),
        ("mounting", 1, 6),
        ("milling", 1, 21),
        ("probing", 1, 64),
        ("waiting", 2, 70),
        ("probing", 2, 130),
        ("ok", 2, 138),
    ],
)

#: A part that was not worth a second try.
scrapped = replayed("p-8", [("waiting", 1, 0.4), ("milling", 1, 9), ("scrap", 1, 55)])


def _batch(count: int, seed: int) -> list[MachineShopJob]:
    dice = random.Random(seed)  # noqa: S311  # a game, not a secret
    jobs = []
    for number in range(count):
        at = dice.uniform(0.2, 4)
        reports: list[Report] = [("waiting", 1, at)]
        for word, mean in (("mounting", 22), ("milling", 8), ("probing", 35)):
            at += dice.expovariate(1 / mean)
            reports.append((word, 1, at))
        verdict = dice.choice(["ok", "ok", "ok", "scrap", "stopped"])
        reports.append((verdict, 1, at + dice.uniform(2, 6)))
        jobs.append(replayed(f"p-{number:02}", reports))
    return jobs


#: A morning's work.
batch = _batch(12, seed=4)


if __name__ == "__main__":
    print(statistics(batch))
