"""network.bsky.jetstream.subscribeEvents: the second dialect."""

import asyncio

import aiohttp
import orjson
import pytest

from appliance.relay.jetstream import compression, events
from tests.relay.conftest import Lab
from tests.relay.jetstream_house import EVENTS, listen, refusal
from tests.relay.test_jetstream_legacy import make_history, settled

TYPE = "network.bsky.jetstream.subscribeEvents"
BEGIN = ("cursor", "0")


async def test_events_are_frames_of_json_and_numbered(lab: Lab) -> None:
    alice, bob = await make_history(lab)
    async with lab.relay() as running:
        await settled(running, 9)
        async with listen(running, EVENTS, BEGIN, protocols=["other", "xrpc.v1.json"]) as bot:
            assert bot.ws.protocol == "xrpc.v1.json"
            seen = await bot.payloads(9)
    kinds = [each["$type"].removeprefix(f"{TYPE}#") for each in seen]
    assert kinds == [*["commit"] * 5, "identity", "account", "sync", "commit"]
    post, *_, identity, account, sync, gone = seen
    assert list(post) == [
        "$type", "seq", "did", "time", "rev", "operation", "collection", "rkey", "record", "cid",
    ]  # fmt: skip
    assert (post["did"], post["operation"], post["record"]["text"]) == (alice.did, "create", "one")
    assert len(post["time"]) == len("2026-01-01T00:00:00.000000Z")
    assert identity["identity"]["handle"] == alice.handle
    assert account["account"]["active"] is True
    assert sync["sync"]["rev"]
    assert set(sync["sync"]["blocks"]) == {"$bytes"}
    assert gone["did"] == bob.did
    assert not {"record", "cid"} & gone.keys()
    numbers = [each["seq"] for each in seen]
    assert numbers == sorted(set(numbers))
    assert [each["time"] for each in seen] == sorted({each["time"] for each in seen})


async def test_filters_are_independent_of_each_other(lab: Lab) -> None:
    alice, bob = await make_history(lab)
    wanted: list[tuple[list[tuple[str, str]], list[str]]] = [
        ([("kinds", "identity"), ("kinds", "sync")], ["identity", "sync"]),
        ([("kinds", "commit"), ("collections", "app.bsky.*")], ["commit"] * 3),
        ([("collections", "com.example.thing"), ("dids", bob.did)], ["commit"] * 2),
        ([("dids", alice.did), ("kinds", "account")], ["account"]),
        ([("kinds", "account"), ("maxMessageSizeBytes", "100")], []),
    ]
    async with lab.relay() as running:
        await settled(running, 9)
        for params, kinds in wanted:
            async with listen(running, EVENTS, BEGIN, *params) as bot:
                seen = await bot.payloads(len(kinds))
                assert [each["$type"].split("#")[1] for each in seen] == kinds
                with pytest.raises(TimeoutError):
                    await bot.ws.receive(timeout=0.05)


async def test_cursors_are_inclusive_and_too_old_ones_are_told(lab: Lab) -> None:
    await make_history(lab)
    async with lab.relay() as running:
        await settled(running, 9)
        async with listen(running, EVENTS, BEGIN) as bot:
            seen = await bot.payloads(9)
        for at, each in enumerate(seen):
            async with listen(running, EVENTS, ("cursor", str(each["seq"]))) as bot:
                assert await bot.payloads(9 - at) == seen[at:]
        log = running.role.log
        old_time = str(log.time_of(2))
        size = sum(len(frame) for _, frame in log.after(5))
        assert await log.prune(0, size) == 5
        # Who has the last of what is gone has missed nothing; who had less, has.
        async with listen(running, EVENTS, ("cursor", str(5 * 256))) as bot:
            assert await bot.payloads(4) == seen[5:]
        status, text = await refusal(running, EVENTS, ("cursor", str(seen[1]["seq"])))
        assert (status, orjson.loads(text)["error"]) == (400, "CursorTooOld")
        assert str(6 * 256) in orjson.loads(text)["message"]
        async with listen(running, EVENTS, ("cursor", old_time)) as bot:
            info, *rest = await bot.payloads(5)
        assert (info["$type"], info["name"]) == (f"{TYPE}#info", "OutdatedCursor")
        assert rest == seen[5:]


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ([("wantedDids", "did:web:a.test")], "InvalidRequest"),
        ([("wantedCollections", "a.b.c")], "InvalidRequest"),
        ([("requireHello", "true")], "InvalidRequest"),
        ([("compress", "true")], "InvalidRequest"),
        ([("kinds", "commits")], "InvalidRequest"),
        ([("kinds", "identity"), ("collections", "com.example.thing")], "InvalidRequest"),
        ([("collections", "not_an_nsid.*")], "InvalidRequest"),
        ([("collections", "app.bsky.fo*")], "InvalidRequest"),
        ([("dids", "alice")], "InvalidRequest"),
        ([("cursor", "-1")], "InvalidRequest"),
        ([("cursor", "x")], "InvalidRequest"),
        ([("maxMessageSizeBytes", "-1")], "InvalidRequest"),
        ([("zstdDictionary", "0")], "InvalidRequest"),
        ([("zstdDictionary", "12")], "UnknownZstdDictionary"),
    ],
)
async def test_what_cannot_be_meant_is_refused_before_the_stream(
    lab: Lab, params: list[tuple[str, str]], name: str
) -> None:
    async with lab.relay() as running:
        status, text = await refusal(running, EVENTS, *params)
        assert (status, orjson.loads(text)["error"]) == (400, name)


async def test_a_subscriber_that_speaks_is_sent_away(lab: Lab) -> None:
    async with lab.relay() as running:
        for say in ("send_str", "send_bytes"):
            async with listen(running, EVENTS) as bot:
                await getattr(bot.ws, say)("{}" if say == "send_str" else b"{}")
                assert await bot.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_the_dictionary_can_be_fetched_and_used(lab: Lab) -> None:
    await make_history(lab)
    number = str(events.current_dictionary())
    path = "/xrpc/network.bsky.jetstream.getZstdDictionary"
    async with lab.relay() as running:
        await settled(running, 9)
        url = running.server.make_url(path)
        for params in ({}, {"id": number}):
            async with running.session.get(url, params=params) as answer:
                data = await answer.read()
                assert answer.content_type == "application/octet-stream"
            assert compression.dictionary_id(data) == int(number)
        assert (await running.get("network.bsky.jetstream.getZstdDictionary", id="7"))[0] == 400
        async with listen(running, EVENTS, BEGIN, ("zstdDictionary", number)) as bot:
            first = await bot.decompressed(compression.EVENTS)
        async with listen(running, EVENTS, BEGIN) as bot:
            assert await bot.next() == first


async def test_without_the_library_there_is_no_dictionary(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = str(events.current_dictionary())
    monkeypatch.setattr(compression, "_library", lambda: None)
    async with lab.relay() as running:
        status, answer = await running.get("network.bsky.jetstream.getZstdDictionary")
        assert (status, answer["error"]) == (400, "DictionaryNotFound")
        status, text = await refusal(running, EVENTS, ("zstdDictionary", number))
        assert orjson.loads(text)["error"] == "UnknownZstdDictionary"


async def test_the_stop_sends_listeners_away_to_come_back(lab: Lab) -> None:
    async with lab.relay() as running, listen(running, EVENTS) as bot:
        await asyncio.sleep(0.02)
        running.role.log.close()
        assert await bot.closed() == aiohttp.WSCloseCode.SERVICE_RESTART
