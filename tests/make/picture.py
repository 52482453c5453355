"""Draw the picture of the README: `make picture`."""

from __future__ import annotations

from pathlib import Path

from sojourn import BaseJob, draw

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "lifecycle.svg"

if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    print(f"drawn: {draw(BaseJob, PICTURE)}")
