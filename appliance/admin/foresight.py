"""Where a name leads before a network takes it: what was seen, what is expected, what to do."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from appliance.base.machine import is_near, own_address
from appliance.base.strings import Strings
from appliance.upkeep.checkup import Finding

Lookup: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]

# Ways in that end at this computer itself: what its name leads to is this computer's address,
# if that is one of the internet's.
HERE: Final = ("direct", "forward")


class Foresight:
    """Looks a name up as this computer can; it changes nothing."""

    def __init__(self, strings: Strings, lookup: Lookup) -> None:
        self._strings = strings
        self._lookup = lookup

    async def look(self, name: str, way: str) -> list[Finding]:
        """Look at a name and at what is below it; what is not well comes first."""
        addresses = await self._lookup(name)
        if not addresses:
            return [self._finding("nowhere", "bad", name=name)]
        known = {"name": name, "addresses": ", ".join(addresses), "own": own_address()}
        found = []
        if all(is_near(each) for each in addresses):
            found.append(self._finding("near", "warn", **known))
        elif way in HERE and not is_near(known["own"]) and known["own"] not in addresses:
            found.append(self._finding("elsewhere", "bad", **known))
        below = await self._lookup(f"h{secrets.token_hex(4)}.{name}")
        if not set(below) & set(addresses):
            means = ", ".join(below) or "–"
            found.append(self._finding("below", "bad", **known, means=means))
        return found or [self._finding("well", "good", **known)]

    def _finding(self, kind: str, level: Any, **values: Any) -> Finding:
        def words(part: str) -> str:
            name = f"foresight.{kind}_{part}"
            return self._strings(name, **values) if self._strings.has(name) else ""

        return Finding(words("title"), level, words("seen"), words("expected"), words("remedy"))
