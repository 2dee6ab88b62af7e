"""Accounts that move in with what they wrote elsewhere: the quick way to a large network."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from appliance.atproto import cbor, data
from appliance.atproto.car import write_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import plc
from appliance.atproto.repo.commit import sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.service_auth import mint
from bench.target import Account, Target

ELSEWHERE = "https://pds.example.com"
CREATE = "com.atproto.server.createAccount"
RECOMMENDED = "com.atproto.identity.getRecommendedDidCredentials"


@dataclass(frozen=True)
class Content:
    """The records of a repository and the blocks they make."""

    root: Cid
    blocks: list[tuple[Cid, bytes]]


@dataclass(frozen=True)
class Mover:
    """Somebody whose DID was made elsewhere: the account here, the key, the DID's first entry."""

    account: Account
    owner: PrivateKey
    operation: Mapping[str, Any]

    @property
    def did(self) -> Did:
        return Did.unchecked(self.account.did)


def contained(found: Mapping[str, bytes]) -> Content:
    """Make the tree of a repository of records by path."""
    leaves = [(path, Cid.for_block(block)) for path, block in sorted(found.items())]
    tree = Mst.build(leaves)
    named = [(cid, found[path]) for path, cid in leaves]
    return Content(tree.root, [*tree.walk(), *named])


def archive(did: Did, key_of: PrivateKey, made: Content) -> bytes:
    """Sign the content as the repository of an account."""
    commit = sign_commit(did, Tid.from_us(time.time_ns() // 1000), made.root, key_of)
    return write_car(commit.cid, [(commit.cid, commit.block), *made.blocks])


async def arrive(target: Target) -> Mover:
    """Make a DID that lives elsewhere, and open an account for it."""
    owner = PrivateKey.generate()
    name = target.name()
    about = orjson.loads(await target.get(target.address("com.atproto.server.describeServer")))
    operation = plc.sign_operation(
        plc.genesis_operation(
            rotation_keys=[owner.public.did_key],
            signing_key=owner.public.did_key,
            handle=f"{name}.example.com",
            pds_url=ELSEWHERE,
        ),
        owner,
    )
    did = plc.did_for(operation)
    await _enter(target, did, operation)
    body = {"did": did, "handle": f"{name}.test", "email": f"{name}@example.com"}
    permit = mint(owner, did, about["did"], CREATE, time.time())
    headers = {"Authorization": f"Bearer {permit}"}
    full = orjson.dumps({**body, "password": "correct horse battery"})
    answer = orjson.loads(await target.post(target.address(CREATE), full, headers))
    account = Account(answer["did"], {"Authorization": f"Bearer {answer['accessJwt']}"})
    return Mover(account, owner, operation)


async def send_archive(target: Target, account: Account, car: bytes) -> None:
    """Have an archive taken in."""
    headers = {**account.headers, "Content-Type": "application/vnd.ipld.car"}
    await target.post(target.address("com.atproto.repo.importRepo"), car, headers)


async def move_in(target: Target, wanted: Iterable[tuple[str, str, Any]]) -> Account:
    """Open an account that comes from elsewhere with such records: collection, key, value."""
    mover = await arrive(target)
    found = {
        f"{collection}/{rkey}": cbor.encode(data.record_from_json(value))
        for collection, rkey, value in wanted
    }
    headers = mover.account.headers
    await send_archive(target, mover.account, archive(mover.did, mover.owner, contained(found)))
    told = orjson.loads(await target.get(target.address(RECOMMENDED), headers))
    prev = str(plc.cid_of(dict(mover.operation)))
    operation = {"type": "plc_operation", **told, "prev": prev}
    await _enter(target, mover.did, plc.sign_operation(operation, mover.owner))
    await target.post(target.address("com.atproto.server.activateAccount"), b"", headers)
    return mover.account


async def _enter(target: Target, did: str, operation: Mapping[str, Any]) -> None:
    """Write an operation into the directory."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{target.plc}/{did}", json=operation) as answer,
    ):
        answer.raise_for_status()
