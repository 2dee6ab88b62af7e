"""The server under load, as a client sees it: accounts, repos full of records, a society."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from appliance.atproto.tid import Tid
from bench.wire import Answer, Wires, request_bytes

POST = "app.bsky.feed.post"
WORDS = ("quick brown fox lazy dog rain falls on old town roofs while we wait for the bus " * 8)[
    :300
]
BIG_REPO = 10_000
BATCH = 200
EPOCH_US = 1_790_000_000_000_000


@dataclass(frozen=True)
class Account:
    """An account and the headers that its app sends."""

    did: str
    headers: dict[str, str]


class Refused(Exception):
    """The server answered with an error."""


class Target:
    """One PDS under test; what cases need is made once and kept."""

    def __init__(self, http: aiohttp.ClientSession, url: str, pid: int, plc: str) -> None:
        self._http = http
        self.wires = Wires(url)
        self._url = url
        self.pid = pid
        self.plc = plc
        self._numbers = itertools.count(1)
        self._nonce = os.urandom(3).hex()
        self._crowd: list[Account] = []
        self._big: Account | None = None
        self._society: list[Account] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, pid: int, plc: str) -> AsyncIterator[Self]:
        """Open connections to a PDS; `pid` is its process here, `plc` the directory it asks."""
        async with aiohttp.ClientSession() as http:
            target = cls(http, url, pid, plc)
            try:
                yield target
            finally:
                target.wires.close()

    def address(self, nsid: str, **params: object) -> URL:
        """Make the URL of a method."""
        return URL(f"{self._url}/xrpc/{nsid}").with_query({k: str(v) for k, v in params.items()})

    async def get(self, url: URL, headers: dict[str, str] | None = None) -> bytes:
        """Ask, and read the whole answer. Raises Refused."""
        full = {"Accept-Encoding": "identity", **(headers or {})}
        return _good(url, await self.wires.ask(request_bytes("GET", url, full)))

    async def post(self, url: URL, body: bytes, headers: dict[str, str] | None = None) -> bytes:
        """Call with JSON, and read the whole answer. Raises Refused."""
        full = {"Content-Type": "application/json", **(headers or {})}
        return _good(url, await self.wires.ask(request_bytes("POST", url, full, body)))

    @asynccontextmanager
    async def subscribe(
        self, cursor: int | None = None
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Follow the firehose."""
        asked = {} if cursor is None else {"cursor": cursor}
        url = self.address("com.atproto.sync.subscribeRepos", **asked)
        async with self._http.ws_connect(url, max_msg_size=0, compress=0) as ws:
            yield ws

    def name(self) -> str:
        """Make up a name that nobody has."""
        return f"b{self._nonce}{next(self._numbers)}"

    async def sign_up(self) -> Account:
        """Open an account."""
        name = self.name()
        body = {
            "handle": f"{name}.test",
            "email": f"{name}@example.com",
            "password": "correct horse battery",
        }
        url = self.address("com.atproto.server.createAccount")
        answer = orjson.loads(await self.post(url, orjson.dumps(body)))
        return Account(answer["did"], {"Authorization": f"Bearer {answer['accessJwt']}"})

    async def crowd(self, size: int) -> list[Account]:
        """Give accounts that nothing but writes have happened to."""
        while len(self._crowd) < size:
            self._crowd.append(await self.sign_up())
        return self._crowd[:size]

    async def big(self) -> Account:
        """Give an account with 10,000 posts, whose keys `key` gives."""
        if self._big is None:
            account = await self.sign_up()
            for start in range(0, BIG_REPO, BATCH):
                numbers = range(start, start + BATCH)
                await self.fill(account, [(POST, key(at), post_record()) for at in numbers])
            self._big = account
        return self._big

    async def fill(self, account: Account, records: list[tuple[str, str, dict[str, Any]]]) -> Any:
        """Create records, at most 200, in one commit."""
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": collection,
                "rkey": rkey,
                "value": value,
            }
            for collection, rkey, value in records
        ]
        url = self.address("com.atproto.repo.applyWrites")
        body = orjson.dumps({"repo": account.did, "writes": writes})
        return orjson.loads(await self.post(url, body, account.headers))

    async def society(self, people: int = 50, posts: int = 100, follows: int = 15) -> list[Account]:
        """Give accounts that follow, post and like: 50, 5,000, 750 and 5,000 of them."""
        if not self._society:
            accounts = [await self.sign_up() for _ in range(people)]
            answers = await asyncio.gather(
                *(self._settle_in(accounts, at, posts, follows) for at in range(people))
            )
            written = [found for answer in answers for found in answer]
            for at, account in enumerate(accounts):
                liked = [written[(at * 37 + step * 13) % len(written)] for step in range(posts)]
                await self.fill(account, [_like(n, subject) for n, subject in enumerate(liked)])
            self._society = accounts
        return self._society

    async def _settle_in(
        self, accounts: list[Account], at: int, posts: int, follows: int
    ) -> list[dict[str, str]]:
        records = [(POST, key(number), post_record()) for number in range(posts)]
        for step in range(1, follows + 1):
            friend = accounts[(at + step) % len(accounts)]
            value = {"$type": "app.bsky.graph.follow", "subject": friend.did, "createdAt": now()}
            records.append(("app.bsky.graph.follow", key(step), value))
        answer = await self.fill(accounts[at], records)
        return [{"uri": one["uri"], "cid": one["cid"]} for one in answer["results"][:posts]]


def _good(url: URL, answer: Answer) -> bytes:
    if answer.status != 200:
        raise Refused(f"{url.path}: {answer.status} {answer.body[:300]!r}")
    return answer.body


def key(number: int) -> str:
    """Give a record key by number."""
    return Tid.from_us(EPOCH_US + number * 1000)


def now() -> str:
    seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros // 1000:03}Z"


def post_record() -> dict[str, Any]:
    """Write a post of 300 characters, like no other."""
    text = f"{time.perf_counter_ns():020} {WORDS}"[:300]
    return {"$type": POST, "text": text, "langs": ["en"], "createdAt": now()}


def _like(number: int, subject: dict[str, str]) -> tuple[str, str, dict[str, Any]]:
    value = {"$type": "app.bsky.feed.like", "subject": subject, "createdAt": now()}
    return "app.bsky.feed.like", key(number), value
