"""Who is asking: service tokens checked, and remembered for as long as they may be used."""

from collections.abc import Callable
from typing import Final

from appliance.appview.hydrate.hydration import Viewer
from appliance.appview.hydrate.ids import actor_id
from appliance.atproto import jwt
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.service_auth import Resolver, verify
from appliance.base.database import Database

# A key that is taken from an account stops working after this long at most.
REMEMBERED_SECONDS: Final = 60
MOST_REMEMBERED: Final = 1000


class ViewerTokens:
    """Check tokens for this AppView, whose names are its DID and that with `#bsky_appview`."""

    def __init__(
        self, did: str, resolver: Resolver, index: Database, now: Callable[[], float]
    ) -> None:
        self._names = (did, f"{did}#bsky_appview", f"{did}#bsky_notif")
        self._resolver = resolver
        self._index = index
        self._now = now
        self._remembered: dict[tuple[str, str], tuple[Did, float]] = {}

    async def viewer(self, token: str, nsid: str) -> Viewer:
        """Say whose token this is, for a call of this method.

        Raises AuthRequired, and what the resolver raises.
        """
        now = self._now()
        did, until = self._remembered.get((token, nsid), (None, 0.0))
        if did is None or until <= now:
            did = await verify(
                token, audience=self._names, lxm=nsid, resolver=self._resolver, now=now
            )
            self._remember(token, nsid, did, now)
        return Viewer(did, actor_id(self._index, did))

    def refreshed(self, viewer: Viewer) -> Viewer:
        """Look an account up again that the index may have met in the meantime."""
        return (
            viewer
            if viewer.id is not None
            else Viewer(viewer.did, actor_id(self._index, viewer.did))
        )

    def _remember(self, token: str, nsid: str, did: Did, now: float) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        until = min(jwt.parse(token).time("exp"), now + REMEMBERED_SECONDS)
        self._remembered[token, nsid] = (did, until)
