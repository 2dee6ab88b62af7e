"""Is what is stored what was signed? Every repo, record, blob and login of a file, looked at.

For a file that nobody is using: a copy, a backup, a network that is stopped. Reads everything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from appliance.atproto.cid import DAG_CBOR, RAW, Cid, InvalidCid
from appliance.atproto.repo.commit import InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst_node import RootMismatch
from appliance.base import passwords
from appliance.base.connection import Connection
from appliance.pds import kept_trees, records, repos, signing_keys
from appliance.pds.blob_files import path_in
from appliance.pds.signing_keys import DamagedSigningKey, NoSigningKey

READ_BYTES = 1 << 20


@dataclass
class Soundness:
    """What was counted, and every fault in plain words."""

    accounts: int
    records: int
    blobs: int
    faults: list[str]


def examine(conn: Connection, blobs: Path, note: Callable[[int, int], None]) -> Soundness:
    """Verify all that an account is; `note` is told (accounts done, of how many)."""
    found = Soundness(0, 0, 0, [])
    rows = conn.rows("SELECT did, password_hash, deactivated_at FROM account ORDER BY id")
    for did, password_hash, deactivated_at in rows:
        note(found.accounts, len(rows))
        found.accounts += 1
        if not passwords.is_readable(password_hash):
            found.faults.append(f"{did}: the stored password is damaged")
        try:
            head = repos.load_head(conn, did)
        except repos.RepoNotFound:
            found.faults.append(f"{did}: there is no repo")
            continue
        except InvalidCid as problem:
            found.faults.append(f"{did}: the stored head is damaged: {problem}")
            continue
        found.faults += _faults_of_commit(conn, head, is_moving=deactivated_at is not None)
        try:
            _look_at_content(conn, head.id, did, blobs, found)
        except InvalidCid as problem:
            found.faults.append(f"{did}: a stored CID is damaged: {problem}")
    note(found.accounts, len(rows))
    return found


def _look_at_content(conn: Connection, repo: int, did: str, blobs: Path, found: Soundness) -> None:
    """Hash every record and every blob. Raises InvalidCid where a CID cannot be read."""
    for path, cid, block in records.blocks(conn, repo):
        found.records += 1
        if Cid.from_digest(DAG_CBOR, sha256(block).digest()) != cid:
            found.faults.append(f"{did}: the record {path} is not what was signed")
    for cid in _referenced_blobs(conn, repo):
        found.blobs += 1
        found.faults += _faults_of_blob(blobs, did, cid)


def referenced_blobs(conn: Connection) -> Iterator[Cid]:
    """Yield every blob that a record needs and that is here."""
    for (cid,) in conn.execute(
        "SELECT DISTINCT blob.cid FROM blob JOIN blob_ref USING (repo, cid)"
    ):
        yield Cid(cid)


def _referenced_blobs(conn: Connection, repo: int) -> Iterator[Cid]:
    for (cid,) in conn.execute(
        "SELECT DISTINCT blob.cid FROM blob JOIN blob_ref USING (repo, cid) WHERE blob.repo = ?",
        (repo,),
    ):
        yield Cid(cid)


def _faults_of_commit(conn: Connection, head: kept_trees.Head, *, is_moving: bool) -> Iterator[str]:
    """The root from the rows, the commit that names it, its signature."""
    try:
        commit = parse_commit(head.commit_block)
    except InvalidCommitObject as problem:
        yield f"{head.did}: {problem}"
        return
    try:
        kept_trees.rebuild(conn, head)
    except (RootMismatch, InvalidCid):
        yield f"{head.did}: the records do not add up to the root that was signed"
    if (commit.cid, commit.rev, commit.data) != (head.commit_cid, head.rev, head.data):
        yield f"{head.did}: the commit is not the one that was signed"
    if is_moving:
        return  # before it is active, it may be signed by the server it comes from
    try:
        key = signing_keys.load(conn, head.did)
    except DamagedSigningKey as problem:
        yield f"{head.did}: the key that signs is damaged: {problem}"
        return
    except NoSigningKey:
        yield f"{head.did}: the key that signs is missing"
        return
    if not commit.verify(key.public):
        yield f"{head.did}: the commit is not signed by the account's key"


def _faults_of_blob(folder: Path, did: str, cid: Cid) -> Iterator[str]:
    try:
        with path_in(folder, cid).open("rb") as file:
            digest = sha256()
            while chunk := file.read(READ_BYTES):
                digest.update(chunk)
    except FileNotFoundError:
        yield f"{did}: the blob {cid} is missing"
        return
    if Cid.from_digest(RAW, digest.digest()) != cid:
        yield f"{did}: the blob {cid} is damaged"
