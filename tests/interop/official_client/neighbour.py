"""Another member of the network, who uses some other client: plain XRPC calls."""

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import APIRequestContext, Playwright

PASSWORD = "correct horse battery"


class Neighbour:
    """Somebody with an account; records are written at once."""

    def __init__(self, driver: Playwright, pds: str, handle: str) -> None:
        self._driver = driver
        self._pds = pds
        self._http: APIRequestContext = driver.request.new_context(base_url=pds)
        self.handle = handle
        session = self.post(
            "com.atproto.server.createAccount",
            {"handle": handle, "password": PASSWORD, "email": f"{handle[:3]}@example.com"},
        )
        self.did: str = session["did"]
        self._token = session["accessJwt"]

    def neighbour(self, handle: str) -> "Neighbour":
        """Let somebody else move in."""
        return Neighbour(self._driver, self._pds, handle)

    def post(self, nsid: str, body: dict[str, Any]) -> Any:
        """Call a procedure."""
        token = getattr(self, "_token", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self._http.post(f"/xrpc/{nsid}", data=body, headers=headers)
        assert answer.ok, (nsid, answer.status, answer.text())
        return answer.json() if answer.text() else None

    def get(self, nsid: str, **params: str) -> Any:
        """Call a query."""
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._http.get(f"/xrpc/{nsid}", params={**params}, headers=headers)
        assert answer.ok, (nsid, answer.status, answer.text())
        return answer.json()

    def finds(self, actor: str) -> bool:
        """Look whether an account is shown to this one."""
        headers = {"Authorization": f"Bearer {self._token}"}
        path = "/xrpc/app.bsky.actor.getProfile"
        return self._http.get(path, params={"actor": actor}, headers=headers).ok

    def write(self, collection: str, rkey: str | None = None, /, **record: Any) -> dict[str, str]:
        """Write a record; give its reference."""
        value = {"$type": collection, "createdAt": now(), **record}
        call: dict[str, Any] = {"repo": self.did, "collection": collection, "record": value}
        if rkey is not None:
            call["rkey"] = rkey
        made = self.post("com.atproto.repo.createRecord", call)
        return {"uri": made["uri"], "cid": made["cid"]}

    def say(self, text: str, /, **record: Any) -> dict[str, str]:
        """Post."""
        return self.write("app.bsky.feed.post", text=text, langs=["en"], **record)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
