"""What a history may be: tables written by hand, and a check that reads nothing else."""

from __future__ import annotations

from typing import Any

__all__ = ["BASE", "BASE_WAYS", "FINALS", "SHOP", "SHOP_WAYS", "assert_consistent"]

FINALS = ("DONE", "ERROR", "CANCELLED")

#: Where each trigger leads from each state of a class that adds nothing.
BASE = {
    ("INITIALIZING", "submit"): "QUEUED",
    ("INITIALIZING", "fail"): "ERROR",
    ("INITIALIZING", "cancel"): "CANCELLED",
    ("QUEUED", "start"): "RUNNING",
    ("QUEUED", "fail"): "ERROR",
    ("QUEUED", "cancel"): "CANCELLED",
    ("RUNNING", "finish"): "DONE",
    ("RUNNING", "fail"): "ERROR",
    ("RUNNING", "cancel"): "CANCELLED",
}

#: The same for the machine shop of the documentation.
SHOP = {
    ("INITIALIZING", "submit"): "QUEUED",
    ("INITIALIZING", "fail"): "ERROR",
    ("INITIALIZING", "cancel"): "CANCELLED",
    ("QUEUED", "mount"): "SETUP",
    ("QUEUED", "start"): "RUNNING",
    ("QUEUED", "fail"): "ERROR",
    ("QUEUED", "cancel"): "CANCELLED",
    ("SETUP", "start"): "RUNNING",
    ("SETUP", "fail"): "ERROR",
    ("SETUP", "cancel"): "CANCELLED",
    ("RUNNING", "inspect"): "INSPECTING",
    ("RUNNING", "requeue"): "QUEUED",
    ("RUNNING", "fail"): "ERROR",
    ("RUNNING", "cancel"): "CANCELLED",
    ("INSPECTING", "finish"): "DONE",
    ("INSPECTING", "requeue"): "QUEUED",
    ("INSPECTING", "fail"): "ERROR",
    ("INSPECTING", "cancel"): "CANCELLED",
}

#: Triggers that bring a new job to each state.
BASE_WAYS: dict[str, tuple[str, ...]] = {
    "INITIALIZING": (),
    "QUEUED": ("submit",),
    "RUNNING": ("submit", "start"),
    "DONE": ("submit", "start", "finish"),
    "ERROR": ("submit", "start", "fail"),
    "CANCELLED": ("submit", "start", "cancel"),
}
SHOP_WAYS: dict[str, tuple[str, ...]] = {
    "INITIALIZING": (),
    "QUEUED": ("submit",),
    "SETUP": ("submit", "mount"),
    "RUNNING": ("submit", "mount", "start"),
    "INSPECTING": ("submit", "mount", "start", "inspect"),
    "DONE": ("submit", "mount", "start", "inspect", "finish"),
    "ERROR": ("submit", "mount", "start", "inspect", "fail"),
    "CANCELLED": ("submit", "mount", "start", "inspect", "cancel"),
}


def assert_consistent(job: Any, table: dict[tuple[str, str], str] = BASE) -> None:
    """Check that the history is a path of ``table``, densely numbered, and ends at the state."""
    state, attempt = "INITIALIZING", 1
    for number, entry in enumerate(job.history, 1):
        assert entry.number == number
        assert entry.source == state
        assert table[state, entry.trigger] == entry.dest
        attempt += entry.trigger == "requeue"
        assert entry.attempt == attempt
        state = entry.dest
    assert job.state.name == state
    assert job.attempt == attempt
