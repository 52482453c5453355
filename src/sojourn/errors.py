"""Every error of sojourn.

::

    SojournError
    ├── LifecycleError            a declaration is not sound
    ├── IllegalTransitionError    a trigger is not possible in this state
    │   └── ReentrantTransitionError
    ├── UnknownStatusError        a raw word that status_map does not know
    ├── JobError
    │   ├── JobSubmitError        the backend refused
    │   ├── SubmitUncertainError  nobody knows whether the backend took it
    │   │   └── SubmitInterruptedError    the same after Ctrl-C, also a KeyboardInterrupt
    │   ├── JobFailedError        result() of a job in ERROR
    │   ├── JobCancelledError     result() of a job in CANCELLED
    │   ├── JobTimeoutError       also a TimeoutError
    │   ├── CannotRunError        a local backend was given what it cannot run
    │   ├── CommandError          error() of a command that failed
    │   └── WorkerError           error() of a function whose process could not answer
    ├── BackendError              the backend could not be asked (.transient)
    └── JournalError              a journal could not keep or give back something
        ├── JournalConflictError  somebody else has changed the job first
        ├── JournalUncertainError nobody knows whether a change was kept
        └── JournalFileError      a file is not what it should be
            └── JournalDamageError    some of its jobs are damaged (.whole: the others)

The facts of an error are its positional arguments and its attributes, so that they survive
pickling; the sentence is built when somebody reads it.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BackendError",
    "CannotRunError",
    "CommandError",
    "IllegalTransitionError",
    "JobCancelledError",
    "JobError",
    "JobFailedError",
    "JobSubmitError",
    "JobTimeoutError",
    "JournalConflictError",
    "JournalDamageError",
    "JournalError",
    "JournalFileError",
    "JournalUncertainError",
    "LifecycleError",
    "ReentrantTransitionError",
    "SojournError",
    "SubmitInterruptedError",
    "SubmitUncertainError",
    "UnknownStatusError",
    "WorkerError",
]


class SojournError(Exception):
    """Root of all errors that sojourn raises."""


class LifecycleError(SojournError):
    """A job class is not a sound lifecycle; raised by its ``class`` statement.

    Attributes:
        class_name: Name of the class that was refused.
        problems: Every problem found, each a sentence with its way out.
    """

    def __init__(self, class_name: str, problems: tuple[str, ...]) -> None:
        """Keep the facts."""
        super().__init__(class_name, problems)
        self.class_name = class_name
        self.problems = problems

    def __str__(self) -> str:
        """List every problem on a line of its own."""
        found = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"class {self.class_name} is not a sound lifecycle; {found} found:{lines}"


class IllegalTransitionError(SojournError):
    """A trigger or a command is not possible now; nothing has changed.

    Attributes:
        job_id: Id of the job.
        trigger: What was asked of it.
        state: Name of the state in which it stood.
        allowed: Names of the triggers that this state allows, sorted.
        after: Triggers that lead from here, in order, to where ``trigger`` is possible.
        reason: The way out, or why there is none, as the message says it.
    """

    # Refusals are frequent where jobs race, so the facts are read from ``args`` when asked for
    # instead of being stored twice.
    @property
    def job_id(self) -> str:
        """Id of the job."""
        return str(self.args[0])

    @property
    def trigger(self) -> str:
        """What was asked of the job."""
        return str(self.args[1])

    @property
    def state(self) -> str:
        """Name of the state in which the job stood."""
        return str(self.args[2])

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the triggers that this state allows, sorted."""
        return tuple(self.args[3])

    @property
    def after(self) -> tuple[str, ...]:
        """Triggers that lead from here to where the asked one is possible."""
        return tuple(self.args[4])

    @property
    def reason(self) -> str:
        """The way out, or why there is none."""
        return str(self.args[5])

    def __str__(self) -> str:
        """Say who could not do what, where it stood, and the way out."""
        args = self.args
        if len(args) < 6:
            return super().__str__()  # an author's own, raised in a callback
        return f"job {args[0]!r} cannot {args[1]!r} while {args[2]}; {args[5]}"


class ReentrantTransitionError(IllegalTransitionError):
    """A declared callback asked for something that could deadlock."""


class UnknownStatusError(SojournError):
    """A backend reported a word that ``status_map`` does not know; nothing has changed.

    Attributes:
        job_id: Id of the job.
        raw: The word, as it came.
        state: Name of the state in which the job stood.
        hint: The way out.
    """

    def __init__(self, job_id: str, raw: object, state: str, hint: str) -> None:
        """Keep the facts."""
        super().__init__(job_id, raw, state, hint)
        self.job_id = job_id
        self.raw = raw
        self.state = state
        self.hint = hint

    def __str__(self) -> str:
        """Say which word, about which job, and where to write it down."""
        return (
            f"job {self.job_id!r} cannot make sense of the report {self.raw!r:.80} "
            f"while {self.state}; {self.hint}"
        )


