"""All scenes."""

from collections.abc import Sequence
from typing import Final

from tests.interop.asking import Scene
from tests.interop.corpus import (
    accounts,
    admin,
    blobs,
    bodies,
    doors,
    formats,
    http,
    moves,
    proxying,
    records,
    sessions,
    sync,
)

MODULES: Final = (
    *(http, doors, bodies, sessions, accounts, records, formats),
    *(sync, blobs, moves, admin, proxying),
)
SCENES: Final[Sequence[Scene]] = tuple(scene for module in MODULES for scene in module.SCENES)
