"""A PDS that takes repositories in, archives for it, and the directory that it asks."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto import cbor
from appliance.atproto.car import InvalidCar, write_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.repo.commit import sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.syntax import Did, Handle
from appliance.atproto.tid import Tid
from appliance.pds import accounts
from appliance.pds.accounts import NewAccount
from appliance.pds.transfer import InvalidImport, RepoImporter
from tests.support.pds_stores import ALICE, NOTE, Stores, open_stores, pieces

LIMIT = 10_000_000
LONG_AGO = Tid.from_us(1_700_000_000_000_000)


@dataclass
class Answer:
    """An answer of the directory."""

    body: bytes
    status: int = 200


@dataclass
class Directory:
    """A directory that knows which key signs for whom."""

    keys: dict[Did, PrivateKey] = field(default_factory=dict)

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = 0,
        timeout: float = 0,  # noqa: ASYNC109
    ) -> Answer:
        assert (method, params, headers, body) == ("GET", (), headers, None)
        did = Did((url + path).rpartition("/")[2])
        if did not in self.keys:
            return Answer(b"{}", 404)
        document = {
            "id": str(did),
            "verificationMethod": [
                {
                    "id": f"{did}#atproto",
                    "type": "Multikey",
                    "controller": str(did),
                    "publicKeyMultibase": self.keys[did].public.multikey,
                }
            ],
        }
        return Answer(json.dumps(document).encode())


@dataclass
class House:
    """A PDS that takes repositories in, and the directory it asks."""

    stores: Stores
    imports: RepoImporter
    directory: Directory
    old_key: PrivateKey

    async def take(self, archive: bytes) -> None:
        await self.imports.take(ALICE, pieces(archive))

    async def open_account(self) -> None:
        """Have an active account stand behind the repo."""
        new = NewAccount(ALICE, Handle("alice.test"), "alice@example.com", "")
        await self.stores.db.write(accounts.insert, new, 1)

    async def paths(self) -> list[str]:
        found = []
        for collection in await self.stores.records.collections(ALICE):
            page = self.stores.records.page(ALICE, collection, 100, None, True)
            found += [record.uri.removeprefix(f"at://{ALICE}/") for record in page]
        return sorted(found)


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    async with open_stores(folder) as stores:
        await stores.open_repo()
        old_key = PrivateKey.generate()
        directory = Directory({ALICE: old_key})
        resolver = IdentityResolver(directory, "http://plc.example", stores.clock.now)
        imports = RepoImporter(stores.db, stores.blobs, resolver, stores.clock, LIMIT)
        yield House(stores, imports, directory, old_key)


def repository(
    key: PrivateKey,
    found: dict[str, Any],
    did: Did = ALICE,
    rev: Tid = LONG_AGO,
) -> bytes:
    """Make the archive of a repository as another PDS would."""
    blocks = {path: cbor.encode(value) for path, value in found.items()}
    leaves = [(path, Cid.for_block(blocks[path])) for path in sorted(blocks)]
    tree = Mst.build(leaves)
    commit = sign_commit(did, rev, tree.root, key)
    parts = {commit.cid: commit.block, **dict(tree.walk())}
    parts |= {cid: blocks[path] for path, cid in leaves}
    return write_car(commit.cid, parts.items())


def notes(number: int) -> dict[str, Any]:
    return {f"{NOTE}/k{n:03}": {"$type": str(NOTE), "n": n} for n in range(number)}


async def refused(house: House, archive: bytes, reason: str | None = None) -> None:
    head, paths = house.stores.repos.head(ALICE), await house.paths()
    with pytest.raises((InvalidImport, InvalidCar), match=reason):
        await house.take(archive)
    assert house.stores.repos.head(ALICE) == head
    assert await house.paths() == paths
