"""The clock stands still, jumps ahead, goes back an hour or ten years, with and without a start."""

from itertools import pairwise
from pathlib import Path

import pytest

from appliance.atproto.repo.commit import parse_commit
from appliance.firehose.events import CommitEvent
from tests.support.pds_box import Box, Member, open_box

pytestmark = pytest.mark.slow

DAY = 86_400.0
JUMPS = (0.0, DAY, -3600.0, -3600.0, -10 * 365 * DAY, 0.0, 10 * 365 * DAY, 1.0)
POST = "app.bsky.feed.post"


async def write(box: Box, alice: Member, count: int = 3) -> list[str]:
    """Write posts, with a token of this moment; give their record keys."""
    token = box.pds.mint.access(alice.did, "full")
    keys = []
    for number in range(count):
        record = {"$type": POST, "text": str(number), "createdAt": "2026-11-21T12:00:00.000Z"}
        answer = await box.post(
            "com.atproto.repo.createRecord", token, repo=alice.did, collection=POST, record=record
        )
        assert answer.status == 200, answer
        keys.append(answer.json["uri"].rpartition("/")[2])
    return keys


def check_order(box: Box) -> None:
    """Numbers and revs only grew, and each commit says which one it follows."""
    told = box.announced()
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    commits = [event for event in told if isinstance(event, CommitEvent)]
    assert all(one.rev < other.rev for one, other in pairwise(commits))
    assert all(other.since == one.rev for one, other in pairwise(commits))
    head = box.pds.repos.head(commits[-1].did)
    assert parse_commit(head.commit_block).rev == commits[-1].rev == head.rev


async def test_whatever_the_clock_does_no_key_comes_twice_and_revs_only_grow(
    tmp_path: Path,
) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        keys = []
        for jump in JUMPS:
            box.clock.advance(jump)
            keys += await write(box, alice)
            check_order(box)
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("jump", [-3600.0, -10 * 365 * DAY, DAY])
async def test_a_start_with_another_clock_goes_on_above_what_was_told(
    tmp_path: Path, jump: float
) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()
        before = await write(box, alice)
    async with open_box(tmp_path) as box:
        box.clock.advance(jump)
        after = await write(box, alice)
        check_order(box)
        assert not {*before} & {*after}


async def test_tokens_end_when_they_should_by_the_clock_as_it_is(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        alice = await box.sign_up()

        async def error() -> str | None:
            answer = await box.get("com.atproto.server.getSession", alice.access)
            return None if answer.status == 200 else answer.error

        assert await error() is None
        box.clock.advance(DAY)
        assert await error() == "ExpiredToken"
        # A token that was found too old is not remembered as such.
        box.clock.advance(-DAY)
        assert await error() is None
        box.clock.advance(-10 * 365 * DAY)
        assert await error() is None
        box.clock.advance(10 * 365 * DAY + DAY)
        renewed = await box.ask(
            "POST", "/xrpc/com.atproto.server.refreshSession", token=alice.refresh
        )
        assert renewed.status == 200
        assert (
            await box.get("com.atproto.server.getSession", renewed.json["accessJwt"])
        ).status == 200
