"""How a picture stands in the page of a notebook."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from xml.sax.saxutils import quoteattr

from sojourn.drawing._measure import printable

#: The widest picture that can still be read in a notebook, which makes wider ones fit.
WIDEST = 1200.0


def html(picture: str, still: str, words: str) -> str:
    """Return HTML that shows a picture, or a still of it where the page takes SVG away.

    JupyterLab does that in a notebook that it does not trust, such as one by somebody else: it removes the SVG and
    every style sheet, and leaves the words that were in them.  So the picture is hidden where it stands, and a style
    sheet shows it in the still's place.

    Args:
        picture: An SVG that follows the theme of the page.
        still: The same in one theme; it is put into an image, which knows nothing of the page.
        words: What the still shows, for those who cannot see it.
    """
    scope = f"sj-{blake2b(picture.encode(), digest_size=5).hexdigest()}"
    data = b64encode(still.replace("<svg ", '<svg style="background:#fff" ', 1).encode()).decode()
    return (
        f"<style>.{scope}-live{{display:block!important}}.{scope}-still{{display:none!important}}</style>\n"
        f'<div class="{scope}-live" style="display:none">{picture}</div>\n'
        f'<img class="{scope}-still" alt={quoteattr(printable(words))} src="data:image/svg+xml;base64,{data}">\n'
    )
