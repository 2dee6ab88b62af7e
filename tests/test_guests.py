"""Connections that cost their caller nothing: so many, for so long, and nobody else is kept out."""

import asyncio
import contextlib
import resource
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from appliance import guests as guests_module
from appliance.doors import Doors
from appliance.guests import Guests
from appliance.https import tls_door
from appliance.listeners import bind
from appliance.neighbours.keys import HouseKey
from tests.support.waiting import PATIENCE_SECONDS, until

ASKS = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Caller:
    """A connection, with what was heard on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, words: bytes) -> None:
        self.writer.write(words)

    async def answered(self) -> bool:
        """Whether an answer comes, as opposed to the end."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return b"200 OK" in await self.reader.readuntil(b"hello")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False

    async def ended(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True


class House:
    """An application that says hello, at a door that lets some forty in."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._callers: list[Caller] = []

    async def call(self, tls: ssl.SSLContext | None = None) -> Caller:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self._port, ssl=tls))
        self._callers.append(caller)
        return caller

    async def see_all_off(self) -> None:
        for caller in self._callers:
            caller.writer.close()
            with contextlib.suppress(ConnectionError):
                await caller.writer.wait_closed()


def saying_hello() -> web.Application:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    return app


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (40, 40))
    async with AsyncExitStack() as stack:
        doors = Doors(stack, 0)
        listeners = bind(["127.0.0.1"], 0)
        await doors.listen(await doors.run(saying_hello()), listeners)
        house = House(listeners[0].getsockname()[1])
        yield house
        await house.see_all_off()


async def test_who_only_greets_a_house_keeps_no_other_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_door, "SECONDS_TO_SPEAK", 1.0)
    key = HouseKey(tmp_path / "key")
    async with AsyncExitStack() as stack:
        doors = Doors(stack, 0)
        listeners = bind(["127.0.0.1"], 0)
        await doors.greet(await doors.run(saying_hello()), listeners, key.server_context())
        house = House(listeners[0].getsockname()[1])
        callers = [await house.call() for _ in range(tls_door.MOST_OF_ONE + 20)]
        # Those beyond the bound at once, the others when they have said nothing for too long.
        assert all([await caller.ended() for caller in callers])
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        member = await house.call(trusting)
        member.say(ASKS)
        assert await member.answered()
        await house.see_all_off()


async def test_who_never_asks_is_hung_up_on_and_who_asks_is_served(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests_module, "SECONDS_TO_ASK", 3.0)
    silent, slow, member, cut = [await house.call() for _ in range(4)]
    slow.say(ASKS[:20])
    member.say(ASKS)
    assert await member.answered()
    # The end of a head may come in two parts.
    cut.say(ASKS[:-2])
    await cut.writer.drain()
    cut.say(ASKS[-2:])
    assert await cut.answered()
    assert await silent.ended()
    slow.say(ASKS[20:25])
    assert await slow.ended()
    # Whoever has asked once may be silent for longer.
    member.say(ASKS)
    assert await member.answered()


async def test_who_takes_nothing_of_what_is_sent_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Who takes must not seem to stop where the machine is busy.
    monkeypatch.setattr(guests_module, "SECONDS_TO_TAKE", 3.0)
    ends: asyncio.Queue[str] = asyncio.Queue()
    size = 40_000_000  # far more than all sockets on the way hold

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(size // 100_000):
                await response.write(bytes(100_000))
        except ConnectionError:
            ends.put_nowait(request.query_string)
        return response

    async def whole(_: web.Request) -> web.Response:
        return web.Response(body=bytes(size))

    app = saying_hello()
    app.router.add_get("/flood", flood)
    app.router.add_get("/whole", whole)
    async with AsyncExitStack() as stack:
        doors = Doors(stack, 0)
        listeners = bind(["127.0.0.1"], 0)
        await doors.listen(await doors.run(app), listeners)
        house = House(listeners[0].getsockname()[1])
        idle, taking, steady = [await house.call() for _ in range(3)]
        idle.say(b"GET /flood?idle HTTP/1.1\r\nHost: x\r\n\r\n")
        taking.say(b"GET /flood?taking HTTP/1.1\r\nHost: x\r\n\r\n")
        steady.say(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n")

        async def take(caller: Caller) -> int:
            await caller.reader.readuntil(b"\r\n\r\n")
            taken = 0
            while taken < size and (piece := await caller.reader.read(20_000)):
                taken += len(piece)
            return taken

        async with asyncio.timeout(PATIENCE_SECONDS):
            # A body that waits whole is taken as well as one in pieces.
            taken = await asyncio.gather(take(taking), take(steady))
            assert await ends.get() == "idle"
        assert min(taken) >= size
        assert ends.empty()
        await house.see_all_off()


async def test_who_takes_nothing_of_a_small_answer_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system itself would take some megabytes for whoever takes nothing, and hold them."""
    monkeypatch.setattr(guests_module, "SECONDS_TO_TAKE", 1.0)
    served: list[web.Request] = []

    async def whole(request: web.Request) -> web.Response:
        served.append(request)
        return web.Response(body=bytes(1_000_000))

    app = saying_hello()
    app.router.add_get("/whole", whole)
    async with AsyncExitStack() as stack:
        doors = Doors(stack, 0)
        listeners = bind(["127.0.0.1"], 0)
        await doors.listen(await doors.run(app), listeners)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            idle.connect(listeners[0].getsockname())
            idle.sendall(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: served)
            await until(lambda: served[0].transport is None, seconds=20.0)


async def test_what_waits_for_all_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    size, most, count = 20_000_000, 50_000_000, 8
    monkeypatch.setattr(guests_module, "MOST_WAITING", most)
    asked = asyncio.Event()
    served: list[web.Request] = []

    async def whole(request: web.Request) -> web.Response:
        served.append(request)
        if len(served) == count:
            asked.set()
        return web.Response(body=bytes(size))

    app = saying_hello()
    app.router.add_get("/whole", whole)
    async with AsyncExitStack() as stack:
        doors = Doors(stack, 0)
        listeners = bind(["127.0.0.1"], 0)
        await doors.listen(await doors.run(app), listeners)
        house = House(listeners[0].getsockname()[1])
        callers = [await house.call() for _ in range(count)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            for caller in callers:
                caller.say(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n")
            await asked.wait()
            # Each of those that are left has some 10 MB waiting, for the sockets hold some too.
            await until(lambda: sum(_waits(request) for request in served) <= most)
            left = [request for request in served if _waits(request)]
            assert 1 < len(left) < count
            # Others are served meanwhile, and who takes what is sent gets it whole.
            hungry = await house.call()
            hungry.say(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n")
            await hungry.reader.readuntil(b"\r\n\r\n")
            await hungry.reader.readexactly(size)
        await house.see_all_off()


def _waits(request: web.Request) -> int:
    transport = request.transport
    if transport is None or transport.is_closing():
        return 0
    return transport.get_write_buffer_size()


async def test_all_together_they_leave_what_the_house_itself_needs(house: House) -> None:
    callers = [await house.call() for _ in range(30)]
    for caller in callers:
        caller.say(ASKS)
    assert all([await caller.answered() for caller in callers])
    late = await house.call()
    assert await late.ended()
    callers[0].writer.close()
    await callers[0].writer.wait_closed()

    async def is_let_in() -> bool:
        caller = await house.call()
        caller.say(ASKS)
        return await caller.answered()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_let_in():
            pass


def test_one_address_takes_not_all_places() -> None:
    guests = Guests(0, descriptors=1000)
    came = [guests.come("192.0.2.7") for _ in range(500)]
    assert sum(key is not None for key in came) == 250
    assert guests.come("192.0.2.8")
    guests.leave("192.0.2.7")
    assert guests.come("192.0.2.7")
    assert not guests.come("192.0.2.7")
    # One IPv6 network is one address; a proxy of this machine is many.
    assert sum(guests.come(f"2001:db8::{n:x}") is not None for n in range(500)) == 250
    assert all(guests.come("127.0.0.1") for _ in range(249))
    assert not guests.come("127.0.0.1")


@pytest.mark.parametrize(("proxies", "let_in"), [(0, 250), (1, 500)])
def test_a_proxy_at_home_is_not_one_caller(proxies: int, let_in: int) -> None:
    guests = Guests(proxies, descriptors=1000)
    assert sum(guests.come("192.168.1.2") is not None for _ in range(500)) == let_in
    assert sum(guests.come("8.8.8.8") is not None for _ in range(500)) == 250


def test_a_process_takes_the_descriptors_that_it_may_have() -> None:
    looks = "import resource as r; from appliance.guests import take_descriptors as take\n"
    looks += "r.setrlimit(r.RLIMIT_NOFILE, (256, 900)); take(); take()\n"
    looks += "print(r.getrlimit(r.RLIMIT_NOFILE))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", looks], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "(900, 900)\n"
