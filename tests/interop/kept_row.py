"""A difference from the reference that stays, and how it is recognised."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from tests.interop.differential import Pair

BAD: Final = "400 InvalidRequest"
CRASH: Final = "500 InternalServerError"


@dataclass(frozen=True)
class Kept:
    """A difference that stays.

    `where` are patterns of "scene: step"; `ours` and `theirs` are status and error name. Where
    these are the same, `parts` names what differs, as patterns.
    """

    why: str
    ours: str
    theirs: str | Sequence[str]
    where: Sequence[str]
    parts: Sequence[str] = ()

    def explains(self, pair: Pair) -> bool:
        known = [self.theirs] if isinstance(self.theirs, str) else self.theirs
        if pair.ours.short != self.ours or pair.theirs.short not in known:
            return False
        if not any(fnmatchcase(pair.name, pattern) for pattern in self.where):
            return False
        return pair.ours.short != pair.theirs.short or all(
            any(fnmatchcase(part, pattern) for pattern in self.parts) for part in pair.differences
        )
