"""A stranger's PDS in the neighbourhood: its people and ours see one another, whatever breaks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Ref, Refused, join, soon
from tests.support.node import Consumer, ReferencePds, run_script
from tests.support.ports import free_port
from tests.support.stream import events_after

# Whatever takes its time, so that others go on meanwhile.
aside = asyncio.to_thread
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference(
    shared_network: Appliance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReferencePds]:
    host = ReferencePds(shared_network.plc, tmp_path_factory.mktemp("reference"))
    yield host
    host.stop()


@pytest.fixture
async def stranger(
    network: Appliance, reference: ReferencePds, http: aiohttp.ClientSession
) -> ReferencePds:
    """A reference PDS that shares our directory and is announced to our relay."""
    await announce(http, network, reference)
    return reference


async def announce(http: aiohttp.ClientSession, ours: Appliance, host: ReferencePds) -> None:
    await Client(http, ours.relay).post(
        "com.atproto.sync.requestCrawl", hostname=f"localhost:{host.port}"
    )


async def test_people_of_two_hosts_follow_like_and_answer_one_another(
    network: Appliance, stranger: ReferencePds, http: aiohttp.ClientSession
) -> None:
    ann, zoe = await join(http, network.pds, "ann"), await join(http, stranger.pds, "zoe")
    await ann.follow(zoe)
    await zoe.follow(ann)
    hers = await zoe.write_post("hello from the other side")
    await ann.sees(hers)
    thread = await soon(
        lambda: ann.thread(hers.uri), lambda seen: seen["post"]["author"]["handle"] == zoe.handle
    )
    ours = await ann.reply(hers, hers, "welcome")
    await ann.like(hers)
    like, answer = await zoe.like(ours), await zoe.reply(hers, ours, "thanks")

    async def told() -> set[tuple[str, str]]:
        return set(await ann.notifications())

    wanted = {("follow", zoe.did), ("like", zoe.did), ("reply", zoe.did)}
    await soon(told, wanted.issubset)
    thread = await ann.thread(hers.uri)
    assert (thread["post"]["likeCount"], thread["post"]["replyCount"]) == (1, 1)
    reply = thread["replies"][0]
    assert (reply["post"]["uri"], reply["post"]["likeCount"]) == (ours.uri, 1)
    assert [each["post"]["uri"] for each in reply["replies"]] == [answer.uri]
    seen = await ann.profile(zoe)
    assert (seen["followersCount"], seen["followsCount"], seen["postsCount"]) == (1, 1, 2)
    assert "followedBy" in seen["viewer"]
    await zoe.delete(like)
    await soon(lambda: ann.thread(ours.uri), lambda seen: seen["post"]["likeCount"] == 0)


async def test_a_strangers_pictures_and_profile_are_shown(
    network: Appliance, stranger: ReferencePds, http: aiohttp.ClientSession
) -> None:
    ann, zoe = await join(http, network.pds, "ann"), await join(http, stranger.pds, "zoe")
    blob = await zoe.upload(PNG, "image/png")
    await zoe.put("app.bsky.actor.profile", "self", displayName="Zoe", avatar=blob)

    seen = await soon(lambda: ann.get("app.bsky.actor.searchActors", q=zoe.handle), named_zoe)
    async with http.get(seen["actors"][0]["avatar"]) as answer:
        assert (answer.status, answer.content_type.split("/")[0]) == (200, "image")


def named_zoe(found: dict[str, Any]) -> bool:
    return any(actor.get("displayName") == "Zoe" for actor in found["actors"])


async def test_a_strangers_account_that_leaves_is_no_longer_shown(
    network: Appliance, stranger: ReferencePds, http: aiohttp.ClientSession
) -> None:
    ann, zoe = await join(http, network.pds, "ann"), await join(http, stranger.pds, "zoe")
    await ann.follow(zoe)
    post = await zoe.write_post("before I go")
    await ann.sees(post)
    await zoe.post("com.atproto.server.deactivateAccount")
    await ann.misses(post)
    await zoe.post("com.atproto.server.activateAccount")
    await ann.sees(post)
    back = await zoe.write_post("and back")
    await ann.sees(back)


async def test_a_repo_from_before_we_met_is_fetched_whole(
    http: aiohttp.ClientSession, network: Appliance, tmp_path: Path
) -> None:
    host = ReferencePds(network.plc, tmp_path / "reference")
    zoe = await join(http, host.pds, "zoe")
    old = [await zoe.write_post(f"old {number}") for number in range(30)]
    ann = await join(http, network.pds, "ann")
    await ann.follow(zoe)
    await announce(http, network, host)
    new = await zoe.write_post("new")
    await ann.sees(new)

    async def feed() -> set[str]:
        found = await ann.get("app.bsky.feed.getAuthorFeed", actor=zoe.did, limit=100)
        return {item["post"]["uri"] for item in found["feed"]}

    await soon(feed, {post.uri for post in (*old, new)}.issubset)
    host.stop()


PNG = Path(__file__).with_name("dot.png").read_bytes()


class Writer:
    """Somebody who goes on writing, host or no host, and keeps what was acknowledged."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.kept: list[Ref] = []
        self.failures = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        number = 0
        while True:
            number += 1
            try:
                self.kept.append(await self.member.write_post(f"post {number}"))
            except (aiohttp.ClientError, Refused) as failure:
                assert not isinstance(failure, Refused) or failure.status >= 500  # noqa: PT017
                self.failures += 1
            await asyncio.sleep(0.05)

    async def wrote(self, more: int) -> None:
        """Wait until it has written some more."""
        wanted = len(self.kept) + more

        async def count() -> int:
            return len(self.kept)

        await soon(count, lambda seen: seen >= wanted)

    async def stop(self) -> list[Ref]:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.kept


