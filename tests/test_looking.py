"""Looking at a job: from memory where that is enough, with one shared poll where it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from job_doubles import PATIENCE, Backend, Background, Gate, Pushed, Remote, brought_to, part
from job_oracle import BASE_WAYS, FINALS, SHOP_WAYS, assert_consistent
from machine_shop import MachineShopJob
from sojourn import BaseJob, JobStatus, Observation, _clock
from sojourn.errors import BackendError, UnknownStatusError

LOOKS: dict[str, Callable[[Any], Any]] = {
    "status": lambda job: job.status(),
    "done": lambda job: job.done(),
    "running": lambda job: job.running(),
    "cancelled": lambda job: job.cancelled(),
    "in_final_state": lambda job: job.in_final_state(),
}

#: What each look answers about each status.
ANSWERS = {
    "INITIALIZING": ["INITIALIZING", False, False, False, False],
    "QUEUED": ["QUEUED", False, False, False, False],
    "RUNNING": ["RUNNING", False, True, False, False],
    "DONE": ["DONE", True, False, False, True],
    "ERROR": ["ERROR", False, False, False, True],
    "CANCELLED": ["CANCELLED", False, False, True, True],
}


def live(**answers: Any) -> tuple[Remote, Backend]:
    backend = Backend(**answers)
    job = Remote(backend, "j-1")
    job.submit()
    backend.asked.clear()
    return job, backend


class TestTheAnswers:
    @pytest.mark.parametrize("state", BASE_WAYS)
    @pytest.mark.parametrize("look", LOOKS)
    def test_about_a_job_in_memory(self, state: str, look: str) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, state)

        answer = LOOKS[look](job)

        assert answer == dict(zip(LOOKS, ANSWERS[state], strict=True))[look]
        assert type(answer) is (JobStatus if look == "status" else bool)

    @pytest.mark.parametrize("state", ["QUEUED", "RUNNING", *FINALS])
    @pytest.mark.parametrize("look", LOOKS)
    def test_about_a_job_that_has_to_be_polled(self, state: str, look: str) -> None:
        job, backend = live(poll=[state])

        answer = LOOKS[look](job)

        assert answer == dict(zip(LOOKS, ANSWERS[state], strict=True))[look]
        assert backend.asked == ["poll"]
        assert job.state.name == state
        assert_consistent(job)

    @pytest.mark.parametrize("state", SHOP_WAYS)
    def test_about_a_state_of_the_class_s_own_are_those_of_its_status(self, state: str) -> None:
        class Quiet(MachineShopJob):
            def _poll(self) -> None:
                return None

        shop = part()
        job = brought_to(Quiet(shop.backend(), "p-1", shop.program), SHOP_WAYS, state)
        status = {"SETUP": "QUEUED", "INSPECTING": "RUNNING"}.get(state, state)

        assert [look(job) for look in LOOKS.values()] == ANSWERS[status]

    def test_are_strings_too(self) -> None:
        assert Pushed(None, "j-1").status() == "INITIALIZING"

    def test_of_a_failed_job_are_no_errors(self) -> None:
        job, _ = live(poll=[Observation("ERROR", reason=RuntimeError("out of memory"))])

        assert job.status() is JobStatus.ERROR
        assert job.done() is False


class TestFromMemory:
    @pytest.mark.parametrize("state", ["INITIALIZING", *FINALS])
    @pytest.mark.parametrize("look", LOOKS)
    def test_a_job_that_is_over_or_not_submitted_is_not_polled(self, state: str, look: str) -> None:
        backend = Backend(poll=[ValueError("nobody should ask")])
        job = brought_to(Remote(backend, "j-1"), BASE_WAYS, state)

        LOOKS[look](job)

        assert backend.asked == []

    @pytest.mark.parametrize("state", BASE_WAYS)
    def test_the_state_machine_is_read_without_asking(self, state: str) -> None:
        backend = Backend(poll=[ValueError("nobody should ask")])
        job = brought_to(Remote(backend, "j-1"), BASE_WAYS, state)

        read = (
            job.state,
            job.history,
            job.attempt,
            job.native_id,
            job.error(),
            job.metadata,
            job.cancel_requested,
            job.triggers(),
            job.may("start"),
            job.anomalies,
            job.lifecycle,
            job.created_at,
            str(job),
            repr(job),
        )

        assert read[0].name == state
        assert backend.asked == []

    def test_a_job_that_was_reported_by_then_is_polled(self) -> None:
        backend = Backend(poll=["RUNNING"])
        job = Remote(backend, "j-1")
        job.observe("QUEUED")

        assert job.status() is JobStatus.RUNNING


class TestNews:
    def test_no_news_is_no_change(self) -> None:
        job, backend = live(poll=[None])

        assert [job.status() for _ in range(3)] == [JobStatus.QUEUED] * 3

        assert backend.asked == ["poll"] * 3
        assert len(job.history) == 1

    @pytest.mark.parametrize(
        "news",
        ["RUNNING", JobStatus.RUNNING, BaseJob.RUNNING, Observation("RUNNING")],
        ids=["word", "status", "state", "observation"],
    )
    def test_may_come_in_every_form(self, news: Any) -> None:
        job, _ = live(poll=[news])

        assert job.status() is JobStatus.RUNNING

        (entry,) = job.history[1:]
        assert (entry.trigger, entry.origin, entry.detail) == ("start", "observation", "RUNNING")

    def test_may_be_pushed_by_the_hook_itself(self) -> None:
        job, _ = live(poll=[lambda job: job.observe("DONE") and None])

        assert job.status() is JobStatus.DONE

    def test_that_contradict_are_dropped(self) -> None:
        job, _ = live(poll=[Observation("RUNNING", attempt=2)])

        assert job.status() is JobStatus.QUEUED

        assert len(job.anomalies) == 1

    def test_that_are_late_are_dropped(self) -> None:
        job, _ = live(poll=["QUEUED"])
        job.start()

        assert job.status() is JobStatus.RUNNING

        assert job.anomalies == ()

    def test_a_hook_that_looks_at_its_own_job_gets_what_is_known(self) -> None:
        # A migrated class overrides `status` and calls it everywhere.
        def curious(job: Any) -> str:
            assert job.status() is JobStatus.QUEUED
            return "RUNNING"

        job, backend = live(poll=[curious])

        assert Background(job.status).result() is JobStatus.RUNNING

        assert backend.asked == ["poll"]


class TestTrouble:
    @pytest.mark.parametrize("look", LOOKS)
    @pytest.mark.parametrize(
        ("trouble", "transient"),
        [
            (ConnectionResetError("hung up"), True),
            (TimeoutError("no answer"), True),
            (ValueError("not JSON"), False),
            (KeyError("status"), False),
        ],
        ids=repr,
    )
    def test_becomes_a_backend_error_and_nothing_changes(
        self, look: str, trouble: Exception, transient: bool
    ) -> None:
        job, _ = live(poll=["RUNNING", trouble, "DONE"])
        job.status()
        before = job.history

        with pytest.raises(BackendError) as failed:
            LOOKS[look](job)

        assert failed.value.__cause__ is trouble
        assert failed.value.transient is transient
        assert "j-1" in str(failed.value)
        assert job.history == before
        assert job.anomalies == ()
        assert job.status() is JobStatus.DONE

    def test_in_our_own_words_is_passed_on(self) -> None:
        trouble = BackendError("maintenance until noon", transient=True)
        job, _ = live(poll=[trouble])

        with pytest.raises(BackendError) as failed:
            job.status()

        assert failed.value is trouble

    def test_with_a_word_is_an_unknown_status(self) -> None:
        job, _ = live(poll=["POLISHING", "RUNNING"])

        with pytest.raises(UnknownStatusError) as unknown:
            job.status()

        assert (unknown.value.raw, unknown.value.state) == ("POLISHING", "QUEUED")
        assert job.state is BaseJob.QUEUED
        assert job.status() is JobStatus.RUNNING

    @pytest.mark.parametrize("nonsense", [object(), [], {"status": "RUNNING"}, 3.5], ids=type)
    def test_with_an_answer_that_is_no_word_is_an_unknown_status(self, nonsense: Any) -> None:
        job, _ = live(poll=[nonsense])

        with pytest.raises(UnknownStatusError):
            job.status()

        assert job.state is BaseJob.QUEUED

    def test_ctrl_c_propagates_and_the_next_one_looks_for_itself(self) -> None:
        job, backend = live(poll=[KeyboardInterrupt(), "RUNNING"])

        with pytest.raises(KeyboardInterrupt):
            job.status()

        assert Background(job.status).result() is JobStatus.RUNNING
        assert backend.asked == ["poll", "poll"]


class Sharers:
    """Threads that ask while a poll is under way; counted as soon as they wait for it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._arrived = threading.Semaphore(0)
        wait = _clock.wait

        def counted(*args: Any) -> bool:
            self._arrived.release()
            return wait(*args)

        patch.setattr(_clock, "wait", counted)

    def join(self, number: int, look: Callable[[], Any]) -> list[Background]:
        threads = [Background(look) for _ in range(number)]
        for _ in threads:
            assert self._arrived.acquire(timeout=PATIENCE), "a thread asks for itself"
        return threads


