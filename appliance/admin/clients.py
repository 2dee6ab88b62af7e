"""The local roles, as the operator sees them: XRPC over their sockets, with the operator token."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientResponse

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.client import Params, XrpcClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused
from appliance.settings import Settings
from appliance.upkeep.metrics import PATH as METRICS
from appliance.upkeep.operator_access import OperatorAccess

STATUS: Final = "internal.hearth.upkeep.getStatus"
NOTE: Final = "internal.hearth.pds.noteAct"


class RoleClient:
    """One role, asked as the operator."""

    def __init__(
        self,
        name: str,
        client: XrpcClient,
        headers: Mapping[str, str],
        log: "RoleClient | None" = None,
    ) -> None:
        """`log` is told of what is done here; the PDS, which keeps the log, hears by itself."""
        self.name = name
        self._client = client
        self._headers = headers
        self._log = log

    async def query(self, nsid: str, **params: Any) -> Json:
        """Raises XrpcError, UpstreamFailure."""
        given: Params = params
        return await self._client.query(nsid, given, self._headers)

    async def call(self, nsid: str, **fields: Any) -> Json:
        """Call a procedure; a field that is None is left out, and no field at all is no input.

        Raises XrpcError.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        answer = await self._client.procedure(nsid, given if fields else None, self._headers)
        if self._log is not None:
            await self._log.note(nsid, given)
        return answer

    async def note(self, method: str, about: Mapping[str, Any]) -> None:
        """Have an act written down; a log that does not answer stops nobody."""
        with contextlib.suppress(XrpcError):
            await self.call(NOTE, method=method, about=dict(about))

    async def order(self, nsid: str, **params: Any) -> Json:
        """Call a procedure that is told in its address what to do. Raises XrpcError."""
        return await self._client.procedure(nsid, None, self._headers, params)

    async def call_as_anybody(self, nsid: str, **fields: Any) -> Json:
        """Call a procedure that takes no operator. Raises XrpcError, UpstreamFailure."""
        return await self._client.procedure(nsid, fields)


@dataclass(frozen=True)
class RoleReport:
    """What a role said of itself; None when it did not answer."""

    name: str
    status: dict[str, Any] | None


class Roles:
    """All roles that this process, or those beside it, should be running."""

    def __init__(self, http: HttpClient, settings: Settings, access: OperatorAccess) -> None:
        headers = {"Authorization": access.header, "Hearth-Actor": "panel"}
        names = ["pds", "relay", "labeler", "appview"]
        if settings.directory.enabled:
            names.append("directory")
        if settings.neighbours.enabled:
            names.append("neighbours")
        address = settings.paths.address
        self._http = http
        self._address = address
        self._access = access
        log = RoleClient("pds", XrpcClient(http, address("pds")), headers)
        self._clients = {
            name: log
            if name == "pds"
            else RoleClient(name, XrpcClient(http, address(name)), headers, log)
            for name in names
        }
        # Where neighbours are switched off nobody answers, which the page says.
        self.neighbours = self._clients.get("neighbours") or RoleClient(
            "neighbours", XrpcClient(http, address("neighbours")), headers
        )

    @property
    def pds(self) -> RoleClient:
        return self._clients["pds"]

    @property
    def relay(self) -> RoleClient:
        return self._clients["relay"]

    @property
    def labeler(self) -> RoleClient:
        return self._clients["labeler"]

    @property
    def appview(self) -> RoleClient:
        return self._clients["appview"]

    @asynccontextmanager
    async def download(self, nsid: str, **params: str) -> AsyncIterator[ClientResponse]:
        """Ask the PDS for a file, to be passed on as it comes. Raises UpstreamFailure."""
        headers = {"Authorization": self._access.header}
        path = f"/xrpc/{nsid}"
        try:
            async with self._http.stream(
                "GET", self._address("pds"), path=path, params=list(params.items()), headers=headers
            ) as answer:
                if answer.status != 200:
                    raise UpstreamFailure(f"{nsid}: status {answer.status}")
                yield answer
        except (OutboundFailed, OutboundRefused) as error:
            raise UpstreamFailure(str(error)) from error

    async def small_file(self, nsid: str, **params: str) -> bytes:
        """Ask the PDS for a file of a few kilobytes. Raises UpstreamFailure."""
        headers = {"Authorization": self._access.header}
        try:
            answer = await self._http.request(
                "GET",
                self._address("pds"),
                path=f"/xrpc/{nsid}",
                params=list(params.items()),
                headers=headers,
            )
        except (OutboundFailed, OutboundRefused) as error:
            raise UpstreamFailure(str(error)) from error
        if answer.status != 200:
            raise UpstreamFailure(f"{nsid}: status {answer.status}")
        return answer.body

    async def metrics(self, authorization: str) -> str | None:
        """What all roles count, to whoever holds the operator's token; None to others.

        Roles that do not answer are left out.
        """
        if not self._access.admits(authorization):
            return None
        texts = await asyncio.gather(*(self._metrics_of(name) for name in self._clients))
        return "".join(texts)

    async def _metrics_of(self, name: str) -> str:
        url = self._address(name)
        headers = {"Authorization": self._access.header}
        try:
            answer = await self._http.request("GET", url, path=METRICS, headers=headers)
        except (OutboundFailed, OutboundRefused):
            return ""
        return answer.body.decode() if answer.status == 200 else ""

    async def reports(self) -> list[RoleReport]:
        """Ask every role how it is, all at once."""
        return list(await asyncio.gather(*(_report(one) for one in self._clients.values())))


async def _report(client: RoleClient) -> RoleReport:
    try:
        status = await client.query(STATUS)
    except XrpcError:
        status = None
    # Whatever else listens on that socket is not the role.
    is_report = isinstance(status, dict) and status.get("name") == client.name
    return RoleReport(client.name, status if is_report else None)
