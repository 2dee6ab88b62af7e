"""Two paired houses that were apart: the newest of the other house first, then all, as it was."""

from pathlib import Path

import aiohttp
import pytest

from appliance.appview.head_starts import ENOUGH
from appliance.neighbours import company
from tests.neighbours.test_introductions import pair
from tests.support.client import Operator, soon
from tests.support.houses_apart import Corner, Slow, early, indexed, write_many
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.whole_house import place

pytestmark = pytest.mark.slow

MISSED = 240


async def test_the_newest_of_a_house_that_was_away_comes_before_all_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(company, "FAR_BEHIND", 3)
    slow = Slow(monkeypatch)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        with place() as near, place() as far:
            ours = Corner(near, tmp_path / "ours", free_port())
            theirs = Corner(far, tmp_path / "theirs", free_port())
            async with theirs.opened() as jones:
                ben = await theirs.join(http, jones, "ben")
                async with ours.opened() as smiths:
                    ann = await ours.join(http, smiths, "ann")
                    await pair(ours.home(smiths), theirs.home(jones))
                    known = await ben.write_post("the last before we parted")
                    await ann.follow(ben)
                    await ann.sees(known)
                    invitation = await ann.write_post("come to the lake")
                # A week goes by.
                await write_many(ben, MISSED)
                gone = await ben.write_post("taken back")
                await ben.reply(invitation, invitation, "I will come")
                await ben.like(invitation)
                await ben.delete(gone)
                slow.hold()
                async with ours.opened() as smiths:
                    # The stream stands still; what is newest comes all the same, and is told.
                    told = await soon(ann.notifications, lambda some: len(some) == 2)
                    assert told == [("like", ben.did), ("reply", ben.did)]
                    newest = [f"post {number}" for number in reversed(range(MISSED))]
                    await until(lambda: len(indexed(smiths)) >= ENOUGH + 2)
                    before = ["come to the lake", "the last before we parted"]
                    assert indexed(smiths) == ["I will come", *before, *newest[: ENOUGH - 1]]
                    assert early(smiths) == ENOUGH + 1
                    slow.let()
                    everything = ["I will come", *before, *newest]
                    await until(lambda: indexed(smiths) == everything)
                    await until(lambda: early(smiths) == 0)
                    # Asked for where all is here already, nothing comes of it.
                    url, token = smiths.settings.appview.public_url, smiths.operator.token
                    again = Operator(http, url, token)
                    await again.post("internal.hearth.appview.fetchNewest", pds=jones.pds_url)
                    # Nothing is told twice, nothing counted twice, all is in its place.
                    assert await ann.notifications() == told
                    profile = await ann.profile(ben)
                    assert profile["postsCount"] == MISSED + 2
                    [post] = (await ann.get("app.bsky.feed.getPosts", uris=[invitation.uri]))[
                        "posts"
                    ]
                    assert (post["likeCount"], post["replyCount"]) == (1, 1)
