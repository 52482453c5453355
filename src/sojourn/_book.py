"""What a job knows of its place in a journal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, cast

from sojourn._owner import is_alive, this_process
from sojourn.errors import JournalError
from sojourn.history import Journal, KeptFacts, PackedResult

__all__ = [
    "Book",
    "clean",
    "name_of_backend",
    "name_of_class",
    "pack",
    "pack_result",
    "unpack_result",
    "whether_alive",
]


class Book:
    """One job's place in a journal; under the job's lock, like all that it says.

    Attributes:
        journal: The journal.
        written: Whether the journal has the job.
        worker: The process that does the work, as the journal knew it when it was read.
        version: How many of its entries are durable.
        attempt: The attempt that the last of them belongs to.
        claims: How many claims the journal knows.
        holder: Who made the latest claim that this handle knows of.
        has_result: Whether the journal had the job's result when it was read.
        token: Names the job, and its submission at the backend.
        lost: Whether somebody else was faster, and what they did has not been read yet.
        unsure: Whether the outcome of a write is unknown, so that it has to be read again.
        mark: Tells this handle from others of the process.
        staged: Facts that the next write takes along.
    """

    __slots__ = (
        "attempt",
        "claims",
        "has_result",
        "holder",
        "journal",
        "lost",
        "mark",
        "staged",
        "token",
        "unsure",
        "version",
        "worker",
        "written",
    )

    def __init__(self, journal: Journal) -> None:
        """Start with a job that the journal does not know."""
        self.journal = journal
        self.written = False
        self.version = 0
        self.attempt = 1
        self.claims = 0
        self.has_result = False
        self.holder = ""
        self.worker = ""
        self.token = os.urandom(16).hex()
        self.lost = False
        self.unsure = False
        self.staged: KeptFacts = {}
        self.mark = os.urandom(4).hex()

    def owner(self) -> str:
        """Return what this handle calls itself where it claims something."""
        return f"{this_process()}/{self.mark}"

    def takes_for_alive(self, owner: str) -> bool:
        """Tell whether an owner may live, as the journal says if it can tell."""
        if owner.startswith(f"{this_process()}/"):
            return True
        return whether_alive(self.journal, owner) is not False


def whether_alive(journal: Journal, owner: str) -> bool | None:
    """Tell whether an owner lives, as the journal says if it can tell, or else as this machine sees it."""
    ask = getattr(journal, "is_alive", is_alive)
    answer: bool | None = ask(owner)
    return answer


def name_of_class(cls: type) -> str:
    """Return what a journal calls a job class: where it is to be found, by its public name if it has one.

    A journal is kept for longer than the private file in which a class happens to be written.
    """
    module, name = cls.__module__, cls.__qualname__
    while module.rpartition(".")[2].startswith("_"):
        package = module.rpartition(".")[0]
        if getattr(sys.modules.get(package), name, None) is not cls:
            break
        module = package
    return f"{module}:{name}"


def name_of_backend(backend: object) -> str:
    """Return what a journal calls a backend: the name it gives itself, or that of its class."""
    if isinstance(backend, str):
        return clean(backend)
    name = getattr(backend, "name", None)
    if callable(name):
        try:
            name = name()
        except Exception:  # noqa: BLE001  # it is the name of something else
            name = None
    return clean(name) if isinstance(name, str) and name else type(backend).__name__


def clean(text: str) -> str:
    """Return a text that any journal can keep; file names may bring halves of characters along."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def pack(job_id: str, what: str, value: Mapping[str, Any]) -> str:
    """Return notes as JSON.

    Raises:
        JournalError: They are not made of what JSON has.
    """
    try:
        text = json.dumps(dict(value), allow_nan=True)
        _check_keys(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(
            f"job {job_id!r} cannot keep its {what} in a journal: {error}; "
            "use str, int, float, bool, None, lists, and dictionaries with str keys"
        ) from error
    return text


def _check_keys(value: object) -> None:
    """Refuse keys that JSON would make others of, two of them perhaps the same."""
    if isinstance(value, Mapping):
        for key, each in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"keys must be str, not {key!r:.80}")
            _check_keys(each)
    elif isinstance(value, list | tuple):
        for each in cast("list[object]", value):
            _check_keys(each)


def pack_result(job_id: str, value: object) -> PackedResult:
    """Return a result as it is kept.

    Raises:
        JournalError: It is neither bytes nor made of what JSON has, so that what comes back would
            be something else.
    """
    if type(value) is bytes:
        return PackedResult("bytes", value)
    try:
        if _is_plain(value):
            return PackedResult("json", json.dumps(value, separators=(",", ":")).encode())
    except (ValueError, RecursionError):
        pass  # it contains itself, or is too deep
    raise JournalError(
        f"job {job_id!r} cannot keep its result in a journal: a {type(value).__name__} that JSON "
        "would not give back as it is; give str, int, float, bool, None, lists and dictionaries "
        "with str keys, or bytes, or write _pack_result() and _unpack_result()"
    )


def unpack_result(packed: PackedResult) -> Any:
    """Return what was packed."""
    return packed.data if packed.kind == "bytes" else json.loads(packed.data)


def _is_plain(value: object) -> bool:
    """Whether JSON gives back exactly this."""
    kind = type(value)
    if kind is list:
        return all(map(_is_plain, cast("list[object]", value)))
    if kind is dict:
        pairs = cast("dict[object, object]", value).items()
        return all(type(key) is str and _is_plain(each) for key, each in pairs)
    return value is None or kind in (str, int, float, bool)
