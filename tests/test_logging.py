"""What is logged, and what is not: nothing on the fast path, anomalies once, outsiders' mistakes."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from job_doubles import Backend, Pushed, Remote, brought_to, part
from job_oracle import BASE_WAYS, SHOP_WAYS
from sojourn import IllegalTransitionError, Observation
from sojourn.errors import (
    BackendError,
    JobCancelledError,
    JobSubmitError,
    SubmitUncertainError,
    UnknownStatusError,
)


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.name.split(".")[0] for record in caplog.records} <= {"sojourn"}
    return [record.levelname for record in caplog.records]


class TestNothing:
    def test_is_logged_of_a_life_without_trouble(self, caplog: pytest.LogCaptureFixture) -> None:
        job = Remote(Backend(poll=["RUNNING", None, "DONE"]), "j-1")
        job.add_callback(lambda *_: None)

        job.submit()
        job.wait_for_final_state(timeout=10)
        job.result()
        job.cancel()
        job.observe("RUNNING")
        job.observe("DONE")

        assert caplog.records == []

    def test_is_logged_of_refusals_which_raise_instead(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = brought_to(part(), SHOP_WAYS, "QUEUED")

        with pytest.raises(IllegalTransitionError):
            job.finish()
        with pytest.raises(UnknownStatusError):
            job.observe("polishing")

        assert caplog.records == []

    def test_is_logged_of_submissions_that_raise(self, caplog: pytest.LogCaptureFixture) -> None:
        refused = Remote(Backend(submit=[ValueError("no")]), "j-1")
        lost = Remote(Backend(submit=[OSError("no answer")]), "j-2")

        with pytest.raises(JobSubmitError):
            refused.submit()
        with pytest.raises(SubmitUncertainError):
            lost.submit()

        assert caplog.records == []

    def test_is_logged_of_a_job_that_is_cancelled(self, caplog: pytest.LogCaptureFixture) -> None:
        job = Remote(Backend(cancel=[True]), "j-1")
        job.submit()
        job.cancel()

        with pytest.raises(JobCancelledError):
            job.result()

        assert caplog.records == []

    def test_comes_from_the_package_that_the_engine_stands_on(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        for state in SHOP_WAYS:
            brought_to(part(), SHOP_WAYS, state)

        assert caplog.records == []


class TestAnomalies:
    def test_are_warnings_once_for_each_kind(self, caplog: pytest.LogCaptureFixture) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        for word in ["scrap", "scrap", "stopped", "scrap", "stopped"]:
            job.observe(word)

        assert levels(caplog) == ["WARNING", "WARNING"]
        assert [("scrap" in text, "stopped" in text) for text in caplog.messages] == [
            (True, False),
            (False, True),
        ]
        assert all("p-1" in text for text in caplog.messages)

    def test_found_by_polling_are_warnings_too(self, caplog: pytest.LogCaptureFixture) -> None:
        job = Remote(Backend(poll=[Observation("RUNNING", attempt=2)]), "j-1")
        job.submit()

        for _ in range(3):
            job.status()

        assert levels(caplog) == ["WARNING"]

    def test_with_odd_words_are_one_line(self, caplog: pytest.LogCaptureFixture) -> None:
        job = brought_to(part(), SHOP_WAYS, "DONE")

        job.observe("scrap", reason="two\nlines\x1b[31m")

        (message,) = caplog.messages
        assert message.isprintable()


class TestPollErrors:
    TROUBLE = ConnectionResetError("hung up")

    def polled(self, *answers: Any) -> Remote:
        job = Remote(Backend(poll=answers), "j-1")
        job.submit()
        return job

    def look(self, job: Remote, times: int) -> None:
        for _ in range(times):
            try:
                job.status()
            except BackendError:
                continue

    def test_are_one_warning_a_streak(self, caplog: pytest.LogCaptureFixture) -> None:
        job = self.polled(self.TROUBLE)

        self.look(job, 5)

        assert levels(caplog) == ["WARNING"]
        assert "j-1" in caplog.messages[0]
        assert "hung up" in caplog.messages[0]

    def test_are_a_new_streak_after_an_answer(self, caplog: pytest.LogCaptureFixture) -> None:
        trouble = self.TROUBLE
        job = self.polled(trouble, trouble, None, trouble, trouble, "RUNNING", trouble)

        self.look(job, 7)

        assert levels(caplog) == ["WARNING"] * 3

    def test_are_one_warning_in_a_wait_that_gets_over_them(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        trouble = self.TROUBLE
        job = self.polled(trouble, trouble, trouble, "DONE")

        job.wait_for_final_state(timeout=10, wait=0.01)

        assert levels(caplog) == ["WARNING"]

    def test_of_one_job_do_not_silence_another(self, caplog: pytest.LogCaptureFixture) -> None:
        for job in (self.polled(self.TROUBLE), self.polled(self.TROUBLE)):
            self.look(job, 2)

        assert levels(caplog) == ["WARNING", "WARNING"]


class TestOutsiders:
    def test_who_raise_are_errors_with_their_traceback(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        job, fault = Pushed(None, "j-1"), ZeroDivisionError("a bug of the outsider's")

        def broken(*_: Any) -> None:
            raise fault

        job.add_callback(broken)

        job.submit()

        (record,) = caplog.records
        assert levels(caplog) == ["ERROR"]
        assert record.exc_info is not None
        assert record.exc_info[1] is fault
        assert "j-1" in record.getMessage()


class TestTheLogger:
    def test_is_called_sojourn_and_left_to_the_application(self) -> None:
        logger = logging.getLogger("sojourn")

        assert logger.level == logging.NOTSET
        assert logger.propagate is True
        assert all(isinstance(handler, logging.NullHandler) for handler in logger.handlers)

    def test_being_silenced_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger("sojourn").disabled = True
        try:
            job = brought_to(part(), SHOP_WAYS, "DONE")
            job.observe("scrap")
            job.observe("scrap")
        finally:
            logging.getLogger("sojourn").disabled = False

        assert caplog.records == []
        assert [odd.count for odd in job.anomalies] == [2]


@pytest.mark.parametrize("state", BASE_WAYS)
def test_a_job_starts_no_thread_of_its_own(state: str) -> None:
    before = threading.enumerate()

    job = brought_to(Remote(Backend(poll=["RUNNING"]), "j-1"), BASE_WAYS, state)
    job.add_callback(lambda *_: None)
    job.status()

    assert threading.enumerate() == before
