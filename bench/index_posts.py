"""How many posts, likes and follows a second one core indexes, from frames to rows on the disk.

Usage: python bench/index_posts.py [count]
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from appliance.appview.event_indexer import EventIndexer
from appliance.atproto.cbor import encode
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.repo import RecordWrite, Repo
from appliance.atproto.syntax import Datetime, Did
from appliance.atproto.tid import TidClock
from appliance.firehose.events import CommitEvent
from tests.support.index_lab import IndexLab, open_lab

WORDS = ("quick", "brown", "fox", "lazy", "dog", "rain", "falls", "on", "old", "town", "roofs")


def record(kind: str, number: int) -> dict[str, object]:
    created = str(Datetime.from_us(1_790_000_000_000_000 + number * 1000))
    target = f"at://did:plc:{'b' * 24}/app.bsky.feed.post/3lab{number % 977:09d}"
    if kind == "post":
        text = " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 24))
        return {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"], "createdAt": created}
    if kind == "like":
        subject = {"uri": target, "cid": str(Cid.for_block(b"x"))}
        return {"$type": "app.bsky.feed.like", "subject": subject, "createdAt": created}
    did = f"did:plc:{number:a>24d}".replace("0", "z").replace("1", "y").replace("8", "x")
    return {
        "$type": "app.bsky.graph.follow",
        "subject": did.replace("9", "w"),
        "createdAt": created,
    }


def frames(kind: str, count: int) -> list[bytes]:
    """Make one commit of one record each, by eight accounts."""
    collection = {"post": "feed.post", "like": "feed.like", "follow": "graph.follow"}[kind]
    key, made = PrivateKey.generate(), []
    tids = TidClock(lambda: time.time_ns() // 1000)
    repos = [Repo.build(Did(f"did:plc:{n:c<24}".replace("0", "o")), [], None) for n in "abcdefgh"]
    for number in range(count):
        which = number % len(repos)
        tid = tids.next()
        path = f"app.bsky.{collection}/{tid}"
        write = RecordWrite("create", path, encode(record(kind, number)))
        repos[which], news = repos[which].apply([write], tids.next(), key)
        made.append(CommitEvent.of(news, "2026-11-20T10:00:00.000Z").frame())
    return made


def measure(lab: IndexLab, kind: str, count: int) -> None:
    made = frames(kind, count)
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


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    for kind in ("post", "like", "follow"):
        with tempfile.TemporaryDirectory() as folder, open_lab(Path(folder)) as lab:
            measure(lab, kind, count)
            print("  ", dict(lab.indexer.counts))


if __name__ == "__main__":
    main()
