"""Follow the streams of labelers: our own, and those that the settings name."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from appliance.appview import labels
from appliance.appview.labelers.errors import NoLabeler
from appliance.appview.labelers.proof import LabelProof
from appliance.atproto.identity.errors import IdentityUnreachable
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.frames import InvalidFrame, decode_frame
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.firehose.follow import Follower, StreamBroken

log = logging.getLogger(__name__)

PATH: Final = "/xrpc/com.atproto.label.subscribeLabels"
# What a labeler that is not ours may fill of the index.
MOST_LABELS: Final = 500_000
# A labeler that has moved is found again after this.
LOOK_AGAIN_SECONDS: Final = 6 * 3600.0
AWAY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Source:
    """A labeler: who it is, where it is, and how much it may tell (None: all it likes)."""

    did: Callable[[], Awaitable[Did]]
    address: Callable[[], Awaitable[str]]
    most: int | None = MOST_LABELS


class LabelStream:
    """The stream of one labeler, into the index."""

    def __init__(self, db: Database, proof: LabelProof, http: HttpClient, source: Source) -> None:
        self._db = db
        self._proof = proof
        self._http = http
        self._source = source
        self._did: Did | None = None

    async def run(self) -> None:
        """Follow it for ever; a worker."""
        while True:
            self._did = await self._source.did()
            try:
                address = await self._source.address()
            except (NoLabeler, IdentityUnreachable) as away:
                log.warning("labeler cannot be followed did=%s reason=%s", self._did, away)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            follower = Follower(
                self._http, address, self.cursor, self.take, self.refused, path=PATH
            )
            try:
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await follower.run()
            except TimeoutError:
                continue

    def cursor(self) -> int:
        """Where to go on; 0, the beginning, the first time."""
        row = self._db.read_one("SELECT cursor FROM stream WHERE source = ?", self._name())
        return int(row[0]) if row else 0

    async def take(self, frames: list[bytes]) -> None:
        """Store the labels of some frames, and where the stream stands behind them.

        Raises StreamBroken while the labeler's key cannot be looked up.
        """
        src, told, seq = self._src(), [], 0
        for frame in frames:
            body = _message(frame)
            if body is None:
                self._proof.refuse(src)
                continue
            try:
                told += await self._proof.of_message(src, body.get("labels"))
            except IdentityUnreachable as away:
                raise StreamBroken(f"its key cannot be looked up: {away}") from away
            seq = body["seq"]
        if seq:
            await self._db.write(labels.put_told, src, told, seq, most=self._source.most)

    async def refused(self, name: str) -> None:
        """Start over where the labeler knows less than we do: it lost its log."""
        if name == "FutureCursor":
            log.warning("the stream of a labeler starts anew did=%s", self._did)
            await self._db.write(labels.start_over, self._src())

    def _src(self) -> Did:
        if self._did is None:
            raise LookupError("the labeler is not known yet")
        return self._did

    def _name(self) -> str:
        return labels.stream_name(self._src())


def _message(frame: bytes) -> dict[str, Any] | None:
    """Read a frame of labels; None for any other that is sound, and for what is not."""
    try:
        found = decode_frame(frame)
    except InvalidFrame:
        return None
    body = found.body
    if found.t != "#labels" or not isinstance(body, dict):
        return None
    seq = body.get("seq")
    return body if type(seq) is int and seq > 0 else None
