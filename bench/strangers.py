"""Hosts of strangers: real repos, signatures and streams, in the process that measures."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.identity import plc
from appliance.atproto.repo.repo import Repo
from appliance.atproto.syntax import AtUri, Did
from tests.support.repo_author import RepoAuthor

WORDS = "quick brown fox lazy dog rain falls on old town roofs while we wait for the bus " * 3


class Host:
    """A PDS as a relay sees it: its accounts, their archives, its whole stream from the first."""

    def __init__(self) -> None:
        self.url = ""
        self.authors: dict[str, RepoAuthor] = {}
        self._frames: list[bytes] = []
        self._listening: set[asyncio.Event] = set()

    def post(self, author: RepoAuthor, text: str) -> tuple[str, str]:
        """Commit one post and tell whoever listens. Returns its URI and the commit's rev."""
        event = author.post(text)
        self._frames.append(replace(event, seq=len(self._frames) + 1).frame())
        for news in self._listening:
            news.set()
        return AtUri.make(author.did, *event.ops[0].path.split("/")), event.rev

    def app(self) -> web.Application:
        answers = {
            "server.describeServer": self._describe,
            "sync.listRepos": self._list,
            "sync.getRepo": self._repo,
            "sync.getRepoStatus": self._status,
            "sync.subscribeRepos": self._stream,
        }
        app = web.Application()
        for name, answer in answers.items():
            app.router.add_get(f"/xrpc/com.atproto.{name}", answer)
        return app

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.json_response({"did": "did:web:localhost", "availableUserDomains": []})

    async def _list(self, _request: web.Request) -> web.Response:
        repos = [
            {"did": did, "head": str(head.cid), "rev": head.rev, "active": True}
            for did, author in self.authors.items()
            if (head := author.repo.head) is not None
        ]
        return web.json_response({"repos": repos})

    async def _status(self, request: web.Request) -> web.Response:
        author = self.authors[request.query["did"]]
        head = author.repo.head
        told = {"did": author.did, "active": True}
        return web.json_response({**told, "rev": head.rev} if head else told)

    async def _repo(self, request: web.Request) -> web.Response:
        archive = self.authors[request.query["did"]].car()
        return web.Response(body=archive, content_type="application/vnd.ipld.car")

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket, news = web.WebSocketResponse(compress=False), asyncio.Event()
        await socket.prepare(request)
        at = int(request.query.get("cursor", len(self._frames)))
        self._listening.add(news)
        try:
            while not socket.closed:
                news.clear()
                for frame in self._frames[at : at + 100]:
                    await socket.send_bytes(frame)
                    at += 1
                if at == len(self._frames):
                    await news.wait()
        except ConnectionError:
            pass
        finally:
            self._listening.discard(news)
        return socket


class Strangers:
    """Accounts spread over hosts, who post in turn."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = hosts
        self.dids: list[str] = []
        self._numbers = itertools.count(1)
        self._turn: itertools.cycle[tuple[Host, RepoAuthor]] = itertools.cycle(())

    async def settle(self, plc_url: str, each: int) -> None:
        """Open accounts at every host, registered in a directory, with one post each."""
        everybody = []
        async with aiohttp.ClientSession() as http:
            for number, host in enumerate(self.hosts * each):
                author = RepoAuthor("stranger")
                author.handle = f"stranger{number}.test"
                author.did = await _register(http, plc_url, author, host.url)
                author.repo = Repo.build(author.did, [], None)
                host.authors[author.did] = author
                everybody.append((host, author))
        self.dids = [author.did for _, author in everybody]
        self._turn = itertools.cycle(everybody)

    def post(self) -> tuple[str, str]:
        """Have the next of them post. Returns the post's URI and the commit's rev."""
        host, author = next(self._turn)
        return host.post(author, f"{next(self._numbers):09} {WORDS}"[:200])

    def records(self) -> int:
        """Count what they have written."""
        return next(self._numbers) - 1


@asynccontextmanager
async def strangers(hosts: int) -> AsyncIterator[Strangers]:
    """Serve so many hosts."""
    async with AsyncExitStack() as stack:
        all_hosts = [Host() for _ in range(hosts)]
        for host in all_hosts:
            server = TestServer(host.app(), host="localhost", shutdown_timeout=1.0)
            await stack.enter_async_context(server)
            host.url = f"http://localhost:{server.port}"
        yield Strangers(all_hosts)


async def _register(
    http: aiohttp.ClientSession, plc_url: str, author: RepoAuthor, pds_url: str
) -> Did:
    key = author.key.public.did_key
    operation = plc.genesis_operation(
        rotation_keys=[key], signing_key=key, handle=author.handle, pds_url=pds_url
    )
    # Without a handle: in development mode each would be asked for at each of the hosts.
    signed = plc.sign_operation({**operation, "alsoKnownAs": []}, author.key)
    did = plc.did_for(signed)
    async with http.post(f"{plc_url}/{did}", json=signed) as answer:
        answer.raise_for_status()
    return did
