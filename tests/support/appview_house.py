"""A whole AppView on a temporary directory, with accounts that write and viewers that ask."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from appliance.appview.app import build_app
from appliance.appview.role import AppView, open_appview
from appliance.appview.viewer_tokens import ViewerTokens
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.identity.errors import DidNotFound
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc import service_auth
from appliance.base.addresses import OutboundPolicy
from appliance.base.database import Connection
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.settings import defaults
from tests.support.clock import FakeClock
from tests.support.index_lab import IndexLab, validator

T = TypeVar("T")
Json = Any
# Verb, path with its query, body, headers.
Sent: TypeAlias = tuple[str, str, bytes | None, dict[str, str]]


@dataclass(frozen=True)
class KeyDocument:
    signing_key: PublicKey | None


class KeyRing:
    """The signing keys of test accounts: the directory that tokens are checked against."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {}

    async def document(self, did: Did, fresh: bool = False) -> KeyDocument:
        if did not in self.keys:
            raise DidNotFound(did)
        return KeyDocument(self.keys[did].public)


class AppViewHouse:
    """Ask the AppView as a client would. Every answer is measured by its lexicon."""

    def __init__(
        self, role: AppView, client: "TestClient[Any, Any]", ring: KeyRing, clock: FakeClock
    ) -> None:
        self.role = role
        self.client = client
        self.clock = clock
        self._ring = ring
        self._lab: IndexLab | None = None

    async def write(self, scene: Callable[[IndexLab], T]) -> T:
        """Let accounts write records, in one transaction of the index."""

        def run(conn: Connection) -> T:
            if self._lab is None:
                self._lab = IndexLab(conn)
            return scene(self._lab)

        return await self.role.index.write(run)

    def token(self, did: str, nsid: str, audience: str | None = None) -> str:
        key = self._ring.keys.setdefault(did, PrivateKey.generate())
        names = audience or self.role.did
        return service_auth.mint(key, Did(did), names, nsid, self.clock.now())

    async def ask(
        self,
        viewer: str | None,
        nsid: str,
        params: dict[str, Any] | None = None,
        *,
        body: Json = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Json, dict[str, str]]:
        """Call a method; give status, value and headers."""
        sent = dict(headers or {})
        if viewer is not None:
            sent["Authorization"] = f"Bearer {self.token(viewer, nsid)}"
        verb = "GET" if body is None else "POST"
        pairs = [
            (name, str(each).lower() if isinstance(each, bool) else str(each))
            for name, value in (params or {}).items()
            for each in (value if isinstance(value, list) else [value])
        ]
        async with self.client.request(
            verb, f"/xrpc/{nsid}", params=pairs, json=body, headers=sent
        ) as response:
            text = await response.read()
            value = await response.json() if text else None
            return response.status, value, dict(response.headers)

    async def send(self, viewer: str | None, nsid: str, request: Sent) -> tuple[int, Json]:
        """Call a method by a whole request; give status and value."""
        verb, path, body, headers = request
        if viewer is not None:
            headers = {**headers, "Authorization": f"Bearer {self.token(viewer, nsid)}"}
        url = URL(path, encoded=True)
        async with self.client.request(verb, url, data=body, headers=headers) as response:
            text = await response.read()
            return response.status, await response.json() if text else None

    async def get(self, viewer: str | None, nsid: str, **params: Any) -> Json:
        """Call a query that must succeed. Names may end in "_" where Python keeps them."""
        given = {name.rstrip("_"): value for name, value in params.items()}
        status, value, _ = await self.ask(viewer, nsid, given)
        assert status == 200, value
        return value

    async def post(self, viewer: str, nsid: str, **body: Any) -> Json:
        """Call a procedure that must succeed."""
        given = {name.rstrip("_"): value for name, value in body.items()}
        status, value, _ = await self.ask(viewer, nsid, body=given)
        assert status == 200, value
        return value

    async def refused(self, viewer: str | None, nsid: str, **params: Any) -> tuple[int, str]:
        """Call a query that must fail; give status and error name."""
        given = {name.rstrip("_"): value for name, value in params.items()}
        status, value, _ = await self.ask(viewer, nsid, given)
        assert status != 200, value
        return status, value["error"]


@asynccontextmanager
async def open_house(
    path: Path, *, logged_out_reads: bool = True, values: dict[str, Any] | None = None
) -> AsyncIterator[AppViewHouse]:
    """Open an AppView on an empty directory; no relay answers it. values: other settings."""
    clock = FakeClock()
    settings = defaults("dev", path).with_values(
        {"appview.logged_out_reads": logged_out_reads, **(values or {})}
    )
    ring = KeyRing()
    async with (
        HttpClient.open(OutboundPolicy()) as http,
        Workers() as workers,
        open_appview(settings, http, workers, clock, validator()) as opened,
    ):
        tokens = ViewerTokens(opened.did, ring, opened.index, clock.now)
        role = replace(opened, tokens=tokens)
        async with TestClient(TestServer(build_app(role, settings))) as client:
            yield AppViewHouse(role, client, ring, clock)
            assert role.index.full_scans() == []
