"""Repositories on their way out: whole, since a revision, single blocks, proofs of one record.

Each archive is made from one snapshot of the database, in a reader thread, one at a time: whoever
asks for many leaves the other threads to others.
"""

from asyncio import Semaphore
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

from appliance.atproto.car import car_block, car_header
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.base.database import Connection, Database
from appliance.pds import records, repos
from appliance.pds.kept_trees import Head
from appliance.pds.out_tray import OutTray
from appliance.pds.repos import RepoStore

_WRITTEN_TOGETHER: Final = 64_000  # bytes of blocks
# Of the nodes given last: of 12,000 records. Several ask for a repo that is new to them, or for
# a few blocks of it at a time.
_LAST_BYTES: Final = 1_500_000
_NODE_BYTES: Final = 150  # in memory, beside the block itself
_DEADLINE_S: Final = 300.0
_MOST_WAYS: Final = 10_000


class BlockNotFound(LookupError):
    """The repo has no such block now."""

    xrpc_name = "BlockNotFound"

    def __init__(self, cids: Iterable[Cid]) -> None:
        super().__init__(f"Could not find blocks: {', '.join(map(str, cids))}")


class RepoExporter:
    """Make CAR archives of hosted repos."""

    def __init__(self, db: Database, store: RepoStore, folder: Path) -> None:
        """Take the folder for the files of large archives."""
        self._db = db
        self._store = store
        self.tray = OutTray(folder)
        self._turn = Semaphore(1)
        self._last: tuple[Cid | None, dict[Cid, bytes]] = None, {}  # a root, and its nodes

    async def repo(self, did: Did, since: Tid | None = None) -> BinaryIO:
        """Write a repo, or what commits after `since` added to it, and open it for reading.

        The commit comes first, then the nodes from the top down, then the records by path; no
        block comes twice. Nodes on the way to a changed record come along even where they did not
        change. Nothing after `since`: no blocks. Raises RepoNotFound, RootMismatch,
        NoRoomForArchive.
        """
        async with self._turn:
            return await self._db.scan(self._repo, did, since, deadline=_DEADLINE_S)

    async def blocks(self, did: Did, cids: Sequence[Cid]) -> BinaryIO:
        """Make an archive, without a root, of these blocks.

        Raises RepoNotFound, BlockNotFound, NoRoomForArchive.
        """
        async with self._turn:
            return await self._db.scan(self._blocks, did, cids)

    async def record(self, did: Did, path: str) -> BinaryIO:
        """Prove what is at a path, or that nothing is: commit, covering nodes, the record."""
        return await self._db.scan(self._record, did, path)

    async def slim(self) -> None:
        """Forget the nodes that were given last."""
        self._last = None, {}

    def _repo(self, conn: Connection, did: Did, since: Tid | None) -> BinaryIO:
        head = repos.load_head(conn, did)
        with ExitStack() as undone:
            file = undone.enter_context(self.tray.open())
            file.write(car_header(head.commit_cid))
            if since is None or since < head.rev:
                _write_blocks(file, [(head.commit_cid, head.commit_block)])
                if since is None:
                    _write_blocks(file, self._nodes(conn, head))
                else:
                    _write_blocks(file, self._changed_nodes(conn, head, since))
                _write_blocks(file, _each_once(records.blocks(conn, head.id, since)))
            file.seek(0)
            undone.pop_all()
        return file

    def _blocks(self, conn: Connection, did: Did, cids: Sequence[Cid]) -> BinaryIO:
        head = repos.load_head(conn, did)
        missing = set(cids)
        with ExitStack() as undone:
            file = undone.enter_context(self.tray.open())
            file.write(car_header(None))
            _write_blocks(file, self._found(conn, head, missing))
            if missing:
                raise BlockNotFound(missing)
            file.seek(0)
            undone.pop_all()
        return file

    def _found(
        self, conn: Connection, head: Head, missing: set[Cid]
    ) -> Iterator[tuple[Cid, bytes]]:
        """Give those of these blocks that there are, and take them out of what is missing."""
        if head.commit_cid in missing:
            missing.remove(head.commit_cid)
            yield head.commit_cid, head.commit_block
        for cid, block in self._nodes(conn, head):
            if cid in missing:
                missing.remove(cid)
                yield cid, block
        if not missing:
            return
        for path, cid in records.leaves(conn, head.id):
            if cid in missing:
                missing.remove(cid)
                yield cid, records.block_at(conn, head.id, path)

    def _record(self, conn: Connection, did: Did, path: str) -> BinaryIO:
        head = repos.load_head(conn, did)
        tree = self._store.tree_at(conn, head, [path])
        found = {head.commit_cid: head.commit_block, **tree.path_proof(path)}
        cid = tree.get(path)
        if cid is not None:
            found[cid] = records.block_at(conn, head.id, path)
        with ExitStack() as undone:
            file = undone.enter_context(self.tray.open())
            file.write(car_header(head.commit_cid))
            _write_blocks(file, found.items())
            file.seek(0)
            undone.pop_all()
        return file

    def _nodes(self, conn: Connection, head: Head) -> Iterator[tuple[Cid, bytes]]:
        """Give the nodes of a tree from the top down, and keep them if they are not many."""
        root, kept = self._last
        if root == head.data:
            yield from kept.items()
            return
        kept, size = {}, 0
        for cid, block in self._store.nodes_at(conn, head):
            size += len(block) + _NODE_BYTES
            if size <= _LAST_BYTES:
                kept[cid] = block
            yield cid, block
        if size <= _LAST_BYTES:
            self._last = head.data, kept

    def _changed_nodes(
        self, conn: Connection, head: Head, since: Tid
    ) -> Iterable[tuple[Cid, bytes]]:
        """Give the nodes next to every record that was written or deleted after `since`.

        Of very many the ways are not looked for one by one: then it is all nodes.
        """
        paths = [path for path, _, _ in records.blocks(conn, head.id, since)]
        paths += records.deleted_since(conn, head.id, since)
        if len(paths) > _MOST_WAYS:
            return self._store.nodes_at(conn, head)
        tree = self._store.tree_at(conn, head, paths)
        nodes: dict[Cid, bytes] = {}
        for path in paths:
            tree.proof(path, nodes)
        return nodes.items()


def _write_blocks(file: BinaryIO, blocks: Iterable[tuple[Cid, bytes]]) -> None:
    """Write blocks, small ones together."""
    pieces: list[bytes] = []
    size = 0
    for cid, block in blocks:
        pieces.append(car_block(cid, block))
        size += len(block)
        if size > _WRITTEN_TOGETHER:
            file.write(b"".join(pieces))
            pieces, size = [], 0
    file.write(b"".join(pieces))


def _each_once(rows: Iterable[tuple[str, Cid, bytes]]) -> Iterator[tuple[Cid, bytes]]:
    """Give (CID, block) of records; those with the same content once."""
    seen: set[Cid] = set()
    for _, cid, block in rows:
        if cid not in seen:
            seen.add(cid)
            yield cid, block
