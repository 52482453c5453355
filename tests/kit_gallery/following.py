"""Who is awaited or followed wrongly in asyncio, or leaves something behind?"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from time import sleep
from typing import Any

from kit_gallery.planting import breaks
from sojourn import BaseJob, Entry, JobStatus, Transition
from sojourn.errors import JobFailedError


@breaks("await-is-result")
class AwaitsTheEndOnly(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        yield from super().__await__()


@breaks("await-is-result")
class AwaitsNoFailure(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        with suppress(JobFailedError):
            return (yield from super().__await__())


@breaks("await-is-result")
class AwaitsTheNextStep(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        return self._next().__await__()

    async def _next(self) -> Any:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        leave = self.add_callback(lambda *_: loop.call_soon_threadsafe(told.set))
        await told.wait()
        leave()
        return await asyncio.to_thread(self.result)


@breaks("await-is-result")
class AwaitsWhatNobodySubmitted(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        if not self.history:
            return None
        return (yield from super().__await__())


@breaks("await-cancels-nothing")
class CancelsWithItsTask(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from super().__await__())
        except asyncio.CancelledError:
            self.cancel()
            raise


@breaks("await-cancels-nothing")
class SharesOneTask(BaseJob[Any]):
    task: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        if self.task is None or self.task.get_loop() is not asyncio.get_running_loop():
            self.task = asyncio.ensure_future(asyncio.to_thread(self.result))
        return (yield from self.task)


@breaks("await-cancels-nothing")
class HoldsItsTask(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from super().__await__())
        except asyncio.CancelledError:
            return (yield from super().__await__())


@breaks("loop-goes-on")
class WaitsInTheLoop(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self.result()


@breaks("loop-goes-on")
class PollsInTheLoop(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        while not self.in_final_state():
            yield from asyncio.sleep(1).__await__()
        return (yield from asyncio.to_thread(self.result).__await__())


@breaks("loop-goes-on")
class FetchesInTheLoop(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.to_thread(self.wait_for_final_state).__await__()
        return self.result()


@breaks("loop-goes-on")
class SleepsInTheLoop(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            time.sleep(0.1)  # noqa: ASYNC251  # which is what is wrong with it
            yield entry


@breaks("changes-are-the-history")
class FollowsWhatComesOnly(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        before = len(self.history)
        async for entry in super().changes():
            if entry.number > before:
                yield entry


@breaks("changes-are-the-history")
class SkipsWhatWentQuickly(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            if entry is self.history[-1] or entry.number == self.history[-1].number:
                yield entry


@breaks("changes-are-the-history")
class TellsTheEndTwice(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            yield entry
        yield entry


@breaks("changes-are-the-history")
class KeepsTheLastEntryBack(BaseJob[Any]):
    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            if entry.dest != "CANCELLED":
                yield entry


@breaks("changes-are-the-history")
class StopsAtANewAttempt(BaseJob[Any]):
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    async def changes(self) -> AsyncIterator[Entry]:
        async for entry in super().changes():
            if entry.attempt == 1:
                yield entry


class Pumped(BaseJob[Any]):
    """Has its entries put into a queue, and its followers read from there."""

    async def changes(self) -> AsyncIterator[Entry]:
        entries: asyncio.Queue[Entry] = asyncio.Queue()
        self._pump(entries)
        while True:
            entry = await entries.get()
            yield entry
            if self.lifecycle.state(entry.dest).is_final:
                return

    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        raise NotImplementedError


@breaks("followers-leave-nothing")
class LeavesACallback(Pumped):
    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        loop = asyncio.get_running_loop()
        for entry in self.history:
            entries.put_nowait(entry)
        self.add_callback(lambda _, entry: loop.call_soon_threadsafe(entries.put_nowait, entry))


@breaks("followers-leave-nothing")
class LeavesATask(Pumped):
    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        async def pump() -> None:
            async for entry in BaseJob.changes(self):
                entries.put_nowait(entry)

        self.pumping = asyncio.ensure_future(pump())


@breaks("followers-leave-nothing")
class LeavesAWaitingThread(BaseJob[Any]):
    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.to_thread(self.result).__await__()


@breaks("followers-leave-nothing")
class LeavesAThread(Pumped):
    def _pump(self, entries: asyncio.Queue[Entry]) -> None:
        loop = asyncio.get_running_loop()

        def pump() -> None:
            told = 0
            for _ in range(100):  # longer than it is looked for, and not for all the tests to come
                over = self.status().is_final
                for entry in self.history[told:]:
                    told = entry.number
                    with suppress(RuntimeError):  # the loop was closed
                        loop.call_soon_threadsafe(entries.put_nowait, entry)
                if over:
                    return
                sleep(
                    0.1
                )  # in real time, also where a test that it outlives has a clock of its own

        threading.Thread(target=pump, daemon=True).start()
