"""The stream under the eyes of an independent consumer, which verifies every commit."""

import asyncio
import random

import aiohttp
import pytest

from appliance.firehose.events import AccountEvent, CommitEvent, InfoEvent
from tests.conftest import Join
from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, soon
from tests.support.node import Consumer, run_script
from tests.support.stream import events_after, head, next_event, refused_with, subscribed

pytestmark = pytest.mark.slow

WRITES = 400


async def be_busy(member: Member, others: list[Member], count: int) -> list[str]:
    """Write, change and delete at random; return what was created."""
    dice = random.Random(member.did)  # noqa: S311
    posts = [await member.write_post("the first")]
    created = [posts[0].uri]
    for number in range(count):
        match dice.randrange(6):
            case 0 if len(posts) > 1:
                await member.delete(posts.pop(dice.randrange(len(posts))))
            case 1:
                await member.put("app.bsky.actor.profile", "self", displayName=f"name {number}")
            case 2:
                follow = await member.follow(dice.choice(others))
                created.append(follow.uri)
                await member.delete(follow)
            case 3:
                created += await together(member, dice.randrange(2, 60))
            case _:
                posts.append(await member.reply(posts[0], posts[0], f"post {number}"))
                created.append(posts[-1].uri)
    return created


async def together(member: Member, count: int) -> list[str]:
    """Make many posts in one commit."""
    create = {"$type": "com.atproto.repo.applyWrites#create", "collection": "app.bsky.feed.post"}
    value = {
        "$type": "app.bsky.feed.post",
        "text": "one of many",
        "createdAt": "2026-01-01T00:00:00Z",
    }
    done = await member.post(
        "com.atproto.repo.applyWrites",
        repo=member.did,
        writes=[{**create, "value": value} for _ in range(count)],
    )
    return [each["uri"] for each in done["results"]]


