"""How to test yours: the kit that proves a job class, and that sojourn's own tests use.

`check_job_class` looks at a class and returns a report; `JobConformance` is the same for pytest, as
a class to derive from, and `BackendConformance` does it for a backend. `ScriptedBackend`,
`FaultyBackend`, `ScriptedJob`, `ManualClock`, `Gate` and `Background` stand in for the world, so
that nothing sleeps. `lifecycles`, `job_classes`, `observations`, `faults` and `nasty_ids` are
strategies for hypothesis, `shortest_paths` and `transition_cover` are ways through a class. What
needs hypothesis or pytest is loaded when it is first asked for: they come with
``pip install "sojourn[testing]"``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sojourn.testing._checking import Tier, check_job_class
from sojourn.testing._doubles import Background, Gate, ScriptedBackend, ScriptedJob
from sojourn.testing._faulty import Fault, FaultyBackend
from sojourn.testing._manual_clock import ManualClock
from sojourn.testing._paths import shortest_paths, transition_cover
from sojourn.testing._promises import PROMISES
from sojourn.testing._report import Finding, Problem, Report
from sojourn.testing._requirements import BACKEND_PROMISES, Requirements
from sojourn.testing._subject import FactoryError

if TYPE_CHECKING:
    from sojourn.testing._backend_conformance import BackendConformance
    from sojourn.testing._conformance import JobConformance
    from sojourn.testing._generation import faults, job_classes, lifecycles, nasty_ids, observations
    from sojourn.testing._journal_stage import StoredEntry, StoredJob
    from sojourn.testing._journals import JournalConformance
    from sojourn.testing._walking import machine_for

__all__ = [
    "BACKEND_PROMISES",
    "PROMISES",
    "BackendConformance",
    "Background",
    "FactoryError",
    "Fault",
    "FaultyBackend",
    "Finding",
    "Gate",
    "JobConformance",
    "JournalConformance",
    "ManualClock",
    "Problem",
    "Report",
    "Requirements",
    "ScriptedBackend",
    "ScriptedJob",
    "StoredEntry",
    "StoredJob",
    "Tier",
    "check_job_class",
    "faults",
    "job_classes",
    "lifecycles",
    "machine_for",
    "nasty_ids",
    "observations",
    "shortest_paths",
    "transition_cover",
]

_LATER = {
    "BackendConformance": "_backend_conformance",
    "JobConformance": "_conformance",
    "faults": "_generation",
    "JournalConformance": "_journals",
    "StoredEntry": "_journal_stage",
    "StoredJob": "_journal_stage",
    "job_classes": "_generation",
    "lifecycles": "_generation",
    "machine_for": "_walking",
    "nasty_ids": "_generation",
    "observations": "_generation",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'sojourn.testing' has no attribute {name!r}")
    try:
        module = import_module(f"sojourn.testing.{_LATER[name]}")
    except ModuleNotFoundError as error:
        if error.name not in ("hypothesis", "pytest"):
            raise
        raise ModuleNotFoundError(
            f"sojourn.testing.{name} needs {error.name}; "
            'install it with: pip install "sojourn[testing]"',
            name=error.name,
        ) from error
    return getattr(module, name)
