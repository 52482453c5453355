"""Where results are: small JSON in the journal itself, anything else in a file beside it.

A file is named by the digest of what is in it, so it is written once, is never changed, and no
job id is ever part of a path. It is durable before the entry that speaks of it is written; one
that nobody speaks of is left over from a crash in between, and harms nobody.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, cast

from sojourn.errors import JournalError, JournalFileError
from sojourn.history import PackedResult
from sojourn.journals._files import sync_folder, write_durably

__all__ = ["Kept", "Results"]

#: JSON up to this size is kept in the journal itself.
MOST_INLINE = 64 * 1024

#: How a result is kept: its kind, itself or nothing, its file or nothing, its digest.
Kept = tuple[str, bytes | None, str | None, str]


class Results:
    """The results of one journal."""

    def __init__(self, journal: Path) -> None:
        """Name the folder; it is made when there is something to put into it."""
        self._journal = journal
        self._folder = journal.with_name(f"{journal.name}-results")

    def keep(self, result: PackedResult) -> Kept:
        """Put a result where it is durable, or will be with its entry.

        Raises:
            JournalError: It could not be written; nothing has changed.
        """
        digest = hashlib.sha256(result.data).hexdigest()
        if result.kind == "json" and len(result.data) <= MOST_INLINE:
            return result.kind, result.data, None, digest
        path = self._folder / digest
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._folder.parent)
            write_durably(path, result.data)
        except OSError as error:
            raise JournalError(
                f"journal {str(self._journal)!r} could not keep a result of "
                f"{len(result.data)} bytes: {error}; nothing has changed, try again"
            ) from error
        return result.kind, None, digest, digest

    def take(self, kind: str, data: bytes | None, file: str | None, digest: str) -> PackedResult:
        """Return a result as it was kept.

        Raises:
            JournalFileError: It is damaged, or its file is not there.
        """
        if data is None:
            data = self._read(file or "")
        if not isinstance(data, bytes) or hashlib.sha256(data).hexdigest() != digest:
            where = self._journal if file is None else self._folder / file
            raise JournalFileError(
                str(where), "a result in it is not what was kept, somebody has changed it"
            )
        return PackedResult(cast("Literal['json', 'bytes']", kind), data)

    def _read(self, file: str) -> bytes:
        path = self._folder / Path(file).name
        try:
            return path.read_bytes()
        except OSError as error:
            raise JournalFileError(
                str(path), f"it holds a result, and cannot be read: {error.strerror}"
            ) from error
