"""The newest of a house that was away comes first, and in the end all is as the stream made it."""

from pathlib import Path
from random import Random

import pytest

from appliance.appview.arrivals import Gap
from appliance.appview.role import AppView
from appliance.atproto.tid import Tid
from appliance.settings import Settings
from tests.support.appview_network import FakeNetwork, behind_a_door, settled
from tests.support.index_histories import NAMES, Step, Writer, apply, apply_early, told_by_name
from tests.support.index_lab import IndexLab, open_lab
from tests.support.repo_author import RepoAuthor

BEFORE, DURING = 40, 60
FAR, ELSEWHERE = "http://jones.home:2580", "http://brown.home:2580"


def history(lab: IndexLab, seed: int) -> tuple[list[Step], list[Step]]:
    """What accounts wrote before two houses parted, and while they were apart."""
    writer = Writer(Random(seed), [lab.account(name) for name in NAMES])  # noqa: S311
    while len(writer.steps) < BEFORE + DURING:
        writer.write()
    return writer.steps[:BEFORE], writer.steps[BEFORE:]


@pytest.mark.parametrize("seed", [108, *range(8)])
def test_with_a_head_start_the_index_ends_as_the_stream_alone_makes_it(
    tmp_path: Path, seed: int
) -> None:
    folders = [tmp_path / name for name in ("alone", "ahead")]
    for folder in folders:
        folder.mkdir()
    with open_lab(folders[0]) as alone, open_lab(folders[1]) as ahead:
        before, during = history(alone, seed)
        assert history(ahead, seed) == (before, during)
        for step in [*before, *during]:
            apply(alone, step)
        for step in before:
            apply(ahead, step)
        random, early = Random(seed), 0  # noqa: S311
        # The snapshots are of a moment in the gap; the stream is somewhere before it, or beyond.
        seen = random.randrange(DURING // 2, DURING)
        starts = {random.randrange(seen): name for name in ahead_of(ahead)}
        revs = {step.did: step.rev for step in before}
        for number, step in enumerate(during):
            did = starts.get(number)
            if did in revs:
                gap = Gap(revs[did], Tid.from_us(during[seen - 1].at_us))
                early += apply_early(ahead, did, [*before, *during[:seen]], gap, 8)
            apply(ahead, step)
        assert early > 0
        assert told_by_name(ahead) == told_by_name(alone)


def ahead_of(lab: IndexLab) -> list[str]:
    return [did for (did,) in lab.conn.rows("SELECT did FROM actor ORDER BY id")]


def texts(appview: AppView) -> list[tuple[str, int]]:
    """The posts of the index, and whether each came early."""
    rows = appview.index.read(
        "SELECT post.record ->> '$.text', early FROM post JOIN subject USING (id)"
        " JOIN record ON record.actor_id = post.actor_id AND collection_id = 1"
        " AND uri LIKE '%/' || rkey WHERE post.id > 0"
    )
    return sorted((text, early) for text, early in rows)


async def test_a_house_is_believed_about_those_who_live_there_and_are_passed_on(
    appview: AppView, network: FakeNetwork, settings: Settings
) -> None:
    ben, cat, dan, eve = (network.add(RepoAuthor(name)) for name in ("ben", "cat", "dan", "eve"))
    network.elsewhere = {ben.did: FAR, cat.did: ELSEWHERE, dan.did: FAR, eve.did: FAR}
    for author in (ben, cat, dan):
        await network.tell(author.post("known"))
        await settled(appview, author)
    missed = [author.post(f"news of {author.handle}") for author in (ben, cat, dan, eve)]
    network.taken_down.add(dan.did)
    assert not appview.head_starts.want(FAR)
    async with behind_a_door(network, settings, FAR):
        await appview.head_starts.begin(FAR)
        # Cat lives elsewhere, Dan was taken down at our relay, nobody knew Eve.
        assert texts(appview) == [("known", 0)] * 3 + [("news of ben.test", 1)]
        await appview.head_starts.begin(FAR)
    assert network.served == [ben.did] * len(network.served)
    await network.tell(*missed[:3])
    for author in (ben, cat, dan):
        await settled(appview, author)
    news = [(f"news of {author.handle}", 0) for author in (ben, cat, dan)]
    assert texts(appview) == [("known", 0)] * 3 + news


async def test_a_repo_that_another_has_signed_is_not_indexed_early(
    appview: AppView, network: FakeNetwork, settings: Settings
) -> None:
    ben = network.add(RepoAuthor("ben"))
    network.elsewhere = {ben.did: FAR}
    await network.tell(ben.post("known"))
    await settled(appview, ben)
    own, ben.key = ben.key, RepoAuthor("mallory").key
    ben.post("forged")
    ben.key = own
    async with behind_a_door(network, settings, FAR):
        await appview.head_starts.begin(FAR)
    assert network.served == [ben.did]
    assert texts(appview) == [("known", 0)]