class JobError(SojournError):
    """Something about one job went wrong; as the cause of a failure, the text that was given."""


class _NamedJobError(JobError):
    """A `JobError` that may name its job.

    Attributes:
        reason: What happened.
        job_id: Id of the job; ``None`` where a hook raised the error itself.
    """

    def __init__(self, reason: object = "", job_id: str | None = None) -> None:
        """Keep the facts."""
        super().__init__(reason, job_id)
        self.reason: str = str(reason)
        self.job_id = job_id

    def _tell(self, sentence: str) -> str:
        return self.reason if self.job_id is None else sentence


class JobSubmitError(_NamedJobError):
    """The backend refused the job; the refusal is chained, and the job is in ERROR."""

    def __str__(self) -> str:
        """Say who was refused and why."""
        return self._tell(
            f"job {self.job_id!r} cannot be submitted: {self.reason}; "
            "the backend refused it, a new job may be made once that is mended"
        )


class SubmitUncertainError(_NamedJobError):
    """Nobody knows whether the backend took the job; only ``reconcile()`` may go on.

    A ``_submit()`` hook may raise it itself, with a reason, where it knows that the answer of
    the backend was lost.
    """

    def __str__(self) -> str:
        """Say who is in doubt and how to find out."""
        return self._tell(
            f"job {self.job_id!r} may or may not have been taken by the backend: {self.reason}; "
            "call reconcile() to find out, a second submit() would risk a second job"
        )


class SubmitInterruptedError(SubmitUncertainError, KeyboardInterrupt):
    """Ctrl-C arrived while a submission was in flight; still a ``KeyboardInterrupt``."""


class JobFailedError(_NamedJobError):
    """``result()`` of a job in ERROR; ``__cause__`` is what ``job.error()`` returns."""

    def __str__(self) -> str:
        """Say who failed and why."""
        return self._tell(
            f"job {self.job_id!r} is in ERROR and has no result; "
            f"job.error() and job.history tell how it came there: {self.reason}"
        )


class JobCancelledError(_NamedJobError):
    """``result()`` of a job in CANCELLED."""

    def __str__(self) -> str:
        """Say who was cancelled."""
        return self._tell(
            f"job {self.job_id!r} is CANCELLED{self._after()} and has no result; "
            "job.history tells how it came there"
        )

    def _after(self) -> str:
        return f" ({self.reason})" if self.reason else ""


class JobTimeoutError(JobError, TimeoutError):
    """A wait reached its deadline; the job is as it was.

    Attributes:
        job_id: Id of the job.
        state: Name of the state in which the deadline found it.
        timeout: Seconds that the caller was ready to wait.
    """

    def __init__(self, job_id: str, state: str, timeout: float) -> None:
        """Keep the facts."""
        # TimeoutError is an OSError, which would read three arguments as errno, text and file.
        super().__init__()
        self.args: tuple[object, ...] = (job_id, state, timeout)
        self.job_id = job_id
        self.state = state
        self.timeout = timeout

    def __str__(self) -> str:
        """Say who was not final in time, or whose result was not there in time."""
        if self.state == "DONE":
            return (
                f"job {self.job_id!r} is DONE and its result was not fetched in {self.timeout:g} s; "
                "ask for it again"
            )
        return (
            f"job {self.job_id!r} is not final after {self.timeout:g} s, it is {self.state}; "
            "it goes on, wait again or cancel() it"
        )


class CannotRunError(JobError):
    """A local backend was given what it cannot run; nothing was started.

    Attributes:
        what: What was to be run.
        reason: Why it cannot, and the way out.
    """

    def __init__(self, what: str, reason: str) -> None:
        """Keep the facts."""
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        """Say what cannot be run and why."""
        return f"{self.what} cannot be run: {self.reason}"


