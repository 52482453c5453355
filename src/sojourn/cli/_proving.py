"""Whether a job class keeps its promises: `sojourn.testing`, pointed at it and told to a person."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from sojourn.cli._classes import called, find
from sojourn.cli._terminal import RefusalError, in_one_line, inert, is_terminal, say
from sojourn.job import BaseJob
from sojourn.testing import FactoryError, Report, Tier, check_job_class

_CLEAR = "\r\x1b[2K"


def factory(name: str) -> Callable[[], BaseJob[Any]]:
    """Return the function, named as `pkg.module:function`, that makes new jobs.

    Raises:
        RefusalError: It is not there, or cannot be called.
    """
    found = find(name)
    if not callable(found):
        raise RefusalError(
            f"{name} is {called(found)}, which makes no jobs; give a function that returns a new one"
        )
    return found


def prove(owner: type[BaseJob[Any]], make: Callable[[], BaseJob[Any]] | None, tier: Tier) -> Report:
    """Point the kit at a class, and show a terminal what it is doing.

    Raises:
        RefusalError: No jobs can be made, or the tier needs what is not installed.
        FactoryError: The factory makes no new jobs.
    """
    if owner is BaseJob:
        raise RefusalError(
            "BaseJob is abstract, and makes no jobs; give a class that derives from it"
        )
    watched = is_terminal(sys.stderr)

    def progress(part: str) -> None:
        if watched:
            say(f"{_CLEAR}{tier}: {part}", sys.stderr)

    try:
        return check_job_class(owner, factory=make, tier=tier, progress=progress)
    except FactoryError as error:
        if make is not None or error.__cause__ is None:
            raise
        raise RefusalError(
            f"{owner.__name__} cannot be made as {owner.__name__}(backend, 'job-1'): "
            f"{in_one_line(str(error.__cause__))}; give --factory module:function, "
            "which returns a new job with every call"
        ) from error
    except ModuleNotFoundError as error:
        raise RefusalError(f"the {tier} tier cannot be run: {error}") from error
    finally:
        if watched:
            say(_CLEAR, sys.stderr)


def told(report: Report) -> str:
    """Return a report as lines that no terminal obeys."""
    return "".join(f"{inert(line)}\n" for line in str(report).splitlines())
