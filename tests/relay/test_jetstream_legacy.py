"""/subscribe: what the first dialect of Jetstream says, and to whom."""

import asyncio
import contextlib
from typing import Any

import aiohttp
import orjson
import pytest

from appliance.atproto import cbor
from appliance.atproto.repo.repo import RecordWrite
from appliance.base.clock import Clock
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent
from appliance.relay.jetstream import compression, legacy
from appliance.relay.jetstream.items import items_of
from tests.relay.conftest import Lab, Running
from tests.relay.jetstream_house import LEGACY, listen, refusal
from tests.support.hosts import TIME, FakeAccount
from tests.support.waiting import until


def record(collection: str, **fields: cbor.Value) -> bytes:
    return cbor.encode({"$type": collection, "createdAt": TIME, **fields})


async def make_history(lab: Lab) -> tuple[FakeAccount, FakeAccount]:
    """Two accounts: a post, a commit of three, an identity, an account, a sync event."""
    alice, bob = lab.account("alice"), lab.account("bob")
    await lab.home.tell_commit(alice.commit(), alice.post("one"), bob.commit())
    like = record("app.bsky.feed.like", subject={"uri": "at://x", "cid": "y"})
    first = alice.commit(
        RecordWrite("create", "app.bsky.feed.like/aaa", like),
        RecordWrite("create", "app.bsky.graph.follow/bbb", record("app.bsky.graph.follow")),
        RecordWrite("create", "com.example.thing/ccc", record("com.example.thing", raw=b"\1\2")),
    )
    change = bob.commit(RecordWrite("create", "com.example.thing/ddd", record("com.example.thing")))
    await lab.home.tell_commit(first, change)
    await lab.home.tell(
        IdentityEvent(alice.did, TIME, alice.handle),
        AccountEvent(alice.did, TIME, active=True),
        SyncEvent.of(alice.commit().commit, TIME),
    )
    gone = bob.commit(RecordWrite("delete", "com.example.thing/ddd", None))
    await lab.home.tell_commit(gone)
    return alice, bob


def kind_of(event: dict[str, Any]) -> str:
    if event["kind"] != "commit":
        return str(event["kind"])
    return str(event["commit"]["collection"]).split(".")[-1]


async def settled(running: Running, events: int) -> None:
    await until(lambda: running.role.log.head() >= events)


async def test_events_have_the_form_that_bots_know(lab: Lab) -> None:
    alice, bob = await make_history(lab)
    async with lab.relay() as running, listen(running, LEGACY, ("cursor", "0")) as bot:
        seen = await bot.take(8)
    post, like, follow, thing, other, identity, account, gone = seen
    assert set(post) == {"did", "time_us", "cursor", "kind", "commit"}
    assert (post["did"], post["kind"]) == (alice.did, "commit")
    commit = post["commit"]
    assert list(commit) == ["rev", "operation", "collection", "rkey", "record", "cid"]
    assert (commit["operation"], commit["collection"]) == ("create", "app.bsky.feed.post")
    assert list(commit["record"]) == ["$type", "createdAt", "text"]
    assert [each["commit"]["rkey"] for each in (like, follow, thing)] == ["aaa", "bbb", "ccc"]
    assert thing["commit"]["record"]["raw"] == {"$bytes": "AQI"}
    assert identity["identity"] == {
        "did": alice.did,
        "handle": alice.handle,
        "seq": identity["cursor"] // 256,
        "time": TIME,
    }
    assert list(identity["identity"]) == ["did", "handle", "seq", "time"]
    assert list(account["account"]) == ["active", "did", "seq", "time"]
    assert account["account"]["active"] is True
    assert gone["commit"].keys() == {"rev", "operation", "collection", "rkey"}
    assert (gone["did"], gone["commit"]["operation"]) == (bob.did, "delete")
    assert other["did"] == bob.did
    for name in ("time_us", "cursor"):
        told = [each[name] for each in seen]
        assert told == sorted(set(told))


