"""What holds whatever happened: checked of a data folder that nobody uses, after every fault.

1. No acknowledged write is lost, and nothing is there that nobody asked for (`Promises`).
2. Every repo verifies from its rows: root, commit, signature, records, blobs (`soundness.examine`).
3. The event log has no gap, leads exactly to the repos, and gives no number twice.
4. Every blob with a row is there and is what its name says; a file without a row is not served.
5. What is private is intact: preferences, app passwords, sessions, mutes (part of 1).
6. The AppView is what a rebuild from the repos makes (`index_of`, compared by the caller).
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from appliance.atproto.cid import RAW, Cid
from appliance.atproto.data import record_json
from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.damage import damage_in
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import AccountEvent, CommitEvent, InfoEvent, SyncEvent, parse
from appliance.firehose.verify import RepoState, chains, verify_commit, verify_sync
from appliance.pds import signing_keys, soundness
from appliance.pds.blob_files import path_in

# What it is about, of whom, and which: ("record", did, path), ("handle", did, "").
Key = tuple[str, str, str]
Facts = dict[Key, str]


@dataclass
class Promises:
    """What may be found: one value where it was acknowledged, several while it was not."""

    allowed: dict[Key, set[str | None]] = field(default_factory=dict)
    # Handles of accounts that are being opened: their DIDs are not known yet.
    coming: set[str] = field(default_factory=set)
    told: dict[int, bytes] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def begin(self, changes: Mapping[Key, str | None]) -> None:
        """From now on the new values may be there, too."""
        for key, value in changes.items():
            self.allowed.setdefault(key, {None}).add(value)

    def keep(self, changes: Mapping[Key, str | None]) -> None:
        """From now on only these may be there."""
        for key, value in changes.items():
            self.allowed[key] = {value}

    def copy(self) -> "Promises":
        """Remember what was promised up to now."""
        allowed = {key: set(values) for key, values in self.allowed.items()}
        return Promises(allowed, set(self.coming), dict(self.told), set(self.gone))

    def settle(self, found: Facts, keys: Iterable[Key] | None = None) -> None:
        """What was uncertain is as it was found; but a handle may still follow its directory.

        `keys`: only these, where other calls are still under way.
        """
        for key in list(self.allowed) if keys is None else keys:
            if len(self.allowed[key]) > 1 and key[0] != "handle":
                self.allowed[key] = {found.get(key)}

    def broken_by(self, found: Facts) -> list[str]:
        faults = []
        for key, values in self.allowed.items():
            if found.get(key) not in values:
                faults.append(f"{key} is {found.get(key)!r}, promised was one of {values!r}")
        opened = {key[1] for key, text in found.items() if key[0] == "handle"}
        known = {key[1] for key in self.allowed}
        strangers = {did for did in opened - known if found["handle", did, ""] not in self.coming}
        faults += [f"nobody opened the account {did}" for did in strangers]
        for key in found:
            if key not in self.allowed and key[1] in known:
                faults.append(f"{key} is there, and nobody asked for it")
        return faults


def facts_of(data: Path) -> Facts:
    """Read what the databases hold of what members and the operator may change."""
    found: Facts = {}
    with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
        _accounts(conn, found)
        _records(conn, found)
    if (data / "viewers.sqlite").exists():
        with closing(Connection(data / "viewers.sqlite", writable=False)) as conn:
            for viewer, target in conn.rows("SELECT viewer, target FROM mute"):
                found["mute", viewer, target] = "muted"
    return found


def _accounts(conn: Connection, found: Facts) -> None:
    rows = conn.rows("SELECT did, handle, deactivated_at, takedown_ref FROM account")
    for did, handle, deactivated_at, takedown in rows:
        found["handle", did, ""] = handle
        found["state", did, ""] = (
            "taken down" if takedown else "active" if deactivated_at is None else "deactivated"
        )
    for did, items in conn.rows("SELECT did, items FROM preference"):
        found["preferences", did, ""] = as_text(json.loads(items))
    for did, name in conn.rows("SELECT did, name FROM app_password"):
        found["app password", did, name] = "made"


def _records(conn: Connection, found: Facts) -> None:
    rows = conn.rows(
        "SELECT did, path, block, takedown FROM record JOIN repo ON repo.id = record.repo"
    )
    for did, path, block, takedown in rows:
        found["record", did, path] = as_text(record_json(block))
        if takedown is not None:
            found["withheld", did, path] = takedown
    for did, cid in conn.rows(
        "SELECT did, cid FROM blob JOIN repo ON repo.id = blob.repo WHERE EXISTS"
        " (SELECT 1 FROM blob_ref WHERE blob_ref.repo = blob.repo AND blob_ref.cid = blob.cid)"
    ):
        found["blob", did, str(Cid(cid))] = "used"


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def faults_in(data: Path, promises: Promises) -> list[str]:
    """Name all that does not hold, of a folder that nobody uses."""
    damaged = [
        f"{path.name}: {text}"
        for path in data.glob("*.sqlite")
        for text in damage_in(path, indexes=True)
    ]
    if damaged:
        return damaged
    faults = promises.broken_by(facts_of(data))
    with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
        faults += soundness.examine(conn, data / "blobs", lambda *_: None).faults
        faults += faults_of_log(conn, promises)
        faults += list(faults_of_blobs(conn, data / "blobs"))
    return faults


def faults_of_log(conn: Connection, promises: Promises) -> list[str]:
    """The log has no gap but those of accounts that are gone, and leads to the repos."""
    rows = conn.rows("SELECT seq, did, frame FROM event ORDER BY seq")
    faults = _faults_of_numbers(conn, {seq: frame for seq, _, frame in rows}, promises)
    states: dict[str, RepoState] = {}
    for seq, did, frame in rows:
        event = parse(frame)
        assert not isinstance(event, InfoEvent)
        if event.seq != seq or event.did != did:
            faults.append(f"event {seq} says that it is {event.seq} of {event.did}")
        if isinstance(event, CommitEvent):
            key = signing_keys.load(conn, Did(did)).public
            if not chains(event, states.get(did)):
                faults.append(f"event {seq} does not follow on the one before it")
            states[did] = verify_commit(event, None, key)
        elif isinstance(event, SyncEvent):
            states[did] = verify_sync(event, None, signing_keys.load(conn, Did(did)).public)
        elif isinstance(event, AccountEvent) and event.status == "deleted":
            states.pop(did, None)
    # An account that is closed may have been given another repo; that is told when it opens.
    heads = {
        did: (rev, bytes(root))
        for did, rev, root in conn.rows(
            "SELECT did, rev, data FROM repo JOIN account USING (did) WHERE deactivated_at IS NULL"
        )
    }
    led = {did: (str(state.rev), bytes(state.data)) for did, state in states.items()}
    return faults + [
        f"{did}: the events lead to {led.get(did)}, the repo is at {heads.get(did)}"
        for did in heads
        if heads.get(did) != led.get(did)
    ]


def _faults_of_numbers(conn: Connection, frames: dict[int, bytes], promises: Promises) -> list[str]:
    gone = {
        seq
        for seq, frame in promises.told.items()
        if getattr(parse(frame), "did", "") in promises.gone
    }
    last = int(conn.value("SELECT seq FROM sqlite_sequence WHERE name = 'event'") or 0)
    faults = [
        f"event {seq} is missing"
        for seq in range(1, last + 1)
        if seq not in frames and seq not in gone
    ]
    for seq, frame in promises.told.items():
        if seq > last:
            faults.append(f"event {seq} was told, and its number may be given again")
        elif seq in frames and frames[seq] != frame:
            faults.append(f"event {seq} was told, and is another now")
    return faults


def faults_of_blobs(conn: Connection, folder: Path) -> Iterable[str]:
    """Also blobs that no record uses yet are what was uploaded."""
    for (value,) in conn.rows("SELECT DISTINCT cid FROM blob"):
        cid = Cid(value)
        path = path_in(folder, cid)
        if not path.exists():
            yield f"the file of the blob {cid} is missing"
        elif Cid.from_digest(RAW, sha256(path.read_bytes()).digest()) != cid:
            yield f"the file of the blob {cid} is damaged"


def take_told(log: EventLog, promises: Promises) -> None:
    """Note what subscribers may have read by now."""
    after = max(promises.told, default=0)
    while batch := log.after(after):
        promises.told.update(batch)
        after = batch[-1][0]


_INDEXED = """
SELECT did, nsid, rkey, cid FROM record JOIN actor ON actor.id = actor_id
JOIN collection ON collection.id = collection_id WHERE actor.status IS NULL
"""
_COUNTED = """
SELECT uri, like_count, repost_count, reply_count, quote_count FROM subject
WHERE like_count + repost_count + reply_count + quote_count > 0
"""
_KNOWN = """
SELECT did, handle, posts_count, follows_count, followers_count, status, rev FROM actor
WHERE rev IS NOT NULL
"""
_TEXTS = "SELECT uri, post.record FROM post JOIN subject USING (id)"
_NAMES = "SELECT did, profile.record FROM profile JOIN actor ON actor.id = actor_id"


def index_of(data: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Say what the AppView has indexed, in words that do not depend on its row numbers."""
    asked = {
        "records": _INDEXED,
        "counts": _COUNTED,
        "actors": _KNOWN,
        "posts": _TEXTS,
        "profiles": _NAMES,
    }
    with closing(Connection(data / "appview.sqlite", writable=False)) as conn:
        return {name: set(conn.rows(sql)) for name, sql in asked.items()}


