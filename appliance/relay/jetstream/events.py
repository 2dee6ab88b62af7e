"""network.bsky.jetstream.subscribeEvents: the second dialect of Jetstream, in JSON frames.

The frames are those of the event streams of XRPC with the sub-protocol xrpc.v1.json.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import WSMessage, web

from appliance.atproto.syntax import InvalidSyntax, Nsid
from appliance.firehose.messages import binary_messages, text_message
from appliance.firehose.subscriber import Refused, Send, serve_stream
from appliance.relay.jetstream import compression
from appliance.relay.jetstream.filters import Filter, InvalidFilter
from appliance.relay.jetstream.items import FIRST_TIME, NSID, Item, message
from appliance.relay.jetstream.sending import send_items
from appliance.relay.jetstream.tape import FellBehind, Place, Tape

PROTOCOL = "xrpc.v1.json"
TOO_SLOW = orjson.dumps(
    {
        "$type": "error",
        "error": "ConsumerTooSlow",
        "message": "what comes next is no longer kept",
    }
)


class CursorTooOld(ValueError):
    """What follows the cursor is no longer kept."""

    xrpc_name = "CursorTooOld"


class UnknownZstdDictionary(ValueError):
    """Messages cannot be compressed with this dictionary."""

    xrpc_name = "UnknownZstdDictionary"


@dataclass(frozen=True)
class Subscription:
    """One subscriber: where it begins, what it wants and how."""

    tape: Tape
    place: Place
    filter: Filter
    compress: bool

    async def stream(self, send: Send) -> bytes | None:
        if self.place.outdated:
            text = f"it is no longer kept; this begins with {self.tape.floor()}"
            info = {"$type": f"{NSID}#info", "name": "OutdatedCursor", "message": text}
            await send(self._framed(message(info)))
        try:
            await send_items(self.tape, self.place, self._pick, send)
        except FellBehind:
            return self._framed(TOO_SLOW)
        return None

    def _framed(self, text: bytes) -> bytes:
        if self.compress:
            return binary_messages([compression.compressor(compression.EVENTS)(text)])
        return text_message(text)

    def _pick(self, item: Item) -> bytes:
        if not self.filter.wants(item) or not self.filter.fits(len(item.json)):
            return b""
        return binary_messages([item.compressed]) if self.compress else text_message(item.json)


def begin(tape: Tape, cursor: int | None, wanted: Filter, dictionary: int | None) -> Subscription:
    """Make a subscription. Raises InvalidFilter, CursorTooOld, UnknownZstdDictionary."""
    for prefix in wanted.prefixes:
        try:
            Nsid(f"{prefix}x")
        except InvalidSyntax as error:
            raise InvalidFilter(f"{prefix}* is not the beginning of a collection") from error
    if (wanted.collections or wanted.prefixes) and wanted.kinds and "commit" not in wanted.kinds:
        raise InvalidFilter("collections restrict commits, which are not among the kinds")
    if cursor is not None and cursor < 0:
        raise InvalidFilter("cursor is not below 0")
    if dictionary is not None and dictionary != current_dictionary():
        known = current_dictionary()
        raise UnknownZstdDictionary(
            "compression is not installed here" if known is None else f"the current one is {known}"
        )
    place = tape.place(cursor)
    if place.outdated and cursor is not None and cursor < FIRST_TIME:
        raise CursorTooOld(f"what is kept begins with {tape.floor()}")
    return Subscription(tape, place, wanted, dictionary is not None)


def current_dictionary() -> int | None:
    """Give the number of the dictionary in use; None where nothing can be compressed."""
    if not compression.installed():
        return None
    return compression.dictionary_id(compression.dictionary(compression.EVENTS))


async def serve(request: web.Request, subscription: Subscription) -> web.StreamResponse:
    """Raises XrpcError when the request is no WebSocket."""
    offered = request.headers.getall("Sec-WebSocket-Protocol", [])
    speaks = PROTOCOL in [each.strip() for line in offered for each in line.split(",")]
    return await serve_stream(
        request,
        subscription.stream,
        on_message=_refuse,
        protocols=[PROTOCOL] if speaks else [],
    )


def _refuse(_message: Any | WSMessage) -> None:
    raise Refused("this stream takes no messages")
