"""Callbacks of outsiders: once per entry, in order, without the lock, harming nobody."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from job_doubles import PATIENCE, Backend, Background, Gate, Pushed, Remote, brought_to, meet, part
from job_oracle import BASE_WAYS, SHOP_WAYS, assert_consistent
from sojourn import BaseJob, Entry, IllegalTransitionError, JobStatus, Outcome, Transition


def listener() -> tuple[list[Entry], Callable[[Any, Entry], None]]:
    heard: list[Entry] = []
    return heard, lambda _, entry: heard.append(entry)


class Looping(BaseJob[Any]):
    """A job that can go on as long as a test likes."""

    again = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)


class TestWhatTheyHear:
    def test_every_later_entry_in_order(self) -> None:
        job = Pushed(None, "j-1")
        calls: list[tuple[Any, Entry]] = []
        job.add_callback(lambda *args: calls.append(args))

        job.submit()
        job.start()
        job.finish(result=1)

        assert [told for told, _ in calls] == [job] * 3
        assert tuple(entry for _, entry in calls) == job.history

    @pytest.mark.parametrize("known", range(5))
    def test_nothing_of_what_was_before(self, known: int) -> None:
        job = part()
        for trigger in SHOP_WAYS["DONE"][:known]:
            job.trigger(trigger)
        heard, hear = listener()
        job.add_callback(hear)

        for trigger in SHOP_WAYS["DONE"][known:]:
            job.trigger(trigger)

        assert tuple(heard) == job.history[known:]
        assert [entry.number for entry in heard] == list(range(known + 1, 6))

    def test_every_step_of_an_observation(self) -> None:
        job = part()
        heard, hear = listener()
        job.add_callback(hear)

        job.observe("ok")
        job.observe("milling")
        job.observe("scrap")

        assert tuple(heard) == job.history
        assert [entry.inferred for entry in heard] == [True, True, True, False]

    def test_commands_too(self) -> None:
        heard, hear = listener()
        job = Remote(Backend(cancel=[True]), "j-1")
        job.add_callback(hear)

        job.submit()
        job.cancel()

        assert [(entry.trigger, entry.origin) for entry in heard] == [
            ("submit", "command"),
            ("cancel", "command"),
        ]

    def test_refused_submissions_too(self) -> None:
        heard, hear = listener()
        job = Remote(Backend(submit=[ValueError("no")]), "j-1")
        job.add_callback(hear)

        with pytest.raises(Exception, match="no"):
            job.submit()

        assert [entry.dest for entry in heard] == ["ERROR"]

    def test_the_number_and_the_attempt_of_a_requeued_job(self) -> None:
        job = Looping(None, "l-1")
        job.submit()
        job.start()
        job.again()
        heard, hear = listener()
        job.add_callback(hear)

        job.start()
        job.again()
        job.start()

        assert tuple(heard) == job.history[3:]
        assert [(entry.number, entry.attempt) for entry in heard] == [(4, 2), (5, 3), (6, 3)]

    def test_nothing_when_nothing_happens(self) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED")
        heard, hear = listener()
        job.add_callback(hear)

        with pytest.raises(IllegalTransitionError):
            job.finish()
        job.observe("QUEUED")
        job.observe("INITIALIZING")

        assert heard == []

    def test_each_of_them_the_same_in_its_turn(self) -> None:
        job, calls = Pushed(None, "j-1"), list[tuple[str, int]]()
        for name in "abc":
            job.add_callback(lambda _, entry, name=name: calls.append((name, entry.number)))

        job.submit()
        job.start()

        assert calls == [(name, number) for number in (1, 2) for name in "abc"]

    def test_the_change_is_visible_by_then(self) -> None:
        job, seen = Pushed(None, "j-1"), list[str]()
        job.add_callback(lambda job, entry: seen.append(f"{entry.dest} {job.state.name}"))

        job.submit()
        job.start()

        assert seen == ["QUEUED QUEUED", "RUNNING RUNNING"]

    @pytest.mark.parametrize("wrong", [None, "print", 5])
    def test_nothing_if_they_cannot_be_called(self, wrong: Any) -> None:
        job = Pushed(None, "j-1")

        with pytest.raises(TypeError):
            job.add_callback(wrong)

        job.submit()
        assert job.state is BaseJob.QUEUED


class TestRemoval:
    def test_ends_it(self) -> None:
        job = Pushed(None, "j-1")
        heard, hear = listener()
        remove = job.add_callback(hear)
        job.submit()

        remove()
        job.start()

        assert [entry.trigger for entry in heard] == ["submit"]

    def test_twice_harms_nobody(self) -> None:
        job = Pushed(None, "j-1")
        kept, keep = listener()
        remove = job.add_callback(lambda *_: None)
        job.add_callback(keep)

        remove()
        remove()
        job.submit()

        assert len(kept) == 1

    def test_leaves_the_others(self) -> None:
        job = Pushed(None, "j-1")
        (first, hear_first), (second, hear_second) = listener(), listener()
        remove_first = job.add_callback(hear_first)
        job.add_callback(hear_second)
        job.submit()

        remove_first()
        job.start()

        assert [entry.number for entry in first] == [1]
        assert [entry.number for entry in second] == [1, 2]

    def test_of_one_that_was_added_twice_removes_one(self) -> None:
        job = Pushed(None, "j-1")
        heard, hear = listener()
        remove = job.add_callback(hear)
        job.add_callback(hear)
        job.submit()

        remove()
        job.start()

        assert [entry.number for entry in heard] == [1, 1, 2]

    def test_from_within_ends_it_at_once(self) -> None:
        job, heard = Pushed(None, "j-1"), list[int]()

        def once(_: Any, entry: Entry) -> None:
            heard.append(entry.number)
            remove()

        remove = job.add_callback(once)

        job.observe("DONE")

        assert heard == [1]

    def test_of_the_next_one_from_within_ends_that_one(self) -> None:
        job = Pushed(None, "j-1")
        job.add_callback(lambda *_: remove())
        heard, hear = listener()
        remove = job.add_callback(hear)

        job.submit()
        job.start()

        assert heard == []

    def test_lets_go_of_what_it_was_called_with(self) -> None:
        class Screen:
            def show(self, *_: Any) -> None:
                pass

        screen = Screen()
        gone = weakref.ref(screen)
        job = Pushed(None, "j-1")
        remove = job.add_callback(screen.show)
        job.submit()

        remove()
        del screen, remove
        gc.collect()

        assert gone() is None

    def test_of_the_last_one_lets_the_job_take_the_short_way_again(self) -> None:
        job = Pushed(None, "j-1")
        removals = [job.add_callback(lambda *_: None) for _ in range(2)]
        job.submit()

        for remove in removals:
            assert job._sj_watch is not None
            remove()

        assert job._sj_watch is None

    def test_and_a_new_one_later_hears_what_is_later(self) -> None:
        job = Pushed(None, "j-1")
        (first, hear_first), (second, hear_second) = listener(), listener()
        job.add_callback(hear_first)()
        job.submit()
        job.add_callback(hear_second)

        job.start()

        assert first == []
        assert [entry.number for entry in second] == [2]


class TestOneThatRaises:
    def test_is_logged_and_harms_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        job, fault = Pushed(None, "j-1"), ValueError("a bug of the outsider's")

        def broken(*_: Any) -> None:
            raise fault

        (before, hear_before), (after, hear_after) = listener(), listener()
        job.add_callback(hear_before)
        job.add_callback(broken)
        job.add_callback(hear_after)

        assert job.submit() is None
        assert job.start() is True

        assert tuple(before) == tuple(after) == job.history
        assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
        for record in caplog.records:
            assert record.name.split(".")[0] == "sojourn"
            assert "j-1" in record.getMessage()
            assert record.exc_info is not None
            assert record.exc_info[1] is fault

    def test_is_called_again_for_the_next_entry(self) -> None:
        job, heard = Pushed(None, "j-1"), list[int]()

        def broken(_: Any, entry: Entry) -> None:
            heard.append(entry.number)
            raise ValueError

        job.add_callback(broken)
        job.observe("DONE")

        assert heard == [1, 2, 3]

    @pytest.mark.parametrize("fault", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
    def test_with_ctrl_c_propagates_and_starves_nobody(self, fault: BaseException) -> None:
        job = Pushed(None, "j-1")

        def interrupted(_: Any, entry: Entry) -> None:
            if entry.number == 1:
                raise fault

        job.add_callback(interrupted)
        heard, hear = listener()
        job.add_callback(hear)

        with pytest.raises(type(fault)):
            job.submit()

        assert job.state is BaseJob.QUEUED
        assert Background(job.start).result() is True
        assert [entry.number for entry in heard] == [1, 2]

    def test_does_not_hide_the_error_of_a_declared_callback(self) -> None:
        class Loud(BaseJob[Any]):
            start = Transition(JobStatus.QUEUED, JobStatus.RUNNING, after="_shout")

            def _shout(self, event: Any) -> None:
                raise LookupError("declared")

        job = Loud(None, "l-1")
        job.submit()

        def broken(*_: Any) -> None:
            raise ValueError

        job.add_callback(broken)

        with pytest.raises(LookupError, match="declared"):
            job.start()


class TestWithoutTheLock:
    def test_other_threads_may_fire_the_job_meanwhile(self) -> None:
        job, outcomes = Pushed(None, "j-1"), list[Any]()

        def ask(job: Any, entry: Entry) -> None:
            if entry.dest == "QUEUED":
                outcomes.append(Background(job.start).outcome())
                outcomes.append(Background(job.cancel).outcome())

        job.add_callback(ask)

        job.submit()

        assert outcomes == [True, False]

    def test_they_may_fire_the_job_themselves_and_all_hear_one_order(self) -> None:
        job = Pushed(None, "j-1")

        def push_on(job: Any, entry: Entry) -> None:
            if entry.dest == "QUEUED":
                assert job.start() is True
                assert job.finish(result=1) is True

        (before, hear_before), (after, hear_after) = listener(), listener()
        job.add_callback(hear_before)
        job.add_callback(push_on)
        job.add_callback(hear_after)

        job.submit()

        assert tuple(before) == tuple(after) == job.history
        assert [entry.dest for entry in after] == ["QUEUED", "RUNNING", "DONE"]

    def test_they_may_fire_for_a_long_time(self) -> None:
        job, heard = Looping(None, "l-1"), list[int]()

        def go_on(job: Any, entry: Entry) -> None:
            heard.append(entry.number)
            if entry.number < 3000:
                job.trigger("start" if entry.dest == "QUEUED" else "again")

        job.add_callback(go_on)

        job.submit()

        assert heard == list(range(1, 3001))

    def test_they_may_fire_other_jobs_that_fire_back(self) -> None:
        ping, pong = Looping(None, "ping"), Looping(None, "pong")

        def answer(other: Any) -> Callable[[Any, Entry], None]:
            def fire(_: Any, entry: Entry) -> None:
                if entry.number < 20:
                    other.trigger("start" if other.state is BaseJob.QUEUED else "again")

            return fire

        ping.submit()
        pong.submit()
        ping.add_callback(answer(pong))
        pong.add_callback(answer(ping))

        Background(ping.start).result()

        for job in (ping, pong):
            assert [entry.number for entry in job.history] == list(range(1, len(job.history) + 1))
        assert 38 <= len(ping.history) + len(pong.history) <= 41

    def test_they_may_wait_poll_and_command(self) -> None:
        job, outcomes = Remote(Backend(poll=["RUNNING"], fetch_result=[42]), "j-1"), list[Any]()

        def use(job: Any, entry: Entry) -> None:
            if entry.dest == "QUEUED":
                outcomes.append(job.status())
            elif entry.dest == "DONE":
                job.wait_for_final_state()
                outcomes.append(job.result())
                outcomes.append(job.cancel())

        job.add_callback(use)

        job.submit()
        job.observe("DONE")

        assert outcomes == [JobStatus.RUNNING, 42, False]

    @pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another thread"])
    @pytest.mark.parametrize("how", ["status", "wait", "result"])
    def test_they_may_look_again_at_what_a_look_has_found(self, how: str, elsewhere: bool) -> None:
        ask: dict[str, Callable[[Any], Any]] = {
            "status": lambda job: job.status(),
            "wait": lambda job: job.wait_for_final_state(timeout=PATIENCE / 5, wait=0.01),
            "result": lambda job: job.result(timeout=PATIENCE / 5),
        }
        job, outcomes = (
            Remote(Backend(poll=["RUNNING", "DONE"], fetch_result=[42]), "j-1"),
            list[Any](),
        )

        def look_again(job: Any, entry: Entry) -> None:
            if entry.dest == "RUNNING":
                outcomes.append(Background(ask[how], job).outcome() if elsewhere else ask[how](job))

        job.submit()
        job.add_callback(look_again)

        job.status()

        assert outcomes == [{"status": JobStatus.DONE, "wait": None, "result": 42}[how]]
        assert job.state is BaseJob.DONE

    def test_one_that_is_added_from_within_hears_later_entries_only(self) -> None:
        job = Pushed(None, "j-1")
        heard, hear = listener()

        def add(job: Any, entry: Entry) -> None:
            if entry.number == 1:
                job.add_callback(hear)

        job.add_callback(add)

        job.submit()
        job.start()

        assert [entry.number for entry in heard] == [2]

    def test_one_that_is_added_from_within_hears_nothing_of_what_has_happened_by_then(self) -> None:
        job = Pushed(None, "j-1")
        heard, hear = listener()

        def add(job: Any, entry: Entry) -> None:
            if entry.number == 1:
                job.add_callback(hear)

        job.add_callback(add)

        job.observe("RUNNING")  # two entries, the first of which adds
        job.finish()

        assert [entry.number for entry in heard] == [3]

    def test_not_even_one_that_a_declared_callback_has_caused_is_called_with_the_lock(
        self,
    ) -> None:
        class Chained(BaseJob[Any]):
            start = Transition(
                JobStatus.QUEUED, JobStatus.RUNNING, after=lambda event: event.model.finish()
            )

        job, free = Chained(None, "c-1"), list[bool]()
        job.submit()
        job.add_callback(lambda job, _: free.append(Background(job.may, "start").result()))

        job.start()

        assert free == [False, False]

    def test_one_that_is_slow_holds_up_nobody_s_trigger(self) -> None:
        job, gate = Pushed(None, "j-1"), Gate()
        heard, hear = listener()

        def slow(_: Any, entry: Entry) -> None:
            if entry.number == 1:
                gate()

        job.add_callback(slow)
        job.add_callback(hear)
        submitting = Background(job.submit)
        gate.wait_until_asked()

        assert Background(job.start).result() is True
        assert job.state is BaseJob.RUNNING
        assert heard == []

        gate.open()
        submitting.result()
        assert [entry.number for entry in heard] == [1, 2]

    def test_one_that_is_slow_strands_nobody_who_waits(self) -> None:
        job, gate = brought_to(Pushed(None, "j-1"), BASE_WAYS, "QUEUED"), Gate()
        looked = threading.Event()
        job.add_callback(gate)
        waiting = Background(job.wait_for_final_state, callback=lambda *_: looked.set())
        assert looked.wait(PATIENCE)
        firing = Background(job.fail)
        gate.wait_until_asked()

        assert waiting.result() is None

        gate.open()
        assert firing.result() is True


class TestManyThreads:
    @pytest.mark.parametrize("round_", range(10))
    def test_all_hear_every_entry_once_in_the_one_order(self, round_: int) -> None:
        job = Looping(None, "l-1")
        ears = [listener() for _ in range(3)]
        for _, hear in ears:
            job.add_callback(hear)
        job.submit()

        def push() -> None:
            for number in range(150):
                try:
                    job.trigger(("start", "again")[number % 2])
                except IllegalTransitionError:
                    continue

        meet(*[push] * 4)

        # Whoever announces may have been overtaken; the last one has told everything.
        for heard, _ in ears:
            assert tuple(heard) == job.history

    @pytest.mark.parametrize("round_", range(30))
    def test_one_that_is_added_meanwhile_misses_nothing_from_then_on(self, round_: int) -> None:
        job = Looping(None, "l-1")
        job.submit()
        heard, hear = listener()

        def push() -> None:
            for number in range(100):
                job.trigger(("start", "again")[number % 2])

        meet(push, lambda: job.add_callback(hear))

        assert tuple(heard) == job.history[len(job.history) - len(heard) :]

    @pytest.mark.parametrize("round_", range(30))
    def test_a_final_entry_is_heard_once_whoever_wins(self, round_: int) -> None:
        job = brought_to(Pushed(None, "j-1"), BASE_WAYS, "RUNNING")
        heard, hear = listener()
        job.add_callback(hear)

        meet(job.finish, job.fail, lambda: job.observe("CANCELLED"))

        assert tuple(heard) == job.history[2:]
        assert_consistent(job)
        assert job.observe(job.state) is Outcome.UNCHANGED
