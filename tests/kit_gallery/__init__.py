"""Job classes that each break one promise in one place, and odd ones that break none.

`PLANTED` says which promise each breaks; the kit must find it, by that name. The honest ones must
pass, however they look.
"""

from kit_gallery import asking, believing, following, keeping, moving, remembering, waiting
from kit_gallery.honest import HONEST, Honest
from kit_gallery.planting import PLANTED, Planted

__all__ = [
    "HONEST",
    "PLANTED",
    "Honest",
    "Planted",
    "asking",
    "believing",
    "following",
    "keeping",
    "moving",
    "remembering",
    "waiting",
]
