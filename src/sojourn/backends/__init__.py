"""Where jobs run on this machine: functions in threads and processes, and commands."""

from sojourn.backends._commands import CommandBackend, CommandJob, CommandResult

__all__ = ["CommandBackend", "CommandJob", "CommandResult"]
