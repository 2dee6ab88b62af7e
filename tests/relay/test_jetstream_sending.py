"""Items are sent in pieces, however many one commit has."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

from appliance.relay.jetstream.items import Item
from appliance.relay.jetstream.sending import PIECE_BYTES, send_items
from appliance.relay.jetstream.tape import Place, Tape

MESSAGE = 10_000


@dataclass(frozen=True)
class Named:
    """What stands for an item."""

    number: int


class Reel:
    """A tape with these items, event by event."""

    def __init__(self, *events: int) -> None:
        self._events = events

    async def items(self, place: Place) -> AsyncIterator[list[Named]]:
        at = place.after
        for count in self._events:
            yield [Named(at + number) for number in range(count)]
            at += count
        yield []


async def test_a_commit_of_many_large_records_goes_in_pieces() -> None:
    sent: list[bytes] = []

    async def send(message: bytes) -> None:
        sent.append(message)

    def pick(item: Item) -> bytes:
        return bytes([item.number]) * MESSAGE

    await send_items(cast(Tape, Reel(200, 3, 0, 1)), Place(0), pick, send)
    assert b"".join(sent) == b"".join(bytes([number]) * MESSAGE for number in range(204))
    assert max(map(len, sent)) < PIECE_BYTES + MESSAGE
    # What is small goes together.
    assert len(sent) < 204 / 5
