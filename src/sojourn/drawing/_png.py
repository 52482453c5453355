"""The only importer of resvg-py: SVG goes in, PNG comes out."""

from __future__ import annotations

import re
from importlib.resources import as_file, files

from sojourn.errors import SojournError

_ZOOM = 2.0
# The renderer needs about eight bytes for each, and where there are not as many, it ends the whole process.
_MOST_PIXELS = 64e6


def png(svg: str, *, background: str = "#ffffff") -> bytes:
    """Return an SVG picture as a PNG of twice its size, or as large as can be where that is too large.

    Only the fonts that come with sojourn are used, so the same picture gives the same pixels everywhere.

    Args:
        svg: A picture in one theme; the renderer knows nothing of media queries.
        background: What stands behind the picture.

    Raises:
        SojournError: The package resvg-py is not there.
    """
    try:
        from resvg_py import svg_to_bytes  # noqa: PLC0415  # an extra, needed only here
    except ImportError as error:
        raise SojournError(
            "a PNG cannot be drawn without resvg-py; pip install 'sojourn[png]' brings it, and SVG needs nothing"
        ) from error
    with as_file(files("sojourn.drawing") / "fonts") as fonts:
        return svg_to_bytes(
            svg_string=svg,
            background=background,
            zoom=_zoom(svg),
            dpi=96,
            skip_system_fonts=True,
            font_files=[str(fonts / name) for name in ("Inter-Medium.ttf", "Inter-SemiBold.ttf")],
            font_family="Inter",
            sans_serif_family="Inter",
        )


def _zoom(svg: str) -> float:
    """Return how much larger than the picture the PNG is."""
    size = re.match(r'<svg [^>]*?\bwidth="([\d.]+)" height="([\d.]+)"', svg)
    area = float(size[1]) * float(size[2]) if size else 0.0
    return min(_ZOOM, (_MOST_PIXELS / area) ** 0.5) if area else _ZOOM
