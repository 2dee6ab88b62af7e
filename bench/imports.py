"""What is measured of accounts that arrive: a whole repository, taken in."""

import time
from dataclasses import dataclass
from functools import cache

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
from bench.cases import Case
from bench.load import Figures, figures
from bench.machine import Meter, resident_mb, settle
from bench.target import POST, Account, Target, key, now, post_record

ARRIVALS = 3
LIKE = "app.bsky.feed.like"
ELSEWHERE = "https://pds.example.com"
CREATE = "com.atproto.server.createAccount"


@dataclass(frozen=True)
class Content:
    """The records of a repository and the blocks they make; two posts for every like."""

    root: Cid
    blocks: list[tuple[Cid, bytes]]


@dataclass(frozen=True)
class Newcomer:
    """An account that was opened with a DID from elsewhere, and its archive."""

    account: Account
    archive: bytes


@cache
def content(records: int) -> Content:
    """Make as many records; the same for everybody, since only the signed head differs."""
    found: dict[str, bytes] = {}
    for number in range(records):
        kind = LIKE if number % 3 == 2 else POST
        value = _like(number) if kind == LIKE else post_record()
        found[f"{kind}/{key(number)}"] = cbor.encode(data.record_from_json(value))
    leaves = [(path, Cid.for_block(block)) for path, block in sorted(found.items())]
    tree = Mst.build(leaves)
    named = [(cid, found[path]) for path, cid in leaves]
    return Content(tree.root, [*tree.walk(), *named])


def archive(did: Did, key_of: PrivateKey, made: Content) -> bytes:
    """Sign the content as the repository of an account."""
    commit = sign_commit(did, Tid.from_us(time.time_ns() // 1000), made.root, key_of)
    return write_car(commit.cid, [(commit.cid, commit.block), *made.blocks])


async def newcomer(target: Target, records: int) -> Newcomer:
    """Make a DID that lives elsewhere, open an account for it, and its archive."""
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
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{target.plc}/{did}", json=operation) as answer,
    ):
        answer.raise_for_status()
    account = await _arrive(target, did, name, mint(owner, did, about["did"], CREATE, time.time()))
    return Newcomer(account, archive(did, owner, content(records)))


async def import_repo(target: Target, _seconds: float, records: int) -> Figures:
    """Take archives in, one after the other."""
    crowd = [await newcomer(target, records) for _ in range(ARRIVALS + 1)]
    url = target.address("com.atproto.repo.importRepo")

    async def take(one: Newcomer) -> float:
        began = time.perf_counter()
        headers = {**one.account.headers, "Content-Type": "application/vnd.ipld.car"}
        await target.post(url, one.archive, headers)
        return time.perf_counter() - began

    await take(crowd[0])
    await settle(target.pid)
    meter = Meter.begin(target.pid)
    took = [await take(one) for one in crowd[1:]]
    others = meter.others_seconds()
    await settle(target.pid)
    found = figures(meter, len(took) * records, sum(took), others, took, "records/s")
    found.more["MB resident"] = resident_mb(target.pid)
    return found


def cases() -> dict[str, Case]:
    """Give the cases by name."""
    found: dict[str, Case] = {}

    def add(records: int) -> None:
        found[f"import_repo records={records}"] = lambda target, seconds: import_repo(
            target, seconds, records
        )

    add(1_000)
    add(10_000)
    return found


async def _arrive(target: Target, did: str, name: str, permit: str) -> Account:
    body = {"did": did, "handle": f"{name}.test", "email": f"{name}@example.com"}
    url = target.address(CREATE)
    headers = {"Authorization": f"Bearer {permit}"}
    full = orjson.dumps({**body, "password": "correct horse battery"})
    answer = orjson.loads(await target.post(url, full, headers))
    return Account(answer["did"], {"Authorization": f"Bearer {answer['accessJwt']}"})


def _like(number: int) -> dict[str, object]:
    cid = str(Cid.for_block(str(number).encode()))
    subject = {"uri": f"at://did:plc:{'a' * 24}/{POST}/{key(number)}", "cid": cid}
    return {"$type": LIKE, "subject": subject, "createdAt": now()}
