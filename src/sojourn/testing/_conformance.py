"""The contract of a job class, as tests to inherit."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from sojourn.job import BaseJob
from sojourn.testing._checking import Tier, prove
from sojourn.testing._promises import PROMISES
from sojourn.testing._report import LEFT_OUT, Ledger
from sojourn.testing._subject import Expected, Subject
from sojourn.testing._unskippable import Unskippable, is_skipped, keep_unskipped

__all__ = ["JobConformance"]


class JobConformance(metaclass=Unskippable):
    """What every job class promises; derive a test class from it, and name yours.

    One test for each promise, called ``test_promise[name-of-the-promise]``. The names are an API:
    a release adds some, and never renames one. None of them skips.

    Attributes:
        job_class: The class to prove.
        expected: ``{(state, trigger): dest}``, written by hand; ``None`` reads the declared edges.
        tier: How hard to look, ``"quick"`` or ``"ci"``.

    Example:
        >>> from sojourn.testing import JobConformance
        >>> class PrintJob(BaseJob): ...
        >>> class TestPrintJob(JobConformance):
        ...     job_class = PrintJob
    """

    job_class: ClassVar[type[BaseJob[Any]]]
    expected: ClassVar[Expected | None] = None
    tier: ClassVar[Tier] = "quick"

    def __init_subclass__(cls, **more: Any) -> None:
        """Refuse to be skipped.

        Raises:
            TypeError: Its tests are to be taken away or skipped.
        """
        super().__init_subclass__(**more)
        for name in ("test_promise", "test_no_error_on_the_way"):
            if name in vars(cls) or is_skipped(cls):
                raise TypeError(
                    f"{cls.__name__} does without {name}, which every class must pass; let it run"
                )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """See to it that none is skipped; pytest calls this before it runs them."""
        keep_unskipped(metafunc.config)

    def make_job(self) -> BaseJob[Any]:
        """Return a new job; override this where a class is made with more than a backend and an id."""
        raise NotImplementedError

    def _look(self) -> Ledger:
        """Look at the class once, for all tests."""
        cls = type(self)
        ledger: Ledger | None = cls.__dict__.get("_sj_ledger")
        if ledger is None:
            if not hasattr(cls, "job_class"):
                raise TypeError(f"{cls.__name__} has no job_class; write job_class = YourJob")
            own = cls.make_job is not JobConformance.make_job
            factory = self.make_job if own else None
            ledger = prove(lambda: Subject(self.job_class, factory, self.expected), self.tier)
            cls._sj_ledger = ledger
        return ledger

    @pytest.mark.parametrize("promise", PROMISES)
    def test_promise(self, promise: str) -> None:
        """Find no way to break the promise."""
        ledger = self._look()
        found = [str(each) for each in ledger.findings.values() if each.promise == promise]
        if found:
            pytest.fail("\n\n".join(found), pytrace=False)
        if ledger.stuck:
            reasons = map(str, (*ledger.errors.values(), *ledger.findings.values()))
            pytest.fail("\n\n".join([f"{promise}: {LEFT_OUT}", *reasons]), pytrace=False)

    def test_no_error_on_the_way(self) -> None:
        """Find no error in the code of the class that nobody asked for."""
        errors = self._look().errors
        if errors:
            pytest.fail("\n\n".join(map(str, errors.values())), pytrace=False)
