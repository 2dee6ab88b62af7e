"""The client of a did:plc directory.

https://web.plc.directory/api/redoc
"""

from appliance.atproto.data import InvalidData, dumps, loads
from appliance.atproto.http_port import Requester
from appliance.atproto.identity.errors import DidNotFound, IdentityUnreachable, OperationRefused
from appliance.atproto.identity.plc import is_plc_did
from appliance.atproto.syntax import Did, Json, JsonObject


class PlcClient:
    """A directory and the way to it: "https://host", or "unix:/path.sock" for our own.

    Answers are not verified; `plc_log.validate_log` does that for an audit log.
    """

    def __init__(self, http: Requester, url: str) -> None:
        self._http = http
        self._url = url

    async def document(self, did: Did) -> JsonObject:
        """Return the DID document. Raises DidNotFound, IdentityUnreachable."""
        return await self._object(did, "")

    async def data(self, did: Did) -> JsonObject:
        """Return the state: keys, aliases, services. Raises DidNotFound, IdentityUnreachable."""
        return await self._object(did, "/data")

    async def last_op(self, did: Did) -> JsonObject:
        """Return the last signed operation, maybe a tombstone.

        Raises DidNotFound, IdentityUnreachable.
        """
        return await self._object(did, "/log/last")

    async def audit_log(self, did: Did) -> list[JsonObject]:
        """Return every operation ever accepted, with its CID, time, and whether it was undone.

        Raises DidNotFound, IdentityUnreachable.
        """
        log = await self._get(did, "/log/audit")
        if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
            raise IdentityUnreachable("the directory's answer is no audit log")
        return log

    async def submit(self, did: Did, operation: JsonObject) -> None:
        """Hand in a signed operation.

        Raises OperationRefused, IdentityUnreachable, DidNotFound for what is no did:plc.
        """
        if not is_plc_did(did):
            raise DidNotFound(f"{did} is no did:plc")
        try:
            response = await self._http.request(
                "POST",
                self._url,
                path=f"/{did}",
                headers={"Content-Type": "application/json"},
                body=dumps(operation),
            )
        except OSError as error:
            raise IdentityUnreachable(f"the directory does not answer: {error}") from error
        if response.status in (400, 404, 409, 410, 413, 429):
            raise OperationRefused(_reason(response.body) or f"status {response.status}")
        if response.status != 200:
            raise IdentityUnreachable(f"the directory answers with status {response.status}")

    async def _object(self, did: Did, path: str) -> JsonObject:
        value = await self._get(did, path)
        if not isinstance(value, dict):
            raise IdentityUnreachable("the directory's answer is no object")
        return value

    async def _get(self, did: Did, path: str) -> Json:
        if not is_plc_did(did):
            raise DidNotFound(f"{did} is no did:plc")
        try:
            response = await self._http.request("GET", self._url, path=f"/{did}{path}")
        except OSError as error:
            raise IdentityUnreachable(f"the directory does not answer: {error}") from error
        if response.status in (400, 404, 410):
            raise DidNotFound(f"{did} is not in the directory")
        if response.status != 200:
            raise IdentityUnreachable(f"the directory answers with status {response.status}")
        try:
            return loads(response.body)
        except InvalidData as error:
            raise IdentityUnreachable("the directory's answer is no JSON") from error


def _reason(body: bytes) -> str:
    """Return the message of a directory's error, cut to a line."""
    try:
        answer = loads(body)
    except InvalidData:
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return message[:200] if isinstance(message, str) else ""