@pytest.fixture
def sharers(monkeypatch: pytest.MonkeyPatch) -> Sharers:
    return Sharers(monkeypatch)


class TestSharing:
    def test_threads_that_ask_at_the_same_time_share_one_poll(self, sharers: Sharers) -> None:
        gate = Gate("RUNNING")
        job, backend = live(poll=[gate])
        first = Background(job.status)
        gate.wait_until_asked()
        others = sharers.join(7, job.status)

        gate.open()

        assert [each.result() for each in [first, *others]] == [JobStatus.RUNNING] * 8
        assert backend.asked == ["poll"]

    def test_looks_of_all_kinds_share(self, sharers: Sharers) -> None:
        gate = Gate("DONE")
        job, backend = live(poll=[gate])
        first = Background(job.status)
        gate.wait_until_asked()
        others = [sharers.join(1, lambda look=look: look(job))[0] for look in LOOKS.values()]

        gate.open()

        first.result()
        assert [each.result() for each in others] == ANSWERS["DONE"]
        assert backend.asked == ["poll"]

    def test_who_asks_later_gets_a_new_poll(self) -> None:
        job, backend = live(poll=["QUEUED", "RUNNING"])

        assert job.status() is JobStatus.QUEUED
        assert job.status() is JobStatus.RUNNING

        assert backend.asked == ["poll", "poll"]

    def test_trouble_is_shared_too(self, sharers: Sharers) -> None:
        trouble = ConnectionResetError("hung up")
        gate = Gate(trouble)
        job, backend = live(poll=[gate])
        first = Background(job.status)
        gate.wait_until_asked()
        others = sharers.join(3, job.status)

        gate.open()

        for each in [first, *others]:
            error = each.outcome()
            assert isinstance(error, BackendError)
            assert error.__cause__ is trouble
        assert backend.asked == ["poll"]

    def test_ctrl_c_of_one_is_not_the_others_business(self, sharers: Sharers) -> None:
        gate = Gate(KeyboardInterrupt())
        job, backend = live(poll=[gate, "RUNNING"])
        first = Background(job.status)
        gate.wait_until_asked()
        others = sharers.join(3, job.status)

        gate.open()

        assert isinstance(first.outcome(), KeyboardInterrupt)
        assert [each.result() for each in others] == [JobStatus.RUNNING] * 3
        assert 2 <= len(backend.asked) <= 4

    def test_two_jobs_share_nothing(self) -> None:
        gate = Gate("RUNNING")
        slow, fast = live(poll=[gate])[0], live(poll=["DONE"])[0]
        asking = Background(slow.status)
        gate.wait_until_asked()

        assert fast.status() is JobStatus.DONE

        gate.open()
        assert asking.result() is JobStatus.RUNNING

    def test_nobody_holds_the_lock_meanwhile(self) -> None:
        gate = Gate(None)
        job, _ = live(poll=[gate])
        asking = Background(job.status)
        gate.wait_until_asked()

        assert Background(job.start).result() is True
        assert Background(job.cancel).result() is True

        gate.open()
        assert asking.result() is JobStatus.CANCELLED

    def test_a_job_that_is_over_by_then_needs_no_answer(self) -> None:
        gate = Gate("RUNNING")
        job, backend = live(poll=[gate])
        asking = Background(job.status)
        gate.wait_until_asked()
        job.observe("DONE")

        assert job.status() is JobStatus.DONE

        gate.open()
        assert asking.result() is JobStatus.DONE
        assert backend.asked == ["poll"]

    def test_hooks_that_look_at_each_other_s_jobs_do_not_wait_for_each_other(self) -> None:
        both_ask, both_have_looked = threading.Barrier(2), threading.Barrier(2)

        class Twin(BaseJob[Any]):
            other: Any = None

            def _submit(self) -> None:
                pass

            def _poll(self) -> Any:
                both_ask.wait(PATIENCE)
                seen = self.other.status()
                both_have_looked.wait(PATIENCE)
                return "RUNNING" if seen == "QUEUED" else "ERROR"

        one, two = Twin(None, "one"), Twin(None, "two")
        one.other, two.other = two, one
        for job in (one, two):
            job.submit()

        looks = [Background(job.status) for job in (one, two)]

        assert [look.result() for look in looks] == [JobStatus.RUNNING] * 2
