"""How much is listened to in a second, together and of each address."""

import asyncio
import socket
from collections.abc import Callable

from appliance.neighbours.hearing import MOST_ADDRESSES, SHARE, SHARE_OF_ONE, Hearing
from tests.support.waiting import until


class Day:
    """A clock that goes on while somebody listens."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def listening(self, seconds: float) -> Callable[[], None]:
        def listen() -> None:
            self.at += seconds

        return listen


def heard(hearing: Hearing, day: Day, address: str, each: float, count: int) -> int:
    """Say how many of so many packets were heard."""
    before = hearing.dropped
    for _ in range(count):
        hearing.hear(address, day.listening(each))
    return count - (hearing.dropped - before)


def test_one_address_gets_a_part_and_leaves_the_rest_to_others() -> None:
    day = Day()
    hearing = Hearing(day.now)
    assert heard(hearing, day, "10.0.0.66", 0.001, 1000) == round(SHARE_OF_ONE / 0.001)
    assert heard(hearing, day, "10.0.0.7", 0.001, 3) == 3
    # In the next second it may speak again.
    day.at = 101.0
    assert heard(hearing, day, "10.0.0.66", 0.001, 10) == 10


def test_all_together_get_no_more_than_their_share_of_a_second() -> None:
    day = Day()
    hearing = Hearing(day.now)
    told = sum(heard(hearing, day, f"10.0.0.{n}", 0.01, 10) for n in range(100))
    assert told == round(SHARE / 0.01)
    assert day.at < 100.0 + SHARE + 0.02


def test_who_comes_from_a_thousand_addresses_fills_no_memory() -> None:
    day = Day()
    hearing = Hearing(day.now)
    told = sum(heard(hearing, day, f"10.0.{n >> 8}.{n & 255}", 0.0, 1) for n in range(1000))
    assert told == MOST_ADDRESSES


async def test_it_stands_before_whoever_listens() -> None:
    class Listener(asyncio.DatagramProtocol):
        got: list[bytes] = []
        lost = False

        def datagram_received(self, data: bytes, addr: object) -> None:
            self.got.append(data)

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost = True

    listener, hearing = Listener(), Hearing(lambda: 5.0)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: listener, local_addr=("127.0.0.1", 0)
    )
    hearing.stand_before(transport)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", transport.get_extra_info("sockname"))
        await until(lambda: listener.got == [b"hello"])
        hearing._spent = SHARE
        sender.sendto(b"more", transport.get_extra_info("sockname"))
        await until(lambda: hearing.dropped == 1)
    transport.close()
    await until(lambda: listener.lost)
    assert listener.got == [b"hello"]
