"""In whose name labels are put: the network's own account, which its PDS opens when it is needed.

The PDS writes this labeler and the key of its labels into the account's DID document, and the
labeler's service record into its repo.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.atproto.crypto import PublicKey
from appliance.atproto.syntax import Datetime, Did, JsonObject
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.labeler.definitions import Definitions

log = logging.getLogger(__name__)

COLLECTION: Final = "app.bsky.labeler.service"
PROFILE: Final = "app.bsky.actor.profile"
# Of a name in a profile.
MOST_LETTERS: Final = 64
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 600.0
_NETWORK: Final = "internal.hearth.pds"


@dataclass(frozen=True)
class Place:
    """Where the labeler is reached, by which key its labels are known, and for which network."""

    url: str
    key: PublicKey
    network: str


class LabelerIdentity:
    """The network's account, as this labeler knows it."""

    def __init__(
        self, pds: XrpcClient, operator: str, place: Place, definitions: Definitions, clock: Clock
    ) -> None:
        """`operator` is the header by which the PDS knows the operator."""
        self._pds = pds
        self._headers = {"Authorization": operator}
        self._place = place
        self._definitions = definitions
        self._clock = clock
        self._did: Did | None = None

    @property
    def did(self) -> Did | None:
        """The DID, once it is known."""
        return self._did

    async def take_up(self, *, from_the_start: bool) -> None:
        """Be known under the network's account if it is there, or is to be; a worker.

        Ends when that is so. Goes on trying until PDS and directory have done their part.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                if from_the_start or await self._is_there():
                    await self.require()
                return
            except XrpcError as failed:
                log.warning(
                    "the labeler is not known yet reason=%s: %s", failed.name, failed.message
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def require(self) -> Did:
        """Give the DID; opens the account if need be. Raises XrpcError."""
        if self._did is None:
            did = await self._open()
            await self._publish(did)
            self._did = did
        return self._did

    async def publish(self) -> None:
        """Tell the network which labels there are, if it knows this labeler. Raises XrpcError."""
        if self._did is not None:
            await self._publish(self._did)

    async def _is_there(self) -> bool:
        try:
            await self._pds.query(f"{_NETWORK}.getNetworkAccount", headers=self._headers)
        except XrpcError as refused:
            if refused.name == "AccountNotFound":
                return False
            raise
        return True

    async def _open(self) -> Did:
        service = {"id": "atproto_labeler", "type": "AtprotoLabeler", "endpoint": self._place.url}
        key = {"id": "atproto_label", "didKey": self._place.key.did_key}
        given = {"services": [service], "keys": [key]}
        opened = await self._call("openNetworkAccount", given)
        return Did(opened["did"])

    async def _publish(self, did: Did) -> None:
        """Write the service record where it says something else, and a name if there is none."""
        known = await self._known(did, COLLECTION)
        record = service_record(self._definitions, known or {}, self._clock.now_us)
        if record != known:
            await self._put(COLLECTION, record)
        if await self._known(did, PROFILE) is None:
            name = self._place.network[:MOST_LETTERS]
            await self._put(PROFILE, {"$type": PROFILE, "displayName": name})

    async def _known(self, did: Did, collection: str) -> JsonObject | None:
        place = {"repo": did, "collection": collection, "rkey": "self"}
        try:
            found = await self._pds.query("com.atproto.repo.getRecord", place)
        except XrpcError as refused:
            if refused.name != "RecordNotFound":
                raise
            return None
        value: JsonObject = found["value"]
        return value

    async def _put(self, collection: str, record: JsonObject) -> None:
        place = {"collection": collection, "rkey": "self"}
        await self._call("putNetworkRecord", {**place, "record": record})

    async def _call(self, name: str, given: JsonObject) -> JsonObject:
        answer: JsonObject = await self._pds.procedure(f"{_NETWORK}.{name}", given, self._headers)
        return answer


def service_record(
    definitions: Definitions, known: JsonObject, now_us: Callable[[], int]
) -> JsonObject:
    """Write the record that announces the labeler; it keeps the time of the one known."""
    return {
        **known,
        "$type": COLLECTION,
        "policies": {
            "labelValues": definitions.values(),
            "labelValueDefinitions": definitions.all(),
        },
        "createdAt": known.get("createdAt") or Datetime.from_us(now_us()),
    }
