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
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
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


class _Ticket:
    """A change that waits to be written.

    Attributes:
        change: The change.
        kept: Where its result is, if it has one.
        ready: Released when it is decided.
        open: Whether it may still be withdrawn; whoever pops this has decided it.
        over: Whether it is decided; an interrupt may have come just after that was heard.
        trouble: Why it was not made; ``None`` if it was.
    """

    __slots__ = ("change", "kept", "open", "over", "ready", "trouble")

    def __init__(self, change: Change, kept: Kept | None) -> None:
        self.change = change
        self.kept = kept
        self.ready = threading.Lock()
        self.ready.acquire()
        self.open = [True]
        self.over = False
        self.trouble: BaseException | None = None

    def take(self) -> bool:
        """Decide what becomes of it; ``False`` if somebody else has."""
        try:
            return self.open.pop()
        except IndexError:
            return False

    def decide(self, trouble: BaseException | None) -> None:
        self.trouble = trouble
        self.over = True
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
        self._starting = threading.Lock()
        #: Held by the writer as long as it lives: an interrupt may come when one was just started,
        #: so that another is, and then the second has nothing to do.
        self._running = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        #: Held by whoever writes.
        self._pen = threading.Lock()
        #: Whether the latest commit had but one change; those of many are better made together.
        self._alone = True
        #: Changes that nobody waits for any more, and that may yet be made; under the lock below.
        self._left: list[_Ticket] = []
        self._leaving = threading.Lock()

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
        if self._thread is None or not self._thread.is_alive():
            self._start()
        ticket = _Ticket(change, kept)
        if self._may_write_here() and self._write_here(ticket):
            if ticket.trouble is not None:
                raise ticket.trouble
            return
        try:
            self._queue.put(ticket)
            decided = ticket.ready.acquire(timeout=self._patience)
        except BaseException:
            # If it is not decided and cannot be withdrawn it is being written just now.
            mine = ticket.take() or ticket.over
            if not mine and not ticket.ready.acquire(timeout=self._patience):
                self._leave(ticket)
            raise
        if not decided:
            self._give_up(ticket)
        if ticket.trouble is not None:
            raise ticket.trouble

    def _may_write_here(self) -> bool:
        return (
            self._alone
            and threading.get_ident() != threading.main_thread().ident
            and self._queue.empty()
            and self._pen.acquire(blocking=False)
        )

    def _write_here(self, ticket: _Ticket) -> bool:
        """Write in the thread of the caller, which holds the pen; ``False`` if it is not our turn."""
        try:
            if self._closed or not self._turn.take():
                return False
            try:
                ticket.take()
                with inside:
                    self._transact([ticket])
            finally:
                self._turn.give_back()
        finally:
            self._pen.release()
        return True

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
                raise JournalError(f"journal {self.path!r} is closed; open it again")
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
                f"journal {self.path!r} is busy: another process has been writing to it for "
                f"{self._patience:g} s; nothing has changed, try again"
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
                ticket.decide(JournalError(f"journal {self.path!r} is closed; open it again"))

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

    def _write_all(self, batch: list[_Ticket]) -> None:
        taken: list[_Ticket] = []
        try:
            with self._pen, self._turn:
                taken = [ticket for ticket in batch if ticket.take()]
                if taken:
                    self._alone = len(taken) == 1
                    with inside:
                        self._transact(taken)
        except BaseException as error:  # noqa: BLE001  # whoever waits must be told
            for ticket in taken or [each for each in batch if each.take()]:
                if ticket.ready.locked():
                    trouble = JournalUncertainError(ticket.change.job_id, repr(error))
                    trouble.__cause__ = error
                    ticket.decide(trouble)

    def _transact(self, batch: list[_Ticket]) -> None:
        """Make the changes of a batch in one transaction, and tell each what became of it."""
        if not same_file(self.path, self._file):
            why = "somebody has removed it or put another in its place; put it back"
            self._fail(batch, FileNotFoundError(why))
            return
        try:
            connection = self._connected()
            if connection.in_transaction:
                connection.execute("ROLLBACK")  # whoever wrote last was torn away
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._fail(batch, error)
            return
        answers: list[BaseException | None] = []
        cursor = connection.cursor()
        for ticket in batch:
            try:
                apply(cursor, ticket.change, ticket.kept)
                answers.append(None)
            except JournalError as refusal:
                answers.append(refusal)
            except Exception as error:  # noqa: BLE001  # it must not take the others with it
                self._roll_back(connection)
                self._one_by_one(batch, error)
                return
        self._commit(connection, batch, answers)

    def _one_by_one(self, batch: list[_Ticket], error: Exception) -> None:
        """Make the changes each in a transaction of its own, because one of them failed."""
        if len(batch) == 1:
            self._fail(batch, error)
        else:
            for ticket in batch:
                self._transact([ticket])

    def _commit(
        self,
        connection: sqlite3.Connection,
        batch: list[_Ticket],
        answers: list[BaseException | None],
    ) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back(connection)
            for ticket, answer in zip(batch, answers, strict=True):
                trouble = answer or JournalUncertainError(
                    ticket.change.job_id, f"journal {self.path!r}: {error}"
                )
                trouble.__cause__ = error
                ticket.decide(trouble)
            return
        for ticket, answer in zip(batch, answers, strict=True):
            ticket.decide(answer)

    def _fail(self, batch: list[_Ticket], error: Exception) -> None:
        for ticket in batch:
            trouble = JournalError(
                f"journal {self.path!r} could not keep a change of job "
                f"{ticket.change.job_id!r}: {error}; nothing has changed, try again"
            )
            trouble.__cause__ = error
            ticket.decide(trouble)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()  # the next one looks at the file anew

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with inside, suppress(sqlite3.Error):  # what was acknowledged is durable
                connection.close()
