"""Who a job is: its id, its backend, what it is called in one line."""

from __future__ import annotations

import abc
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from job_doubles import Backend, Pushed, Remote, brought_to, manual_clock, part
from job_oracle import BASE_WAYS, SHOP_WAYS
from machine_shop import MachineShopJob
from sojourn import BaseJob, IllegalTransitionError, JobStatus

GOOD = [
    "a",
    "p-1",
    "job 1",
    "x" * 255,
    "Ω-ärger-作业-✓",
    "'; DROP TABLE job; --",
    "../../etc/passwd",
    "C:\\jobs\\1",
    "<script>alert(1)</script>",
    "{job!r}",
    "%s%n",
    "None",
    "-rf",
    " ",
]

BAD_TYPES = [None, 1, 1.5, True, b"p-1", ["p-1"], ("p-1",), object()]

BAD_VALUES = [
    "",
    "x" * 256,
    "x" * 1_000_000,
    "a\0b",
    "a\nb",
    "a\tb",
    "a\rb",
    "a\x1b[31mb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u200fb",
    "a\u202eb",
    "a\ud800b",
]


class TestAnId:
    @pytest.mark.parametrize("job_id", GOOD, ids=ascii)
    def test_is_kept_verbatim(self, job_id: str) -> None:
        job = Pushed(None, job_id)

        assert job.job_id() == job_id
        assert repr(job_id) in str(job)
        with pytest.raises(IllegalTransitionError) as refused:
            job.start()
        assert refused.value.job_id == job_id
        assert repr(job_id) in str(refused.value)

    @pytest.mark.parametrize("job_id", BAD_TYPES, ids=repr)
    @pytest.mark.parametrize("make", [Pushed, Pushed.attach], ids=["made", "attached"])
    def test_is_a_string(self, make: Any, job_id: Any) -> None:
        with pytest.raises(TypeError):
            make(None, job_id)

    @pytest.mark.parametrize(
        "job_id", BAD_VALUES, ids=lambda text: ascii(text[:9]) + str(len(text))
    )
    @pytest.mark.parametrize("make", [Pushed, Pushed.attach], ids=["made", "attached"])
    def test_is_between_1_and_255_printable_characters(self, make: Any, job_id: str) -> None:
        with pytest.raises(ValueError, match="255") as refused:
            make(None, job_id)

        message = str(refused.value)
        assert len(message) < 500
        assert message.isprintable()

    def test_is_not_looked_at_by_anybody_else(self) -> None:
        one, other = Pushed(None, "same"), Pushed(None, "same")

        one.submit()

        assert other.history == ()
        assert one != other
        assert len({one, other}) == 2


class TestABackend:
    def test_is_given_back_as_it_came(self) -> None:
        backend = object()

        assert Pushed(backend, "j-1").backend() is backend

    def test_is_never_looked_into(self) -> None:
        class Touchy:
            def __getattribute__(self, name: str) -> Any:
                raise AssertionError(f"somebody asked for {name}")

            __eq__ = __bool__ = __hash__ = None  # type: ignore[assignment]

        job = Pushed(Touchy(), "j-1")

        job.submit()
        job.observe("DONE")

        assert job.state is BaseJob.DONE


