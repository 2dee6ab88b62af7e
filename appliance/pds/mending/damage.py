"""Records and blobs that are not what their CID says, and which CIDs the signed tree names.

A damaged disk may have changed the bytes of a record, or the CID beside them. Which of the two it
was is told by the root that the account's key signed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from typing import BinaryIO, Final

from appliance.atproto.cid import DAG_CBOR, RAW, Cid, InvalidCid
from appliance.atproto.repo.commit import InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst_node import RootMismatch
from appliance.atproto.repo.repo import Repo
from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.pds import records, repos, signing_keys
from appliance.pds.signing_keys import DamagedSigningKey, NoSigningKey

# Of so many damaged records of one account every combination is tried: each is a tree.
MOST_GUESSED: Final = 4
_READ_BYTES: Final = 1 << 20
_RECORDS: Final = """
SELECT record.repo, repo.did, record.path, record.cid, record.block
FROM record CROSS JOIN repo ON repo.id = record.repo
WHERE (record.repo, record.path) > (?, ?) ORDER BY record.repo, record.path LIMIT ?
"""
_BLOBS: Final = """
SELECT blob.repo, repo.did, blob.cid FROM blob CROSS JOIN repo ON repo.id = blob.repo
WHERE (blob.repo, blob.cid) > (?, ?) AND EXISTS (
    SELECT 1 FROM blob_ref WHERE blob_ref.repo = blob.repo AND blob_ref.cid = blob.cid
)
ORDER BY blob.repo, blob.cid LIMIT ?
"""

RecordPlace = tuple[int, str]
BlobPlace = tuple[int, bytes]
FIRST_RECORD: Final[RecordPlace] = (0, "")
FIRST_BLOB: Final[BlobPlace] = (0, b"")


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record whose bytes are not what the CID beside them says."""

    repo: int
    did: Did
    path: str

    @property
    def name(self) -> str:
        return f"at://{self.did}/{self.path}"


@dataclass(frozen=True, slots=True)
class BadBlob:
    """A blob whose file is gone or is something else."""

    repo: int
    did: Did
    cid: Cid
    is_missing: bool

    @property
    def name(self) -> str:
        return f"the blob {self.cid} of {self.did}"


def bad_records(
    conn: Connection, after: RecordPlace, limit: int
) -> tuple[list[BadRecord], RecordPlace | None]:
    """Hash some records in their order; give the damaged ones, and the place of the last."""
    found, last = [], None
    for repo, did, path, cid, block in conn.execute(_RECORDS, (*after, limit)):
        last = (repo, path)
        if Cid.from_digest(DAG_CBOR, sha256(block).digest()) != cid:
            found.append(BadRecord(repo, Did.unchecked(did), path))
    return found, last


def is_bad(conn: Connection, bad: BadRecord) -> bool:
    """Tell whether a record is there and damaged still."""
    row = conn.row("SELECT cid, block FROM record WHERE repo = ? AND path = ?", bad.repo, bad.path)
    return row is not None and Cid.from_digest(DAG_CBOR, sha256(row[1]).digest()) != row[0]


def bytes_of(conn: Connection, bad: BadRecord) -> bytes | None:
    """Give the bytes of a record as they lie; None if it was deleted meanwhile."""
    row = conn.row("SELECT block FROM record WHERE repo = ? AND path = ?", bad.repo, bad.path)
    return None if row is None else row[0]


def blobs_after(
    conn: Connection, after: BlobPlace, limit: int
) -> list[tuple[BlobPlace, Did, Cid | None]]:
    """List some blobs that records refer to; None for one whose stored CID is none any more."""
    return [
        ((repo, cid), Did.unchecked(did), _cid(cid))
        for repo, did, cid in conn.rows(_BLOBS, *after, limit)
    ]


def is_sound(open_file: Callable[[Cid], BinaryIO], cid: Cid) -> bool:
    """Hash a blob's file; for a thread. Raises BlobNotFound."""
    digest = sha256()
    with open_file(cid) as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return Cid.from_digest(RAW, digest.digest()) == cid


def signed_cids(conn: Connection, did: Did, damaged: Sequence[str]) -> Mapping[str, Cid]:
    """Tell the CIDs that the tree of the newest commit names for damaged records, by path.

    Empty where that cannot be known: the commit itself, or what else the tree is made of, is
    damaged too. Either the CID of a record is the one beside it, or that of its bytes.
    """
    try:
        head = repos.load_head(conn, did)
        commit = parse_commit(head.commit_block)
        key = signing_keys.load(conn, did)
    except (
        repos.RepoNotFound,
        InvalidCid,
        InvalidCommitObject,
        DamagedSigningKey,
        NoSigningKey,
    ):
        return {}
    if (commit.cid, commit.data) != (head.commit_cid, head.data) or not commit.verify(key.public):
        return {}
    kept: dict[str, bytes] = dict(
        conn.rows("SELECT path, cid FROM record WHERE repo = ? ORDER BY path", head.id)
    )
    choices = [
        [kept[path], Cid.for_block(records.block_at(conn, head.id, path))]
        for path in damaged
        if path in kept
    ]
    # What is guessed first is that no CID was changed, then that each was.
    guesses = [tuple(each[0] for each in choices), tuple(each[1] for each in choices)]
    if len(choices) <= MOST_GUESSED:
        guesses += product(*choices)
    paths = [path for path in damaged if path in kept]
    for guess in dict.fromkeys(guesses):
        chosen = {**kept, **dict(zip(paths, guess, strict=True))}
        try:
            Repo.build(did, ((path, Cid(cid)) for path, cid in chosen.items()), commit)
        except (RootMismatch, InvalidCid):
            continue
        return {path: Cid(chosen[path]) for path in paths}
    return {}


def put_right(conn: Connection, bad: BadRecord, cid: Cid, block: bytes) -> bool:
    """Write a block and its CID in a damaged record's row; False if it is not damaged any more.

    The caller has made sure that the signed tree names this CID. Raises ValueError for a block that
    is something else.
    """
    if Cid.for_block(block) != cid:
        raise ValueError(f"the block is not {cid}")
    if not is_bad(conn, bad):
        return False
    conn.execute(
        "UPDATE record SET cid = ?, block = ? WHERE repo = ? AND path = ?",
        (cid, block, bad.repo, bad.path),
    )
    return True


def _cid(kept: bytes) -> Cid | None:
    try:
        return Cid(kept)
    except InvalidCid:
        return None
