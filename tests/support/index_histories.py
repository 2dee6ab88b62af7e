"""Histories of a few accounts, written into an index in order, or with the newest ahead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from appliance.appview import actors
from appliance.appview.arrivals import Gap
from appliance.appview.head_starts import LIKES, POSTS
from appliance.appview.index import post_text
from appliance.appview.indexer import ref_of
from appliance.atproto.cbor import encode
from appliance.atproto.cid import Cid
from appliance.atproto.data import record_from_json
from appliance.atproto.syntax import Datetime
from appliance.atproto.tid import Tid
from appliance.base.connection import Connection
from tests.support.index_lab import START_US, IndexLab

NAMES: Final = ("ann", "bob", "cat", "dan")
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, GATE = "app.bsky.graph.follow", "app.bsky.feed.threadgate"
EARLY: Final = (*POSTS, *LIKES)
MINUTE_US: Final = 60_000_000
LATER_US: Final = START_US + 30 * 86_400 * 1_000_000


@dataclass(frozen=True)
class Step:
    """One commit of one operation; block is None where it deletes."""

    did: str
    path: str
    block: bytes | None
    at_us: int

    @property
    def rev(self) -> Tid:
        return Tid.from_us(self.at_us)


@dataclass
class Writer:
    """Makes up what accounts write, each step a minute after the one before."""

    random: Random
    dids: list[str]
    steps: list[Step] = field(default_factory=list)
    values: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    at_us: int = START_US

    def write(self) -> None:
        """Let somebody do something."""
        did = self.random.choice(self.dids)
        makers = (self._post, self._post, self._reply, self._reply, self._like, self._like)
        rarer = (self._repost, self._follow, self._gate, self._change, self._delete, self._quote)
        self.random.choice((*makers, *rarer))(did)

    def _put(self, did: str, collection: str, value: dict[str, Any], rkey: str = "") -> None:
        self.at_us += MINUTE_US
        shift = self.random.choice((0, 0, 0, -3, 40)) * MINUTE_US
        created = {"createdAt": str(Datetime.from_us(self.at_us + shift))}
        value = {"$type": collection, **created, **value}
        path = f"{collection}/{rkey or Tid.from_us(self.at_us - 1000)}"
        self.values[did, path] = value
        self.steps.append(Step(did, path, encode(record_from_json(value)), self.at_us))

    def _some(self, collection: str, did: str | None = None) -> tuple[str, str] | None:
        known = [
            (owner, path)
            for owner, path in self.values
            if path.startswith(f"{collection}/") and did in (None, owner)
        ]
        return self.random.choice(known) if known else None

    def _ref(self, key: tuple[str, str]) -> dict[str, str]:
        block = encode(record_from_json(self.values[key]))
        return {"uri": f"at://{key[0]}/{key[1]}", "cid": str(Cid.for_block(block))}

    def _post(self, did: str) -> None:
        self._put(did, POST, {"text": f"post {len(self.steps)}"})

    def _reply(self, did: str) -> None:
        parent = self._some(POST)
        if parent is None:
            return self._post(did)
        ref = self._ref(parent)
        root = self.values[parent].get("reply", {}).get("root", ref)
        text = f"reply {len(self.steps)}"
        return self._put(did, POST, {"text": text, "reply": {"root": root, "parent": ref}})

    def _quote(self, did: str) -> None:
        quoted = self._some(POST)
        if quoted is not None:
            embed = {"$type": "app.bsky.embed.record", "record": self._ref(quoted)}
            self._put(did, POST, {"text": f"look {len(self.steps)}", "embed": embed})

    def _like(self, did: str) -> None:
        subject, via = self._some(POST), self._some(REPOST)
        if subject is None:
            return
        value: dict[str, Any] = {"subject": self._ref(subject)}
        if via is not None and self.random.random() < 0.5:
            value = {"subject": self.values[via]["subject"], "via": self._ref(via)}
        self._put(did, LIKE, value)

    def _repost(self, did: str) -> None:
        subject = self._some(POST)
        if subject is not None:
            self._put(did, REPOST, {"subject": self._ref(subject)})

    def _follow(self, did: str) -> None:
        self._put(did, FOLLOW, {"subject": self.random.choice(self.dids)})

    def _gate(self, did: str) -> None:
        post = self._some(POST, did)
        if post is not None and (did, f"{GATE}/{post[1].partition('/')[2]}") not in self.values:
            allow = self.random.choice(([], [{"$type": f"{GATE}#followerRule"}]))
            value = {"post": f"at://{did}/{post[1]}", "allow": allow}
            self._put(did, GATE, value, post[1].partition("/")[2])

    def _change(self, did: str) -> None:
        post = self._some(POST, did)
        if post is not None:
            value = {**self.values[post], "text": f"changed {len(self.steps)}"}
            self._put(did, POST, value, post[1].partition("/")[2])

    def _delete(self, did: str) -> None:
        found = self._some(self.random.choice((POST, LIKE, REPOST, FOLLOW)), did)
        if found is not None:
            self.at_us += MINUTE_US
            del self.values[found]
            self.steps.append(Step(did, found[1], None, self.at_us))


def apply(lab: IndexLab, step: Step) -> None:
    """Apply a step as the stream brings it."""
    actor_id = actors.intern(lab.conn, step.did, step.at_us)
    ref = ref_of(step.did, actor_id, step.path)
    if step.block is None:
        lab.indexer.remove(lab.conn, ref, step.at_us)
    else:
        lab.indexer.put(lab.conn, ref, Cid.for_block(step.block), step.block, step.at_us)
    actors.set_synced(lab.conn, actor_id, step.rev, bytes(36))
    post_text.flush(lab.conn)


def apply_early(lab: IndexLab, did: str, steps: Iterable[Step], gap: Gap, most: int) -> int:
    """Index the newest of an account's repo, as it is after these steps, ahead of the stream."""
    blocks: dict[str, bytes] = {}
    for step in steps:
        if step.did == did and step.block is not None:
            blocks[step.path] = step.block
        elif step.did == did:
            blocks.pop(step.path, None)
    some = [path for path in blocks if path.partition("/")[0] in EARLY]
    newest = sorted(some, key=lambda path: path.partition("/")[2], reverse=True)[:most]
    cids = {path: Cid.for_block(blocks[path]) for path in newest}
    by_cid = {cids[path]: blocks[path] for path in newest}
    put = lab.indexer.put_early(lab.conn, did, cids.items(), by_cid, gap, LATER_US)
    return put or 0


