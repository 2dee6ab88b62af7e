"""Write records straight into an AppView's index, the way its indexer would from the stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from appliance.appview import actors
from appliance.appview.index import post_text
from appliance.appview.indexer import Indexer
from appliance.appview.records import Origin, RecordRef
from appliance.atproto.cbor import encode
from appliance.atproto.cid import Cid
from appliance.atproto.data import record_from_json
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import AtUri, Datetime
from appliance.base.connection import Connection, Row

START_US = 1_790_000_000_000_000
SCHEMA = Path(__file__).parents[2] / "appliance" / "appview" / "schema"

# Tables of keys, counts and progress, which grow and never shrink.
KEYS = {"actor", "subject", "collection", "stream", "held_event"}

StrongRef = dict[str, str]


@cache
def validator() -> Validator:
    """Compile the lexicons once for all tests."""
    return Validator(load_catalog())


class IndexLab:
    """Accounts that write records, one second apart, into the index behind a connection."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.indexer = Indexer(validator())
        self.now_us = START_US
        self.is_live = True
        self.flushes = True
        self._made = 0

    def account(self, name: str) -> str:
        """Make an account with the handle <name>.test; return its DID."""
        did = f"did:plc:{name:a<24}"
        actors.intern(self.conn, did, self.now_us)
        actors.set_identity(self.conn, did, f"{name}.test", "https://pds.test", self.now_us * 2)
        return did

    def put(
        self, did: str, collection: str, value: dict[str, Any], rkey: str | None = None
    ) -> StrongRef:
        """Create or replace a record given as JSON; return its strong reference."""
        self.now_us += 1_000_000
        self._made += 1
        rkey = rkey or f"3lab{self._made:09d}"
        created = {"createdAt": str(Datetime.from_us(self.now_us))}
        block = encode(record_from_json({"$type": collection, **created, **value}))
        cid = Cid.for_block(block)
        ref = self.ref(did, collection, rkey)
        origin = Origin.STREAM if self.is_live else Origin.REPO
        self.indexer.put(self.conn, ref, cid, block, self.now_us, origin=origin)
        if self.flushes:
            post_text.flush(self.conn)
        return {"uri": ref.uri, "cid": str(cid)}

    def delete(self, record: StrongRef) -> None:
        uri = AtUri(record["uri"])
        collection, rkey = uri.collection, uri.rkey
        assert collection is not None
        assert rkey is not None
        self.indexer.remove(self.conn, self.ref(uri.authority, collection, rkey))

    def ref(self, did: str, collection: str, rkey: str) -> RecordRef:
        return RecordRef(did, actors.intern(self.conn, did, self.now_us), collection, rkey)

    def post(self, did: str, text: str = "hello", **fields: Any) -> StrongRef:
        return self.put(did, "app.bsky.feed.post", {"text": text, **fields})

    def reply(
        self, did: str, parent: StrongRef, root: StrongRef | None = None, text: str = "yes"
    ) -> StrongRef:
        return self.post(did, text, reply={"root": root or parent, "parent": parent})

    def quote(self, did: str, quoted: StrongRef, text: str = "look") -> StrongRef:
        embed = {"$type": "app.bsky.embed.record", "record": quoted}
        return self.post(did, text, embed=embed)

    def like(self, did: str, subject: StrongRef, **fields: Any) -> StrongRef:
        return self.put(did, "app.bsky.feed.like", {"subject": subject, **fields})

    def repost(self, did: str, subject: StrongRef, **fields: Any) -> StrongRef:
        return self.put(did, "app.bsky.feed.repost", {"subject": subject, **fields})

    def follow(self, did: str, target: str) -> StrongRef:
        return self.put(did, "app.bsky.graph.follow", {"subject": target})

    def block(self, did: str, target: str) -> StrongRef:
        return self.put(did, "app.bsky.graph.block", {"subject": target})

    def profile(self, did: str, name: str, **fields: Any) -> StrongRef:
        value = {"displayName": name, **fields}
        return self.put(did, "app.bsky.actor.profile", value, "self")

    def make_list(self, did: str, name: str = "people", purpose: str = "curatelist") -> StrongRef:
        value = {"name": name, "purpose": f"app.bsky.graph.defs#{purpose}"}
        return self.put(did, "app.bsky.graph.list", value)

    def add_to_list(self, did: str, list_: StrongRef, target: str) -> StrongRef:
        return self.put(did, "app.bsky.graph.listitem", {"list": list_["uri"], "subject": target})

    def threadgate(self, did: str, post: StrongRef, **fields: Any) -> StrongRef:
        value = {"post": post["uri"], **fields}
        return self.put(did, "app.bsky.feed.threadgate", value, AtUri(post["uri"]).rkey)

    def postgate(self, did: str, post: StrongRef, **fields: Any) -> StrongRef:
        value = {"post": post["uri"], **fields}
        return self.put(did, "app.bsky.feed.postgate", value, AtUri(post["uri"]).rkey)

    # What came of it.

    def counts(self, record: StrongRef) -> dict[str, int]:
        """The like, repost, reply and quote counts of a record."""
        row = self.conn.row(
            "SELECT like_count, repost_count, reply_count, quote_count FROM subject WHERE uri = ?",
            record["uri"],
        )
        names = ("likes", "reposts", "replies", "quotes")
        return dict(zip(names, row or (0, 0, 0, 0), strict=True))

    def actor(self, did: str) -> dict[str, Any]:
        """The actor row."""
        cursor = self.conn.execute("SELECT * FROM actor WHERE did = ?", (did,))
        columns = [column[0] for column in cursor.get_description()]
        return dict(zip(columns, cursor.fetchone() or (), strict=True))

    def post_row(self, record: StrongRef) -> dict[str, Any] | None:
        cursor = self.conn.execute(
            "SELECT post.* FROM post JOIN subject USING (id) WHERE uri = ?", (record["uri"],)
        )
        row = cursor.fetchone()
        if row is None:
            return None
        return dict(zip([column[0] for column in cursor.get_description()], row, strict=True))

    def told(self, did: str) -> list[Row]:
        """What an account was told, oldest first: (reason, DID of the author, record URI)."""
        return self.conn.rows(
            "SELECT reason, author.did, uri FROM notification"
            " JOIN actor AS target ON target.id = target_id"
            " JOIN actor AS author ON author.id = author_id"
            " WHERE target.did = ? ORDER BY notification.id",
            did,
        )

    def rows(self) -> dict[str, list[Row]]:
        """Every row made from records, to compare one state of the index with another."""
        found = self.conn.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = {name for (name,) in found} - KEYS - {"sqlite_sequence"}
        plain = [name for name in sorted(tables) if "_text" not in name]
        return {name: self.conn.rows(f'SELECT * FROM "{name}"') for name in plain}  # noqa: S608


@contextmanager
def open_lab(path: Path) -> Iterator[IndexLab]:
    """Open a lab on a new, empty index in a folder."""
    file = path / "index.sqlite"
    file.touch()
    conn = Connection(file, writable=True)
    for script in sorted(SCHEMA.iterdir()):
        conn.execute(script.read_text())
    conn.execute("BEGIN")
    try:
        yield IndexLab(conn)
    finally:
        conn.close()
