"""The job classes that sojourn ships or shows, how a job of each is made, and what each allows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from batch_job import ChecksumJob
from job_oracle import BASE, SHOP
from machine_shop import Controller, MachineShop, MachineShopJob, Program
from sojourn import BaseJob
from sojourn.backends import CommandBackend, CommandJob, FunctionJob, ThreadBackend
from sojourn.testing import ScriptedJob

__all__ = ["CHECKSUM", "SHIPPED", "Plain", "Shipped", "command", "function", "part"]

#: Where each trigger leads from each state of the example with a remote service.
CHECKSUM = {**BASE, ("RUNNING", "requeue"): "QUEUED"}


class Plain(BaseJob[Any]):
    """Adds nothing, as the smallest class that there can be."""


def part() -> MachineShopJob:
    return MachineShopJob(MachineShop(Controller()), "p-1", Program("bracket"))


@cache
def _workers() -> ThreadBackend:
    return ThreadBackend(1)


@cache
def _commands() -> CommandBackend:
    return CommandBackend(1, folder=Path(tempfile.gettempdir()))


def function() -> FunctionJob[int]:
    return FunctionJob(_workers(), "f-1", pow, (2, 10))


def command() -> CommandJob:
    return CommandJob(_commands(), "c-1", ["true"])


class Shipped(NamedTuple):
    """A class, how a job of it is made, and where each trigger leads, written by hand."""

    cls: type[BaseJob[Any]]
    factory: Callable[[], BaseJob[Any]]
    expected: dict[tuple[str, str], str]


SHIPPED = [
    Shipped(Plain, lambda: Plain("backend", "j-1"), BASE),
    Shipped(ScriptedJob, lambda: ScriptedJob("backend", "j-1"), BASE),
    Shipped(FunctionJob, function, BASE),
    Shipped(CommandJob, command, BASE),
    Shipped(ChecksumJob, lambda: ChecksumJob(None, "c-1", "hello.txt"), CHECKSUM),  # type: ignore[arg-type]
    Shipped(MachineShopJob, part, SHOP),
]
