"""What a member wrote is there when she looks; the others have it at once."""

import statistics
import time
from collections.abc import Awaitable, Callable

from appliance.appview.indexed_revs import LONGEST_WAIT
from tests.support.client import Member, Ref, Refused, soon

TIMES = 200
LIMIT_MS = 100.0
# A machine that takes long for everything takes long for this, too.
LIMIT_OF_LOOKS = 10.0


async def at_once(look: Callable[[], Awaitable[bool]]) -> bool:
    """Tell whether something is there at the first look.

    One that took as long as the AppView waits for a write came to a machine that is too busy: then
    it is enough that it is there soon.
    """
    begun = time.monotonic()
    return await look() or (time.monotonic() - begun > LONGEST_WAIT and await soon(look, bool))


async def test_a_writer_finds_each_of_her_writes_in_profile_feed_and_thread(ann: Member) -> None:
    missing = []
    root = await ann.write_post("the first")
    for number in range(1, TIMES + 1):
        name = f"Ann the {number}."
        post = await ann.reply(root, root, f"post {number}")

        async def in_thread(post: Ref = post, text: str = f"post {number}") -> bool:
            try:
                return bool((await ann.thread(post.uri))["post"]["record"]["text"] == text)
            except Refused:
                return False

        async def in_feed(post: Ref = post) -> bool:
            return post.uri in await ann.author_feed()

        async def in_profile(name: str = name) -> bool:
            return bool((await ann.profile()).get("displayName") == name)

        found = {"thread": await at_once(in_thread), "feed": await at_once(in_feed)}
        await ann.put("app.bsky.actor.profile", "self", displayName=name)
        found["profile"] = await at_once(in_profile)
        missing += [(number, where) for where, there in found.items() if not there]
    assert missing == []


async def test_a_post_is_in_the_others_timeline_within_a_tenth_of_a_second(
    ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    took_ms, look_ms = [], []
    for number in range(TIMES):
        begun = time.perf_counter()
        await bob.timeline()
        look_ms.append((time.perf_counter() - begun) * 1000)
        post = await ann.write_post(f"quick {number}")
        answered = time.perf_counter()
        await bob.sees(post)
        took_ms.append((time.perf_counter() - answered) * 1000)
    # The 99th percentile is a benchmark's; here it would measure what else the machine is doing.
    limit_ms = max(LIMIT_MS, LIMIT_OF_LOOKS * statistics.median(look_ms))
    assert statistics.median(took_ms) < limit_ms


async def test_a_deleted_post_is_not_found_again_by_who_deleted_it(ann: Member) -> None:
    for number in range(50):
        post = await ann.write_post(f"short-lived {number}")

        async def in_feed(post: Ref = post) -> bool:
            return post.uri in await ann.author_feed()

        async def gone(post: Ref = post) -> bool:
            return post.uri not in await ann.author_feed()

        assert await at_once(in_feed)
        await ann.delete(post)
        assert await at_once(gone)
    assert (await ann.profile())["postsCount"] == 0
