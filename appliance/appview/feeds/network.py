"""The network's own account, as the AppView asks for it: feeds in its repo, tokens of members."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from appliance.appview.feeds.rules import COLLECTION, FeedRule
from appliance.appview.feeds.store import FeedStore
from appliance.atproto.syntax import AtUri, Did, JsonObject
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError

log = logging.getLogger(__name__)

SERVICE: Final = "bsky_fg"
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 600.0
# A token lasts a minute; so long it is good for another call.
TOKEN_SECONDS: Final = 40.0
MOST_TOKENS: Final = 1000
_NETWORK: Final = "internal.hearth.pds"


class NetworkFeeds:
    """Publish the feeds in the network's name, and vouch for members who read others'."""

    def __init__(
        self, pds: XrpcClient, operator: str, url: str, store: FeedStore, now: Callable[[], float]
    ) -> None:
        """`operator` is the header by which the PDS knows the operator; `url` is our own."""
        self._pds = pds
        self._headers = {"Authorization": operator}
        self._url = url
        self._store = store
        self._now = now
        self._tokens: dict[tuple[Did, Did], tuple[str, float]] = {}
        self.did: Did | None = None

    async def begin(self, *, from_the_start: bool) -> None:
        """Offer the feeds there are, and the first of all where they are wanted; a worker.

        Ends when that is done. Goes on trying until PDS and directory have done their part.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                if from_the_start:
                    await self._store.begin()
                for rule in self._store.rules:
                    await self.publish(rule)
                return
            except XrpcError as failed:
                log.warning("feeds are not offered yet reason=%s: %s", failed.name, failed.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def publish(self, rule: FeedRule) -> AtUri:
        """Write a feed's record, unless it is there; opens the account if need be.

        Raises XrpcError.
        """
        did = await self._open()
        place = {"collection": COLLECTION, "rkey": rule.name}
        record = rule.record(did, self._store.created_us(rule.name))
        if await self._known(did, place) != record:
            await self._call("putNetworkRecord", {**place, "record": record})
        return self.uri(rule)

    async def withdraw(self, name: str) -> None:
        """Delete a feed's record. Raises XrpcError."""
        await self._open()
        await self._call("putNetworkRecord", {"collection": COLLECTION, "rkey": name})

    def uri(self, rule: FeedRule) -> AtUri:
        """Give the address of a feed, once the account is known."""
        return AtUri.make(self.did or "", COLLECTION, rule.name)

    def rule(self, uri: str) -> FeedRule | None:
        """Find the rule of an address; None unless it is a feed of ours."""
        own = f"at://{self.did}/{COLLECTION}/"
        if self.did is None or not uri.startswith(own):
            return None
        return self._store.get(uri.removeprefix(own))

    async def token(self, member: Did, service: Did) -> str | None:
        """Have the member's PDS say to a feed's service who reads; None if it is not ours."""
        kept, until = self._tokens.get((member, service), ("", 0.0))
        if until > self._now():
            return kept
        given = {"did": member, "aud": service, "lxm": "app.bsky.feed.getFeedSkeleton"}
        try:
            token = str((await self._call("vouch", given))["token"])
        except XrpcError:
            return None
        if len(self._tokens) >= MOST_TOKENS:
            self._tokens.clear()
        self._tokens[member, service] = (token, self._now() + TOKEN_SECONDS)
        return token

    async def _open(self) -> Did:
        if self.did is None:
            service = {"id": SERVICE, "type": "BskyFeedGenerator", "endpoint": self._url}
            opened = await self._call("openNetworkAccount", {"services": [service], "keys": []})
            self.did = Did(opened["did"])
        return self.did

    async def _known(self, did: Did, place: JsonObject) -> JsonObject | None:
        try:
            found = await self._pds.query("com.atproto.repo.getRecord", {"repo": did, **place})
        except XrpcError as refused:
            if refused.name == "RecordNotFound":
                return None
            raise
        record: JsonObject = found["value"]
        return record

    async def _call(self, name: str, given: JsonObject) -> JsonObject:
        answer: JsonObject = await self._pds.procedure(f"{_NETWORK}.{name}", given, self._headers)
        return answer
