"""Whether a paired house is whose public name it gives: the same key is told under that name."""

from typing import Final

from appliance.atproto.data import InvalidData, loads
from appliance.atproto.http_port import Requester
from appliance.base.clock import Clock
from appliance.neighbours.store import Neighbour, NeighbourStore

PATH: Final = "/xrpc/internal.hearth.pds.getHouseKey"
MOST_BYTES: Final = 1000
SECONDS: Final = 5.0
OK: Final = 200
# A proxy says so for a server that is being started.
AWAY: Final = (502, 503, 504)
# A name may come into other hands, so it is asked again each day.
AGAIN_US: Final = 86_400_000_000
# Where nobody answers, the internet may be out.
RETRY_US: Final = 60_000_000


class PublicNames:
    """Asks under public names, by the client that judges every address, and keeps what is said."""

    def __init__(self, store: NeighbourStore, http: Requester, clock: Clock) -> None:
        self._store = store
        self._http = http
        self._clock = clock
        self._tried_us: dict[str, int] = {}

    async def prove(self, house: Neighbour | None) -> None:
        """Look under the name that a house gives, if it gives one and it is time to."""
        now_us = self._clock.now_us()
        if house is None or not house.card.is_public or self._is_early(house, now_us):
            return
        self._tried_us[house.key] = now_us
        try:
            answer = await self._http.request(
                "GET", house.card.pds, path=PATH, max_bytes=MOST_BYTES, timeout=SECONDS
            )
        except OSError:
            return
        if answer.status in AWAY:
            return
        # Somebody is there: of this house, or not.
        is_its = answer.status == OK and _key_in(answer.body) == house.key
        await self._store.proved(house.key, house.card.pds if is_its else None, now_us)

    def _is_early(self, house: Neighbour, now_us: int) -> bool:
        if now_us - self._tried_us.get(house.key, 0) < RETRY_US:
            return True
        is_known = house.proved_pds == house.card.pds and house.proved_us is not None
        return is_known and now_us - (house.proved_us or 0) < AGAIN_US


def _key_in(body: bytes) -> object:
    try:
        told = loads(body)
    except InvalidData:
        return None
    return told.get("key") if isinstance(told, dict) else None
