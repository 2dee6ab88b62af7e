"""All scenes."""

from collections.abc import Sequence
from typing import Final

from tests.interop.asking import Scene
from tests.interop.corpus import (
    accounts,
    admin,
    blobs,
    bodies,
    http,
    moves,
    proxying,
    records,
    sessions,
    sync,
)

SCENES: Final[Sequence[Scene]] = tuple(
    scene
    for module in (http, bodies, sessions, accounts, records, sync, blobs, moves, admin, proxying)
    for scene in module.SCENES
)
