"""All local backends keep the same promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holding import hold
from sojourn import BaseJob
from sojourn.backends import CommandBackend, ProcessBackend, ThreadBackend
from sojourn.testing import BackendConformance

#: Seconds before what was asked to stop is killed: none of what these tests run needs that.
PATIENCE = 30.0


class TestThreads(BackendConformance):
    def make_backend(self, slots: int) -> Any:
        return ThreadBackend(slots)

    def succeed(self, backend: Any) -> BaseJob[Any]:
        return backend.run(pow, 2, 10)

    def fail(self, backend: Any) -> BaseJob[Any]:
        return backend.run(int, "seven")

    def hold(self, backend: Any, folder: Path) -> BaseJob[Any]:
        return backend.run(hold, folder)


class TestProcesses(TestThreads):
    def make_backend(self, slots: int) -> Any:
        return ProcessBackend(slots, grace=PATIENCE)


class TestCommands(BackendConformance):
    def make_backend(self, slots: int) -> Any:
        return CommandBackend(slots, grace=PATIENCE)

    def succeed(self, backend: Any) -> BaseJob[Any]:
        return backend.run(["true"])

    def fail(self, backend: Any) -> BaseJob[Any]:
        return backend.run(["false"])

    def hold(self, backend: Any, folder: Path) -> BaseJob[Any]:
        script = 'touch "$0/ready"; while [ ! -e "$0/go" ]; do sleep 0.01; done'
        return backend.run(["sh", "-c", script, folder])
