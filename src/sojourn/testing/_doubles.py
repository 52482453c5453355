"""What stands in for the world: a backend that plays a script, a job that asks it, threads, gates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Any, Final

from sojourn.job import BaseJob

__all__ = [
    "PATIENCE",
    "QUESTIONS",
    "Background",
    "Gate",
    "ScriptedBackend",
    "ScriptedJob",
    "WatchedLock",
]

#: Seconds after which something that must happen will not happen any more.
PATIENCE: Final = 30.0

#: What a backend may be asked: the hooks of a job, without the underscore.
QUESTIONS: Final = ("submit", "poll", "cancel", "fetch_result", "find")


class ScriptedBackend:
    """A backend that plays a script: a list of answers for each question.

    The questions are the hooks of a job without their underscores: ``submit``, ``poll``,
    ``cancel``, ``fetch_result``, ``find``. The last answer of a list is repeated; an exception
    among the answers is raised, and a function is called with the job. Safe from any thread; it
    waits for nothing.

    A client of your own has other methods. Derive a backend that has them too, and let each ask
    its question with `ask`: the hooks of your class are then proven as they are.

    Args:
        submit: Native ids.
        poll: Raw words, statuses, states or observations; ``None`` is no news.
        cancel: ``True`` (stopped), ``None`` (asked) or ``False`` (refused).
        fetch_result: Results.
        find: Native ids, or ``None`` for "no such job".

    Attributes:
        asked: The questions so far, in order.
        meanwhile: Called once, before the next question is answered.

    Example:
        >>> from sojourn.testing import ScriptedBackend, ScriptedJob
        >>> backend = ScriptedBackend(poll=["QUEUED", "RUNNING", "DONE"])
        >>> job = ScriptedJob(backend, "j-1")
        >>> job.submit()
        >>> job.result()
        'the result'
        >>> backend.asked
        ['submit', 'poll', 'poll', 'poll', 'fetch_result']
    """

    def __init__(
        self,
        *,
        submit: Sequence[Any] = ("native-1",),
        poll: Sequence[Any] = (None,),
        cancel: Sequence[Any] = (True,),
        fetch_result: Sequence[Any] = ("the result",),
        find: Sequence[Any] = (None,),
    ) -> None:
        """Lay out the script."""
        # No lock, which a fork might copy while it is held: taking the next answer is one step.
        self._answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] | None = None
        self.script(submit=submit, poll=poll, cancel=cancel, fetch_result=fetch_result, find=find)

    def script(self, **answers: Sequence[Any]) -> None:
        """Replace the rest of the script of some questions.

        Raises:
            TypeError: There is no such question.
            ValueError: A list is empty, so that there is no answer to give.
        """
        for question, given in answers.items():
            if question not in QUESTIONS:
                raise TypeError(
                    f"a backend is not asked {question!r}; the questions are {', '.join(QUESTIONS)}"
                )
            if not given:
                raise ValueError(f"the script of {question!r} is empty; give at least one answer")
            self._answers[question] = chain(given, repeat(given[-1]))

    def ask(self, question: str, job: Any = None) -> Any:
        """Give the next answer to a question.

        Args:
            question: One of the five.
            job: The job that asks; functions among the answers are called with it.
        """
        self.asked.append(question)
        answer = next(self._answers[question])
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if isinstance(answer, BaseException):
            raise answer
        return answer(job) if callable(answer) else answer

    def submit(self, job: Any = None) -> Any:
        """Take a job; return its native id."""
        return self.ask("submit", job)

    def poll(self, job: Any = None) -> Any:
        """Say where a job is."""
        return self.ask("poll", job)

    def cancel(self, job: Any = None) -> Any:
        """Stop a job: ``True``, ``None`` or ``False``."""
        return self.ask("cancel", job)

    def fetch_result(self, job: Any = None) -> Any:
        """Return the result of a job."""
        return self.ask("fetch_result", job)

    def find(self, job: Any = None) -> Any:
        """Return the native id of a job that may or may not be here."""
        return self.ask("find", job)


class ScriptedJob(BaseJob[Any]):
    """A job with every hook, each of which asks its backend the question of that name.

    Its backend is a `ScriptedBackend`, a `FaultyBackend`, or anything else with the five methods.
    """

    def _submit(self) -> Any:
        return self.backend().submit(self)

    def _poll(self) -> Any:
        return self.backend().poll(self)

    def _cancel(self) -> Any:
        return self.backend().cancel(self)

    def _fetch_result(self) -> Any:
        return self.backend().fetch_result(self)

    def _find(self) -> Any:
        return self.backend().find(self)


class Gate:
    """An answer that is on its way until the test lets it arrive.

    Args:
        answer: What arrives; an exception is raised.
    """

    def __init__(self, answer: Any = None) -> None:
        """Close it."""
        self._answer = answer
        self._asked = threading.Event()
        self._open = threading.Event()

    def __call__(self, *_: Any) -> Any:
        """Wait until it is open, and give the answer."""
        self._asked.set()
        if not self._open.wait(PATIENCE):
            raise AssertionError("the test never opened the gate")
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    def wait_until_asked(self) -> None:
        """Return when somebody waits for the answer."""
        if not self._asked.wait(PATIENCE):
            raise AssertionError("nobody asked")

    def open(self) -> None:
        """Let the answer arrive."""
        self._open.set()


class Background:
    """A call in a thread of its own, that must come to an end."""

    def __init__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Start it."""
        self._outcome: tuple[bool, Any] | None = None

        def run() -> None:
            try:
                self._outcome = True, call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  # handed to whoever asks
                self._outcome = False, error

        self.thread: threading.Thread = threading.Thread(
            target=run, daemon=True, name="sojourn-testing"
        )
        self.thread.start()

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return not self.thread.is_alive()

    def outcome(self) -> Any:
        """Return what the call returned, or the exception that it raised."""
        self.thread.join(PATIENCE)
        if self._outcome is None:
            raise AssertionError("the call hangs")
        return self._outcome[1]

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        outcome = self.outcome()
        if self._outcome is not None and not self._outcome[0]:
            raise outcome
        return outcome


class WatchedLock:
    """A job's lock, whatever it is, and a sign when a thread has to wait for it."""

    def __init__(self, lock: Any, sign: threading.Event) -> None:
        """Stand before a lock."""
        self.lock = lock
        self.sign = sign

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire it; give the sign if that has to wait."""
        if self.lock.acquire(blocking=False):
            return True
        if not blocking:
            return False
        self.sign.set()
        return bool(self.lock.acquire(timeout=timeout))

    def release(self) -> None:
        """Release it."""
        self.lock.release()

    def _is_owned(self) -> bool:
        return bool(self.lock._is_owned())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()
