"""A labeler beside the PDS in whose name it labels, and short cuts to both."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from appliance.atproto.xrpc.frames import Frame, decode_frame
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.labeler.app import build_app
from appliance.labeler.role import Labeler, open_labeler
from tests.support.pds_box import Answer, Box, open_box

OWN = "internal.hearth.labeler"


@dataclass
class LabelerHouse:
    """Ask the labeler as the operator and as the world do."""

    box: Box
    role: Labeler
    client: "TestClient[Any, Any]"

    async def operate(self, verb: str, name: str, **given: Any) -> Answer:
        """Call a method of ours as the operator."""
        headers = {"Authorization": self.role.access.header}
        body: dict[str, Any] = {"params": given} if verb == "GET" else {"json": given}
        return await self._ask(verb, f"{OWN}.{name}", headers=headers, **body)

    async def put(self, uri: str, val: str, **more: Any) -> Any:
        """Put a label."""
        answer = await self.operate("POST", "putLabel", uri=uri, val=val, **more)
        assert answer.status == 200, answer
        return answer.json["label"]

    async def negate(self, uri: str, val: str) -> Any:
        answer = await self.operate("POST", "negateLabel", uri=uri, val=val)
        assert answer.status == 200, answer
        return answer.json["label"]

    async def query(self, *patterns: str, **params: Any) -> Answer:
        """Ask for labels, as nobody in particular."""
        given = [("uriPatterns", each) for each in patterns]
        given += [(name, str(value)) for name, value in params.items()]
        return await self._ask("GET", "com.atproto.label.queryLabels", params=given)

    async def report(self, token: str, **given: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        nsid = "com.atproto.moderation.createReport"
        return await self._ask("POST", nsid, headers=headers, json=given)

    async def frames(self, count: int, cursor: int | None = None) -> list[Frame]:
        """Read some frames of the stream."""
        params = {} if cursor is None else {"cursor": str(cursor)}
        path = "/xrpc/com.atproto.label.subscribeLabels"
        found = []
        async with self.client.ws_connect(path, params=params) as ws:
            for _ in range(count):
                message = await ws.receive(timeout=60)
                assert message.type is WSMsgType.BINARY, message
                found.append(decode_frame(message.data))
        return found

    async def _ask(self, verb: str, nsid: str, **given: Any) -> Answer:
        async with self.client.request(verb, f"/xrpc/{nsid}", **given) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json" and body
            value = await answer.json() if is_json else None
            return Answer(answer.status, answer.headers, body, value)


@asynccontextmanager
async def open_house(folder: Path, **changes: Any) -> AsyncIterator[LabelerHouse]:
    """Run a PDS and a labeler that share a data folder."""
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(open_box(folder, **changes))
        pds = box.pds
        http = await stack.enter_async_context(HttpClient.open(OutboundPolicy()))
        workers = await stack.enter_async_context(Workers())
        opening = open_labeler(pds.settings, http, workers, box.clock, pds.validator)
        role = await stack.enter_async_context(opening)
        server = TestServer(build_app(role, pds.settings))
        client = await stack.enter_async_context(TestClient(server))
        yield LabelerHouse(box, role, client)