async def test_filters_choose_accounts_collections_and_sizes(lab: Lab) -> None:
    alice, bob = await make_history(lab)
    begin = ("cursor", "0")
    wanted: list[tuple[list[tuple[str, str]], list[str]]] = [
        ([("wantedCollections", "app.bsky.feed.*")], ["post", "like", "identity", "account"]),
        (
            [
                ("wantedCollections", "app.bsky.graph.follow"),
                ("wantedCollections", "com.example.thing"),
            ],
            ["follow", "thing", "thing", "identity", "account", "thing"],
        ),
        ([("wantedDids", bob.did)], ["thing", "thing"]),
        (
            [("wantedDids", alice.did), ("wantedCollections", "com.example.*")],
            ["thing", "identity", "account"],
        ),
        ([("maxMessageSizeBytes", "240")], ["identity", "account", "thing"]),
        ([("maxMessageSizeBytes", "no number")], ["post", "like", "follow"]),
    ]
    async with lab.relay() as running:
        await settled(running, 9)
        for params, names in wanted:
            async with listen(running, LEGACY, begin, *params) as bot:
                seen = await bot.take(len(names))
                found = [
                    each["commit"]["collection"].split(".")[-1]
                    if "commit" in each
                    else each["kind"]
                    for each in seen
                ]
                assert found == names
                if params[0][1] != "no number":
                    with pytest.raises(TimeoutError):
                        await bot.ws.receive(timeout=0.05)


async def test_a_cursor_may_be_a_time_or_a_number_and_holds_after_a_restart(lab: Lab) -> None:
    await make_history(lab)
    async with lab.relay() as running, listen(running, LEGACY, ("cursor", "0")) as bot:
        seen = await bot.take(8)
    async with lab.relay() as running:
        for name in ("time_us", "cursor"):
            for at in range(8):
                async with listen(running, LEGACY, ("cursor", str(seen[at][name]))) as bot:
                    assert await bot.take(8 - at) == seen[at:]
        too_old = str(seen[0]["time_us"] - 10**9)
        async with listen(running, LEGACY, ("cursor", too_old)) as bot:
            assert await bot.take(8) == seen
        alice = lab.account("carol")
        await lab.home.tell_commit(alice.commit())
        for future in (str(seen[-1]["time_us"] + 10**12), str(10**14), ""):
            async with listen(running, LEGACY, ("cursor", future)) as bot:
                await asyncio.sleep(0.05)
                await lab.home.tell_commit(alice.post("now"))
                assert (await bot.next())["commit"]["record"]["text"] == "now"


