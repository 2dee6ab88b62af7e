"""Which labels are believed: well formed, of the labeler asked, signed by its key (S43)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from appliance.atproto import labels
from appliance.atproto.crypto import PublicKey
from appliance.atproto.data import InvalidData, from_json
from appliance.atproto.identity.errors import IdentityNotFound
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.errors import InvalidValue
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Did, JsonObject

# A key that changed is looked up at once, but not for every forged label.
REFRESH_SECONDS: Final = 60.0
# Between so many signatures others have their turn.
AT_ONCE: Final = 16
MOST_NAMES: Final = 1000


class LabelProof:
    """Tells sound labels from others, and counts those that are not."""

    def __init__(
        self, resolver: IdentityResolver, validator: Validator, now: Callable[[], float]
    ) -> None:
        self._resolver = resolver
        self._validator = validator
        self._now = now
        self._refreshed: dict[str, float] = {}
        self.refused: Counter[str] = Counter()

    async def of_message(self, src: str, said: Any) -> list[JsonObject]:
        """Give the sound labels of a message of subscribeLabels. Raises IdentityUnreachable."""
        told = said if isinstance(said, list) else []
        fit = [label for label in told if self._fits(label)]
        self.refuse(src, len(told) - len(fit))
        return await self._proven(src, fit)

    async def of_answer(self, src: str, said: Any) -> list[JsonObject]:
        """Give the sound labels of an answer of queryLabels. Raises IdentityUnreachable."""
        found = []
        for label in said if isinstance(said, list) else []:
            try:
                found.append(from_json(label))
            except InvalidData:
                self.refuse(src)
        return await self.of_message(src, found)

    def refuse(self, src: str, count: int = 1) -> None:
        """Count labels that are not believed; of very many labelers, together."""
        if count:
            known = src in self.refused or len(self.refused) < MOST_NAMES
            self.refused[src if known else ""] += count

    def _fits(self, label: Any) -> bool:
        try:
            self._validator.message(
                "com.atproto.label.subscribeLabels", "#labels", {"seq": 1, "labels": [label]}
            )
        except InvalidValue:
            return False
        return isinstance(label, dict)

    async def _proven(self, src: str, told: Sequence[JsonObject]) -> list[JsonObject]:
        """Keep what the labeler signed."""
        sound: list[JsonObject] = []
        if not told:
            return sound
        key = await self._key(src, fresh=False)
        for number, label in enumerate(told):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            fits = label["src"] == src
            is_sound = fits and key is not None and labels.is_signed_by(label, key)
            if fits and not is_sound and self._may_refresh(src):
                key = await self._key(src, fresh=True)
                is_sound = key is not None and labels.is_signed_by(label, key)
            if is_sound:
                sound.append(label)
            else:
                self.refuse(src)
        return sound

    async def _key(self, src: str, *, fresh: bool) -> PublicKey | None:
        try:
            document = await self._resolver.document(Did(src), fresh=fresh)
        except IdentityNotFound:
            return None
        return document.key(labels.LABEL_KEY)

    def _may_refresh(self, src: str) -> bool:
        now = self._now()
        if self._refreshed.get(src, 0.0) + REFRESH_SECONDS > now:
            return False
        if len(self._refreshed) >= MOST_NAMES:
            self._refreshed.clear()
        self._refreshed[src] = now
        return True
