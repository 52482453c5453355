"""What every test may rely on, however the suite was started."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli_process import Typed

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def typed(folder: Path, capfd: pytest.CaptureFixture[str]) -> Typed:
    """The command line in this process, which is faster where nothing but words is at stake."""
    # What these need is not there in every environment.
    from cli_process import Told
    from sojourn.cli import main

    return lambda *arguments: Told(main(arguments), *capfd.readouterr())
