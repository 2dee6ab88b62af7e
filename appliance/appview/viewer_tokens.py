"""Who is asking: service tokens checked, and remembered for as long as they may be used."""

from collections.abc import Callable
from typing import Final, TypeAlias

from appliance.appview.hydrate.hydration import Viewer
from appliance.appview.hydrate.ids import actor_id
from appliance.atproto import jwt
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.service_auth import Resolver, verify
from appliance.base.database import Database

# A key that is taken from an account stops working after this long at most.
REMEMBERED_SECONDS: Final = 60
MOST_REMEMBERED: Final = 1000

# Token, method, names of the service.
_Call: TypeAlias = tuple[str, str, tuple[str, ...]]


class ViewerTokens:
    """Check tokens for this AppView, whose names are its DID and that with `#bsky_appview`."""

    def __init__(
        self, did: str, resolver: Resolver, index: Database, now: Callable[[], float]
    ) -> None:
        self._names = (did, f"{did}#bsky_appview", f"{did}#bsky_notif")
        self._resolver = resolver
        self._index = index
        self._now = now
        self._remembered: dict[_Call, tuple[Did, float]] = {}

    async def viewer(self, token: str, nsid: str, names: tuple[str, ...] | None = None) -> Viewer:
        """Say whose token this is, for a call of this method; `names`: of another service.

        Raises AuthRequired, and what the resolver raises.
        """
        now, call = self._now(), (token, nsid, names or self._names)
        did, until = self._remembered.get(call, (None, 0.0))
        if did is None or until <= now:
            did = await verify(token, audience=call[2], lxm=nsid, resolver=self._resolver, now=now)
            self._remember(call, did, now)
        return Viewer(did, actor_id(self._index, did))

    def refreshed(self, viewer: Viewer) -> Viewer:
        """Look an account up again that the index may have met in the meantime."""
        return (
            viewer
            if viewer.id is not None
            else Viewer(viewer.did, actor_id(self._index, viewer.did))
        )

    def _remember(self, call: _Call, did: Did, now: float) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        until = min(jwt.parse(call[0]).time("exp"), now + REMEMBERED_SECONDS)
        self._remembered[call] = (did, until)