async def test_nothing_is_lost_while_either_side_breaks_and_comes_back(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    port = free_port()
    options = ["--crawl", f"http://localhost:{port}"]
    ours = Appliance(*options, data=tmp_path / "ours")
    host = ReferencePds(ours.plc, tmp_path / "reference", port)
    ann = await join(http, ours.pds, "ann")
    zoe, yan = await join(http, host.pds, "zoe"), await join(http, host.pds, "yan")
    for other in (zoe, yan):
        await ann.follow(other)
    witness = Consumer(ours.relay, ours.plc, 0)
    writers = [Writer(zoe), Writer(yan)]

    async def written(count: int = 10) -> None:
        await asyncio.gather(*[writer.wrote(count) for writer in writers])

    try:
        await written(20)
        await aside(host.stop)
        host = await aside(host.again)
        await written()
        await aside(host.kill)
        host = await aside(host.again)
        await written()
        await aside(ours.finish)
        await written()
        ours = await aside(Appliance, *options, data=tmp_path / "ours")
        await written()
        await aside(ours.kill)
        await written()
        ours = await aside(Appliance, *options, data=tmp_path / "ours")
        await written()
        kept = [post for writer in writers for post in await writer.stop()]
        assert len(kept) > 150
        assert any(writer.failures for writer in writers)
        await nothing_is_missing(ann, [zoe, yan], {post.uri for post in kept})
        await check_witness(witness, ours, {post.uri for post in kept})
        await check_replay(ours, http, {post.uri for post in kept})
        verified = await aside(
            run_script, "verify_repos.mjs", "--pds", host.pds, "--plc", ours.plc, zoe.did, yan.did
        )
        assert sum(len(repo["records"]) for repo in verified.values()) >= len(kept)
    finally:
        witness.stop()
        host.stop()
    ours.finish()


async def nothing_is_missing(reader: Member, writers: list[Member], wanted: set[str]) -> None:
    """Wait until a reader's timeline, page by page, holds all that was written."""

    async def missing() -> int:
        seen: set[str] = set()
        cursor: dict[str, str] = {}
        while True:
            page = await reader.get("app.bsky.feed.getTimeline", limit=100, **cursor)
            seen |= {item["post"]["uri"] for item in page["feed"]}
            if "cursor" not in page or not page["feed"]:
                return len(wanted - seen)
            cursor = {"cursor": page["cursor"]}

    # Who was away is called again after longer and longer.
    await soon(missing, is_none, 150)
    for writer in writers:
        count = sum(writer.did in uri for uri in wanted)
        assert (await reader.profile(writer))["postsCount"] >= count


def is_none(count: int) -> bool:
    return count == 0


async def check_witness(witness: Consumer, ours: Appliance, wanted: set[str]) -> None:
    """The consumer that was there all along, and came back each time, heard of everything."""

    async def missing() -> int:
        return len(wanted - set(witness.uris()))

    # The published client waits longer and longer before it connects again, up to a minute.
    await soon(missing, is_none, 150)
    assert witness.complaints() == []


async def check_replay(ours: Appliance, http: aiohttp.ClientSession, wanted: set[str]) -> None:
    """What our relay tells from the beginning is complete, in order, and said once."""
    events = await events_after(http, ours.relay, 0)
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))
    commits = [event for event in events if type(event).__name__ == "CommitEvent"]
    told = [f"at://{event.did}/{op.path}" for event in commits for op in event.ops]
    assert len(told) == len(set(told))
    assert wanted <= set(told)
    late = Consumer(ours.relay, ours.plc, 0)
    await check_witness(late, ours, wanted)
    late.stop()
