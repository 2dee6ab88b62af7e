"""Send items as WebSocket messages to one subscriber, many at a time."""

import asyncio
from collections.abc import Callable

from appliance.firehose.subscriber import Send
from appliance.relay.jetstream.items import Item
from appliance.relay.jetstream.tape import Place, Tape

PIECE_BYTES = 64_000

# The message for an item; empty if the subscriber does not want it.
Pick = Callable[[Item], bytes]


async def send_items(tape: Tape, place: Place, pick: Pick, send: Send) -> None:
    """Send from a place on until the log is closed. Raises FellBehind."""
    parts: list[bytes] = []
    size = 0
    async for items in tape.items(place):
        for item in items:
            message = pick(item)
            parts.append(message)
            size += len(message)
            # Within a commit too: two hundred large records are one.
            if size >= PIECE_BYTES:
                messages = b"".join(parts)
                parts, size = [], 0
                await send(messages)
        if items:
            continue
        messages = b"".join(parts)
        parts, size = [], 0
        if messages:
            await send(messages)
        else:
            await asyncio.sleep(0)
