"""Taking up again: jobs and their results, in another process or on another day."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from job_doubles import Backend, Pushed, Remote
from machine_shop import Controller, MachineShop, MachineShopJob, Program
from sojourn import BaseJob, IllegalTransitionError, JobFailedError, State, Transition, recover
from sojourn._book import name_of_backend, name_of_class, pack
from sojourn.errors import BackendError, JobError, JournalError, JournalFileError
from sojourn.journals.memory import MemoryJournal
from sojourn.journals.sqlite import SQLiteJournal
from sojourn.lifecycle import JobStatus

Again = Callable[[], Any]


@pytest.fixture(params=["memory", "sqlite"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Again]:
    """Lend a function that opens the journal anew, as the next process would."""
    memory, opened = MemoryJournal(), list[SQLiteJournal]()

    def open_again() -> Any:
        if request.param == "memory":
            return memory
        for each in opened:
            each.close()
        opened.append(SQLiteJournal(tmp_path / "jobs"))
        return opened[-1]

    yield open_again
    assert open_again().check() == ()
    opened and opened[-1].close()


class Welding(BaseJob[Any]):
    """Has an argument, and a state of its own."""

    COOLING = State(JobStatus.RUNNING)
    cool = Transition(JobStatus.RUNNING, COOLING)
    finish = BaseJob.finish | Transition(COOLING, JobStatus.DONE)
    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    def __init__(self, backend: Any, job_id: str, seam: str, **options: Any) -> None:
        super().__init__(backend, job_id, **options)
        self.seam = seam

    def _arguments(self) -> Mapping[str, Any]:
        return {"seam": self.seam}


class Deaf:
    """A backend that must not be asked."""

    name = "deaf"

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


class TestRecovering:
    def test_brings_a_job_back_as_it_was(self, again: Again) -> None:
        job = Welding(Deaf(), "w-1", "long", metadata={"by": "Eve"}, journal=again())
        job.observe("RUNNING", reason="spark")
        job.requeue()
        job.start()
        job.cool()
        job.observe("QUEUED", attempt=3)
        job.observe("CANCELLED", attempt=1)

        jobs, orphans = recover(again(), {Welding: Deaf()})

        assert orphans == ()
        assert [type(each) for each in jobs] == [Welding]
        found: Any = jobs[0]
        assert found.history == job.history
        assert (found.state, found.attempt) == (job.state, 3 if job.attempt == 3 else 2)
        assert (found.seam, found.metadata) == ("long", {"by": "Eve"})
        assert found.created_at == job.created_at
        assert found.submission_token == job.submission_token
        assert found.anomalies == job.anomalies
        found.observe("DONE")
        assert again().history("w-1") == found.history

    def test_goes_on_to_count_what_was_reported_before(
        self, again: Again, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = Welding(Deaf(), "w-1", "long", journal=again())
        for report in ("DONE", "ERROR", "ERROR", "CANCELLED"):
            job.observe(report)
        caplog.clear()

        found = Welding.attach(Deaf(), "w-1", journal=again())
        for report in ("ERROR", "CANCELLED", "ERROR"):
            found.observe(report)

        counts = {"ERROR": 4, "CANCELLED": 2}
        assert {each.raw: each.count for each in found.anomalies} == counts
        assert len(found.anomalies) == 2
        assert again().read("w-1").anomalies == found.anomalies
        assert caplog.text == ""

    def test_asks_no_backend_and_starts_with_the_oldest(self, again: Again) -> None:
        backend = Backend(poll=["RUNNING"])
        for number in range(5):
            Remote(backend, f"j-{number}", journal=again()).submit()
        backend.asked.clear()

        jobs, _ = recover(again(), {Remote: backend})

        assert [job.job_id() for job in jobs] == [f"j-{number}" for number in range(5)]
        assert [job.native_id for job in jobs] == ["native-1"] * 5
        assert backend.asked == []
        assert jobs[0].status() is JobStatus.RUNNING

    def test_leaves_those_that_are_over_unless_they_are_asked_for(self, again: Again) -> None:
        for number, final in enumerate(("DONE", "ERROR", "CANCELLED", "RUNNING")):
            Pushed(None, f"j-{number}", journal=again()).observe(final, reason="so")

        assert [job.job_id() for job in recover(again(), {Pushed: None}).jobs] == ["j-3"]
        jobs = recover(again(), {Pushed: None}, finals=True).jobs

        assert [job.state.name for job in jobs] == ["DONE", "ERROR", "CANCELLED", "RUNNING"]
        with pytest.raises(JobFailedError, match="so"):
            jobs[1].result()
        assert isinstance(jobs[1].error(), JobError)

    def test_a_failure_for_no_reason_is_still_one(self, again: Again) -> None:
        Pushed(None, "j-1", journal=again()).trigger("fail")

        job = recover(again(), {Pushed: None}, finals=True).jobs[0]

        assert str(job.error()) == "no reason was given"
        with pytest.raises(JobFailedError, match="no reason was given"):
            job.result()

    def test_a_detail_that_no_trigger_of_today_writes_is_kept(self) -> None:
        journal = MemoryJournal()
        job = Pushed(None, "j-1", journal=journal)
        job.submit()
        job.start()
        shelf = journal._shelves["j-1"]
        shelf.entries = (shelf.entries[0], shelf.entries[1]._replace(detail="by hand"))

        assert Pushed.attach(None, "j-1", journal=journal).history[1].detail == "by hand"

    def test_twice_changes_nothing(self, again: Again) -> None:
        Pushed(None, "j-1", journal=again()).submit()

        first = recover(again(), {Pushed: None}).jobs[0]
        kept = again().jobs()
        second = recover(again(), {Pushed: None}).jobs[0]

        assert again().jobs() == kept
        assert first.history == second.history

    def test_of_many_backends_finds_each_job_its_own(self, again: Again) -> None:
        class Lab:
            def __init__(self, name: str) -> None:
                self.name = name

        labs = [Lab("north"), Lab("south")]
        for number, lab in enumerate(labs):
            Pushed(lab, f"j-{number}", journal=again()).submit()

        jobs, orphans = recover(again(), [(Pushed, lab) for lab in labs])

        assert orphans == ()
        assert [job.backend() for job in jobs] == labs

    def test_a_request_to_cancel_is_still_known(self, again: Again) -> None:
        backend = Backend(cancel=[None])
        job = Remote(backend, "j-1", journal=again())
        job.submit()
        job.cancel()

        assert recover(again(), {Remote: backend}).jobs[0].cancel_requested

    def test_the_machine_shop_of_the_documentation(self, again: Again) -> None:
        shop = MachineShop(Controller())
        job = MachineShopJob(shop, "p-1", Program("bracket"), journal=again())
        job.submit()
        job.mount()

        found = MachineShopJob.attach(shop, "p-1", journal=again(), program=Program("bracket"))

        assert found.state is MachineShopJob.SETUP
        assert found.history == job.history


class TestAnOrphan:
    def reasons(self, again: Again, takers: Any) -> list[str]:
        recovery = recover(again(), takers)
        assert recovery.jobs == ()
        return [orphan.reason for orphan in recovery.orphans]

    def test_is_a_job_of_a_class_that_was_not_given(self, again: Again) -> None:
        Pushed(None, "j-1", journal=again()).submit()

        assert self.reasons(again, {Welding: None}) == [
            "its class 'job_doubles:Pushed' was not given; give {that class: its backend}"
        ]

    def test_is_a_job_of_a_backend_that_was_not_given(self, again: Again) -> None:
        Pushed("north", "j-1", journal=again()).submit()

        assert self.reasons(again, {Pushed: "south"}) == [
            "its backend 'north' was not given; give it with its class"
        ]

    def test_is_a_job_whose_class_has_changed(self, again: Again) -> None:
        def old() -> type[BaseJob[Any]]:
            class Changing(BaseJob[Any]):
                WAITING = State(JobStatus.QUEUED)
                wait = Transition(JobStatus.QUEUED, WAITING)
                start = BaseJob.start | Transition(WAITING, JobStatus.RUNNING)

            return Changing

        class Changing(BaseJob[Any]):
            __qualname__ = old().__qualname__

        job: Any = old()(None, "j-1", journal=again())
        job.submit()
        job.wait()

        (reason,) = self.reasons(again, {Changing: None})

        assert "entry 2 cannot follow QUEUED" in reason

    def test_is_a_job_that_its_constructor_refuses(self, again: Again) -> None:
        class Moody(Pushed):
            broken = False

            def __init__(self, *args: Any, **options: Any) -> None:
                if self.broken:
                    raise ValueError("not today")
                super().__init__(*args, **options)

        Moody(None, "j-1", journal=again()).submit()
        Moody.broken = True

        assert self.reasons(again, {Moody: None}) == ["ValueError: not today"]

    def test_what_takes_no_jobs_up_is_refused(self, again: Again) -> None:
        with pytest.raises(TypeError, match="does not say what its jobs are"):
            recover(again(), ["north"])


class TestAttaching:
    def test_a_job_that_the_journal_does_not_know(self, again: Again) -> None:
        job = Pushed.attach(None, "j-1", native_id="n-1", journal=again())

        with pytest.raises(IllegalTransitionError, match="submitted elsewhere"):
            job.submit()
        job.observe("RUNNING")

        kept = again().jobs()[0]
        assert (kept.state, kept.facts["native_id"]) == ("RUNNING", "n-1")
        other = Pushed.attach(None, "j-1", journal=again())
        assert (other.history, other.native_id) == (job.history, "n-1")

    def test_by_two_who_both_found_nothing(self, again: Again) -> None:
        journal = again()
        one, other = (Pushed.attach(None, "j-1", journal=journal) for _ in range(2))

        one.observe("RUNNING")
        other.observe("DONE")

        assert journal.history("j-1") == other.history
        assert one.reconcile().name == "ADVANCED"
        assert one.history == other.history

    def test_a_job_of_another_class_is_refused(self, again: Again) -> None:
        job = Welding(None, "w-1", "long", journal=again())
        job.observe("RUNNING")
        job.cool()

        with pytest.raises(JournalError, match="belongs to another class"):
            Pushed.attach(None, "w-1", journal=again())

    def test_a_job_that_was_made_and_not_submitted(self, again: Again) -> None:
        backend = Backend(submit=[ValueError("no")])
        job = Remote(backend, "j-1", journal=again())
        job.cancel()

        assert Remote.attach(backend, "j-1", journal=again()).state is BaseJob.CANCELLED


class Report:
    """A result that is not JSON."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Report) and other.lines == self.lines


