"""Where jobs run on this machine: functions in threads and processes, and commands."""

from sojourn.backends._command_backend import CommandBackend
from sojourn.backends._commands import CommandJob, CommandResult
from sojourn.backends._functions import CurrentJob, FunctionJob, StopRequested, current_job
from sojourn.backends._processes import ProcessBackend
from sojourn.backends._threads import ThreadBackend

__all__ = [
    "CommandBackend",
    "CommandJob",
    "CommandResult",
    "CurrentJob",
    "FunctionJob",
    "ProcessBackend",
    "StopRequested",
    "ThreadBackend",
    "current_job",
]