class CommandError(JobError):
    """A command did not succeed; what ``error()`` of its job returns.

    Attributes:
        name: What the job is called.
        reason: What became of it: ``exited with code 2``, ``was ended by SIGKILL``,
            ``timed out after 3 s``.
        exit_code: Its exit code; ``None`` if a signal ended it, or it never ran.
        signal: Name of the signal that ended it.
        timeout: Seconds that it was given, if it took longer.
        stderr_tail: The last lines that it wrote to stderr; undecodable bytes are replaced.
    """

    def __init__(
        self,
        name: str,
        reason: str,
        exit_code: int | None = None,
        signal: str | None = None,
        timeout: float | None = None,
        stderr_tail: str = "",
    ) -> None:
        """Keep the facts."""
        super().__init__(name, reason, exit_code, signal, timeout, stderr_tail)
        self.name = name
        self.reason = reason
        self.exit_code = exit_code
        self.signal = signal
        self.timeout = timeout
        self.stderr_tail = stderr_tail

    def __str__(self) -> str:
        """Say what became of it, with the end of its stderr made harmless for a terminal."""
        told = f"command {self.name!r} {self.reason}"
        if not self.stderr_tail:
            return f"{told}; it wrote nothing to stderr"
        lines = (
            "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
            for line in self.stderr_tail.splitlines()
        )
        return "\n  ".join((f"{told}; its stderr ends with:", *lines))


class WorkerError(JobError):
    """A process that ran a function could not answer; what ``error()`` of its job returns.

    Attributes:
        function: Name of the function.
        reason: What became of it: ``its process was ended by SIGSEGV``.
        exit_code: Exit code of the process, if it ended by itself.
        signal: Name of the signal that ended the process.
        timeout: Seconds after which the function was stopped, if it took too long.
    """

    def __init__(
        self,
        function: str,
        reason: str,
        exit_code: int | None = None,
        signal: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Keep the facts."""
        super().__init__(function, reason, exit_code, signal, timeout)
        self.function = function
        self.reason = reason
        self.exit_code = exit_code
        self.signal = signal
        self.timeout = timeout

    def __str__(self) -> str:
        """Say what became of it."""
        return f"function {self.function!r} has no answer: {self.reason}"


class BackendError(SojournError):
    """The backend could not be asked; its own error is chained, and the job is as it was.

    A hook may raise it itself: ``BackendError("maintenance", transient=True)``.

    Attributes:
        transient: Whether asking again later may help; waiting then goes on asking.
    """

    def __init__(self, reason: object = "", transient: bool = False) -> None:
        """Keep the facts."""
        super().__init__(reason, transient)
        self.reason: str = str(reason)
        self.transient = transient

    def __str__(self) -> str:
        """Return the sentence that was given."""
        return self.reason


class JournalError(SojournError):
    """A journal could not keep or give back something; what could not be kept did not happen."""


class JournalConflictError(JournalError):
    """Another handle, perhaps of another process, has changed the job first; nothing was kept.

    A job that meets it reads the journal again and decides anew, so its callers never see it.

    Attributes:
        job_id: Id of the job.
        known: Where the writer thought that the job was.
    """

    def __init__(self, job_id: str, known: str) -> None:
        """Keep the facts."""
        super().__init__(job_id, known)
        self.job_id = job_id
        self.known = known

    def __str__(self) -> str:
        """Say who lost, and the way out."""
        return (
            f"job {self.job_id!r} is not {self.known} in the journal any more; "
            "somebody else has changed it, read it again"
        )


class JournalUncertainError(JournalError):
    """Nobody knows whether a change was kept; the job is read again before it changes anew.

    Attributes:
        job_id: Id of the job.
        reason: What happened.
    """

    def __init__(self, job_id: str, reason: str) -> None:
        """Keep the facts."""
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason

    def __str__(self) -> str:
        """Say whose change is in doubt and why."""
        return (
            f"job {self.job_id!r} cannot tell whether its change was kept: {self.reason}; "
            "its journal is read again before it changes anew"
        )


class JournalFileError(JournalError):
    """A file is no journal, or none that may be used, or it is damaged; it was left as it is.

    Attributes:
        path: The file.
        reason: What is wrong with it, and the way out.
    """

    def __init__(self, path: str, reason: str) -> None:
        """Keep the facts."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """Say which file and why."""
        return f"journal {self.path!r} cannot be used: {self.reason}"


class JournalDamageError(JournalFileError):
    """Jobs are damaged in their journal that were asked for, or may have been; the others are not.

    Attributes:
        damaged: Ids of those that are; of one whose id cannot be read either, the place, in brackets.
        whole: The others, each a `sojourn.history.KeptJob`.
    """

    def __init__(self, path: str, damaged: tuple[str, ...], whole: tuple[Any, ...]) -> None:
        """Keep the facts."""
        named = ", ".join(map(repr, damaged[:3]))
        more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
        super().__init__(
            path, f"what it says of job {named}{more} is damaged; check() finds all that is"
        )
        Exception.__init__(self, path, damaged, whole)  # what pickling keeps
        self.damaged = damaged
        self.whole = whole

    def __str__(self) -> str:
        """Say which file, and which jobs."""
        return f"journal {self.path!r}: {self.reason}"
