"""/subscribe, the first dialect of Jetstream, which most bots speak.

https://github.com/bluesky-social/jetstream-legacy describes it; what is odd about it is kept.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import WSMessage, WSMsgType, web

from appliance.atproto.xrpc.errors import InvalidRequest, XrpcError
from appliance.firehose.messages import binary_messages, text_message
from appliance.firehose.seats import Seats
from appliance.firehose.subscriber import Refused, Send, serve_stream
from appliance.relay.jetstream import compression
from appliance.relay.jetstream.filters import MOST_BYTES, Filter, InvalidFilter
from appliance.relay.jetstream.items import Item
from appliance.relay.jetstream.sending import send_items
from appliance.relay.jetstream.tape import FellBehind, Tape

PATH = "/subscribe"
# Ten thousand DIDs, generously.
INCOMING_BYTES = 1_000_000
HELLO_LOOK_SECONDS = 0.5


@dataclass
class Subscription:
    """One subscriber: what it wants, which it may change, and how it wants it."""

    tape: Tape
    cursor: int | None
    filter: Filter
    compress: bool
    hello: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, send: Send) -> bytes | None:
        while not self.hello.is_set():
            if self.tape.closed:
                return None
            await asyncio.sleep(HELLO_LOOK_SECONDS)
        try:
            await send_items(self.tape, self.tape.place(self.cursor), self._pick, send)
        except FellBehind:
            raise ConnectionResetError("the subscriber is too slow") from None
        return None

    def hear(self, message: WSMessage) -> None:
        """Take other wishes. Raises Refused."""
        if message.type is not WSMsgType.TEXT:
            return
        try:
            said: Any = orjson.loads(message.data)
            if said["type"] == "options_update":
                self.filter = _filter_of(said["payload"])
                self.hello.set()
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Refused("not a message of a subscriber") from None
        except InvalidFilter as error:
            raise Refused(str(error)) from None

    def _pick(self, item: Item) -> bytes:
        if item.kind == "sync" or not self.filter.wants(item):
            return b""
        if not self.filter.fits(len(item.legacy_json)):
            return b""
        if self.compress:
            return binary_messages([item.legacy_compressed])
        return text_message(item.legacy_json)


async def subscribe(request: web.Request, tape: Tape, seats: Seats) -> web.StreamResponse:
    """Answer GET /subscribe; refusals are plain text."""
    try:
        with seats.taken_by(request):
            subscription = _subscription(request, tape)
            return await serve_stream(
                request,
                subscription.stream,
                on_message=subscription.hear,
                incoming_bytes=INCOMING_BYTES,
            )
    except XrpcError as error:
        return web.Response(
            status=error.status, text=error.message or error.name, headers=error.headers
        )


def _subscription(request: web.Request, tape: Tape) -> Subscription:
    query = request.query
    collections = query.getall("wantedCollections", [])
    try:
        wanted = Filter.of(query.getall("wantedDids", []), collections, _size(query))
    except InvalidFilter as error:
        raise InvalidRequest(str(error)) from error
    asked = "zstd" in request.headers.get("Socket-Encoding", "")
    compress = compression.installed() and (query.get("compress") == "true" or asked)
    subscription = Subscription(tape, _cursor(query.get("cursor", "")), wanted, compress)
    if query.get("requireHello") != "true":
        subscription.hello.set()
    return subscription


def _cursor(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest("cursor must be a number")
    return int(text)


def _size(query: Any) -> int:
    """Whatever is no sensible number means no limit."""
    text = query.get("maxMessageSizeBytes", "")
    size = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
    return size if size <= MOST_BYTES else 0


def _filter_of(payload: Any) -> Filter:
    """Read wishes out of a message. Raises InvalidFilter."""
    if type(payload) is not dict:
        raise InvalidFilter("the payload is not an object")
    lists = [payload.get(name) or [] for name in ("wantedDids", "wantedCollections")]
    if not all(type(each) is list and all(type(text) is str for text in each) for each in lists):
        raise InvalidFilter("wantedDids and wantedCollections are lists of texts")
    size = payload.get("maxMessageSizeBytes") or 0
    if type(size) is not int or size > MOST_BYTES:
        raise InvalidFilter("maxMessageSizeBytes is a number below 2^32")
    return Filter.of(lists[0], lists[1], max(size, 0))
