"""The lock of a job, and how it is found out whether anybody holds one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from job_doubles import Background, Pushed
from sojourn._asking import Flight
from sojourn._handle import is_free


def test_the_lock_is_the_one_that_a_tool_has_put_in_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append(genuine())
        return made[-1]

    genuine = threading.RLock
    ordinary = Pushed(None, "j-1")
    monkeypatch.setattr(threading, "RLock", make)
    watched = Pushed(None, "j-2")

    assert made == [watched._sj_lock]
    assert type(ordinary._sj_lock) is type(watched._sj_lock)


def test_a_lock_that_nobody_holds_is_free_and_is_left_so() -> None:
    lock = threading.RLock()

    assert is_free(lock) is True

    assert Background(lock.acquire, False).result() is True


def test_a_lock_that_this_thread_holds_is_not_free_and_stays_its_own() -> None:
    with (lock := threading.RLock()):
        assert is_free(lock) is False

        assert Background(lock.acquire, False).result() is False


def test_a_lock_that_another_thread_holds_is_not_free() -> None:
    with (lock := threading.RLock()):
        assert Background(is_free, lock).result() is False


def test_a_question_is_over_when_it_is_answered_or_nobody_asks_it_any_more() -> None:
    flight = Flight()

    assert flight.over() is True

    with flight.lock:
        assert flight.over() is False
        flight.answered = True
        assert flight.over() is True
