"""What a check found out: findings, errors, and what was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from textwrap import indent
from typing import Any, Final

from sojourn.testing._promises import PROMISES

__all__ = [
    "LEFT_OUT",
    "BrokenPromiseError",
    "Finding",
    "FoundError",
    "Ledger",
    "Problem",
    "Report",
]

#: Noted where something could take for ever.
LEFT_OUT: Final = "the rest is not looked at, because it could take for ever; mend this first"


@dataclass(frozen=True)
class Finding:
    """A promise that is broken, and the shortest way to it that was found.

    Attributes:
        promise: Its name, which does not change from one release to the next.
        path: What was done, in order, from a new job on.
        expected: What should have come of the last of it.
        happened: What did.
        times: How often the same was found.
    """

    promise: str
    path: tuple[str, ...]
    expected: str
    happened: str
    times: int = 1

    @property
    def sentence(self) -> str:
        """What is promised."""
        return PROMISES[self.promise]

    def __str__(self) -> str:
        """Tell it as a path."""
        *way, last = self.path or ("nothing",)
        again = "" if self.times == 1 else f"\n  in all       {self.times} times"
        return (
            f"{self.promise}: {self.sentence}\n"
            f"  from         {', then '.join(way) or 'a new job'}\n"
            f"  do           {last}\n"
            f"  expected     {self.expected}\n"
            f"  happened     {self.happened}{again}"
        )


@dataclass(frozen=True)
class Problem:
    """An error in the code of the class, or in the kit: not a broken promise, and no pass.

    Attributes:
        path: What was done.
        error: What was raised.
        place: Where, as ``file:line in function``.
        stack: For a call that never returned, all such places on the way there, the innermost last.
    """

    path: tuple[str, ...]
    error: BaseException = field(compare=False)
    place: str
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what was raised, and where."""
        called = "".join(f"  called at    {line}\n" for line in reversed(self.stack[:-1]))
        return (
            f"{type(self.error).__name__}: {self.error}\n"
            f"  {'stands at ' if self.stack else 'raised at '}   {self.place}\n{called}"
            f"  while        {', then '.join(self.path) or 'making a job'}"
        )


@dataclass(frozen=True)
class Report:
    """What `check_job_class` found out about a class.

    Attributes:
        name: Name of the class.
        tier: How hard it was looked at.
        findings: The broken promises, those found first and by the shortest paths first.
        errors: What was raised by the code of the class, or by the kit.
        notes: What could not be looked at, and why.
        calls: How many calls were made and compared.
        jobs: How many jobs were made for that.
        worlds: In how many situations (state, attempt, what became of the submission, …).
        skipped: How many of them were left to the ci tier.
        states: How many states of the class the jobs have been in.
        seconds: How long it took.
    """

    name: str
    tier: str
    findings: tuple[Finding, ...]
    errors: tuple[Problem, ...]
    notes: tuple[str, ...]
    calls: int
    jobs: int
    worlds: int
    skipped: int
    states: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether no promise is broken and nothing went wrong on the way."""
        return not self.findings and not self.errors

    def __str__(self) -> str:
        """Tell it to a person."""
        left = f" of {self.worlds} or more" if self.skipped else ""
        head = (
            f"{self.name}: {self._verdict()} ({self.tier}: {self.calls} calls on {self.jobs} jobs "
            f"in {self.states} states and {self.worlds - self.skipped} situations{left}, "
            f"{self.seconds:.2f} s)"
        )
        parts = [
            *(f"broken  {finding}" for finding in self.findings),
            *(f"error   {problem}" for problem in self.errors),
            *(f"note    {note}" for note in self.notes),
        ]
        return "\n".join([head, *(indent(part, "  ") for part in parts)])

    def _verdict(self) -> str:
        if self.ok:
            return "no promise is broken"
        found = [_counted(len(self.findings), "finding")] if self.findings else []
        return " and ".join(found + ([_counted(len(self.errors), "error")] if self.errors else []))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class BrokenPromiseError(Exception):
    """Ends a scenario: a promise is broken.

    Attributes:
        promise: Its name.
        expected: What should have happened.
        happened: What did.
    """

    def __init__(self, promise: str, expected: str, happened: str) -> None:
        """Keep the facts."""
        super().__init__(promise, expected, happened)
        self.promise = promise
        self.expected = expected
        self.happened = happened


class FoundError(AssertionError):
    """A finding, as a failure that hypothesis can shrink and pytest can show.

    Attributes:
        finding: What was found.
    """

    def __init__(self, finding: Finding) -> None:
        """Keep the finding."""
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        """Tell it as a path."""
        return str(self.finding)


class Ledger:
    """Collects what is found while a class is looked at.

    Attributes:
        findings: The first finding of each kind.
        errors: The first error of each kind.
        notes: What could not be looked at.
        calls: Calls made so far.
        jobs: Jobs made so far.
        worlds: Worlds (state, attempt, what became of the submission, …) that were reached.
        skipped: How many of them nothing was tried in, because there are too many for the tier.
        states: Names of states that a job has been in.
        stuck: Whether something was found that could take for ever, so that the rest is left out.
        doing: The path that is walked at the moment.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.findings: dict[tuple[str, str], Finding] = {}
        self.errors: dict[str, Problem] = {}
        self.notes: dict[str, None] = {}
        self.calls = 0
        self.jobs = 0
        self.worlds = 0
        self.skipped = 0
        self.states: set[str] = set()
        self.stuck = False
        self.doing: Iterable[Any] = ()

    def broken(self, promise: str, path: tuple[str, ...], expected: str, happened: str) -> None:
        """Note a broken promise; of one kind, the first is kept and the others are counted."""
        self.found(Finding(promise, path, expected, happened))

    def found(self, finding: Finding) -> None:
        """Note a finding; of one kind, the first is kept and the others are counted."""
        # What was done last, without its arguments, tells one kind from another.
        kind = finding.promise, finding.path[-1].split("(")[0] if finding.path else ""
        known = self.findings.get(kind)
        if known is None:
            self.findings[kind] = finding
        else:
            self.findings[kind] = replace(known, times=known.times + 1)

    def add(self, other: Ledger) -> None:
        """Note what another has found."""
        for finding in other.findings.values():
            self.found(finding)
        self.errors = other.errors | self.errors

    def failed(self, path: tuple[str, ...], error: BaseException) -> None:
        """Note an error that is not the class's promise: of its own code, or of the kit."""
        trace = error.__traceback__
        place = "nowhere"
        while trace is not None:
            code = trace.tb_frame.f_code
            place = f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}"
            trace = trace.tb_next
        self.errors.setdefault(f"{place} {type(error).__name__}", Problem(path, error, place))

    def hangs(self, path: tuple[str, ...], error: BaseException, stack: tuple[str, ...]) -> None:
        """Note a call that never returned, after which nothing else can be looked at."""
        self.stuck = True
        place = stack[-1] if stack else "nowhere"
        self.errors.setdefault(f"{place} hangs", Problem(path, error, place, stack))
        self.note(LEFT_OUT)

    def note(self, text: str) -> None:
        """Note what could not be looked at."""
        self.notes.setdefault(text)
