"""What is measured of a PDS: writes and reads of repos."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import orjson

from bench.load import Figures, closed_loop
from bench.target import BIG_REPO, POST, Target, key, post_record

Case: TypeAlias = Callable[[Target, float], Awaitable[Figures]]
CARS_AT_LEAST = 3.0


async def health(target: Target, seconds: float, connections: int) -> Figures:
    url = target.address("_health")
    return await closed_loop(target.pid, connections, seconds, lambda _: target.get(url))


async def create_record(target: Target, seconds: float, accounts: int, connections: int) -> Figures:
    crowd = await target.crowd(accounts)
    url = target.address("com.atproto.repo.createRecord")

    async def one(number: int) -> None:
        account = crowd[number % accounts]
        body = {"repo": account.did, "collection": POST, "record": post_record()}
        await target.post(url, orjson.dumps(body), account.headers)

    return await closed_loop(target.pid, connections, seconds, one)


async def create_account(target: Target, seconds: float, connections: int) -> Figures:
    async def one(_: int) -> None:
        await target.sign_up()

    return await closed_loop(target.pid, connections, seconds, one)


async def apply_writes(target: Target, seconds: float, batch: int) -> Figures:
    account = (await target.crowd(1))[0]
    url = target.address("com.atproto.repo.applyWrites")

    async def one(_: int) -> None:
        write = {"$type": "com.atproto.repo.applyWrites#create", "collection": POST}
        writes = [{**write, "value": post_record()} for _ in range(batch)]
        body = orjson.dumps({"repo": account.did, "writes": writes})
        await target.post(url, body, account.headers)

    return await closed_loop(target.pid, 1, seconds, one, unit="records/s", each=batch)


async def get_record(target: Target, seconds: float, connections: int) -> Figures:
    did = (await target.big()).did
    urls = [
        target.address("com.atproto.repo.getRecord", repo=did, collection=POST, rkey=key(number))
        for number in range(0, BIG_REPO, 7)
    ]
    turn = itertools.cycle(urls)
    return await closed_loop(target.pid, connections, seconds, lambda _: target.get(next(turn)))


async def list_records(target: Target, seconds: float, connections: int) -> Figures:
    """Read pages of 100 from all over a large collection."""
    did = (await target.big()).did
    urls = [
        target.address(
            "com.atproto.repo.listRecords",
            repo=did, collection=POST, limit=100, cursor=key(number),
        )
        for number in range(200, BIG_REPO, 71)
    ]  # fmt: skip
    turn = itertools.cycle(urls)
    return await closed_loop(
        target.pid, connections, seconds, lambda _: target.get(next(turn)), unit="pages/s"
    )


async def get_repo(target: Target, seconds: float) -> Figures:
    """Read the archive of 10,000 records, about 7 MB."""
    url = target.address("com.atproto.sync.getRepo", did=(await target.big()).did)
    size = len(await target.get(url))
    long = max(seconds, CARS_AT_LEAST)
    found = await closed_loop(target.pid, 1, long, lambda _: target.get(url), unit="repos/s")
    return replace(found, more={"MB/s": found.rate * size / 1e6})


def cases() -> dict[str, Case]:
    """Give the cases by name."""
    found: dict[str, Case] = {}

    def add(name: str, run: Callable[..., Awaitable[Figures]], *values: int) -> None:
        found[name] = lambda target, seconds: run(target, seconds, *values)

    for connections in (1, 32):
        add(f"health conc={connections}", health, connections)
    for accounts, connections in itertools.product((1, 8), (1, 8, 32)):
        add(f"create_record accounts={accounts} conc={connections}", create_record, accounts,
            connections)  # fmt: skip
    for batch in (100, 200):
        add(f"apply_writes batch={batch}", apply_writes, batch)
    for connections in (1, 8):
        add(f"create_account conc={connections}", create_account, connections)
    for connections in (1, 8, 32):
        add(f"get_record conc={connections}", get_record, connections)
    for connections in (1, 8):
        add(f"list_records limit=100 conc={connections}", list_records, connections)
    add("get_repo records=10000", get_repo)
    return found