_ACTORS = {"actor_id", "target_id", "author_id"}
_SUBJECTS = {"post_id", "subject_id", "parent_id", "root_id", "quote_id", "via_id", "list_id"}
_OF_SUBJECTS = {"post", "repost", "feed_item", "list", "generator", "starter_pack"}


def told_by_name(lab: IndexLab) -> dict[str, list[str]]:
    """All rows of the index, numbers replaced by the names they stand for, sorted."""
    conn = lab.conn
    names: dict[int, str] = dict(conn.rows("SELECT id, did FROM actor"))
    uris: dict[int, str] = dict(conn.rows("SELECT id, uri FROM subject"))
    told = {table: _named(conn, table, names, uris) for table in lab.rows()}
    told["counts of subjects"] = _texts(
        conn,
        "SELECT uri, like_count, repost_count, reply_count, quote_count FROM subject"
        " WHERE like_count + repost_count + reply_count + quote_count <> 0",
    )
    told["counts of accounts"] = _texts(
        conn, "SELECT did, followers_count, follows_count, posts_count, rev FROM actor"
    )
    words = "SELECT count(*) FROM post_text WHERE post_text MATCH ?"
    found = [conn.value(words, word) for word in ("post", "reply", "look", "changed")]
    told["words"] = [str(count) for count in found]
    return told


def _named(
    conn: Connection, table: str, names: Mapping[int, str], uris: Mapping[int, str]
) -> list[str]:
    cursor = conn.execute(f'SELECT * FROM "{table}"')  # noqa: S608
    found = []
    for row in cursor:
        columns = [column[0] for column in cursor.get_description()]
        values = dict(zip(columns, row, strict=True))
        for column in values:
            if column in _ACTORS:
                values[column] = names.get(values[column], values[column])
            elif column in _SUBJECTS or (column == "id" and table in _OF_SUBJECTS):
                values[column] = uris.get(values[column], values[column])
        if table == "notification":
            del values["id"]
        found.append(str(values))
    return sorted(found)


def _texts(conn: Connection, sql: str) -> list[str]:
    return sorted(str(row) for row in conn.rows(sql))