async def test_every_commit_of_a_busy_run_verifies_and_none_is_missing(
    network: Appliance, newcomer: Join
) -> None:
    live = [Consumer(base, network.plc) for base in (network.pds, network.relay)]
    members = [await newcomer(f"busy{letter}") for letter in "abcd"]
    for consumer in live:
        await until_it_listens(consumer, members[0])
    cursors = [await head(members[0].http, base) for base in (network.pds, network.relay)]
    runs = [
        be_busy(member, [other for other in members if other is not member], WRITES // 4)
        for member in members
    ]
    created = {uri for run in await asyncio.gather(*runs) for uri in run}
    replayed = [
        Consumer(base, network.plc, cursor)
        for base, cursor in zip((network.pds, network.relay), cursors, strict=True)
    ]
    for consumer in (*live, *replayed):
        await soon_has(consumer, created)
        assert consumer.complaints() == []
        told = [uri for uri in consumer.uris() if not uri.endswith("/self")]
        assert set(told) >= created
        for member in members:
            # It works on accounts side by side, so that order holds within each.
            seqs = [each["seq"] for each in consumer.events() if each["did"] == member.did]
            assert seqs == sorted(seqs)
        consumer.stop()
    verified = run_script(
        "verify_repos.mjs", "--pds", network.pds, "--plc", network.plc, *[m.did for m in members]
    )
    deleted = {event["uri"] for event in replayed[1].events() if event["event"] == "delete"}
    for member in members:
        kept = {uri for uri in created - deleted if f"/{member.did}/" in uri}
        there = {f"at://{member.did}/{path}" for path in verified[member.did]["records"]}
        assert kept <= there
        assert not deleted & there
        assert verified[member.did]["absent"] == 1


async def until_it_listens(consumer: Consumer, member: Member) -> None:
    """Write until it hears: a live stream does not hold what came before."""

    async def heard() -> bool:
        await member.write_post("is anybody there?")
        await asyncio.sleep(0.1)
        return bool(consumer.uris())

    await soon(heard, bool)


async def soon_has(consumer: Consumer, wanted: set[str]) -> None:
    """Wait until it was told of everything; else tell what it says instead."""

    async def missing() -> list[object]:
        gone = sorted(wanted - set(consumer.uris()))
        odd = [line for line in consumer.lines() if "event" not in line]
        return [len(gone), *gone[:3], *odd[:3]] if gone else []

    await soon(missing, lambda seen: not seen)


async def test_an_archive_since_a_revision_holds_what_came_after(
    network: Appliance, ann: Member
) -> None:
    for number in range(20):
        await ann.write_post(f"early {number}")
    stranger = Client(ann.http, network.pds)
    rev = (await stranger.get("com.atproto.sync.getLatestCommit", did=ann.did))["rev"]
    arguments = ["verify_repos.mjs", "--pds", network.pds, "--plc", network.plc]
    same = await asyncio.to_thread(run_script, *arguments, "--since", rev, ann.did)
    assert same[ann.did]["changed"] == 0
    await ann.write_post("late")
    more = await asyncio.to_thread(run_script, *arguments, "--since", rev, ann.did)
    # The commit, the record, and as many nodes as the tree is high.
    assert 3 <= more[ann.did]["changed"] <= 8
    assert len(more[ann.did]["records"]) == 21


async def settled_head(http: aiohttp.ClientSession, base: str, member: Member) -> int:
    """Give the newest seq of a stream that has caught up: a relay is some events behind."""
    mark = await member.write_post("up to here")

    async def is_told() -> bool:
        events = await events_after(http, base, 0)
        return isinstance(events[-1], CommitEvent) and events[-1].ops[0].path.endswith(mark.rkey)

    await soon(is_told, bool)
    return await head(http, base)


async def test_a_cursor_says_where_to_begin(
    network: Appliance, http: aiohttp.ClientSession, ann: Member
) -> None:
    for base in (network.pds, network.relay):
        start = await settled_head(http, base, ann)
        posts = [await ann.write_post(f"{base} {number}") for number in range(3)]
        told = await events_after(http, base, start, lambda seen: len(seen) == 3)
        assert [type(event) for event in told] == [CommitEvent] * 3
        assert [op.path.split("/")[1] for event in told for op in event.ops] == [
            post.rkey for post in posts
        ]
        assert await events_after(http, base, told[0].seq) == told[1:]
        assert await events_after(http, base, told[-1].seq) == []
        everything = await events_after(http, base, 0)
        assert everything[-3:] == told
        assert not isinstance(everything[0], InfoEvent)
        assert await refused_with(http, base, told[-1].seq + 1000) == "FutureCursor"
        async with subscribed(http, base) as socket:
            with pytest.raises(TimeoutError):
                await next_event(socket, 0.3)
        await settled_head(http, base, ann)
        async with subscribed(http, base) as socket:
            async with http.get(f"{base}/xrpc/_health"):
                pass  # it has told all until here, and tells what comes
            after = await ann.write_post("now")
            event = await next_event(socket)
            assert isinstance(event, CommitEvent)
            assert event.ops[0].path.endswith(after.rkey)


async def test_leaving_and_coming_back_are_told_to_every_follower(
    network: Appliance, ann: Member, bob: Member
) -> None:
    starts = {base: await head(ann.http, base) for base in (network.pds, network.relay)}
    await ann.post("com.atproto.server.deactivateAccount")
    await ann.post("com.atproto.server.activateAccount")
    await ann.write_post("back")
    operator = Operator(ann.http, network.pds, network.operator_token)
    await operator.post("com.atproto.admin.deleteAccount", did=bob.did)
    for base, start in starts.items():

        async def told(base: str = base, start: int = start) -> list[object]:
            return await events_after(ann.http, base, start)

        seen = await soon(told, lambda events: any(is_farewell(each, bob) for each in events))
        kinds = [type(each).__name__ for each in seen if getattr(each, "did", "") == ann.did]
        assert kinds == [
            "AccountEvent",
            "AccountEvent",
            "IdentityEvent",
            "SyncEvent",
            "CommitEvent",
        ]
        consumer = Consumer(base, network.plc, start)
        await soon_has(consumer, {seen_post(seen, ann)})
        assert consumer.complaints() == []
        states = [
            (event["did"], event["active"], event.get("status"))
            for event in consumer.events()
            if event["event"] == "account"
        ]
        assert states == [
            (ann.did, False, "deactivated"),
            (ann.did, True, None),
            (bob.did, False, "deleted"),
        ]
        consumer.stop()


def is_farewell(event: object, member: Member) -> bool:
    return isinstance(event, AccountEvent) and event.did == member.did


def seen_post(events: list[object], member: Member) -> str:
    """Give the URI of the one post that is told of."""
    paths = [op.path for each in events if isinstance(each, CommitEvent) for op in each.ops]
    assert len(paths) == 1
    return f"at://{member.did}/{paths[0]}"
