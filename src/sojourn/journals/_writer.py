"""The one thread of a process that writes to a journal, with one commit for all who wait.

A caller leaves its change in a queue and sleeps until the writer has made it durable. While one
commit waits for the disk the next changes gather, so that many callers share the next commit. An
interrupt cannot reach the writer, so no commit is ever half decided. A caller that no interrupt can
reach either, because it is not the main thread, and that finds nobody at work, does it itself.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, get_ident, main_thread
from time import sleep
from typing import Any

from sojourn.errors import JournalError, JournalUncertainError
from sojourn.history import Change
from sojourn.journals._changes import apply
from sojourn.journals._files import same_file
from sojourn.journals._forks import inside
from sojourn.journals._results import Kept

__all__ = ["Writer"]

#: More changes than this are never in one transaction, so that its end is never far.
MOST_AT_ONCE = 500
UNDECIDED = RuntimeError("nobody has decided it")


class _Ticket:
    """A change that waits to be written.

    Attributes:
        change: The change.
        kept: Where its result is, if it has one.
        ready: Released when it is decided.
        open: Whether it may still be withdrawn; whoever pops this has decided it.
        trouble: Why it was not made; ``None`` if it was, and `UNDECIDED` until that is known.
    """

    __slots__ = ("change", "kept", "open", "ready", "trouble")

    def __init__(self, change: Change, kept: Kept | None) -> None:
        self.change = change
        self.kept = kept
        self.open = [True]
        self.trouble: BaseException | None = UNDECIDED
        self.ready = ready = Lock()
        ready.acquire()

    def take(self) -> bool:
        """Decide what becomes of it; ``False`` if somebody else has."""
        try:
            return self.open.pop()
        except IndexError:
            return False

    def decide(self, trouble: BaseException | None) -> None:
        self.trouble = trouble
        self.ready.release()


class Writer:
    """Makes changes durable, in the order in which they came.

    Attributes:
        path: The journal, for messages.
    """

    def __init__(
        self,
        path: str,
        file: os.stat_result,
        connect: Callable[[], sqlite3.Connection],
        turn: Any,
        patience: float,
    ) -> None:
        """Prepare one; its thread comes with the first change.

        Args:
            path: The journal.
            file: What tells its file from another in its place.
            connect: Opens a connection to write with.
            turn: A context manager that lets one process write at a time.
            patience: Seconds after which a change that nobody has begun to make is given up.
        """
        self.path = path
        self._file = file
        self._connect = connect
        self._turn = turn
        self._patience = patience
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = Lock()
        #: Held by the writer as long as it lives: an interrupt may come when one was just started,
        #: so that another is, and then the second has nothing to do.
        self._running = Lock()
        self._cursor: sqlite3.Cursor | None = None
        self._closed = False
        #: Held by whoever writes.
        self._pen = Lock()
        #: How many changes the latest commit had. Those of many are better made together.
        self._crowd = 1
        #: Changes that nobody waits for any more, and that may yet be made; under the lock below.
        self._left: list[_Ticket] = []
        self._leaving = Lock()

    def write(self, change: Change, kept: Kept | None) -> None:
        """Return when the change is durable.

        Args:
            change: The change.
            kept: Where its result is, if it has one.

        Raises:
            JournalConflictError: It does not fit what is there; nothing has changed.
            JournalUncertainError: Nobody knows whether it was made.
            JournalError: It was not made.
        """
        if self._crowd == 1 and self._may_write_here() and self._take_turn():
            trouble = self._write_here(change, kept)
            if trouble is not None:
                raise trouble
            return
        if not self._running.locked():
            self._start()
        ticket = _Ticket(change, kept)
        try:
            self._queue.put(ticket)
            if self._closed and ticket.take():
                ticket.decide(self._refusal())  # nobody may be there any more to look at it
            decided = ticket.ready.acquire(timeout=self._patience)
        except BaseException:
            # If it is not decided and cannot be withdrawn it is being written just now.
            mine = ticket.take() or ticket.trouble is not UNDECIDED
            if not mine and not ticket.ready.acquire(timeout=self._patience):
                self._leave(ticket)
            raise
        if not decided:
            self._give_up(ticket)
        if ticket.trouble is not None:
            raise ticket.trouble

    def _may_write_here(self) -> bool:
        """Tell whether nobody else of this process is about to write; then the pen is ours."""
        return (
            get_ident() != main_thread().ident
            and self._queue.empty()
            and self._pen.acquire(blocking=False)
        )

    def _take_turn(self) -> bool:
        """Take the turn among processes for whoever holds the pen, or else put the pen down."""
        taken = False
        try:
            taken = not self._closed and self._turn.take()
        finally:
            if not taken:
                self._pen.release()
        return taken

    def _write_here(self, change: Change, kept: Kept | None) -> BaseException | None:
        """Write in the thread of the caller, whose pen and whose turn it is."""
        try:
            with inside:
                return self._transact(((change, kept),))[0]
        finally:
            try:
                self._turn.give_back()
            finally:
                self._pen.release()

    def close(self) -> None:
        """Write what was asked for, and end the thread."""
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        self._queue.put(None)
        # One that another process holds up is left to itself.
        if thread is not None and self._running.acquire(timeout=self._patience):
            self._running.release()
            thread.join()
        elif thread is None and self._pen.acquire(timeout=self._patience):
            try:
                self._disconnect()
            finally:
                self._pen.release()
        self._refuse_rest()
        self._queue.put(None)

    def let_go(self) -> None:
        """Have the thread end when it has written what was asked for.

        For a garbage collector, which may come in any thread and at any moment, so it waits for
        nobody. There is nobody who could write any more.
        """
        self._closed = True
        self._queue.put(None)
        if self._running.acquire(blocking=False):  # or the thread does this at its end
            self._disconnect()
            self._turn.close()

    def _start(self) -> None:
        with self._starting:
            if self._closed:
                raise self._refusal()
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="sojourn-journal", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    raise JournalError(
                        f"journal {self.path!r} cannot be written to: {error}; "
                        "write to it once before the interpreter exits"
                    ) from error
                self._thread = thread

    def _give_up(self, ticket: _Ticket) -> None:
        if ticket.take():
            raise JournalError(
                f"journal {self.path!r} is busy: whoever writes to it, in this process or another, "
                f"has not ended for {self._patience:g} s; nothing has changed, try again"
            )
        if not ticket.ready.acquire(timeout=self._patience):
            self._leave(ticket)
            raise JournalUncertainError(
                ticket.change.job_id, f"the disk has not answered for {self._patience:g} s"
            )

    def _leave(self, ticket: _Ticket) -> None:
        with self._leaving:
            self._left.append(ticket)

    def check_settled(self, job_id: str) -> None:
        """Make sure that no change of a job is still being made that nobody waits for.

        Raises:
            JournalUncertainError: One is, so that what is read now says nothing about it.
        """
        if not self._left:
            return
        with self._leaving:
            self._left = [ticket for ticket in self._left if ticket.ready.locked()]
            if any(ticket.change.job_id == job_id for ticket in self._left):
                raise JournalUncertainError(job_id, "the disk has still not answered")

    def _refuse_rest(self) -> None:
        while True:
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                return
            if ticket is not None and ticket.take():
                ticket.decide(self._refusal())

    def _refusal(self) -> JournalError:
        return JournalError(f"journal {self.path!r} is closed; open it again")

    # In the thread.

    def _run(self) -> None:
        if self._running.acquire(blocking=False):
            try:
                self._serve()
                self._turn.close()
            finally:
                self._running.release()

    def _serve(self) -> None:
        while (ticket := self._queue.get()) is not None:
            self._await_crowd()
            batch, end = [ticket], False
            while len(batch) < MOST_AT_ONCE and not end:
                try:
                    more = self._queue.get_nowait()
                except Empty:
                    break
                if more is None:
                    end = True
                else:
                    batch.append(more)
            self._write_all(batch)
            if end:
                break
        with self._pen:
            self._disconnect()

    def _await_crowd(self) -> None:
        """Let those who shared the latest commit come again, as long as they keep coming.

        They are awake now, and would get in the way of a commit that is made for the first alone.
        """
        waiting = self._queue.qsize()
        while waiting < self._crowd - 1:
            sleep(0)  # others get the interpreter
            waited, waiting = waiting, self._queue.qsize()
            if waiting == waited:
                return

    def _write_all(self, batch: list[_Ticket]) -> None:
        taken: list[_Ticket] = []
        try:
            with self._pen, self._turn:
                taken = [ticket for ticket in batch if ticket.take()]
                if taken:
                    self._crowd = len(taken)
                    with inside:
                        answers = self._transact([(each.change, each.kept) for each in taken])
                    for ticket, answer in zip(taken, answers, strict=True):
                        ticket.decide(answer)
        except BaseException as error:  # noqa: BLE001  # whoever waits must be told
            for ticket in taken or [each for each in batch if each.take()]:
                if ticket.ready.locked():
                    ticket.decide(_unsure(ticket.change, repr(error), error))

    def _transact(self, changes: Sequence[tuple[Change, Kept | None]]) -> list[JournalError | None]:
        """Make changes in one transaction; return for each why it was not made, if it was not."""
        try:
            cursor = self._connected()
            cursor.execute("BEGIN IMMEDIATE")
        except (OSError, sqlite3.Error) as error:
            self._let_go_of_one_to_read(error)
            return [self._failure(change, error) for change, _ in changes]
        try:
            answers = apply(cursor, changes)
        except Exception as error:  # noqa: BLE001  # one must not take the others with it
            self._roll_back(cursor)
            self._let_go_of_one_to_read(error)
            if len(changes) == 1:
                return [self._failure(changes[0][0], error)]
            return [self._transact((each,))[0] for each in changes]
        doubt = self._commit(cursor)
        if doubt is None:
            return answers
        why = f"journal {self.path!r}: {doubt}"
        pairs = zip(changes, answers, strict=True)
        return [answer or _unsure(change, why, doubt) for (change, _), answer in pairs]

    def _commit(self, cursor: sqlite3.Cursor) -> sqlite3.Error | None:
        """Commit; return the error if nobody knows what became of it."""
        try:
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back(cursor)
            return error
        return None

    def _failure(self, change: Change, error: Exception) -> JournalError:
        trouble = JournalError(
            f"journal {self.path!r} could not keep a change of job {change.job_id!r}: {error}; "
            "nothing has changed, try again"
        )
        trouble.__cause__ = error
        return trouble

    def _connected(self) -> sqlite3.Cursor:
        """Return a cursor on the journal, where no transaction is open."""
        if not same_file(self.path, self._file):
            raise FileNotFoundError(
                "somebody has removed it or put another in its place; put it back"
            )
        if self._cursor is None:
            self._cursor = self._connect().cursor()
        elif self._cursor.connection.in_transaction:
            self._cursor.execute("ROLLBACK")  # whoever wrote last was torn away
        return self._cursor

    def _roll_back(self, cursor: sqlite3.Cursor) -> None:
        try:
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()  # the next one looks at the file anew

    def _let_go_of_one_to_read(self, error: Exception) -> None:
        """Close a connection that cannot write: SQLite opens a file to read where it may do no more."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY:
            self._disconnect()

    def _disconnect(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            with inside, suppress(sqlite3.Error):  # what was acknowledged is durable
                cursor.connection.close()


def _unsure(change: Change, why: str, error: BaseException) -> JournalUncertainError:
    trouble = JournalUncertainError(change.job_id, why)
    trouble.__cause__ = error
    return trouble