def hosted(data: Path) -> set[tuple[str, str, str, bytes]]:
    """Give the records of the accounts that are active here, as `index_of` would."""
    sql = (
        "SELECT repo.did, path, cid FROM record JOIN repo ON repo.id = record.repo"
        " JOIN account ON account.did = repo.did"
        " WHERE deactivated_at IS NULL AND takedown_ref IS NULL"
    )
    with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
        return {(did, *path.split("/"), cid) for did, path, cid in conn.rows(sql)}


def standing(data: Path) -> dict[str, tuple[str, str]]:
    """Give rev and handle of the accounts that are active here."""
    sql = (
        "SELECT did, rev, handle FROM repo JOIN account USING (did)"
        " WHERE deactivated_at IS NULL AND takedown_ref IS NULL"
    )
    with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
        return {did: (rev, handle) for did, rev, handle in conn.rows(sql)}


def known_standing(data: Path) -> dict[str, tuple[str, str]]:
    """Give rev and handle of the accounts that the AppView takes for active."""
    sql = "SELECT did, rev, handle FROM actor WHERE status IS NULL AND rev IS NOT NULL"
    with closing(Connection(data / "appview.sqlite", writable=False)) as conn:
        return {did: (rev, handle) for did, rev, handle in conn.rows(sql)}
