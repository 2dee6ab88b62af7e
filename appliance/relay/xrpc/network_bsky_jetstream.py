"""network.bsky.jetstream.*: the relay's log as JSON."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable, Stream
from appliance.relay.jetstream import compression, events
from appliance.relay.jetstream.filters import Filter
from appliance.relay.role import Relay

methods: MethodTable[Relay] = MethodTable()

# Names of the first dialect; to ignore them would be to send everything.
FORMER = ("wantedDids", "wantedCollections", "requireHello", "compress")


class DictionaryNotFound(LookupError):
    """There is no such dictionary here."""

    xrpc_name = "DictionaryNotFound"


@methods.subscription("network.bsky.jetstream.subscribeEvents")
async def subscribe_events(
    relay: Relay,
    *,
    cursor: int | None,
    kinds: Sequence[str] | None,
    dids: Sequence[Did] | None,
    collections: Sequence[str] | None,
    max_message_size_bytes: int,
    zstd_dictionary: int | None,
    request: web.Request,
) -> web.StreamResponse:
    for name in FORMER:
        if name in request.query:
            raise InvalidRequest(f"{name} is of /subscribe; here it has another name")
    wanted = Filter.of(dids or (), collections or (), max_message_size_bytes, kinds or ())
    with relay.seats.taken_by(request):
        subscription = events.begin(relay.tape, cursor, wanted, zstd_dictionary)
        return await events.serve(request, subscription)


@methods.query("network.bsky.jetstream.getZstdDictionary")
async def get_zstd_dictionary(relay: Relay, *, id: int | None) -> Stream:
    current = events.current_dictionary()
    if current is None or id not in (None, current):
        raise DictionaryNotFound(f"the current dictionary is {current}")
    headers = {"Cache-Control": "public, max-age=86400"}
    data = compression.dictionary(compression.EVENTS)
    return Stream("application/octet-stream", _at_once(data), headers)


async def _at_once(data: bytes) -> AsyncIterator[bytes]:
    yield data
