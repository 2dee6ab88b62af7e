"""Tokens for our own AppView, used again while they are young.

Inside the house a token passes no wire that anybody could listen at, and the AppView remembers
those it has checked: one signature and one check then serve every page of a minute.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc import service_auth
from appliance.pds.signing_keys import SigningKeys

LIFETIME: Final = 60
# Long enough before the end that the AppView still takes it.
USED_SECONDS: Final = 30
MOST_KEPT: Final = 512

_Signed = tuple[PrivateKey, str, float]


class InnerTokens:
    """Mint tokens and keep them; one whose account has another key now is forgotten."""

    def __init__(self, keys: SigningKeys, now: Callable[[], float]) -> None:
        self._keys = keys
        self._now = now
        self._kept: OrderedDict[tuple[Did, str, str], _Signed] = OrderedDict()

    def token(self, did: Did, audience: str, nsid: str) -> str:
        """Give a token for a call of this method."""
        key, now, call = self._keys.get(did), self._now(), (did, audience, nsid)
        signed = self._kept.get(call)
        if signed is not None and signed[0] is key and now < signed[2] <= now + USED_SECONDS:
            return signed[1]
        token = service_auth.mint(key, did, audience, nsid, now, LIFETIME)
        self._kept[call] = (key, token, now + USED_SECONDS)
        self._kept.move_to_end(call)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return token
