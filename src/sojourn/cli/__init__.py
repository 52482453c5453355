"""The command `sojourn`: run shell commands as jobs, draw and check job classes.

It needs the extra: `pip install 'sojourn[cli]'`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

_WRAPPED = frozenset({"click", "rich"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What was typed after `sojourn`; by default what this process was started with.

    Returns:
        0 for success, 1 where something failed, 2 where it could not begin, and 128 and the number of the signal
        that ended it.
    """
    try:
        # What reads arguments is an extra, needed only by those who type.
        from sojourn.cli._commands import run_command_line  # noqa: PLC0415

        return run_command_line(arguments)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _WRAPPED:
            raise
        sys.stderr.write(
            f"sojourn: the command line needs {missing}; "
            "pip install 'sojourn[cli]' brings what it needs\n"
        )
        return 2
