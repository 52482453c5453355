"""What every test may rely on, however the suite was started."""

from __future__ import annotations

import signal
from importlib.util import find_spec

import pytest

# They have an environment of their own, which suite.py makes.
collect_ignore = [] if find_spec("qiskit_aer") else ["with_qiskit"]


def pytest_configure(config: pytest.Config) -> None:
    """Hear the signals that ask for an end, and let every child hear them.

    `nohup` and a shell's `&` start a process that ignores them, and its children inherit that.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
