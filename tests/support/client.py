"""An AT Protocol client in small: XRPC calls whose answers must be valid under their lexicon."""

import asyncio
import contextlib
import itertools
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import Any, Self, TypeVar

import aiohttp
import orjson

from appliance.atproto.lexicon.catalog import Catalog, load_catalog
from appliance.atproto.lexicon.validate import Validator
from tests.support.answered import ANSWERED

PASSWORD = "correct horse battery"
T = TypeVar("T")

_numbers = itertools.count(int(time.time() * 1000) % 10_000_000)


class Refused(Exception):
    """The answer is an error of XRPC."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status = status
        self.error = error
        self.message = message


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Status and error name."""
        assert self.status >= 400, (self.status, self.body[:200])
        return self.status, str(self.json["error"])


class Client:
    """Somebody at one server; `token` is sent when there is one."""

    def __init__(self, http: aiohttp.ClientSession, base: str, token: str | None = None) -> None:
        self.http = http
        self.base = base
        self.token = token

    async def raw(
        self,
        verb: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send exactly this; any answer is given back."""
        fields = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        query = None if params is None else [*_pairs(params)]
        data = None if body is None else BytesIO(body)
        async with self.http.request(
            verb, self.base + path, data=data, params=query, headers={**fields, **(headers or {})}
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, nsid: str, **params: Any) -> Any:
        return checked(nsid, await self.raw("GET", f"/xrpc/{nsid}", params=params))

    async def post(self, nsid: str, **fields: Any) -> Any:
        return checked(nsid, await self.raw("POST", f"/xrpc/{nsid}", *_json(nsid, fields)))

    async def upload(self, data: bytes, mime_type: str) -> dict[str, Any]:
        """Upload a blob; return the reference to put into a record."""
        headers = {"Content-Type": mime_type}
        nsid = "com.atproto.repo.uploadBlob"
        answer = await self.raw("POST", f"/xrpc/{nsid}", data, headers)
        reference: dict[str, Any] = checked(nsid, answer)["blob"]
        return reference


class Operator(Client):
    """Whoever knows the operator token."""

    async def raw(
        self,
        verb: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        basic = b64encode(f"admin:{self.token}".encode()).decode()
        named = Client(self.http, self.base)
        fields = {"Authorization": f"Basic {basic}", **(headers or {})}
        return await named.raw(verb, path, body, fields, params)


@dataclass(frozen=True)
class Ref:
    """A strong reference."""

    uri: str
    cid: str

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Self:
        return cls(written["uri"], written["cid"])

    @property
    def json(self) -> dict[str, str]:
        return {"uri": self.uri, "cid": self.cid}

    @property
    def rkey(self) -> str:
        return self.uri.rpartition("/")[2]


class Member(Client):
    """Somebody with an account, signed in."""

    def __init__(self, http: aiohttp.ClientSession, base: str, session: Mapping[str, Any]) -> None:
        super().__init__(http, base, session["accessJwt"])
        self.did: str = session["did"]
        self.handle: str = session["handle"]
        self.refresh: str = session["refreshJwt"]

    async def create(self, collection: str, **record: Any) -> Ref:
        value = {"$type": collection, "createdAt": now(), **record}
        return Ref.of(
            await self.post(
                "com.atproto.repo.createRecord",
                repo=self.did,
                collection=collection,
                record=value,
            )
        )

    async def put(self, collection: str, rkey: str, **record: Any) -> Ref:
        return Ref.of(
            await self.post(
                "com.atproto.repo.putRecord",
                repo=self.did,
                collection=collection,
                rkey=rkey,
                record={"$type": collection, **record},
            )
        )

    async def delete(self, ref: Ref) -> None:
        _, _, _, collection, rkey = ref.uri.split("/")
        await self.post(
            "com.atproto.repo.deleteRecord", repo=self.did, collection=collection, rkey=rkey
        )

    async def write_post(self, text: str, **more: Any) -> Ref:
        return await self.create("app.bsky.feed.post", text=text, **more)

    async def reply(self, root: Ref, parent: Ref, text: str) -> Ref:
        return await self.write_post(text, reply={"root": root.json, "parent": parent.json})

    async def like(self, subject: Ref) -> Ref:
        return await self.create("app.bsky.feed.like", subject=subject.json)

    async def repost(self, subject: Ref) -> Ref:
        return await self.create("app.bsky.feed.repost", subject=subject.json)

    async def follow(self, other: "Member") -> Ref:
        return await self.create("app.bsky.graph.follow", subject=other.did)

    async def block(self, other: "Member") -> Ref:
        return await self.create("app.bsky.graph.block", subject=other.did)

    async def profile(self, actor: "Member | None" = None) -> dict[str, Any]:
        seen: dict[str, Any] = await self.get(
            "app.bsky.actor.getProfile", actor=(actor or self).did
        )
        return seen

    async def timeline(self) -> list[str]:
        """Give the URIs of the newest posts."""
        return uris(await self.get("app.bsky.feed.getTimeline", limit=30))

    async def sees(self, post: Ref, seconds: float = 60.0) -> None:
        """Wait until a post is among the newest of the timeline."""
        await soon(self.timeline, lambda seen: post.uri in seen, seconds)

    async def misses(self, post: Ref, seconds: float = 60.0) -> None:
        """Wait until a post is not in the timeline."""
        await soon(self.timeline, lambda seen: post.uri not in seen, seconds)

    async def finds(self, post: Ref) -> None:
        """Wait until a post is in her own feed.

        It is there at once (`journeys/test_read_your_writes`), but where the machine is too busy.
        """

        async def there() -> bool:
            with contextlib.suppress(Refused):
                return post.uri in await self.author_feed()
            return False

        await soon(there, bool)

    async def author_feed(self, actor: "Member | None" = None) -> list[str]:
        return uris(await self.get("app.bsky.feed.getAuthorFeed", actor=(actor or self).did))

    async def thread(self, uri: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get("app.bsky.feed.getPostThread", uri=uri)
        thread: dict[str, Any] = found["thread"]
        return thread

    async def notifications(self) -> list[tuple[str, str]]:
        """Give reason and author of each, newest first."""
        found = await self.get("app.bsky.notification.listNotifications", limit=100)
        return [(each["reason"], each["author"]["did"]) for each in found["notifications"]]


def uris(feed: Mapping[str, Any]) -> list[str]:
    return [item["post"]["uri"] for item in feed["feed"]]


async def join(http: aiohttp.ClientSession, base: str, name: str = "user", **more: Any) -> Member:
    """Open an account with a handle that nobody has."""
    handle = f"{name}{next(_numbers)}.test"
    fields = {"handle": handle, "email": f"{handle}@mail.test", "password": PASSWORD, **more}
    return Member(
        http, base, await Client(http, base).post("com.atproto.server.createAccount", **fields)
    )


async def sign_in(
    http: aiohttp.ClientSession, base: str, identifier: str, password: str = PASSWORD, **more: Any
) -> Member:
    fields = {"identifier": identifier, "password": password, **more}
    return Member(
        http, base, await Client(http, base).post("com.atproto.server.createSession", **fields)
    )


async def soon(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 60.0
) -> T:
    """Look again and again until what is seen is good; return it."""
    end = time.monotonic() + seconds
    while True:
        seen = await look()
        if good(seen):
            return seen
        assert time.monotonic() < end, f"still so after {seconds} s: {str(seen)[:2000]}"
        await asyncio.sleep(0.01)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def checked(nsid: str, answer: Answer) -> Any:
    """Give the JSON of a good answer. Raises Refused, and what is not valid under the lexicon."""
    if answer.status >= 400:
        told = answer.json
        raise Refused(answer.status, told["error"], told.get("message", ""))
    if not answer.body:
        return None
    if "application/json" not in answer.headers.get("Content-Type", ""):
        return answer.body
    _validator().output(nsid, answer.json)
    ANSWERED.add(nsid)
    return answer.json


@cache
def _catalog() -> Catalog:
    return load_catalog()


@cache
def _validator() -> Validator:
    return Validator(_catalog())


def _json(nsid: str, fields: Mapping[str, Any]) -> tuple[bytes | None, dict[str, str]]:
    if "input" not in _catalog().definition(nsid):
        return None, {}
    return orjson.dumps(fields), {"Content-Type": "application/json"}


def _pairs(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for key, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            text = str(each).lower() if isinstance(each, bool) else str(each)
            pairs.append((key, text))
    return pairs
