"""The box of a PDS from the side of its repos: short cuts to com.atproto.repo and .sync."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.atproto.syntax import Did, Json
from appliance.pds.role import Pds
from appliance.pds.sessions import SessionKind
from tests.support.pds_box import Answer, Box, open_box
from tests.support.pds_stores import PNG


@dataclass
class Member:
    """An account of the house, and the token its owner sends."""

    did: Did
    handle: str
    access: str


class House:
    """A PDS and what its members do with their repos."""

    def __init__(self, box: Box) -> None:
        self._box = box

    @property
    def pds(self) -> Pds:
        return self._box.pds

    async def member(self, name: str = "alice") -> Member:
        """Open an account."""
        found = await self._box.sign_up(name)
        return Member(found.did, found.handle, found.access)

    def as_kind(self, member: Member, kind: SessionKind) -> Member:
        """Give somebody with another kind of session."""
        return Member(member.did, member.handle, self.pds.mint.access(member.did, kind))

    async def get(self, name: str, who: Member | None = None, **params: Any) -> Answer:
        """Call a query of com.atproto; a list is a repeated parameter."""
        query = [(key, str(item)) for key, value in params.items() for item in _items(value)]
        path = f"/xrpc/com.atproto.{name}"
        return await self._box.ask("GET", path, token=_token(who), params=query)

    async def operate(self, name: str, **params: Any) -> Answer:
        """Call a query of com.atproto as the operator."""
        return await self._box.operate("GET", f"com.atproto.{name}", **params)

    async def post(self, name: str, who: Member | None, body: Json) -> Answer:
        """Call a procedure of com.atproto with JSON."""
        path = f"/xrpc/com.atproto.{name}"
        return await self._box.ask("POST", path, token=_token(who), json=body)

    async def create(self, who: Member, collection: str, record: Json, **more: Json) -> Answer:
        body = {"repo": who.did, "collection": collection, "record": record, **more}
        return await self.post("repo.createRecord", who, body)

    async def upload(self, who: Member, content: bytes = PNG, mime_type: str = "image/png") -> Json:
        """Upload a blob and give the reference to it."""
        kind = {"Content-Type": mime_type}
        answer = await self.send("repo.uploadBlob", who, content, kind)
        assert answer.status == 200, answer
        return answer.json["blob"]

    async def send(
        self, name: str, who: Member | None, body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """Call a procedure of com.atproto with any body."""
        path = f"/xrpc/com.atproto.{name}"
        return await self._box.ask("POST", path, token=_token(who), data=body, headers=headers)


@asynccontextmanager
async def open_house(folder: Path, **changes: Any) -> AsyncIterator[House]:
    """Open a PDS in dev mode, its answers measured by their lexicons."""
    async with open_box(folder, **changes) as box:
        yield House(box)


def _token(who: Member | None) -> str | None:
    return None if who is None else who.access


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
