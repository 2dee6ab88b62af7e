"""What is measured of accounts that arrive: a whole repository, taken in."""

import time
from dataclasses import dataclass
from functools import cache

from appliance.atproto import cbor, data
from appliance.atproto.cid import Cid
from bench.cases import Case
from bench.load import Figures, figures
from bench.machine import Meter, resident_mb, settle
from bench.moving_in import Content, archive, arrive, contained, send_archive
from bench.target import POST, Account, Target, key, now, post_record

ARRIVALS = 3
LIKE = "app.bsky.feed.like"


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
    return contained(found)


async def newcomer(target: Target, records: int) -> Newcomer:
    """Make a DID that lives elsewhere, open an account for it, and its archive."""
    mover = await arrive(target)
    return Newcomer(mover.account, archive(mover.did, mover.owner, content(records)))


async def import_repo(target: Target, _seconds: float, records: int) -> Figures:
    """Take archives in, one after the other."""
    crowd = [await newcomer(target, records) for _ in range(ARRIVALS + 1)]

    async def take(one: Newcomer) -> float:
        began = time.perf_counter()
        await send_archive(target, one.account, one.archive)
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


def _like(number: int) -> dict[str, object]:
    cid = str(Cid.for_block(str(number).encode()))
    subject = {"uri": f"at://did:plc:{'a' * 24}/{POST}/{key(number)}", "cid": cid}
    return {"$type": LIKE, "subject": subject, "createdAt": now()}
