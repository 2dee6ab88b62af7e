"""What a page costs: as many reads of the database for one item as for many."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from appliance.base.database import Database
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

PEOPLE = 12
# The most statements that a first page may take, with all that is hydrated.
MOST_READS = 30
# What stands on more of a page is more various: some kinds of things are looked for only then.
SLACK = 3


def busy(lab: IndexLab) -> tuple[str, str, str]:
    """Let many people follow, post, quote, answer and like, with gates and lists."""
    dids = [lab.account(f"user{number}") for number in range(PEOPLE)]
    root = lab.post(dids[0], "the root of it")
    lab.threadgate(dids[0], root, allow=[{"$type": "app.bsky.feed.threadgate#followingRule"}])
    people = lab.make_list(dids[1], purpose="modlist")
    for did in dids[1:]:
        lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2' WHERE did = ?", (did,))
        lab.profile(did, did)
        lab.follow(dids[0], did)
        lab.follow(did, dids[0])
        lab.reply(did, root, text="an answer to the fox")
        lab.like(did, root)
        lab.repost(dids[2], lab.quote(did, root, "a quote with a fox"))
        lab.postgate(did, lab.post(did, "a fox alone"))
        lab.add_to_list(dids[1], people, did)
        for friend in dids[1:]:
            lab.follow(did, friend)
        for number in range(4):
            lab.post(did, f"a fox again, {number}")
    # Blocks that hide nothing here, and are looked for all the same.
    stranger = lab.account("stranger")
    lab.block(dids[0], stranger)
    lab.block(stranger, dids[0])
    return dids[0], dids[5], root["uri"]


PAGES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "app.bsky.feed.getTimeline": lambda did, uri: {},
    "app.bsky.feed.getAuthorFeed": lambda did, uri: {"actor": did},
    "app.bsky.feed.searchPosts": lambda did, uri: {"q": "fox"},
    "app.bsky.feed.getQuotes": lambda did, uri: {"uri": uri},
    "app.bsky.feed.getLikes": lambda did, uri: {"uri": uri},
    "app.bsky.notification.listNotifications": lambda did, uri: {},
    "app.bsky.graph.getFollowers": lambda did, uri: {"actor": did},
    "app.bsky.graph.getFollows": lambda did, uri: {"actor": did},
    "app.bsky.actor.searchActors": lambda did, uri: {"q": "user"},
}


def is_asked() -> bool:
    """Whether it is for a request, and not for one of those who work meanwhile."""
    task = asyncio.current_task()
    return task is not None and "RequestHandler" in getattr(task.get_coro(), "__qualname__", "")


@pytest.mark.parametrize("nsid", PAGES)
async def test_a_long_page_takes_no_more_reads_than_a_short_one(
    house: AppViewHouse, nsid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, other, root = await house.write(busy)
    reads: list[str] = []

    def counted(read: Callable[..., Any]) -> Callable[..., Any]:
        def count(db: Database, sql: str, *args: Any) -> Any:
            if is_asked():
                reads.append(sql)
            return read(db, sql, *args)

        return count

    monkeypatch.setattr(Database, "read", counted(Database.read))
    monkeypatch.setattr(Database, "read_one", counted(Database.read_one))
    sizes: list[tuple[int, int]] = []
    for limit in (4, 10):
        reads.clear()
        page = await house.get(viewer, nsid, **PAGES[nsid](other, root), limit=limit)
        shown = next(value for value in page.values() if isinstance(value, list))
        sizes.append((len(shown), len(reads)))
    (few, reads_for_few), (many, reads_for_many) = sizes
    assert 0 < few < many
    assert reads_for_few > 3
    assert reads_for_many <= min(reads_for_few + SLACK, MOST_READS), sizes
