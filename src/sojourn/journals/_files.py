"""The files of a journal: which may be opened, and how one is made that is whole from the start."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sojourn.errors import JournalFileError
from sojourn.journals._schema import APPLICATION_ID, SCHEMA, VERSION

__all__ = ["connect", "open_beside", "prepare", "same_file", "sync_folder", "write_durably"]

_MAGIC = b"SQLite format 3\0"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def prepare(path: Path) -> os.stat_result:
    """Make sure that a file is a journal of ours, and make one where there is none.

    Returns:
        What tells the file from another one that somebody puts in its place.

    Raises:
        JournalFileError: It is something else, or others may read it; it was left as it is.
    """
    try:
        # Looked for first: a file that comes with its journal meanwhile is not left over.
        left = [each for each in (f"{path}-wal", f"{path}-journal") if os.path.lexists(each)]
        if not os.path.lexists(path):
            if not path.parent.is_dir():
                raise JournalFileError(
                    str(path), "its folder is not there; make it, or give another"
                )
            _refuse_left(path, left)
            _create(path)
        _check_file(path)
        for end in ("wal", "shm", "journal"):
            with suppress(FileNotFoundError):  # whoever is the last to close takes them away
                _check_file(Path(f"{path}-{end}"))
        if os.path.lexists(results := Path(f"{path}-results")):
            _check_folder(results)
        _check_header(path)
        return path.stat()
    except OSError as error:
        raise JournalFileError(str(path), error.strerror or str(error)) from error


def _refuse_left(path: Path, left: list[str]) -> None:
    """Refuse to make a journal beside the last changes of one that is gone.

    SQLite would take them for changes of the new one.
    """
    if left:
        raise JournalFileError(
            str(path),
            f"it is not there, and {left[0]!r} is, with the last changes of a journal that was; "
            "put that journal back, or move what is left of it away",
        )


def same_file(path: str, known: os.stat_result) -> bool:
    """Tell whether a file is still where it was, and no other one in its place."""
    try:
        return os.path.samestat(os.stat(path), known)  # noqa: PTH116  # asked at every commit
    except OSError:
        return False


def _check_file(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise JournalFileError(str(path), "it is a symbolic link; name the file that it leads to")
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise JournalFileError(str(path), f"it is {kind}; give the name of a file")
    _check_owner(path, found, 600)


def _check_folder(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "a file"
        raise JournalFileError(
            str(path), f"it is {kind}, where the folder of a journal's results should be"
        )
    _check_owner(path, found, 700)


def _check_owner(path: Path, found: os.stat_result, mode: int) -> None:
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise JournalFileError(str(path), "it belongs to somebody else; keep a journal of your own")
    if found.st_mode & 0o077:
        raise JournalFileError(
            str(path),
            f"others may read or write it (mode {stat.S_IMODE(found.st_mode):04o}); "
            f"look at who did, and chmod {mode} it",
        )


def _check_header(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    try:
        header = os.read(descriptor, 100)
    finally:
        os.close(descriptor)
    if not header:
        raise JournalFileError(
            str(path), "it is empty, which a journal never is; remove it if nothing is missed"
        )
    number = int.from_bytes(header[68:72], "big")
    if len(header) < 100 or not header.startswith(_MAGIC) or number != APPLICATION_ID:
        raise JournalFileError(str(path), "it is not a journal; give another name")
    version = int.from_bytes(header[60:64], "big")
    if version != VERSION:
        raise JournalFileError(
            str(path),
            f"it is of version {version} and this is sojourn for version {VERSION}; "
            "install the sojourn that wrote it",
        )


def _create(path: Path) -> None:
    """Make a journal under another name, and give it its own when it is whole and durable."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600))
    try:
        with closing(connect(draft)) as connection:
            connection.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {VERSION}; {SCHEMA} COMMIT;"
            )
            connection.execute("PRAGMA journal_mode = WAL")
        _sync(draft)
        with suppress(FileExistsError):  # another process was faster
            os.link(draft, path)
    except sqlite3.Error as error:
        raise JournalFileError(str(path), f"it cannot be made: {error}") from error
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{draft}{end}").unlink(missing_ok=True)
    sync_folder(path.parent)


def connect(path: Path, *, wait: float = 10.0) -> sqlite3.Connection:
    """Open a database that is there."""
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode=rw",
        uri=True,
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
    )


def open_beside(path: str) -> int:
    """Open a file beside the journal that holds nothing, made if it is missing.

    Raises:
        JournalFileError: It is not a file of ours.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            reason += (
                "; to look at a journal where nothing can be written, "
                "copy it with its -wal and its -results to where that can be"
            )
        raise JournalFileError(path, reason) from error
    try:
        _check_file(Path(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | _NO_FOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
