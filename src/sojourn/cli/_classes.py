"""Which job class is meant: `pkg.module:Class`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from sojourn.cli._terminal import RefusalError, in_one_line
from sojourn.errors import SojournError
from sojourn.job import BaseJob

_SHOWN = 5


def find(name: str) -> object:
    """Return what a name like `pkg.module:Class` leads to; modules in the current folder are found, too.

    Raises:
        RefusalError: It leads nowhere, or importing it fails.
        LifecycleError: It leads to a class that is not sound.
    """
    module_name, _, path = name.partition(":")
    if module_name.endswith(".py"):
        raise RefusalError(
            f"{name!r} names a file; give its module, as in {Path(module_name).stem}:Class"
        )
    if not module_name or not path:
        raise RefusalError(f"{name!r} names no class; write it as pkg.module:Class")
    with _told(module_name):
        found: object = _import(module_name)
        for part in path.split("."):
            inside = found
            found = getattr(inside, part, None)
            if found is None:
                raise RefusalError(_missing(inside, part, name))
    return found


def find_class(name: str) -> type[BaseJob[object]]:
    """Return the job class that a name leads to.

    Raises:
        RefusalError: It leads nowhere, or to something else.
        LifecycleError: The class is not sound.
    """
    found = find(name)
    if isinstance(found, type) and issubclass(found, BaseJob):
        return found
    raise RefusalError(
        f"{name} is {called(found)}, not a job class; give a subclass of sojourn.BaseJob"
    )


def called(thing: object) -> str:
    """Say what a thing is."""
    kind = "class" if isinstance(thing, type) else type(thing).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def _import(name: str) -> ModuleType:
    # The script `sojourn` finds what `python -m` would find.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    # What a module prints when it is imported must not get into a picture.
    with redirect_stdout(sys.stderr):
        return import_module(name)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say in one line why somebody's module cannot be imported."""
    try:
        yield
    except SojournError:
        raise
    except (Exception, SystemExit) as error:  # a module may raise anything, and all of it is told
        reason = in_one_line(f"{type(error).__name__}: {error}")
        raise RefusalError(f"cannot import {name!r}: {reason}{_where(error)}") from error


def _where(error: BaseException) -> str:
    """Say where in somebody's module it was raised."""
    ours = {__name__.partition(".")[0], "importlib", "contextlib"}
    places = [
        f"{Path(frame.f_code.co_filename).name}, line {line}"
        for frame, line in walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in ours
    ]
    return f" ({in_one_line(places[-1])})" if places else ""


def _missing(inside: object, part: str, name: str) -> str:
    """Say what is not there, and what is that could have been meant."""
    names = list(getattr(inside, "__dict__", ()))
    jobs = [each for each in names if _is_job_class(getattr(inside, each, None))]
    near = get_close_matches(part, [*jobs, *names], n=1)
    where = getattr(inside, "__name__", "it")
    if near:
        hint = f"did you mean {near[0]}?"
    elif jobs:
        hint = f"its job classes are {', '.join(sorted(jobs)[:_SHOWN])}"
    else:
        hint = "there is no job class in it"
    return f"{name}: {where} has no {part!r}; {hint}"


def _is_job_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseJob) and value is not BaseJob
