"""What a page of a feed by rule costs: the skeleton of 50 posts, in milliseconds.

Usage: python bench/feeds.py [posts]
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.appview.feeds.rules import FeedRule
from appliance.appview.index import post_text
from appliance.appview.skeletons.feeds import Reading, rule_feed
from appliance.appview.skeletons.slices import NEWEST
from appliance.base.connection import Connection
from appliance.base.database import Database
from tests.support.index_lab import SCHEMA, IndexLab

HOME = "https://home.test"
ACCOUNTS, MEMBERS, FOLLOWS, PAGES = 400, 40, 30, 60
WORDS = ("cat", "dog", "bird", "tree", "house", "river", "stone", "cloud")
RULES: dict[str, dict[str, Any]] = {
    "everyone here": {"kind": "everyone"},
    "photos here": {"kind": "photos"},
    "friends of friends": {"kind": "friends"},
    "a hashtag": {"kind": "hashtags", "words": ["cat"]},
    "a word": {"kind": "words", "words": ["river"]},
    "with 2 likes or more": {"kind": "everyone", "scope": "all", "minLikes": 2},
    "a word, Portuguese, here": {
        "kind": "words",
        "words": ["cat"],
        "languages": ["pt"],
        "scope": "here",
    },
}


def fill(conn: Connection, posts: int) -> int:
    """Write posts of all, a fifth of them by members, with hashtags, languages and likes."""
    chance = random.Random(1)  # noqa: S311
    lab = IndexLab(conn)
    lab.flushes = False
    letters = str.maketrans("0189", "olbc")
    dids = [lab.account(f"u{number}x".translate(letters)) for number in range(ACCOUNTS)]
    for did in dids[:MEMBERS]:
        conn.execute("UPDATE actor SET pds = ? WHERE did = ?", (HOME, did))
    for did in dids:
        for other in chance.sample(dids, FOLLOWS):
            lab.follow(did, other)
    made = []
    for number in range(posts):
        author = chance.choice(dids if chance.random() < 0.9 else dids[:MEMBERS])
        word, tagged = chance.choice(WORDS), chance.random() < 0.2
        text, langs = f"{word} {number}", [chance.choice(("en", "de", "pt"))]
        made.append(lab.post(author, text, langs=langs, tags=[word] if tagged else []))
        if chance.random() < 0.3:
            lab.like(chance.choice(dids), chance.choice(made[-50:]))
    post_text.flush(conn)
    return lab.now_us


async def measure(posts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with await Database.open(Path(folder) / "index.sqlite", SCHEMA) as db:
            now_us = await db.write(fill, posts)
            for name, given in RULES.items():
                rule = FeedRule.parse({"name": "x", "title": "X", **given})
                took, count = [], 0
                for page in range(PAGES):
                    reading = Reading(MEMBERS + 1 + page, HOME, now_us)
                    started = time.perf_counter()
                    found = await rule_feed(db, rule, reading, NEWEST, 50)
                    took.append((time.perf_counter() - started) * 1000)
                    count = len(found.rows)
                p50, most = statistics.median(took), sorted(took)[-2]
                print(f"{name:26} {count:3} posts  p50 {p50:6.2f}  p98 {most:6.2f}")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