class TestMetadata:
    def test_are_the_author_s_own(self) -> None:
        given = {"shots": 100, "tags": ["a"]}

        job = Pushed(None, "j-1", metadata=given)

        assert job.metadata == {"shots": 100, "tags": ["a"]}

    def test_are_not_changed_from_outside(self) -> None:
        given = {"shots": 100}
        job = Pushed(None, "j-1", metadata=given)

        given["shots"] = 7

        assert job.metadata == {"shots": 100}

    def test_are_empty_where_none_were_given(self) -> None:
        one, other = Pushed(None, "j-1"), Pushed(None, "j-2")

        one.metadata["note"] = "mine"

        assert one.metadata == {"note": "mine"}
        assert other.metadata == {}

    @pytest.mark.parametrize("wrong", [5, "text", [1, 2]], ids=repr)
    def test_are_a_mapping(self, wrong: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            Pushed(None, "j-1", metadata=wrong)


class TestTheClass:
    def test_base_job_is_abstract(self) -> None:
        assert isinstance(BaseJob, abc.ABCMeta)
        with pytest.raises(TypeError, match="subclass"):
            BaseJob(None, "j-1")

    def test_an_empty_body_is_enough(self) -> None:
        class Anything(BaseJob[Any]):
            pass

        assert Anything(None, "j-1").state is BaseJob.INITIALIZING

    def test_abstract_methods_of_a_subclass_are_abstract(self) -> None:
        class Family(BaseJob[Any]):
            @abc.abstractmethod
            def colour(self) -> str: ...

        class Member(Family):
            def colour(self) -> str:
                return "red"

        with pytest.raises(TypeError, match="colour"):
            Family(None, "j-1")
        assert Member(None, "j-1").colour() == "red"

    @pytest.mark.parametrize("arguments", [(), (None,), (None, "j-1", {"shots": 1})], ids=len)
    def test_takes_a_backend_and_an_id_by_position_and_nothing_else(
        self, arguments: tuple[Any, ...]
    ) -> None:
        with pytest.raises(TypeError):
            Pushed(*arguments)

    def test_leaves_providers_the_names_that_they_use(self) -> None:
        class Provider(Remote):
            def __init__(self, backend: Any, job_id: str) -> None:
                super().__init__(backend, job_id)
                self._status = "QUEUED"
                self._result = {"counts": 1}
                self._job_id = "their own id"
                self._backend = "their own backend"
                self._async = True
                self._metadata = self._lock = self._state = self._history = None
                self._error = self._future = self._callbacks = self._native_id = None

        backend = Backend(fetch_result=[42])
        job = Provider(backend, "j-1")

        job.submit()
        job.observe("DONE")

        assert (job.job_id(), job.backend(), job.native_id) == ("j-1", backend, "native-1")
        assert job.result() == 42
        assert (job._status, job._job_id) == ("QUEUED", "their own id")


class TestTheStoryInOneLine:
    def test_names_class_id_state_status_age_and_attempt(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = manual_clock(monkeypatch)
        job = part()
        job.submit()
        job.observe(MachineShopJob.SETUP)

        clock.now += 3.2

        assert str(job) == "<MachineShopJob 'p-1' SETUP (QUEUED) for 3.2 s, attempt 1>"
        assert repr(job) == str(job)

    def test_counts_from_the_latest_step_whoever_took_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = manual_clock(monkeypatch)
        job = brought_to(part(), SHOP_WAYS, "RUNNING")
        clock.now += 100.0
        job.inspect()

        clock.now += 2.0

        assert str(job) == "<MachineShopJob 'p-1' INSPECTING (RUNNING) for 2.0 s, attempt 1>"

    @pytest.mark.parametrize("state", SHOP_WAYS)
    def test_is_one_line_in_every_state(self, state: str) -> None:
        job = brought_to(part(), SHOP_WAYS, state)

        assert re.fullmatch(
            rf"<MachineShopJob 'p-1' {state}( \([A-Z]+\))? for \d+\.\d s, attempt 1>", str(job)
        )

    def test_counts_attempts(self) -> None:
        job = brought_to(part(), SHOP_WAYS, "RUNNING")

        job.requeue()

        assert str(job).endswith("attempt 2>")

    def test_does_not_break_when_the_clock_is_turned_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = manual_clock(monkeypatch)
        job = part()
        job.observe("milling")

        clock.now -= 1_000_000

        assert re.fullmatch(r"<MachineShopJob 'p-1' RUNNING.* for 0\.0 s, attempt 1>", str(job))

    def test_does_not_break_where_the_future_was_reported(self) -> None:
        job = part()

        job.observe("milling", at=datetime.now(UTC) + timedelta(days=400))

        assert " RUNNING" in str(job)


class TestTheClock:
    def test_that_jumps_changes_no_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = manual_clock(monkeypatch)
        job = part()
        heard: list[int] = []
        job.add_callback(lambda _, entry: heard.append(entry.number))

        for trigger, jump in zip(SHOP_WAYS["DONE"], [0, -5e8, 1e9, -3.0, 0], strict=True):
            clock.now += jump
            job.trigger(trigger)

        assert [entry.number for entry in job.history] == heard == [1, 2, 3, 4, 5]
        assert [entry.trigger for entry in job.history] == list(SHOP_WAYS["DONE"])
        instants = [entry.at for entry in job.history if entry.at]
        assert instants != sorted(instants)

    @pytest.mark.parametrize("state", BASE_WAYS)
    def test_gives_aware_instants(self, state: str) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        assert job.created_at.utcoffset() == timedelta(0)
        for entry in job.history:
            assert entry.at is not None
            assert entry.at.utcoffset() == timedelta(0)
            assert entry.at >= job.created_at - timedelta(seconds=1)


class TestStatuses:
    def test_are_strings(self) -> None:
        assert [str(status) for status in JobStatus] == list(BASE_WAYS)
        assert JobStatus.DONE == "DONE"
        assert f"{JobStatus.DONE}" == "DONE"

    @pytest.mark.parametrize("status", JobStatus)
    def test_are_final_where_there_is_no_way_out(self, status: JobStatus) -> None:
        assert status.is_final is (status.name in {"DONE", "ERROR", "CANCELLED"})
        assert getattr(BaseJob, status.name).is_final is status.is_final
