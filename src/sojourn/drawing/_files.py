"""Write a file whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file so that nobody ever sees half of it; return its path.

    What stood there before stays until the new content is complete, and for ever if it cannot be written; who may read
    it stays as it was.  A path that is no regular file, such as `/dev/stdout`, is written to directly.

    Raises:
        OSError: The file could not be written.
    """
    data = content.encode() if isinstance(content, str) else content
    given = Path(path)
    target = given.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return given
    # A name may have 255 bytes, and a character up to four of them.
    part = target.with_name(f".{target.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        # The reader knows the path that was given, and nothing of the part.
        raise OSError(error.errno, error.strerror, str(given)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return given
