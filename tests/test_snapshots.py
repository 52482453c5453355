"""A pickled job is a snapshot: everything to read, nothing to change."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from job_doubles import Backend, Background, Gate, Pushed, Remote, Rows, brought_to
from job_oracle import BASE_WAYS, assert_consistent
from sojourn import BaseJob, IllegalTransitionError, JobStatus, State, Transition
from sojourn.errors import JobCancelledError, JobError, JobFailedError, SojournError
from sojourn.journals.memory import MemoryJournal


class Printed(BaseJob[Any]):
    """A class with states, attributes and callbacks of its own."""

    HEATING = State(JobStatus.QUEUED, "the nozzle is warming up", on_enter="_note")
    heat = Transition(JobStatus.QUEUED, HEATING)
    start = BaseJob.start | Transition(HEATING, JobStatus.RUNNING)
    again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    def __init__(self, backend: Any, job_id: str, colour: str = "red", **options: Any) -> None:
        super().__init__(backend, job_id, **options)
        self.colour = colour
        self.layers = [1, 2, 3]

    def _note(self, event: Any) -> None:
        self.layers.append(4)


class Slotted(BaseJob[Any]):
    """A class that keeps its attributes in slots."""

    __slots__ = ("colour", "shape")

    def __init__(self, backend: Any, job_id: str) -> None:
        super().__init__(backend, job_id)
        self.colour = "red"


class Unpicklable(Exception):
    """An error that holds something that does not pickle."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Stubborn(Exception):
    """An error that pickles and does not come back."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


def snapshot(job: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(job, protocol))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "submit": lambda job: job.submit(),
    "start": lambda job: job.start(),
    "finish": lambda job: job.finish(result=1),
    "fail": lambda job: job.fail("text"),
    "trigger": lambda job: job.trigger("submit"),
    "trigger cancel": lambda job: job.trigger("cancel"),
    "cancel": lambda job: job.cancel(),
    "observe": lambda job: job.observe("DONE"),
    "observe a status": lambda job: job.observe(JobStatus.ERROR),
    "reconcile": lambda job: job.reconcile(),
}


class TestWhatIsKept:
    @pytest.mark.parametrize("state", BASE_WAYS)
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_the_story(self, state: str, protocol: int) -> None:
        job = brought_to(
            Printed(object(), "p-1", "blue", metadata={"shots": 100}), BASE_WAYS, state
        )

        kept = snapshot(job, protocol)

        assert type(kept) is Printed
        assert kept.job_id() == "p-1"
        assert kept.state is job.state
        assert kept.status() is job.status()
        assert kept.history == job.history
        assert kept.attempt == job.attempt
        assert kept.metadata == {"shots": 100}
        assert kept.created_at == job.created_at
        assert (kept.colour, kept.layers) == ("blue", [1, 2, 3])
        assert kept.lifecycle is Printed.lifecycle
        assert str(kept).startswith(f"<Printed 'p-1' {state}")
        assert_consistent(kept)

    def test_every_kind_of_entry(self) -> None:
        job = Printed(None, "p-1")
        job.observe("RUNNING")
        job.again()
        job.observe(Printed.HEATING, reason="cold")
        job.cancel()
        job.fail("out of filament")

        kept = snapshot(job)

        assert kept.history == job.history
        assert kept.attempt == 2

    def test_what_is_known_besides(self) -> None:
        job = Remote(Backend(submit=[lambda _: "native-7"], cancel=[lambda _: None]), "j-1")
        job.submit()
        job.cancel()
        job.observe("DONE")
        job.observe("ERROR")

        kept = snapshot(job)

        assert kept.native_id == "native-7"
        assert kept.cancel_requested is True
        assert kept.anomalies == job.anomalies
        assert len(kept.anomalies) == 1

    def test_attributes_in_slots(self) -> None:
        kept = snapshot(Slotted(None, "s-1"))

        assert kept.colour == "red"
        assert not hasattr(kept, "shape")

    def test_ten_thousand_entries(self) -> None:
        job = Printed(None, "p-1")
        job.submit()
        for _ in range(5000):
            job.start()
            job.again()

        kept = snapshot(job)

        assert len(kept.history) == 10_001
        assert kept.history == job.history
        assert kept.attempt == 5001
        assert snapshot(kept).history == job.history

    @pytest.mark.parametrize("result", [42, None, ["counts"], ValueError("x")], ids=repr)
    def test_the_result_that_was_given(self, result: Any) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        job.finish(result=result)

        assert repr(snapshot(job).result()) == repr(result)

    def test_the_result_that_was_fetched(self) -> None:
        job = Remote(Backend(fetch_result=[["counts"]]), "j-1")
        job.observe("DONE")
        job.result()

        assert snapshot(job).result() == ["counts"]

    def test_a_result_that_was_not_fetched_is_not_there(self) -> None:
        backend = Backend(fetch_result=[["counts"]])
        job = Remote(backend, "j-1")
        job.observe("DONE")

        kept = snapshot(job)

        with pytest.raises(JobError, match="j-1"):
            kept.result()
        assert backend.asked == []

    def test_the_error(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        job.fail(ValueError("bad input"))

        kept = snapshot(job)

        assert repr(kept.error()) == "ValueError('bad input')"
        with pytest.raises(JobFailedError, match="bad input") as failed:
            kept.result()
        assert failed.value.__cause__ is kept.error()

    @pytest.mark.parametrize(
        "error",
        [Unpicklable("bad input"), Stubborn(reason="bad input")],
        ids=["does not pickle", "does not come back"],
    )
    def test_an_error_that_does_not_travel_is_told_in_words(self, error: Exception) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        job.fail(error)

        kept = snapshot(job)

        assert kept.history == job.history
        assert isinstance(kept.error(), JobError)
        assert "bad input" in str(kept.error())
        assert job.error() is error

    def test_an_error_of_an_observation_that_does_not_travel_is_told_in_words(self) -> None:
        job = Pushed(None, "j-1")
        job.observe("ERROR", reason=Unpicklable("bad input"))

        assert "bad input" in str(snapshot(job).error())

    def test_that_it_was_cancelled(self) -> None:
        kept = snapshot(brought_to(Pushed(None, "j-1"), BASE_WAYS, "CANCELLED"))

        with pytest.raises(JobCancelledError):
            kept.result()


class TestWhatIsNotKept:
    def test_backend_journal_locks_and_callbacks(self) -> None:
        class Local:
            """Something that does not pickle at all."""

            def __reduce__(self) -> str:
                raise TypeError("not this")

        class LocalJournal(Local, MemoryJournal):
            """The same, where entries are kept."""

        job = Pushed(Local(), "j-1", journal=LocalJournal())
        job.add_callback(lambda *_: None)
        job.submit()

        kept = snapshot(job)

        assert kept.backend() is None
        assert kept.history == job.history
        assert job.backend() is not None

    def test_taking_one_changes_nothing(self) -> None:
        rows = Rows()
        job = Remote(Backend(), "j-1", journal=rows)
        heard: list[Any] = []
        job.add_callback(lambda *args: heard.append(args))
        job.submit()
        pickle.dumps(Printed(None, "p-1"))

        assert job.start() is True

        assert len(heard) == len(rows.kept) == 2

    def test_one_may_be_taken_while_others_wait(self) -> None:
        job, looked = Pushed(None, "j-1"), threading.Event()
        job.submit()
        waiting = Background(job.wait_for_final_state, callback=lambda *_: looked.set())
        assert looked.wait(10)

        kept = snapshot(job)

        job.fail()
        assert waiting.result() is None
        assert kept.state is BaseJob.QUEUED

    def test_one_may_be_taken_while_a_poll_is_under_way(self) -> None:
        gate = Gate("DONE")
        job = Remote(Backend(poll=[gate]), "j-1")
        job.submit()
        asking = Background(job.status)
        gate.wait_until_asked()

        kept = snapshot(job)

        gate.open()
        assert asking.result() is JobStatus.DONE
        assert kept.status() is JobStatus.QUEUED


class TestWhatIsRefused:
    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize("state", BASE_WAYS)
    def test_every_trigger_and_command(self, change: str, state: str) -> None:
        kept = snapshot(brought_to(Pushed(None, "j-1"), BASE_WAYS, state))
        before = kept.history

        with pytest.raises(IllegalTransitionError, match="j-1") as refused:
            CHANGES[change](kept)

        assert (kept.state.name, kept.history) == (state, before)
        assert refused.value.state == state
        assert "snapshot" in str(refused.value) or "final" in str(refused.value)

    @pytest.mark.parametrize("trigger", ["start", "fail", "cancel"])
    def test_may_says_so(self, trigger: str) -> None:
        kept = snapshot(brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED"))

        assert kept.may(trigger) is False

    @pytest.mark.parametrize("state", ["INITIALIZING", "QUEUED", "RUNNING"])
    @pytest.mark.parametrize("timeout", [None, 0, 60], ids=repr)
    def test_waiting_for_what_will_never_happen(self, state: str, timeout: float | None) -> None:
        kept = snapshot(brought_to(Pushed(None, "j-1"), BASE_WAYS, state))

        for wait in (kept.wait_for_final_state, kept.result):
            with pytest.raises(SojournError, match="j-1"):
                Background(wait, timeout).result()

    @pytest.mark.parametrize("state", BASE_WAYS)
    def test_following_beyond_what_happened(self, state: str) -> None:
        kept = snapshot(brought_to(Pushed(None, "j-1"), BASE_WAYS, state))
        seen: list[Any] = []

        async def follow() -> None:
            async with asyncio.timeout(5):
                seen.extend([entry async for entry in kept.changes()])

        if kept.state.is_final:
            asyncio.run(follow())
            assert tuple(seen) == kept.history
        else:
            with pytest.raises(SojournError, match="j-1"):
                asyncio.run(follow())

    def test_a_snapshot_of_a_snapshot_refuses_too(self) -> None:
        kept = snapshot(snapshot(brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")))

        with pytest.raises(IllegalTransitionError):
            kept.start()

    def test_polling_asks_nobody(self) -> None:
        job = Remote(Backend(submit=[None], poll=["RUNNING"]), "j-1")
        job.submit()

        kept = snapshot(job)

        assert kept.status() is JobStatus.QUEUED
        assert kept.done() is False

    def test_the_job_itself_goes_on(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")
        kept = snapshot(job)

        assert job.start() is True

        assert kept.state is BaseJob.QUEUED

    @pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
    @pytest.mark.parametrize("state", ["INITIALIZING", "DONE"])
    def test_copies(self, copier: Callable[[Any], Any], state: str) -> None:
        job = brought_to(Printed(None, "p-1"), BASE_WAYS, state)

        with pytest.raises(TypeError, match="p-1"):
            copier(job)
        with pytest.raises(TypeError):
            copier(snapshot(job))

    def test_copies_of_what_holds_a_job(self) -> None:
        with pytest.raises(TypeError):
            copy.deepcopy({"jobs": [Pushed(None, "j-1")]})

    def test_a_state_that_the_class_has_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        job = Printed(None, "p-1")
        job.submit()
        job.heat()
        packed = pickle.dumps(job)

        class Simpler(BaseJob[Any]):
            pass

        monkeypatch.setitem(globals(), "Printed", Simpler)

        with pytest.raises(JobError, match="HEATING"):
            pickle.loads(packed)