async def test_options_may_change_while_it_runs(lab: Lab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    params = (("requireHello", "true"), ("cursor", "0"))
    async with lab.relay() as running, listen(running, LEGACY, *params) as bot:
        await lab.home.tell_commit(alice.commit(), bob.commit(), alice.post("a1"), bob.post("b1"))
        with pytest.raises(TimeoutError):
            await bot.ws.receive(timeout=0.1)
        await bot.ws.send_json({"type": "something_else", "payload": {"wantedDids": 3}})
        await bot.ws.send_bytes(b"not for reading")
        await bot.ws.send_json({"type": "options_update", "payload": {"wantedDids": [bob.did]}})
        assert (await bot.next())["did"] == bob.did
        update = {
            "wantedDids": [],
            "wantedCollections": ["app.bsky.feed.*"],
            "maxMessageSizeBytes": -1,
        }
        await bot.ws.send_json({"type": "options_update", "payload": update})
        heard: list[Any] = []
        async with asyncio.timeout(60):
            while not heard:  # what she does before it has taken that in goes by
                await lab.home.tell_commit(alice.post("a2"))
                with contextlib.suppress(TimeoutError):
                    heard.append(await bot.ws.receive_json(timeout=0.1))
        assert heard[0]["did"] == alice.did


@pytest.mark.parametrize(
    "said",
    [
        "[",
        "7",
        '{"payload": {}}',
        '{"type": "options_update"}',
        '{"type": "options_update", "payload": 3}',
        '{"type": "options_update", "payload": {"wantedDids": "x"}}',
        '{"type": "options_update", "payload": {"wantedDids": ["x"]}}',
        '{"type": "options_update", "payload": {"wantedCollections": ["app"]}}',
        '{"type": "options_update", "payload": {"maxMessageSizeBytes": "9"}}',
    ],
)
async def test_what_is_no_message_of_a_subscriber_ends_the_connection(lab: Lab, said: str) -> None:
    async with lab.relay() as running, listen(running, LEGACY) as bot:
        await bot.ws.send_str(said)
        assert await bot.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_bad_questions_are_refused_in_plain_text(lab: Lab) -> None:
    many = [
        ("wantedCollections", f"app.bsky.feed.p{chr(97 + n % 26)}{chr(97 + n // 26)}")
        for n in range(101)
    ]
    async with lab.relay() as running:
        for params in (
            [("cursor", "x")],
            [("cursor", "-1")],
            [("wantedDids", "alice")],
            [("wantedCollections", "app.bsky.fo*")],
            many,
        ):
            status, text = await refusal(running, LEGACY, *params)
            assert status == 400
            assert not text.startswith("{")
        async with running.session.get(running.server.make_url(LEGACY)) as answer:
            assert answer.status == 426


async def test_messages_are_compressed_with_the_public_dictionary(lab: Lab) -> None:
    alice, _ = await make_history(lab)
    params = (("cursor", "0"), ("wantedDids", alice.did))
    async with lab.relay() as running:
        async with listen(running, LEGACY, *params) as bot:
            plain = await bot.next()
        async with listen(running, LEGACY, *params, ("compress", "true")) as bot:
            assert await bot.decompressed(compression.LEGACY) == plain
        async with listen(running, LEGACY, *params, headers={"Socket-Encoding": "zstd"}) as bot:
            assert await bot.decompressed(compression.LEGACY) == plain
    assert compression.dictionary_id(compression.dictionary(compression.LEGACY)) == 1612007021


async def test_without_the_library_messages_come_as_they_are(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "_library", lambda: None)
    await make_history(lab)
    params = (("cursor", "0"), ("compress", "true"))
    async with lab.relay() as running, listen(running, LEGACY, *params) as bot:
        assert (await bot.next())["kind"] == "commit"


async def test_an_account_taken_out_of_the_log_is_in_no_replay(lab: Lab) -> None:
    alice, bob = await make_history(lab)
    async with lab.relay() as running:
        async with listen(running, LEGACY, ("cursor", "0")) as bot:
            assert len(await bot.take(8)) == 8
        status, _ = await running.order("takeDownAccount", did=alice.did, applied=True)
        assert status == 200
        async with listen(running, LEGACY, ("cursor", "0")) as bot:
            seen = await bot.take(3)
        assert [each["did"] for each in seen if each["kind"] == "commit"] == [bob.did, bob.did]


async def test_a_listener_waiting_to_say_hello_does_not_hold_up_the_stop(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy, "HELLO_LOOK_SECONDS", 0.05)
    async with lab.relay() as running, listen(running, LEGACY, ("requireHello", "true")) as bot:
        running.role.log.close()
        assert await bot.closed() == aiohttp.WSCloseCode.SERVICE_RESTART


def test_a_commit_of_two_hundred_operations_has_two_hundred_numbers_and_times() -> None:
    account = FakeAccount("busy", Clock())
    writes = [RecordWrite("create", f"com.example.thing/k{n:03}", record("x")) for n in range(200)]
    frame = CommitEvent.of(account.commit(*writes), TIME).frame()
    items = items_of(7, 1_000_000, frame)
    assert [item.number for item in items] == list(range(1792, 1992))
    assert [item.time_us for item in items] == list(range(1_000_000, 1_000_200))
    assert orjson.loads(items[-1].legacy_json)["commit"]["rkey"] == "k199"