class Reporting(BaseJob[Report]):
    def _pack_result(self, result: Report) -> Any:
        return {"lines": result.lines}

    def _unpack_result(self, packed: Any) -> Report:
        return Report(packed["lines"])


RESULTS = {
    "nothing": None,
    "a number": 1.5,
    "a text": "ż\ud800☃",
    "a list": [1, [True, None], {"a": "b"}],
    "a long list": ["x" * 100] * 1000,
    "bytes": b"\0\xff",
    "no bytes": b"",
    "many bytes": bytes(range(256)) * 1000,
}


class TestAResult:
    @pytest.mark.parametrize("name", RESULTS)
    def test_outlives_the_process(self, again: Again, name: str) -> None:
        job = Pushed(None, "j-1", journal=again())
        job.observe("RUNNING")
        job.finish(RESULTS[name])

        found = Pushed.attach(None, "j-1", journal=again())

        assert found.result() == RESULTS[name]
        assert type(found.result()) is type(RESULTS[name])

    @pytest.mark.parametrize(
        "value",
        [(1, 2), {1: 2}, {1, 2}, object(), 1j, [b"x"], JobStatus.DONE],
        ids=lambda value: type(value).__name__,
    )
    def test_that_would_come_back_as_something_else_is_refused(
        self, again: Again, value: Any
    ) -> None:
        job = Pushed(None, "j-1", journal=again())
        job.observe("RUNNING")

        with pytest.raises(JournalError, match="_pack_result"):
            job.finish(value)

        assert job.state is BaseJob.RUNNING
        assert again().history("j-1") == job.history

    def test_that_contains_itself_is_refused(self, again: Again) -> None:
        job = Pushed(None, "j-1", journal=again())
        job.observe("RUNNING")
        loop: list[Any] = []
        loop.append(loop)

        with pytest.raises(JournalError, match="cannot keep its result"):
            job.finish(loop)

    def test_may_be_packed_by_its_class(self, again: Again) -> None:
        job = Reporting(None, "r-1", journal=again())
        job.observe("RUNNING")
        job.finish(Report(["all well"]))

        assert Reporting.attach(None, "r-1", journal=again()).result() == Report(["all well"])

    def test_that_its_class_cannot_pack_keeps_the_job_where_it_is(self, again: Again) -> None:
        job: Any = Reporting(None, "r-1", journal=again())
        job.observe("RUNNING")

        with pytest.raises(JournalError, match="mend _pack_result"):
            job.finish("no report")

        assert job.state is BaseJob.RUNNING

    def test_that_was_fetched_is_not_fetched_again(self, again: Again) -> None:
        backend = Backend(poll=["DONE"], fetch_result=[{"counts": [1]}])
        job = Remote(backend, "j-1", journal=again())
        job.submit()
        assert job.result() == {"counts": [1]}

        found = Remote.attach(backend, "j-1", journal=again())

        assert found.result() == {"counts": [1]}
        assert backend.asked.count("fetch_result") == 1

    def test_that_cannot_be_kept_stays_with_the_backend(
        self, again: Again, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend = Backend(poll=["DONE"], fetch_result=[1j])
        job = Remote(backend, "j-1", journal=again())
        job.submit()

        assert job.result() == 1j

        assert "stays with the backend" in caplog.text
        assert Remote.attach(backend, "j-1", journal=again()).result() == 1j
        assert backend.asked.count("fetch_result") == 2

    def test_that_is_not_fetched_yet_is_fetched_later(self, again: Again) -> None:
        backend = Backend(poll=["DONE"], fetch_result=[OSError("away"), 7])
        job = Remote(backend, "j-1", journal=again())
        job.submit()
        with pytest.raises(BackendError):
            job.result()

        assert Remote.attach(backend, "j-1", journal=again()).result() == 7

    def test_that_was_not_given_is_still_missing(self, again: Again) -> None:
        job = Pushed(None, "j-1", journal=again())
        job.observe("DONE")

        with pytest.raises(JobError, match="no result"):
            Pushed.attach(None, "j-1", journal=again()).result()


class TestAResultInAFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        with SQLiteJournal(tmp_path / "jobs") as journal:
            job = Pushed(None, "../j-1", journal=journal)
            job.observe("RUNNING")
            job.finish(b"x" * 100_000)
        (file,) = (tmp_path / "jobs-results").iterdir()
        return file

    def test_is_readable_by_nobody_else(self, file: Path) -> None:
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("damage", ["flipped", "shorter", "gone"])
    def test_that_is_damaged_is_said_to_be(self, file: Path, damage: str, tmp_path: Path) -> None:
        if damage == "gone":
            file.unlink()
        else:
            file.write_bytes(b"y" + b"x" * 99_999 if damage == "flipped" else b"x")

        with SQLiteJournal(tmp_path / "jobs") as journal:
            job = Pushed.attach(None, "../j-1", journal=journal)
            with pytest.raises(JournalFileError) as told:
                job.result()
            assert len(journal.check()) == 1

        assert told.value.path == str(file)
        assert job.state is BaseJob.DONE

    def test_cannot_be_reached_by_a_path_in_the_journal(self, file: Path, tmp_path: Path) -> None:
        import sqlite3

        secret = tmp_path / "secret"
        secret.write_bytes(b"s")
        with sqlite3.connect(tmp_path / "jobs") as connection:
            connection.execute("UPDATE job SET result_file = '../secret'")
        connection.close()

        with SQLiteJournal(tmp_path / "jobs") as journal, pytest.raises(JournalFileError):
            Pushed.attach(None, "../j-1", journal=journal)

    def test_that_cannot_be_written_keeps_the_job_where_it_is(self, tmp_path: Path) -> None:
        with SQLiteJournal(tmp_path / "jobs") as journal:
            job = Pushed(None, "j-1", journal=journal)
            job.observe("RUNNING")
            (tmp_path / "jobs-results").write_text("in the way")

            with pytest.raises(JournalError, match="could not keep a result"):
                job.finish(b"x")

            assert job.state is BaseJob.RUNNING
            (tmp_path / "jobs-results").unlink()
            assert job.finish(b"x") is True


def test_what_is_kept_is_json_and_nothing_else(tmp_path: Path) -> None:
    with SQLiteJournal(tmp_path / "jobs") as journal:
        with pytest.raises(JournalError, match="metadata"):
            Pushed(None, "j-1", metadata={"when": object()}, journal=journal)
        job = Pushed(None, "j-1", metadata={"n": 1}, journal=journal)
        job.observe("RUNNING")
        job.finish({"a": 1})

        packed = journal.result("j-1")

    assert packed is not None
    assert json.loads(packed.data) == {"a": 1}
    assert b"\x80\x04" not in (tmp_path / "jobs").read_bytes()


def test_a_class_is_kept_by_the_name_that_the_public_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Printing(BaseJob[Any]): ...

    Printing.__module__, Printing.__qualname__ = "shop._deep._jobs", "Printing"
    shop, deep = ModuleType("shop"), ModuleType("shop._deep")
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "shop._deep", deep)

    names = [name_of_class(Printing)]
    for module in (deep, shop):
        module.Printing = Printing  # type: ignore[attr-defined]
        names.append(name_of_class(Printing))

    assert names == ["shop._deep._jobs:Printing", "shop._deep:Printing", "shop:Printing"]


def test_a_backend_is_kept_by_its_name_if_it_has_one() -> None:
    backends = [SimpleNamespace(name=name) for name in ("the lab", "", None, 7)]

    assert [name_of_backend(each) for each in backends] == ["the lab", *["SimpleNamespace"] * 3]


def test_notes_may_be_numbers_without_an_end() -> None:
    assert pack("j-1", "metadata", {"limit": float("inf")}) == '{"limit": Infinity}'
