"""Lookups of names: what they give, and that those without an end hold nobody up."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from appliance.base import lookups
from appliance.base.lookups import MOST_AT_ONCE, Lookups


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nobody answers before it is set."""
    over = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        over.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield over
    over.set()


async def test_a_name_of_this_machine_has_addresses() -> None:
    found = await Lookups().resolve("localhost", 80, socket.AF_UNSPEC)
    assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}
    assert {(each["hostname"], each["port"]) for each in found} == {("localhost", 80)}
    assert all(each["family"] in (socket.AF_INET, socket.AF_INET6) for each in found)


async def test_a_name_that_cannot_be_one_is_an_error_of_lookups() -> None:
    # Which error it is, is the matter of the servers for names that this machine has, or lacks.
    with pytest.raises(socket.gaierror):
        await Lookups().resolve("no-such-name.invalid")
    with pytest.raises(UnicodeError):
        await Lookups().resolve("a" * 64 + ".invalid")


async def test_who_is_told_nothing_waits_no_longer_than_that(
    silence: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "LONGEST_SECONDS", 0.05)
    before = set(threading.enumerate())
    asked = Lookups()
    waiting = [asked.resolve(f"n{number}.test") for number in range(MOST_AT_ONCE + 3)]
    refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert {getattr(each, "errno", None) for each in refused} == {socket.EAI_AGAIN}
    begun = set(threading.enumerate()) - before
    assert [thread.name for thread in begun] == ["lookup"] * MOST_AT_ONCE
    monkeypatch.setattr(lookups, "LONGEST_SECONDS", 30)
    silence.set()
    assert await asked.resolve("n.test") == []


def test_a_loop_ends_without_them(silence: threading.Event) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await Lookups().resolve("n.test")

    began = time.monotonic()
    asyncio.run(give_up())
    assert time.monotonic() - began < 30
    assert not silence.is_set()


async def test_where_no_thread_can_be_had_the_next_who_asks_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    asked = Lookups()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(MOST_AT_ONCE + 1):
            with pytest.raises(socket.gaierror):
                await asked.resolve("localhost")
    assert await asked.resolve("localhost")
