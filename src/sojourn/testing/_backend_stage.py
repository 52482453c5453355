"""What the contract of a backend is played with: its jobs, and what can be seen of this process."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from sojourn.errors import SojournError
from sojourn.job import BaseJob
from sojourn.testing._requirements import Requirements
from sojourn.testing._subject import FactoryError
from sojourn.testing._unskippable import Unskippable, keep_unskipped

__all__ = ["BackendStage", "children", "descriptors", "fork"]

_MISSING: Final = "write def {}, which returns {}; BackendConformance cannot know how"


class BackendStage(metaclass=Unskippable):
    """How a backend is made, and how jobs are run that succeed, fail and hold."""

    requirements: ClassVar[Requirements]
    patience: ClassVar[float] = 30.0

    def __init_subclass__(cls, **more: Any) -> None:
        """Look at what the author's methods return, so that nothing is tested that is no job."""
        super().__init_subclass__(**more)
        for name in ("make_backend", "succeed", "fail", "hold"):
            if name in vars(cls):
                setattr(cls, name, _looked_at(vars(cls)[name]))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """See to it that none is skipped; pytest calls this before it runs them."""
        keep_unskipped(metafunc.config)

    def make_backend(self, slots: int) -> Any:
        """Return a new backend with so many slots, if it `queues`."""
        raise NotImplementedError(_MISSING.format("make_backend(self, slots)", "a new backend"))

    def succeed(self, backend: Any) -> BaseJob[Any]:
        """Run something that succeeds soon, and return its job."""
        raise NotImplementedError(_MISSING.format("succeed(self, backend)", "a job that succeeds"))

    def fail(self, backend: Any) -> BaseJob[Any]:
        """Run something that fails soon, and return its job."""
        raise NotImplementedError(_MISSING.format("fail(self, backend)", "a job that fails"))

    def hold(self, backend: Any, folder: Path) -> BaseJob[Any]:
        """Run something that goes on until it is let go, and return its job."""
        raise NotImplementedError(
            _MISSING.format("hold(self, backend, folder)", "a job that runs until it is let go")
        )

    def has_started(self, job: BaseJob[Any], folder: Path) -> bool:
        """Whether what `hold` runs has really started."""
        return (folder / "ready").exists()

    def let_go(self, job: BaseJob[Any], folder: Path) -> None:
        """Let what `hold` runs come to its end."""
        (folder / "go").touch()

    @pytest.fixture
    def backend(self) -> Iterator[Any]:
        """A backend with two slots."""
        made = self.make_backend(2)
        yield made
        self.close(made)

    def close(self, backend: Any) -> None:
        """Close a backend that can be closed, whatever still runs there."""
        if self.requirements.closes:
            backend.close(cancel=True)

    def held(self, backend: Any, folder: Path) -> BaseJob[Any]:
        """Run something that holds, and return when it runs."""
        folder.mkdir(exist_ok=True)
        job = self.hold(backend, folder)
        self.until(lambda: self.has_started(job, folder))
        self.until(job.running)
        return job

    def until(self, condition: Callable[[], Any]) -> None:
        """Look again and again, until something is so."""
        deadline = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            threading.Event().wait(0.005)


def _looked_at(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method say what it should return if it does not."""
    makes_backends = make.__name__ == "make_backend"
    kind = "a new backend" if makes_backends else "the job of something new that it runs"

    @wraps(make)
    def made(self: Any, *args: Any) -> Any:
        name = f"{type(self).__name__}.{make.__name__}"
        if self.__dict__.get("_sj_making"):
            return make(self, *args)  # one of these calls another, which is looked at
        self._sj_making = True
        try:
            found = make(self, *args)
        except Exception as error:
            # A number of slots may be refused, and a closed backend runs nothing.
            if isinstance(error, SojournError | TypeError | ValueError | NotImplementedError):
                raise
            raise FactoryError(
                f"{name} failed: {type(error).__name__}: {error}; it must return {kind}"
            ) from error
        finally:
            self._sj_making = False
        if found is None or not (makes_backends or isinstance(found, BaseJob)):
            raise FactoryError(f"{name} returned {found!r:.80}; it must return {kind}")
        before = self.__dict__.setdefault("_sj_made", [])
        if any(each is found for each in before):
            raise FactoryError(f"{name} returned the same twice; it must return {kind}")
        before.append(found)
        return found

    return made


def fork() -> int:
    with warnings.catch_warnings():
        # That there are threads is what the test is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def descriptors() -> set[str]:
    """Names of the open files of this process; empty where nobody says."""
    return {path.name for path in Path("/proc/self/fd").glob("*")}


def children() -> set[str]:
    """Ids of the processes that this one has started and not reaped; empty where nobody says."""
    files = Path("/proc/self/task").glob("*/children")
    return {pid for file in files if file.exists() for pid in file.read_text().split()}
