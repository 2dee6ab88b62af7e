"""Which labelers there are: the network's own, those of the settings, those of a request."""

import asyncio
from collections.abc import Sequence
from typing import Final

from appliance.appview.hydrate.hydration import Labeler
from appliance.appview.labelers.errors import NoLabeler
from appliance.atproto.identity.errors import IdentityNotFound
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.labels import LABELER
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError

# The network may have no account for a long time; then its labeler has nothing to say either.
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0


class LabelSources:
    """The labelers this AppView listens to."""

    def __init__(
        self,
        own: XrpcClient,
        operator: str,
        resolver: IdentityResolver,
        chosen: Sequence[str],
    ) -> None:
        """`own` is the network's labeler, which knows the operator by this header."""
        self._own = own
        self._headers = {"Authorization": operator}
        self._resolver = resolver
        self.chosen = tuple(Did(did) for did in chosen)
        self._own_did: Did | None = None

    def is_followed(self, did: str) -> bool:
        """Whether all that a labeler says comes here by itself."""
        return did == self._own_did or did in self.chosen

    def usual(self) -> tuple[Labeler, ...]:
        """Whose labels are shown to those whose client names none."""
        own = () if self._own_did is None else (self._own_did,)
        return tuple(Labeler(did, redact=True) for did in dict.fromkeys((*own, *self.chosen)))

    async def own_did(self) -> Did:
        """Wait until the network has an account in whose name it labels; give its DID."""
        pause = FIRST_PAUSE
        while self._own_did is None:
            try:
                found = await self._own.query(
                    "internal.hearth.labeler.getLabeler", headers=self._headers
                )
            except XrpcError:
                found = {}
            if "did" in found:
                self._own_did = Did(found["did"])
            else:
                await asyncio.sleep(pause)
                pause = min(1.5 * pause, LONGEST_PAUSE)
        return self._own_did

    async def endpoint(self, did: Did) -> str:
        """Give the address of a labeler. Raises NoLabeler, IdentityUnreachable."""
        try:
            document = await self._resolver.document(did)
        except IdentityNotFound:
            raise NoLabeler(f"{did} does not exist") from None
        address = document.service(LABELER)
        if address is None:
            raise NoLabeler(f"{did} is no labeler")
        return address
