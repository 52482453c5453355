"""Tests of a contract are not skipped: not by a mark, not by a fixture, not from within."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

__all__ = ["Unskippable", "is_skipped", "keep_unskipped"]

#: The name under which pytest knows who looks for skipped tests.
PLUGIN: Final = "sojourn-contracts"
KIT: Final = __name__.rpartition(".")[0] + "."


def is_skipped(cls: type) -> bool:
    """Tell whether a test class is marked to be skipped, or to fail, or derives from one that is."""
    return any(map(_skips, [mark for each in cls.__mro__ for mark in _marks(each)]))


def _marks(cls: type) -> list[Any]:
    marks = vars(cls).get("pytestmark", [])
    return list(marks) if isinstance(marks, list | tuple) else [marks]


def _skips(mark: Any) -> bool:
    return mark.name in ("skip", "skipif", "xfail")


class Unskippable(type):
    """The type of test classes that no decorator skips."""

    def __setattr__(cls, name: str, value: Any) -> None:
        """Refuse the mark, which a decorator sets when the class is there.

        Raises:
            TypeError: It would skip the tests, or let them fail.
        """
        if name == "pytestmark" and any(map(_skips, value)):
            raise TypeError(
                f"{cls.__name__} is marked to be skipped, or to fail; its tests are the contract, "
                "so take the mark away"
            )
        super().__setattr__(name, value)


def keep_unskipped(config: pytest.Config) -> None:
    """Have every test of the kit's that is skipped reported as one that failed."""
    if not config.pluginmanager.has_plugin(PLUGIN):
        config.pluginmanager.register(_Contracts(), PLUGIN)


class _Contracts:
    """Looks at the reports of the kit's tests."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.skipped and _is_the_kits(item):
            report.outcome = "failed"
            report.longrepr = _told(item, report)
            if hasattr(report, "wasxfail"):
                del report.wasxfail
        return report


def _is_the_kits(item: pytest.Item) -> bool:
    function = getattr(item, "function", None)
    return str(getattr(function, "__module__", "")).startswith(KIT)


def _told(item: pytest.Item, report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return (
        f"{item.name} was skipped, or let fail, and it is a part of the contract; let it run, or "
        f"deselect it where it cannot, as pytest -m and -k do\n\n{reason}"
    )
