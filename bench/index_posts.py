"""How many posts, likes and follows a second one core indexes, from frames to rows on the disk.

Usage: python bench/index_posts.py [--count N] [--on FILE]

Into a new index; with --on into a copy of this one, liking its posts and following its accounts.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.appview.event_indexer import EventIndexer
from appliance.atproto.cbor import encode
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.repo import RecordWrite, Repo
from appliance.atproto.syntax import Datetime, Did
from appliance.atproto.tid import TidClock
from appliance.base.connection import Connection
from appliance.firehose.events import CommitEvent
from tests.support.index_lab import IndexLab, open_lab

WORDS = ("quick", "brown", "fox", "lazy", "dog", "rain", "falls", "on", "old", "town", "roofs")


@dataclass(frozen=True)
class Targets:
    """What likes and follows are about: addresses of posts, accounts."""

    posts: Sequence[str]
    accounts: Sequence[str]


NOBODY = Targets(
    [f"at://did:plc:{'b' * 24}/app.bsky.feed.post/3lab{number:09d}" for number in range(977)], []
)


def record(kind: str, number: int, about: Targets) -> dict[str, object]:
    created = str(Datetime.from_us(1_790_000_000_000_000 + number * 1000))
    if kind == "post":
        text = " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 24))
        return {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"], "createdAt": created}
    if kind == "like":
        target = about.posts[number % len(about.posts)]
        subject = {"uri": target, "cid": str(Cid.for_block(b"x"))}
        return {"$type": "app.bsky.feed.like", "subject": subject, "createdAt": created}
    did = f"did:plc:{number:a>24d}".translate(str.maketrans("0189", "zyxw"))
    if about.accounts:
        did = about.accounts[number % len(about.accounts)]
    return {"$type": "app.bsky.graph.follow", "subject": did, "createdAt": created}


def frames(kind: str, count: int, about: Targets) -> list[bytes]:
    """Make one commit of one record each, by eight accounts."""
    collection = {"post": "feed.post", "like": "feed.like", "follow": "graph.follow"}[kind]
    key, made = PrivateKey.generate(), []
    tids = TidClock(lambda: time.time_ns() // 1000)
    repos = [Repo.build(Did(f"did:plc:{n:c<24}".replace("0", "o")), [], None) for n in "abcdefgh"]
    for number in range(count):
        which = number % len(repos)
        tid = tids.next()
        path = f"app.bsky.{collection}/{tid}"
        write = RecordWrite("create", path, encode(record(kind, number, about)))
        repos[which], news = repos[which].apply([write], tids.next(), key)
        made.append(CommitEvent.of(news, "2026-11-20T10:00:00.000Z").frame())
    return made


def measure(lab: IndexLab, kind: str, count: int, about: Targets) -> None:
    made = frames(kind, count, about)
    events = EventIndexer(lab.indexer, lambda did, rev: None, lambda: None)
    lab.conn.execute("COMMIT")
    lab.conn.pragma("journal_mode", "WAL")
    lab.conn.pragma("synchronous", "NORMAL")
    started, cpu = time.perf_counter(), time.process_time()
    for start in range(0, count, 256):
        lab.conn.execute("BEGIN IMMEDIATE")
        for event in events.parse(made[start : start + 256])[0]:
            events.apply(lab.conn, event, lab.now_us)
            lab.conn.committed.clear()
        lab.conn.execute("COMMIT")
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    lab.conn.execute("BEGIN")
    print(f"{kind:8} {count / seconds:8.0f} /s  {1e6 * cpu / count:6.0f} us CPU each")


@contextmanager
def lab_on(file: Path) -> Iterator[tuple[IndexLab, Targets]]:
    """Open a lab on a copy of an index; give some of its posts and accounts, in no order."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        conn = Connection(Path(shutil.copy(file, folder)), writable=True)
        found = [
            [text for (text,) in conn.execute(sql)]
            for sql in (
                "SELECT uri FROM subject WHERE id IN (SELECT id FROM post) AND random() % 20 = 0",
                "SELECT did FROM actor",
            )
        ]
        for texts in found:
            Random(1).shuffle(texts)  # noqa: S311
        conn.execute("BEGIN")
        try:
            yield IndexLab(conn), Targets(*found)
        finally:
            conn.close()


@contextmanager
def new_lab() -> Iterator[tuple[IndexLab, Targets]]:
    with tempfile.TemporaryDirectory() as folder, open_lab(Path(folder)) as lab:
        yield lab, NOBODY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--on", type=Path, help="an index that is there already")
    args = parser.parse_args()
    for kind in ("post", "like", "follow"):
        with lab_on(args.on) if args.on else new_lab() as (lab, about):
            measure(lab, kind, args.count, about)
            print("  ", dict(lab.indexer.counts))


if __name__ == "__main__":
    main()
